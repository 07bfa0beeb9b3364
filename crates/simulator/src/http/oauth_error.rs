//! Errors of the OAuth endpoints (RFC 6749 §5.2), and how their forms are read.

use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{grants::Dead, journal::Trace};

/// An error of an OAuth endpoint. It travels in the response's extensions too, so that a profile can word it its own
/// way.
#[derive(Debug, Clone)]
pub(super) struct OAuthError {
    pub(super) status: StatusCode,
    error: Cow<'static, str>,
    description: String,
    /// What is wrong with the token that came, if that is it.
    pub(super) dead: Option<Dead>,
    /// Microsoft's number, if it was asked for by number.
    pub(super) aadsts: Option<u32>,
}

impl OAuthError {
    pub(super) fn new(error: impl Into<Cow<'static, str>>, description: impl Into<String>) -> Self {
        let error = error.into();
        let status = match &*error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self { status, error, description: description.into(), dead: None, aadsts: None }
    }

    /// The same, with Microsoft's number for it.
    pub(super) fn numbered(self, aadsts: Option<u32>) -> Self {
        Self { aadsts, ..self }
    }

    /// A refresh token that is not good.
    pub(super) fn dead(dead: Dead) -> Self {
        let description = format!("refresh token {}", dead.words());
        Self { dead: Some(dead), ..Self::new("invalid_grant", description) }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({"error": self.code(), "error_description": self.description});
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"sandbox\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(self);
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

/// Splits a scope parameter, refusing what `allows` does not. Absent means every scope of `all`.
pub(super) fn scopes<'a>(
    asked: Option<&str>,
    separator: &str,
    all: impl IntoIterator<Item = &'a str>,
    allows: impl Fn(&str) -> bool,
) -> Result<Vec<String>, OAuthError> {
    let Some(asked) = asked else { return Ok(all.into_iter().map(str::to_owned).collect()) };
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.split(separator).flat_map(|part| part.split(' ')).filter(|s| !s.is_empty()) {
        if !allows(scope) {
            return Err(OAuthError::new("invalid_scope", format!("scope {scope} is unknown or not granted")));
        }
        if !scopes.iter().any(|s| s == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

impl OAuthError {
    pub(super) fn code(&self) -> &str {
        &self.error
    }

    pub(super) fn description(&self) -> &str {
        &self.description
    }
}
