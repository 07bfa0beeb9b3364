//! The app confirms who the user is.

use url::Url;
use valetkey_domain::{AccountStatus, ErrorCode};
use valetkey_engine::{CallbackOutcome, LinkOptions};
use valetkey_testkit::engine_fixture::{Browser, EngineFixture, PUBLIC_URL};

use crate::{event_with, kinds};

fn options() -> LinkOptions {
    LinkOptions {
        state: Some("caller-state".into()),
        user_verify_url: Some("https://app.example.com/verify".into()),
        scopes: Vec::new(),
        add_scopes: Vec::new(),
    }
}

/// Somebody goes through a link of `identifier`; gives the attempt's id as the app's page gets it.
async fn authorized(fixture: &EngineFixture, identifier: &str) -> (Browser, String) {
    let link = fixture.link_with("acme", identifier, options()).await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    let outcome = browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await;
    let CallbackOutcome::Verify(url) = outcome else { panic!("{outcome:?}") };
    (browser, id_of(&url))
}

fn id_of(url: &Url) -> String {
    url.query_pairs().find(|(name, _)| name == "auth_request_id").unwrap().1.into_owned()
}

#[tokio::test]
async fn user_confirmed_makes_account_active() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (browser, id) = authorized(&fixture, "user_1").await;
    let pending = fixture.account("acme", "user_1").await.account;
    assert_eq!(pending.status(), AccountStatus::PendingVerification);
    let verified = fixture.engine.verify_user(&fixture.caller, &id, "user_1").await.unwrap();
    assert_eq!(verified.account.account.status(), AccountStatus::Active);
    assert_eq!(verified.post_user_verify_redirect_url.as_str(), format!("{PUBLIC_URL}/connect/done/{id}"));
    assert_eq!(
        kinds(&fixture.events(&verified.account).await)[4..],
        ["account.awaits_verification", "account.verified"]
    );
    let page = fixture.engine.done_page(&id, browser.cookie.as_ref()).await.unwrap();
    assert_eq!(page.label.as_deref(), Some("user-1@acme.example"));
    let strangers = fixture.engine.done_page(&id, None).await.unwrap();
    assert_eq!((strangers.label, strangers.connector_name), (None, None));
    let error = fixture.engine.verify_user(&fixture.caller, &id, "user_1").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::VerificationNotPending);
}

/// S03: the victim goes through the attacker's link; the app sees the victim and says so. Nobody gets an account.
#[tokio::test]
async fn other_user_named_keeps_account_pending() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    for round in 0..50 {
        let (owner, other) = (format!("attacker_{round}"), format!("victim_{round}"));
        let (_, id) = authorized(&fixture, &owner).await;
        let error = fixture.engine.verify_user(&fixture.caller, &id, &other).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::VerificationMismatch);
        let account = fixture.account("acme", &owner).await;
        assert_eq!(account.account.status(), AccountStatus::PendingVerification);
        event_with(&fixture.events(&account).await, ErrorCode::VerificationMismatch);
    }
}

/// S03: a confirmation is for the credential of its own attempt, not for one that came later.
#[tokio::test]
async fn confirmation_of_replaced_credential_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (_, first) = authorized(&fixture, "user_1").await;
    fixture.provider.sign_in("attacker");
    let (_, second) = authorized(&fixture, "user_1").await;
    let error = fixture.engine.verify_user(&fixture.caller, &first, "user_1").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::VerificationNotPending);
    let account = fixture.account("acme", "user_1").await.account;
    assert_eq!(account.status(), AccountStatus::PendingVerification);
    assert!(fixture.engine.verify_user(&fixture.caller, &second, "user_1").await.is_ok());
}

/// S39: another environment's attempt is as good as none.
#[tokio::test]
async fn foreign_unknown_and_malformed_ids_are_alike() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (_, id) = authorized(&fixture, "user_1").await;
    let stranger = fixture.stranger().await;
    let unknown = format!("ar_{}", "0".repeat(26));
    let mut errors = Vec::new();
    for (caller, id) in
        [(&stranger, id.as_str()), (&stranger, &unknown), (&fixture.caller, &unknown), (&stranger, "x")]
    {
        errors.push(fixture.engine.verify_user(caller, id, "user_1").await.unwrap_err());
    }
    for error in &errors {
        assert_eq!(error.code(), ErrorCode::AuthRequestNotFound);
        assert_eq!(error, &errors[0]);
        assert_eq!(error.details().account, None);
    }
}

#[tokio::test]
async fn confirmation_long_after_the_link_ended_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let (_, id) = authorized(&fixture, "user_1").await;
    fixture.clock.advance(time::Duration::hours(26));
    let error = fixture.engine.verify_user(&fixture.caller, &id, "user_1").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::VerificationNotPending);
}
