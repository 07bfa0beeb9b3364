//! One refresh at a time per account within this process, and how long to leave a failing one alone.
//!
//! A flight runs in a task of its own: a caller that hangs up does not cancel it, and shutdown waits for it. A lease
//! that also keeps other processes out has its place at the beginning and the end of a flight, in
//! [`Refreshes::join`]; nothing around it would change.

use std::{
    collections::{HashMap, hash_map},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration as StdDuration,
};

use time::Duration;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use valetkey_domain::{Account, AccountId, Connection, Credential, Error, Time};

/// How many accounts are remembered as failing or as just forced. The least used are forgotten first; the cost is one
/// more request to their provider.
const REMEMBERED: u64 = 50_000;
const REMEMBERED_FOR: StdDuration = StdDuration::from_secs(2 * 3600);
/// The first pause after a failed refresh; it doubles with every further failure.
const FIRST_PAUSE: Duration = Duration::seconds(1);
/// The longest pause of our own choice.
const LONGEST_OWN_PAUSE: Duration = Duration::minutes(1);
/// The longest pause at all, whatever the provider asks for.
const LONGEST_PAUSE: Duration = Duration::hours(1);
/// A token that a forced refresh brought and that is refused again within this time is not renewed once more: another
/// one would fare no better.
const FORCE_AGAIN_AFTER: Duration = Duration::minutes(1);

/// An account with the credential to use for it now.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The account as it stands; scopes and metadata may have come with a refresh.
    pub(crate) account: Account,
    /// The credential.
    pub(crate) credential: Credential,
}

/// What a flight ended with, for everybody who waited.
pub(crate) type Landing = Result<Ready, Error>;

type Flights = Arc<Mutex<HashMap<AccountId, watch::Receiver<Option<Landing>>>>>;

/// Why a failing refresh is left alone for a while.
#[derive(Debug, Clone)]
pub(crate) struct Pause {
    /// Until when.
    pub(crate) until: Time,
    /// Whether the provider asked for it.
    pub(crate) asked_for: bool,
    /// What the refresh failed with.
    pub(crate) error: Error,
    failures: u32,
}

/// The refreshes of this process.
#[derive(Debug)]
pub(crate) struct Refreshes {
    flights: Flights,
    pauses: moka::sync::Cache<String, Pause>,
    forced: moka::sync::Cache<AccountId, (u64, Time)>,
}

impl Default for Refreshes {
    fn default() -> Self {
        fn remembered<K, V>() -> moka::sync::Cache<K, V>
        where
            K: std::hash::Hash + Eq + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(REMEMBERED_FOR).build()
        }
        Self { flights: Flights::default(), pauses: remembered(), forced: remembered() }
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<AccountId, watch::Receiver<Option<Landing>>>> {
    // The map is only ever inserted into and removed from: a panic elsewhere leaves it whole.
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose pause: one account's.
pub(crate) fn of_account(account: &AccountId) -> String {
    account.to_string()
}

/// Whose pause: that of all accounts of a connection, as long as the connection stays as it is. Changing it is what
/// ends the pause.
pub(crate) fn of_connection(connection: &Connection) -> String {
    format!("{}@{}", connection.id, connection.version)
}

/// Takes the flight off the board even if its task panics or is dropped at the end of the runtime.
struct Departure {
    flights: Flights,
    account: AccountId,
}

impl Drop for Departure {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.account);
    }
}

impl Refreshes {
    /// Waits for the flight of `account`, or starts `work` as one if there is none. Says beside the outcome whether
    /// the flight was somebody else's.
    pub(crate) async fn join<F>(
        &self,
        account: &AccountId,
        tasks: &TaskTracker,
        work: impl FnOnce() -> F,
    ) -> (Landing, bool)
    where
        F: Future<Output = Landing> + Send + 'static,
    {
        let (mut flight, joined) = match lock(&self.flights).entry(account.clone()) {
            hash_map::Entry::Occupied(flight) => (flight.get().clone(), true),
            hash_map::Entry::Vacant(slot) => {
                let (landed, flight) = watch::channel(None);
                slot.insert(flight.clone());
                let departure = Departure { flights: self.flights.clone(), account: account.clone() };
                let work = work();
                tasks.spawn(async move {
                    let landing = work.await;
                    // First off the board, then the news: whoever comes now starts afresh and reads the new state.
                    drop(departure);
                    landed.send_replace(Some(landing));
                });
                (flight, false)
            }
        };
        let landing = match flight.wait_for(Option::is_some).await {
            Ok(landing) => landing.clone(),
            Err(_) => None,
        };
        (landing.unwrap_or_else(|| Err(Error::internal("a refresh ended without an outcome"))), joined)
    }

    /// Waits until no flight of `account` is under way.
    pub(crate) async fn idle(&self, account: &AccountId) {
        let flight = lock(&self.flights).get(account).cloned();
        if let Some(mut flight) = flight {
            // An error means that the flight is gone, which is what is waited for.
            let _gone = flight.wait_for(Option::is_some).await;
        }
    }

    /// The pause that still holds for `whose` at `now`.
    pub(crate) fn pause(&self, whose: &str, now: Time) -> Option<Pause> {
        self.pauses.get(whose).filter(|pause| now < pause.until)
    }

