//! JSON bodies.

use axum::{body::Body, extract::FromRequest, extract::Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use valetkey_domain::{Error, ErrorCode};

use super::field_error::invalid_field;
use crate::{error::ApiError, front::body::fault_in};

/// A JSON body. Nesting is bounded by the parser, size and time by the front of the server.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let body = read_body(request.into_body()).await?;
        if !is_json {
            return Err(Error::new(ErrorCode::UnsupportedMediaType).into());
        }
        Ok(Self(parse(&body)?))
    }
}

/// A JSON body that may be left out altogether.
pub(crate) struct MaybeJson<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let body = read_body(request.into_body()).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            return Err(Error::new(ErrorCode::UnsupportedMediaType).into());
        }
        Ok(Self(parse(&body)?))
    }
}

/// Whether the headers say that the body is JSON as it stands; nothing is decompressed here.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return false;
    }
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a bounded body to its end.
///
/// # Errors
/// `payload_too_large`, `request_timeout`, `invalid_request` if the client hung up in the middle.
pub(crate) async fn read_body(body: Body) -> Result<Bytes, Error> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(match fault_in(&error) {
            Some(fault) => fault.into(),
            None => {
                Error::new(ErrorCode::InvalidRequest).message("The request body broke off.").because(error)
            }
        }),
    }
}

/// A part of a body that was read already.
///
/// # Errors
/// `invalid_argument`, naming the field within the part.
pub(crate) fn parse_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| invalid_field(&error.path().to_string(), &error.inner().to_string()))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner();
        match inner.classify() {
            Category::Data => invalid_field(&path, &inner.to_string()),
            Category::Syntax | Category::Eof | Category::Io => malformed(inner),
        }
    })?;
    parser.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Says where the body stops being JSON, without quoting it.
pub(crate) fn malformed(error: &serde_json::Error) -> Error {
    Error::new(ErrorCode::InvalidRequest).message(format!("The request body is not valid JSON: {error}."))
}
