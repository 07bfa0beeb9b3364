//! What the front does to every request, whatever route it is for.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::Response,
    routing::{get, post},
};
use futures::StreamExt;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;
use valetkey_domain::{Entropy, ManualClock};

use super::*;
use crate::extract::{Json, MaybeJson, Path, Query};

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read from requests")]
struct Thing {
    name: String,
    #[serde(default)]
    inner: Inner,
    tags: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read from requests")]
struct Inner {
    count: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    size: Option<u32>,
}

fn options() -> ServerOptions {
    let url = "https://keys.example.com/base/".parse().unwrap();
    ServerOptions {
        max_body_bytes: 1000,
        max_proxy_body_bytes: 2000,
        body_timeout: Duration::from_millis(50),
        ..ServerOptions::new(url, Arc::new(ManualClock::default()), Arc::new(Zeros))
    }
}

fn app() -> Router {
    let routes = Router::new()
        .route(
            "/thing",
            post(|Json(thing): Json<Thing>| async move { format!("{thing:?}").len().to_string() }),
        )
        .route("/maybe", post(|MaybeJson(value): MaybeJson<Value>| async move { value.to_string() }))
        .route("/list", get(|Query(filter): Query<Filter>| async move { format!("{:?}", filter.size) }))
        .route("/text/{text}", get(|Path(text): Path<String>| async move { text }))
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("canary-in-a-panic")
                }
            }),
        )
        .route("/oauth/token", post(|| async { "token" }))
        .route(
            "/proxy/{*path}",
            post(|body: Body| async move { read(Response::new(body)).await.len().to_string() }),
        );
    before(Router::new().fallback_service(route_errors(routes)), &options())
}

async fn send(request: Request) -> Response {
    app().oneshot(request).await.unwrap()
}

async fn call(method: Method, path: &str, body: impl Into<Body>) -> Response {
    let request =
        Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
    send(request.body(body.into()).unwrap()).await
}

