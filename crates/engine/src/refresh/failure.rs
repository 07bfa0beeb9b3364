//! The provider gave no tokens: whose fault is it, and what is done about it.
//!
//! Three kinds, never counted alike. Only evidence about the grant itself ends an account. A passing failure is noted
//! with the time of the next try. A refused configuration is the connection's.

use serde_json::json;
use valetkey_domain::{
    Change, Changes, Error, ErrorCode,
    event::{EventKind, NewEvent},
    refresh::RefreshOutcome,
};
use valetkey_upstream::oauth::{FailureClass, TokenFailure};

use super::{
    Ready,
    backoff::{self, millis},
    claim::Claim,
    due,
    outcome::evidence_json,
};
use crate::{Engine, status_page};

impl Engine {
    /// Settles a renewal that brought no tokens.
    pub(super) async fn settle_failure(&self, claim: Claim, failure: TokenFailure) -> Result<Ready, Error> {
        // What is wrong with this one account is not the connection's fault, nor is anything known about the grant.
        let is_of_account = failure.class == FailureClass::Configuration
            && matches!(failure.code, ErrorCode::AccountError | ErrorCode::Internal | ErrorCode::SealRefused);
        match failure.class {
            FailureClass::Dead => self.settle_refusal(claim, failure).await,
            FailureClass::Configuration if !is_of_account => self.settle_fault(claim, failure).await,
            FailureClass::Configuration => Err(self.settle_in_passing(&claim, failure, None).await),
            FailureClass::Transient { retry_after } => {
                Err(self.settle_in_passing(&claim, failure, retry_after).await)
            }
        }
    }

    /// The provider, or the way to it, failed: the status stays, and the next try waits.
    async fn settle_in_passing(
        &self,
        claim: &Claim,
        failure: TokenFailure,
        retry_after: Option<std::time::Duration>,
    ) -> Error {
        let (account, now) = (&claim.subject.account, self.now());
        let generation = claim.subject.generation;
        let is_unknown = failure.outcome_unknown && due::rotates(&claim.subject.connector);
        let outcome = if is_unknown { RefreshOutcome::Unknown } else { RefreshOutcome::Transient };
        let degraded = backoff::degraded(account, failure.code, retry_after, &*self.0.entropy, now);
        let retry_at = degraded.retry_at;
        let is_news = is_unknown
            || degraded.failures.is_power_of_two()
            || account.degraded.as_ref().is_some_and(|before| before.code != failure.code);
        let mut changes = Changes::from(self.ended(claim, outcome, Some(failure.code)));
        if is_news {
            let kind = match is_unknown {
                true => EventKind::RefreshOutcomeUnknown,
                false => EventKind::RefreshFailed,
            };
            let event =
                NewEvent::of_account(account, kind).by(&claim.why.actor).code(failure.code).data(json!({
                    "class": "transient",
                    "reason": claim.reason(),
                    "evidence": evidence_json(&failure.evidence),
                    "outcome_unknown": failure.outcome_unknown,
                    "failures": degraded.failures,
                    "retry_at": retry_at.to_string(),
                    "generation": generation,
                    "fence": claim.attempt.fence,
                }));
            changes = changes.and(self.event(event));
        }
        let id = account.id.clone();
        changes = changes.and(Change::DegradeAccount { id: id.clone(), generation, degraded });
        // Where the grant may be lost, the background finds out soon, whether or not anybody calls.
        if is_unknown {
            changes = changes.and(Change::ScheduleRefresh { id, generation, at: Some(retry_at) });
        }
        self.tell(account, changes).await;
        let error = status_page::linked(&claim.subject.connector, Error::from(failure));
        error.account(&account.id).retry_after_ms(millis(retry_at - now))
    }

    /// The provider refuses the connection's own configuration: noted once, and no account suffers.
    async fn settle_fault(&self, claim: Claim, failure: TokenFailure) -> Result<Ready, Error> {
        let connection = &claim.subject.connection;
        let evidence = evidence_json(&failure.evidence);
        let code = failure.code;
        self.tell(
            &claim.subject.account,
            self.ended(&claim, RefreshOutcome::Configuration, Some(code)).into(),
        )
        .await;
        // One account found out for all of them.
        self.0.calls.refreshes.fault_probes.insert(connection.id.clone(), self.now());
        if let Err(error) = self.mark_fault(&connection.id, code, evidence).await {
            tracing::warn!(%error, connection = %connection.id, "a fault could not be noted");
        }
        Err(Error::from(failure).connection(&connection.id))
    }
}
