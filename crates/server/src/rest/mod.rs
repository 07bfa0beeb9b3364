//! The native REST API under `/v1/connect`. One endpoint is one file, named after its noun and verb.

mod accounts;
mod clients;
mod common;
mod connections;
mod events;
mod links;
mod openapi;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use crate::state::App;

/// Every endpoint, with its description.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::document())
        .merge(connections::routes())
        .merge(accounts::routes())
        .merge(links::routes())
        .merge(clients::routes())
        .merge(tokens::routes())
}

/// The OpenAPI document of the native API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}
