//! Microsoft's errors: AADSTS codes at the token endpoint, Graph's in the API, trace ids in both.

use axum::http::StatusCode;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{Aadsts, Stamp};
use crate::{
    Ending,
    grants::Dead,
    http::{api::ApiError, api::Why, oauth_error::OAuthError},
};

pub(super) fn api(error: &ApiError, stamp: &Stamp) -> (StatusCode, Value) {
    let (code, message) = match error.why {
        Why::Token(None) => ("InvalidAuthenticationToken", "Access token is empty."),
        Why::Token(Some(Dead::Expired)) => {
            ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        }
        Why::Token(_) => ("InvalidAuthenticationToken", "Access token validation failure."),
        Why::Suspended => ("Authorization_RequestDenied", "The account is disabled."),
        Why::Scope(_) => ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
        Why::NotFound => ("ErrorItemNotFound", "The specified object was not found in the store."),
        Why::Method | Why::Invalid => ("BadRequest", error.message.as_str()),
        Why::Full => ("ErrorExceededMessageLimit", "The mailbox has reached its limit."),
        Why::Forbidden => ("accessDenied", "Access is denied."),
        Why::Conflict => ("nameAlreadyExists", "The name is taken."),
        Why::RateLimited => ("TooManyRequests", "Too many requests."),
        Why::Unavailable => ("serviceNotAvailable", "The service is not available."),
    };
    let inner = json!({
        "date": stamp.at.format(&Rfc3339).unwrap_or_default(),
        "request-id": stamp.trace_id,
        "client-request-id": stamp.correlation_id,
    });
    (error.status, json!({"error": {"code": code, "message": message, "innerError": inner}}))
}

pub(super) fn oauth(error: &OAuthError, stamp: &Stamp) -> (StatusCode, Value) {
    let number = error.aadsts.unwrap_or_else(|| number(error));
    let known = Aadsts::of(number);
    let code = known.map_or(error.code(), |known| known.error);
    let text = known.map_or(error.description(), |known| known.text);
    let at = stamp.at.format(&Rfc3339).unwrap_or_default();
    let description = format!(
        "AADSTS{number}: {text} Trace ID: {} Correlation ID: {} Timestamp: {at}",
        stamp.trace_id, stamp.correlation_id
    );
    let mut body = json!({
        "error": code,
        "error_description": description,
        "error_codes": [number],
        "timestamp": at,
        "trace_id": stamp.trace_id,
        "correlation_id": stamp.correlation_id,
    });
    if let Some(suberror) = known.and_then(|known| known.suberror) {
        body["suberror"] = json!(suberror);
    }
    let status = if code == "invalid_client" { StatusCode::UNAUTHORIZED } else { error.status };
    (status, body)
}

/// The number that stands for a refusal of ours.
fn number(error: &OAuthError) -> u32 {
    match (error.code(), error.dead) {
        ("invalid_client", _) if error.description().contains("unknown") => 700_016,
        ("invalid_client", _) => 7_000_215,
        ("invalid_scope", _) => 70_011,
        ("unauthorized_client", _) => 700_016,
        ("unsupported_grant_type", _) => 70_003,
        (_, Some(Dead::Expired | Dead::Ended(Ending::Expired))) => 70_008,
        (_, Some(Dead::Ended(Ending::Idle))) => 700_082,
        (_, Some(Dead::Ended(Ending::TestMode))) => 70_043,
        (_, Some(Dead::Ended(Ending::Admin | Ending::PasswordChange))) => 50_173,
        (_, Some(Dead::Ended(Ending::User))) => 65_001,
        ("invalid_grant", _) => 70_000,
        _ => 900_144,
    }
}
