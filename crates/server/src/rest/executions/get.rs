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
/// A failed one comes with a short diagnosis. Needs `agent_logs:read`.
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
    let execution = app.engine.get_execution(&caller, &execution_id).await?;
    let short = app.engine.short_diagnosis_of(&caller, &execution).await?;
    let mut body = ExecutionBody::from(execution);
    body.diagnosis = short.as_ref().map(Into::into);
    Ok(Json(body))
}
