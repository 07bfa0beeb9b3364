//! Errors of the API, in the plain provider's shape. The other profiles' shapes are put over it on the way out.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{grants::Dead, journal::Trace};

/// Why an API call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Why {
    /// No bearer, or a dead one.
    Token(Option<Dead>),
    /// Whoever owns the bearer is suspended.
    Suspended,
    /// The bearer lacks this scope.
    Scope(&'static str),
    NotFound,
    Method,
    Invalid,
    Full,
    Forbidden,
    Conflict,
    RateLimited,
    Unavailable,
}

impl Why {
    /// What the plain provider calls it.
    pub(in crate::http) const fn code(self) -> &'static str {
        match self {
            Self::Token(_) => "invalid_token",
            Self::Suspended => "account_suspended",
            Self::Scope(_) => "insufficient_scope",
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::Invalid => "invalid_request",
            Self::Full => "quota_exceeded",
            Self::Forbidden => "forbidden",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::Suspended | Self::Scope(_) | Self::Full | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Conflict => StatusCode::CONFLICT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An error of the API. It travels in the response's extensions too, so that a profile can word it its own way.
#[derive(Debug, Clone)]
pub(in crate::http) struct ApiError {
    pub(in crate::http) status: StatusCode,
    pub(in crate::http) why: Why,
    pub(in crate::http) message: String,
    /// The scopes that the bearer carries, if a scope is missing.
    pub(in crate::http) granted: Vec<String>,
    field: Option<&'static str>,
}

impl ApiError {
    pub(in crate::http) fn new(why: Why, message: impl Into<String>) -> Self {
        Self { status: why.status(), why, message: message.into(), granted: Vec::new(), field: None }
    }

    /// As a provider would answer this status: clients may go by either, so the code fits it.
    pub(in crate::http) fn of_status(status: StatusCode) -> Self {
        let (why, message) = match status {
            StatusCode::TOO_MANY_REQUESTS => (Why::RateLimited, "too many requests"),
            StatusCode::UNAUTHORIZED => (Why::Token(None), "the provider was told to refuse the token"),
            StatusCode::FORBIDDEN => (Why::Forbidden, "the provider was told to forbid it"),
            StatusCode::NOT_FOUND => (Why::NotFound, "the provider was told to find nothing"),
            StatusCode::CONFLICT => (Why::Conflict, "the provider was told to report a conflict"),
            status if status.is_client_error() => (Why::Invalid, "the provider was told to refuse"),
            _ => (Why::Unavailable, "the provider was told to fail"),
        };
        Self { status, ..Self::new(why, message) }
    }

    pub(in crate::http) fn invalid_token(dead: Option<Dead>) -> Self {
        let message = match dead {
            None => "no bearer token came with the request".to_owned(),
            Some(dead) => format!("the access token {}", dead.words()),
        };
        Self::new(Why::Token(dead), message)
    }

    pub(super) fn insufficient_scope(scope: &'static str, granted: Vec<String>) -> Self {
        Self { granted, ..Self::new(Why::Scope(scope), format!("the access token lacks the scope {scope}")) }
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new(Why::NotFound, message)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(Why::Method, "the path does not answer to this method")
    }

    pub(super) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(Why::Invalid, message) }
    }

    pub(super) fn unreadable(message: impl Into<String>) -> Self {
        Self::new(Why::Invalid, message)
    }

    pub(super) fn full() -> Self {
        Self::new(Why::Full, "the account is full")
    }

    fn plain(&self) -> Value {
        let mut error = json!({"code": self.why.code(), "message": self.message});
        if let Why::Scope(scope) = self.why {
            error["required"] = json!([scope]);
        }
        if let Some(field) = self.field {
            error["field"] = json!(field);
        }
        json!({"error": error})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let note = format!("{}: {}", self.why.code(), self.message);
        let mut response = (self.status, Json(self.plain())).into_response();
        // RFC 6750 §3.1.
        let challenge = match self.why {
            Why::Token(_) => Some("Bearer realm=\"sandbox\", error=\"invalid_token\""),
            Why::Scope(_) => Some("Bearer realm=\"sandbox\", error=\"insufficient_scope\""),
            _ => None,
        };
        if let Some(challenge) = challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response.extensions_mut().insert(Trace { note: Some(note), ..Trace::default() });
        response.extensions_mut().insert(self);
        response
    }
}
