//! Every sealed secret is found for sealing it anew, and is replaced only by what was made of it.

use std::sync::Arc;

use serde_json::json;
use valetkey_domain::{
    AuthRequest, Change, Changes, Connection, KeptAnswer, SealedBlob, Store,
    keys::SigningKey,
    store::{SealedPlace, SealedRecord},
};

use super::fixture::Fixture;

/// Stores two secrets of each kind, and some records without any, and gives them in the order of places.
async fn secrets(f: &Fixture) -> Vec<SealedRecord> {
    let mut secrets = Vec::new();
    let mut add = |place, environment, sealed_for, sealed: &SealedBlob| {
        secrets.push(SealedRecord { place, environment, sealed_for, sealed: sealed.clone() });
    };
    let blob = || SealedBlob(f.hash().to_vec());
    let env = Some(f.env.clone());
    for name in ["one", "two", "bare"] {
        let secret = (name != "bare").then(blob);
        let connection = Connection { client_secret: secret.clone(), ..f.connection(name) };
        f.commit(Change::InsertConnection(connection.clone())).await.unwrap();
        if let Some(sealed) = &secret {
            add(SealedPlace::ClientSecret(connection.id.clone()), env.clone(), None, sealed);
        }
        let account = f.stored_account(&connection, "user_1").await;
        for generation in [1, 2, 10] {
            let credential = f.credential(&account, generation);
            f.commit(credential.clone()).await.unwrap();
            let Change::PutCredential { sealed, .. } = credential else { unreachable!() };
            add(SealedPlace::Credential(account.id.clone(), generation), env.clone(), None, &sealed);
        }
        let verifier = (name != "bare").then(blob);
        let request = AuthRequest { code_verifier: verifier.clone(), ..f.auth_request(&account) };
        f.commit(Change::InsertAuthRequest(request.clone())).await.unwrap();
        if let Some(sealed) = &verifier {
            add(SealedPlace::CodeVerifier(request.id), env.clone(), None, sealed);
        }
        let revocation = f.revocation(&account);
        f.commit(Change::InsertRevocation(revocation.clone())).await.unwrap();
        let sealed_for = Some((account.id.clone(), revocation.generation));
        add(SealedPlace::Revocation(revocation.id), env.clone(), sealed_for, &revocation.sealed);
        let execution = f.execution(&account);
        let answer = KeptAnswer { sealed: (name != "bare").then(blob), ..f.answer(&execution) };
        f.commit(Change::InsertAnswer(answer.clone())).await.unwrap();
        if let Some(sealed) = &answer.sealed {
            add(SealedPlace::Answer(execution.id), env.clone(), None, sealed);
        }
        let key = SigningKey {
            kid: format!("key {name}"),
            sealed_private_key: blob(),
            public_jwk: json!({}),
            created_at: f.now(),
        };
        f.commit(Change::InsertSigningKey(key.clone())).await.unwrap();
        add(SealedPlace::SigningKey(key.kid), None, None, &key.sealed_private_key);
        let webhook = f.stored_webhook(&[]).await;
        for generation in [1, 2] {
            let secret = f.webhook_secret(&webhook, generation);
            f.commit(secret.clone()).await.unwrap();
            let Change::PutWebhookSecret { sealed, .. } = secret else { unreachable!() };
            add(SealedPlace::WebhookSecret(webhook.id.clone(), generation), env.clone(), None, &sealed);
        }
        for _ in 0..2 {
            let message = f.delivery(&webhook);
            let body = f.delivery_body(&message, None);
            let place = SealedPlace::DeliveryBody(webhook.id.clone(), message.id.clone());
            add(place, env.clone(), None, &body.sealed);
            let both = Changes::from(Change::InsertDelivery(message)).and(Change::InsertDeliveryBody(body));
            f.commit(both).await.unwrap();
        }
    }
    secrets.sort_by(|a, b| a.place.cmp(&b.place));
    secrets
}

async fn walk(f: &Fixture, limit: u32) -> Vec<SealedRecord> {
    let mut found: Vec<SealedRecord> = Vec::new();
    loop {
        let after = found.last().map(|record| &record.place);
        let more = f.store.sealed_records(after, limit).await.unwrap();
        assert!(more.len() <= limit as usize);
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// S32: every secret once, whatever the size of the steps.
pub async fn sealed_records_walked_in_order_show_every_secret_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert_eq!(f.store.sealed_records(None, 10).await.unwrap(), []);
    let secrets = secrets(&f).await;
    assert_eq!(secrets.len(), 9 + 2 + 2 + 3 + 3 + 2 + 6 + 6);
    for limit in [1, 2, 3, 7, 100] {
        assert_eq!(walk(&f, limit).await, secrets, "by {limit}");
    }
    // From every place on, also one that is gone.
    for (n, record) in secrets.iter().enumerate() {
        let rest = f.store.sealed_records(Some(&record.place), 100).await.unwrap();
        assert_eq!(rest, secrets[n + 1..], "{:?}", record.place);
    }
    let SealedPlace::Credential(account, _) = &secrets[0].place else { panic!("credentials come first") };
    let between = SealedPlace::Credential(account.clone(), 3);
    assert_eq!(f.store.sealed_records(Some(&between), 100).await.unwrap(), secrets[2..]);
}

/// A secret is replaced only if it is still the one that was read; nothing else of its record moves.
pub async fn secrets_resealed_in_place_of_what_was_read(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let before = secrets(&f).await;
    let connection = f.store.connection_by_name(&f.env, "one").await.unwrap().unwrap();
    for record in &before {
        let stale = Change::Reseal {
            place: record.place.clone(),
            from: SealedBlob(b"another".to_vec()),
            to: SealedBlob(b"lost".to_vec()),
        };
        f.commit(stale).await.unwrap();
    }
    assert_eq!(walk(&f, 100).await, before);
    let mut after = before.clone();
    for record in &mut after {
        let to = SealedBlob(f.hash().to_vec());
        let from = std::mem::replace(&mut record.sealed, to.clone());
        f.commit(Change::Reseal { place: record.place.clone(), from, to }).await.unwrap();
    }
    assert_eq!(walk(&f, 100).await, after);
    let expected = Connection {
        client_secret: after
            .iter()
            .find(|record| record.place == SealedPlace::ClientSecret(connection.id.clone()))
            .map(|record| record.sealed.clone()),
        ..connection.clone()
    };
    assert_eq!(f.store.connection(&connection.id).await.unwrap(), Some(expected));
    let nowhere = Change::Reseal {
        place: SealedPlace::SigningKey("nobody".into()),
        from: SealedBlob(vec![1]),
        to: SealedBlob(vec![2]),
    };
    f.commit(nowhere).await.unwrap();
}
