//! Errors of the API.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::journal::Trace;

#[derive(Debug)]
pub(in crate::http) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    detail: Option<(&'static str, Value)>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: None }
    }

    pub(in crate::http) fn invalid_token(message: String) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_token", message)
    }

    pub(super) fn insufficient_scope(scope: &'static str) -> Self {
        let message = format!("the access token lacks the scope {scope}");
        Self {
            detail: Some(("required", json!([scope]))),
            ..Self::new(StatusCode::FORBIDDEN, "insufficient_scope", message)
        }
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the path does not answer to this method",
        )
    }

    pub(super) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            detail: Some(("field", json!(field))),
            ..Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
        }
    }

    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    pub(super) fn full() -> Self {
        Self::new(StatusCode::FORBIDDEN, "quota_exceeded", "the account is full")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let note = format!("{}: {}", self.code, self.message);
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some((name, value)) = self.detail {
            error[name] = value;
        }
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        // RFC 6750 §3.1.
        let challenge = match self.code {
            "invalid_token" => Some("Bearer realm=\"sandbox\", error=\"invalid_token\""),
            "insufficient_scope" => Some("Bearer realm=\"sandbox\", error=\"insufficient_scope\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response.extensions_mut().insert(Trace { note: Some(note), ..Trace::default() });
        response
    }
}
