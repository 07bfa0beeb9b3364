//! The way back from the provider, and how attempts end.

use http::Method;
use url::Url;
use valetkey_engine::LinkOptions;
use valetkey_testkit::{engine_fixture::EngineFixture, fake_provider::Scripted};

use crate::{
    app::{Answer, App},
    browser::{Browser, target},
};

async fn app() -> App {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app
}

fn title(answer: &Answer) -> String {
    let (_, rest) = answer.text.split_once("<h1>").unwrap_or_else(|| panic!("no heading: {answer:?}"));
    rest.split("</h1>").next().unwrap().to_owned()
}

/// S07: what came in the address is in no header and nowhere on the page.
fn assert_keeps_secrets(answer: &Answer, callback: &Url) {
    for (name, value) in callback.query_pairs() {
        if matches!(&*name, "code" | "state") && value.len() > 8 {
            assert!(!answer.text.contains(&*value), "{name} on the page");
            assert!(!format!("{:?}", answer.headers).contains(&*value), "{name} in a header");
        }
    }
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn consent_ends_on_the_page_of_success() {
    let app = app().await;
    app.fixture.provider.sign_in("<img src=x onerror=alert(1)>");
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let done = browser.get(&app, &target(&callback)).await;
    assert_eq!((done.status.as_u16(), title(&done).as_str()), (200, "Acme is connected"));
    assert!(!done.text.contains("<img"), "{}", done.text);
    assert_keeps_secrets(&done, &callback);
    assert_eq!(app.fixture.account("notes", "user_123").await.account.status().as_str(), "ACTIVE");
}

#[tokio::test]
async fn fewer_scopes_than_asked_for_are_told() {
    let app = app().await;
    app.fixture.provider.grant_only(Some("read"));
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let done = browser.get(&app, &target(&callback)).await;
    assert!(
        done.text.contains("was not allowed") && done.text.contains("<code>write</code>"),
        "{}",
        done.text
    );
}

/// Every error of the guide has its own page, a way on, and none of the provider's words.
#[tokio::test]
async fn errors_of_the_provider_each_have_their_own_page() {
    let app = app().await;
    let cases = [
        ("access_denied", 403, "Access was not allowed"),
        ("invalid_request", 400, "The service did not understand the request"),
        ("unauthorized_client", 409, "The app is not allowed to ask"),
        ("invalid_scope", 409, "The app asked for too much"),
        ("server_error", 502, "The service had a problem"),
        ("temporarily_unavailable", 503, "The service is busy"),
        ("something_else", 400, "The service refused"),
    ];
    for (error, status, heading) in cases {
        let link = app.fixture.link("notes", error).await;
        let mut browser = Browser::default();
        let mut callback = browser.consent(&app, &link.url).await;
        let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        callback.query_pairs_mut().clear().extend_pairs([
            ("error", error),
            ("error_description", "<b>canary-words</b>"),
            ("error_uri", "https://canary-words.example"),
            ("state", &state),
        ]);
        let answer = browser.get(&app, &target(&callback)).await;
        assert_eq!((answer.status.as_u16(), title(&answer).as_str()), (status, heading), "{error}");
        assert!(!answer.text.contains("canary-words"), "{}", answer.text);
        assert!(answer.text.contains(answer.header("x-request-id")));
        assert_keeps_secrets(&answer, &callback);
    }
}

/// *Try again* on the page of a refusal leads through the whole flow.
#[tokio::test]
async fn try_again_after_a_refusal_works_in_the_same_browser_only() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let mut callback = browser.consent(&app, &link.url).await;
    let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    callback.query_pairs_mut().clear().extend_pairs([("error", "access_denied"), ("state", &state)]);
    let refused = browser.get(&app, &target(&callback)).await;
    let (_, rest) = refused.text.split_once("<a class=\"button\" href=\"").expect("a way to try again");
    let retry: Url = rest.split('"').next().unwrap().parse().unwrap();
    assert_eq!(Browser::default().get(&app, retry.path()).await.status, 403);
    let callback = browser.consent(&app, &retry).await;
    assert_eq!(title(&browser.get(&app, &target(&callback)).await), "Acme is connected");
}

