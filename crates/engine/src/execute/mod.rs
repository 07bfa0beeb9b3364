//! Executing tools: find tool and account, check what can be checked here, call with a fresh credential, shape the
//! answer, record what happened.

pub(crate) mod call;
pub(crate) mod refusal;
pub(crate) mod resolve;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use valetkey_domain::{
    Account, Caller, Connection, Error, ErrorCode, ExecutionId, Permission, catalogue::RemedyAction,
    execution::Source,
};
use valetkey_upstream::{
    connector::Connector,
    oauth,
    tool::{self, Tool},
};

use self::call::{Deadline, Renewal, not_repeated};
use crate::{
    AccountRef, AccountView, Engine,
    context::target,
    executions::{CallOrigin, Run},
    refresh::Ready,
    status_page,
};

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

/// A tool call whose tool and account are known.
struct Prepared {
    caller: Caller,
    connector: Arc<Connector>,
    tool: Arc<Tool>,
    account: Account,
    connection: Connection,
    input: Value,
    deadline: Deadline,
}

impl Engine {
    /// Executes a tool. Needs `agent_connectors:execute`. The execution is durable before this returns, whatever the
    /// outcome; once an account was found, errors name it and the execution.
    ///
    /// # Errors
    /// `tool_not_found`, `tool_input_invalid`, `account_not_found`, `connection_not_found`, `ambiguous_connection`,
    /// `connection_disabled`, the error of the account's status, `insufficient_scope`, `upstream_…`.
    pub async fn execute_tool(&self, caller: &Caller, call: ExecuteTool) -> Result<ToolOutcome, Error> {
        caller.require(Permission::ToolsExecute)?;
        let deadline = self.deadline(call.deadline);
        let (connector, tool) = self.tool_named(&call.tool_name)?;
        let input = match call.tool_input {
            Value::Null => json!({}),
            input => input,
        };
        let (account, connection) =
            self.resolve_account(&caller.environment, &call.account, Some(&connector.slug)).await?;
        if connection.connector != connector.slug {
            return Err(other_connector(&connector, &tool, &connection));
        }
        let origin =
            CallOrigin { agent_run_id: call.agent_run_id, source: call.source, request_id: call.request_id };
        let run = self.begin_run(caller, &account, &connection, Some(&tool.name), origin);
        let may_have_an_effect = !tool.read_only;
        let prepared =
            Prepared { caller: caller.clone(), connector, tool, account, connection, input, deadline };
        if may_have_an_effect {
            // A caller that hangs up must not leave the outcome of a call that has an effect unrecorded.
            let engine = self.clone();
            let task = self.0.tasks.spawn(async move { engine.carry_out(prepared, run).await });
            task.await.map_err(|failure| Error::internal(format!("a tool call: {failure}")))?
        } else {
            self.carry_out(prepared, run).await
        }
    }

    /// The tool of this name or alias.
    ///
    /// # Errors
    /// `tool_not_found`, with the names that are near.
    pub(crate) fn tool_named(&self, name: &str) -> Result<(Arc<Connector>, Arc<Tool>), Error> {
        if let Some((connector, tool)) = self.0.connectors.tool(name) {
            return Ok((connector.clone(), tool.clone()));
        }
        let near = self.near_tools(name);
        let error = Error::new(ErrorCode::ToolNotFound);
        Err(if near.is_empty() {
            error
        } else {
            let near = near.join("\", \"");
            error
                .message("There is no tool of this name.")
                .cause(format!("Tools with a name that is near: \"{near}\"."))
                .remedy(RemedyAction::FixRequest, format!("Did you mean \"{near}\"?"))
        })
    }

    /// Calls, records, answers.
    async fn carry_out(&self, prepared: Prepared, mut run: Run) -> Result<ToolOutcome, Error> {
        let outcome = self.attempt(&prepared, &mut run).await;
        let recorded = self.finish_run(&mut run, outcome.as_ref().err()).await;
        let outcome = match (outcome, recorded) {
            (Ok(_), Err(unrecorded)) => Err(unrecorded),
            (outcome, Ok(())) => outcome,
            (Err(error), Err(unrecorded)) => {
                tracing::error!(%unrecorded, execution = %run.id(), "a failed call could not be recorded");
                Err(error)
            }
        };
        match outcome {
            Ok((account, data)) => Ok(ToolOutcome {
                execution_id: run.id().clone(),
                account: self.account_view(account, &prepared.connection),
                tool: prepared.tool.name.clone(),
                data,
            }),
            Err(error) => {
                let error = status_page::linked(&prepared.connector, error);
                self.note_rate_limit(&prepared.account, &prepared.connection, run.id(), &error).await;
                let error = self.with_link(&prepared.caller, &prepared.account, error).await;
                let Prepared { caller, account, connection, tool, .. } = &prepared;
                let short = self.short_diagnosis(caller, account, connection, Some(&tool.name), &error).await;
                Err(error.account(&account.id).execution(run.id()).diagnosis(short))
            }
        }
    }

