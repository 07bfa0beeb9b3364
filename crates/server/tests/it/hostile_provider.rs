//! What a provider writes is kept for operators, without secrets and bounded, and end users never read it.

use http::Method;
use serde_json::json;
use valetkey_testkit::fake_provider::{CLIENT_SECRET, Scripted};

use crate::{
    app::App,
    browser::{Browser, target},
};

/// Longer than anything that is kept.
const ENDLESS: usize = 200_000;
/// What an operator may read of a provider's words, in bytes.
const KEPT: usize = 2_000;

fn hostile(secrets: &[&str]) -> String {
    let quoted = secrets.join(" and ");
    format!("</p><script>canary()</script><b>canary-words</b>\r\n{quoted}\0{}", "x".repeat(ENDLESS))
}

fn bearer_of(app: &App) -> String {
    let request = app.fixture.provider.requests_to("/api/profile").pop().unwrap();
    request.headers["authorization"].strip_prefix("Bearer ").unwrap().to_owned()
}

/// S56: the answer of the token endpoint quotes our secrets back.
#[tokio::test]
async fn token_endpoint_that_quotes_secrets_shows_none_to_anybody() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let link = app.fixture.link("notes", "user_123").await;
    let mut browser = Browser::default();
    let callback = browser.consent(&app, &link.url).await;
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let words = hostile(&[CLIENT_SECRET, &code]);
    app.fixture.provider.script("/token", [Scripted::error(400, "invalid_grant", &words)]);
    let page = browser.get(&app, &target(&callback)).await;
    assert!(page.status.is_client_error());
    for forbidden in ["canary", "<script", CLIENT_SECRET, &code, "xxxxx"] {
        assert!(!page.text.contains(forbidden), "{forbidden} is on the page");
    }
    assert!(page.text.len() < 5_000, "{}", page.text.len());

    // The history has it for the operator: bounded, on one line, without what is secret.
    let account = app.fixture.account("notes", "user_123").await.account.id.to_string();
    let history = app.get(&format!("/v1/connect/accounts/{account}/events")).await;
    assert!(history.text.contains("canary-words"), "{}", history.text);
    for forbidden in [CLIENT_SECRET, &code] {
        assert!(!history.text.contains(forbidden), "{forbidden} is in the history");
    }
    assert!(!history.text.contains("\\u0000") && history.text.len() < 5 * KEPT, "{}", history.text.len());
}

/// The API of the provider does it, to a tool call and on a page.
#[tokio::test]
async fn api_that_quotes_the_token_shows_it_to_nobody() {
    for status in [400, 403, 404, 409, 429, 500] {
        for content_type in ["text/html", "text/plain", "application/json"] {
            let app = App::start().await;
            app.fixture.connection("notes", "acme").await;
            app.fixture.authorize("notes", "user_123").await;
            let call = json!({"tool_name": "acme_get_profile", "identifier": "user_123", "connection_name": "notes"});
            app.ok(Method::POST, "/v1/connect/tools/execute", &call).await;
            let token = bearer_of(&app);
            let words = hostile(&[&token, CLIENT_SECRET]);
            let body = match content_type {
                "application/json" => {
                    json!({"error": {"code": "canary_code", "message": words, "detail": token}}).to_string()
                }
                _ => words.clone(),
            };
            // A call that only reads is repeated where that may help.
            let answer = || Scripted { content_type, ..Scripted::json(status, &json!(null)) };
            let answers: Vec<_> = (0..5).map(|_| Scripted { body: body.clone(), ..answer() }).collect();
            app.fixture.provider.script("/api/profile", answers);
            let refused = app.post("/v1/connect/tools/execute", &call).await;
            let error = &refused.json()["error"];
            assert!(error["code"].as_str().unwrap().starts_with("upstream_"), "{status}: {error}");
            assert_eq!(error["provider"]["status"], status);
            assert!(!refused.text.contains(&token), "{status} {content_type}: the token came back");
            let kept = error["provider"].to_string();
            assert!(
                kept.len() < KEPT && refused.text.len() < 3 * KEPT,
                "{status} {content_type}: {}",
                kept.len()
            );
            let execution = error["execution_id"].as_str().unwrap();
            let record = app.get(&format!("/v1/connect/executions/{execution}")).await;
            assert!(!record.text.contains(&token) && record.text.len() < 3 * KEPT, "{}", record.text.len());
        }
    }
}

/// A key that a user types is tried out; what the provider says to it is not for the page.
#[tokio::test]
async fn form_refused_by_a_hostile_provider_speaks_our_words() {
    let app = App::start().await;
    app.fixture.connection("keyed", "acmekey").await;
    for status in [400, 401, 403, 404, 500] {
        let link = app.fixture.link("keyed", &format!("user_{status}")).await;
        let body = hostile(&["canary-typed-key-0001"]);
        let answers = (0..5).map(|_| Scripted {
            body: body.clone(),
            content_type: "text/html",
            ..Scripted::json(status, &json!(null))
        });
        app.fixture.provider.script("/api/keyed", answers);
        let mut browser = Browser::default();
        let page = browser.submit(&app, &link.url, &[("field.api_key", "canary-typed-key-0001")]).await;
        assert!(page.status.as_u16() >= 400, "{status}: {}", page.status);
        for forbidden in ["canary", "<script", "xxxxx"] {
            assert!(!page.text.contains(forbidden), "{status}: {forbidden} is on the page: {}", page.text);
        }
        assert!(page.text.contains("<h1>"), "{}", page.text);
    }
}
