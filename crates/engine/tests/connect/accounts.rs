//! Connected accounts: create, import, find, list, change.

use std::collections::BTreeMap;

use serde_json::json;
use valetkey_domain::{
    AccountStatus, ErrorCode, PageRequest, SecretString, Store,
    store::{AccountFilter, EventFilter},
};
use valetkey_engine::{AccountRef, AccountUpdate, NewAccount, NewCredential};
use valetkey_testkit::{engine_fixture::EngineFixture, fake_provider::API_KEY};

use crate::kinds;

fn tokens(access: &str) -> NewCredential {
    NewCredential::OAuth {
        access_token: access.into(),
        refresh_token: Some("canary-imported-refresh".into()),
        scopes: vec!["read".into()],
        expires_at: None,
        domain: Some("acme.example".into()),
    }
}

fn key(value: &str) -> NewCredential {
    NewCredential::Static(BTreeMap::from([("api_key".to_owned(), SecretString::from(value))]))
}

#[tokio::test]
async fn account_with_imported_tokens_is_active() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let new = NewAccount { credential: Some(tokens("canary-imported")), ..NewAccount::new("acme", "user_1") };
    let account = fixture.engine.create_account(&fixture.caller, new).await.unwrap();
    assert_eq!(account.account.status(), AccountStatus::Active);
    assert_eq!(account.account.scopes, ["read"]);
    assert_eq!(account.account.metadata["domain"], "acme.example");
    assert_eq!((account.provider.as_str(), account.connector.as_str()), ("ACME", "acme"));
    let events = fixture.events(&account).await;
    assert_eq!(kinds(&events), ["account.created", "account.activated", "account.scopes_changed"]);
    assert_eq!(events[1].event.data["source"], "imported");
    assert_eq!(events[1].event.actor, fixture.caller.actor());
    let written = fixture.written();
    assert!(!written.windows(15).any(|w| w == b"canary-imported"), "S28");
}

#[tokio::test]
async fn account_with_static_credential_is_probed_unless_told_otherwise() {
    let fixture = EngineFixture::start().await;
    fixture.connection("key", "acmekey").await;
    let new = |identifier: &str, value: &str, probe| NewAccount {
        credential: Some(key(value)),
        probe,
        ..NewAccount::new("key", identifier)
    };
    let engine = &fixture.engine;
    let error = engine.create_account(&fixture.caller, new("a", "wrong-key-here", true)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CredentialRejected);
    let gone = engine.find_account(&fixture.caller, &AccountRef::named("key", "a")).await.unwrap_err();
    assert_eq!(gone.code(), ErrorCode::AccountNotFound);
    let fine = engine.create_account(&fixture.caller, new("a", API_KEY, true)).await.unwrap();
    assert_eq!(fine.account.status(), AccountStatus::Active);
    let unchecked = engine.create_account(&fixture.caller, new("b", "wrong-key-here", false)).await.unwrap();
    assert_eq!(unchecked.account.status(), AccountStatus::Active);
}

#[tokio::test]
async fn account_with_wrong_fields_is_refused_by_name() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.connection("key", "acmekey").await;
    let long = "x".repeat(201);
    let table = [
        (NewAccount::new("acme", ""), "identifier"),
        (NewAccount::new("acme", "a\nb"), "identifier"),
        (NewAccount::new("acme", long.as_str()), "identifier"),
        (
            NewAccount { organization_id: Some(long.clone()), ..NewAccount::new("acme", "u") },
            "organization_id",
        ),
        (NewAccount { user_id: Some(String::new()), ..NewAccount::new("acme", "u") }, "user_id"),
        (NewAccount { api_config: Some(json!([1])), ..NewAccount::new("acme", "u") }, "api_config"),
        (NewAccount { credential: Some(key("abc-def-ghi")), ..NewAccount::new("acme", "u") }, "credential"),
        (NewAccount { credential: Some(tokens("x")), ..NewAccount::new("key", "u") }, "credential"),
        (
            NewAccount { credential: Some(tokens("a b")), ..NewAccount::new("acme", "u") },
            "credential.access_token",
        ),
        (NewAccount { credential: Some(key("?")), ..NewAccount::new("key", "u") }, "credential.api_key"),
    ];
    for (new, field) in table {
        let error = fixture.engine.create_account(&fixture.caller, new).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{field}");
        assert_eq!(error.details().fields[0].field, field);
    }
    let page = PageRequest::default();
    let all = fixture.engine.list_accounts(&fixture.caller, &[], AccountFilter::default(), &page).await;
    assert_eq!(all.unwrap().total, 0, "nothing was created");
}

