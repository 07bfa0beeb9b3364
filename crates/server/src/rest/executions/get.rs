//! `GET /v1/connect/executions/{execution_id}`

use axum::{Json, extract::State};

use super::ExecutionBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get an execution
///
/// Needs `agent_logs:read`.
#[utoipa::path(
    get, path = "/v1/connect/executions/{execution_id}", operation_id = "getExecution", tag = "executions",
    params(("execution_id" = String, Path, description = "`ex_…`")),
    responses((status = OK, description = "The execution", body = ExecutionBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(execution_id): Path<String>,
) -> Reply<ExecutionBody> {
    Ok(Json(app.engine.get_execution(&caller, &execution_id).await?.into()))
}
