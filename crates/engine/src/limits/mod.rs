//! The provider's limits, kept for the callers: what it told is remembered, calls wait for their turn, and whoever cannot
//! wait so long is told who is limited and until when.
//!
//! A limit counts either against an account or against the OAuth client that many accounts share. What concerns one
//! account is waited for outside the queue of the connection, so that the other accounts go on; what concerns the client
//! holds up the queue itself, since it holds for everybody in it. Everything here lives in memory and is bounded: another
//! process learns the same from the same provider.

mod lane;
#[cfg(test)]
mod memory_tests;
mod pace;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use valetkey_domain::{
    Account, AccountId, Connection, ConnectionId, Entropy, Error, ErrorCode, catalogue::RemedyAction,
    entropy::random_bytes,
};
use valetkey_upstream::connector::{ApiLimits, Connector, LimitScope, Rate, Tool, ToolCount};

use self::{
    lane::{Full, Lane, Turn},
    pace::Pace,
};
use crate::{Engine, EngineSettings, execute::call::Deadline};

/// How many limits of each kind are remembered. One takes about half a KiB, and all kinds together stay within 32 MiB.
/// What was not used for longest is forgotten first: calls under way have just used theirs.
const REMEMBERED: u64 = 10_000;
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

    /// The same for programs.
    const fn name(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::Connection(_) => "connection",
            Self::Shared(_) => "shared_client",
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

/// Who is limited by an error that [`Whom::named_in`] made: `account`, `connection` or `shared_client`.
pub(crate) fn whom_named_in(
    error: &Error,
    account: &Account,
    connection: &Connection,
) -> Option<&'static str> {
    let told = error.details().cause.as_deref()?;
    let all = [LimitScope::Account, LimitScope::Client].map(|scope| Whom::of(scope, account, connection));
    all.iter().find(|whom| told.contains(whom.words())).map(Whom::name)
}

/// Until when nothing is sent.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// How many refusals in a row.
    refusals: u32,
}

/// What a rate counts: everything of somebody's, or only the calls of some tools, maybe with one value of an input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counted {
    whom: Whom,
    tools: Option<String>,
    /// The hash of the value: inputs can be long. Values of the same hash would only share a rate.
    value: Option<u64>,
}

impl Counted {
    fn all_of(whom: &Whom) -> Self {
        Self { whom: whom.clone(), tools: None, value: None }
    }

    fn of_tool(whom: &Whom, count: &ToolCount<'_>, input: &Value) -> Self {
        let value = count.per.map(|per| {
            let mut hasher = DefaultHasher::new();
            input.get(per).unwrap_or(&Value::Null).hash(&mut hasher);
            hasher.finish()
        });
        Self { whom: whom.clone(), tools: Some(count.under.to_owned()), value }
    }
}

/// A call that may leave; its places are given on when it is dropped.
pub(crate) struct Leave {
    /// In the order in which they are given on: the queue of the connection goes before what holds up one account only.
    _turn: Turn,
    _at_once: Option<OwnedSemaphorePermit>,
}

/// What one process knows of the providers' limits.
pub(crate) struct Limits {
    pauses: Cache<Whom, Pause>,
    paces: Cache<Counted, Arc<Mutex<Pace>>>,
    at_once_of: Cache<AccountId, Arc<Semaphore>>,
    lanes: Cache<ConnectionId, Arc<Lane>>,
    at_once: usize,
    most: usize,
}

fn remembered<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let cache = Cache::builder().max_capacity(REMEMBERED).time_to_idle(LONGEST);
    cache.eviction_policy(EvictionPolicy::lru()).build()
}

impl Limits {
    pub(crate) fn new(settings: &EngineSettings) -> Self {
        Self {
            pauses: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(LONGEST)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            paces: remembered(),
            at_once_of: remembered(),
            lanes: remembered(),
            at_once: settings.calls_per_connection,
            most: settings.calls_waiting,
        }
    }

    fn lane(&self, connection: &ConnectionId) -> Arc<Lane> {
        self.lanes.get_with_by_ref(connection, || Arc::new(Lane::new(self.at_once, self.most)))
    }

    /// The places for calls of an account that are under way at once.
    fn places(&self, account: &AccountId, at_once: u32) -> Arc<Semaphore> {
        let places = usize::try_from(at_once).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        self.at_once_of.get_with_by_ref(account, || Arc::new(Semaphore::new(places)))
    }

