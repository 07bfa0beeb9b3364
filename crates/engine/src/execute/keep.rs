//! Answers that are kept for who asks again: what a caller's key stands for, and what it gives.
//!
//! The key is claimed by the same commit that records the call, just before the request leaves. So of any number of
//! replicas one makes the call, and a call that failed before it left has spent nothing.

use std::time::Duration;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use valetkey_domain::{
    Caller, Change, Error, ErrorCode, Execution, KeptAnswer, Remedy, SealedBlob,
    catalogue::Retry,
    error::{FieldViolation, ProviderEvidence},
    execution::ExecutionStatus,
    sealed::SealContext,
};
use valetkey_upstream::tool::Tool;

use super::{ExecuteTool, ToolOutcome, call::Deadline};
use crate::{Engine, clients::sha256, executions::Run};

/// The field that an answer is sealed for.
pub(crate) const ANSWER: &str = "answer";
/// The longest key.
const MAX_KEY: usize = 255;
/// How often a running call is looked at, at first and at most. Its end in this process is told at once.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(500);
/// When to ask again for the answer of a call that is still running.
const ASK_AGAIN_MS: u64 = 1000;

/// What a caller's key stands for, or what a call is without one.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) key_hash: Option<[u8; 32]>,
    pub(super) input_hash: [u8; 32],
}

impl Claim {
    /// The claim of a call with a key; `None` without one.
    ///
    /// # Errors
    /// `invalid_argument` for a key that is none.
    pub(super) fn of(call: &ExecuteTool) -> Result<Option<Self>, Error> {
        let Some(key) = &call.idempotency_key else { return Ok(None) };
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid("Idempotency-Key", "must have 1 to 255 visible ASCII characters"));
        }
        Ok(Some(Self { key_hash: Some(sha256(key.as_bytes())), input_hash: fingerprint(call) }))
    }

    /// The claim of a call that is kept for its own sake.
    pub(super) fn or_without_key(call: &ExecuteTool) -> Result<Self, Error> {
        Ok(Self::of(call)?.unwrap_or_else(|| Self { key_hash: None, input_hash: fingerprint(call) }))
    }
}

/// What tells one call from another: whose account, which tool, which input; not how long the caller waits.
fn fingerprint(call: &ExecuteTool) -> [u8; 32] {
    let account = &call.account;
    let mut hash = digest::Context::new(&digest::SHA256);
    let parts = [
        account.id.as_deref(),
        account.connection_name.as_deref(),
        account.identifier.as_deref(),
        account.name.as_deref(),
        account.organization_id.as_deref(),
        account.user_id.as_deref(),
        Some(call.tool_name.as_str()),
    ];
    for part in parts {
        feed(&mut hash, part.unwrap_or_default().as_bytes());
    }
    feed_value(&mut hash, &call.tool_input);
    let mut found = [0; 32];
    found.copy_from_slice(hash.finish().as_ref());
    found
}

/// A hash of an input that does not depend on the order of its members.
pub(super) fn input_hash(input: &Value) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    feed_value(&mut hash, input);
    let mut found = [0; 32];
    found.copy_from_slice(hash.finish().as_ref());
    found
}

fn feed(hash: &mut digest::Context, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn feed_value(hash: &mut digest::Context, value: &Value) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            feed(hash, b"{");
            for (name, value) in sorted {
                feed(hash, name.as_bytes());
                feed_value(hash, value);
            }
            feed(hash, b"}");
        }
        Value::Array(items) => {
            feed(hash, b"[");
            items.iter().for_each(|item| feed_value(hash, item));
            feed(hash, b"]");
        }
        other => feed(hash, other.to_string().as_bytes()),
    }
}

/// How the answer of a call under way is kept.
#[derive(Debug)]
pub(crate) struct Keeping {
    claim: Claim,
    /// Whether the caller did not wait.
    pub(crate) detached: bool,
    /// Whether the call may have an effect: it must not be made twice, and after a crash its outcome is unknown.
    pub(crate) effect: bool,
    /// Whether a repetition does no harm.
    repeatable: bool,
    /// Whether it is on record that the request may have left.
    pub(crate) left: bool,
    /// Whether another call with the same key was first.
    pub(crate) outrun: bool,
}

impl Keeping {
    pub(super) fn new(claim: Claim, tool: &Tool, detached: bool) -> Self {
        let repeatable = tool.read_only || tool.idempotent;
        Self { claim, detached, effect: !tool.read_only, repeatable, left: false, outrun: false }
    }

