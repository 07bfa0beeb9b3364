//! One simulation: what exists in it, which faults strike, and what must hold at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use time::macros::datetime;
use valetkey_domain::{
    AccountId, AccountStatus, Clock, ErrorCode, PageRequest, Store as _, Time,
    refresh::{RefreshOutcome, RefreshReason},
};
use valetkey_store::SqliteStore;

use crate::{
    provider::{self, Provider},
    replica::{self, Site},
    store::Shared,
};

pub(crate) const ACCOUNTS: usize = 4;
const REPLICAS: usize = 3;
/// How long faults strike.
const STORM: Duration = Duration::from_secs(180);
/// How long everything is left alone afterwards: longer than a lease, its recovery and every pause.
const CALM: Duration = Duration::from_secs(240);
pub(crate) const BEGINNING: Time = datetime!(2026-01-01 00:00 UTC);

/// What a simulation did.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) refreshes: u64,
    pub(crate) calls: u64,
    pub(crate) crashes: u64,
    /// Grants whose renewal was lost beyond help, and told so.
    pub(crate) lost: u64,
    /// What reached the provider, for comparison.
    pub(crate) journal: Vec<String>,
    /// What reached the database, likewise.
    pub(crate) history: Vec<String>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: &Self) {
        self.refreshes += other.refreshes;
        self.calls += other.calls;
        self.crashes += other.crashes;
        self.lost += other.lost;
    }
}

/// Simulated time, as a clock that may be wrong by a constant.
pub(crate) struct SimulatedClock {
    pub(crate) skew: time::Duration,
}

/// How long the simulation has run.
pub(crate) fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl Clock for SimulatedClock {
    fn now(&self) -> Time {
        BEGINNING + elapsed() + self.skew
    }
}

/// What the parts of a simulation share.
pub(crate) struct World {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) provider: Provider,
    pub(crate) sites: Vec<Site>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Account ids by grant number.
    accounts: BTreeMap<usize, AccountId>,
    pub(crate) calls: u64,
    violations: Vec<String>,
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn account(&self, grant: usize) -> Option<AccountId> {
        self.state().accounts.get(&grant).cloned()
    }

    pub(crate) fn add_account(&self, grant: usize, id: AccountId) {
        self.state().accounts.insert(grant, id);
    }

    pub(crate) fn accounts(&self) -> Vec<(usize, AccountId)> {
        self.state().accounts.iter().map(|(grant, id)| (*grant, id.clone())).collect()
    }

    pub(crate) fn count_call(&self) {
        self.state().calls += 1;
    }

    /// Something that must never happen has happened.
    pub(crate) fn violated(&self, what: String) {
        self.state().violations.push(format!("{:?}: {what}", elapsed()));
    }
}

/// What may strike next.
#[derive(Debug, Clone, Copy)]
enum Strike {
    Crash(usize),
    Stall(usize),
    Storage,
    Provider,
    Quiet,
}

