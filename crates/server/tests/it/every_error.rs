//! Whatever goes wrong on the HTTP surfaces leaves with a code of the catalogue, in the shape of the surface, and what
//! is only hostile is never a fault of ours.

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;
use valetkey_domain::{ErrorCode, Permissions};

use crate::app::App;

/// An answer with the code that the server itself noted.
struct Told {
    status: StatusCode,
    noted: Option<ErrorCode>,
    text: String,
}

async fn ask(app: &App, request: Request<Body>) -> Told {
    let (parts, body) = app.router.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()).into_owned();
    Told { status: parts.status, noted: parts.extensions.get::<ErrorCode>().copied(), text }
}

/// Checks an answer that may be an error; gives its code if it is one.
#[track_caller]
fn catalogued(what: &str, told: &Told, read: impl Fn(&str) -> Option<String>) -> Option<ErrorCode> {
    if !told.status.is_client_error() && !told.status.is_server_error() {
        return None;
    }
    let noted = told.noted.unwrap_or_else(|| panic!("{what}: {} without a code: {}", told.status, told.text));
    assert!(noted.is_answered(), "{what}: {noted:?} is no answer");
    assert_ne!(noted, ErrorCode::Internal, "{what}: a fault of ours: {}", told.text);
    assert_eq!(told.status.as_u16(), noted.entry().http_status, "{what}: {noted:?}");
    if !told.text.is_empty() {
        let code = read(&told.text).unwrap_or_else(|| panic!("{what}: no code in {}", told.text));
        assert_eq!(ErrorCode::parse(&code), Some(noted), "{what}: {code}");
    }
    Some(noted)
}

/// The code of the native shape, if everything that belongs to it is there.
fn native(text: &str) -> Option<String> {
    let body: Value = serde_json::from_str(text).ok()?;
    let error = body.get("error")?;
    for field in ["message", "cause", "actor", "retry", "docs", "request_id"] {
        error[field].as_str().filter(|text| !text.is_empty())?;
    }
    let code = error["code"].as_str()?;
    error["remedies"].as_array().filter(|remedies| !remedies.is_empty())?;
    error["docs"].as_str().filter(|docs| docs.ends_with(&format!("/docs/errors/{code}")))?;
    Some(code.to_owned())
}

/// The code in the shape of RFC 6749 §5.2.
fn oauth(text: &str) -> Option<String> {
    let body: Value = serde_json::from_str(text).ok()?;
    body["error"].as_str().filter(|error| !error.is_empty())?;
    let code = body["code"].as_str()?;
    body["error_uri"].as_str().filter(|uri| uri.ends_with(&format!("/docs/errors/{code}")))?;
    Some(code.to_owned())
}

/// The code on a page: the last thing in `code` tags that is one.
fn on_page(text: &str) -> Option<String> {
    text.starts_with("<!doctype html>").then_some(())?;
    let codes = text.split("<code>").skip(1).filter_map(|rest| rest.split("</code>").next());
    codes.filter(|code| ErrorCode::parse(code).is_some()).last().map(str::to_owned)
}

/// Path segments that are none of ours.
fn segments() -> Vec<String> {
    let mut segments: Vec<String> = [
        "x",
        "%00",
        "%ff",
        "..%2f..%2fetc",
        "%2e%2e",
        "'%20OR%201=1",
        "%F0%9F%98%80",
        "ca_",
        "-1",
        "null",
        "%0d%0aX:y",
    ]
    .map(str::to_owned)
    .to_vec();
    segments.push("a".repeat(3000));
    segments.push(format!("ca_{}", "0".repeat(26)));
    segments
}

