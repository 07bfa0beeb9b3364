//! What tool calls and proxied calls have in common: deadlines, and what to do about a refused credential.

use std::{future::Future, time::Duration};

use serde_json::json;
use tokio::time::Instant;
use valetkey_domain::{
    Connection, Credential, Error, ErrorCode,
    catalogue::RemedyAction,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::http::CallLimits;

use crate::{
    Engine,
    refresh::{Ready, Why},
};

/// Until when a call must be answered: refresh, call and retry together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// What is left.
    pub(crate) fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// The limits of a request that leaves now.
    ///
    /// # Errors
    /// `upstream_timeout` if nothing is left.
    pub(crate) fn limits(&self, limits: CallLimits) -> Result<CallLimits, Error> {
        let remaining = self.remaining();
        if remaining.is_zero() {
            return Err(too_late());
        }
        Ok(CallLimits { deadline: limits.deadline.min(remaining), ..limits })
    }

    /// Waits for `work` no longer than the deadline. Refreshes go on without us.
    ///
    /// # Errors
    /// `upstream_timeout`, and whatever `work` fails with.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match tokio::time::timeout_at(self.0, work).await {
            Ok(done) => done,
            Err(_) => Err(too_late()),
        }
    }
}

fn too_late() -> Error {
    Error::new(ErrorCode::UpstreamTimeout)
        .cause("The deadline of the call passed before the request could leave: getting a fresh credential took too long.")
        .remedy(RemedyAction::Retry, "Try again: the call was not made.")
}

/// What came of renewing a refused credential.
pub(crate) enum Renewal {
    /// There is another one.
    Renewed(Ready),
    /// There is none, and nothing new is known about the grant.
    Futile,
}

impl Engine {
    /// The deadline of a call that comes in now; the caller may shorten the server's own, not lengthen it.
    pub(crate) fn deadline(&self, wanted: Option<Duration>) -> Deadline {
        let own = self.0.settings.call_deadline;
        Deadline(Instant::now() + wanted.map_or(own, |wanted| wanted.min(own)))
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
        let generation = ready.account.generation;
        let futile = self.0.calls.refreshes.is_futile(&ready.account.id, generation, self.now());
        if futile || !matches!(ready.credential, Credential::OAuth(_)) {
            self.note_refused(ready, refused).await;
            return Ok(Renewal::Futile);
        }
        match self.renew(&ready.account, connection, &Why::Refused { generation }).await {
            Ok(renewed) => Ok(Renewal::Renewed(renewed)),
            Err(error) if error.code().is_account_status() => Err(error),
            Err(error) => {
                tracing::debug!(%error, account = %ready.account.id, "a refused credential could not be renewed");
                self.note_refused(ready, refused).await;
                Ok(Renewal::Futile)
            }
        }
    }

    /// Keeps the evidence of a refused credential that could not be replaced. Once per generation and a few minutes:
    /// an agent that goes on calling is no news.
    pub(crate) async fn note_refused(&self, ready: &Ready, refused: &Error) {
        let account = &ready.account;
        if !self.0.calls.is_news(&format!("refused:{}:{}", account.id, account.generation)) {
            return;
        }
        let event =
            NewEvent::of_account(account, EventKind::CredentialRefused).code(refused.code()).data(json!({
                "evidence": refused.details().provider,
                "generation": account.generation,
            }));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::warn!(%error, account = %account.id, "a refused credential could not be noted");
        }
    }
}