    async fn attempt(&self, prepared: &Prepared, run: &mut Run) -> Result<(Account, Value), Error> {
        let Prepared { tool, account, connection, input, deadline, .. } = prepared;
        self.require_enabled(connection)?;
        if let Some(error) = refusal::refusal(account, connection) {
            return Err(error);
        }
        if !input.is_object() {
            return Err(Error::new(ErrorCode::ToolInputInvalid).field("tool_input", "must be a JSON object"));
        }
        tool.validate(input)?;
        require_scopes(prepared, account)?;
        let ready = self.ready(account, connection, *deadline).await?;
        // A refresh may have brought fewer scopes than there were.
        require_scopes(prepared, &ready.account)?;
        let refused = match self.call_once(prepared, &ready, run).await {
            Err(error) if error.code() == ErrorCode::UpstreamUnauthorized => error,
            done => return done.map(|data| (ready.account, data)),
        };
        match deadline.hold(self.renew_refused(&ready, connection, &refused)).await? {
            Renewal::Futile(error) => Err(error),
            Renewal::Renewed(_) if !may_repeat(tool) => Err(not_repeated(refused)),
            Renewal::Renewed(renewed) => match self.call_once(prepared, &renewed, run).await {
                Err(error) if error.code() == ErrorCode::UpstreamUnauthorized => {
                    Err(self.refused_again(&renewed, connection, error).await)
                }
                done => done.map(|data| (renewed.account, data)),
            },
        }
    }

    /// One request and its answer. Nothing of the credential is in what comes back.
    async fn call_once(&self, prepared: &Prepared, ready: &Ready, run: &mut Run) -> Result<Value, Error> {
        let Prepared { connector, tool, connection, input, deadline, .. } = prepared;
        let target = target(connector, connection, &ready.account.metadata);
        let mut request = tool::render(&target, tool, input)?;
        let (method, path) = (request.method.clone(), request.url.path().to_owned());
        tool::attach_credential(&target, Some(tool), &ready.credential, &mut request)?;
        let limits = deadline.limits(self.call_limits())?;
        if !tool.read_only {
            self.announce_run(run).await?;
        }
        run.leaves_for(&method, &path);
        let mask = tool::Mask::of(&ready.credential);
        let response = self.0.egress.send(request, limits).await.map_err(Error::from)?;
        run.answered(response.status);
        match tool::shape(tool, &response) {
            Ok(mut data) => {
                run.proved(ready.generation);
                mask.value(&mut data);
                Ok(data)
            }
            Err(error) => Err(mask.error(error)),
        }
    }
}

/// Whether a call that was refused with 401 may be sent again with another credential. A 401 says that the call was
/// not carried out, but not every provider checks the credential first.
fn may_repeat(tool: &Tool) -> bool {
    tool.read_only || tool.idempotent || tool.method().is_safe()
}

/// S09: what the user did not grant is not even tried.
fn require_scopes(prepared: &Prepared, account: &Account) -> Result<(), Error> {
    let Prepared { connector, tool, connection, .. } = prepared;
    let missing = tool.missing_scopes(&account.scopes);
    if missing.is_empty() {
        return Ok(());
    }
    let asked = connector.auth.oauth().map(|profile| oauth::requested_scopes(profile, &connection.scopes));
    let asked = asked.unwrap_or_default();
    let list = missing.join("\", \"");
    let mut error = Error::new(ErrorCode::InsufficientScope)
        .message(format!(
            "The tool {} needs the scope \"{list}\", which this account does not have.",
            tool.name
        ))
        .connection(&connection.id);
    if !tool.missing_scopes(&asked).is_empty() {
        error = error.cause("The connection does not ask for the scope.").remedy(
            RemedyAction::ConfigureConnection,
            format!("Add the scope \"{list}\" to the connection \"{}\".", connection.name),
        );
    } else {
        error = error.cause("The connection asks for the scope, but the user did not grant it.");
    }
    Err(error.remedy(
        RemedyAction::Reauthorize,
        format!("Send the user a new authorization link and ask for the scope \"{list}\"."),
    ))
}

fn other_connector(connector: &Connector, tool: &Tool, connection: &Connection) -> Error {
    Error::invalid(
        "tool_name",
        format!(
            "the tool {} belongs to the connector \"{}\", but the account is on the connection \"{}\" of the connector \"{}\"",
            tool.name, connector.slug, connection.name, connection.connector
        ),
    )
}
