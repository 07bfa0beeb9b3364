//! What forms send.

use std::sync::Arc;

use axum::{body::Body, extract::FromRequestParts};
use bytes::Bytes;
use http::{HeaderMap, header, request::Parts};
use valetkey_domain::{Error, ErrorCode, SecretString};

use crate::{error::ApiError, extract::read_body};

/// The hidden field that ties a form to the session.
pub(super) const TOKEN: &str = "form_token";

/// The fields of a form, in their order. Read and checked by the gate before a handler sees it. It may hold passwords and
/// client secrets: it does not print.
#[derive(Clone, Default)]
pub(super) struct Form(Arc<Sent>);

#[derive(Default)]
struct Sent {
    fields: Vec<(String, String)>,
    /// Files, by the name of their field.
    files: Vec<(String, Bytes)>,
}

impl Form {
    /// Reads a form, with files or without.
    ///
    /// # Errors
    /// `unsupported_media_type`, `invalid_request`, and those of reading a body.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Error> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default();
        if let Ok(boundary) = multer::parse_boundary(content_type) {
            return Ok(Self(Arc::new(parts(read_body(body).await?, boundary).await?)));
        }
        if !content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(Error::new(ErrorCode::UnsupportedMediaType));
        }
        let body = read_body(body).await?;
        let fields = url::form_urlencoded::parse(&body);
        let fields = fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        Ok(Self(Arc::new(Sent { fields, files: Vec::new() })))
    }

    /// The value of a field; empty if it did not come.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.fields.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
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
        self.0.fields.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A file that was chosen.
    pub(super) fn file(&self, name: &str) -> Option<&[u8]> {
        let (_, content) =
            self.0.files.iter().find(|(found, content)| found == name && !content.is_empty())?;
        Some(content)
    }

    /// Whether a box was ticked.
    pub(super) fn ticked(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The fields whose names begin with `prefix`, without it.
    pub(super) fn below(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.fields.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.trim())))
    }
}

/// The parts of a form with files (RFC 7578). The body is bounded and in memory already.
async fn parts(body: Bytes, boundary: String) -> Result<Sent, Error> {
    let unreadable = |error: multer::Error| Error::new(ErrorCode::InvalidRequest).because(error);
    let body = futures::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = multer::Multipart::new(body, boundary);
    let mut sent = Sent::default();
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        if part.file_name().is_some() {
            sent.files.push((name, part.bytes().await.map_err(unreadable)?));
        } else {
            sent.fields.push((name, part.text().await.map_err(unreadable)?));
        }
    }
    Ok(sent)
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = ApiError;

    /// A form that the gate has not let through is none.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::new(ErrorCode::CrossSiteRequest).into())
    }
}
