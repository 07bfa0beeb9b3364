//! One renewal at a time per account within this process: everybody who needs it joins the flight that is under way.
//!
//! A flight runs in a task of its own: a caller that hangs up does not cancel it, and shutdown waits for it. Other
//! processes are kept out by the lease that a flight takes; see [`super::claim`].

use std::{
    collections::{HashMap, hash_map},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration as StdDuration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use valetkey_domain::{Account, AccountId, ConnectionId, Credential, Error, RefreshId, Time};

use super::breaker::Breakers;

/// How many accounts are remembered for each purpose. The least used are forgotten first; the cost is one more read or
/// write.
const REMEMBERED: u64 = 50_000;
const REMEMBERED_FOR: StdDuration = StdDuration::from_secs(2 * 3600);
/// A grant of which nobody could prove that it has not moved is not asked about again for so long.
const UNPROVED_FOR: StdDuration = StdDuration::from_secs(60);

/// An account with the credential to use for it now.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// The account as it stands; scopes and metadata may have come with a refresh.
    pub(crate) account: Account,
    /// The credential.
    pub(crate) credential: Credential,
    /// The generation of the credential; 0 where none is stored.
    pub(crate) generation: u64,
}

/// What a flight ended with, for everybody who waited.
pub(crate) type Landing = Result<Ready, Error>;

/// What those who wait for a flight share. A `watch` channel would wake them in an order drawn at random; a token wakes
/// them as they came.
#[derive(Debug, Default)]
struct Flight {
    landing: OnceLock<Landing>,
    /// Cancelled when the flight is over, however it ended.
    over: CancellationToken,
}

type Flights = Arc<Mutex<HashMap<AccountId, Arc<Flight>>>>;

/// The renewals of this process, and what it remembers of them. None of it is needed after a restart.
#[derive(Debug)]
pub(crate) struct Refreshes {
    flights: Flights,
    /// Circuit breakers, by provider.
    pub(super) breakers: Breakers,
    /// Attempts that may or may not have been written, because the database broke off: nothing was sent for them.
    pub(super) doubtful: moka::sync::Cache<RefreshId, ()>,
    /// When a connection that the provider refuses was tried last.
    pub(super) fault_probes: moka::sync::Cache<ConnectionId, Time>,
    /// Frozen grants of which nobody could prove lately that they have not moved.
    pub(super) unproved: moka::sync::Cache<AccountId, u64>,
    proved: moka::sync::Cache<AccountId, u64>,
}

impl Default for Refreshes {
    fn default() -> Self {
        fn remembered<K, V>(lasts: StdDuration) -> moka::sync::Cache<K, V>
        where
            K: std::hash::Hash + Eq + Send + Sync + 'static,
            V: Clone + Send + Sync + 'static,
        {
            moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(lasts).build()
        }
        Self {
            flights: Flights::default(),
            breakers: Breakers::default(),
            doubtful: remembered(REMEMBERED_FOR),
            fault_probes: remembered(REMEMBERED_FOR),
            unproved: remembered(UNPROVED_FOR),
            proved: moka::sync::Cache::new(REMEMBERED),
        }
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<AccountId, Arc<Flight>>> {
    // The map is only ever inserted into and removed from: a panic elsewhere leaves it whole.
    flights.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (flight, joined) = match lock(&self.flights).entry(account.clone()) {
            hash_map::Entry::Occupied(flight) => (flight.get().clone(), true),
            hash_map::Entry::Vacant(slot) => {
                let flight = slot.insert(Arc::default()).clone();
                let over = flight.over.clone().drop_guard();
                let departure = Departure { flights: self.flights.clone(), account: account.clone() };
                let (work, flying) = (work(), flight.clone());
                tasks.spawn(async move {
                    // Dropped last, so that nobody waits for a flight that panicked.
                    let _over = over;
                    let departure = departure;
                    let landing = work.await;
                    // First off the board, then the news: whoever comes now starts afresh and reads the new state.
                    drop(departure);
                    flying.landing.get_or_init(|| landing);
                });
                (flight, false)
            }
        };
        flight.over.cancelled().await;
        let landing = flight.landing.get().cloned();
        (landing.unwrap_or_else(|| Err(Error::internal("a refresh ended without an outcome"))), joined)
    }

    /// Waits until no flight of `account` is under way.
    pub(crate) async fn idle(&self, account: &AccountId) {
        let flight = lock(&self.flights).get(account).cloned();
        if let Some(flight) = flight {
            flight.over.cancelled().await;
        }
    }

    /// Whether a credential of this generation was not seen to work before, by this process; notes that it works.
    pub(crate) fn first_proof(&self, account: &AccountId, generation: u64) -> bool {
        if self.proved.get(account) == Some(generation) {
            return false;
        }
        self.proved.insert(account.clone(), generation);
        true
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;
    use valetkey_domain::{
        Clock, EnvironmentId, ErrorCode, ManualClock,
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
            generation: 0,
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

    /// Whoever came first goes on first, which also makes a simulation tell the same story twice.
    #[tokio::test]
    async fn flight_lands_its_waiters_go_on_as_they_came() {
        let refreshes = Arc::new(Refreshes::default());
        let tasks = TaskTracker::new();
        let (open, gate) = watch::channel(false);
        let went_on = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..50)
            .map(|number| {
                let (refreshes, tasks, went_on, mut gate) =
                    (refreshes.clone(), tasks.clone(), went_on.clone(), gate.clone());
                tokio::spawn(async move {
                    let work = || async move {
                        gate.wait_for(|open| *open).await.unwrap();
                        Ok(ready())
                    };
                    let (landing, _) = refreshes.join(&account('1'), &tasks, work).await;
                    assert!(landing.is_ok());
                    went_on.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        open.send(true).unwrap();
        for waiter in waiting {
            waiter.await.unwrap();
        }
        assert_eq!(*went_on.lock().unwrap(), (0..50).collect::<Vec<_>>());
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
    fn proof_of_a_generation_is_first_once() {
        let refreshes = Refreshes::default();
        assert!(refreshes.first_proof(&account('1'), 2));
        assert!(!refreshes.first_proof(&account('1'), 2));
        assert!(refreshes.first_proof(&account('1'), 3));
        assert!(refreshes.first_proof(&account('2'), 3));
    }
}