/// Runs the simulation of `seed`.
///
/// # Panics
/// When an invariant is broken; the message names the seed.
pub(crate) fn run(seed: u64) -> Outcome {
    let mut random = StdRng::seed_from_u64(seed);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(Duration::from_millis(20))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(40))
        .tcp_capacity(1024)
        .simulation_duration(STORM + CALM + Duration::from_secs(3600))
        .build();
    let store = Arc::new(SqliteStore::in_step().unwrap());
    let provider = Provider::new(random.random(), random.random_bool(0.5));
    let sites = (0..REPLICAS).map(|n| Site::new(n, random.random())).collect();
    let shared = Arc::new(Shared::new(store.clone(), random.random()));
    let world = Arc::new(World { store, shared, provider, sites, state: Mutex::new(State::default()) });

    let serving = world.clone();
    sim.host(provider::HOST, move || provider::serve(serving.clone()));
    for n in 0..REPLICAS {
        let living = world.clone();
        sim.host(replica::host(n), move || replica::live(living.clone(), n));
    }

    let (mut crashes, mut down, mut held) = (0, BTreeMap::new(), BTreeMap::new());
    let mut next = Duration::from_secs(5);
    let mut at = Duration::ZERO;
    while at < STORM + CALM {
        sim.step().unwrap();
        at = sim.elapsed();
        // What was taken away comes back.
        let back: Vec<usize> = down.iter().filter(|(_, until)| **until <= at).map(|(n, _)| *n).collect();
        for n in back {
            down.remove(&n);
            sim.bounce(replica::host(n));
        }
        let back: Vec<usize> = held.iter().filter(|(_, until)| **until <= at).map(|(n, _)| *n).collect();
        for n in back {
            held.remove(&n);
            sim.release(replica::host(n), provider::HOST);
        }
        if at < next || at >= STORM {
            if at >= STORM {
                world.provider.calm();
                world.shared.calm();
            }
            continue;
        }
        next = at + Duration::from_millis(random.random_range(500..8_000));
        let n = random.random_range(0..REPLICAS);
        let strike = match random.random_range(0..10) {
            0..=2 => Strike::Crash(n),
            3 => Strike::Stall(n),
            4 | 5 => Strike::Storage,
            6 | 7 => Strike::Provider,
            _ => Strike::Quiet,
        };
        let lasts = |random: &mut StdRng, most: u64| Duration::from_millis(random.random_range(100..most));
        match strike {
            Strike::Crash(n) if !down.contains_key(&n) => {
                sim.crash(replica::host(n));
                world.sites[n].died();
                world.shared.died(n);
                down.insert(n, at + lasts(&mut random, 40_000));
                crashes += 1;
            }
            Strike::Stall(n) if !held.contains_key(&n) => {
                sim.hold(replica::host(n), provider::HOST);
                held.insert(n, at + lasts(&mut random, 30_000));
            }
            Strike::Storage => world.shared.fail_until(at + lasts(&mut random, 10_000)),
            Strike::Provider => {
                let until = at + lasts(&mut random, 20_000);
                world.provider.misbehave(&mut random, until);
            }
            Strike::Crash(_) | Strike::Stall(_) | Strike::Quiet => {}
        }
    }
    judge(seed, &world, crashes)
}

/// What must hold once the storm is over (I1, I3 to I6; I2 is watched by the provider as calls arrive).
fn judge(seed: u64, world: &World, crashes: u64) -> Outcome {
    let accounts = world.accounts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut lost = 0;
    for (grant, id) in &accounts {
        let account = runtime.block_on(world.store.account(id)).unwrap().unwrap();
        let (alive, unavoidable, rotation) = world.provider.fate(*grant);
        let (status, cause) = (account.status(), account.cause);
        match (alive, status) {
            (true, AccountStatus::Active) => {}
            // I5: a living grant is never given up.
            (true, status) => {
                world.violated(format!("grant {grant} lives, its account is {status:?} ({cause:?})"))
            }
            // I5: nobody is blamed for an answer that was lost.
            (false, AccountStatus::Expired) if cause == Some(ErrorCode::RefreshOutcomeLost) => lost += 1,
            (false, status) => {
                world.violated(format!(
                    "grant {grant} died of a lost answer, its account is {status:?} ({cause:?})"
                ));
            }
        }
        let page = PageRequest { size: 1000, cursor: None };
        let attempts = runtime.block_on(world.store.refreshes(id, &page)).unwrap().items;
        // Whoever asked lived, and says with a code that no answer came within its deadline. The tokens of rotation n are
        // generation n + 1, so the newest came from the generation of its number.
        let waited_in_vain = attempts.iter().any(|attempt| {
            attempt.generation == rotation
                && attempt.outcome == Some(RefreshOutcome::Unknown)
                && attempt.code.is_some()
        });
        // I1: a grant dies only by the reuse of a token whose successor nobody could have.
        if !alive && !unavoidable && !waited_in_vain {
            world.violated(format!(
                "grant {grant} was lost although its new token had been received or was awaited: {attempts:#?}"
            ));
        }
        // I6: nobody who was told twice asks again. An answer that its process did not live to write down was not heard.
        let told = world.provider.most_told_of_death(*grant, Duration::from_secs(3600));
        let unheard = attempts.iter().filter(|attempt| {
            attempt.reason == RefreshReason::Recovery && attempt.outcome == Some(RefreshOutcome::Unknown)
        });
        if told > 2 + unheard.count() {
            world.violated(format!(
                "{told} processes were told within an hour that grant {grant} is dead: {attempts:#?}"
            ));
        }
    }
    let state = world.state();
    assert!(accounts.len() == ACCOUNTS, "seed {seed}: the accounts were not made");
    assert!(
        state.violations.is_empty(),
        "seed {seed}: {:#?}\n{:#?}",
        state.violations,
        world.provider.journal()
    );
    Outcome {
        refreshes: world.provider.granted(),
        calls: state.calls,
        crashes,
        lost,
        journal: world.provider.journal(),
        history: world.shared.history(),
    }
}
