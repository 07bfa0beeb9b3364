//! The durable record of calls: writing it around a call, and reading it.
//!
//! A call that may have an effect is recorded as running before it leaves and ended afterwards, so that a crash in
//! between shows as "outcome unknown". A call that only reads is recorded once, when its outcome is known; it is
//! durable before the caller hears of it.

use serde_json::Value;
use tokio::time::{Duration, Instant};
use url::Url;
use valetkey_domain::{
    Account, Caller, Change, Changes, Connection, Error, ErrorCode, Execution, ExecutionId, Page,
    PageRequest, Permission, Time,
    execution::{ExecutionStatus, Phase, PhaseKind, ProviderAnswer, Source},
    store::ExecutionFilter,
};

use crate::{Engine, execute::Keeping, support::Redactor};

/// The longest error message that is kept, in bytes.
const MAX_MESSAGE: usize = 500;
/// And of the provider's own code.
const MAX_CODE: usize = 100;
/// The longest method and path that is kept, in bytes.
const MAX_REQUEST: usize = 500;
/// The use of an account is noted at most this often.
const TOUCH_AFTER: time::Duration = time::Duration::minutes(1);
/// How many stretches of a call's time are told apart; the last one takes the rest.
const MAX_PHASES: usize = 32;
/// How often the end of a call that has happened is tried to be written.
const WRITE_ATTEMPTS: u32 = 4;

/// What the caller says about a call.
#[derive(Debug, Clone)]
pub(crate) struct CallOrigin {
    pub(crate) agent_run_id: Option<String>,
    pub(crate) source: Source,
    pub(crate) request_id: String,
}

/// A call under way and its record.
#[derive(Debug)]
pub(crate) struct Run {
    execution: Execution,
    began: Instant,
    last_used_at: Option<Time>,
    announced: bool,
    sent: bool,
    /// Whose answer is kept, if it is.
    keeping: Option<Keeping>,
    /// The generation of the credential that the provider accepted.
    proved: Option<u64>,
    /// What it is about just now, and since when.
    phase: (PhaseKind, Instant),
}

/// What is kept of an error: its message, with the provider's own code where the message does not have it, so that what
/// it means can still be looked up.
fn recorded_message(error: &Error) -> String {
    let details = error.details();
    let message = bounded(&details.message, MAX_MESSAGE);
    match details.provider.as_ref().and_then(|provider| provider.code.as_deref()) {
        Some(code) if !message.contains(code) => format!("{message} ({})", bounded(code, MAX_CODE)),
        _ => message,
    }
}

/// What is kept of the provider's answer. The secrets of the account have been masked; what looks like another one goes too.
fn provider_answer(error: &Error, public_url: &Url) -> Option<ProviderAnswer> {
    let said = error.details().provider.as_ref()?.answer.as_ref()?;
    let redactor = Redactor::new(Vec::new(), public_url);
    let clean = |text: &str, limit| bounded(&redactor.text(text), limit);
    let answer = ProviderAnswer {
        request_id: said.request_id.as_deref().map(|id| bounded(id, MAX_CODE)),
        body: said.body.as_deref().map(|body| clean(body, ProviderAnswer::MAX_BODY)),
    };
    (answer != ProviderAnswer::default()).then_some(answer)
}

fn bounded(text: &str, limit: usize) -> String {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

impl Run {
    /// The id of the record.
    pub(crate) fn id(&self) -> &ExecutionId {
        &self.execution.id
    }

    /// What it brings is kept for who asks again.
    pub(crate) fn keep(&mut self, keeping: Keeping) {
        self.keeping = Some(keeping);
    }

    /// Whether what it brings is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.keeping.is_some()
    }

    /// Whether a request left for the provider, as far as is known.
    pub(crate) fn has_left(&self) -> bool {
        self.sent
    }

    /// Whether another call with the same key was first: this one is not made and leaves no record.
    pub(crate) fn is_outrun(&self) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.outrun)
    }

    /// Notes that it is about something else from now on.
    pub(crate) fn enter(&mut self, kind: PhaseKind) {
        if self.phase.0 == kind || self.execution.phases.len() + 1 >= MAX_PHASES {
            return;
        }
        self.end_phase();
        self.phase = (kind, Instant::now());
    }

    fn end_phase(&mut self) {
        let (kind, since) = self.phase;
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let from_us = micros(since.saturating_duration_since(self.began));
        self.execution.phases.push(Phase { kind, from_us, took_us: micros(since.elapsed()) });
    }

    /// Notes where the request goes: method and path, nothing else of it.
    pub(crate) fn leaves_for(&mut self, method: &http::Method, path: &str) {
        self.execution.upstream_request = Some(bounded(&format!("{method} {path}"), MAX_REQUEST));
        self.sent = true;
    }

    /// Notes that the request did not reach the provider after all.
    pub(crate) fn came_back(&mut self) {
        self.sent = false;
    }

    /// Notes that the provider accepted the credential of this generation.
    pub(crate) fn proved(&mut self, generation: u64) {
        self.proved = Some(generation);
    }

    /// Notes that the provider answered.
    pub(crate) fn answered(&mut self, status: http::StatusCode) {
        self.execution.upstream_status = Some(status.as_u16());
    }
}