const QUERIES: &[&str] = &[
    "?page_size=abc",
    "?page_size=-1",
    "?page_size=0",
    "?page_size=99999999999999999999",
    "?page_token=%00",
    "?page_token=AAAA",
    "?page_token=eyJ9",
    "?nothing=1",
    "?%ff=%ff",
    "?status=NONSENSE",
    "?since=yesterday",
    "?connection_name=%00&identifier=%ff",
    "?a&&=&?",
];

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/json";
    vec![
        (json, Vec::new()),
        (json, b"{".to_vec()),
        (json, b"{}".to_vec()),
        (json, b"[]".to_vec()),
        (json, b"null".to_vec()),
        (json, b"42".to_vec()),
        (json, b"\"x\"".to_vec()),
        (json, b"\xff\xfe".to_vec()),
        (json, b"{\"\\u0000\": 1}".to_vec()),
        (json, b"{\"nothing_of_ours\": true}".to_vec()),
        (json, b"{\"a\":1,\"a\":2}".to_vec()),
        (json, b"{\"a\": 1e999}".to_vec()),
        (json, [b"[".repeat(5000), b"]".repeat(5000)].concat()),
        (json, [b"{\"a\":".repeat(300), b"1".to_vec(), b"}".repeat(300)].concat()),
        ("text/plain", b"hello".to_vec()),
        ("application/xml", b"<a/>".to_vec()),
        ("", b"{}".to_vec()),
        ("multipart/form-data", b"--x".to_vec()),
    ]
}

/// The operations of the description: method, path with parameters, and the properties of the body.
fn operations() -> Vec<(Method, String, Vec<String>)> {
    let document = serde_json::to_value(valetkey_server::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = match schema["$ref"].as_str() {
                Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
                None => schema,
            };
            let properties = schema["properties"].as_object();
            let properties = properties.map(|p| p.keys().cloned().collect()).unwrap_or_default();
            operations.push((method.to_ascii_uppercase().parse().unwrap(), path.clone(), properties));
        }
    }
    assert!(operations.len() > 40);
    operations
}

