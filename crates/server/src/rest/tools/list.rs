//! `GET /v1/connect/tools`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::{PageRequest, page::MAX_PAGE_SIZE};
use valetkey_engine::ToolFilter;

use super::ToolPage;
use crate::{
    auth::Authenticated,
    extract::Query,
    rest::{
        common::{Reply, filled},
        openapi::Errors,
    },
    state::App,
};

/// Which tools. Every filter given must fit.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTools {
    /// Of this connector.
    connector: Option<String>,
    /// Of the connector of this connection, by name or id.
    connection_name: Option<String>,
    /// Usable by this user now: of connectors on which they have an `ACTIVE` account.
    identifier: Option<String>,
    /// Whose name, connector or description fits these words.
    query: Option<String>,
    /// Rows of a page: 1 to 100. Default: 100.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List tools
///
/// By connector, in its own order. Needs `agent_connectors:read`.
#[utoipa::path(
    get, path = "/v1/connect/tools", operation_id = "listTools", tag = "tools",
    params(ListTools),
    responses((status = OK, description = "One page", body = ToolPage), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListTools>,
) -> Reply<ToolPage> {
    // The engine reads the token: tools are ordered by name, not by an id.
    let size = query.page_size.filter(|size| *size != 0).unwrap_or(MAX_PAGE_SIZE);
    let page = PageRequest::from_wire(size, query.page_token.as_deref().unwrap_or_default());
    let filter = ToolFilter {
        connectors: Vec::from_iter(filled(query.connector)),
        connections: Vec::from_iter(filled(query.connection_name)),
        identifier: filled(query.identifier),
        query: filled(query.query),
        ..ToolFilter::default()
    };
    let found = app.engine.list_tools(&caller, &filter, &page).await?;
    Ok(Json(found.into()))
}
