//! Around every provider endpoint: faults strike, the journal is written.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{Endpoint, Entry, FaultKind, Simulator, hash::Hashed, journal::Trace};

const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The bearer of a request (RFC 6750 §2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(super) async fn observe(
    State(simulator): State<Simulator>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let Some(endpoint) = Endpoint::of_path(&path) else { return next.run(request).await };
    let method = request.method().as_str().to_owned();
    let token = bearer(request.headers()).map(str::to_owned);
    let faults = simulator.state().faults.take(endpoint, &path);

    let mut refusal = None;
    for fault in &faults {
        match fault {
            FaultKind::Delay { delay_ms } => tokio::time::sleep(Duration::from_millis(*delay_ms)).await,
            FaultKind::Status { status, retry_after_s } => refusal = Some(refused(*status, *retry_after_s)),
            FaultKind::CallbackError { .. } => {
                request.extensions_mut().insert(ForcedCallback(fault.clone()));
            }
            FaultKind::Cut | FaultKind::Malformed | FaultKind::EchoBearer => {}
        }
    }
    let mut response = match refusal {
        Some(response) => response,
        None => next.run(request).await,
    };
    for fault in &faults {
        response = match fault {
            FaultKind::EchoBearer => echo(response, token.as_deref()).await,
            FaultKind::Malformed => break_off(response).await,
            _ => response,
        };
    }
    let cut = faults.contains(&FaultKind::Cut);
    record(&simulator, endpoint, method, path, token.as_deref(), &response, cut, &faults);
    if cut { hang_up(response) } else { response }
}

/// An error that the consent endpoint is to send the user back with.
#[derive(Clone)]
pub(super) struct ForcedCallback(pub(super) FaultKind);

fn refused(status: u16, retry_after_s: Option<u64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The code fits the status, as it would at a provider: clients may go by either.
    let (code, message) = match status {
        StatusCode::TOO_MANY_REQUESTS => ("rate_limited", "too many requests"),
        StatusCode::UNAUTHORIZED => ("invalid_token", "the provider was told to refuse the token"),
        StatusCode::FORBIDDEN => ("forbidden", "the provider was told to forbid it"),
        StatusCode::NOT_FOUND => ("not_found", "the provider was told to find nothing"),
        StatusCode::CONFLICT => ("conflict", "the provider was told to report a conflict"),
        status if status.is_client_error() => ("invalid_request", "the provider was told to refuse"),
        _ => ("unavailable", "the provider was told to fail"),
    };
    let mut response =
        (status, axum::Json(json!({"error": {"code": code, "message": message}}))).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn body_of(response: Response) -> (axum::http::response::Parts, Bytes) {
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

async fn break_off(response: Response) -> Response {
    let (mut parts, body) = body_of(response).await;
    parts.status = StatusCode::OK;
    // At least one byte, never the whole: an empty body would be another mishap.
    let half = body.slice(..(body.len() / 2).max(1).min(body.len()));
    Response::from_parts(parts, Body::from(half))
}

/// Closes the connection in place of an answer: a body that fails before its first byte makes the HTTP layer drop
/// the connection with the head still unsent.
fn hang_up(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let failure = futures::stream::once(async {
        Err::<Bytes, _>(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "told to hang up"))
    });
    Response::from_parts(parts, Body::from_stream(failure))
}

#[expect(clippy::too_many_arguments, reason = "one call; a struct would only rename the journal entry")]
fn record(
    simulator: &Simulator,
    endpoint: Endpoint,
    method: String,
    path: String,
    token: Option<&str>,
    response: &Response,
    cut: bool,
    faults: &[FaultKind],
) {
    let mut trace = response.extensions().get::<Trace>().cloned().unwrap_or_default();
    let now = simulator.now();
    let mut state = simulator.state();
    if let Some(token) = token {
        trace.token_fingerprint = Some(Hashed::of(token).fingerprint());
        if let Some((found, grant)) = state.grants.find(token) {
            trace.client_id = Some(grant.client_id.clone());
            trace.user = Some(grant.user.clone());
            trace.grant = Some(found.grant);
        }
    }
    if !faults.is_empty() {
        let told: Vec<_> = faults.iter().map(FaultKind::name).collect();
        trace.note =
            Some(trace.note.map_or_else(String::new, |note| note + "; ") + "fault: " + &told.join(", "));
    }
    state.journal.push(Entry {
        seq: 0,
        at: now,
        method,
        path,
        endpoint,
        status: (!cut).then(|| response.status().as_u16()),
        grant_type: trace.grant_type,
        client_auth: trace.client_auth,
        client_id: trace.client_id,
        user: trace.user,
        grant: trace.grant,
        token_fingerprint: trace.token_fingerprint,
        note: trace.note,
    });
}
