//! What tool calls and proxied calls have in common: deadlines, and what to do about a refused credential.

use std::{future::Future, time::Duration};

use serde_json::json;
use tokio::time::Instant;
use valetkey_domain::{
    Account, Connection, Credential, Error, ErrorCode, ExecutionId,
    catalogue::RemedyAction,
    event::{EventKind, NewEvent},
    refresh::RefreshReason,
};
use valetkey_upstream::{connector::Connector, http::CallLimits};

use crate::{
    Engine,
    limits::whom_named_in,
    refresh::{Ready, Why},
};

/// The longest wait for a new credential while the old one still works.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// Who sets the deadline of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The server's settings.
    Server,
    /// The connector file.
    Connector,
    /// The connection.
    Connection,
    /// The caller.
    Caller,
}

/// Until when a call must be answered: waiting, refresh, call and retries together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    began: Instant,
    at: Instant,
    by: Bound,
}

impl Deadline {
    /// What is left.
    pub(crate) fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The same, but no later than `limit` after the beginning.
    pub(crate) fn within(self, limit: Option<Duration>, by: Bound) -> Self {
        match limit.map(|limit| self.began + limit) {
            Some(at) if at < self.at => Self { at, by, ..self },
            _ => self,
        }
    }

    /// Which time-out it is that ends a call, in words.
    fn words(&self) -> String {
        let whole = self.at.saturating_duration_since(self.began).as_millis();
        match self.by {
            Bound::Server => format!("The server allows a call {whole} ms (call_deadline_s)."),
            Bound::Connector => format!("The connector allows a call {whole} ms (timeout_ms of its file)."),
            Bound::Connection => format!("The connection allows a call {whole} ms (call_timeout_ms)."),
            Bound::Caller => {
                format!("The caller allowed the call {whole} ms (timeout_ms or its own deadline).")
            }
        }
    }

    /// An error of the call itself: if a time-out ended it, with which one that was.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let passed = self.remaining().is_zero();
        let words = match error.code() {
            ErrorCode::UpstreamTimeout | ErrorCode::UpstreamConnectTimeout if passed => self.words(),
            ErrorCode::UpstreamConnectTimeout => {
                "The deadline of the call had not passed: no call waits longer for a connection.".to_owned()
            }
            _ => return error,
        };
        let cause = format!("{} {words}", error.cause_text());
        error.cause(cause)
    }

    /// The error of a call whose deadline passed before it could leave. `why` says what took so long.
    pub(crate) fn passed(&self, why: &str) -> Error {
        Error::new(ErrorCode::UpstreamTimeout)
            .cause(format!(
                "The deadline of the call passed before the request could leave: {why} {}",
                self.words()
            ))
            .remedy(RemedyAction::Retry, "Try again: the call was not made.")
    }

    /// The limits of a request that leaves now.
    ///
    /// # Errors
    /// `upstream_timeout` if nothing is left.
    pub(crate) fn limits(&self, limits: CallLimits) -> Result<CallLimits, Error> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(self.passed(CREDENTIAL));
        }
        Ok(CallLimits { deadline: limits.deadline.min(remaining), ..limits })
    }

    /// How long to wait for what would be good to have and is not needed. It leaves most of the time to the call itself.
    pub(crate) fn patience(&self) -> Duration {
        (self.remaining() / 2).min(LONGEST_PATIENCE)
    }

    /// Waits for `work` no longer than the deadline. Refreshes go on without us.
    ///
    /// # Errors
    /// `upstream_timeout`, and whatever `work` fails with.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match tokio::time::timeout_at(self.at, work).await {
            Ok(done) => done,
            Err(_) => Err(self.passed(CREDENTIAL)),
        }
    }
}

const CREDENTIAL: &str = "getting a fresh credential took too long.";

/// What came of renewing a refused credential.
pub(crate) enum Renewal {
    /// There is another one.
    Renewed(Box<Ready>),
    /// There is none, and nothing new is known about the grant: the error for the caller.
    Futile(Error),
}

/// The error of a call that was refused with 401 and is not sent again on its own.
pub(crate) fn not_repeated(refused: Error) -> Error {
    refused
        .cause(
            "The provider answered 401. The credential has been renewed since, but a call that may have an effect is \
             not repeated on its own.",
        )
        .remedy(RemedyAction::Retry, "Send the call again; check first whether it happened.")
}

impl Engine {
    /// The deadline of a call that comes in now; the caller may shorten the server's own, not lengthen it.
    pub(crate) fn deadline(&self, wanted: Option<Duration>) -> Deadline {
        let began = Instant::now();
        let own = Deadline { began, at: began + self.0.settings.call_deadline, by: Bound::Server };
        own.within(wanted, Bound::Caller)
    }

    /// The same deadline, with what connector and connection allow.
    pub(crate) fn bounded(
        &self,
        deadline: Deadline,
        connector: &Connector,
        connection: &Connection,
    ) -> Deadline {
        let of_connection = connection.call_timeout_ms.map(|millis| Duration::from_millis(millis.into()));
        deadline
            .within(
                connector.api.timeout_ms.map(|millis| Duration::from_millis(millis.into())),
                Bound::Connector,
            )
            .within(of_connection, Bound::Connection)
    }

