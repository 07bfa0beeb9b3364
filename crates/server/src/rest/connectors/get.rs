//! `GET /v1/connect/connectors/{name}`

use axum::{Json, extract::State};

use super::ConnectorBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get a connector
///
/// By its own or its official name. Needs `agent_connectors:read`.
#[utoipa::path(
    get, path = "/v1/connect/connectors/{name}", operation_id = "getConnector", tag = "connectors",
    params(("name" = String, Path, description = "`gmail` or `GMAIL`")),
    responses((status = OK, description = "The connector", body = ConnectorBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Reply<ConnectorBody> {
    Ok(Json(app.engine.get_connector(&caller, &name)?.into()))
}
