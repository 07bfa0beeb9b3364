//! Forms for static credentials.

use std::collections::BTreeMap;

use valetkey_domain::{AccountStatus, ErrorCode, SecretString, Store};
use valetkey_engine::{LinkStep, SubmitOutcome};
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
