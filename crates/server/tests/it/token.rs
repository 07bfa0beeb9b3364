//! `POST /oauth/token` and `GET /keys`.

use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, Request, header};
use serde_json::Value;

use crate::app::{Answer, App};

async fn post(app: &App, path: &str, authorization: Option<String>, body: String) -> Answer {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://localhost{path}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    app.send(request.body(Body::from(body)).unwrap()).await
}

fn form(app: &App) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={}", app.client_id, app.client_secret)
}

#[tokio::test]
async fn token_by_form_works_as_bearer() {
    let app = App::start().await;
    // The second spelling is what a client asks for whose base URL ends with a slash.
    for path in ["/oauth/token", "//oauth/token"] {
        let answer = post(&app, path, None, form(&app)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        let token = answer.json();
        assert_eq!(
            (token["token_type"].as_str(), token["expires_in"].as_u64()),
            (Some("Bearer"), Some(3600))
        );
        let bearer = token["access_token"].as_str().unwrap();
        assert_eq!(
            app.call_as(bearer, Method::GET, "/v1/connect/connections", &Value::Null).await.status,
            200
        );
    }
}

#[tokio::test]
async fn token_by_basic_header_works_as_bearer() {
    let app = App::start().await;
    let basic =
        format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", app.client_id, app.client_secret)));
    let answer =
        post(&app, "/oauth/token", Some(basic.clone()), "grant_type=client_credentials".into()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let twice = post(&app, "/oauth/token", Some(basic), form(&app)).await;
    assert_eq!((twice.status.as_u16(), twice.json()["error"].as_str()), (400, Some("invalid_request")));
}

/// RFC 6749 §5.2
#[tokio::test]
async fn token_refused_in_the_shape_of_oauth() {
    let app = App::start().await;
    let id = &app.client_id;
    let cases = [
        (format!("grant_type=client_credentials&client_id={id}&client_secret=wrong"), 401, "invalid_client"),
        ("grant_type=client_credentials&client_id=nobody&client_secret=wrong".into(), 401, "invalid_client"),
        ("grant_type=client_credentials".into(), 401, "invalid_client"),
        (form(&app).replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        (format!("client_id={id}"), 400, "invalid_request"),
        (format!("{}&client_id={id}", form(&app)), 400, "invalid_request"),
    ];
    for (body, status, error) in cases {
        let answer = post(&app, "/oauth/token", None, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"].as_str()),
            (status, Some(error)),
            "{body}"
        );
        assert!(answer.json()["error_description"].is_string());
        assert_eq!(answer.header("www-authenticate"), if status == 401 { "Basic" } else { "" });
    }
    let json = Request::builder()
        .method(Method::POST)
        .uri("/oauth/token")
        .header(header::CONTENT_TYPE, "application/json");
    let answer = app.send(json.body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some("invalid_request")));
}

#[tokio::test]
async fn wrong_secret_and_unknown_client_answered_alike() {
    let app = App::start().await;
    let wrong = post(
        &app,
        "/oauth/token",
        None,
        format!("grant_type=client_credentials&client_id={}&client_secret=x", app.client_id),
    )
    .await;
    let unknown = post(
        &app,
        "/oauth/token",
        None,
        "grant_type=client_credentials&client_id=vkc_x&client_secret=x".into(),
    )
    .await;
    assert_eq!((wrong.status, wrong.text), (unknown.status, unknown.text));
}

#[tokio::test]
async fn keys_are_a_set_of_public_rsa_keys() {
    let app = App::start().await;
    post(&app, "/oauth/token", None, form(&app)).await;
    let keys = app.get("/keys").await;
    let key = &keys.json()["keys"][0];
    assert_eq!(
        (key["kty"].as_str(), key["alg"].as_str(), key["use"].as_str()),
        (Some("RSA"), Some("RS256"), Some("sig"))
    );
    assert!(key["n"].is_string() && key["e"].is_string() && key["kid"].is_string());
    assert!(key["d"].is_null());
}