fn request(
    app: &App,
    method: &Method,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> Option<Request<Body>> {
    let uri = path.parse::<http::Uri>().ok()?;
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header(header::AUTHORIZATION, format!("Bearer {}", app.token));
    if !content_type.is_empty() {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    Some(request.body(Body::from(body)).unwrap())
}

fn filled(path: &str, with: &str) -> String {
    let mut parts = path.split(['{', '}']).enumerate();
    parts.by_ref().map(|(at, part)| if at % 2 == 1 { with } else { part }).collect()
}

#[tokio::test]
async fn native_api_asked_nonsense_every_answer_has_a_code() {
    let app = App::start().await;
    let mut codes = std::collections::BTreeSet::new();
    for (method, path, properties) in operations() {
        if path == "/oauth/token" || path == "/keys" {
            continue;
        }
        let mut requests = Vec::new();
        let plain = filled(&path, "x");
        for segment in segments().iter().filter(|_| path.contains('{')) {
            requests.push((filled(&path, segment), "application/json", b"{}".to_vec()));
        }
        for query in QUERIES {
            requests.push((format!("{plain}{query}"), "", Vec::new()));
        }
        for (content_type, body) in bodies() {
            requests.push((plain.clone(), content_type, body));
        }
        for property in properties {
            for value in [
                json!(null),
                json!(-1),
                json!("\u{0}"),
                json!([[]]),
                json!({"a": {}}),
                json!(true),
                json!("x".repeat(70_000)),
            ] {
                requests.push((
                    plain.clone(),
                    "application/json",
                    json!({&property: value}).to_string().into_bytes(),
                ));
            }
        }
        for (path, content_type, body) in requests {
            let what = format!(
                "{method} {} {content_type} {}",
                path.get(..200).unwrap_or(&path),
                String::from_utf8_lossy(body.get(..200).unwrap_or(&body))
            );
            let Some(request) = request(&app, &method, &path, content_type, body) else { continue };
            codes.extend(catalogued(&what, &ask(&app, request).await, native));
        }
    }
    // The walk is worth something only if it got past the door.
    for code in [
        ErrorCode::InvalidRequest,
        ErrorCode::InvalidArgument,
        ErrorCode::UnsupportedMediaType,
        ErrorCode::AccountNotFound,
        ErrorCode::ConnectionNotFound,
        ErrorCode::ToolNotFound,
    ] {
        assert!(codes.contains(&code), "{code:?} never came up: {codes:?}");
    }
}

#[tokio::test]
async fn native_api_any_method_any_caller_every_answer_has_a_code() {
    let app = App::start().await;
    let nobody = app.token_for(Permissions::from_iter([])).await;
    let mut paths: Vec<String> = operations().into_iter().map(|(_, path, _)| filled(&path, "x")).collect();
    paths.extend(
        [
            "/",
            "/v1",
            "/v1/connect",
            "/nothing",
            "/proxy",
            "/proxy/",
            "/proxy/x",
            "/api/v2/x",
            "/.env",
            "/%ff",
            "/docs/errors/nothing",
            "/llms.txt",
            "/openapi.json",
            "/healthz",
            "/keys",
        ]
        .map(str::to_owned),
    );
    paths.dedup();
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "PROPFIND"];
    for path in paths {
        for method in methods {
            for token in [None, Some("vk_wrong"), Some(nobody.as_str())] {
                let mut request = Request::builder().method(method).uri(&path);
                if let Some(token) = token {
                    request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
                }
                let told = ask(&app, request.body(Body::empty()).unwrap()).await;
                let read = |text: &str| native(text).or_else(|| oauth(text)).or_else(|| on_page(text));
                catalogued(&format!("{method} {path} as {token:?}"), &told, read);
            }
        }
    }
}

#[tokio::test]
async fn token_endpoint_asked_nonsense_every_answer_has_a_code() {
    let app = App::start().await;
    let form = "application/x-www-form-urlencoded";
    let mut requests = bodies();
    for body in [
        "",
        "grant_type",
        "grant_type=",
        "grant_type=password",
        "grant_type=client_credentials",
        "grant_type=client_credentials&client_id=x",
        "grant_type=client_credentials&client_id=x&client_secret=y",
        "grant_type=client_credentials&grant_type=client_credentials",
        "%ff=%ff&%00",
        "grant_type=client_credentials&client_id=%00&client_secret=%ff",
    ] {
        requests.push((form, body.as_bytes().to_vec()));
    }
    requests.push((form, b"a=".iter().copied().chain(std::iter::repeat_n(b'x', 5 << 20)).collect()));
    for (content_type, body) in requests {
        for authorization in
            [None, Some("Basic"), Some("Basic !!!"), Some("Basic dTpw"), Some("Basic /w=="), Some("Bearer x")]
        {
            let mut request = Request::post("/oauth/token").header(header::CONTENT_TYPE, content_type);
            if let Some(value) = authorization {
                request = request.header(header::AUTHORIZATION, value);
            }
            let told = ask(&app, request.body(Body::from(body.clone())).unwrap()).await;
            let what = format!("{content_type} {authorization:?}");
            assert!(told.status.is_client_error(), "{what}: {}", told.status);
            // What is too large is refused at the door of the server, in the shape that it has for everybody.
            catalogued(&what, &told, |text| oauth(text).or_else(|| native(text)));
        }
    }
}

#[tokio::test]
async fn pages_asked_nonsense_every_answer_has_a_code() {
    let app = App::start().await;
    let connection = app.fixture.connection("notes", "acme").await.connection.id.to_string();
    let mut paths = Vec::new();
    for segment in segments() {
        paths.push(format!("/connect/{segment}"));
        paths.push(format!("/connect/done/{segment}"));
        paths.push(format!("/oauth/callback/{segment}"));
        paths.push(format!("/docs/{segment}"));
        paths.push(format!("/docs/errors/{segment}"));
    }
    for query in [
        "",
        "?state=x",
        "?state=x&state=y",
        "?code=x",
        "?error=access_denied",
        "?state=%00&code=%ff",
        "?error=%3Cscript%3E&state=x",
        "?iss=https://evil.example&state=x&code=y",
    ] {
        paths.push(format!("/oauth/callback/{connection}{query}"));
    }
    for path in paths {
        let Ok(uri) = path.parse::<http::Uri>() else { continue };
        for method in [Method::GET, Method::POST] {
            let request = Request::builder().method(&method).uri(&uri);
            for content_type in
                ["application/x-www-form-urlencoded", "application/json", "multipart/form-data"]
            {
                let body = if method == Method::GET {
                    Body::empty()
                } else {
                    Body::from("step=start&form_token=%ff&step=2")
                };
                let request = request_with(&uri, &method, content_type, body);
                let told = ask(&app, request).await;
                let read = |text: &str| on_page(text).or_else(|| native(text));
                catalogued(
                    &format!("{method} {} {content_type}", path.get(..120).unwrap_or(&path)),
                    &told,
                    read,
                );
            }
            drop(request);
        }
    }
}

fn request_with(uri: &http::Uri, method: &Method, content_type: &str, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(uri).header(header::CONTENT_TYPE, content_type).body(body).unwrap()
}

#[tokio::test]
async fn proxied_calls_of_nonsense_every_answer_has_a_code() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_123").await;
    let paths = [
        "/proxy/",
        "/proxy/..%2f..",
        "/proxy//x",
        "/proxy/a/../../b",
        "/proxy/%00",
        "/proxy/http://evil.example/",
        "/proxy/@evil.example",
    ];
    let whose: [&[(&str, &[u8])]; 6] = [
        &[],
        &[("connection_name", b"nothing"), ("identifier", b"user_123")],
        &[("connection_name", b"notes"), ("identifier", b"nobody")],
        &[("connection_name", b"notes"), ("identifier", b"\xff\xfe")],
        &[("connected_account_id", b"ca_x")],
        &[("connection_name", b"notes"), ("identifier", b"user_123")],
    ];
    for path in paths {
        for headers in whose {
            for method in ["GET", "POST", "BREW"] {
                let mut request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(header::AUTHORIZATION, format!("Bearer {}", app.token));
                for (name, value) in headers {
                    request = request.header(*name, *value);
                }
                let response =
                    app.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
                // A provider's own answer is handed on as it is, and has a record.
                if response.headers().contains_key("x-execution-id")
                    && response.extensions().get::<ErrorCode>().is_none()
                {
                    continue;
                }
                let (parts, body) = response.into_parts();
                let text = String::from_utf8_lossy(&to_bytes(body, usize::MAX).await.unwrap()).into_owned();
                let told = Told { status: parts.status, noted: parts.extensions.get().copied(), text };
                catalogued(&format!("{method} {path} {headers:?}"), &told, native);
            }
        }
    }
}

