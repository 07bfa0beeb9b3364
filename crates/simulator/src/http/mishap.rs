//! What faults do to requests and answers.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    http::{HeaderName, HeaderValue, StatusCode, header, response::Parts},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{api::ApiError, oauth_error::OAuthError, shape};
use crate::{Endpoint, ErrorFault, FaultKind, Profile, Simulator};

const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The page that a proxy or a sign-in gate puts in place of an answer.
const PAGE: &str = "<!doctype html>\n<html><head><title>Sign in</title></head>\n<body><h1>Please sign in to go on</h1></body></html>\n";

/// The answer that takes the place of processing, if the fault has one.
pub(super) fn refusal(
    simulator: &Simulator,
    fault: &FaultKind,
    endpoint: Endpoint,
    profile: Profile,
) -> Option<Response> {
    match fault {
        FaultKind::Status { status, retry_after_s, headers } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let response = ApiError::of_status(status).into_response();
            let mut response = shape::shaped(simulator, profile, response);
            // Asked for by number, so it stays that number, whatever status the profile would give it.
            *response.status_mut() = status;
            set_retry_after(&mut response, *retry_after_s);
            Some(with_headers(response, headers))
        }
        FaultKind::Error(error) => {
            let profile = error.shape.unwrap_or(profile);
            let mut response = match endpoint {
                Endpoint::Api | Endpoint::Userinfo => api_error(error, profile),
                _ => shape::shaped(simulator, profile, oauth_error(error)),
            };
            if let Some(status) = error.status.and_then(|status| StatusCode::from_u16(status).ok()) {
                *response.status_mut() = status;
            }
            set_retry_after(&mut response, error.retry_after_s);
            Some(response)
        }
        FaultKind::Html { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
            Some((status, Html(PAGE)).into_response())
        }
        // Closed without an answer; what is in it is never sent.
        FaultKind::Drop => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        _ => None,
    }
}

fn set_retry_after(response: &mut Response, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

fn oauth_error(fault: &ErrorFault) -> Response {
    let description =
        fault.error_description.clone().unwrap_or_else(|| "the provider was told so".to_owned());
    OAuthError::new(fault.error.clone(), description).numbered(fault.aadsts).into_response()
}

/// An error of the API by its own name, in the frame that the profile puts its errors into.
fn api_error(fault: &ErrorFault, profile: Profile) -> Response {
    let code = fault.error.as_str();
    let message = fault.error_description.as_deref().unwrap_or("the provider was told so");
    let status = fault.status.unwrap_or_else(|| usual_status(code, profile));
    let body = match profile {
        Profile::Slack => {
            let mut body = json!({"ok": false, "error": code});
            if let Some(needed) = &fault.needed {
                body["needed"] = json!(needed);
                body["provided"] = json!("");
            }
            body
        }
        Profile::Google => json!({"error": {
            "code": status,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": code}],
        }}),
        Profile::Microsoft => json!({"error": {"code": code, "message": message, "innerError": {}}}),
        Profile::Plain => {
            let mut error = json!({"code": code, "message": message});
            if let Some(needed) = &fault.needed {
                error["required"] = json!([needed]);
            }
            json!({"error": error})
        }
    };
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

/// The status that an error of the API usually has.
fn usual_status(code: &str, profile: Profile) -> u16 {
    let code = code.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    match profile {
        Profile::Slack if has(&["ratelimited", "rate_limited"]) => 429,
        Profile::Slack => 200,
        _ if has(&["ratelimit", "rate_limit", "toomany", "throttl"]) => 429,
        _ if has(&["token", "auth"]) => 401,
        _ if has(&["scope", "permission", "denied", "forbidden", "policy", "quota"]) => 403,
        _ if has(&["notfound", "not_found"]) => 404,
        _ if has(&["unavailable", "notavailable", "backend", "internal"]) => 503,
        _ => 400,
    }
}

/// What a fault makes of the answer.
pub(super) async fn spoil(fault: &FaultKind, response: Response, token: Option<&str>) -> Response {
    match fault {
        FaultKind::EchoBearer => echo(response, token).await,
        FaultKind::Malformed => break_off(response).await,
        FaultKind::Empty => empty(response),
        FaultKind::Headers { headers } => with_headers(response, headers),
        FaultKind::Trickle { delay_ms } => trickle(response, Duration::from_millis(*delay_ms)).await,
        _ => response,
    }
}

fn with_headers(mut response: Response, headers: &BTreeMap<String, String>) -> Response {
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn body_of(response: Response) -> (Parts, Bytes) {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    (parts, to_bytes(body, MAX_ANSWER).await.unwrap_or_default())
}

async fn echo(response: Response, token: Option<&str>) -> Response {
    let Some(token) = token else { return response };
    let (mut parts, body) = body_of(response).await;
    if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
        parts.headers.insert("x-echo-authorization", value);
    }
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(mut fields)) => {
            fields.insert("echo".to_owned(), json!(format!("Bearer {token}")));
            Bytes::from(Value::Object(fields).to_string())
        }
        _ => body,
    };
    Response::from_parts(parts, Body::from(body))
}

/// At least one byte, never the whole: an empty body would be another mishap.
fn half(body: &Bytes) -> usize {
    (body.len() / 2).max(1).min(body.len())
}

async fn break_off(response: Response) -> Response {
    let (mut parts, body) = body_of(response).await;
    parts.status = StatusCode::OK;
    let body = body.slice(..half(&body));
    Response::from_parts(parts, Body::from(body))
}

fn empty(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

async fn trickle(response: Response, pause: Duration) -> Response {
    let (parts, body) = body_of(response).await;
    let middle = half(&body);
    let halves = futures::stream::unfold(0_u8, move |step| {
        let body = body.clone();
        async move {
            match step {
                0 => Some((Ok::<_, std::io::Error>(body.slice(..middle)), 1)),
                1 => {
                    tokio::time::sleep(pause).await;
                    Some((Ok(body.slice(middle..)), 2))
                }
                _ => None,
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(halves))
}

/// Closes the connection in place of an answer: a body that fails before its first byte makes the HTTP layer drop
/// the connection with the head still unsent.
pub(super) fn hang_up(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let failure = futures::stream::once(async {
        Err::<Bytes, _>(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "told to hang up"))
    });
    Response::from_parts(parts, Body::from_stream(failure))
}
