//! Who is behind an account at the provider: recorded at the first consent, compared with every later one.

use serde_json::json;
use valetkey_domain::{
    AccountStatus, ErrorCode, ExposeSecret, Store, connection::IdentityPolicy, event::EventKind,
};
use valetkey_engine::{AccountRef, AccountView, ConnectionUpdate};
use valetkey_testkit::{
    engine_fixture::EngineFixture,
    fake_provider::{FakeProvider, Scripted},
};

use crate::{done, event_with, failed, kinds};

/// A connection with this policy, and the account of `user_1` behind which is `user-1`.
async fn pinned(connector: &str, policy: IdentityPolicy) -> (EngineFixture, AccountView) {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", connector).await;
    let update = ConnectionUpdate { identity_policy: Some(policy), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
    let account = fixture.authorize("acme", "user_1").await;
    (fixture, account)
}

fn revoked(provider: &FakeProvider) -> Vec<String> {
    provider.requests_to("/revoke").iter().map(|request| request.field("token").unwrap()).collect()
}

#[tokio::test]
async fn reconnect_as_the_same_user_keeps_id_and_history() {
    let (fixture, before) = pinned("acme", IdentityPolicy::Refuse).await;
    let after = fixture.authorize("acme", "user_1").await;
    assert_eq!(after.account.id, before.account.id);
    assert_eq!(after.account.generation, 2);
    let kinds = kinds(&fixture.events(&after).await);
    assert_eq!(kinds.iter().filter(|kind| **kind == "account.activated").count(), 2);
    assert!(!kinds.contains(&"account.identity_changed"));
    assert_eq!(revoked(&fixture.provider), Vec::<String>::new());
}

#[tokio::test]
async fn reconnect_as_another_user_is_refused_and_the_old_grant_stays() {
    let (fixture, before) = pinned("acme", IdentityPolicy::Refuse).await;
    fixture.provider.sign_in("user-2");
    let link = fixture.link("acme", "user_1").await;
    let page = failed(fixture.follow(&link).await);
    assert_eq!(page.error.code(), ErrorCode::ProviderIdentityChanged);
    assert!(page.still_connected);
    assert_eq!(page.label.as_deref(), Some("user-1@acme.example"), "the page says who is connected");

    let after = fixture.account("acme", "user_1").await;
    assert_eq!((after.account.status(), after.account.generation), (AccountStatus::Active, 1));
    assert_eq!(after.account.provider_subject, before.account.provider_subject);
    let events = fixture.events(&after).await;
    let event = event_with(&events, ErrorCode::ProviderIdentityChanged);
    let evidence = &event.event.data["evidence"];
    assert_eq!(evidence["before"], json!({"subject": "user-1", "label": "user-1@acme.example"}));
    assert_eq!(evidence["now"], json!({"subject": "user-2", "label": "user-2@acme.example"}));
    // The tokens that were not let in are nobody's: they are given back, and the account's own are not touched.
    assert_eq!(evidence["given_back"], true);
    assert_eq!(revoked(&fixture.provider), ["canary-refresh-4", "canary-access-4"]);
    fixture.engine.refresh_account(&fixture.caller, &AccountRef::named("acme", "user_1")).await.unwrap();
}

#[tokio::test]
async fn reconnect_as_another_user_is_flagged_where_the_connection_lets_it() {
    let (fixture, before) = pinned("acme", IdentityPolicy::Flag).await;
    fixture.provider.sign_in("user-2");
    let link = fixture.link("acme", "user_1").await;
    let page = done(fixture.follow(&link).await);
    assert_eq!(page.label.as_deref(), Some("user-2@acme.example"));
    let after = fixture.account("acme", "user_1").await;
    assert_eq!(after.account.id, before.account.id);
    assert_eq!(after.account.provider_subject.as_deref(), Some("user-2"));
    let events = fixture.events(&after).await;
    let changed = events.iter().find(|event| event.event.kind == EventKind::IdentityChanged).unwrap();
    assert_eq!(changed.event.data["before"]["label"], "user-1@acme.example");
    assert_eq!(changed.event.data["now"]["label"], "user-2@acme.example");
    let activated = events.iter().rfind(|event| event.event.kind == EventKind::AccountActivated).unwrap();
    assert_eq!(activated.event.data["provider_account_changed"], true);
}

/// Nobody knows whether it is the right user, so nothing is let in, and nothing revoked that may be the old grant.
#[tokio::test]
async fn reconnect_that_names_nobody_is_refused_where_the_user_is_pinned() {
    let (fixture, _) = pinned("acme", IdentityPolicy::Refuse).await;
    let link = fixture.link("acme", "user_1").await;
    fixture.provider.script("/userinfo", [Scripted::json(503, &json!({}))]);
    let page = failed(fixture.follow(&link).await);
    assert_eq!(page.error.code(), ErrorCode::ExchangeFailed);
    assert!(page.still_connected);
    assert_eq!(revoked(&fixture.provider), Vec::<String>::new());
    assert_eq!(fixture.account("acme", "user_1").await.account.generation, 1);
}

#[tokio::test]
async fn disconnected_account_may_be_anybodys_again() {
    let (fixture, _) = pinned("acme", IdentityPolicy::Refuse).await;
    let wanted = AccountRef::named("acme", "user_1");
    let ended = fixture.engine.disconnect_account(&fixture.caller, &wanted).await.unwrap();
    assert_eq!((ended.account.provider_subject, ended.account.label), (None, None));
    fixture.clock.advance(time::Duration::seconds(1));
    fixture.provider.sign_in("user-2");
    let after = fixture.authorize("acme", "user_1").await;
    assert_eq!(after.account.provider_subject.as_deref(), Some("user-2"));
}

fn renewal_naming(subject: &str) -> Scripted {
    Scripted::json(
        200,
        &json!({"access_token": "canary-access-x", "refresh_token": "canary-refresh-x", "expires_in": 3600, "sub": subject}),
    )
}

#[tokio::test]
async fn renewal_that_names_another_user_ends_a_pinned_account() {
    let (fixture, account) = pinned("acmewide", IdentityPolicy::Refuse).await;
    fixture.provider.script("/token", [renewal_naming("user-9")]);
    let wanted = AccountRef::named("acme", "user_1");
    let error = fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ProviderIdentityChanged);
    let after = fixture.account("acme", "user_1").await;
    assert_eq!(after.account.status(), AccountStatus::Expired);
    assert_eq!(after.account.cause, Some(ErrorCode::ProviderIdentityChanged));
    assert_eq!(after.account.provider_subject.as_deref(), Some("user-1"));
    assert_eq!(revoked(&fixture.provider)[0], "canary-refresh-x", "the stranger's tokens are given back");
    // Nothing of the stranger's was stored.
    let stored = fixture.store.credential(&account.account.id).await.unwrap().unwrap();
    assert_eq!(stored.generation, 1);
}

