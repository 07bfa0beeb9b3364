//! What every request passes, whatever it is for: an id, bounds, one shape of errors, one set of headers, one line
//! in the log.

pub(crate) mod body;
mod context;

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, MatchedPath, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery};
use http_body::Body as _;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument;
use valetkey_domain::{Error, ErrorCode, RequestId};

use crate::{
    ServerOptions, client_address, compat,
    error::{ApiError, render},
    mcp,
};
use body::{BodyFault, BoundedBody};
pub use context::RequestContext;

/// The header that tells a caller the id of its request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

struct Front {
    options: ServerOptions,
    docs_base: String,
    /// One for each request that may be worked on at once.
    slots: Semaphore,
}

impl Front {
    /// A place among the requests being worked on. Questions after the server's health need none.
    fn slot(&self, request: &Request) -> Result<Option<SemaphorePermit<'_>>, Error> {
        if is_health(request.uri().path()) {
            return Ok(None);
        }
        self.slots.try_acquire().map(Some).map_err(|_| Error::new(ErrorCode::Overloaded))
    }
}

fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// Puts the front before `doors`, a router that has only a fallback: the front runs before any routing and can still
/// mend the path.
pub(crate) fn before(doors: Router, options: &ServerOptions) -> Router {
    let front = Arc::new(Front {
        docs_base: options.address_of("/docs/errors/"),
        slots: Semaphore::new(options.max_in_flight),
        options: options.clone(),
    });
    doors.layer(from_fn_with_state(front, pass))
}

/// What routes answer where they do not match, and the note of the one that matches.
pub(crate) fn route_errors(routes: Router) -> Router {
    routes
        .route_layer(from_fn(note_route))
        .fallback(|| async { ApiError(Error::new(ErrorCode::RouteNotFound)) })
        .method_not_allowed_fallback(|| async { ApiError(Error::new(ErrorCode::MethodNotAllowed)) })
}

async fn note_route(matched: MatchedPath, request: Request, next: Next) -> Response {
    if let Some(context) = request.extensions().get::<RequestContext>() {
        context.note_route(matched.as_str());
    }
    next.run(request).await
}

async fn pass(State(front): State<Arc<Front>>, mut request: Request, next: Next) -> Response {
    let options = &front.options;
    let id = RequestId::new(options.clock.as_ref(), options.entropy.as_ref());
    let context = RequestContext::new(id, client_address::of(&request, options.behind_proxy));
    let seen = Seen::of(&request);
    let shape = Shape::of(&request);
    let span = tracing::info_span!("request", request_id = %context.id());
    request.extensions_mut().insert(context.clone());

    let answer = async {
        let admitted =
            admit(request, options, &context).and_then(|request| Ok((front.slot(&request)?, request)));
        let answer = match admitted {
            Ok((_slot, request)) => {
                AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
                    // The panic's own message may quote anything; the hook has written where it was.
                    ApiError(Error::internal("a handler panicked")).into_response()
                })
            }
            Err(error) => ApiError(error).into_response(),
        };
        let answer = catalogued(answer);
        let mut answer = finish(answer, &context, &front.docs_base, shape);
        common_headers(&mut answer, &context);
        seen.log(&context, &answer);
        answer
    };
    answer.instrument(span).await
}

/// Refuses what no route may see and bounds what they all may.
fn admit(request: Request, options: &ServerOptions, context: &RequestContext) -> Result<Request, Error> {
    // S58: TRACE echoes headers, credentials among them. CONNECT is for forward proxies.
    if matches!(*request.method(), Method::TRACE | Method::CONNECT) {
        return Err(Error::new(ErrorCode::MethodNotAllowed));
    }
    let (mut parts, body) = request.into_parts();
    if let Some(uri) = without_leading_slashes(&parts.uri) {
        parts.uri = uri;
    }
    let (limit, time) = if parts.uri.path().starts_with("/proxy/") {
        (options.max_proxy_body_bytes, options.proxy_body_timeout)
    } else {
        (options.max_body_bytes, options.body_timeout)
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyFault::TooLarge { limit }.into());
    }
    let body = if body.is_end_stream() {
        body
    } else {
        Body::new(BoundedBody::new(body, limit, time, context.clone()))
    };
    Ok(Request::from_parts(parts, body))
}