    /// The API refused a credential that should be good: forces one refresh.
    ///
    /// # Errors
    /// The error of the account's status, once the provider says that the grant is over.
    pub(crate) async fn renew_refused(
        &self,
        ready: &Ready,
        connection: &Connection,
        refused: &Error,
    ) -> Result<Renewal, Error> {
        let account = &ready.account;
        let why = Why::replace(RefreshReason::Refused, ready.generation);
        let failed = match &ready.credential {
            Credential::OAuth(_) => match self.renew(account, connection, &why).await {
                Ok(renewed) => return Ok(Renewal::Renewed(Box::new(renewed))),
                Err(error) if error.code().is_account_status() => return Err(error),
                Err(error) => error,
            },
            Credential::Static(_) => Error::new(ErrorCode::RefreshNotPossible),
            Credential::None => Error::new(ErrorCode::UpstreamUnauthorized),
        };
        // A renewal that helped nothing, or none to be had: what else is known about the grant?
        if matches!(failed.code(), ErrorCode::RefreshNotPossible | ErrorCode::UpstreamUnauthorized)
            && let Some(over) = self.confirm_refusal(ready, connection, refused).await?
        {
            return Err(over);
        }
        self.note_refused(ready, refused).await;
        let refused = refused.clone();
        tracing::debug!(error = %failed, account = %account.id, "a refused credential could not be renewed");
        Ok(Renewal::Futile(match failed.code() {
            ErrorCode::UpstreamUnauthorized => refused,
            ErrorCode::RefreshNotPossible => refused
                .cause("The provider answered 401, and this kind of credential cannot be renewed.")
                .remedy(
                    RemedyAction::Reauthorize,
                    "Send the user a new authorization link to enter or grant the credential again.",
                ),
            // An access token that ran out is no news. What keeps it from being renewed is: trouble of the provider, which
            // passes, or the connection's own client. Neither is the user's to mend.
            _ => {
                let cause = format!(
                    "The provider answered 401 to the call, and when the credential was to be renewed: {}",
                    failed.cause_text()
                );
                failed.account(&account.id).cause(cause)
            }
        }))
    }

    /// The API refused even the credential that a forced refresh brought: gives the error for the caller. With evidence
    /// the account is `REVOKED`.
    pub(crate) async fn refused_again(
        &self,
        ready: &Ready,
        connection: &Connection,
        refused: Error,
    ) -> Error {
        match self.confirm_refusal(ready, connection, &refused).await {
            Ok(Some(over)) => return over,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, account = %ready.account.id, "a refused credential could not be looked into");
            }
        }
        self.note_refused(ready, &refused).await;
        refused
    }

    /// A call was refused, and renewing does not help or is not possible. One refusal may be about the call; if the
    /// provider does not stand by the access token elsewhere either, the grant is over. Asked at most once per generation
    /// and a few minutes.
    async fn confirm_refusal(
        &self,
        ready: &Ready,
        connection: &Connection,
        refused: &Error,
    ) -> Result<Option<Error>, Error> {
        let account = &ready.account;
        if !matches!(ready.credential, Credential::OAuth(_))
            || !self.0.calls.is_news(&format!("confirm:{}:{}", account.id, ready.generation))
        {
            return Ok(None);
        }
        let found = self.finding(&account.metadata, connection, &ready.credential).await;
        let Some(found) = found.filter(|found| !found.works) else { return Ok(None) };
        let refresh_token = match &ready.credential {
            Credential::OAuth(tokens) if tokens.refresh_token.is_some() => "renewed in vain",
            _ => "none",
        };
        let mut evidence = json!({
            "call": refused.details().provider,
            "refresh_token": refresh_token,
            "generation": ready.generation,
        });
        evidence[found.source] = found.said;
        self.grant_was_taken_away(account, connection, ready.generation, evidence).await.map(Some)
    }

    /// Keeps the evidence of a refused credential that could not be replaced. Once per generation and a few minutes:
    /// an agent that goes on calling is no news.
    pub(crate) async fn note_refused(&self, ready: &Ready, refused: &Error) {
        let account = &ready.account;
        if !self.0.calls.is_news(&format!("refused:{}:{}", account.id, ready.generation)) {
            return;
        }
        let event =
            NewEvent::of_account(account, EventKind::CredentialRefused).code(refused.code()).data(json!({
                "evidence": refused.details().provider,
                "generation": ready.generation,
            }));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::warn!(%error, account = %account.id, "a refused credential could not be noted");
        }
    }

    /// Keeps until when the provider asked to be left alone, and who is meant. Once per account and few minutes.
    pub(crate) async fn note_rate_limit(
        &self,
        account: &Account,
        connection: &Connection,
        execution: &ExecutionId,
        error: &Error,
    ) {
        if error.code() != ErrorCode::UpstreamRateLimited
            || !self.0.calls.is_news(&format!("limited:{}", account.id))
        {
            return;
        }
        let wait = error.details().retry_after_ms;
        let until = wait
            .and_then(|wait| i64::try_from(wait).ok())
            .map(|wait| (self.now() + time::Duration::milliseconds(wait)).unix_timestamp());
        let event = NewEvent::of_account(account, EventKind::RateLimited).code(error.code()).data(json!({
            "evidence": error.details().provider,
            "retry_after_ms": wait,
            "until": until,
            "execution_id": execution.as_str(),
            "counts": error.details().cause,
            "limited": whom_named_in(error, account, connection),
            "client": if connection.use_shared_credentials { "shared" } else { "own" },
        }));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::warn!(%error, account = %account.id, "a rate limit could not be noted");
        }
    }
}