#[tokio::test]
async fn renewal_that_names_another_user_is_flagged_where_the_connection_lets_it() {
    let (fixture, _) = pinned("acmewide", IdentityPolicy::Flag).await;
    fixture.provider.script("/token", [renewal_naming("user-9")]);
    let wanted = AccountRef::named("acme", "user_1");
    let after = fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap();
    assert_eq!(after.account.provider_subject.as_deref(), Some("user-9"));
    assert_eq!(after.account.label, None, "the name of somebody else does not stay on");
    assert!(kinds(&fixture.events(&after).await).contains(&"account.identity_changed"));
}

#[tokio::test]
async fn renewal_that_names_the_same_user_is_no_news() {
    let (fixture, _) = pinned("acmewide", IdentityPolicy::Refuse).await;
    fixture.provider.script("/token", [renewal_naming("user-1")]);
    let wanted = AccountRef::named("acme", "user_1");
    let after = fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap();
    assert_eq!(after.account.label.as_deref(), Some("user-1@acme.example"));
    let (_, credential) = fixture.engine.read_credential(&fixture.caller, &wanted).await.unwrap();
    let Some(valetkey_domain::Credential::OAuth(tokens)) = credential else { panic!("no tokens") };
    assert_eq!(tokens.access_token.expose_secret(), "canary-access-x");
}
