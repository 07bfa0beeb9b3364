//! `GET /v1/connect/errors`

use axum::{Json, extract::State};

use super::CatalogueBody;
use crate::{
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// List the catalogue of errors
///
/// Every code that an error of this server can have, on any of its surfaces: what it means, who must act, what to do.
/// Needs no permission.
#[utoipa::path(
    get, path = "/v1/connect/errors", operation_id = "listErrors", tag = "server",
    responses((status = OK, description = "The catalogue", body = CatalogueBody), Errors)
)]
pub(crate) async fn list(State(app): State<App>) -> Reply<CatalogueBody> {
    Ok(Json(CatalogueBody::on(&app.options)))
}