/// S02
#[tokio::test]
async fn state_wrong_in_any_way_refused_with_its_own_page() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let path = callback.path();

    let missing = browser.get(&app, &format!("{path}?code=abc")).await;
    assert_eq!((missing.status.as_u16(), title(&missing).as_str()), (400, "Something is missing"));
    let unknown = browser.get(&app, &format!("{path}?code=abc&state=forged")).await;
    assert_eq!(
        (unknown.status.as_u16(), title(&unknown).as_str()),
        (400, "This answer belongs to no request")
    );
    let foreign = Browser::default().get(&app, &target(&callback)).await;
    assert_eq!((foreign.status.as_u16(), title(&foreign).as_str()), (403, "Another browser, or no cookie"));
    assert!(
        app.fixture.provider.token_requests("authorization_code").is_empty(),
        "no code was sent anywhere"
    );

    assert_eq!(browser.get(&app, &target(&callback)).await.status, 200);
    let again = browser.get(&app, &target(&callback)).await;
    assert_eq!((again.status.as_u16(), title(&again).as_str()), (400, "This page was used already"));
    assert_keeps_secrets(&again, &callback);
    assert_eq!(app.fixture.provider.token_requests("authorization_code").len(), 1);
}

#[tokio::test]
async fn state_too_old_refused() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    app.fixture.clock.advance(time::Duration::minutes(11));
    let answer = browser.get(&app, &target(&callback)).await;
    assert_eq!((answer.status.as_u16(), title(&answer).as_str()), (400, "That took too long"));
    assert!(app.fixture.provider.token_requests("authorization_code").is_empty());
}

/// S04, S05
#[tokio::test]
async fn wrong_issuer_refused_without_a_word_of_its_error() {
    let app = app().await;
    for extra in
        [&[("code", "stolen")][..], &[("error", "access_denied"), ("error_description", "canary-words")]]
    {
        let link = app.fixture.link("notes", "user_123").await;
        let mut browser = Browser::default();
        let mut callback = browser.consent(&app, &link.url).await;
        let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        callback
            .query_pairs_mut()
            .clear()
            .extend_pairs([("state", state.as_str()), ("iss", "https://evil.example")])
            .extend_pairs(extra);
        let answer = browser.get(&app, &target(&callback)).await;
        assert_eq!(
            (answer.status.as_u16(), title(&answer).as_str()),
            (400, "The answer came from the wrong place")
        );
        assert!(!answer.text.contains("canary-words") && !answer.text.contains("access_denied"));
    }
    assert!(app.fixture.provider.token_requests("authorization_code").is_empty());
}

#[tokio::test]
async fn exchange_that_fails_has_its_own_page() {
    let app = app().await;
    let cases = [
        (Scripted::error(400, "invalid_grant", "canary-words"), "The service did not accept the sign-in"),
        (Scripted::error(401, "invalid_client", "canary-words"), "The app's own sign-in failed"),
        (Scripted::error(500, "server_error", "canary-words"), "The service could not be reached"),
    ];
    for (number, (answer, heading)) in cases.into_iter().enumerate() {
        let link = app.fixture.link("notes", &format!("user_{number}")).await;
        let mut browser = Browser::default();
        let callback = browser.consent(&app, &link.url).await;
        app.fixture.provider.script("/token", [answer]);
        let page = browser.get(&app, &target(&callback)).await;
        assert_eq!(title(&page), heading.replace('\'', "&#39;"));
        assert!(!page.text.contains("canary"), "{}", page.text);
        assert!(page.status.as_u16() >= 400);
    }
}

#[tokio::test]
async fn code_missing_or_given_twice_refused() {
    let app = app().await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let twice = format!("{}&code=another", target(&callback));
    assert_eq!(browser.get(&app, &twice).await.status, 400);
    assert!(app.fixture.provider.token_requests("authorization_code").is_empty());
}

