//! Which path leads where, and which paths are open to everybody.

use axum::{
    Router,
    extract::{Request, State},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use tower::ServiceExt;
use utoipa::openapi::{OpenApi, Server};
use valetkey_engine::Engine;

use crate::{
    ServerOptions, auth::require_caller, compat, dashboard, docs, front, health, mcp, oauth_token, pages,
    proxy, rest, state::App,
};

/// Every surface of the server on one router.
pub fn router(engine: Engine, options: ServerOptions) -> Router {
    let app = App::new(engine.clone(), options.clone(), document(&options));
    let closed = closed(&app);
    let people = dashboard::routes(&app);
    let native = front::route_errors(public().merge(closed).merge(people).with_state(app));
    let doors = Doors { native, compat: compat::routes(engine, &options) };
    front::before(Router::new().fallback(choose).with_state(doors), &options)
}

/// Health, and to those with a token how the background is doing: for a process that does no callers' work.
pub fn health_router(engine: Engine, options: ServerOptions) -> Router {
    let app = App::new(engine, options.clone(), document(&options));
    let health = Router::new().route("/healthz", get(health::healthz)).route("/readyz", get(health::readyz));
    let background = rest::background_routes()
        .split_for_parts()
        .0
        .route_layer(from_fn_with_state(app.clone(), require_caller));
    front::before(front::route_errors(health.merge(background).with_state(app)), &options)
}

/// What answers without a token (S40): everything that is not here needs one.
fn public() -> Router<App> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(openapi))
        .merge(oauth_token::routes().split_for_parts().0)
        .merge(pages::routes())
        .merge(docs::routes())
}

/// What needs a token.
fn closed(app: &App) -> Router<App> {
    rest::routes()
        .split_for_parts()
        .0
        .route("/proxy/", any(proxy::proxy))
        .route("/proxy/{*path}", any(proxy::proxy))
        .merge(mcp::routes(app))
        .route_layer(from_fn_with_state(app.clone(), require_caller))
}

/// The OpenAPI document of the native API.
#[must_use]
pub fn description() -> OpenApi {
    rest::routes().merge(oauth_token::routes()).into_openapi()
}

/// The description of the native API with this server's address. It does not change while the server runs.
fn document(options: &ServerOptions) -> Bytes {
    let mut description = description();
    description.servers = Some(vec![Server::new(options.address_of(""))]);
    // Names and texts in maps and lists always serialize.
    description.to_json().unwrap_or_default().into()
}

async fn openapi(State(app): State<App>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], app.openapi.clone()).into_response()
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
    let compat = path.starts_with("/scalekit.v1.")
        || path.starts_with("/api/v1/")
        || front::is_grpc(request.headers());
    let router = if compat { doors.compat } else { doors.native };
    router.oneshot(request).await.into_response()
}
