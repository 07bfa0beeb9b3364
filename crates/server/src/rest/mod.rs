//! The native REST API under `/v1/connect`. One endpoint is one file, named after its noun and verb.

mod accounts;
mod background;
mod branding;
mod clients;
mod common;
mod connections;
mod connectors;
mod diagnoses;
mod errors;
mod events;
mod executions;
mod keys;
mod links;
mod openapi;
mod operators;
mod revocations;
mod store;
mod support;
mod tokens;
mod tools;
mod webhooks;

pub(crate) use background::routes as background_routes;
pub(crate) use openapi::Errors;
pub(crate) use support::bundle_of as support_bundle;
use utoipa_axum::router::OpenApiRouter;

use crate::state::App;

/// Every endpoint, with its description.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::document())
        .merge(connections::routes())
        .merge(accounts::routes())
        .merge(links::routes())
        .merge(revocations::routes())
        .merge(tools::routes())
        .merge(connectors::routes())
        .merge(errors::routes())
        .merge(executions::routes())
        .merge(diagnoses::routes())
        .merge(support::routes())
        .merge(clients::routes())
        .merge(tokens::routes())
        .merge(keys::routes())
        .merge(store::routes())
        .merge(operators::routes())
        .merge(background::routes())
        .merge(branding::routes())
        .merge(webhooks::routes())
}
