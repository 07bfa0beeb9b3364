//! Failures of real APIs, as they come over the wire.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::connector::Connectors;

static CONNECTORS: LazyLock<Connectors> = LazyLock::new(|| Connectors::embedded().unwrap());

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn failure(connector: &str, response: &Response) -> Option<Error> {
    let connector = CONNECTORS.get(connector).unwrap();
    connector.api.errors.classify(&connector.display_name, response)
}

fn code(connector: &str, status: u16, body: Value) -> ErrorCode {
    failure(connector, &response(status, &[], &body.to_string())).map(|error| error.code()).unwrap()
}

fn google(status: u16, reason: &str) -> Value {
    json!({"error": {"code": status, "message": "Words.", "errors": [{"domain": "global", "reason": reason}]}})
}

#[test]
fn google_reasons_win_over_the_status() {
    for (status, reason, expected) in [
        (403, "rateLimitExceeded", ErrorCode::UpstreamRateLimited),
        (403, "userRateLimitExceeded", ErrorCode::UpstreamRateLimited),
        (403, "insufficientPermissions", ErrorCode::InsufficientScope),
        (403, "domainPolicy", ErrorCode::UpstreamForbidden),
        (401, "authError", ErrorCode::UpstreamUnauthorized),
        (404, "notFound", ErrorCode::UpstreamNotFound),
        (400, "failedPrecondition", ErrorCode::UpstreamInvalidRequest),
        (403, "somethingNew", ErrorCode::UpstreamForbidden),
    ] {
        assert_eq!(code("gmail", status, google(status, reason)), expected, "{reason}");
    }
    let body = json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "No.", "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}});
    assert_eq!(code("googledrive", 403, body), ErrorCode::InsufficientScope);
}

