//! Forms for static credentials.

use std::collections::BTreeMap;

use serde_json::json;
use valetkey_domain::{
    AccountStatus, ErrorCode, Event, Finding, SecretString, Store, catalogue::Actor, event::EventKind,
};
use valetkey_engine::{AccountRef, DiagnosisOf, DiagnosisOptions, LinkStep, SubmitOutcome};
use valetkey_testkit::{
    engine_fixture::{Browser, EngineFixture},
    fake_provider::{API_KEY, Scripted},
};

use crate::{done, event_with, failed};

fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretString> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), SecretString::from(*value))).collect()
}

struct Form {
    fixture: EngineFixture,
    token: String,
    browser: Browser,
    form_token: String,
}

async fn form() -> Form {
    let fixture = EngineFixture::start().await;
    fixture.connection("key", "acmekey").await;
    let link = fixture.link("key", "user_1").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    let LinkStep::EnterCredential(shown) = &page.step else { panic!("{:?}", page.step) };
    assert_eq!(
        shown.iter().map(|f| (f.name.as_str(), f.secret, f.required)).collect::<Vec<_>>(),
        [("api_key", true, true), ("region", false, false)]
    );
    let token = EngineFixture::token_of(&link.url);
    Form { form_token: page.form_token, token, browser, fixture }
}

impl Form {
    async fn submit(&self, pairs: &[(&str, &str)]) -> SubmitOutcome {
        let cookie = self.browser.cookie.as_ref();
        let engine = &self.fixture.engine;
        engine.submit_credentials(&self.token, cookie, &self.form_token, fields(pairs)).await.unwrap()
    }

    async fn status(&self) -> AccountStatus {
        self.fixture.account("key", "user_1").await.account.status()
    }
}

fn again(outcome: SubmitOutcome) -> valetkey_domain::Error {
    match outcome {
        SubmitOutcome::Again { error, .. } => *error,
        SubmitOutcome::Ended(outcome) => panic!("{outcome:?}"),
    }
}

fn ended(outcome: SubmitOutcome) -> valetkey_engine::CallbackOutcome {
    match outcome {
        SubmitOutcome::Ended(outcome) => *outcome,
        SubmitOutcome::Again { error, .. } => panic!("{error}"),
    }
}

#[tokio::test]
async fn right_key_is_probed_and_stored() {
    let form = form().await;
    // Copied with a line break, as happens.
    done(ended(form.submit(&[("api_key", &format!(" {API_KEY}\n")), ("region", "")]).await));
    assert_eq!(form.status().await, AccountStatus::Active);
    assert_eq!(form.fixture.provider.requests_to("/api/keyed").len(), 1);
    let written = form.fixture.written();
    assert!(!written.windows(API_KEY.len()).any(|w| w == API_KEY.as_bytes()), "S28");
}

#[tokio::test]
async fn wrong_key_shows_form_again_and_stores_nothing() {
    let form = form().await;
    let error = again(form.submit(&[("api_key", "wrong-key-entered")]).await);
    assert_eq!(error.code(), ErrorCode::CredentialRejected);
    assert!(!format!("{error:?}").contains("wrong-key-entered"));
    assert_eq!(form.status().await, AccountStatus::Pending);
    let account = form.fixture.account("key", "user_1").await;
    assert!(form.fixture.store.credential(&account.account.id).await.unwrap().is_none());
    event_with(&form.fixture.events(&account).await, ErrorCode::CredentialRejected);
    done(ended(form.submit(&[("api_key", API_KEY)]).await));
}

#[tokio::test]
async fn fields_missing_malformed_or_unknown_are_named() {
    let form = form().await;
    for (pairs, field) in [
        (vec![], "api_key"),
        (vec![("api_key", "   ")], "api_key"),
        (vec![("api_key", "NOT LIKE IT")], "api_key"),
        (vec![("api_key", API_KEY), ("surprise", "x")], "surprise"),
    ] {
        let error = again(form.submit(&pairs).await);
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert_eq!(error.details().fields[0].field, field);
        assert!(!error.details().message.contains("NOT LIKE IT"));
    }
    assert_eq!(form.fixture.provider.requests().len(), 0, "nothing was tried out");
}

#[tokio::test]
async fn provider_in_trouble_shows_form_again() {
    let form = form().await;
    form.fixture.provider.script("/api/keyed", [Scripted::error(503, "x", "y")]);
    let error = again(form.submit(&[("api_key", API_KEY)]).await);
    assert_eq!(error.code(), ErrorCode::UpstreamError);
    assert_eq!(form.status().await, AccountStatus::Pending);
    done(ended(form.submit(&[("api_key", API_KEY)]).await));
}

#[tokio::test]
async fn form_belongs_to_the_browser_that_submitted_first() {
    let form = form().await;
    again(form.submit(&[("api_key", "wrong-key-entered")]).await);
    let error = form.fixture.engine.open_link(&form.token, None).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LinkOtherBrowser);
}

