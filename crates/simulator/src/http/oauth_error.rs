//! Errors of the OAuth endpoints (RFC 6749 §5.2), and how their forms are read.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::journal::Trace;

#[derive(Debug)]
pub(super) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl OAuthError {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self { status, error, description: description.into() }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"sandbox\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The answer of an OAuth endpoint: never cached (RFC 6749 §5.1), with what the journal wants to know.
pub(super) fn answer(result: Result<Option<Value>, OAuthError>, mut trace: Trace) -> Response {
    let mut response = match result {
        Ok(Some(body)) => Json(body).into_response(),
        Ok(None) => StatusCode::OK.into_response(),
        Err(error) => {
            trace.note = Some(format!("{}: {}", error.error, error.description));
            error.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response.extensions_mut().insert(trace);
    response
}

/// The parameters of a form.
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads a form body.
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, OAuthError> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !media_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(OAuthError::new(
                "invalid_request",
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        let mut params = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            // RFC 6749 §3.2: no parameter twice; one sent without a value counts as not sent.
            if params.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(OAuthError::new("invalid_request", format!("{name} is there twice")));
            }
        }
        params.retain(|_, value| !value.is_empty());
        Ok(Self(params))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::new("invalid_request", format!("{name} is missing")))
    }
}

/// Splits a scope parameter, refusing what the provider does not know. Absent means every scope of `allowed`.
pub(super) fn scopes<'a>(
    asked: Option<&str>,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, OAuthError> {
    let allowed: Vec<&str> = allowed.into_iter().collect();
    let Some(asked) = asked else { return Ok(allowed.into_iter().map(str::to_owned).collect()) };
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.split(' ').filter(|s| !s.is_empty()) {
        if !allowed.contains(&scope) {
            return Err(OAuthError::new("invalid_scope", format!("scope {scope} is unknown or not granted")));
        }
        if !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

impl OAuthError {
    pub(super) fn code(&self) -> &'static str {
        self.error
    }

    pub(super) fn description(&self) -> &str {
        &self.description
    }
}