impl Engine {
    /// Begins the record of a call.
    pub(crate) fn begin_run(
        &self,
        caller: &Caller,
        account: &Account,
        connection: &Connection,
        tool: Option<&str>,
        origin: CallOrigin,
    ) -> Run {
        let execution = Execution {
            id: ExecutionId::new(&*self.0.clock, &*self.0.entropy),
            environment: account.environment.clone(),
            tool: tool.map(str::to_owned),
            connector: connection.connector.clone(),
            connection: connection.id.clone(),
            account: account.id.clone(),
            identifier: account.identifier.clone(),
            agent_run_id: origin.agent_run_id,
            client: caller.client.clone(),
            source: origin.source,
            request_id: origin.request_id,
            upstream_request: None,
            upstream_status: None,
            status: ExecutionStatus::Running,
            error_code: None,
            error_message: None,
            provider_answer: None,
            instance: self.0.joined.get().map(|joined| joined.instance),
            started_at: self.now(),
            duration_us: None,
            phases: Vec::new(),
        };
        let began = Instant::now();
        Run {
            execution,
            began,
            phase: (PhaseKind::Check, began),
            last_used_at: account.last_used_at,
            announced: false,
            sent: false,
            keeping: None,
            proved: None,
        }
    }

    /// Makes the record of a call durable before the call leaves.
    pub(crate) async fn announce_run(&self, run: &mut Run) -> Result<(), Error> {
        if run.announced {
            // Taken on earlier, when it had not left yet.
            if let Some(keeping) = &mut run.keeping
                && keeping.effect
                && !keeping.left
            {
                self.commit(Change::AnswerLeaves(run.execution.id.clone())).await?;
                keeping.left = true;
            }
            return Ok(());
        }
        if let Some(keeping) = &mut run.keeping {
            // A call without effect leaves nothing unknown.
            keeping.left = keeping.effect;
        }
        self.take_on(run).await
    }

    /// Makes the record durable, and with it the claim on the caller's key.
    pub(crate) async fn take_on(&self, run: &mut Run) -> Result<(), Error> {
        let answer = run.keeping.as_ref().map(|keeping| self.blank_answer(&run.execution, keeping));
        let record = Changes::from(Change::InsertExecution(run.execution.clone()));
        let taken = self.commit(record.and_maybe(answer.map(Change::InsertAnswer))).await;
        if let (Err(error), Some(keeping)) = (&taken, &mut run.keeping) {
            keeping.outrun = error.code() == ErrorCode::IdempotencyInProgress;
        }
        taken?;
        run.announced = true;
        Ok(())
    }

    /// Makes the end of a call durable, together with the use of the account.
    ///
    /// # Errors
    /// `storage_unavailable` when it could not be written; the caller must not hear of a success then.
    pub(crate) async fn finish_run(
        &self,
        run: &mut Run,
        failure: Option<&Error>,
        brought: Option<&Value>,
    ) -> Result<(), Error> {
        if run.is_outrun() {
            return Ok(());
        }
        let answer = self.answer_of(run, failure, brought).await;
        run.end_phase();
        let execution = &mut run.execution;
        execution.duration_us = Some(u64::try_from(run.began.elapsed().as_micros()).unwrap_or(u64::MAX));
        match failure {
            None => execution.status = ExecutionStatus::Succeeded,
            Some(error) => {
                execution.status = ExecutionStatus::Failed;
                execution.error_code = Some(error.code());
                execution.error_message = Some(recorded_message(error));
                execution.provider_answer = provider_answer(error, &self.0.settings.public_url);
            }
        }
        let now = self.now();
        let touch = run.sent && run.last_used_at.is_none_or(|last| now - last >= TOUCH_AFTER);
        let record = if run.announced {
            Change::FinishExecution(execution.clone())
        } else {
            Change::InsertExecution(execution.clone())
        };
        let touch = touch.then(|| Change::TouchAccount { id: execution.account.clone(), at: now });
        // What came before this generation was kept until now, in case the new one were not good.
        let proved = run.proved.filter(|generation| {
            *generation > 1 && self.0.calls.refreshes.first_proof(&execution.account, *generation)
        });
        let drop =
            proved.map(|keep| Change::DropPreviousCredentials { account: execution.account.clone(), keep });
        // Webhooks hear of what nobody waited for; storage knows what it was a call of.
        let told = run.keeping.as_ref().filter(|keeping| keeping.detached && run.announced);
        let told = told.map(|_| Change::AnnounceExecution { id: run.execution.id.clone(), at: now });
        let changes =
            Changes::from(record).and_maybe(told).and_maybe(touch).and_maybe(drop).and_maybe(answer);
        let written = self.commit_after_call(changes).await;
        if run.is_kept() {
            self.0.calls.answered.notify_waiters();
        }
        written
    }

