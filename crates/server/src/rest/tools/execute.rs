//! `POST /v1/connect/tools/execute`, and what it has in common with a batch of calls.

use std::time::Duration;

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use valetkey_domain::{Error, execution::Source};
use valetkey_engine::{Accepted, AccountRef, ExecuteTool, MAX_AGE, ToolOutcome};

use crate::{
    RequestContext,
    auth::Authenticated,
    error::ApiError,
    extract::Json,
    rest::{common::filled, openapi::Errors},
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
    /// `sync` waits for the answer. `async` takes the call on and answers 202 at once; read what it brought from
    /// `GET /v1/connect/executions/{execution_id}`. Default: `sync`.
    #[serde(default)]
    mode: Mode,
    /// The longest that the call may take, in milliseconds; never more than connection, connector and server allow.
    #[schema(minimum = 1)]
    timeout_ms: Option<u64>,
    /// For a tool that is cacheable (`cacheable` in the list of tools): how old an answer may be that was given before,
    /// in seconds. Without it the provider is always asked. Not together with an idempotency key or `mode: async`.
    #[schema(minimum = 0, maximum = 3600)]
    max_age: Option<u64>,
    /// Your own key for this call, in place of the header `Idempotency-Key`.
    #[schema(max_length = 255)]
    idempotency_key: Option<String>,
}

/// Whether the caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[schema(as = ExecutionMode)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// It waits for the answer.
    #[default]
    Sync,
    /// It does not.
    Async,
}

impl ExecuteToolBody {
    /// The call, and whether the caller waits for it.
    pub(super) fn read(
        self,
        idempotency_key: Option<String>,
        context: &RequestContext,
    ) -> Result<(ExecuteTool, Mode), Error> {
        if self.timeout_ms == Some(0) {
            return Err(Error::invalid("timeout_ms", "must be at least 1"));
        }
        let idempotency_key = match (idempotency_key, filled(self.idempotency_key)) {
            (Some(header), Some(body)) if header != body => {
                return Err(Error::invalid(
                    "idempotency_key",
                    "is another one than the header Idempotency-Key",
                ));
            }
            (header, body) => header.or(body),
        };
        if let Some(seconds) = self.max_age {
            if seconds > MAX_AGE.as_secs() {
                return Err(Error::invalid(
                    "max_age",
                    format!("must be at most {} seconds", MAX_AGE.as_secs()),
                ));
            }
            if idempotency_key.is_some() || self.mode == Mode::Async {
                let message = "cannot be given together with an idempotency key or with mode async";
                return Err(Error::invalid("max_age", message));
            }
        }
        let account = AccountRef {
            id: filled(self.connected_account_id),
            connection_name: filled(self.connection_name),
            identifier: filled(self.identifier),
            name: filled(self.account_name),
            organization_id: filled(self.organization_id),
            user_id: filled(self.user_id),
        };
        let input = Value::Object(self.tool_input.unwrap_or_default());
        let call = ExecuteTool {
            agent_run_id: filled(self.agent_run_id),
            source: Source::Rest,
            request_id: context.id().to_string(),
            deadline: self.timeout_ms.map(Duration::from_millis),
            idempotency_key,
            max_age: self.max_age.map(Duration::from_secs),
            ..ExecuteTool::new(account, self.tool_name, input)
        };
        Ok((call, self.mode))
    }
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
    /// Whether the answer was given before and the provider was not asked (`max_age`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    cached: bool,
    /// How old such an answer is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u64>,
}

impl From<ToolOutcome> for OutcomeBody {
    fn from(outcome: ToolOutcome) -> Self {
        Self {
            execution_id: outcome.execution_id.into(),
            connected_account_id: outcome.account.account.id.into(),
            tool_name: outcome.tool,
            data: outcome.data,
            cached: outcome.age.is_some(),
            age: outcome.age.map(|age| age.as_secs()),
        }
    }
}

/// A call that was taken on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionAccepted)]
pub(crate) struct AcceptedBody {
    /// The record of the call: `ex_…`
    execution_id: String,
    /// `RUNNING`, or how it ended if it was taken on before with the same key.
    #[schema(example = "RUNNING")]
    status: &'static str,
}

impl From<Accepted> for AcceptedBody {
    fn from(accepted: Accepted) -> Self {
        Self { execution_id: accepted.execution_id.into(), status: accepted.status.as_str() }
    }
}

/// The caller's key for a call: repeated with the same key it is not made again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that the answer is that of an earlier request with the same key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

fn key_in(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    match key.to_str() {
        Ok(key) if given.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Error::invalid("Idempotency-Key", "must be one header of visible ASCII characters")),
    }
}

/// Execute a tool
///
/// The execution is recorded before the answer is given, whatever the outcome. With an `Idempotency-Key` the same call is
/// made once within a day: a repetition gets the answer of the first one (with `Idempotency-Replayed: true`), and waits
/// for it while it runs. Needs `agent_connectors:execute`.
#[utoipa::path(
    post, path = "/v1/connect/tools/execute", operation_id = "executeTool", tag = "tools",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255,
        description = "Your own key for this call: 1 to 255 visible ASCII characters")),
    request_body = ExecuteToolBody,
    responses(
        (status = OK, description = "The tool's answer", body = OutcomeBody),
        (status = ACCEPTED, description = "Taken on (`mode` is `async`)", body = AcceptedBody),
        Errors
    )
)]
pub(crate) async fn execute(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Extension(context): Extension<RequestContext>,
    headers: HeaderMap,
    Json(body): Json<ExecuteToolBody>,
) -> Result<Response, ApiError> {
    let (call, mode) = body.read(key_in(&headers)?, &context)?;
    let (mut response, replayed) = match mode {
        Mode::Sync => {
            let outcome = app.engine.execute_tool(&caller, call).await?;
            let replayed = outcome.replayed;
            (axum::Json(OutcomeBody::from(outcome)).into_response(), replayed)
        }
        Mode::Async => {
            let accepted = app.engine.execute_tool_detached(&caller, call).await?;
            let replayed = accepted.replayed;
            ((StatusCode::ACCEPTED, axum::Json(AcceptedBody::from(accepted))).into_response(), replayed)
        }
    };
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
