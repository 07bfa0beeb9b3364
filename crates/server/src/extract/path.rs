//! Parameters in the path.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;
use valetkey_domain::{Error, ErrorCode};

use crate::error::ApiError;

/// Path parameters. Anything unreadable (broken percent-encoding, say) is a path that leads nowhere.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Sync + Send, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| Error::new(ErrorCode::RouteNotFound).because(rejection).into())
    }
}