#[tokio::test]
async fn account_twice_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let create = || fixture.engine.create_account(&fixture.caller, NewAccount::new("acme", "user_1"));
    let first = create().await.unwrap();
    let error = create().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AccountAlreadyExists);
    assert_eq!(error.details().account.as_ref(), Some(&first.account.id));
}

#[tokio::test]
async fn accounts_created_at_once_end_in_one() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let links = (0..10).map(|_| fixture.link("acme", "user_1"));
    let links = futures::future::join_all(links).await;
    assert!(links.iter().all(|link| link.account.account.id == links[0].account.account.id));
}

#[tokio::test]
async fn account_is_found_by_id_name_and_identifier() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.connection("second", "acme").await;
    let account = fixture.link("acme", "user_1").await.account.account;
    let engine = &fixture.engine;
    for wanted in [
        AccountRef::id(account.id.as_str()),
        AccountRef::named("acme", "user_1"),
        AccountRef::named(account.connection.as_str(), "user_1"),
        AccountRef::identifier("user_1"),
    ] {
        assert_eq!(engine.find_account(&fixture.caller, &wanted).await.unwrap().account.id, account.id);
    }
    fixture.link("second", "user_1").await;
    let error = engine.find_account(&fixture.caller, &AccountRef::identifier("user_1")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AmbiguousConnection);
    let contradiction = AccountRef {
        id: Some(account.id.to_string()),
        identifier: Some("user_2".into()),
        ..AccountRef::default()
    };
    let error = engine.find_account(&fixture.caller, &contradiction).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::AccountNotFound);
}

/// S39: another environment's account is as good as none, whatever the way of asking.
#[tokio::test]
async fn foreign_account_is_like_an_unknown_one() {
    let fixture = EngineFixture::start().await;
    let connection = fixture.connection("acme", "acme").await;
    let account = fixture.link("acme", "user_1").await.account.account;
    let stranger = fixture.stranger().await;
    let engine = &fixture.engine;
    let unknown = AccountRef::id(format!("ca_{}", "0".repeat(26)));
    let expected = engine.find_account(&stranger, &unknown).await.unwrap_err();
    let foreign = AccountRef::id(account.id.as_str());
    assert_eq!(engine.find_account(&stranger, &foreign).await.unwrap_err(), expected);
    assert_eq!(
        engine.update_account(&stranger, &foreign, AccountUpdate::default()).await.unwrap_err(),
        expected
    );
    let link = engine.authorization_link(&stranger, &foreign, Default::default()).await.unwrap_err();
    assert_eq!(link, expected);
    let id = connection.connection.id;
    for name in ["acme", id.as_str()] {
        let error = engine.get_connection(&stranger, name).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConnectionNotFound);
        let named = AccountRef::named(name, "user_1");
        let error = engine.find_account(&stranger, &named).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConnectionNotFound);
    }
    let page = PageRequest::default();
    assert_eq!(engine.list_accounts(&stranger, &[], AccountFilter::default(), &page).await.unwrap().total, 0);
    assert_eq!(engine.search_accounts(&stranger, "user", None, None, &page).await.unwrap().total, 0);
    let filter = EventFilter { account: Some(account.id), ..EventFilter::default() };
    assert_eq!(engine.list_events(&stranger, &filter, &page).await.unwrap().total, 0);
}

#[tokio::test]
async fn accounts_are_listed_in_pages_and_filtered() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.connection("second", "acme").await;
    for n in 0..7 {
        fixture.clock.advance(time::Duration::seconds(1));
        fixture.link(if n % 2 == 0 { "acme" } else { "second" }, &format!("user_{n}")).await;
    }
    let (engine, caller) = (&fixture.engine, &fixture.caller);
    let list = |names: &[&str], filter, page| {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        async move { engine.list_accounts(caller, &names, filter, &page).await.unwrap() }
    };
    let first = list(&[], AccountFilter::default(), PageRequest { size: 3, cursor: None }).await;
    assert_eq!(first.total, 7);
    assert_eq!(first.items[0].account.identifier, "user_6");
    assert_eq!(first.items[1].connection_name, "second");
    let second = list(&[], AccountFilter::default(), PageRequest::from_wire(3, &first.next.unwrap())).await;
    assert_eq!(second.items[0].account.identifier, "user_3");
    let page = PageRequest::default;
    assert_eq!(list(&["second"], AccountFilter::default(), page()).await.total, 3);
    assert_eq!(list(&["second", "acme", "nothing"], AccountFilter::default(), page()).await.total, 7);
    assert_eq!(list(&["nothing"], AccountFilter::default(), page()).await.total, 0);
    let by_provider = AccountFilter { connector: Some("ACME".into()), ..AccountFilter::default() };
    assert_eq!(list(&[], by_provider, page()).await.total, 7);
    let found = engine.search_accounts(&fixture.caller, "USER_4", None, None, &page()).await.unwrap();
    assert_eq!(found.items[0].account.identifier, "user_4");
}

