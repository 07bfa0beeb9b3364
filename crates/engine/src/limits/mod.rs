//! The provider's limits, kept for the callers: what it told is remembered, calls wait for their turn, and whoever cannot
//! wait so long is told who is limited and until when.
//!
//! A limit counts either against an account or against the OAuth client that many accounts share. What concerns one
//! account is waited for outside the queue of the connection, so that the other accounts go on; what concerns the client
//! holds up the queue itself, since it holds for everybody in it. Everything here lives in memory and is bounded: another
//! process learns the same from the same provider.

mod lane;
mod pace;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::sync::Cache;
use tokio::time::Instant;
use valetkey_domain::{
    Account, AccountId, Connection, ConnectionId, Entropy, Error, ErrorCode, catalogue::RemedyAction,
    entropy::random_bytes,
};
use valetkey_upstream::connector::{ApiLimits, Connector, LimitScope, Rate};

pub(crate) use self::lane::Turn;
use self::{
    lane::{Full, Lane},
    pace::Pace,
};
use crate::{Engine, EngineSettings, execute::call::Deadline};

/// How many limits of each kind are remembered.
const REMEMBERED: u64 = 100_000;
/// The longest that a limit is remembered; no provider is believed longer.
const LONGEST: Duration = Duration::from_secs(3600);
/// The first and the longest pause after a refusal that names none.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// The shortest pause: a provider that says "now" is not asked at once.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
/// Calls that waited for the same instant do not leave at the same instant.
const SPREAD: Duration = Duration::from_millis(250);

/// Whom a limit counts against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    /// One account.
    Account(AccountId),
    /// The connection's own OAuth client.
    Connection(ConnectionId),
    /// The operator's OAuth client of this connector.
    Shared(String),
}

impl Whom {
    fn of(scope: LimitScope, account: &Account, connection: &Connection) -> Self {
        match scope {
            LimitScope::Account => Self::Account(account.id.clone()),
            LimitScope::Client if connection.use_shared_credentials => {
                Self::Shared(connection.connector.clone())
            }
            LimitScope::Client => Self::Connection(connection.id.clone()),
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Account(_) => "The limit counts against this account; other accounts are not affected.",
            Self::Connection(_) => {
                "The limit counts against the OAuth client of the connection, which all its accounts share."
            }
            Self::Shared(_) => {
                "The limit counts against the operator's shared OAuth client, which many connections use."
            }
        }
    }

    /// The same error, with who is limited.
    fn named_in(&self, error: Error) -> Error {
        let error = error
            .cause(self.words())
            .remedy(RemedyAction::Wait, "Wait as long as retry_after_ms says, then send the call again.");
        match self {
            Self::Shared(_) => error.remedy(
                RemedyAction::ConfigureConnection,
                "Give the connection an OAuth client of its own: it has a quota of its own.",
            ),
            Self::Account(_) | Self::Connection(_) => error,
        }
    }
}

/// Until when nothing is sent.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// How many refusals in a row.
    refusals: u32,
}

/// What one process knows of the providers' limits.
pub(crate) struct Limits {
    pauses: Cache<Whom, Pause>,
    paces: Cache<Whom, Arc<Mutex<Pace>>>,
    lanes: Cache<ConnectionId, Arc<Lane>>,
    at_once: usize,
    most: usize,
}

fn remembered<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(REMEMBERED).time_to_idle(LONGEST).build()
}

impl Limits {
    pub(crate) fn new(settings: &EngineSettings) -> Self {
        Self {
            pauses: Cache::builder().max_capacity(REMEMBERED).time_to_live(LONGEST).build(),
            paces: remembered(),
            lanes: remembered(),
            at_once: settings.calls_per_connection,
            most: settings.calls_waiting,
        }
    }

    fn lane(&self, connection: &ConnectionId) -> Arc<Lane> {
        self.lanes.get_with_by_ref(connection, || Arc::new(Lane::new(self.at_once, self.most)))
    }

    /// How long nothing is sent for `whom`.
    fn paused(&self, whom: &Whom) -> Duration {
        self.pauses
            .get(whom)
            .map_or(Duration::ZERO, |pause| pause.until.saturating_duration_since(Instant::now()))
    }

    /// Takes a place in the pace of `whom`, if it has one and it comes within `at_most`.
    ///
    /// # Errors
    /// How long the wait would be.
    fn place(&self, whom: &Whom, rate: Option<Rate>, at_most: Duration) -> Result<Duration, Duration> {
        let Some(rate) = rate else { return Ok(Duration::ZERO) };
        let pace = self.paces.get_with_by_ref(whom, || Arc::new(Mutex::new(Pace::new(rate))));
        let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.take(Instant::now(), at_most)
    }

    /// Notes that the provider takes nothing of `whom` for a while.
    fn pause(&self, whom: Whom, wait: Duration, refused: bool) {
        let until = Instant::now() + wait.clamp(LEAST_PAUSE, LONGEST);
        let _ = self.pauses.entry(whom).and_upsert_with(|before| {
            let before = before.map(moka::Entry::into_value);
            Pause {
                until: before.map_or(until, |before| before.until.max(until)),
                refusals: before.map_or(0, |before| before.refusals) + u32::from(refused),
            }
        });
    }

    /// How long to pause after another refusal that names no time: twice as long each time, somewhere in the upper half.
    fn guess(&self, whom: &Whom, entropy: &dyn Entropy) -> Duration {
        let refusals = self.pauses.get(whom).map_or(0, |pause| pause.refusals);
        let whole = FIRST_PAUSE.saturating_mul(1 << refusals.min(10)).min(LAST_PAUSE);
        whole / 2 + share(whole / 2, entropy)
    }
}

