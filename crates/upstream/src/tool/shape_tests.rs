//! Results made of answers.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::*;
use crate::connector::Connectors;

static CONNECTORS: LazyLock<Connectors> = LazyLock::new(|| Connectors::embedded().unwrap());

fn answer(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
}

fn result(tool: &str, body: &Value) -> Result<Value, Error> {
    shape(CONNECTORS.tool(tool).unwrap().1, &answer(200, "application/json", body.to_string()))
}

#[test]
fn result_is_what_the_file_picks() {
    let body = json!({
        "messages": [{"id": "1", "threadId": "t", "historyId": "9"}], "nextPageToken": "n", "resultSizeEstimate": 1,
    });
    assert_eq!(
        result("gmail_list_messages", &body).unwrap(),
        json!({"messages": [{"id": "1", "thread_id": "t"}], "next_page_token": "n", "estimated_total": 1}),
    );
    let empty = result("gmail_list_messages", &json!({"resultSizeEstimate": 0})).unwrap();
    assert_eq!(empty, json!({"estimated_total": 0}));
    let issues = json!([{"number": 1, "title": "t", "labels": [{"name": "a"}, {"name": "b"}], "user": {"login": "x"}}]);
    assert_eq!(
        result("github_list_issues", &issues).unwrap(),
        json!({"issues": [{"number": 1, "title": "t", "labels": ["a", "b"], "author": "x"}]}),
    );
    assert_eq!(
        result("github_get_file_contents", &json!({"name": "f", "content": "aGk=\n", "sha": "s"})).unwrap(),
        json!({"name": "f", "text": "hi", "sha": "s"}),
    );
    assert_eq!(
        result("microsoft365_list_messages", &json!({"@odata.nextLink": "https://x", "value": []})).unwrap(),
        json!({"messages": [], "has_more": true}),
    );
}

#[test]
fn result_is_an_object_always() {
    assert_eq!(result("sandbox_get_profile", &json!([1])).unwrap(), json!({"items": [1]}));
    assert_eq!(result("sandbox_get_profile", &json!("x")).unwrap(), json!({"result": "x"}));
    let (_, tool) = CONNECTORS.tool("googlecalendar_delete_event").unwrap();
    assert_eq!(shape(tool, &answer(204, "text/plain", "")).unwrap(), json!({"success": true}));
    let (_, hackernews) = CONNECTORS.tool("hackernews_get_max_item").unwrap();
    assert_eq!(
        shape(hackernews, &answer(200, "application/json", "42")).unwrap(),
        json!({"max_item_id": 42})
    );
}

#[test]
fn result_of_files_is_text_or_base64() {
    let (_, tool) = CONNECTORS.tool("googledrive_download_file").unwrap();
    assert_eq!(
        shape(tool, &answer(200, "text/csv", "a,b")).unwrap(),
        json!({"content_type": "text/csv", "size_bytes": 3, "text": "a,b"}),
    );
    assert_eq!(
        shape(tool, &answer(200, "image/png", &b"\xff\xfe"[..])).unwrap(),
        json!({"content_type": "image/png", "size_bytes": 2, "base64": "//4="}),
    );
}

/// A proxy on the way that drops the body, or a provider in trouble: not the answer that there are no messages.
#[test]
fn answer_without_a_body_is_none_to_a_reading_tool() {
    let (_, reads) = CONNECTORS.tool("gmail_list_messages").unwrap();
    let error = shape(reads, &answer(200, "application/json", " \n")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UpstreamResponseInvalid);
    assert_eq!(error.details().message, "Gmail answered 200 with nothing in it.");
    assert_eq!(shape(reads, &answer(204, "text/plain", "")).unwrap(), json!({"success": true}));
    let (_, writes) = CONNECTORS.tool("gmail_trash_message").unwrap();
    assert_eq!(shape(writes, &answer(200, "text/plain", "")).unwrap(), json!({"success": true}));
}

#[test]
fn answer_that_is_no_json_is_refused() {
    let (_, tool) = CONNECTORS.tool("sandbox_get_profile").unwrap();
    for body in ["{\"a\":", "<html>", "\u{feff}{}"] {
        let error = shape(tool, &answer(200, "application/json", body)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UpstreamResponseInvalid);
    }
    let error = shape(
        tool,
        &answer(401, "application/json", "{\"error\":{\"code\":\"invalid_token\",\"message\":\"expired\"}}"),
    );
    assert_eq!(error.unwrap_err().code(), ErrorCode::UpstreamUnauthorized);
}

#[test]
fn answer_of_odd_types_is_refused_or_shaped() {
    for body in [json!({"messages": {"a": 1}}), json!({"messages": [1, null, "x"]}), json!(null), json!(3)] {
        let _ = result("gmail_list_messages", &body);
        let _ = result("gmail_get_message", &body);
        let _ = result("github_get_file_contents", &body);
    }
    assert_eq!(result("hackernews_get_item", &json!(null)).unwrap_err().code(), ErrorCode::UpstreamNotFound);
    let error = result("github_get_file_contents", &json!({"content": "%"})).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UpstreamResponseInvalid);
}
