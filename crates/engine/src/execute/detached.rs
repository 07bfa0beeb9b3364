//! Calls that nobody waits for (`mode: async`): taken on durably, carried out in their turn, read by their id.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use valetkey_domain::{
    Caller, Error, ErrorCode, Execution, ExecutionId, KeptAnswer, Permission, execution::ExecutionStatus,
};

use super::{
    ExecuteTool, Prepared,
    bounds::could_have_made,
    keep::{Claim, Keeping, Recollection},
};
use crate::{Engine, EngineSettings, executions::Run};

/// When to offer a call again that was turned away.
const COME_BACK_MS: u64 = 1000;

/// The calls of this process that nobody waits for: a bounded number at work, a bounded number in the queue.
pub(crate) struct Detached {
    at_work: Arc<Semaphore>,
    /// Those at work and those that wait.
    taken_on: AtomicUsize,
    most: usize,
    stop: CancellationToken,
}

impl Detached {
    pub(crate) fn new(settings: &EngineSettings) -> Self {
        Self {
            at_work: Arc::new(Semaphore::new(settings.detached_at_once)),
            taken_on: AtomicUsize::new(0),
            most: settings.detached_at_once.saturating_add(settings.detached_waiting),
            stop: CancellationToken::new(),
        }
    }

    /// Ends what waits for its turn.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// A place for one more call.
    ///
    /// # Errors
    /// `overloaded` when there is none, `shutting_down` at the end.
    fn enter(engine: &Engine) -> Result<Place, Error> {
        let this = &engine.0.calls.detached;
        if this.stop.is_cancelled() {
            return Err(Error::new(ErrorCode::ShuttingDown));
        }
        let place = Place(engine.clone());
        if this.taken_on.fetch_add(1, Ordering::AcqRel) >= this.most {
            return Err(Error::new(ErrorCode::Overloaded)
                .message(format!("{} calls with mode \"async\" are waiting or running already.", this.most))
                .retry_after_ms(COME_BACK_MS));
        }
        Ok(place)
    }
}

/// A place among the calls that were taken on; given back when it is dropped.
struct Place(Engine);