#[tokio::test]
async fn verification_hands_the_user_to_the_app_and_back() {
    let app = app().await;
    let options = LinkOptions {
        state: Some("app state & more".into()),
        user_verify_url: Some("https://app.example/verify?x=1".into()),
        scopes: Vec::new(),
        add_scopes: Vec::new(),
    };
    let link = app.fixture.link_with("notes", "user_123", options).await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let handed_over = browser.get(&app, &target(&callback)).await;
    assert_eq!(handed_over.status, 303);
    let there: Url = handed_over.header("location").parse().unwrap();
    let query: std::collections::HashMap<_, _> = there.query_pairs().collect();
    assert_eq!(
        (there.host_str(), &*query["x"], &*query["state"]),
        (Some("app.example"), "1", "app state & more")
    );
    assert_eq!(
        app.fixture.account("notes", "user_123").await.account.status().as_str(),
        "PENDING_VERIFICATION"
    );

    let request = |identifier: &str| serde_json::json!({"auth_request_id": query["auth_request_id"], "identifier": identifier});
    let wrong = app.post("/v1/connect/accounts/verify", &request("somebody_else")).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (403, "verification_mismatch"));
    let verified = app.ok(Method::POST, "/v1/connect/accounts/verify", &request("user_123")).await;
    assert_eq!(verified["account"]["status"], "ACTIVE");
    let next: Url = verified["post_user_verify_redirect_url"].as_str().unwrap().parse().unwrap();
    let own = browser.get(&app, &target(&next)).await;
    assert_eq!((own.status.as_u16(), title(&own).as_str()), (200, "Acme is connected"));
    let other = Browser::default().get(&app, &target(&next)).await;
    assert_eq!(title(&other), "You are done here");
    assert!(!other.text.contains("acme.example"));
}

#[tokio::test]
async fn error_pages_lead_from_every_code() {
    let app = app().await;
    let index = Browser::default().get(&app, "/docs/errors").await;
    for code in valetkey_domain::ErrorCode::ALL {
        let path = format!("/docs/errors/{}", code.as_str());
        assert!(index.text.contains(&format!("href=\"{path}\"")), "{path}");
        let page = Browser::default().get(&app, &path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(code.as_str()) && page.header("cache-control").contains("public"));
    }
    assert_eq!(Browser::default().get(&app, "/docs/errors/nothing").await.status, 404);
}

/// Comes back from the provider of a connection with `error` instead of a code.
async fn refused(app: &App, connection: &str, error: &str) -> Answer {
    let link = app.fixture.link(connection, error).await;
    let mut browser = Browser::default();
    let mut callback = browser.consent(app, &link.url).await;
    let state = callback.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    callback.query_pairs_mut().clear().extend_pairs([("error", error), ("state", &state)]);
    browser.get(app, &target(&callback)).await
}

/// Missing consent is nobody's mistake: the end user is told who can give it.
#[tokio::test]
async fn consent_that_is_missing_has_words_of_its_own() {
    let app = app().await;
    let page = refused(&app, "notes", "consent_required").await;
    assert_eq!((page.status.as_u16(), title(&page).as_str()), (403, "Somebody has to agree first"));
    assert!(page.text.contains("administrator") && page.text.contains("provider_consent_required"));
    let again = refused(&app, "notes", "interaction_required").await;
    assert_eq!(title(&again), "The service wants you to sign in again");
    assert_eq!(title(&refused(&app, "notes", "an_error_of_its_own").await), "The service refused");
}

/// The provider's status page is where its users look; only where an outage may be the cause.
#[tokio::test]
async fn failures_of_the_provider_lead_to_its_status_page() {
    const ACME_WATCHED: &str = r#"
slug: acmewatched
display_name: Acme Watched
description: A provider with a status page.
links: { status: "https://status.acme.example/" }
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: "https://acme.example/authorize" }
    token: { url: "https://acme.example/token" }
    issuer: https://acme.example
api: { base_url: "https://acme.example/api" }
"#;
    let further = [("acmewatched.yaml", ACME_WATCHED)];
    let fixture = EngineFixture::with_all_connectors(&further, |_| {}).await;
    let app = App::of(fixture, |_| {}).await;
    app.fixture.connection("mail", "acmewatched").await;
    for error in ["server_error", "temporarily_unavailable"] {
        let page = refused(&app, "mail", error).await;
        let link = "<a href=\"https://status.acme.example/\" target=\"_blank\" rel=\"noopener noreferrer\">\
                    See whether Acme Watched has an outage (opens in a new tab)</a>";
        assert!(page.text.contains(link), "{error}: {}", page.text);
    }
    for error in ["access_denied", "invalid_scope", "consent_required"] {
        let page = refused(&app, "mail", error).await;
        assert!(!page.text.contains("has an outage"), "{error}: {}", page.text);
    }
}