/// Some part of `whole`, at random.
pub(crate) fn share(whole: Duration, entropy: &dyn Entropy) -> Duration {
    whole.mul_f64(f64::from(u16::from_be_bytes(random_bytes::<2>(entropy))) / f64::from(u16::MAX))
}

/// The error of a call that is not sent since the wait would be longer than its caller's.
fn not_sent(whom: &Whom, wait: Duration, why: &str) -> Error {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    whom.named_in(
        Error::new(ErrorCode::UpstreamRateLimited)
            .message(format!("{why} It will be free in {} s; the call was not sent.", millis.div_ceil(1000)))
            .retry_after_ms(millis),
    )
}

impl Engine {
    /// Waits until a call of `account` may leave: until what the provider told is over, the declared pace allows it, and
    /// its turn has come among the calls through the connection. The turn is kept until the answer is there.
    ///
    /// # Errors
    /// `upstream_rate_limited`, naming who is limited, if that takes longer than the deadline; `overloaded` if too many
    /// are waiting; `upstream_timeout`.
    pub(crate) async fn admit(
        &self,
        connector: &Connector,
        account: &Account,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<Turn, Error> {
        let limits = &self.0.calls.limits;
        let rules = &connector.api.limits;
        let own = Whom::Account(account.id.clone());
        let client = Whom::of(LimitScope::Client, account, connection);
        let lane = limits.lane(&connection.id);
        let Some(_place) = lane.join() else { return Err(crowded(connection)) };
        self.pace(&own, rules.account, deadline).await?;
        loop {
            self.wait_out(&own, deadline).await?;
            let in_line = tokio::time::timeout(deadline.remaining(), lane.enter(&account.id));
            let turn = match in_line.await {
                Ok(Ok(turn)) => turn,
                Ok(Err(Full)) => return Err(crowded(connection)),
                Err(_) => {
                    return Err(deadline.passed("other calls through the connection were in line before it."));
                }
            };
            // The provider may have said more while the call was in line.
            if !limits.paused(&own).is_zero() {
                continue;
            }
            self.wait_out(&client, deadline).await?;
            self.pace(&client, rules.client, deadline).await?;
            return Ok(turn);
        }
    }

    /// Waits until the provider takes calls again, as far as it told.
    ///
    /// # Errors
    /// `upstream_rate_limited` if that is after the deadline.
    pub(crate) async fn wait_for_provider(
        &self,
        account: &Account,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<(), Error> {
        for scope in [LimitScope::Account, LimitScope::Client] {
            self.wait_out(&Whom::of(scope, account, connection), deadline).await?;
        }
        Ok(())
    }

    async fn wait_out(&self, whom: &Whom, deadline: Deadline) -> Result<(), Error> {
        loop {
            let wait = self.0.calls.limits.paused(whom);
            if wait.is_zero() {
                return Ok(());
            }
            if wait >= deadline.remaining() {
                return Err(not_sent(whom, wait, "The provider's rate limit is reached."));
            }
            let spread = share(SPREAD.min(wait), &*self.0.entropy);
            tokio::time::sleep((wait + spread).min(deadline.remaining())).await;
        }
    }

    async fn pace(&self, whom: &Whom, rate: Option<Rate>, deadline: Deadline) -> Result<(), Error> {
        match self.0.calls.limits.place(whom, rate, deadline.remaining()) {
            Ok(Duration::ZERO) => Ok(()),
            Ok(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Err(wait) => Err(not_sent(
                whom,
                wait,
                "Calls are spaced out so as to stay below the provider's rate limit.",
            )),
        }
    }

    /// Learns from an answer that nothing is left of a quota.
    pub(crate) fn learn_exhausted(
        &self,
        rules: &ApiLimits,
        account: &Account,
        connection: &Connection,
        wait: Duration,
    ) {
        self.0.calls.limits.pause(Whom::of(rules.counts, account, connection), wait, false);
    }

    /// Learns from a refusal, and gives the error with who is limited and until when.
    pub(crate) fn learn_refused(
        &self,
        rules: &ApiLimits,
        account: &Account,
        connection: &Connection,
        error: Error,
    ) -> Error {
        let limits = &self.0.calls.limits;
        let code = error.details().provider.as_ref().and_then(|said| said.code.as_deref());
        let scope = code.and_then(|code| rules.codes.get(code)).copied().unwrap_or(rules.counts);
        let whom = Whom::of(scope, account, connection);
        let told = error.details().retry_after_ms.map(Duration::from_millis);
        let wait = told.unwrap_or_else(|| limits.guess(&whom, &*self.0.entropy));
        limits.pause(whom.clone(), wait, true);
        let millis = u64::try_from(limits.paused(&whom).as_millis()).unwrap_or(u64::MAX);
        whom.named_in(error.retry_after_ms(millis.max(1)))
    }

    /// Learns from a good answer that refusals in a row are over.
    pub(crate) fn learn_accepted(&self, account: &Account, connection: &Connection) {
        let limits = &self.0.calls.limits;
        for scope in [LimitScope::Account, LimitScope::Client] {
            let whom = Whom::of(scope, account, connection);
            if limits.pauses.contains_key(&whom) && limits.paused(&whom).is_zero() {
                limits.pauses.invalidate(&whom);
            }
        }
    }
}

fn crowded(connection: &Connection) -> Error {
    Error::new(ErrorCode::Overloaded)
        .message(format!(
            "Too many calls through the connection \"{}\" are waiting for their turn.",
            connection.name
        ))
        .cause("The queue of each connection is bounded so that calls in it are made in time.")
        .connection(&connection.id)
        .retry_after_ms(1000)
}
