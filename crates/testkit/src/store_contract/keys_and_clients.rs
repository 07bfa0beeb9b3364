//! API clients, API tokens and key material.

use std::sync::Arc;

use serde_json::json;
use valetkey_domain::{
    ApiClient, ApiToken, Bounds, Change, Permission, Permissions, SealedBlob, Store,
    keys::{KeyTerm, SigningKey},
};

use super::fixture::{Fixture, assert_conflict};

/// Clients and tokens read back whole, by every key they have.
pub async fn api_clients_and_tokens_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (first, second) = (f.api_client("b.first"), f.api_client("a-second"));
    for client in [&first, &second] {
        f.commit(Change::InsertApiClient(client.clone())).await.unwrap();
    }
    assert_eq!(f.store.api_clients(&f.env).await.unwrap(), [first.clone(), second.clone()]);
    assert_conflict(f.commit(Change::InsertApiClient(f.api_client("b.first"))).await, "api_client");
    let disabled = ApiClient {
        name: "Renamed".into(),
        permissions: Permissions::default(),
        disabled_at: Some(f.now()),
        ..first.clone()
    };
    f.commit(Change::UpdateApiClient(disabled.clone())).await.unwrap();
    assert_eq!(f.store.api_client(&first.id).await.unwrap(), Some(disabled));
    assert_conflict(f.commit(Change::UpdateApiClient(f.api_client("nobody"))).await, "api_client");

    let token = f.api_token(&second);
    let limited = ApiToken {
        permissions: [Permission::ToolsExecute].into_iter().collect(),
        bounds: Some(Bounds {
            identifiers: ["user_1".to_owned(), "ü\"2".to_owned()].into_iter().collect(),
            read_only: true,
            ..Bounds::default()
        }),
        expires_at: Some(f.now()),
        ..f.api_token(&second)
    };
    for token in [&token, &limited] {
        f.commit(Change::InsertApiToken(token.clone())).await.unwrap();
        assert_eq!(f.store.api_token(&token.id).await.unwrap().as_ref(), Some(token));
        assert_eq!(f.store.api_token_by_hash(&token.token_hash).await.unwrap().as_ref(), Some(token));
    }
    assert_eq!(f.store.api_token_by_hash(&f.hash()).await.unwrap(), None);
    let revoked = ApiToken { revoked_at: Some(f.now()), ..token.clone() };
    f.commit(Change::UpdateApiToken(revoked.clone())).await.unwrap();
    assert_eq!(f.store.api_tokens(&f.env).await.unwrap(), [revoked, limited]);
    let doubled = ApiToken { token_hash: token.token_hash, ..f.api_token(&second) };
    assert_conflict(f.commit(Change::InsertApiToken(doubled)).await, "api_token");
    let orphan = f.api_token(&f.api_client("nobody"));
    assert_conflict(f.commit(Change::InsertApiToken(orphan)).await, "api_token.client");
}

/// Terms by number; a reservation is made by one process only (S31).
pub async fn key_terms_reserved_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert!(f.store.key_terms().await.unwrap().is_empty());
    let term = |term, seals_reserved| KeyTerm {
        term,
        sealed_key: SealedBlob(vec![7; 61]),
        seals_reserved,
        created_at: f.now(),
    };
    let (second, first) = (term(2, 5), term(1, 0));
    for term in [&second, &first] {
        f.commit(Change::InsertKeyTerm(term.clone())).await.unwrap();
    }
    assert_conflict(f.commit(Change::InsertKeyTerm(term(1, 9))).await, "key_term");
    f.commit(Change::ReserveSeals { term: 1, from: 0, to: 1 << 40 }).await.unwrap();
    for (term, from) in [(1, 0), (2, 0), (3, 0)] {
        assert_conflict(f.commit(Change::ReserveSeals { term, from, to: 9 }).await, "key_term");
    }
    let expected = [KeyTerm { seals_reserved: 1 << 40, ..first }, second];
    assert_eq!(f.store.key_terms().await.unwrap(), expected);
}

/// A term's key is sealed anew only in the place of what was read, and a term goes once.
pub async fn key_terms_rewrapped_and_deleted_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let term =
        KeyTerm { term: 1, sealed_key: SealedBlob(vec![7; 61]), seals_reserved: 4, created_at: f.now() };
    f.commit(Change::InsertKeyTerm(term.clone())).await.unwrap();
    let new = SealedBlob(vec![8; 61]);
    let rewrap = |term| Change::RewrapKeyTerm { term, from: SealedBlob(vec![7; 61]), to: new.clone() };
    assert_conflict(f.commit(rewrap(2)).await, "key_term");
    f.commit(rewrap(1)).await.unwrap();
    assert_conflict(f.commit(rewrap(1)).await, "key_term");
    assert_eq!(f.store.key_terms().await.unwrap(), [KeyTerm { sealed_key: new, ..term }]);
    f.commit(Change::DeleteKeyTerm { term: 1 }).await.unwrap();
    assert_conflict(f.commit(Change::DeleteKeyTerm { term: 1 }).await, "key_term");
    assert!(f.store.key_terms().await.unwrap().is_empty());
}

/// Signing keys, oldest first.
pub async fn signing_keys_listed_oldest_first(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let key = |kid: &str| SigningKey {
        kid: kid.into(),
        sealed_private_key: SealedBlob(vec![1, 2, 3]),
        public_jwk: json!({"kty": "RSA", "kid": kid}),
        created_at: f.now(),
    };
    let keys = [key("z"), key("a")];
    for key in &keys {
        f.commit(Change::InsertSigningKey(key.clone())).await.unwrap();
    }
    assert_eq!(f.store.signing_keys().await.unwrap(), keys);
    assert_conflict(f.commit(Change::InsertSigningKey(key("a"))).await, "signing_key");
}
