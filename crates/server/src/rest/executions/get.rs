//! `GET /v1/connect/executions/{execution_id}`

use axum::{Extension, Json, extract::State};

use super::{ExecutionAnswerBody, ExecutionBody, PhaseBody};
use crate::{
    RequestContext,
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get an execution
///
/// It says where its time went (`phases`). A failed one comes with a short diagnosis. Of a call with `mode: async`, whoever made it gets what it brought, `data` or
/// `error`, for a day. Needs `agent_logs:read`; for an own call with `mode: async` also `agent_connectors:execute` is
/// enough.
#[utoipa::path(
    get, path = "/v1/connect/executions/{execution_id}", operation_id = "getExecution", tag = "executions",
    params(("execution_id" = String, Path, description = "`ex_…`")),
    responses((status = OK, description = "The execution", body = ExecutionAnswerBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(context): Extension<RequestContext>,
    Path(execution_id): Path<String>,
) -> Reply<ExecutionAnswerBody> {
    let answer = app.engine.execution_answer(&caller, &execution_id).await?;
    let short = app.engine.short_diagnosis_of(&caller, &answer.execution).await?;
    let (data, error) = match answer.brought {
        None => (None, None),
        Some(Ok(data)) => (Some(data), None),
        Some(Err(error)) => (None, Some(app.error_body(&error, &context))),
    };
    let phases = answer.execution.phases.iter().copied().map(PhaseBody::from).collect();
    let mut execution = ExecutionBody { phases, ..ExecutionBody::from(answer.execution) };
    execution.diagnosis = short.as_ref().map(Into::into);
    Ok(Json(ExecutionAnswerBody { execution, data, error }))
}