    /// Whether a failure is what the key stands for from now on. If not, the call may be made anew with the same key:
    /// nothing happened at the provider, or happening twice does no harm and may help.
    pub(crate) fn is_spent_by(&self, failure: &Error, left: bool) -> bool {
        let did_nothing = !left || failure.code() == ErrorCode::UpstreamRateLimited;
        let may_help = self.repeatable && failure.code().entry().retry != Retry::Never;
        !did_nothing && !may_help
    }
}

/// What is sealed: what the call brought.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Brought {
    Data(Value),
    Error(KeptError),
}

/// An error as it is kept. Its account and execution are known from the record.
#[derive(Serialize, Deserialize)]
struct KeptError {
    code: ErrorCode,
    message: String,
    cause: Option<String>,
    remedies: Vec<Remedy>,
    fields: Vec<FieldViolation>,
    provider: Option<ProviderEvidence>,
}

impl From<&Error> for KeptError {
    fn from(error: &Error) -> Self {
        let details = error.details();
        Self {
            code: details.code,
            message: details.message.clone(),
            cause: details.cause.clone(),
            remedies: details.remedies.clone(),
            fields: details.fields.clone(),
            provider: details.provider.clone(),
        }
    }
}

impl From<KeptError> for Error {
    fn from(kept: KeptError) -> Self {
        let mut error = Self::new(kept.code);
        for FieldViolation { field, message } in kept.fields {
            error = error.field(field, message);
        }
        error = error.message(kept.message).with_remedies(kept.remedies);
        if let Some(cause) = kept.cause {
            error = error.cause(cause);
        }
        match kept.provider {
            Some(evidence) => error.provider(evidence),
            None => error,
        }
    }
}

/// What a kept answer says now.
pub(super) enum Recollection {
    /// The call has not ended.
    Running,
    /// It stands for nothing (any more).
    Nothing,
    /// What it brought.
    Brought(Result<Value, Error>),
}

fn context(execution: &Execution) -> SealContext<'_> {
    SealContext {
        environment: execution.environment.as_str(),
        record: execution.id.as_str(),
        field: ANSWER,
        generation: 0,
    }
}

impl Engine {
    /// The kept answer of a call that begins, with nothing in it.
    pub(crate) fn blank_answer(&self, execution: &Execution, keeping: &Keeping) -> KeptAnswer {
        let now = self.now();
        KeptAnswer {
            execution: execution.id.clone(),
            environment: execution.environment.clone(),
            account: execution.account.clone(),
            client: execution.client.clone(),
            key_hash: keeping.claim.key_hash,
            input_hash: keeping.claim.input_hash,
            detached: keeping.detached,
            left: keeping.left,
            sealed: None,
            keep_until: now + self.0.settings.keep_answers,
            created_at: now,
        }
    }

    /// Seals what a call brought; `None` if it is too large to be kept.
    pub(crate) async fn seal_answer(
        &self,
        execution: &Execution,
        failure: Option<&Error>,
        brought: Option<&Value>,
    ) -> Option<SealedBlob> {
        let brought = match failure {
            Some(error) => serde_json::to_vec(&Brought::Error(error.into())),
            None => serde_json::to_vec(&Brought::Data(brought.cloned().unwrap_or_default())),
        };
        let clear = zeroize::Zeroizing::new(brought.ok()?);
        if clear.len() > self.0.settings.max_kept_answer_bytes {
            return None;
        }
        match self.0.keyring.seal(context(execution), &clear).await {
            Ok(sealed) => Some(sealed),
            Err(error) => {
                tracing::warn!(%error, execution = %execution.id, "an answer could not be sealed and is not kept");
                None
            }
        }
    }

