//! One try of a revocation, its receipt, and when it is tried again.

use std::time::Duration as StdDuration;

use time::Duration;
use valetkey_domain::{
    Account, AccountId, Caller, Change, Changes, Connection, Credential, Error, ErrorCode, Page, PageRequest,
    PendingRevocation, Permission, RevocationId, StoreError,
    entropy::random_bytes,
    event::{EventKind, NewEvent},
    revocation::RevocationOutcome,
};

use super::{
    FIRST_LOOK, GIVE_UP_AFTER, Receipt,
    provider::{Failed, Trial, Tried},
};
use crate::Engine;

/// The longest first pause after a failure that may pass soon; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::seconds(30);
/// The longest pause. What only an operator can mend is tried again this often from the beginning.
const LONGEST_PAUSE: Duration = Duration::hours(1);
/// The generation that tokens are sealed for which never became an account's credential. Credentials begin with 1, so
/// that a sealed stray cannot be put in the place of one (S29).
const STRAY: u64 = 0;
/// How often tokens that belong to nobody are stored to be revoked later, if the database takes no writes.
const STORE_ROUNDS: u32 = 5;

/// A pending revocation as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingView {
    /// The revocation. Its sealed credential is not for showing.
    pub revocation: PendingRevocation,
    /// The name of its connection; `None` if that was deleted.
    pub connection_name: Option<String>,
}

/// When to try again.
///
/// A failure in passing: full jitter over a pause that doubles from 30 s to an hour. Anything else: about once an hour.
/// What the provider asked for is the floor.
fn pause(attempts: u32, failed: &Failed, random: u64) -> Duration {
    let longest: Duration = if failed.transient {
        LONGEST_PAUSE.min(FIRST_PAUSE * 2_i32.pow(attempts.saturating_sub(1).min(7)))
    } else {
        LONGEST_PAUSE
    };
    let floor: Duration = match failed.retry_after {
        Some(asked) => Duration::try_from(asked).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE),
        None if failed.transient => Duration::seconds(1),
        None => LONGEST_PAUSE / 2,
    };
    // Beyond what was asked for only a little is added, so that a crowd does not come back in one second.
    let spread = match failed.retry_after {
        Some(_) => Duration::max(longest / 10, Duration::seconds(1)),
        None => longest - floor,
    };
    let spread = u64::try_from(spread.whole_milliseconds()).unwrap_or(0).saturating_add(1);
    floor + Duration::milliseconds(i64::try_from(random % spread).unwrap_or(0))
}