#[tokio::test]
async fn keys_tried_out_too_often_use_the_link_up() {
    let form = form().await;
    for _ in 0..9 {
        again(form.submit(&[("api_key", "wrong-key-entered")]).await);
    }
    let page = failed(ended(form.submit(&[("api_key", "wrong-key-entered")]).await));
    assert_eq!(page.error.code(), ErrorCode::CredentialRejected);
    assert!(page.retry_url.is_none());
    let error = form.fixture.engine.open_link(&form.token, form.browser.cookie.as_ref()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LinkUsed);
}

#[tokio::test]
async fn form_of_oauth_link_is_refused() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let link = fixture.link("acme", "user_1").await;
    let mut browser = Browser::default();
    let page = browser.open(&fixture.engine, &link.url).await.unwrap();
    let token = EngineFixture::token_of(&link.url);
    let submitted = fixture
        .engine
        .submit_credentials(&token, browser.cookie.as_ref(), &page.form_token, fields(&[("a", "b")]))
        .await;
    assert_eq!(submitted.unwrap_err().code(), ErrorCode::InvalidRequest);
}

/// What the history and the diagnosis say after this was entered. The value itself is nowhere.
async fn told_after(form: &Form, pairs: &[(&str, &str)]) -> (Event, Finding) {
    again(form.submit(pairs).await);
    let account = form.fixture.account("key", "user_1").await;
    let event = form.fixture.events(&account).await.pop().unwrap();
    form.fixture.clock.advance(time::Duration::minutes(20));
    let of = DiagnosisOf::Account(AccountRef::named("key", "user_1"));
    let engine = &form.fixture.engine;
    let found = engine.diagnose(&form.fixture.caller, &of, &DiagnosisOptions::default()).await.unwrap();
    let text = format!("{event:?} {}", serde_json::to_string(&found).unwrap());
    for (_, value) in pairs.iter().filter(|(_, value)| !value.trim().is_empty()) {
        assert!(!text.contains(value), "{text}");
        assert!(!form.fixture.written().windows(value.len()).any(|w| w == value.as_bytes()), "S28");
    }
    let finding = found.findings.into_iter().next().unwrap();
    let rests = finding.evidence.iter().find(|it| it.reference.as_deref() == Some(event.id.as_str()));
    assert_eq!(rests.and_then(|it| it.at), Some(event.at), "{finding:?}");
    (event, finding)
}

/// Whatever is entered and not taken is in the account's history with its reason, and the diagnosis says so.
#[tokio::test]
async fn form_refused_is_in_the_history_and_diagnosed() {
    let form = form().await;
    let (event, finding) = told_after(&form, &[("api_key", "NOT LIKE IT 93")]).await;
    assert_eq!(
        (event.event.kind, event.event.code),
        (EventKind::FormRefused, Some(ErrorCode::InvalidArgument))
    );
    assert_eq!(event.event.data["fields"], json!(["api_key"]));
    assert_eq!((finding.code, finding.actor), (ErrorCode::CredentialRejected, Actor::EndUser));
    assert!(finding.message.contains("20 minutes ago does not look like a key"), "{}", finding.message);
    assert!(finding.cause.contains("api_key"), "{}", finding.cause);

    let (event, finding) = told_after(&form, &[("api_key", "wrong-key-entered-71")]).await;
    assert_eq!(event.event.kind, EventKind::AuthorizationFailed);
    assert_eq!(finding.code, ErrorCode::CredentialRejected);
    assert!(
        finding.message.contains("was entered 20 minutes ago, and Acme Key refused it"),
        "{}",
        finding.message
    );

    form.fixture.provider.script("/api/keyed", [Scripted::error(503, "x", "y")]);
    let (event, finding) = told_after(&form, &[("api_key", "canary-key-entered-72")]).await;
    assert_eq!(
        (event.event.kind, event.event.code),
        (EventKind::FormRefused, Some(ErrorCode::UpstreamError))
    );
    assert_eq!(event.event.data["evidence"]["status"], 503);
    assert_eq!(finding.code, ErrorCode::UpstreamError);
    assert!(finding.message.contains("could not be tried out"), "{}", finding.message);

    // A name that is no field of the form is the sender's own word.
    let before = form.fixture.events(&form.fixture.account("key", "user_1").await).await.len();
    for _ in 0..3 {
        again(form.submit(&[("api_key", "canary-key-entered-72"), ("canary-name-73", "x")]).await);
    }
    let account = form.fixture.account("key", "user_1").await;
    let events = form.fixture.events(&account).await;
    assert!(events.len() <= before + 1, "once within a few minutes");
    assert!(!format!("{events:?}").contains("canary-name-73"));
}

/// A browser without our cookie: the form is refused before it is read.
#[tokio::test]
async fn form_without_its_cookie_is_in_the_history() {
    let form = form().await;
    let submitted = form.fixture.engine.submit_credentials_in(
        &form.token,
        None,
        &form.form_token,
        fields(&[("api_key", API_KEY)]),
        Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    );
    assert_eq!(submitted.await.unwrap_err().code(), ErrorCode::BrowserMismatch);
    let account = form.fixture.account("key", "user_1").await;
    let events = form.fixture.events(&account).await;
    let event = event_with(&events, ErrorCode::BrowserMismatch);
    assert_eq!(event.event.kind, EventKind::FormRefused);
    assert!(event.event.data["browser"].as_str().unwrap().contains("Firefox"), "{:?}", event.event.data);
}
