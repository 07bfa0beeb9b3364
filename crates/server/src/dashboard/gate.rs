//! What every request to the dashboard passes: does it come from our own pages, and who is it.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts};
use valetkey_domain::{Error, ErrorCode};
use valetkey_engine::Visitor;

use super::{
    cookie, failure,
    form::{Form, TOKEN},
    login,
};
use crate::{RequestContext, ServerOptions, error::ApiError, pages::HoldsPicture, same_site, state::App};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Nothing loads but our own style sheet, script and icon, the script asks nobody but us, forms lead to ourselves, and nothing may frame a page.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The same for a page that shows a picture before it is saved anywhere.
const WITH_PICTURE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);

/// The visitor, for handlers behind [`require_visitor`].
#[derive(Clone)]
pub(super) struct Visiting(pub(super) std::sync::Arc<Visitor>);

impl<S: Sync> FromRequestParts<S> for Visiting {
    type Rejection = ApiError;

    /// A route that was left out of the closed part by mistake answers 401 rather than anything else.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::new(ErrorCode::Unauthenticated).into())
    }
}

/// Refuses what another site sent, and gives every page its headers (S44).
pub(super) async fn require_same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    let answer = match check(request.method(), request.headers(), request.uri(), &app.options) {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError(error).into_response(),
    };
    let mut answer = failure::page(answer, &app, context.as_ref(), None);
    let policy = match answer.extensions().get::<HoldsPicture>() {
        Some(HoldsPicture) => WITH_PICTURE,
        None => CONTENT_SECURITY_POLICY,
    };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    // Without a referrer browsers would not say where a form comes from either: `Origin: null` (Fetch §3.2).
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

fn check(method: &Method, headers: &HeaderMap, uri: &Uri, options: &ServerOptions) -> Result<(), Error> {
    let foreign = || Error::new(ErrorCode::CrossSiteRequest);
    if !same_site::is_host_ours(headers, uri, &options.public_url) {
        return Err(foreign());
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let ours = same_site::is_origin_ours(headers, &options.public_url).unwrap_or_else(|| {
        // Browsers that leave it out say at least this much (Fetch Metadata §2.4).
        headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
    });
    if ours { Ok(()) } else { Err(foreign()) }
}

/// Lets a request through only with a session, and a form only with the token of that session.
pub(super) async fn require_visitor(State(app): State<App>, request: Request, next: Next) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    let visitor = match cookie::read(request.headers(), &app.options) {
        Some(token) => app.engine.visitor(&token, context.as_ref().map(RequestContext::id)).await,
        None => Ok(None),
    };
    let visitor = match visitor {
        Ok(Some(visitor)) => std::sync::Arc::new(visitor),
        Ok(None) => return login::redirect(&app, request.method(), request.uri()),
        Err(error) => return ApiError(error).into_response(),
    };
    let (mut parts, body) = request.into_parts();
    let changes = !matches!(parts.method, Method::GET | Method::HEAD);
    let body = if changes {
        let form = match Form::read(&parts.headers, body).await {
            Ok(form) if visitor.sent(form.text(TOKEN)) => form,
            Ok(_) => {
                let refused = ApiError(Error::new(ErrorCode::CrossSiteRequest)).into_response();
                return failure::page(refused, &app, context.as_ref(), Some(&visitor));
            }
            Err(error) => {
                return failure::page(
                    ApiError(error).into_response(),
                    &app,
                    context.as_ref(),
                    Some(&visitor),
                );
            }
        };
        parts.extensions.insert(form);
        axum::body::Body::empty()
    } else {
        body
    };
    parts.extensions.insert(Visiting(std::sync::Arc::clone(&visitor)));
    let path = parts.uri.path().to_owned();
    let answer = next.run(Request::from_parts(parts, body)).await;
    if changes && let Some(ApiError(error)) = answer.extensions().get::<ApiError>() {
        note_refusal(&app, &visitor, &path, error).await;
    }
    failure::page(answer, &app, context.as_ref(), Some(&visitor))
}

/// S57: what a person asked for and may not do is recorded.
async fn note_refusal(app: &App, visitor: &Visitor, path: &str, error: &Error) {
    if error.code() != ErrorCode::PermissionDenied {
        return;
    }
    let action = format!("refused:{}", path.trim_start_matches("/dashboard/"));
    if let Err(failure) = app.engine.audit_refusal(&visitor.caller, &action, None, error).await {
        tracing::error!(code = failure.code().as_str(), "a refusal could not be recorded");
    }
}
