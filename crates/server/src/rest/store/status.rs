//! `GET /v1/connect/store`

use axum::{Json, extract::State};

use super::StoreBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Read the state of the database
///
/// Tells whether the database was restored or copied, and what that holds back. Needs `server:manage`.
#[utoipa::path(
    get, path = "/v1/connect/store", operation_id = "getStore", tag = "server",
    responses((status = OK, description = "The state of the database", body = StoreBody), Errors)
)]
pub(crate) async fn status(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<StoreBody> {
    Ok(Json(app.engine.store_status(&caller).await?.into()))
}