    /// What becomes of the kept answer when its call ends.
    async fn answer_of(&self, run: &Run, failure: Option<&Error>, brought: Option<&Value>) -> Option<Change> {
        let keeping = run.keeping.as_ref().filter(|_| run.announced)?;
        let execution = run.execution.id.clone();
        let keep_key = failure.is_none_or(|error| keeping.is_spent_by(error, run.sent));
        if !keep_key && !keeping.detached {
            return Some(Change::DeleteAnswer(execution));
        }
        let sealed = self.seal_answer(&run.execution, failure, brought).await;
        let keep_until = self.now() + self.0.settings.keep_answers;
        Some(Change::FinishAnswer { execution, sealed, keep_key, keep_until })
    }

    /// Writes what has happened already: worth more than one attempt, since a failure would tell the caller that a
    /// call failed which did not.
    async fn commit_after_call(&self, changes: Changes) -> Result<(), Error> {
        let mut wait = Duration::from_millis(50);
        for _ in 1..WRITE_ATTEMPTS {
            match self.commit(changes.clone()).await {
                Err(error) if error.code() == ErrorCode::StorageUnavailable => {
                    tracing::warn!(%error, "the record of a call could not be written; trying again");
                    tokio::time::sleep(wait).await;
                    wait *= 3;
                }
                done => return done,
            }
        }
        self.commit(changes).await.map_err(|error| {
            error
                .cause("The call was made, but its outcome could not be recorded. Check whether it happened.")
        })
    }

    /// An execution by id. Needs `agent_logs:read`.
    ///
    /// # Errors
    /// `execution_not_found`.
    pub async fn get_execution(&self, caller: &Caller, id: &str) -> Result<Execution, Error> {
        caller.require(Permission::ExecutionsRead)?;
        self.execution_in(caller, id).await
    }

    /// An execution of the caller's environment.
    pub(crate) async fn execution_in(&self, caller: &Caller, id: &str) -> Result<Execution, Error> {
        let execution = match id.parse::<ExecutionId>() {
            Ok(id) => self.0.store.execution_in(&caller.environment, &id).await?,
            Err(_) => None,
        };
        execution.ok_or_else(|| Error::new(ErrorCode::ExecutionNotFound))
    }

    /// Executions of the caller's environment, newest first. Needs `agent_logs:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_executions(
        &self,
        caller: &Caller,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, Error> {
        caller.require(Permission::ExecutionsRead)?;
        let mut filter = filter.clone();
        // An account is of one connection for good. Where the filter names another one there is nothing to look through,
        // and by the connection a tool that was hardly called is found at once, however busy the account is.
        if let (Some(id), true) = (&filter.account, filter.connection.is_some() || filter.tool.is_some())
            && let Some(account) = self.0.store.account(id).await?
        {
            match &filter.connection {
                Some(named) if *named != account.connection => {
                    return Ok(Page { items: Vec::new(), total: 0, next: None, previous: None });
                }
                _ => filter.connection = Some(account.connection),
            }
        }
        Ok(self.0.store.executions(&caller.environment, &filter, page).await?)
    }

    /// Marks the executions that processes left running which are gone as of unknown outcome.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn abandon_executions(&self) -> Result<(), Error> {
        let gone = self.0.store.gone_instances().await?;
        let changes = gone.into_iter().map(Some).chain([None]);
        let changes =
            changes.map(|instance| Change::AbandonExecutions { instance, at: self.now() }).collect();
        self.commit(Changes(changes)).await
    }
}
