//! Every way in which a callback can fail: its own code, an event, the right status, and a way to try again.

use valetkey_domain::{AccountStatus, AuthPhase, Change, ErrorCode, Store};
use valetkey_engine::{
    AccountRef, AccountUpdate, CallbackOutcome, CallbackParams, ConnectionUpdate, FailurePage,
};
use valetkey_testkit::{
    engine_fixture::{Browser, EngineFixture},
    fake_provider::{Consent, Scripted},
};

use crate::{done, event_with, failed, kinds, params};

/// A user at the provider, about to come back.
struct AtProvider {
    fixture: EngineFixture,
    browser: Browser,
    consent: Consent,
}

async fn at_provider() -> AtProvider {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    again(fixture).await
}

async fn again(fixture: EngineFixture) -> AtProvider {
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    AtProvider { fixture, browser, consent }
}

impl AtProvider {
    async fn back(&self) -> CallbackOutcome {
        self.back_with(&[]).await
    }

    /// Back without the code, with these parameters.
    async fn back_instead(&self, extra: &[(&str, &str)]) -> CallbackOutcome {
        let mut pairs = params(extra);
        pairs.insert("state".into(), self.consent.params["state"].clone());
        self.browser.come_back(&self.fixture.engine, &self.consent.redirect_uri, &pairs).await
    }

    async fn back_with(&self, extra: &[(&str, &str)]) -> CallbackOutcome {
        let mut pairs = self.consent.params.clone();
        pairs.extend(params(extra));
        self.browser.come_back(&self.fixture.engine, &self.consent.redirect_uri, &pairs).await
    }

    async fn status(&self) -> (AccountStatus, Option<ErrorCode>) {
        let account = self.fixture.account("acme", "user_1").await.account;
        (account.status(), account.cause)
    }

    fn exchanges(&self) -> usize {
        self.fixture.provider.token_requests("authorization_code").len()
    }

    /// *Try again* leads to success, in this browser and no other.
    async fn retry(&self, page: &FailurePage) {
        let url = page.retry_url.as_ref().expect("a way to try again");
        let foreign = Browser::default().open(&self.fixture.engine, url).await.unwrap_err();
        assert_eq!(foreign.code(), ErrorCode::LinkOtherBrowser);
        let mut browser = self.browser.clone();
        let at = browser.go(&self.fixture.engine, url).await.unwrap();
        assert!(browser.is(&self.browser));
        let consent = self.fixture.provider.consent(&at);
        done(browser.come_back(&self.fixture.engine, &consent.redirect_uri, &consent.params).await);
        assert_eq!(self.status().await, (AccountStatus::Active, None));
    }
}

#[tokio::test]
async fn error_parameters_each_have_code_status_event_and_retry() {
    use AccountStatus::{Error, Pending};
    let table = [
        ("access_denied", "The user said no", ErrorCode::AccessDenied, Pending),
        ("invalid_request", "bad parameter", ErrorCode::ProviderInvalidRequest, Error),
        ("invalid_request", "The redirect_uri is not registered", ErrorCode::RedirectUriMismatch, Error),
        ("unauthorized_client", "not allowed", ErrorCode::UnauthorizedClient, Error),
        ("invalid_scope", "unknown scope", ErrorCode::InvalidScope, Error),
        ("server_error", "oops", ErrorCode::ProviderServerError, Error),
        ("temporarily_unavailable", "later", ErrorCode::ProviderTemporarilyUnavailable, Error),
        ("unsupported_response_type", "code?", ErrorCode::ProviderRefusedAuthorization, Error),
        ("consent_required", "theirs 1", ErrorCode::ProviderConsentRequired, Pending),
        ("interaction_required", "theirs 2", ErrorCode::ProviderSignInRequired, Pending),
        ("login_required", "theirs 3", ErrorCode::ProviderSignInRequired, Pending),
        ("account_selection_required", "theirs 4", ErrorCode::ProviderSignInRequired, Pending),
        ("admin_consent_required", "theirs 5", ErrorCode::ProviderAdminRequired, Pending),
        ("something_else", "x", ErrorCode::ProviderRefusedAuthorization, Error),
    ];
    for (error, description, code, status) in table {
        let user = at_provider().await;
        let outcome = user.back_instead(&[("error", error), ("error_description", description)]).await;
        let page = failed(outcome);
        assert_eq!(page.error.code(), code, "{error}");
        assert!(!page.error.details().message.contains(description), "no provider text on the page");
        assert!(!page.still_connected);
        assert_eq!(user.status().await, (status, Some(code)), "{error}");
        let account = user.fixture.account("acme", "user_1").await;
        let events = user.fixture.events(&account).await;
        let event = event_with(&events, code);
        assert_eq!(event.event.kind.as_str(), "authorization.failed");
        assert_eq!(event.event.data["evidence"]["code"], error);
        assert_eq!(event.event.data["evidence"]["message"], description);
        assert_eq!(user.exchanges(), 0);
        user.retry(&page).await;
    }
}

