//! `GET /v1/connect/connections/{connection}`

use axum::{Json, extract::State};

use super::ConnectionBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get a connection
///
/// By id or by name. Needs `connections:read`.
#[utoipa::path(
    get, path = "/v1/connect/connections/{connection}", operation_id = "getConnection", tag = "connections",
    params(("connection" = String, Path, description = "Id or name")),
    responses((status = OK, description = "The connection", body = ConnectionBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
) -> Reply<ConnectionBody> {
    Ok(Json(app.engine.get_connection(&caller, &connection).await?.into()))
}
