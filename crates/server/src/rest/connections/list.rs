//! `GET /v1/connect/connections`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::{ConnectionId, store::ConnectionFilter};

use super::ConnectionPage;
use crate::{
    auth::Authenticated,
    extract::Query,
    rest::{
        common::{Reply, filled, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which connections.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListConnections {
    /// Of this connector.
    connector: Option<String>,
    /// Whose name contains this, whatever the case.
    query: Option<String>,
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List connections
///
/// Newest first. Needs `connections:read`.
#[utoipa::path(
    get, path = "/v1/connect/connections", operation_id = "listConnections", tag = "connections",
    params(ListConnections),
    responses((status = OK, description = "One page", body = ConnectionPage), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListConnections>,
) -> Reply<ConnectionPage> {
    let page = page_request::<ConnectionId>(query.page_size, query.page_token.as_deref())?;
    let filter = ConnectionFilter { connector: filled(query.connector), query: filled(query.query) };
    let found = app.engine.list_connections(&caller, &filter, &page).await?;
    Ok(Json(found.into()))
}