impl Engine {
    /// Revocations that failed and are tried again, newest first; of one account, or of all. Needs
    /// `connected_accounts:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn pending_revocations(
        &self,
        caller: &Caller,
        account: Option<&AccountId>,
        page: &PageRequest,
    ) -> Result<Page<PendingView>, Error> {
        caller.require(Permission::AccountsRead)?;
        let found = self.0.store.revocations(&caller.environment, account, page).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for revocation in found.items {
            let connection = self.0.store.connection(&revocation.connection).await?;
            items.push(PendingView { revocation, connection_name: connection.map(|c| c.name) });
        }
        Ok(Page { items, next: found.next, previous: found.previous, total: found.total })
    }

    /// Tries a pending revocation again, which the caller has taken from the queue. Whatever comes of it is durable
    /// and told in the history of the account, which may be deleted by now.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn retry_revocation(&self, pending: PendingRevocation) -> Result<(), Error> {
        self.try_revocation(pending, "system").await.map(drop)
    }

    /// One try. Gives its receipt, which is in the history by then.
    pub(super) async fn try_revocation(
        &self,
        pending: PendingRevocation,
        actor: &str,
    ) -> Result<Receipt, Error> {
        let tried = match self.0.store.connection(&pending.connection).await? {
            // Without its OAuth client nobody can revoke it, now or later.
            None => Err(Error::new(ErrorCode::ConnectionNotFound)),
            Some(connection) => match self.open_revocation(&pending).await {
                Ok(Credential::OAuth(tokens)) => {
                    Ok(self.ask_to_revoke(&connection, &pending.metadata, &tokens).await)
                }
                Ok(_) => Ok(Tried::NotOffered),
                Err(error) if error.code() == ErrorCode::SealRefused => Err(error),
                Err(error) => Ok(Tried::Failed(error.into())),
            },
        };
        let tried = match tried {
            Ok(tried) => tried,
            Err(hopeless) => {
                let receipt = Receipt {
                    code: Some(hopeless.code()),
                    attempts: pending.attempts + 1,
                    ..Receipt::new(RevocationOutcome::GivenUp).detail(hopeless.details().message.clone())
                };
                return self.settle(pending, receipt, actor).await;
            }
        };
        let receipt = self.receipt_of(&pending, tried);
        self.settle(pending, receipt, actor).await
    }

    fn receipt_of(&self, pending: &PendingRevocation, tried: Tried) -> Receipt {
        let attempts = pending.attempts + 1;
        match tried {
            Tried::NotOffered => Receipt::new(RevocationOutcome::NotOffered)
                .detail("The provider has no way to revoke; the user can remove the app's access there."),
            Tried::Revoked { tokens, reach, trial } => {
                let receipt = match trial {
                    Trial::Dead(source) => {
                        let receipt = Receipt::new(RevocationOutcome::RevokedAndVerified);
                        Receipt { verified_by: Some(source), ..receipt }
                    }
                    Trial::Alive => Receipt::new(RevocationOutcome::Revoked)
                        .detail("Not verified: the access token still worked right afterwards."),
                    Trial::Unknown(why) => {
                        Receipt::new(RevocationOutcome::Revoked).detail(format!("Not verified: {why}."))
                    }
                };
                Receipt { tokens, reach, attempts, ..receipt }
            }
            Tried::Failed(failed) => {
                let now = self.now();
                let random = u64::from_be_bytes(random_bytes::<8>(&*self.0.entropy));
                // The last try comes when its time is over, not up to an hour before.
                let retry_at = (now + pause(attempts, &failed, random)).min(pending.give_up_at.max(now));
                let over = now >= pending.give_up_at;
                let outcome =
                    if over { RevocationOutcome::GivenUp } else { RevocationOutcome::FailedWillRetry };
                Receipt {
                    detail: failed.detail,
                    tokens: failed.tokens,
                    code: Some(failed.code),
                    evidence: failed.evidence,
                    retry_at: (!over).then_some(retry_at),
                    attempts,
                    ..Receipt::new(outcome)
                }
            }
        }
    }

    /// Makes the outcome of a try durable: the event, and the revocation gone or put off.
    async fn settle(
        &self,
        pending: PendingRevocation,
        receipt: Receipt,
        actor: &str,
    ) -> Result<Receipt, Error> {
        let event = NewEvent {
            environment: pending.environment.clone(),
            account: Some(pending.account.clone()),
            connection: Some(pending.connection.clone()),
            kind: EventKind::RevocationReceipt,
            actor: actor.to_owned(),
            code: None,
            data: serde_json::Value::Null,
        };
        let event = self.event(receipt.in_event(event));
        let change = match receipt.retry_at {
            Some(next_at) => Change::UpdateRevocation(PendingRevocation {
                attempts: receipt.attempts,
                last_code: receipt.code,
                next_at,
                ..pending
            }),
            None => Change::DeleteRevocation(pending.id),
        };
        match self.0.store.commit(Changes::from(change).and(event)).await {
            // Somebody else has brought it to its end.
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(receipt),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Takes back tokens that belong to no account: it was deleted or disconnected while they came, or they name another
    /// user than it may have. What fails is tried again later; the receipt is in the history.
    pub(crate) async fn revoke_at_provider(
        &self,
        account: &Account,
        connection: &Connection,
        credential: &Credential,
    ) -> Receipt {
        let Credential::OAuth(tokens) = credential else {
            return Receipt::new(RevocationOutcome::NotOffered);
        };
        let tried = self.ask_to_revoke(connection, &account.metadata, tokens).await;
        let failed = matches!(tried, Tried::Failed(_));
        let now = self.now();
        let mut pending = PendingRevocation {
            id: RevocationId::new(&*self.0.clock, &*self.0.entropy),
            environment: account.environment.clone(),
            account: account.id.clone(),
            connection: account.connection.clone(),
            identifier: account.identifier.clone(),
            metadata: account.metadata.clone(),
            generation: STRAY,
            sealed: valetkey_domain::SealedBlob(Vec::new()),
            attempts: 0,
            last_code: None,
            next_at: now + FIRST_LOOK,
            give_up_at: now + GIVE_UP_AFTER,
            created_at: now,
        };
        let receipt = Receipt { label: account.label.clone(), ..self.receipt_of(&pending, tried) };
        let event = NewEvent::of_account(account, EventKind::RevocationReceipt);
        let mut changes = Changes::from(self.event(receipt.in_event(event)));
        if failed {
            match self.seal_stray(account, credential).await {
                Ok(sealed) => pending.sealed = sealed,
                Err(error) => {
                    tracing::error!(%error, account = %account.id, "tokens to be revoked later could not be sealed");
                    return Receipt { outcome: RevocationOutcome::GivenUp, retry_at: None, ..receipt };
                }
            }
            pending.attempts = receipt.attempts;
            pending.last_code = receipt.code;
            pending.next_at = receipt.retry_at.unwrap_or(pending.next_at);
            changes = changes.and(Change::InsertRevocation(pending));
        }
        for round in 0..STORE_ROUNDS {
            match self.0.store.commit(changes.clone()).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(%error, account = %account.id, "the receipt of a revocation waits for the database");
                    tokio::time::sleep(StdDuration::from_millis(100 << round)).await;
                }
            }
        }
        receipt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(transient: bool, retry_after: Option<u64>) -> Failed {
        Failed {
            code: ErrorCode::UpstreamError,
            detail: None,
            evidence: None,
            tokens: Vec::new(),
            retry_after: retry_after.map(StdDuration::from_secs),
            transient,
        }
    }

    /// S13: full jitter, doubling to an hour, never before what the provider asked for.
    #[test]
    fn pause_doubles_with_jitter_and_obeys_retry_after() {
        let randoms = || (0..2000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for (attempts, longest) in [(1, 30), (2, 60), (4, 240), (8, 3600), (500, 3600)] {
            let pauses: Vec<_> = randoms().map(|r| pause(attempts, &failed(true, None), r)).collect();
            let most = pauses.iter().max().unwrap();
            assert!(*most <= Duration::seconds(longest) && *most > Duration::seconds(longest) * 9 / 10);
            assert!(
                pauses.iter().any(|p| *p < Duration::seconds(longest) / 5),
                "jitter over the whole pause"
            );
            assert!(pauses.iter().all(|p| *p >= Duration::seconds(1)));
        }
        for asked in [7, 3600, 1 << 40] {
            let floor = Duration::seconds(i64::try_from(asked.min(3600)).unwrap());
            let pauses: Vec<_> = randoms().map(|r| pause(1, &failed(true, Some(asked)), r)).collect();
            assert!(pauses.iter().all(|p| *p >= floor && *p <= floor + Duration::seconds(4)));
        }
        assert!(randoms().all(|r| pause(1, &failed(false, None), r) >= Duration::minutes(30)));
    }
}
