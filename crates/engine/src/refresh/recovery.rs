//! Attempts without a known outcome: their process died, stood still past its lease, or no answer came.
//!
//! The provider may have spent the refresh token of such an attempt. The next attempt on the same credential is its
//! recovery. Where the provider does not rotate, or lets a used token work for a while, the old token is simply sent
//! again. Elsewhere it is sent once more, carefully: if the provider can be asked about the token without using it, that
//! comes first. If the grant turns out to be gone, nobody took it away: the answer was lost.

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, Change, Changes, Error, Page, PageRequest, Time,
    event::{EventKind, NewEvent},
    refresh::{RefreshAttempt, RefreshOutcome, RefreshReason},
};

use super::{Subject, Why, due};
use crate::Engine;

/// How far back the attempts on one credential are looked through.
const LOOKED_THROUGH: u32 = 100;

/// The loss that an attempt recovers from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    /// When the first attempt of unknown outcome began.
    pub(super) since: Time,
    /// Whether the provider lets a used refresh token work still.
    pub(super) has_grace: bool,
}

impl Lost {
    /// The loss of `attempt` on the credential of `subject`.
    pub(super) fn of(subject: &Subject, attempt: &RefreshAttempt) -> Self {
        Self::since(subject, attempt.started_at, attempt.started_at)
    }

    fn since(subject: &Subject, since: Time, now: Time) -> Self {
        let rotation = subject.connector.auth.oauth().map(|profile| &profile.refresh.rotation);
        let grace = rotation.map_or(0, |rotation| rotation.grace_seconds);
        let has_grace =
            !due::rotates(&subject.connector) || now - since < Duration::seconds(i64::from(grace));
        Self { since, has_grace }
    }
}

impl Engine {
    /// The loss that the attempts before on the credential of `subject` leave to recover from. `last` is the last of
    /// them.
    pub(super) async fn lost_before(
        &self,
        subject: &Subject,
        last: &RefreshAttempt,
    ) -> Result<Option<Lost>, Error> {
        if last.outcome != Some(RefreshOutcome::Unknown) && last.reason != RefreshReason::Recovery {
            return Ok(None);
        }
        let page = PageRequest { size: LOOKED_THROUGH, cursor: None };
        let Page { items, .. } = self.0.store.refreshes(&subject.account.id, &page).await?;
        let first = items
            .iter()
            .take_while(|attempt| attempt.generation == subject.generation)
            .filter(|attempt| attempt.outcome == Some(RefreshOutcome::Unknown))
            .last();
        let since = first.map_or(last.started_at, |first| first.started_at);
        Ok(Some(Lost::since(subject, since, self.now())))
    }

    /// Ends an open attempt as of unknown outcome, and tells of it.
    pub(super) fn take_over(&self, account: &Account, attempt: &RefreshAttempt) -> Changes {
        let event = NewEvent::of_account(account, EventKind::RefreshOutcomeUnknown).data(json!({
            "why": "the process that renewed it is gone or stood still",
            "began_at": attempt.started_at.to_string(),
            "generation": attempt.generation,
            "fence": attempt.fence,
        }));
        Changes::new()
            .and(Change::TakeOverRefresh {
                account: account.id.clone(),
                fence: attempt.fence,
                at: self.now(),
            })
            .and(self.event(event))
    }

    /// Takes over an attempt that storage gave as stale, and recovers the credential if that is still the one of then.
    ///
    /// # Errors
    /// `conflict` if somebody else is at it; why it could not be recovered now.
    pub(crate) async fn recover(&self, attempt: RefreshAttempt) -> Result<(), Error> {
        let Some(account) = self.0.store.account(&attempt.account).await? else { return Ok(()) };
        // Known as unknown first, whatever keeps the recovery itself from coming about.
        self.commit(self.take_over(&account, &attempt)).await?;
        if account.status() != AccountStatus::Active || account.generation != attempt.generation {
            return Ok(());
        }
        let connection = self.connection_of(&account).await?;
        let why = Why::replace(RefreshReason::Recovery, attempt.generation);
        self.renew_in_background(&account, &connection, &why).await
    }
}
