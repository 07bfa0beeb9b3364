//! Who is calling. Routes are closed unless they are listed as public where the router is put together (S40).

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, header, request::Parts};
use valetkey_domain::{Caller, Error, ErrorCode};

use crate::{error::ApiError, front::RequestContext, state::App};

/// The bearer token of a request. Of several `Authorization` values the first one counts: clients that have renewed
/// their token send the old one behind it.
///
/// # Errors
/// `unauthenticated` when there is none.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let value = headers.get(header::AUTHORIZATION).ok_or_else(|| Error::new(ErrorCode::Unauthenticated))?;
    let value = value.to_str().map_err(|_| malformed())?;
    // RFC 9110 §11.1: the scheme is case-insensitive.
    let (scheme, token) = value.split_once(' ').ok_or_else(malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(malformed());
    }
    Ok(token)
}

fn malformed() -> Error {
    Error::new(ErrorCode::Unauthenticated)
        .message("The Authorization header does not have the form \"Bearer <token>\".")
}

/// Lets a request through only with a valid token and inside its limits, and tells the handlers whose it is.
pub(crate) async fn require_caller(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let context = request.extensions().get::<RequestContext>();
    let address = context.and_then(RequestContext::address);
    let mut caller = app.engine.admit_call(bearer(request.headers()), address).await?;
    if let Some(context) = context {
        context.note_client(&caller.client);
        caller.request = Some(context.id().clone());
    }
    request.extensions_mut().insert(Authenticated(caller));
    Ok(next.run(request).await)
}

/// The caller, for handlers behind [`require_caller`].
#[derive(Debug, Clone)]
pub(crate) struct Authenticated(pub(crate) Caller);

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = ApiError;

    /// A route that was left out of the closed part by mistake answers 401 rather than anything else.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::new(ErrorCode::Unauthenticated).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|v| (header::AUTHORIZATION, http::HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn bearer_two_values_first_counts() {
        assert_eq!(bearer(&headers(&["Bearer fresh", "Bearer stale"])).unwrap(), "fresh");
    }

    #[test]
    fn bearer_scheme_in_any_case() {
        assert_eq!(bearer(&headers(&["bEARER  token"])).unwrap(), "token");
    }

    #[test]
    fn bearer_missing_or_malformed_unauthenticated() {
        for values in [&[][..], &["Bearer"], &["Bearer "], &["Basic dTpw"], &["token"], &[""]] {
            assert_eq!(
                bearer(&headers(values)).unwrap_err().code(),
                ErrorCode::Unauthenticated,
                "{values:?}"
            );
        }
    }
}