/// Whether the caller speaks gRPC and expects its errors in that shape.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// A client whose base URL ends with a slash asks for `//oauth/token`: one slash is meant.
fn without_leading_slashes(uri: &Uri) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str();
    if !rest.starts_with("//") {
        return None;
    }
    let mended = format!("/{}", rest.trim_start_matches('/'));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(mended.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

/// Marks an answer whose status is no error of ours: it is the provider's word about a proxied call, or another protocol's
/// own way to say what is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Foreign;

/// Whatever goes wrong has a code: an error that a library answered with on its own becomes one of the catalogue.
fn catalogued(answer: Response) -> Response {
    let (status, extensions) = (answer.status(), answer.extensions());
    let is_error = status.is_client_error() || status.is_server_error();
    let has_code = extensions.get::<ApiError>().is_some() || extensions.get::<ErrorCode>().is_some();
    if !is_error || has_code || extensions.get::<Foreign>().is_some() {
        return answer;
    }
    let reason = format!("an answer of {status} had no code");
    let error = match status {
        StatusCode::NOT_FOUND => Error::new(ErrorCode::RouteNotFound).because(reason),
        StatusCode::METHOD_NOT_ALLOWED => Error::new(ErrorCode::MethodNotAllowed).because(reason),
        StatusCode::REQUEST_TIMEOUT => Error::new(ErrorCode::RequestTimeout).because(reason),
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(ErrorCode::PayloadTooLarge).because(reason),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::new(ErrorCode::UnsupportedMediaType).because(reason),
        status if status.is_client_error() => Error::new(ErrorCode::InvalidRequest).because(reason),
        _ => Error::internal(reason),
    };
    let mut coded = ApiError(error).into_response();
    if let Some(allow) = answer.headers().get(header::ALLOW) {
        coded.headers_mut().insert(header::ALLOW, allow.clone());
    }
    coded
}

/// How the errors of a request are written.
#[derive(Clone, Copy)]
enum Shape {
    Native,
    Compatible(compat::Renderer),
    Mcp,
}

impl Shape {
    fn of(request: &Request) -> Self {
        match compat::renderer(request) {
            Some(renderer) => Self::Compatible(renderer),
            None if request.uri().path() == mcp::PATH => Self::Mcp,
            None => Self::Native,
        }
    }
}

/// Writes out an error that a handler answered with.
fn finish(mut answer: Response, context: &RequestContext, docs_base: &str, shape: Shape) -> Response {
    let Some(ApiError(error)) = answer.extensions_mut().remove::<ApiError>() else { return answer };
    let render = match shape {
        Shape::Compatible(renderer) => return renderer(&error, context.id().as_str(), docs_base),
        Shape::Native => render,
        Shape::Mcp => mcp::render,
    };
    let details = error.details();
    if answer.status().is_server_error() {
        tracing::warn!(code = error.code().as_str(), message = %details.message, reason = details.internal, "request failed");
    } else {
        tracing::debug!(code = error.code().as_str(), reason = details.internal, "request refused");
    }
    let mut rendered = render(&error, context.id(), docs_base);
    // 405 comes with Allow, which only the router knows.
    if let Some(allow) = answer.headers_mut().remove(header::ALLOW) {
        rendered.headers_mut().insert(header::ALLOW, allow);
    }
    rendered.extensions_mut().insert(error.code());
    rendered
}

/// The headers of every answer. Pages add their own; what a handler has set stays.
fn common_headers(answer: &mut Response, context: &RequestContext) {
    const ALWAYS: [(HeaderName, HeaderValue); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(context.id().as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
}

/// What the log needs of a request that is gone by the time it is written.
struct Seen {
    method: Method,
    version: http::Version,
    peer: Option<SocketAddr>,
    is_health: bool,
    since: Instant,
}

impl Seen {
    fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            version: request.version(),
            peer: request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0),
            is_health: is_health(request.uri().path()),
            since: Instant::now(),
        }
    }

    /// One line per request: the route, never the path or the query, since both can carry secrets.
    fn log(&self, context: &RequestContext, answer: &Response) {
        let code = answer.extensions().get::<ErrorCode>().map_or("", |code| code.as_str());
        let duration_us = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        if self.is_health && answer.status().is_success() {
            tracing::debug!(target: "valetkey::access", route = context.route(), duration_us, "healthy");
            return;
        }
        tracing::info!(
            target: "valetkey::access",
            method = %self.method,
            route = context.route(),
            status = answer.status().as_u16(),
            duration_us,
            client = context.client(),
            code,
            version = ?self.version,
            peer = self.peer.map(tracing::field::display),
            "request"
        );
    }
}

#[cfg(test)]
mod tests;
