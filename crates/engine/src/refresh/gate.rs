//! Reasons not to ask the provider now.

use time::Duration;
use valetkey_domain::{Account, Connection, Error, ErrorCode, refresh::RefreshReason};

use super::{
    Subject, Why,
    backoff::{self, millis},
    due,
};
use crate::Engine;

/// A connection that the provider refuses is tried again so often, with one account, in case it was mended there.
const FAULT_PROBE_EVERY: Duration = Duration::hours(1);
/// A token that a forced renewal brought and that is refused again within this time is not renewed once more: another
/// one would fare no better.
const FORCE_AGAIN_AFTER: Duration = Duration::minutes(1);

impl Engine {
    /// Why the provider is not asked yet, as far as the account and its connection tell: an earlier renewal failed a
    /// moment ago, or the connection itself is refused.
    pub(super) fn held_back(&self, account: &Account, connection: &Connection, why: &Why) -> Option<Error> {
        let now = self.now();
        if let Some((degraded, error)) = backoff::pause(account, now) {
            // A person who asks may be early, but not earlier than the provider wants.
            let may_be_early = why.reason == RefreshReason::Asked && !degraded.asked_for;
            if !may_be_early {
                return Some(error);
            }
        }
        let fault = connection.fault.as_ref()?;
        let tried_at = self.0.calls.refreshes.fault_probes.get(&connection.id);
        let tried_at = tried_at.map_or(fault.since, |at| at.max(fault.since));
        let wait = tried_at + FAULT_PROBE_EVERY - now;
        // As elsewhere: a clock that went wrong must not close the gate for longer.
        if !wait.is_positive() || wait > FAULT_PROBE_EVERY {
            return None;
        }
        Some(Error::new(fault.code).connection(&connection.id).retry_after_ms(millis(wait)))
    }

    /// Why the provider is not asked now about `subject`.
    pub(super) async fn gate(&self, subject: &Subject, why: &Why) -> Result<(), Error> {
        let Subject { account, connection, connector, .. } = subject;
        if let Some(error) = self.held_back(account, connection, why) {
            return Err(self.politely(subject, why, error));
        }
        let now = self.now();
        let wait = due::earliest(connector, subject.stored_at) - now;
        let was_stored_in_the_future = subject.stored_at > now;
        if wait.is_positive() && !was_stored_in_the_future && why.generation.is_some() {
            return Err(Error::new(ErrorCode::RefreshTooEarly)
                .account(&account.id)
                .retry_after_ms(millis(wait)));
        }
        self.require_thawed(subject).await
    }

    /// Whoever asks for a renewal while the provider wants a pause and the access token still works hears just that.
    fn politely(&self, subject: &Subject, why: &Why, error: Error) -> Error {
        let still_works = subject.tokens.expires_at.is_some_and(|expires_at| expires_at > self.now());
        let asked_for = subject.account.degraded.as_ref().is_some_and(|degraded| degraded.asked_for);
        match error.details().retry_after_ms {
            Some(wait) if why.reason == RefreshReason::Asked && still_works && asked_for => {
                Error::new(ErrorCode::RefreshTooEarly).account(&subject.account.id).retry_after_ms(wait)
            }
            _ => error,
        }
    }

    /// Whether the credential came from a forced renewal just now, so that forcing another one is futile.
    pub(super) fn is_futile(
        &self,
        subject: &Subject,
        why: &Why,
        last: &valetkey_domain::refresh::RefreshAttempt,
    ) -> bool {
        use valetkey_domain::refresh::RefreshOutcome;
        let age = last.ended_at.map(|ended_at| self.now() - ended_at);
        why.reason == RefreshReason::Refused
            && last.reason == RefreshReason::Refused
            && last.outcome == Some(RefreshOutcome::Renewed)
            && last.generation + 1 == subject.generation
            && age.is_some_and(|age| !age.is_negative() && age < FORCE_AGAIN_AFTER)
    }
}