#[tokio::test]
async fn account_updated_changes_fields_and_tells_their_names() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    fixture.link("acme", "user_1").await;
    let update = AccountUpdate {
        organization_id: Some(Some("org_1".into())),
        api_config: Some(json!({"region": "eu"})),
        ..AccountUpdate::default()
    };
    let engine = &fixture.engine;
    let wanted = AccountRef::named("acme", "user_1");
    let account = engine.update_account(&fixture.caller, &wanted, update.clone()).await.unwrap();
    assert_eq!(account.account.organization_id.as_deref(), Some("org_1"));
    assert_eq!(account.account.api_config, json!({"region": "eu"}));
    let events = fixture.events(&account).await;
    assert_eq!(events.last().unwrap().event.data["changed"], json!(["organization_id", "api_config"]));
    let again = engine.update_account(&fixture.caller, &wanted, update).await.unwrap();
    assert_eq!(again.account.version, account.account.version, "no change, no write");
}

#[tokio::test]
async fn account_updated_with_tokens_replaces_the_credential() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let before = fixture.authorize("acme", "user_1").await;
    let update = AccountUpdate { credential: Some(tokens("canary-imported")), ..AccountUpdate::default() };
    let wanted = AccountRef::id(before.account.id.as_str());
    let after = fixture.engine.update_account(&fixture.caller, &wanted, update).await.unwrap();
    assert_eq!(after.account.generation, 2);
    assert_eq!(after.account.status(), AccountStatus::Active);
    let stored = fixture.store.credential(&after.account.id).await.unwrap().unwrap();
    assert_eq!(stored.generation, 2);
}

#[tokio::test]
async fn permissions_missing_refuse_each_use_case() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let mut nobody = fixture.caller.clone();
    nobody.permissions = valetkey_domain::Permissions::default();
    let (engine, page, wanted) = (&fixture.engine, PageRequest::default(), AccountRef::named("acme", "u"));
    let errors = [
        engine.create_account(&nobody, NewAccount::new("acme", "u")).await.unwrap_err(),
        engine.find_account(&nobody, &wanted).await.unwrap_err(),
        engine.list_accounts(&nobody, &[], AccountFilter::default(), &page).await.unwrap_err(),
        engine.search_accounts(&nobody, "abc", None, None, &page).await.unwrap_err(),
        engine.update_account(&nobody, &wanted, AccountUpdate::default()).await.unwrap_err(),
        engine.authorization_link(&nobody, &wanted, Default::default()).await.unwrap_err(),
        engine.verify_user(&nobody, "ar_x", "u").await.unwrap_err(),
        engine.list_events(&nobody, &Default::default(), &page).await.unwrap_err(),
        engine.get_connection(&nobody, "acme").await.unwrap_err(),
        engine.list_connections(&nobody, &Default::default(), &page).await.unwrap_err(),
        engine.create_connection(&nobody, fixture.new_connection("x", "acme")).await.unwrap_err(),
        engine.update_connection(&nobody, "acme", Default::default()).await.unwrap_err(),
        engine.delete_connection(&nobody, "acme").await.unwrap_err(),
        engine.create_api_client(&nobody, Default::default()).await.unwrap_err(),
        engine.list_api_clients(&nobody).await.unwrap_err(),
        engine.disable_api_client(&nobody, "x").await.unwrap_err(),
        engine.create_api_token(&nobody, Default::default()).await.unwrap_err(),
        engine.list_api_tokens(&nobody).await.unwrap_err(),
        engine.revoke_api_token(&nobody, "x").await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.code(), ErrorCode::PermissionDenied);
    }
}
