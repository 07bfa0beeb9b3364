//! How often the API may be called, through each of its doors (S43).

use axum::body::Body;
use http::{Method, Request, header};
use serde_json::Value;
use time::Duration;
use valetkey_domain::Permissions;

use crate::app::{Answer, App};

const LIST: &str = "/v1/connect/connections";
const COMPATIBLE: &str = "/api/v1/connected_accounts";
const RPC: &str = "/scalekit.v1.connected_accounts.ConnectedAccountService/ListConnectedAccounts";

/// A call from `address`, as the proxy in front tells it.
async fn from(app: &App, address: &str, token: &str, path: &str) -> Answer {
    let request = Request::builder()
        .uri(path)
        .header("x-forwarded-for", format!("10.9.9.9, {address}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.body(Body::empty()).unwrap()).await
}

async fn token_with(app: &App, address: &str, id: &str, secret: &str) -> Answer {
    let request = Request::post("/oauth/token")
        .header("x-forwarded-for", address)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    app.send(request.body(Body::from(form)).unwrap()).await
}

/// An RPC over gRPC with an empty message.
async fn grpc(app: &App, address: &str, token: &str) -> Answer {
    let request = Request::post(RPC)
        .header("x-forwarded-for", address)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header("te", "trailers")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    app.send(request.body(Body::from(vec![0; 5])).unwrap()).await
}

/// The code in an answer of the native API.
fn native(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

async fn behind_proxy() -> App {
    App::with(|_| {}, |options| options.behind_proxy = true).await
}

/// S43: wrong keys from one address, whichever door they try, are told to stop after sixty, until a second has passed. Other
/// addresses and the right key at the same one are not held up.
#[tokio::test]
async fn wrong_keys_from_one_address_are_limited_and_the_right_one_is_not() {
    let app = behind_proxy().await;
    let own = "203.0.113.7";
    for n in 0..15 {
        assert_eq!(from(&app, own, &format!("vk_guess{n}"), LIST).await.status, 401, "{n}");
        assert_eq!(from(&app, own, "guess", COMPATIBLE).await.status, 401, "{n}");
        assert_eq!(grpc(&app, own, "guess").await.header("grpc-status"), "16", "{n}");
        assert_eq!(token_with(&app, own, &app.client_id, "guess").await.status, 401, "{n}");
    }
    let answer = from(&app, own, "vk_guess", LIST).await;
    assert_eq!(native(&answer), (429, "authentication_too_often".into()), "{answer:?}");
    assert_eq!((answer.header("retry-after"), answer.header("www-authenticate")), ("1", ""));
    assert_eq!(answer.json()["error"]["retry_after_ms"], 1000);
    assert_eq!(answer.json()["error"]["retry"], "never");
    let answer = from(&app, own, "vk_guess", COMPATIBLE).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"), "{answer:?}");
    assert!(answer.text.contains("authentication_too_often"), "{}", answer.text);
    let answer = grpc(&app, own, "guess").await;
    assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, "8"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    assert_ne!(answer.header("grpc-status-details-bin"), "");
    assert_ne!(answer.header("google.rpc.retryinfo-bin"), "");
    let answer = token_with(&app, own, "nobody", "guess").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"), "{answer:?}");
    assert_eq!(answer.json()["code"], "authentication_too_often");
    assert_eq!(answer.header("www-authenticate"), "");

    assert_eq!(from(&app, "203.0.113.8", "vk_guess", LIST).await.status, 401);
    assert_eq!(from(&app, own, &app.token, LIST).await.status, 200);
    assert_eq!(grpc(&app, own, &app.token).await.header("grpc-status"), "");
    assert_eq!(token_with(&app, own, &app.client_id, &app.client_secret).await.status, 200);
    app.fixture.clock.advance(Duration::seconds(1));
    assert_eq!(from(&app, own, "vk_guess", LIST).await.status, 401);
    assert_eq!(from(&app, own, "vk_guess", LIST).await.status, 429);
}

/// S43: no key at all is a failure too.
#[tokio::test]
async fn calls_without_a_key_are_limited() {
    let app = behind_proxy().await;
    let ask = async || {
        let request = Request::builder().uri(LIST).header("x-forwarded-for", "203.0.113.7");
        app.send(request.body(Body::empty()).unwrap()).await.status
    };
    for _ in 0..60 {
        assert_eq!(ask().await, 401);
    }
    assert_eq!(ask().await, 429);
    let open = Request::builder().uri("/healthz").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(app.send(open.body(Body::empty()).unwrap()).await.status, 200);
}

/// S43: an access token that ran out is answered with 401, the sign to ask for a new one, whatever others at the address do.
#[tokio::test]
async fn access_token_that_ran_out_is_not_taken_for_a_guess() {
    let app = behind_proxy().await;
    let own = "203.0.113.7";
    let issued = token_with(&app, own, &app.client_id, &app.client_secret).await.json();
    let token = issued["access_token"].as_str().unwrap();
    assert_eq!(from(&app, own, token, LIST).await.status, 200);
    app.fixture.clock.advance(Duration::hours(2));
    for _ in 0..60 {
        assert_eq!(from(&app, own, "guess", LIST).await.status, 401);
    }
    assert_eq!(from(&app, own, "guess", LIST).await.status, 429);
    for _ in 0..3 {
        let answer = from(&app, own, token, LIST).await;
        assert_eq!(native(&answer), (401, "unauthenticated".into()), "{answer:?}");
        assert!(answer.text.contains("expired"), "{}", answer.text);
    }
    // One that somebody made up is a guess.
    let forged = format!("{token}x");
    assert_eq!(from(&app, own, &forged, LIST).await.status, 429);
}

/// S43: a key that calls too often is told until when, through all doors together; its neighbour goes on.
#[tokio::test]
async fn calls_of_a_key_are_limited_and_its_neighbour_is_not() {
    let app = App::with(|settings| settings.api_rate_per_key = 1, |_| {}).await;
    let neighbour = app.token_for(Permissions::all()).await;
    for n in 0..4 {
        assert_eq!(app.get(LIST).await.status, 200, "{n}");
        assert_eq!(app.get(COMPATIBLE).await.status, 200, "{n}");
    }
    for n in 0..2 {
        assert_eq!(grpc(&app, "203.0.113.7", &app.token).await.header("grpc-status"), "", "{n}");
    }
    let answer = app.get(LIST).await;
    assert_eq!(native(&answer), (429, "rate_limited".into()), "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    let error = &answer.json()["error"];
    assert_eq!((&error["retry_after_ms"], &error["retry"]), (&Value::from(1000), &Value::from("safe")));
    let cause = error["cause"].as_str().unwrap();
    assert!(cause.contains("api_rate_per_key") && cause.contains("not of a provider"), "{cause}");
    assert!(error["message"].as_str().unwrap().starts_with("The API token "), "{error}");
    let answer = app.get(COMPATIBLE).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"), "{answer:?}");
    let answer = grpc(&app, "203.0.113.7", &app.token).await;
    assert_eq!((answer.header("grpc-status"), answer.header("retry-after")), ("8", "1"), "{answer:?}");
    // What is no call of the API goes on.
    for path in ["/healthz", "/readyz", "/openapi.json", "/keys", "/docs"] {
        assert_eq!(app.get(path).await.status, 200, "{path}");
    }

    assert_eq!(app.call_as(&neighbour, Method::GET, LIST, &Value::Null).await.status, 200);
    app.fixture.clock.advance(Duration::seconds(1));
    assert_eq!(app.get(LIST).await.status, 200);
    assert_eq!(app.get(LIST).await.status, 429);
}

/// S43: a client that asks for one access token after the other is limited by all of them together.
#[tokio::test]
async fn access_tokens_of_a_client_share_its_limit() {
    let app = App::with(|settings| settings.api_rate_per_key = 1, |_| {}).await;
    let ask = || token_with(&app, "203.0.113.7", &app.client_id, &app.client_secret);
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(ask().await.json()["access_token"].as_str().unwrap().to_owned());
    }
    for token in &tokens {
        assert_eq!(app.call_as(token, Method::GET, LIST, &Value::Null).await.status, 200);
    }
    let answer = app.call_as(&tokens[0], Method::GET, LIST, &Value::Null).await;
    assert_eq!(native(&answer), (429, "rate_limited".into()), "{answer:?}");
    assert!(answer.text.contains("The API client "), "{}", answer.text);
    let answer = ask().await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"), "{answer:?}");
    assert_eq!(answer.json()["code"], "rate_limited");
}

/// S43: all keys of an environment share its limit; other environments go on.
#[tokio::test]
async fn calls_of_an_environment_are_limited_and_others_are_not() {
    let app = App::with(|settings| settings.api_rate_per_environment = 1, |_| {}).await;
    let (second, stranger) = (app.token_for(Permissions::all()).await, app.stranger().await);
    for n in 0..5 {
        assert_eq!(app.get(LIST).await.status, 200, "{n}");
        assert_eq!(app.call_as(&second, Method::GET, LIST, &Value::Null).await.status, 200, "{n}");
    }
    for token in [&app.token, &second] {
        let answer = app.call_as(token, Method::GET, LIST, &Value::Null).await;
        assert_eq!(native(&answer), (429, "rate_limited".into()), "{answer:?}");
        assert!(answer.text.contains("api_rate_per_environment"), "{}", answer.text);
        assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("The environment "));
    }
    assert_eq!(app.call_as(&stranger, Method::GET, LIST, &Value::Null).await.status, 200);
}

/// Zero is no limit.
#[tokio::test]
async fn calls_without_limits_all_pass() {
    let off = |settings: &mut valetkey_engine::EngineSettings| {
        (settings.api_rate_per_key, settings.api_rate_per_environment) = (0, 0);
    };
    let app = App::with(off, |_| {}).await;
    for _ in 0..50 {
        assert_eq!(app.get(LIST).await.status, 200);
    }
}