#[tokio::test]
async fn error_evidence_is_bounded_and_redacted() {
    let user = at_provider().await;
    let state = user.consent.params["state"].clone();
    let long = format!("line one\r\nline two {state} {}", "x".repeat(5000));
    failed(user.back_instead(&[("error", "server_error"), ("error_description", &long)]).await);
    let account = user.fixture.account("acme", "user_1").await;
    let events = user.fixture.events(&account).await;
    let text = event_with(&events, ErrorCode::ProviderServerError).event.data.to_string();
    assert!(text.len() < 1000);
    assert!(!text.contains(&state));
    assert!(!text.contains("\\n") && !text.contains("\\r"));
}

#[tokio::test]
async fn code_missing_fails_with_retry() {
    let user = at_provider().await;
    let page = failed(user.back_instead(&[]).await);
    assert_eq!(page.error.code(), ErrorCode::CodeMissing);
    assert_eq!(user.status().await, (AccountStatus::Error, Some(ErrorCode::CodeMissing)));
    user.retry(&page).await;
}

#[tokio::test]
async fn code_given_twice_is_no_code() {
    let user = at_provider().await;
    let values = user.consent.params.iter().map(|(n, v)| (n.clone(), v.as_str().into())).collect();
    let params = CallbackParams { values, repeated: vec!["code".into()], user_agent: None };
    let connection = user.consent.redirect_uri.rsplit('/').next().unwrap();
    let outcome = user.fixture.engine.handle_callback(connection, params, user.browser.cookie.as_ref()).await;
    assert_eq!(failed(outcome).error.code(), ErrorCode::CodeMissing);
    assert_eq!(user.exchanges(), 0);
}

#[tokio::test]
async fn state_missing_unknown_or_twice_touches_nothing() {
    let user = at_provider().await;
    let uri = &user.consent.redirect_uri;
    let (engine, browser) = (&user.fixture.engine, &user.browser);
    let come_back = |pairs| async move { failed(browser.come_back(engine, uri, &pairs).await).error.code() };
    assert_eq!(come_back(params(&[("code", "x")])).await, ErrorCode::StateMissing);
    assert_eq!(come_back(params(&[("code", "x"), ("state", "")])).await, ErrorCode::StateMissing);
    assert_eq!(come_back(params(&[("code", "x"), ("state", "x")])).await, ErrorCode::StateUnknown);
    let other = "A".repeat(43);
    assert_eq!(come_back(params(&[("code", "x"), ("state", &other)])).await, ErrorCode::StateUnknown);
}

#[tokio::test]
async fn state_ten_minutes_old_is_expired_with_retry() {
    let user = at_provider().await;
    user.fixture.clock.advance(time::Duration::minutes(10));
    let page = failed(user.back().await);
    assert_eq!(page.error.code(), ErrorCode::StateExpired);
    assert_eq!(user.status().await, (AccountStatus::Pending, Some(ErrorCode::StateExpired)));
    assert_eq!(user.exchanges(), 0);
    user.retry(&page).await;
}

#[tokio::test]
async fn state_just_before_ten_minutes_works() {
    let user = at_provider().await;
    user.fixture.clock.advance(time::Duration::minutes(10) - time::Duration::seconds(1));
    done(user.back().await);
}

#[tokio::test]
async fn callback_repeated_is_refused_and_leaves_account_active() {
    let user = at_provider().await;
    done(user.back().await);
    for _ in 0..5 {
        let page = failed(user.back().await);
        assert_eq!(page.error.code(), ErrorCode::StateReused);
        assert!(page.still_connected);
        assert!(page.retry_url.is_none());
    }
    assert_eq!(user.exchanges(), 1);
    assert_eq!(user.status().await.0, AccountStatus::Active);
    let account = user.fixture.account("acme", "user_1").await;
    let events = user.fixture.events(&account).await;
    let refused = kinds(&events).iter().filter(|k| **k == "authorization.callback_refused").count();
    assert_eq!(refused, 1, "repetitions fill no history");
}

