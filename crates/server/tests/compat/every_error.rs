//! Whatever is asked of the compatible API, by either door: an error leaves with a code of the catalogue.

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tonic::Code;
use valetkey_api::{Descriptors, proto::errdetails::ErrorInfo};
use valetkey_domain::ErrorCode;

use crate::support::{framed, info, raw, send, start, status};

/// The code that the details carry: that of a tool's failure, if it is one.
#[track_caller]
fn code_of(what: &str, info: &ErrorInfo) -> ErrorCode {
    let text = match &info.tool_error_info {
        Some(tool) if info.error_code == "TOOL_ERROR" => &tool.tool_error_code,
        _ => &info.error_code,
    };
    let code = ErrorCode::parse(text).unwrap_or_else(|| panic!("{what}: {text} is not of the catalogue"));
    assert_ne!(code, ErrorCode::Internal, "{what}: a fault of ours");
    assert!(code.is_answered(), "{what}: {text} is no answer");
    let help = info.help_info.as_ref().unwrap_or_else(|| panic!("{what}: no help"));
    assert!(help.links[0].url.ends_with(&code.docs_path()), "{what}: {}", help.links[0].url);
    code
}

/// Bytes that are hardly ever a message.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = vec![
        framed(b""),
        Vec::new(),
        vec![0, 0, 0],
        vec![1, 0, 0, 0, 1, 0],
        framed(&[0xff; 64]),
        framed(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        framed(&[0x0a, 0x03, 0xff, 0xfe, 0xfd]),
        framed(&[0x08, 0x01]),
    ];
    // A text in each of the first twenty fields: names, ids and tokens of nothing.
    for field in 1u8..=15 {
        messages.push(framed(&[&[field << 3 | 2, 3][..], b"x/\x01"].concat()));
        messages.push(framed(&[&[field << 3 | 2, 1][..], b"x"].concat()));
        messages.push(framed(&[field << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]));
    }
    messages
}

#[tokio::test]
async fn every_rpc_asked_nonsense_every_status_has_a_code() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", tenant.token);
    let mut seen = std::collections::BTreeSet::new();
    for rpc in Descriptors::embedded().unwrap().rpcs() {
        for message in messages() {
            for headers in [
                &[("authorization", bearer.as_str())][..],
                &[("authorization", bearer.as_str()), ("grpc-timeout", "soon")],
                &[("authorization", bearer.as_str()), ("grpc-timeout", "1n")],
                &[],
            ] {
                let status = status(&raw(&app, &rpc.path, headers, message.clone()).await);
                if status.code() == Code::Ok {
                    continue;
                }
                let what = format!("{} {message:?} {headers:?}", rpc.path);
                seen.insert(code_of(&what, &info(&status)));
            }
        }
    }
    for code in [
        ErrorCode::Unauthenticated,
        ErrorCode::InvalidRequest,
        ErrorCode::InvalidArgument,
        ErrorCode::Unimplemented,
    ] {
        assert!(seen.contains(&code), "{code:?} never came up: {seen:?}");
    }
}

#[track_caller]
fn rest_code(what: &str, response: &Response<Bytes>) -> Option<ErrorCode> {
    if response.status() < StatusCode::BAD_REQUEST {
        return None;
    }
    let body: Value = serde_json::from_slice(response.body())
        .unwrap_or_else(|_| panic!("{what}: {:?} is not JSON", response.body()));
    let detail = &body["details"][0];
    let text = match detail["error_code"].as_str() {
        Some("TOOL_ERROR") => detail["tool_error_info"]["tool_error_code"].as_str(),
        other => other,
    };
    let text = text.unwrap_or_else(|| panic!("{what}: no code in {body}"));
    let code = ErrorCode::parse(text).unwrap_or_else(|| panic!("{what}: {text} is not of the catalogue"));
    assert_ne!(code, ErrorCode::Internal, "{what}: a fault of ours: {body}");
    assert_eq!(response.status().as_u16(), code.entry().http_status, "{what}");
    assert_eq!(response.extensions().get::<ErrorCode>(), Some(&code), "{what}");
    Some(code)
}

#[tokio::test]
async fn every_path_of_the_rpcs_asked_nonsense_every_answer_has_a_code() {
    let (app, tenant) = start().await;
    let long = "a".repeat(3000);
    let segments = ["x", "%00", "%ff", "..%2f", "%F0%9F%98%80", long.as_str()];
    let queries = [
        "",
        "?page_size=abc",
        "?page_size=-1",
        "?nothing=1",
        "?%ff=%ff",
        "?filter.nothing=1",
        "?page_token=%00",
    ];
    let mut bodies: Vec<(&str, Vec<u8>)> =
        ["", "{", "{}", "[]", "null", "42", "\"x\"", "{\"nothing\": 1}", "{\"page_size\": \"x\"}"]
            .map(|body| ("application/json", body.as_bytes().to_vec()))
            .to_vec();
    bodies.push(("application/json", [b"[".repeat(5000), b"]".repeat(5000)].concat()));
    bodies.push((
        "application/json",
        json!({"params": {"a": 1e300}, "tool_name": "\u{0}"}).to_string().into_bytes(),
    ));
    bodies.push(("application/json", b"\xff".to_vec()));
    bodies.push(("text/plain", b"{}".to_vec()));
    let mut asked = 0;
    for rpc in Descriptors::embedded().unwrap().rpcs() {
        for route in &rpc.routes {
            for segment in segments {
                let mut parts = route.template.split(['{', '}']).enumerate();
                let path: String =
                    parts.by_ref().map(|(at, part)| if at % 2 == 1 { segment } else { part }).collect();
                for query in queries {
                    for (content_type, body) in &bodies {
                        // Each once: nonsense in the path, in the query, in the body.
                        if [segment != "x", !query.is_empty(), body != b""].iter().filter(|odd| **odd).count()
                            > 1
                        {
                            continue;
                        }
                        let Ok(uri) = format!("{path}{query}").parse::<http::Uri>() else { continue };
                        let request = Request::builder()
                            .method(route.method)
                            .uri(uri)
                            .header(header::AUTHORIZATION, format!("Bearer {}", tenant.token))
                            .header(header::CONTENT_TYPE, *content_type)
                            .body(Body::from(body.clone()))
                            .unwrap();
                        let what = format!(
                            "{} {}{query} {content_type}",
                            route.method,
                            path.get(..120).unwrap_or(&path)
                        );
                        rest_code(&what, &send(&app, request).await);
                        asked += 1;
                    }
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
    for (method, path) in [
        (Method::GET, "/api/v1/nothing"),
        (Method::PUT, "/api/v1/execute_tool"),
        (Method::TRACE, "/api/v1/execute_tool"),
    ] {
        let request = Request::builder().method(&method).uri(path).body(Body::empty()).unwrap();
        assert!(rest_code(&format!("{method} {path}"), &send(&app, request).await).is_some());
    }
}
