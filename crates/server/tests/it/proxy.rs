//! `ANY /proxy/{path}`.

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::json;
use valetkey_testkit::fake_provider::Scripted;

use crate::app::{Answer, App};

async fn app() -> App {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_123").await;
    app
}

async fn proxy(app: &App, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", app.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(body).unwrap()).await
}

const WHOSE: [(&str, &str); 2] = [("connection_name", "notes"), ("identifier", "user_123")];

#[tokio::test]
async fn call_handed_on_with_the_accounts_token_and_recorded() {
    let app = app().await;
    let answer = proxy(&app, Method::GET, "/proxy/profile?a=1&b=%2F", &WHOSE, Body::empty()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["email"], "user-1@acme.example");
    let arrived = app.fixture.provider.requests_to("/api/profile").pop().unwrap();
    assert_eq!(arrived.query, "a=1&b=%2F");
    assert!(arrived.headers["authorization"].starts_with("Bearer canary-access-"));
    assert!(!format!("{arrived:?}").contains(&app.token), "S17: our own bearer stays here");
    for name in ["connection_name", "identifier", "x-request-id", "cookie"] {
        assert!(!arrived.headers.contains_key(name), "S50: {name}");
    }
    let execution = answer.header("x-execution-id").to_owned();
    let record = app.get(&format!("/v1/connect/executions/{execution}")).await.json();
    assert_eq!(
        (record["source"].as_str(), record["upstream_request"].as_str()),
        (Some("proxy"), Some("GET /api/profile"))
    );
}

#[tokio::test]
async fn account_named_in_every_spelling() {
    let app = app().await;
    let id = app.fixture.account("notes", "user_123").await.account.id.to_string();
    for headers in [
        &[("Connection_name", "notes"), ("identifier", "user_123")][..],
        &[("connection-name", "notes"), ("x-identifier", "user_123")],
        &[("x-connection-name", "notes"), ("x-identifier", "user_123")],
        &[("connected_account_id", &id)],
        &[("x-connected-account-id", &id)],
    ] {
        let answer = proxy(&app, Method::GET, "/proxy/profile", headers, Body::empty()).await;
        assert_eq!(answer.status, 200, "{headers:?}: {answer:?}");
    }
    assert_eq!(proxy(&app, Method::GET, "/proxy/profile", &[], Body::empty()).await.status, 400);
}

#[tokio::test]
async fn body_and_answer_of_the_provider_passed_through() {
    let app = app().await;
    app.fixture.provider.script(
        "/api/notes",
        [Scripted {
            status: 418,
            body: "<b>teapot</b>".into(),
            content_type: "text/html",
            delay: std::time::Duration::ZERO,
            retry_after: None,
        }],
    );
    let chunks = futures::stream::iter(["{\"text\":", "\"hello\"}"].map(Ok::<_, std::io::Error>));
    let headers = [WHOSE[0], WHOSE[1], ("content-type", "application/json")];
    let answer = proxy(&app, Method::POST, "/proxy/notes", &headers, Body::from_stream(chunks)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (418, "<b>teapot</b>"));
    assert!(answer.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(app.fixture.provider.requests_to("/api/notes")[0].body, "{\"text\":\"hello\"}");
}

/// S46
#[tokio::test]
async fn path_that_leaves_the_api_refused() {
    let app = app().await;
    let before = app.fixture.provider.requests().len();
    for path in [
        "/proxy/../token",
        "/proxy/a/%2e%2e/%2e%2e/token",
        "/proxy//evil.example/x",
        "/proxy/..%2ftoken",
        "/proxy/a%0d%0ab",
        "/proxy/a\\..\\b",
    ] {
        let answer = proxy(&app, Method::GET, path, &WHOSE, Body::empty()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "proxy_path_invalid"), "{path}");
    }
    assert_eq!(app.fixture.provider.requests().len(), before);
}

/// S45: the fault is the caller's, not the provider's.
#[tokio::test]
async fn body_that_never_ends_blamed_on_the_caller() {
    let app =
        App::with(|_| {}, |options| options.proxy_body_timeout = std::time::Duration::from_millis(50)).await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_123").await;
    let dribble = futures::StreamExt::chain(
        futures::stream::once(async { Ok::<_, std::io::Error>("{") }),
        futures::stream::pending(),
    );
    let answer = proxy(&app, Method::POST, "/proxy/notes", &WHOSE, Body::from_stream(dribble)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (408, "request_timeout"));
}

/// A 401 would read as if the caller's own token were bad, and official clients would send the call again.
#[tokio::test]
async fn refusal_of_the_credential_is_not_a_401() {
    let app = app().await;
    let refusal = || Scripted::json(401, &json!({"error": "no"}));
    app.fixture.provider.script("/api/notes", [refusal(), refusal(), refusal()]);
    let answer = proxy(&app, Method::POST, "/proxy/notes", &WHOSE, Body::from("x")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (502, "upstream_unauthorized"));
}

#[tokio::test]
async fn account_of_several_chosen_by_its_name_which_stays_here() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    for name in ["work", "private"] {
        let tokens = json!({"oauth": {"access_token": format!("canary-{name}")}});
        let new = json!({"connection_name": "notes", "identifier": "user_123", "account_name": name, "credential": tokens});
        assert_eq!(app.post("/v1/connect/accounts", &new).await.status, 201);
    }
    let ambiguous = proxy(&app, Method::GET, "/proxy/profile", &WHOSE, Body::empty()).await;
    assert_eq!(ambiguous.code(), "ambiguous_account");
    assert_eq!(app.fixture.provider.requests_to("/api/profile").len(), 0);
    for spelling in ["account_name", "account-name", "x-account-name"] {
        app.fixture.provider.script("/api/profile", [Scripted::json(200, &json!({}))]);
        let headers = [&WHOSE[..], &[(spelling, "work")]].concat();
        let answer = proxy(&app, Method::GET, "/proxy/profile", &headers, Body::empty()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let arrived = app.fixture.provider.requests_to("/api/profile").pop().unwrap();
        assert_eq!(arrived.headers["authorization"], "Bearer canary-work");
        assert!(!arrived.headers.contains_key(spelling), "S50: {spelling}");
    }
}
