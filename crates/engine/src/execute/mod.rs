//! Executing tools: find tool and account, check what can be checked here, call with a fresh credential, shape the
//! answer, record what happened.

mod attempt;
mod batch;
pub(crate) mod bounds;
mod cache;
pub(crate) mod call;
mod detached;
mod keep;
pub(crate) mod refusal;
pub(crate) mod resolve;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use valetkey_domain::{
    Account, Caller, Connection, Error, ErrorCode, ExecutionId, catalogue::RemedyAction, execution::Source,
};
use valetkey_upstream::{connector::Connector, tool::Tool};

pub use self::detached::{Accepted, ExecutionAnswer};
pub use self::{batch::MAX_BATCH, cache::MAX_AGE};
pub(crate) use self::{
    cache::ReadCache,
    detached::Detached,
    keep::{ANSWER, Keeping},
};
use self::{call::Deadline, keep::Claim};
use crate::{
    AccountRef, AccountView, Engine,
    executions::{CallOrigin, Run},
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
    /// The caller's key for this call: repeated with the same key it is not made again. 1 to 255 visible characters.
    pub idempotency_key: Option<String>,
    /// For a tool that is `cacheable`: how old an answer may be that was given before.
    pub max_age: Option<Duration>,
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
            idempotency_key: None,
            max_age: None,
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
    /// How old the answer is, if it was given before (`max_age`).
    pub age: Option<Duration>,
    /// Whether it is the answer of an earlier call with the same idempotency key.
    pub replayed: bool,
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
    /// outcome; once an account was found, errors name it and the execution. Repeated with the same idempotency key it
    /// gives the answer of the first call, and waits for that one if it is still running.
    ///
    /// # Errors
    /// `tool_not_found`, `tool_input_invalid`, `account_not_found`, `connection_not_found`, `ambiguous_connection`,
    /// `connection_disabled`, the error of the account's status, `insufficient_scope`, `upstream_…`; with a key also
    /// `idempotency_key_reused`, `idempotency_in_progress`, `outcome_unknown` and `answer_not_kept`.
    pub async fn execute_tool(&self, caller: &Caller, call: ExecuteTool) -> Result<ToolOutcome, Error> {
        self.require_calls(caller, Some(&call.tool_name)).await?;
        self.require_within(caller, &call).await?;
        let deadline = self.deadline(call.deadline);
        let Some(claim) = Claim::of(&call)? else {
            let max_age = call.max_age;
            let (prepared, run) = self.prepare(caller, call, deadline).await?;
            if let Some(max_age) = max_age {
                return self.see_through_cached(prepared, run, max_age).await;
            }
            return self.see_through(prepared, run).await;
        };
        loop {
            if let Some(outcome) = self.earlier(caller, &claim, deadline).await? {
                return Ok(outcome);
            }
            let (prepared, mut run) = self.prepare(caller, call.clone(), deadline).await?;
            run.keep(Keeping::new(claim.clone(), &prepared.tool, false));
            match self.see_through(prepared, run).await {
                // Somebody else was first with the same key: that one's answer is ours.
                Err(error) if error.code() == ErrorCode::IdempotencyInProgress => {}
                done => return done,
            }
        }
    }

    /// Finds what a call is about. Nothing is sent or recorded yet.
    async fn prepare(
        &self,
        caller: &Caller,
        call: ExecuteTool,
        deadline: Deadline,
    ) -> Result<(Prepared, Run), Error> {
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
        let deadline = self.bounded(deadline, &connector, &connection);
        let caller = caller.clone();
        Ok((Prepared { caller, connector, tool, account, connection, input, deadline }, run))
    }

    /// Gives the answer that was given before, if it is not older than that; otherwise carries the call out and keeps what
    /// it brings. Whatever refuses a call refuses it here too.
    async fn see_through_cached(
        &self,
        prepared: Prepared,
        run: Run,
        max_age: Duration,
    ) -> Result<ToolOutcome, Error> {
        if !prepared.tool.cacheable {
            let message = format!("the tool {} is not cacheable", prepared.tool.name);
            return Err(Error::invalid("max_age", message));
        }
        let cache = &self.0.calls.reads;
        let key = cache.key(&prepared.account, &prepared.tool, &prepared.input);
        if let Some((data, age)) = cache.get(&key, max_age, self.now()) {
            return self.answer_again(prepared, run, data, age).await;
        }
        let outcome = self.see_through(prepared, run).await?;
        cache.put(key, &outcome.data, self.now());
        Ok(outcome)
    }

    /// Records a call that was answered from memory, and answers it.
    async fn answer_again(
        &self,
        prepared: Prepared,
        mut run: Run,
        data: Value,
        age: Duration,
    ) -> Result<ToolOutcome, Error> {
        let refused = self.check_call(&prepared).err();
        self.finish_run(&mut run, refused.as_ref(), None).await?;
        if let Some(error) = refused {
            let error = self.with_link(&prepared.caller, &prepared.account, error).await;
            return Err(error.account(&prepared.account.id).execution(run.id()));
        }
        Ok(ToolOutcome {
            execution_id: run.id().clone(),
            account: self.account_view(prepared.account, &prepared.connection),
            tool: prepared.tool.name.clone(),
            data,
            age: Some(age),
            replayed: false,
        })
    }

    /// Carries a call out. One that may have an effect is seen through even if the caller hangs up: its outcome must not
    /// stay unrecorded.
    async fn see_through(&self, prepared: Prepared, run: Run) -> Result<ToolOutcome, Error> {
        if prepared.tool.read_only && !run.is_kept() {
            return self.carry_out(prepared, run).await;
        }
        let engine = self.clone();
        let task = self.0.tasks.spawn(async move { engine.carry_out(prepared, run).await });
        task.await.map_err(|failure| Error::internal(format!("a tool call: {failure}")))?
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
        if !prepared.tool.read_only && run.has_left() {
            self.0.calls.reads.forget(&prepared.account.id);
        }
        let brought = outcome.as_ref().ok().map(|(_, data)| data);
        let recorded = self.finish_run(&mut run, outcome.as_ref().err(), brought).await;
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
                age: None,
                replayed: false,
            }),
            Err(error) => {
                let error = attempt::in_doubt(error, &prepared.tool, run.has_left());
                let error = status_page::linked(&prepared.connector, error);
                if run.is_outrun() {
                    return Err(error);
                }
                self.note_rate_limit(&prepared.account, &prepared.connection, run.id(), &error).await;
                let error = self.with_link(&prepared.caller, &prepared.account, error).await;
                let Prepared { caller, account, connection, tool, .. } = &prepared;
                let short = self.short_diagnosis(caller, account, connection, Some(&tool.name), &error).await;
                Err(error.account(&account.id).execution(run.id()).diagnosis(short))
            }
        }
    }
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