#[tokio::test]
async fn callbacks_at_the_same_moment_exchange_once() {
    let user = at_provider().await;
    user.fixture.provider.set_delay(std::time::Duration::from_millis(50));
    let calls = (0..20).map(|_| user.back());
    let outcomes = futures::future::join_all(calls).await;
    let won = outcomes.iter().filter(|o| matches!(o, CallbackOutcome::Connected(_))).count();
    assert_eq!(won, 1);
    for outcome in outcomes {
        if let CallbackOutcome::Failed(page) = outcome {
            assert_eq!(page.error.code(), ErrorCode::StateReused);
        }
    }
    assert_eq!(user.exchanges(), 1);
}

#[tokio::test]
async fn exchange_failures_are_blamed_on_whom_they_belong_to() {
    let table = [
        (Scripted::error(400, "invalid_grant", "code expired"), ErrorCode::ExchangeRefused, false),
        (
            Scripted::error(400, "invalid_grant", "redirect_uri does not match"),
            ErrorCode::RedirectUriMismatch,
            false,
        ),
        (Scripted::error(401, "invalid_client", "who are you"), ErrorCode::InvalidClient, true),
        (Scripted::error(400, "unauthorized_client", "no"), ErrorCode::UnauthorizedClient, true),
        (Scripted::error(503, "temporarily_unavailable", "later"), ErrorCode::ExchangeFailed, false),
        (
            Scripted { body: "<html>".into(), content_type: "text/html", ..Scripted::error(200, "", "") },
            ErrorCode::ExchangeFailed,
            false,
        ),
    ];
    for (answer, code, faulted) in table {
        let user = at_provider().await;
        user.fixture.provider.script("/token", [answer]);
        let page = failed(user.back().await);
        assert_eq!(page.error.code(), code);
        assert!(page.error.details().provider.is_none(), "no provider text on the page");
        assert_eq!(user.status().await, (AccountStatus::Error, Some(code)));
        assert_eq!(user.exchanges(), 1, "a code is never sent twice");
        let connection = user.fixture.engine.get_connection(&user.fixture.caller, "acme").await.unwrap();
        assert_eq!(connection.connection.fault.is_some(), faulted, "{code:?}");
        let account = user.fixture.account("acme", "user_1").await;
        event_with(&user.fixture.events(&account).await, code);
        user.retry(&page).await;
        // The provider took the client: a fault noted before is over.
        let connection = user.fixture.engine.get_connection(&user.fixture.caller, "acme").await.unwrap();
        assert_eq!(connection.connection.fault, None);
    }
}

#[tokio::test]
async fn failed_repetition_leaves_active_account_alone() {
    for (param, status) in [("access_denied", 0), ("invalid_scope", 0), ("server_error", 0), ("", 500)] {
        let fixture = EngineFixture::start().await;
        fixture.connection("acme", "acme").await;
        let before = fixture.authorize("acme", "user_1").await;
        let user = again(fixture).await;
        let page = if param.is_empty() {
            user.fixture.provider.script("/token", [Scripted::error(status, "x", "y")]);
            failed(user.back().await)
        } else {
            failed(user.back_instead(&[("error", param)]).await)
        };
        assert!(page.still_connected);
        assert_eq!(user.status().await, (AccountStatus::Active, None));
        let after = user.fixture.account("acme", "user_1").await;
        assert_eq!(after.account.generation, before.account.generation);
        event_with(&user.fixture.events(&after).await, page.error.code());
        user.retry(&page).await;
    }
}

#[tokio::test]
async fn declined_link_itself_works_again_in_same_browser() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    let denied = params(&[("error", "access_denied"), ("state", &consent.params["state"])]);
    failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &denied).await);
    let error = Browser::default().open(&fixture.engine, &link.url).await.unwrap_err();
    assert!(matches!(error.code(), ErrorCode::LinkOtherBrowser | ErrorCode::LinkUsed));
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let consent = fixture.provider.consent(&url);
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
}

#[tokio::test]
async fn connection_disabled_meanwhile_ends_attempt_without_exchange() {
    let user = at_provider().await;
    let off = ConnectionUpdate { enabled: Some(false), ..ConnectionUpdate::default() };
    user.fixture.engine.update_connection(&user.fixture.caller, "acme", off).await.unwrap();
    let page = failed(user.back().await);
    assert_eq!(page.error.code(), ErrorCode::ConnectionDisabled);
    assert!(page.retry_url.is_none());
    assert_eq!(user.exchanges(), 0);
}

#[tokio::test]
async fn account_deleted_meanwhile_ends_in_a_page() {
    let user = at_provider().await;
    let account = user.fixture.account("acme", "user_1").await.account;
    user.fixture.store.commit(Change::DeleteAccount(account.id).into()).await.unwrap();
    assert_eq!(failed(user.back().await).error.code(), ErrorCode::StateUnknown);
    assert_eq!(user.exchanges(), 0);
}