async fn read(response: Response) -> String {
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

async fn error_of(response: Response) -> Value {
    serde_json::from_str::<Value>(&read(response).await).unwrap()["error"].take()
}

async fn refused_fields(path: &str, body: &Value) -> (StatusCode, Value) {
    let response = call(Method::POST, path, body.to_string()).await;
    (response.status(), error_of(response).await)
}

#[tokio::test]
async fn error_answer_has_the_documented_shape() {
    let response = call(Method::GET, "/nowhere", "").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let expected = json!({
        "code": "route_not_found",
        "message": "There is nothing at this path.",
        "cause": "The path is not part of the API.",
        "actor": "developer",
        "retry": "never",
        "remedies": [{"action": "fix_request", "text": "Look the path up in /openapi.json."}],
        "docs": "https://keys.example.com/base/docs/errors/route_not_found",
        "request_id": id,
    });
    assert_eq!(error_of(response).await, expected);
}

#[tokio::test]
async fn request_id_from_outside_not_taken_over() {
    let request = Request::builder().uri("/list").header("x-request-id", "mine").body(Body::empty()).unwrap();
    let response = send(request).await;
    assert!(response.headers()["x-request-id"].to_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn headers_of_every_answer_lock_it_down() {
    for path in ["/list", "/nowhere", "/panic"] {
        let headers = call(Method::GET, path, "").await.headers().clone();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
        assert!(!headers.contains_key("server"));
    }
}

/// S58
#[tokio::test]
async fn trace_and_connect_refused() {
    for method in [Method::TRACE, Method::CONNECT] {
        let response = call(method, "/list", "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn method_wrong_told_with_allow() {
    let response = call(Method::DELETE, "/list", "").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()[header::ALLOW], "GET,HEAD");
    assert_eq!(error_of(response).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn requests_beyond_the_bound_told_to_come_back() {
    let hold = Arc::new(tokio::sync::Notify::new());
    let (reached, go_on) = (Arc::clone(&hold), Arc::new(tokio::sync::Notify::new()));
    let release = Arc::clone(&go_on);
    let handler = move || async move {
        reached.notify_one();
        go_on.notified().await;
        "done"
    };
    let routes = Router::new().route("/slow", get(handler)).route("/healthz", get(|| async { "ok" }));
    let options = ServerOptions { max_in_flight: 1, ..options() };
    let app = before(Router::new().fallback_service(route_errors(routes)), &options);
    let ask = |path: &str| app.clone().oneshot(Request::builder().uri(path).body(Body::empty()).unwrap());
    let slow = tokio::spawn(ask("/slow"));
    hold.notified().await;
    let refused = ask("/slow").await.unwrap();
    assert_eq!(
        (refused.status(), refused.headers()[header::RETRY_AFTER].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    assert_eq!(error_of(refused).await["code"], "overloaded");
    assert_eq!(ask("/healthz").await.unwrap().status(), StatusCode::OK);
    release.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::OK);
}

/// S56: a panic's own words go nowhere.
#[tokio::test]
async fn panic_in_a_handler_answered_as_internal() {
    let response = call(Method::GET, "/panic", "").await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = read(response).await;
    assert!(text.contains("\"internal\"") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn path_with_leading_slashes_means_one() {
    for path in ["//oauth/token", "///oauth/token"] {
        // A URI of this shape arrives on the wire as it is; written whole so that it is not read as a host.
        let uri = Uri::builder().scheme("http").authority("localhost").path_and_query(path).build().unwrap();
        let request = Request::builder().method(Method::POST).uri(uri).body(Body::empty()).unwrap();
        assert_eq!(read(send(request).await).await, "token", "{path}");
    }
}

#[tokio::test]
async fn body_too_large_refused_whether_or_not_it_says_so() {
    let long = format!("{{\"name\": \"{}\"}}", "x".repeat(1000));
    let told = call(Method::POST, "/thing", long.clone()).await;
    assert_eq!(told.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let untold = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(long)]));
    let untold = call(Method::POST, "/thing", untold).await;
    assert_eq!(untold.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(error_of(untold).await["code"], "payload_too_large");
}

#[tokio::test]
async fn body_of_a_proxied_call_has_a_limit_of_its_own() {
    let response = call(Method::POST, "/proxy/upload", "x".repeat(1500)).await;
    assert_eq!(read(response).await, "1500");
    let response = call(Method::POST, "/proxy/upload", "x".repeat(2001)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

/// S45
#[tokio::test]
async fn body_that_never_ends_timed_out() {
    let dribble =
        futures::stream::once(async { Ok::<_, std::io::Error>("{") }).chain(futures::stream::pending());
    let response = call(Method::POST, "/thing", Body::from_stream(dribble)).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(error_of(response).await["code"], "request_timeout");
}

#[tokio::test]
async fn json_wrong_field_named_with_its_path() {
    let cases = [
        (json!({}), "name", "required"),
        (json!({"name": "a", "colour": 1}), "colour", "not known"),
        (json!({"name": "a", "inner": {"size": 1}}), "inner.size", "not known"),
        (json!({"name": "a", "inner": {"count": 300}}), "inner.count", "expected u8"),
        (json!({"name": "a", "inner": {"count": "x"}}), "inner.count", "expected u8"),
        (json!({"name": 7}), "name", "expected a string, not integer"),
        (json!({"name": "a", "tags": ["a", 1]}), "tags[1]", "expected a string"),
        (json!({"name": "a", "tags": {"a": 1}}), "tags", "expected a sequence"),
        (json!(["name"]), "body", "expected"),
    ];
    for (body, field, words) in cases {
        let (status, error) = refused_fields("/thing", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(error["code"], "invalid_argument", "{body}");
        assert_eq!(error["fields"][0]["field"], field, "{body}: {error}");
        assert!(error["fields"][0]["message"].as_str().unwrap().contains(words), "{body}: {error}");
    }
}

/// S56: a secret in the wrong field comes back in no answer.
#[tokio::test]
async fn json_wrong_value_not_quoted() {
    for body in [
        json!({"name": "a", "tags": "canary-secret"}),
        json!({"name": "a", "inner": "canary-secret"}),
        json!({"name": "a", "inner": {"count": "canary, expected secret"}}),
        json!("canary-secret"),
    ] {
        let (status, error) = refused_fields("/thing", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn json_malformed_refused_with_the_place() {
    // S45: the last one is nested too deeply.
    let nested = "[".repeat(400);
    for body in ["", "{", "{\"name\": \"a\"} x", "{'name': 1}", "\u{0}", &nested] {
        let path = if body == nested { "/maybe" } else { "/thing" };
        let response = call(Method::POST, path, body.to_owned()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        let error = error_of(response).await;
        assert_eq!(error["code"], "invalid_request", "{body}");
        assert!(error["message"].as_str().unwrap().contains("line"), "{error}");
    }
}

#[tokio::test]
async fn json_other_content_types_refused() {
    for content_type in ["application/x-www-form-urlencoded", "text/plain", "text/json"] {
        let request = Request::builder().method(Method::POST).uri("/thing");
        let request = request.header(header::CONTENT_TYPE, content_type).body(Body::from("{}")).unwrap();
        assert_eq!(send(request).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    for content_type in ["application/json; charset=utf-8", "Application/JSON", "application/problem+json"] {
        let request = Request::builder().method(Method::POST).uri("/thing");
        let request =
            request.header(header::CONTENT_TYPE, content_type).body(Body::from("{\"name\":\"a\"}")).unwrap();
        assert_eq!(send(request).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn maybe_json_left_out_is_the_default() {
    let request = Request::builder().method(Method::POST).uri("/maybe").body(Body::empty()).unwrap();
    assert_eq!(read(send(request).await).await, "null");
}

#[tokio::test]
async fn query_wrong_field_named() {
    for (query, field) in
        [("size=x", "size"), ("size=-1", "size"), ("siez=1", "siez"), ("size=1&size=2", "size")]
    {
        let response = call(Method::GET, &format!("/list?{query}"), "").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        let error = error_of(response).await;
        assert_eq!(error["fields"][0]["field"], field, "{error}");
    }
}

#[tokio::test]
async fn path_not_utf8_leads_nowhere() {
    let response = call(Method::GET, "/text/%ff", "").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn grpc_caller_gets_a_grpc_status() {
    let request = Request::builder().uri("/panic").header(header::CONTENT_TYPE, "application/grpc+proto");
    let response = send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["grpc-status"], "13");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/grpc");
}

#[tokio::test]
async fn retry_after_rounded_up() {
    let error = Error::new(ErrorCode::UpstreamRateLimited).retry_after_ms(1200);
    let id = RequestId::new(&ManualClock::default(), &Zeros);
    let response = render(&error, &id, "/docs/errors/");
    assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    assert_eq!(error_of(response).await["retry_after_ms"], 1200);
}

#[test]
fn is_grpc_by_content_type() {
    let headers =
        |text: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]);
    assert!(is_grpc(&headers("application/grpc")) && is_grpc(&headers("application/grpc+proto")));
    assert!(!is_grpc(&headers("application/json")) && !is_grpc(&HeaderMap::new()));
}
