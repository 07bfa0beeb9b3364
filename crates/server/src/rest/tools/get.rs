//! `GET /v1/connect/tools/{name}`

use axum::{Json, extract::State};

use super::ToolBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get a tool
///
/// By its own name or an alias. Needs `agent_connectors:read`.
#[utoipa::path(
    get, path = "/v1/connect/tools/{name}", operation_id = "getTool", tag = "tools",
    params(("name" = String, Path, description = "Its name or an alias")),
    responses((status = OK, description = "The tool", body = ToolBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(name): Path<String>,
) -> Reply<ToolBody> {
    Ok(Json(app.engine.get_tool(&caller, &name)?.into()))
}
