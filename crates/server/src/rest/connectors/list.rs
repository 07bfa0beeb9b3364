//! `GET /v1/connect/connectors`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::ConnectorBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// All connectors.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connectors)]
pub(crate) struct ConnectorsBody {
    /// By name.
    items: Vec<ConnectorBody>,
}

/// List connectors
///
/// Needs `agent_connectors:read`.
#[utoipa::path(
    get, path = "/v1/connect/connectors", operation_id = "listConnectors", tag = "connectors",
    responses((status = OK, description = "All connectors, by name", body = ConnectorsBody), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Reply<ConnectorsBody> {
    let connectors = app.engine.list_connectors(&caller)?;
    Ok(Json(ConnectorsBody { items: connectors.into_iter().map(ConnectorBody::from).collect() }))
}
