//! `POST /v1/connect/tools/execute/batch`

use axum::{Extension, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use valetkey_domain::{Caller, Error};
use valetkey_engine::{ExecuteTool, MAX_BATCH};

use super::execute::{AcceptedBody, ExecuteToolBody, Mode, OutcomeBody};
use crate::{
    RequestContext,
    auth::Authenticated,
    error::{ErrorBody, status_of},
    extract::{Json, parse_value},
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Many tool calls.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ExecuteBatch)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    /// 1 to 50 calls. One that cannot be read fails alone.
    #[schema(value_type = Vec<ExecuteToolBody>, min_items = 1, max_items = 50)]
    calls: Vec<Map<String, Value>>,
    /// Whether to wait for the answers, for the calls that do not say so themselves. Default: `sync`.
    #[serde(default)]
    mode: Mode,
}

/// What the calls of a batch brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchOutcome)]
pub(crate) struct BatchOutcomeBody {
    /// One for each call, in their order.
    results: Vec<BatchItemBody>,
}

/// What one call of a batch brought: an outcome, a call taken on, or an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchItem)]
#[serde(untagged)]
pub(crate) enum BatchItemBody {
    /// The tool's answer.
    Outcome(OutcomeBody),
    /// Taken on (`mode` is `async`).
    Accepted(AcceptedBody),
    /// It failed.
    Failed {
        /// The HTTP status that the call would have failed with alone.
        #[schema(example = 404)]
        http_status: u16,
        /// Why.
        error: Box<ErrorBody>,
    },
}

/// One call as it was asked for.
fn read(
    call: Map<String, Value>,
    mode: Mode,
    context: &RequestContext,
) -> Result<(ExecuteTool, Mode), Error> {
    let states_mode = call.contains_key("mode");
    let body: ExecuteToolBody = parse_value(Value::Object(call))?;
    let (call, own) = body.read(None, context)?;
    Ok((call, if states_mode { own } else { mode }))
}

/// Execute many tools
///
/// The calls run a few at a time, each for itself: one that fails takes no other one along, and `results` has one entry
/// for each, in their order. The status is 200 whatever became of them. Needs `agent_connectors:execute`.
#[utoipa::path(
    post, path = "/v1/connect/tools/execute/batch", operation_id = "executeTools", tag = "tools",
    request_body = BatchBody,
    responses((status = OK, description = "What each call brought", body = BatchOutcomeBody), Errors)
)]
pub(crate) async fn batch(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(context): Extension<RequestContext>,
    Json(body): Json<BatchBody>,
) -> Reply<BatchOutcomeBody> {
    if body.calls.is_empty() || body.calls.len() > MAX_BATCH {
        return Err(Error::invalid("calls", format!("must have 1 to {MAX_BATCH} items")).into());
    }
    let failed = |error: &Error| BatchItemBody::Failed {
        http_status: status_of(error.code()).as_u16(),
        error: Box::new(app.error_body(error, &context)),
    };
    let mut results: Vec<Option<BatchItemBody>> = Vec::with_capacity(body.calls.len());
    let (mut places, mut waited_for) = (Vec::new(), Vec::new());
    for (n, call) in body.calls.into_iter().enumerate() {
        results.push(match read(call, body.mode, &context) {
            Err(error) => Some(failed(&error)),
            Ok((call, Mode::Async)) => Some(match take_on(&app, &caller, call).await {
                Ok(accepted) => BatchItemBody::Accepted(accepted),
                Err(error) => failed(&error),
            }),
            Ok((call, Mode::Sync)) => {
                places.push(n);
                waited_for.push(call);
                None
            }
        });
    }
    if !waited_for.is_empty() {
        let outcomes = app.engine.execute_batch(&caller, waited_for).await?;
        for (n, outcome) in places.into_iter().zip(outcomes) {
            results[n] = Some(match outcome {
                Ok(outcome) => BatchItemBody::Outcome(outcome.into()),
                Err(error) => failed(&error),
            });
        }
    }
    Ok(axum::Json(BatchOutcomeBody { results: results.into_iter().flatten().collect() }))
}

async fn take_on(app: &App, caller: &Caller, call: ExecuteTool) -> Result<AcceptedBody, Error> {
    Ok(app.engine.execute_tool_detached(caller, call).await?.into())
}