/// What the router is put together from may answer on its own: then the answer gets a code at the door.
#[test]
fn sources_answer_with_no_status_of_their_own() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // The table of statuses of answers without a code; pages that are not there; the token endpoint's own shape.
    let known = ["front/mod.rs", "docs/mod.rs"];
    let errors = [
        "BAD_REQUEST",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "NOT_FOUND",
        "METHOD_NOT_ALLOWED",
        "CONFLICT",
        "GONE",
        "PAYLOAD_TOO_LARGE",
        "UNSUPPORTED_MEDIA_TYPE",
        "UNPROCESSABLE",
        "TOO_MANY",
        "INTERNAL_SERVER_ERROR",
        "BAD_GATEWAY",
        "SERVICE_UNAVAILABLE",
        "GATEWAY_TIMEOUT",
    ];
    let mut folders = vec![root.clone()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            if known.contains(&&*name) || name.ends_with("tests.rs") || !name.ends_with(".rs") {
                continue;
            }
            seen += 1;
            let source = std::fs::read_to_string(&path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for error in errors {
                let found = source.contains(&format!("StatusCode::{error}"));
                // The one fallback for a status that is no status.
                let fallback = name == "error.rs" && error == "INTERNAL_SERVER_ERROR";
                assert!(
                    !found || fallback,
                    "{name} answers with {error} by itself; use an error of the catalogue"
                );
            }
        }
    }
    assert!(seen > 100);
}
