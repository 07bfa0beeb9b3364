//! `GET /v1/connect/executions`

use std::str::FromStr;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::{Error, ExecutionId, execution::ExecutionStatus, store::ExecutionFilter};

use super::ExecutionPage;
use crate::{
    auth::Authenticated,
    extract::Query,
    rest::{
        common::{COUNTED, Reply, filled, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which executions. Every filter given must fit.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListExecutions {
    /// Of this account: `ca_…`
    connected_account_id: Option<String>,
    /// Of this connection: `conn_…`
    connection_id: Option<String>,
    /// Of this tool, by its own name.
    tool_name: Option<String>,
    /// With this end: `RUNNING`, `SUCCEEDED`, `FAILED` or `UNKNOWN`.
    status: Option<String>,
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List executions
///
/// Newest first. Needs `agent_logs:read`.
#[utoipa::path(
    get, path = "/v1/connect/executions", operation_id = "listExecutions", tag = "executions",
    params(ListExecutions),
    responses((status = OK, description = "One page", body = ExecutionPage), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListExecutions>,
) -> Reply<ExecutionPage> {
    let page = page_request::<ExecutionId>(query.page_size, query.page_token.as_deref())?;
    let filter = ExecutionFilter {
        account: id("connected_account_id", query.connected_account_id)?,
        connection: id("connection_id", query.connection_id)?,
        tool: filled(query.tool_name),
        status: filled(query.status).map(|text| status(&text)).transpose()?,
        count_at_most: Some(COUNTED + 1),
    };
    let found = app.engine.list_executions(&caller, &filter, &page).await?;
    Ok(Json(found.into()))
}

fn id<I: FromStr<Err: std::fmt::Display>>(field: &str, text: Option<String>) -> Result<Option<I>, Error> {
    let read =
        filled(text).map(|text| text.parse().map_err(|e: I::Err| Error::invalid(field, e.to_string())));
    read.transpose()
}

fn status(text: &str) -> Result<ExecutionStatus, Error> {
    ExecutionStatus::parse(text)
        .ok_or_else(|| Error::invalid("status", "must be one of RUNNING, SUCCEEDED, FAILED, UNKNOWN"))
}