    /// Notes a failure and how long the provider asks us to wait. The pause of our own doubles from one second to a
    /// minute.
    pub(crate) fn failed(&self, whose: String, error: &Error, retry_after: Option<StdDuration>, now: Time) {
        let failures = self.pauses.get(&whose).map_or(0, |pause| pause.failures).saturating_add(1);
        let own = (FIRST_PAUSE * 2_i32.pow(failures.min(7) - 1)).min(LONGEST_OWN_PAUSE);
        let asked = retry_after.map(|d| Duration::try_from(d).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE));
        let pause = Pause {
            until: now + asked.map_or(own, |asked| asked.max(own)),
            asked_for: asked.is_some(),
            error: error.clone(),
            failures,
        };
        self.pauses.insert(whose, pause);
    }

    /// Forgets earlier failures.
    pub(crate) fn succeeded(&self, whose: &str) {
        self.pauses.invalidate(whose);
    }

    /// Notes that a forced refresh brought `generation`.
    pub(crate) fn was_forced(&self, account: &AccountId, generation: u64, now: Time) {
        self.forced.insert(account.clone(), (generation, now));
    }

    /// Whether `generation` came from a forced refresh just now, so that forcing another one is futile.
    pub(crate) fn is_futile(&self, account: &AccountId, generation: u64, now: Time) -> bool {
        self.forced
            .get(account)
            .is_some_and(|(forced, at)| forced == generation && now - at < FORCE_AGAIN_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use valetkey_domain::{
        Clock, ConnectionId, EnvironmentId, ErrorCode, ManualClock,
        account::{Account, AuthType},
    };

    use super::*;

    fn account(last: char) -> AccountId {
        format!("ca_0000000000000000000000000{last}").parse().unwrap()
    }

    fn ready() -> Ready {
        let text = "0".repeat(26);
        let environment: EnvironmentId = format!("env_{text}").parse().unwrap();
        let connection: ConnectionId = format!("conn_{text}").parse().unwrap();
        let now = ManualClock::default().now();
        Ready {
            account: Account::pending(
                account('1'),
                environment,
                connection,
                "u".into(),
                AuthType::OAuth,
                now,
            ),
            credential: Credential::None,
        }
    }

    #[tokio::test]
    async fn flight_joined_by_many_runs_once() {
        let refreshes = Arc::new(Refreshes::default());
        let tasks = TaskTracker::new();
        let runs = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (open, gate) = watch::channel(false);
        let mut waiting = Vec::new();
        for _ in 0..50 {
            let (refreshes, tasks, runs, mut gate) =
                (refreshes.clone(), tasks.clone(), runs.clone(), gate.clone());
            waiting.push(tokio::spawn(async move {
                refreshes
                    .join(&account('1'), &tasks, || async move {
                        runs.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        gate.wait_for(|open| *open).await.unwrap();
                        Ok(ready())
                    })
                    .await
            }));
        }
        tokio::task::yield_now().await;
        open.send(true).unwrap();
        let mut own = 0;
        for waiter in waiting {
            let (landing, joined) = waiter.await.unwrap();
            assert!(landing.is_ok());
            own += usize::from(!joined);
        }
        assert_eq!((runs.load(std::sync::atomic::Ordering::SeqCst), own), (1, 1));
    }

    #[tokio::test]
    async fn flight_caller_hangs_up_still_lands() {
        let refreshes = Refreshes::default();
        let tasks = TaskTracker::new();
        let (open, mut gate) = watch::channel(false);
        let (done, mut landed) = watch::channel(false);
        let id = account('1');
        let flight = refreshes.join(&id, &tasks, || async move {
            gate.wait_for(|open| *open).await.unwrap();
            done.send(true).unwrap();
            Ok(ready())
        });
        assert!(tokio::time::timeout(StdDuration::from_millis(5), flight).await.is_err());
        open.send(true).unwrap();
        landed.wait_for(|done| *done).await.unwrap();
        tasks.close();
        tasks.wait().await;
        refreshes.idle(&account('1')).await;
    }

    #[tokio::test]
    async fn flight_that_panics_fails_its_waiters_and_frees_the_account() {
        let refreshes = Refreshes::default();
        let tasks = TaskTracker::new();
        let (landing, _) =
            refreshes.join(&account('1'), &tasks, || async { panic!("crash of a flight, wanted") }).await;
        assert_eq!(landing.unwrap_err().code(), ErrorCode::Internal);
        let (landing, joined) = refreshes.join(&account('1'), &tasks, || async { Ok(ready()) }).await;
        assert!(landing.is_ok() && !joined);
    }

    #[test]
    fn pause_doubles_honours_the_provider_and_is_bounded() {
        let refreshes = Refreshes::default();
        let (id, now) = (of_account(&account('1')), ManualClock::default().now());
        let error = Error::new(ErrorCode::UpstreamError);
        let lengths: Vec<i64> = (0..9)
            .map(|_| {
                refreshes.failed(id.clone(), &error, None, now);
                (refreshes.pause(&id, now).unwrap().until - now).whole_seconds()
            })
            .collect();
        assert_eq!(lengths, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        refreshes.failed(id.clone(), &error, Some(StdDuration::from_secs(120)), now);
        let pause = refreshes.pause(&id, now).unwrap();
        assert_eq!(((pause.until - now).whole_seconds(), pause.asked_for), (120, true));
        refreshes.failed(id.clone(), &error, Some(StdDuration::MAX), now);
        assert_eq!((refreshes.pause(&id, now).unwrap().until - now).whole_seconds(), 3600);
        assert!(refreshes.pause(&id, now + Duration::hours(1)).is_none());
        refreshes.succeeded(&id);
        assert!(refreshes.pause(&id, now).is_none());
    }

    #[test]
    fn force_soon_after_force_of_same_generation_is_futile() {
        let refreshes = Refreshes::default();
        let (id, now) = (account('1'), ManualClock::default().now());
        refreshes.was_forced(&id, 2, now);
        assert!(refreshes.is_futile(&id, 2, now));
        assert!(!refreshes.is_futile(&id, 3, now));
        assert!(!refreshes.is_futile(&id, 2, now + Duration::minutes(1)));
    }
}
