//! What every request to the dashboard passes: does it come from our own pages, and who is it.

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts};
use url::{Host, Origin, Url};
use valetkey_domain::{Error, ErrorCode};
use valetkey_engine::Visitor;

use super::{
    cookie, failure,
    form::{Form, TOKEN},
    login,
};
use crate::{RequestContext, ServerOptions, error::ApiError, state::App};

/// Nothing loads but our own style sheet, script and icon, the script asks nobody but us, forms lead to ourselves, and nothing may frame a page.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
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
pub(super) async fn same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let context = request.extensions().get::<RequestContext>().cloned();
    let answer = match check(request.method(), request.headers(), request.uri(), &app.options) {
        Ok(()) => next.run(request).await,
        Err(error) => ApiError(error).into_response(),
    };
    let mut answer = failure::page(answer, &app, context.as_ref(), None);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    // Without a referrer browsers would not say where a form comes from either: `Origin: null` (Fetch §3.2).
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}

fn check(method: &Method, headers: &HeaderMap, uri: &Uri, options: &ServerOptions) -> Result<(), Error> {
    let foreign = || Error::new(ErrorCode::CrossSiteRequest);
    // A page of another name that resolves to this machine is that other site's: DNS rebinding. Behind a proxy the name
    // is the proxy's business, and the cookie is bound to the name in the browser anyhow.
    if is_loopback(&options.public_url) {
        let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let named = named.or_else(|| uri.authority().map(|authority| authority.as_str()));
        if named.is_some_and(|named| !is_ours(named, &options.public_url)) {
            return Err(foreign());
        }
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let ours = match text(header::ORIGIN) {
        Some(origin) => Url::parse(origin).is_ok_and(|url| same_origin(&url.origin(), &options.public_url)),
        // Browsers that leave it out say at least this much (Fetch Metadata §2.4).
        None => text(header::HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
    };
    if ours { Ok(()) } else { Err(foreign()) }
}

fn same_origin(origin: &Origin, public_url: &Url) -> bool {
    *origin == public_url.origin() && matches!(origin, Origin::Tuple(..))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether a `Host` header names the public address, or the machine itself: health checks and tools say 127.0.0.1.
fn is_ours(named: &str, public_url: &Url) -> bool {
    Url::parse(&format!("{}://{named}", public_url.scheme()))
        .is_ok_and(|url| is_loopback(&url) || url.host() == public_url.host())
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
