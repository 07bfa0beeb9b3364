//! `POST /v1/connect/tools/search`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use valetkey_engine::FoundTool;

use super::ToolBody;
use crate::{
    auth::Authenticated,
    extract::Json,
    rest::{
        common::{Reply, filled},
        openapi::Errors,
    },
    state::App,
};

/// What is looked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchTools {
    /// What the tool shall do, in words.
    #[schema(example = "send an e-mail")]
    query: String,
    /// Say for this user how each tool stands with their connections.
    identifier: Option<String>,
    /// How many tools at most: 1 to 100. Default: 10.
    #[serde(default)]
    limit: u32,
}

/// The tools that fit, best first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundTools)]
pub(crate) struct FoundToolsBody {
    items: Vec<FoundToolBody>,
}

/// A tool that fits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FoundTool)]
struct FoundToolBody {
    /// The tool.
    tool: ToolBody,
    /// Its description.
    description: String,
    /// How well it fits, from 0 to 1.
    score: f64,
    /// The connections of its connector; empty when no user was named.
    connections: Vec<ReadinessBody>,
}

/// How a tool stands with one connection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectionReadiness)]
struct ReadinessBody {
    connection_name: String,
    /// The user's account on it, if there is one.
    connected_account_id: Option<String>,
    /// What tells that account apart from others of the user on the connection; `null` for the unnamed one.
    account_name: Option<String>,
    /// `READY`, `NEEDS_CONNECTION` or `NEEDS_REAUTH`.
    #[schema(example = "READY")]
    state: &'static str,
}

impl From<FoundTool> for FoundToolBody {
    fn from(found: FoundTool) -> Self {
        let connections = found.connections.into_iter().map(|connection| ReadinessBody {
            connection_name: connection.connection_name,
            connected_account_id: connection.account.map(Into::into),
            account_name: filled(Some(connection.account_name)),
            state: connection.state.as_str(),
        });
        Self {
            tool: found.tool.into(),
            description: found.description,
            score: found.score,
            connections: connections.collect(),
        }
    }
}

/// Search tools
///
/// Best fit first. Needs `agent_connectors:read`.
#[utoipa::path(
    post, path = "/v1/connect/tools/search", operation_id = "searchTools", tag = "tools",
    request_body = SearchTools,
    responses((status = OK, description = "The tools that fit", body = FoundToolsBody), Errors)
)]
pub(crate) async fn search(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<SearchTools>,
) -> Reply<FoundToolsBody> {
    let identifier = filled(body.identifier);
    let found = app.engine.search_tools(&caller, &body.query, identifier.as_deref(), body.limit).await?;
    Ok(axum::Json(FoundToolsBody { items: found.into_iter().map(FoundToolBody::from).collect() }))
}