    /// How long nothing is sent for `whom`.
    fn paused(&self, whom: &Whom) -> Duration {
        self.pauses
            .get(whom)
            .map_or(Duration::ZERO, |pause| pause.until.saturating_duration_since(Instant::now()))
    }

    /// Takes a place in the pace of what is counted, if it comes within `at_most`.
    ///
    /// # Errors
    /// How long the wait would be.
    fn place(
        &self,
        counted: &Counted,
        rate: Rate,
        cost: u32,
        at_most: Duration,
    ) -> Result<Duration, Duration> {
        let pace = self.paces.get_with_by_ref(counted, || Arc::new(Mutex::new(Pace::new(rate))));
        let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.take(cost, Instant::now(), at_most)
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
    /// Waits until a call of `account` may leave: until what the provider told is over, the declared rates allow it, not too
    /// many calls of the account are under way, and its turn has come among the calls through the connection. What is
    /// given is kept until the answer is there.
    ///
    /// # Errors
    /// `upstream_rate_limited`, naming who is limited, if that takes longer than the deadline; `overloaded` if too many
    /// are waiting; `upstream_timeout`.
    pub(crate) async fn admit(
        &self,
        connector: &Connector,
        (tool, input): (&Tool, &Value),
        account: &Account,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<Leave, Error> {
        let limits = &self.0.calls.limits;
        let rules = &connector.api.limits;
        let own = Whom::Account(account.id.clone());
        let client = Whom::of(LimitScope::Client, account, connection);
        let lane = limits.lane(&connection.id);
        let Some(_place) = lane.join() else { return Err(crowded(connection)) };
        let cost = rules.cost(&tool.name);
        self.pace(Counted::all_of(&own), rules.account, cost, deadline).await?;
        for count in rules.of_tool(&tool.name) {
            let counted = Counted::of_tool(&own, &count, input);
            self.pace(counted, Some(count.rate), 1, deadline).await?;
        }
        let at_once = self.among_at_once(&account.id, rules.at_once, deadline).await?;
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
            self.pace(Counted::all_of(&client), rules.client, cost, deadline).await?;
            return Ok(Leave { _turn: turn, _at_once: at_once });
        }
    }

    /// Waits until a proxied call of `account` may leave: until what the provider told is over, the declared rates of account
    /// and client allow it, and not too many calls of the account are under way. It takes no turn among the calls through
    /// the connection, since its answer may stream for long. What it costs where a provider counts units is not known;
    /// the least is taken. What is given is kept until the head of the answer is there.
    ///
    /// # Errors
    /// As [`Engine::admit`].
    pub(crate) async fn admit_proxied(
        &self,
        connector: &Connector,
        account: &Account,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let rules = &connector.api.limits;
        let own = Whom::Account(account.id.clone());
        let client = Whom::of(LimitScope::Client, account, connection);
        let lane = self.0.calls.limits.lane(&connection.id);
        let Some(_place) = lane.join() else { return Err(crowded(connection)) };
        self.pace(Counted::all_of(&own), rules.account, 1, deadline).await?;
        let at_once = self.among_at_once(&account.id, rules.at_once, deadline).await?;
        self.pace(Counted::all_of(&client), rules.client, 1, deadline).await?;
        for whom in [own, client] {
            self.wait_out(&whom, deadline).await?;
        }
        Ok(at_once)
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

    async fn pace(
        &self,
        counted: Counted,
        rate: Option<Rate>,
        cost: u32,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let Some(rate) = rate else { return Ok(()) };
        match self.0.calls.limits.place(&counted, rate, cost, deadline.remaining()) {
            Ok(Duration::ZERO) => Ok(()),
            Ok(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Err(wait) => Err(not_sent(
                &counted.whom,
                wait,
                "Calls are spaced out so as to stay below the provider's rate limit.",
            )),
        }
    }

    /// Waits until fewer calls of the account are under way than the provider takes at once.
    ///
    /// # Errors
    /// `upstream_timeout` if that is after the deadline.
    async fn among_at_once(
        &self,
        account: &AccountId,
        at_once: Option<u32>,
        deadline: Deadline,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(at_once) = at_once else { return Ok(None) };
        let places = self.0.calls.limits.places(account, at_once);
        match tokio::time::timeout(deadline.remaining(), places.acquire_owned()).await {
            // Nobody closes it.
            Ok(place) => Ok(place.ok()),
            Err(_) => Err(deadline.passed(&format!(
                "the provider takes {at_once} calls of an account at once, and others of this account were before it."
            ))),
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
