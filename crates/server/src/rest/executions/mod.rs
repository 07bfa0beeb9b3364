//! Executions: the durable record of tool and proxy calls.

mod get;
mod list;

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{Execution, execution::Phase};

use crate::{
    error::{ErrorBody, ShortBody},
    rest::common::page_body,
    state::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(get::get))
}

/// The record of one call. It holds no input and no output.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub(crate) struct ExecutionBody {
    /// `ex_…`
    id: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED` or `UNKNOWN` (the server ended before the outcome was known).
    #[schema(example = "SUCCEEDED")]
    status: &'static str,
    /// The tool's own name; `null` for a proxied call.
    tool_name: Option<String>,
    connector: String,
    connection_id: String,
    connected_account_id: String,
    /// The account's identifier.
    identifier: String,
    /// Your own id of an agent run.
    agent_run_id: Option<String>,
    /// The API client that called.
    client_id: String,
    /// Through which door the call came: `rest`, `grpc`, `compat_rest`, `proxy` or `mcp`.
    source: &'static str,
    /// The id of the request that it was part of.
    request_id: String,
    /// Method and path sent to the provider, without the query.
    upstream_request: Option<String>,
    /// The provider's HTTP status, if it answered.
    upstream_status: Option<u16>,
    /// Of a tool call that failed: the provider's name for the request, which its support asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "A1B2:3C4D:5E6F")]
    upstream_request_id: Option<String>,
    /// Of a tool call that failed: the beginning of the provider's answer, at most 2048 bytes, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_body: Option<String>,
    /// Why it failed, as a code from the catalogue.
    error_code: Option<&'static str>,
    /// The error message as the caller got it.
    error_message: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    started_at: OffsetDateTime,
    /// How long it took, in microseconds.
    duration_us: Option<u64>,
    /// Of a call that is asked for alone: where that time went, in order; left out if nobody noted it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    phases: Vec<PhaseBody>,
    /// Of a failed call that is asked for alone: what a diagnosis says in short.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<ShortBody>,
}

/// A stretch of a call's time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionPhase)]
pub(crate) struct PhaseBody {
    /// What it was spent on: `check` (looked at here: account, connection, input, scopes), `credential` (waited for a
    /// credential that is good), `queue` (waited for its turn at the provider), `record` (made durable before it left),
    /// `provider` (with the provider), `back_off` (waited before it was made again) or `answer` (read and shaped).
    #[schema(example = "provider")]
    kind: &'static str,
    /// When it began, in microseconds since the call did.
    from_us: u64,
    /// How long it took, in microseconds.
    took_us: u64,
}

impl From<Phase> for PhaseBody {
    fn from(phase: Phase) -> Self {
        Self { kind: phase.kind.as_str(), from_us: phase.from_us, took_us: phase.took_us }
    }
}

/// The record of one call, with what it brought where that is kept: for calls with `mode: async`, for whoever made them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionAnswer)]
pub(crate) struct ExecutionAnswerBody {
    #[serde(flatten)]
    execution: ExecutionBody,
    /// The tool's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

page_body! {
    /// One page of executions, newest first.
    ExecutionPage of ExecutionBody
}

impl From<Execution> for ExecutionBody {
    fn from(execution: Execution) -> Self {
        let answer = execution.provider_answer.unwrap_or_default();
        Self {
            id: execution.id.into(),
            status: execution.status.as_str(),
            tool_name: execution.tool,
            connector: execution.connector,
            connection_id: execution.connection.into(),
            connected_account_id: execution.account.into(),
            identifier: execution.identifier,
            agent_run_id: execution.agent_run_id,
            client_id: execution.client.into(),
            source: execution.source.as_str(),
            request_id: execution.request_id,
            upstream_request: execution.upstream_request,
            upstream_status: execution.upstream_status,
            upstream_request_id: answer.request_id,
            upstream_body: answer.body,
            error_code: execution.error_code.map(|code| code.as_str()),
            error_message: execution.error_message,
            started_at: execution.started_at,
            duration_us: execution.duration_us,
            phases: Vec::new(),
            diagnosis: None,
        }
    }
}
