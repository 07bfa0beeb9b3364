//! What forms send.

use std::sync::Arc;

use axum::{body::Body, extract::FromRequestParts};
use http::{HeaderMap, header, request::Parts};
use valetkey_domain::{Error, ErrorCode, SecretString};

use crate::{error::ApiError, extract::read_body};

/// The hidden field that ties a form to the session.
pub(super) const TOKEN: &str = "form_token";

/// The fields of a form, in their order. Read and checked by the gate before a handler sees it. It may hold passwords and
/// client secrets: it does not print.
#[derive(Clone, Default)]
pub(super) struct Form(Arc<Vec<(String, String)>>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// `unsupported_media_type`, and those of reading a body.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Error> {
        let is_form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return Err(Error::new(ErrorCode::UnsupportedMediaType));
        }
        let body = read_body(body).await?;
        let fields = url::form_urlencoded::parse(&body);
        Ok(Self(Arc::new(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())))
    }

    /// The value of a field; empty if it did not come.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
    }

    /// The value of a field without blanks around it, if anything is left.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The value of a field that is a secret, if it was filled in.
    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(|text| text.to_owned().into())
    }

    /// Every value of a field that may come several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box was ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The fields whose names begin with `prefix`, without it.
    pub(super) fn below(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.trim())))
    }
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = ApiError;

    /// A form that the gate has not let through is none.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::new(ErrorCode::CrossSiteRequest).into())
    }
}
