//! Executing tools.

pub(crate) mod refusal;
mod resolve;

use std::time::Duration;

use serde_json::Value;
use valetkey_domain::{Caller, Error, ExecutionId, execution::Source};

use crate::{AccountRef, AccountView, Engine};

/// A tool call.
#[derive(Debug, Clone)]
pub struct ExecuteTool {
    /// Whose account: by id, or by identifier with or without a connection name. Without one, the connection is found
    /// from the tool's connector.
    pub account: AccountRef,
    /// The tool, by its own name or an alias.
    pub tool_name: String,
    /// The tool's input: an object; `null` means an empty one.
    pub tool_input: Value,
    /// The caller's id of an agent run, handed through into the execution.
    pub agent_run_id: Option<String>,
    /// Through which door the call came.
    pub source: Source,
    /// Our request id.
    pub request_id: String,
    /// How long the caller will wait; never more than the server's own deadline.
    pub deadline: Option<Duration>,
}

impl ExecuteTool {
    /// A call of `tool_name` for `account`.
    #[must_use]
    pub fn new(account: AccountRef, tool_name: impl Into<String>, tool_input: Value) -> Self {
        Self {
            account,
            tool_name: tool_name.into(),
            tool_input,
            agent_run_id: None,
            source: Source::Rest,
            request_id: String::new(),
            deadline: None,
        }
    }
}

/// What a tool call brought.
#[derive(Debug, Clone)]
pub struct ToolOutcome {
    /// The record of the call, durable by now.
    pub execution_id: ExecutionId,
    /// The account that was used.
    pub account: AccountView,
    /// The tool's own name.
    pub tool: String,
    /// The shaped answer.
    pub data: Value,
}

impl Engine {
    /// Executes a tool. Needs `agent_connectors:execute`. The execution is durable before this returns, whatever the
    /// outcome; once an account was found, errors name it and the execution.
    ///
    /// # Errors
    /// `tool_not_found`, `tool_input_invalid`, `account_not_found`, `connection_not_found`, `ambiguous_connection`,
    /// `connection_disabled`, the error of the account's status, `insufficient_scope`, `upstream_…`.
    pub async fn execute_tool(&self, _caller: &Caller, _call: ExecuteTool) -> Result<ToolOutcome, Error> {
        Err(Error::internal("not written yet"))
    }
}
