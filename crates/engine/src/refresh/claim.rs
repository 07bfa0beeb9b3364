//! Taking the lease on a renewal.
//!
//! The lease is an attempt in the journal, opened on condition that the credential is still of the generation that was
//! read: whoever holds it sends the token it has read. That one commit is also the proof that storage takes writes; a
//! rotated token that could not be stored would be lost, and the grant with it.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;
use valetkey_domain::{
    AccountId, Change, Changes, Connection, Error, ErrorCode, RefreshId, StoreError,
    refresh::{RefreshAttempt, RefreshOutcome, RefreshReason},
};

use super::{Subject, Why, backoff::millis, breaker::Pass, flight::Landing, recovery::Lost};
use crate::{Engine, context::target, status_page};

/// What storing an answer, and waking up, may take beyond the deadline of the token call.
const STORING: Duration = Duration::from_secs(60);
/// How long another process is waited for before looking again; it usually wakes us earlier.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// An attempt of another process is tried to be taken over at once if it is older than this, and then every so many
/// rounds: storage knows whether its lease ran out or its holder is gone, by its own clock.
const SURELY_ALIVE: time::Duration = time::Duration::seconds(2);
const TRY_EVERY: u32 = 4;

/// The lease on a renewal.
pub(super) struct Claim {
    pub(super) subject: Subject,
    pub(super) attempt: RefreshAttempt,
    pub(super) why: Why,
    /// Set if an earlier attempt on this very credential has no known outcome.
    pub(super) lost: Option<Lost>,
    /// When the lease was asked for.
    pub(super) asked_at: Instant,
    /// The deadline of the token call.
    pub(super) deadline: Duration,
    /// The right to ask the provider, until it was asked.
    pub(super) pass: Option<Pass>,
}

/// What came of asking for the lease.
enum Step {
    Claimed(Box<Claim>),
    /// Somebody else has it.
    Held,
    /// What was read is not true any more.
    Moved,
}

impl Engine {
    /// The flight itself: everything is read afresh, since whoever started it may have waited.
    pub(super) async fn fly(&self, id: &AccountId, why: &Why) -> Landing {
        let mut round = 0;
        loop {
            let subject = match self.subject(id, why).await? {
                Ok(subject) => subject,
                Err(ready) => return Ok(ready),
            };
            self.gate(&subject, why).await?;
            match self.claim(subject, why, round).await? {
                Step::Claimed(claim) => return self.carry_out_renewal(*claim).await,
                Step::Moved => {}
                Step::Held => {
                    if self.0.tasks.is_closed() {
                        return Err(Error::new(ErrorCode::ShuttingDown).account(id));
                    }
                    self.0.store.refresh_ended(id, LOOK_AGAIN).await;
                }
            }
            round += 1;
        }
    }

    async fn claim(&self, subject: Subject, why: &Why, round: u32) -> Result<Step, Error> {
        let id = subject.account.id.clone();
        let last = self.0.store.last_refresh(&id).await?;
        let mut changes = Changes::new();
        let mut lost = None;
        if let Some(last) = &last {
            if self.is_futile(&subject, why, last) {
                return Err(Error::new(ErrorCode::UpstreamUnauthorized).account(&id));
            }
            match last.outcome {
                None if self.0.calls.refreshes.doubtful.contains_key(&last.id) => {
                    changes = changes.and(self.not_sent(last));
                }
                None => {
                    if !self.may_be_stale(last, round) {
                        return Ok(Step::Held);
                    }
                    changes = changes.with(self.take_over(&subject.account, last));
                    lost = (last.generation == subject.generation).then(|| Lost::of(&subject, last));
                }
                Some(_) if last.generation == subject.generation => {
                    lost = self.lost_before(&subject, last).await?;
                }
                Some(_) => {}
            }
        }
        let pass = self.breaker_pass(&subject)?;
        let deadline = self.token_deadline(&subject);
        let now = self.now();
        let attempt = RefreshAttempt {
            id: RefreshId::new(&*self.0.clock, &*self.0.entropy),
            environment: subject.account.environment.clone(),
            connection: subject.connection.id.clone(),
            account: id.clone(),
            fence: last.as_ref().map_or(0, |last| last.fence) + 1,
            generation: subject.generation,
            holder: self.join().await?.instance,
            reason: if lost.is_some() { RefreshReason::Recovery } else { why.reason },
            started_at: now,
            lease_until: now + deadline + STORING,
            outcome: None,
            code: None,
            ended_at: None,
        };
        // Before the lease, so that what is wrong with the connection leaves no attempt behind.
        self.oauth_client(&subject.connection).await?;
        // What the answer will need is made ready before it can come: until it is written nobody else has it.
        self.0.keyring.ready().await?;
        let asked_at = Instant::now();
        let begin = Change::BeginRefresh { attempt: attempt.clone(), lease: deadline + STORING };
        match self.0.store.commit(changes.and(begin)).await {
            Ok(()) => {
                let (why, pass) = (why.clone(), Some(pass));
                let claim = Claim { subject, attempt, why, lost, asked_at, deadline, pass };
                Ok(Step::Claimed(Box::new(claim)))
            }
            Err(StoreError::Conflict { what: "refresh" }) => Ok(Step::Held),
            Err(StoreError::Conflict { .. }) => Ok(Step::Moved),
            Err(failure) => {
                // It may have been written all the same. Nothing was sent for it.
                self.0.calls.refreshes.doubtful.insert(attempt.id, ());
                Err(failure.into())
            }
        }
    }

    fn may_be_stale(&self, attempt: &RefreshAttempt, round: u32) -> bool {
        let now = self.now();
        let age = now - attempt.started_at;
        let surely_alive = !age.is_negative() && age < SURELY_ALIVE;
        attempt.lease_until <= now
            || (round == 0 && !surely_alive)
            || (round > 0 && round.is_multiple_of(TRY_EVERY))
    }

    /// The end of an attempt for which nothing was sent.
    pub(super) fn not_sent(&self, attempt: &RefreshAttempt) -> Change {
        Change::EndRefresh {
            account: attempt.account.clone(),
            fence: attempt.fence,
            outcome: RefreshOutcome::NotSent,
            code: None,
            at: self.now(),
        }
    }

    fn breaker_pass(&self, subject: &Subject) -> Result<Pass, Error> {
        let provider = self.provider_of(&subject.connection);
        self.0.calls.refreshes.breakers.pass(&provider, self.now()).map_err(|wait| {
            status_page::linked(&subject.connector, Error::new(ErrorCode::RenewalsPaused))
                .account(&subject.account.id)
                .connection(&subject.connection.id)
                .retry_after_ms(millis(wait))
        })
    }

    /// Whom a renewal of an account of `connection` asks: connector and host of the token endpoint.
    pub(crate) fn provider_of(&self, connection: &Connection) -> String {
        let nothing = BTreeMap::new();
        let url = self.connector_of(connection).and_then(|c| target(c, connection, &nothing).refresh_url());
        // Where the host depends on the account, the connection stands for the provider.
        let host = match url {
            Ok(Some(url)) => url.authority().to_owned(),
            Ok(None) | Err(_) => connection.id.to_string(),
        };
        format!("{}@{host}", connection.connector)
    }

    /// How long the provider may take to answer.
    fn token_deadline(&self, subject: &Subject) -> Duration {
        let stated = subject.connector.auth.oauth().and_then(|profile| profile.refresh.deadline_seconds);
        stated.map_or(self.0.settings.refresh_deadline, |seconds| Duration::from_secs(u64::from(seconds)))
    }
}
