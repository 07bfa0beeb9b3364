//! `GET /v1/connect/clients`

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::ClientBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// All API clients.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiClients)]
pub(crate) struct ClientsBody {
    /// Oldest first.
    items: Vec<ClientBody>,
}

/// List API clients
///
/// Needs `api_clients:manage`.
#[utoipa::path(
    get, path = "/v1/connect/clients", operation_id = "listClients", tag = "api clients",
    responses((status = OK, description = "All clients, oldest first", body = ClientsBody), Errors)
)]
pub(crate) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<ClientsBody> {
    let clients = app.engine.list_api_clients(&caller).await?;
    Ok(Json(ClientsBody { items: clients.into_iter().map(ClientBody::from).collect() }))
}