impl Place {
    /// Waits for the turn of this call; `None` if the process stops before.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let detached = &self.0.0.calls.detached;
        tokio::select! {
            biased;
            () = detached.stop.cancelled() => None,
            permit = Arc::clone(&detached.at_work).acquire_owned() => permit.ok(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.calls.detached.taken_on.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A call that was taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its record, durable by now.
    pub execution_id: ExecutionId,
    /// `RUNNING`, or how it ended if it was taken on before with the same idempotency key.
    pub status: ExecutionStatus,
    /// Whether it was taken on before.
    pub replayed: bool,
}

/// A record with what the call brought, where that is kept.
#[derive(Debug)]
pub struct ExecutionAnswer {
    /// The record.
    pub execution: Execution,
    /// The answer or the error. `None` while the call runs, for calls whose caller waited, and for whoever did not make
    /// the call.
    pub brought: Option<Result<Value, Error>>,
}

impl Engine {
    /// Takes on a call that nobody waits for. Needs `agent_connectors:execute`. What can be told without the provider
    /// is told at once. The call is durable before this returns and is carried out in its turn; its answer is kept for
    /// [`Engine::execution_answer`]. Its deadline begins with its turn.
    ///
    /// # Errors
    /// As [`Engine::execute_tool`] for what is known before a call leaves; `overloaded`, `shutting_down`,
    /// `idempotency_key_reused`.
    pub async fn execute_tool_detached(&self, caller: &Caller, call: ExecuteTool) -> Result<Accepted, Error> {
        self.require_calls(caller, Some(&call.tool_name)).await?;
        self.require_within(caller, &call).await?;
        let claim = Claim::or_without_key(&call)?;
        loop {
            if let Some(accepted) = self.taken_on_before(caller, &claim).await? {
                return Ok(accepted);
            }
            let deadline = self.deadline(call.deadline);
            let (prepared, mut run) = self.prepare(caller, call.clone(), deadline).await?;
            if let Err(error) = self.check_call(&prepared) {
                let error = self.with_link(caller, &prepared.account, error).await;
                return Err(error.account(&prepared.account.id));
            }
            let place = Detached::enter(self)?;
            run.keep(Keeping::new(claim.clone(), &prepared.tool, true));
            match self.take_on(&mut run).await {
                // Somebody else was first with the same key.
                Err(error) if error.code() == ErrorCode::IdempotencyInProgress => continue,
                taken => taken?,
            }
            let execution_id = run.id().clone();
            self.0.tasks.spawn(self.clone().in_turn(place, prepared, run, call.deadline));
            return Ok(Accepted { execution_id, status: ExecutionStatus::Running, replayed: false });
        }
    }

    async fn in_turn(
        self,
        place: Place,
        mut prepared: Prepared,
        run: Run,
        wanted: Option<std::time::Duration>,
    ) {
        let Some(_permit) = place.turn().await else {
            self.interrupt(run).await;
            return;
        };
        prepared.deadline = self.bounded(self.deadline(wanted), &prepared.connector, &prepared.connection);
        let id = run.id().clone();
        if let Err(error) = self.carry_out(prepared, run).await {
            tracing::debug!(%error, execution = %id, "a call that nobody waits for failed");
        }
    }

    async fn taken_on_before(&self, caller: &Caller, claim: &Claim) -> Result<Option<Accepted>, Error> {
        let Some(answer) = self.claimed(caller, claim).await? else { return Ok(None) };
        let execution = self.0.store.execution(&answer.execution).await?;
        match (self.recollect(&answer, execution.as_ref()).await?, execution) {
            (Recollection::Nothing, _) | (_, None) => Ok(None),
            (_, Some(execution)) => {
                Ok(Some(Accepted { execution_id: execution.id, status: execution.status, replayed: true }))
            }
        }
    }

    /// A record with what the call brought. Needs `agent_logs:read`; whoever made a call with `mode: async` may read
    /// that one with `agent_connectors:execute` too. The answer is given only to the API client that made the call.
    ///
    /// # Errors
    /// `execution_not_found`, `permission_denied`.
    pub async fn execution_answer(&self, caller: &Caller, id: &str) -> Result<ExecutionAnswer, Error> {
        let may_read = caller.permissions.allows(Permission::ExecutionsRead);
        if !may_read && !caller.permissions.allows(Permission::ToolsExecute) {
            caller.require(Permission::ExecutionsRead)?;
        }
        let execution = self.execution_in(caller, id).await?;
        if !could_have_made(caller, &execution) {
            return Err(Error::new(ErrorCode::ExecutionNotFound));
        }
        let answer = match execution.client == caller.client {
            true => self.0.store.answer(&execution.id).await?.filter(|answer| answer.detached),
            false => None,
        };
        let Some(answer) = answer.filter(|answer| answer.keep_until > self.now()) else {
            caller.require(Permission::ExecutionsRead)?;
            return Ok(ExecutionAnswer { execution, brought: None });
        };
        let brought = self.kept_of(&answer, &execution).await?;
        Ok(ExecutionAnswer { execution, brought })
    }

    /// What a call that nobody waited for brought, as far as it is kept.
    pub(crate) async fn brought_by(
        &self,
        execution: &Execution,
    ) -> Result<Option<Result<Value, Error>>, Error> {
        let answer = self.0.store.answer(&execution.id).await?;
        match answer.filter(|answer| answer.detached && answer.keep_until > self.now()) {
            Some(answer) => self.kept_of(&answer, execution).await,
            None => Ok(None),
        }
    }

    async fn kept_of(
        &self,
        answer: &KeptAnswer,
        execution: &Execution,
    ) -> Result<Option<Result<Value, Error>>, Error> {
        let brought = match self.recollect(answer, Some(execution)).await? {
            Recollection::Brought(brought) => Some(brought),
            Recollection::Nothing if execution.status == ExecutionStatus::Failed => {
                Some(Err(Error::new(ErrorCode::ExecutionInterrupted)))
            }
            Recollection::Nothing | Recollection::Running => None,
        };
        Ok(match brought {
            Some(Err(error)) => Some(Err(error.account(&execution.account).execution(&execution.id))),
            other => other,
        })
    }
}
