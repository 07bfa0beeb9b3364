//! The provider's HTTP surface.

mod api;
mod authorize;
mod client_auth;
mod control;
mod google;
mod metadata;
mod microsoft;
mod mishap;
mod oauth_error;
mod observe;
mod revoke;
pub(crate) mod shape;
mod slack;
mod token;
mod turned_away;
mod userinfo;
mod who;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    middleware,
    response::IntoResponse,
    routing::{get, post},
};

use crate::Simulator;

/// Form bodies and JSON documents are small.
const MAX_BODY: usize = 256 * 1024;

pub(crate) fn router(simulator: &Simulator) -> Router {
    let provider = Router::new()
        .route("/oauth/authorize", get(authorize::page))
        .route("/oauth/authorize/decision", post(authorize::decision))
        .route("/oauth/token", post(token::endpoint))
        .route("/oauth/revoke", post(revoke::endpoint))
        .route("/oauth/introspect", post(revoke::introspection))
        .route("/oauth/userinfo", get(userinfo::endpoint))
        .route("/.well-known/oauth-authorization-server", get(metadata::document))
        .merge(api::router())
        .merge(google::router())
        .merge(microsoft::router())
        .merge(slack::router())
        .layer(middleware::from_fn_with_state(simulator.clone(), observe::observe));
    Router::new()
        .merge(provider)
        .route("/oauth/style.css", get(style))
        .nest("/_sim", control::router())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(simulator.clone())
}

async fn style() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (StatusCode::OK, headers, include_str!("../../templates/style.css"))
}
