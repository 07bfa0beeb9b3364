//! `POST /v1/connect/tools/execute`

use axum::{Extension, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use valetkey_domain::execution::Source;
use valetkey_engine::{AccountRef, ExecuteTool};

use crate::{
    RequestContext,
    auth::Authenticated,
    extract::Json,
    rest::{
        common::{Reply, filled},
        openapi::Errors,
    },
    state::App,
};

/// A tool call. Say whose account it is for by `connected_account_id`, or by `identifier` with or without
/// `connection_name`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ExecuteTool)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteToolBody {
    /// The account: `ca_…`
    connected_account_id: Option<String>,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: Option<String>,
    /// The name of the connection; without it, the one of the tool's connector that has an account of this identifier.
    connection_name: Option<String>,
    /// Which of several accounts of the identifier on the connection. Without it: the unnamed one, else the only one.
    account_name: Option<String>,
    /// Your own id of the user's organization.
    organization_id: Option<String>,
    /// Your own further user id.
    user_id: Option<String>,
    /// The tool, by its own name or an alias.
    #[schema(example = "gmail_get_profile")]
    tool_name: String,
    /// The tool's input, as its `input_schema` says.
    #[serde(default)]
    #[schema(value_type = Object)]
    tool_input: Option<Map<String, Value>>,
    /// Your own id of an agent run, kept with the execution.
    agent_run_id: Option<String>,
}

/// What a tool call brought.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolOutcome)]
pub(crate) struct OutcomeBody {
    /// The record of the call: `ex_…`
    execution_id: String,
    /// The account that was used.
    connected_account_id: String,
    /// The tool's own name.
    tool_name: String,
    /// The tool's answer.
    #[schema(value_type = Object)]
    data: Value,
}

/// Execute a tool
///
/// The execution is recorded before the answer is given, whatever the outcome. Needs `agent_connectors:execute`.
#[utoipa::path(
    post, path = "/v1/connect/tools/execute", operation_id = "executeTool", tag = "tools",
    request_body = ExecuteToolBody,
    responses((status = OK, description = "The tool's answer", body = OutcomeBody), Errors)
)]
pub(crate) async fn execute(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(context): Extension<RequestContext>,
    Json(body): Json<ExecuteToolBody>,
) -> Reply<OutcomeBody> {
    let account = AccountRef {
        id: filled(body.connected_account_id),
        connection_name: filled(body.connection_name),
        identifier: filled(body.identifier),
        name: filled(body.account_name),
        organization_id: filled(body.organization_id),
        user_id: filled(body.user_id),
    };
    let input = Value::Object(body.tool_input.unwrap_or_default());
    let call = ExecuteTool {
        agent_run_id: filled(body.agent_run_id),
        source: Source::Rest,
        request_id: context.id().to_string(),
        ..ExecuteTool::new(account, body.tool_name, input)
    };
    let outcome = app.engine.execute_tool(&caller, call).await?;
    Ok(axum::Json(OutcomeBody {
        execution_id: outcome.execution_id.into(),
        connected_account_id: outcome.account.account.id.into(),
        tool_name: outcome.tool,
        data: outcome.data,
    }))
}
