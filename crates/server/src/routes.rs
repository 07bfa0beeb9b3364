//! Which path leads where, and which paths are open to everybody.

use axum::{
    Router,
    extract::{Request, State},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;
use tower::ServiceExt;
use valetkey_engine::Engine;

use crate::{ServerOptions, auth::require_caller, compat, front, health, rest, state::App};

/// Every surface of the server on one router.
#[must_use]
pub fn router(engine: Engine, options: ServerOptions) -> Router {
    let app = App::new(engine.clone(), options.clone());
    let native = front::route_errors(public(app.clone()).merge(closed(app)));
    let doors = Doors { native, compat: compat::routes(engine) };
    front::before(Router::new().fallback(choose).with_state(doors), &options)
}

/// What answers without a token (S40): everything that is not here needs one.
fn public(app: App) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .with_state(app)
}

/// What needs a token.
fn closed(app: App) -> Router {
    let (native, _) = rest::routes().split_for_parts();
    native.route_layer(from_fn_with_state(app.clone(), require_caller)).with_state(app)
}

/// The two APIs on the port.
#[derive(Clone)]
struct Doors {
    native: Router,
    compat: Router,
}

/// gRPC is known by its content type or its package, its transcoding by its prefix: the compatible API answers there
/// in its own shape, for paths that it does not know too.
async fn choose(State(doors): State<Doors>, request: Request) -> Response {
    let path = request.uri().path();
    let compat = path.starts_with("/scalekit.v1.") || path.starts_with("/api/v1/") || is_grpc(&request);
    let router = if compat { doors.compat } else { doors.native };
    router.oneshot(request).await.into_response()
}

fn is_grpc(request: &Request) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