#[test]
fn slack_errors_come_with_200() {
    for (error, expected) in [
        ("missing_scope", ErrorCode::InsufficientScope),
        ("token_revoked", ErrorCode::UpstreamUnauthorized),
        ("account_inactive", ErrorCode::UpstreamUnauthorized),
        ("ratelimited", ErrorCode::UpstreamRateLimited),
        ("channel_not_found", ErrorCode::UpstreamNotFound),
        ("not_in_channel", ErrorCode::UpstreamForbidden),
        ("something_new", ErrorCode::UpstreamInvalidRequest),
    ] {
        assert_eq!(code("slack", 200, json!({"ok": false, "error": error})), expected, "{error}");
    }
    assert!(failure("slack", &response(200, &[], r#"{"ok":true}"#)).is_none());
    let body = r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"users:read"}"#;
    let error = failure("slack", &response(200, &[], body)).unwrap();
    assert!(error.remedies()[0].text.contains("chat:write"), "{:?}", error.remedies());
    assert_eq!(error.details().provider.as_ref().unwrap().code.as_deref(), Some("missing_scope"));
    assert_eq!(error.details().message, "Slack refused: missing_scope.");
}

#[test]
fn graphql_errors_are_failures_with_any_status() {
    for (error, expected) in [
        ("AUTHENTICATION_ERROR", ErrorCode::UpstreamUnauthorized),
        ("FORBIDDEN", ErrorCode::UpstreamForbidden),
        ("RATELIMITED", ErrorCode::UpstreamRateLimited),
        ("INVALID_INPUT", ErrorCode::UpstreamInvalidRequest),
    ] {
        let body = json!({"data": null, "errors": [{"message": "No.", "extensions": {"code": error}}]});
        assert_eq!(code("linear", 200, body.clone()), expected);
        assert_eq!(code("linear", 400, body), expected);
    }
    assert!(failure("linear", &response(200, &[], r#"{"data":{"viewer":{}}}"#)).is_none());
}

#[test]
fn graph_codes_are_known() {
    for (status, error, expected) in [
        (401, "InvalidAuthenticationToken", ErrorCode::UpstreamUnauthorized),
        (403, "ErrorAccessDenied", ErrorCode::UpstreamForbidden),
        (404, "ErrorItemNotFound", ErrorCode::UpstreamNotFound),
        (429, "ApplicationThrottled", ErrorCode::UpstreamRateLimited),
        (400, "ErrorInvalidRecipients", ErrorCode::UpstreamInvalidRequest),
    ] {
        assert_eq!(
            code("microsoft365", status, json!({"error": {"code": error, "message": "No."}})),
            expected
        );
    }
}

#[test]
fn status_decides_where_the_body_does_not() {
    for (status, expected) in [
        (400, ErrorCode::UpstreamInvalidRequest),
        (401, ErrorCode::UpstreamUnauthorized),
        (403, ErrorCode::UpstreamForbidden),
        (404, ErrorCode::UpstreamNotFound),
        (409, ErrorCode::UpstreamConflict),
        (422, ErrorCode::UpstreamInvalidRequest),
        (429, ErrorCode::UpstreamRateLimited),
        (302, ErrorCode::UpstreamRedirected),
        (500, ErrorCode::UpstreamError),
        (504, ErrorCode::UpstreamTimeout),
    ] {
        let error = failure("github", &response(status, &[], "<html>no</html>")).unwrap();
        assert_eq!(error.code(), expected, "{status}");
        assert!(!error.details().message.contains("html"), "{error}");
    }
}

#[test]
fn bearer_challenge_tells_a_missing_scope() {
    let challenge = [("www-authenticate", r#"Bearer error="insufficient_scope", scope="x""#)];
    assert_eq!(
        failure("github", &response(403, &challenge, "")).unwrap().code(),
        ErrorCode::InsufficientScope
    );
    let challenge = [("www-authenticate", r#"Bearer error="invalid_token""#)];
    assert_eq!(
        failure("github", &response(401, &challenge, "")).unwrap().code(),
        ErrorCode::UpstreamUnauthorized
    );
}

const NOW: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

fn retry_after(status: u16, headers: &[(&str, &str)]) -> Option<u64> {
    failure("github", &response(status, headers, "{}")).unwrap().details().retry_after_ms
}

/// R7
#[test]
fn retry_after_is_read_in_every_form() {
    assert_eq!(retry_after(429, &[("retry-after", "2")]), Some(2000));
    assert_eq!(retry_after(429, &[("retry-after", "1.5")]), Some(1500));
    assert_eq!(retry_after(503, &[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), NOW]), Some(60_000));
    assert_eq!(retry_after(429, &[("retry-after", "Sun, 06 Nov 1994 08:40:37 GMT"), NOW]), Some(0));
    assert_eq!(retry_after(429, &[("retry-after", "999999999")]), Some(3_600_000));
    assert_eq!(retry_after(429, &[("retry-after", "soon")]), None);
    assert_eq!(retry_after(429, &[("retry-after", "-5")]), None);
    assert_eq!(retry_after(400, &[("retry-after", "5")]), None);
    // GitHub's own way: used up until a point in time.
    let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111877"), NOW];
    assert_eq!(retry_after(403, &used_up), Some(100_000));
    assert_eq!(
        failure("github", &response(403, &used_up, "{}")).unwrap().code(),
        ErrorCode::UpstreamRateLimited
    );
}

#[test]
fn evidence_is_bounded_and_on_one_line() {
    let body = json!({"message": format!("a\r\nb{}", "ä".repeat(5000))}).to_string();
    let error = failure("github", &response(404, &[], &body)).unwrap();
    let message = error.details().provider.as_ref().unwrap().message.clone().unwrap();
    assert!(message.len() <= MAX_EVIDENCE && message.starts_with("a  b"), "{}", message.len());
    assert!(error.details().message.len() < MAX_EVIDENCE + 100);
}

#[test]
fn success_with_an_odd_body_is_no_failure() {
    for body in ["", "null", "[]", "not json", "{\"error\":null}"] {
        assert!(failure("linear", &response(200, &[], body)).is_none(), "{body}");
    }
}

#[test]
fn failure_keeps_the_providers_request_id_and_the_beginning_of_its_body() {
    for (connector, header) in [
        ("github", "x-github-request-id"),
        ("slack", "x-slack-req-id"),
        ("microsoft365", "request-id"),
        ("gmail", "x-request-id"),
    ] {
        let answer = response(500, &[(header, " A1:B2 ")], "{\"error\":\n\"down\"}");
        let evidence =
            failure(connector, &answer).unwrap().details().provider.clone().unwrap().answer.unwrap();
        assert_eq!(evidence.request_id.as_deref(), Some("A1:B2"), "{connector}");
        assert_eq!(evidence.body.as_deref(), Some("{\"error\": \"down\"}"), "{connector}");
    }
    let bare = failure("gmail", &response(500, &[("x-request-id", "")], " ")).unwrap();
    let evidence = *bare.details().provider.clone().unwrap().answer.unwrap();
    assert_eq!((evidence.request_id, evidence.body), (None, None));
}

#[test]
fn body_that_is_long_or_no_text_is_kept_in_part_or_described() {
    let long = excerpt("ä".repeat(2 * MAX_EXCERPT).as_bytes()).unwrap();
    assert!(long.len() <= MAX_EXCERPT && long.chars().all(|c| c == 'ä'), "{}", long.len());
    // Cut in the middle of a character.
    let cut = excerpt(format!("x{}", "ä".repeat(MAX_EXCERPT)).as_bytes()).unwrap();
    assert!(cut.starts_with("xä") && !cut.contains('\u{fffd}'));
    assert_eq!(excerpt(&[0x1f, 0x8b, 0xff, 0xfe, 0, 1, 2]).unwrap(), "(7 bytes that are not text)");
}