    /// The answer of an earlier call with the same key. Waits while that one runs. `None` if the key is free.
    ///
    /// # Errors
    /// The error that the earlier call ended with; `idempotency_key_reused`, `idempotency_in_progress`,
    /// `outcome_unknown`, `answer_not_kept`.
    pub(super) async fn earlier(
        &self,
        caller: &Caller,
        claim: &Claim,
        deadline: Deadline,
    ) -> Result<Option<ToolOutcome>, Error> {
        let mut pause = FIRST_LOOK;
        loop {
            let mut ended = std::pin::pin!(self.0.calls.answered.notified());
            ended.as_mut().enable();
            let Some(answer) = self.claimed(caller, claim).await? else { return Ok(None) };
            let execution = self.0.store.execution(&answer.execution).await?;
            match self.recollect(&answer, execution.as_ref()).await? {
                Recollection::Nothing => return Ok(None),
                Recollection::Running => {}
                Recollection::Brought(brought) => {
                    return self.replay(caller, execution, brought).await.map(Some);
                }
            }
            let remaining = deadline.remaining();
            if remaining.is_zero() {
                return Err(Error::new(ErrorCode::IdempotencyInProgress)
                    .execution(&answer.execution)
                    .retry_after_ms(ASK_AGAIN_MS));
            }
            tokio::select! {
                biased;
                () = ended => {}
                () = tokio::time::sleep(pause.min(remaining)) => {}
            }
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// What the caller's key stands for at present.
    ///
    /// # Errors
    /// `idempotency_key_reused` if it is another call.
    pub(super) async fn claimed(&self, caller: &Caller, claim: &Claim) -> Result<Option<KeptAnswer>, Error> {
        let Some(key_hash) = &claim.key_hash else { return Ok(None) };
        let found = self.0.store.answer_by_key(&caller.environment, &caller.client, key_hash).await?;
        match found {
            Some(answer) if answer.input_hash != claim.input_hash && answer.keep_until > self.now() => {
                Err(Error::new(ErrorCode::IdempotencyKeyReused).execution(&answer.execution))
            }
            found => Ok(found),
        }
    }

    /// What a kept answer says. A key that stands for nothing any more is free afterwards.
    pub(super) async fn recollect(
        &self,
        answer: &KeptAnswer,
        execution: Option<&Execution>,
    ) -> Result<Recollection, Error> {
        let Some(execution) = execution else {
            self.commit(Change::DeleteAnswer(answer.execution.clone())).await?;
            return Ok(Recollection::Nothing);
        };
        let interrupted = execution.error_code == Some(ErrorCode::ExecutionInterrupted);
        if execution.status == ExecutionStatus::Running {
            return Ok(Recollection::Running);
        }
        if answer.keep_until <= self.now() || (interrupted && !answer.detached) {
            self.commit(Change::DeleteAnswer(answer.execution.clone())).await?;
            return Ok(Recollection::Nothing);
        }
        if interrupted && answer.key_hash.is_some() {
            self.commit(Change::FinishAnswer {
                execution: answer.execution.clone(),
                sealed: None,
                keep_key: false,
                keep_until: answer.keep_until,
            })
            .await?;
            return Ok(Recollection::Nothing);
        }
        let brought = match (&answer.sealed, execution.status) {
            (_, ExecutionStatus::Unknown) => Err(Error::new(ErrorCode::OutcomeUnknown)),
            (Some(sealed), _) => self.open_answer(execution, sealed).await?,
            (None, _) if interrupted => Err(Error::new(ErrorCode::ExecutionInterrupted)),
            (None, _) => Err(Error::new(ErrorCode::AnswerNotKept)),
        };
        Ok(Recollection::Brought(brought))
    }

    async fn open_answer(
        &self,
        execution: &Execution,
        sealed: &SealedBlob,
    ) -> Result<Result<Value, Error>, Error> {
        let clear = self.0.keyring.open(context(execution), sealed).await?;
        let brought = serde_json::from_slice(&clear)
            .map_err(|error| Error::new(ErrorCode::SealRefused).because(format!("a kept answer: {error}")))?;
        Ok(match brought {
            Brought::Data(data) => Ok(data),
            Brought::Error(kept) => Err(kept.into()),
        })
    }

    async fn replay(
        &self,
        caller: &Caller,
        execution: Option<Execution>,
        brought: Result<Value, Error>,
    ) -> Result<ToolOutcome, Error> {
        let execution = execution.ok_or_else(|| Error::new(ErrorCode::ExecutionNotFound))?;
        let account = self.0.store.account(&execution.account).await?;
        let account = account.ok_or_else(|| Error::new(ErrorCode::AccountNotFound))?;
        match brought {
            Ok(data) => {
                let connection = self.connection_of(&account).await?;
                Ok(ToolOutcome {
                    account: self.account_view(account, &connection),
                    tool: execution.tool.unwrap_or_default(),
                    execution_id: execution.id,
                    data,
                    age: None,
                    replayed: true,
                })
            }
            Err(error) => {
                let error = self.with_link(caller, &account, error).await;
                Err(error.account(&account.id).execution(&execution.id))
            }
        }
    }

    /// Ends a call that was taken on and is not made.
    pub(super) async fn interrupt(&self, mut run: Run) {
        let failure = Error::new(ErrorCode::ExecutionInterrupted);
        if let Err(error) = self.finish_run(&mut run, Some(&failure), None).await {
            tracing::warn!(%error, execution = %run.id(), "the end of a call that was not made could not be recorded");
        }
    }
}