/// While the token endpoint thinks, something else happens to the account.
async fn meanwhile(user: &AtProvider, deed: impl AsyncFnOnce()) -> CallbackOutcome {
    user.fixture.provider.set_delay(std::time::Duration::from_millis(300));
    let deed = async {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while user.exchanges() == 0 {
            assert!(tokio::time::Instant::now() < deadline, "no token request");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        deed().await;
    };
    futures::join!(user.back(), deed).0
}

#[tokio::test]
async fn account_changed_during_exchange_keeps_both_changes() {
    let user = at_provider().await;
    let outcome = meanwhile(&user, async || {
        let update = AccountUpdate { user_id: Some(Some("u-7".into())), ..AccountUpdate::default() };
        let wanted = AccountRef::named("acme", "user_1");
        user.fixture.engine.update_account(&user.fixture.caller, &wanted, update).await.unwrap();
    })
    .await;
    done(outcome);
    let account = user.fixture.account("acme", "user_1").await.account;
    assert_eq!((account.status(), account.user_id.as_deref()), (AccountStatus::Active, Some("u-7")));
}

#[tokio::test]
async fn account_deleted_during_exchange_gives_the_grant_back() {
    let user = at_provider().await;
    let outcome = meanwhile(&user, async || {
        let wanted = AccountRef::named("acme", "user_1");
        user.fixture.engine.delete_account(&user.fixture.caller, &wanted).await.unwrap();
    })
    .await;
    assert_eq!(failed(outcome).error.code(), ErrorCode::AccountNotFound);
    assert!(!user.fixture.provider.requests_to("/revoke").is_empty(), "nobody else could ever revoke it");
}

/// A crash between exchange and commit leaves the attempt half-way: the user may begin anew, once nothing of it can be
/// under way any more, and the history says that nobody knows.
#[tokio::test]
async fn exchange_interrupted_by_crash_can_be_begun_anew() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let state = fixture.provider.consent(&url).params["state"].clone();
    let hash = sha256(&state);
    let mut attempt = fixture.store.auth_request_by_state(&hash).await.unwrap().unwrap();
    attempt.phase = AuthPhase::Exchanging;
    attempt.version += 1;
    fixture.store.commit(Change::UpdateAuthRequest(attempt).into()).await.unwrap();
    let error = browser.open(&fixture.engine, &link.url).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LinkUsed);
    fixture.clock.advance(time::Duration::minutes(15));
    let url = browser.go(&fixture.engine, &link.url).await.unwrap();
    let account = fixture.account("acme", "user_1").await;
    let events = fixture.events(&account).await;
    assert_eq!(event_with(&events, ErrorCode::ExchangeFailed).event.data["outcome"], "unknown");
    let consent = fixture.provider.consent(&url);
    done(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
}

/// S29: a sealed verifier that was moved to another attempt opens nothing.
#[tokio::test]
async fn verifiers_swapped_between_attempts_are_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let mut flows = Vec::new();
    for identifier in ["user_1", "user_2"] {
        let link = fixture.link("acme", identifier).await;
        let mut browser = Browser::default();
        let url = browser.go(&fixture.engine, &link.url).await.unwrap();
        let consent = fixture.provider.consent(&url);
        let hash = sha256(&consent.params["state"]);
        let attempt = fixture.store.auth_request_by_state(&hash).await.unwrap().unwrap();
        flows.push((identifier, browser, consent, attempt));
    }
    let verifiers: Vec<_> = flows.iter().map(|flow| flow.3.code_verifier.clone()).collect();
    for (flow, other) in flows.iter_mut().zip(verifiers.into_iter().rev()) {
        flow.3.code_verifier = other;
        flow.3.version += 1;
        fixture.store.commit(Change::UpdateAuthRequest(flow.3.clone()).into()).await.unwrap();
    }
    for (identifier, browser, consent, _) in flows {
        let page = failed(browser.come_back(&fixture.engine, &consent.redirect_uri, &consent.params).await);
        assert_eq!(page.error.code(), ErrorCode::SealRefused);
        let account = fixture.account("acme", identifier).await;
        assert_eq!(account.account.status(), AccountStatus::Pending);
        assert!(kinds(&fixture.events(&account).await).contains(&"vault.seal_refused"));
    }
    assert_eq!(fixture.provider.requests_to("/token").len(), 0);
}

fn sha256(text: &str) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref().try_into().unwrap()
}
