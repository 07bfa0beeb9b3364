//! Work that nobody asked for: renewing credentials ahead of their expiry, settling what a crash left open, trying
//! revocations again, removing what is old.
//!
//! Every job is a reconciler without input: it looks at the database, does what is due and says whether there is more.
//! It runs on a timer and when it is poked, so there is one path for both. Any number of replicas may run the same jobs:
//! due work is claimed in the database, and a claim that is never finished comes back by itself.

mod ahead;
mod bulks;
mod count;
mod instances;
mod lanes;
mod prune;
mod recover;
mod revocations;
mod seal;
mod webhooks;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration as StdDuration,
};

use async_trait::async_trait;
use time::Duration;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use valetkey_domain::{Entropy, Error, Time, entropy::random_bytes};

use crate::Engine;
use lanes::Lanes;

/// How the background works. [`BackgroundSettings::default`] has the usual values.
#[derive(Debug, Clone)]
pub struct BackgroundSettings {
    /// Renewals under way at one provider at the same time. Default: 50.
    pub per_provider: usize,
    /// Renewals begun at one provider per second. Default: 100.
    pub per_second: u32,
    /// Renewals under way at all providers together. Default: 500.
    pub at_once: usize,
    /// How long events are kept. Default: 90 days.
    pub keep_events: Duration,
    /// How long executions are kept. Default: 30 days.
    pub keep_executions: Duration,
    /// How long ended refresh attempts are kept; the last one of every account stays. Default: 90 days.
    pub keep_refreshes: Duration,
    /// How long authorization attempts are kept after their link expired. Default: 7 days.
    pub keep_auth_requests: Duration,
}

impl Default for BackgroundSettings {
    fn default() -> Self {
        Self {
            per_provider: 50,
            per_second: 100,
            at_once: 500,
            keep_events: Duration::days(90),
            keep_executions: Duration::days(30),
            keep_refreshes: Duration::days(90),
            keep_auth_requests: Duration::days(7),
        }
    }
}

/// What a run of a job found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Nothing more is due now.
    Idle,
    /// Something was due and more is likely to be before long: rest for a quarter of the period.
    Soon,
    /// There is more: run again at once.
    More,
}

/// One reconciler.
#[async_trait]
trait Job: Send + Sync + 'static {
    /// Its name in logs and in the status.
    fn name(&self) -> &'static str;
    /// How long it rests when nothing is due.
    fn period(&self) -> StdDuration;
    /// Does what is due, and how much that was.
    async fn run(&self, engine: &Engine) -> Result<(u64, Progress), Error>;
}

/// How a job is doing, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobStatus {
    /// When it last ran to its end.
    pub last_run_at: Option<Time>,
    /// How many things it has done since the start.
    pub done: u64,
    /// What its last run failed with, if it failed.
    pub last_error: Option<String>,
}

type Statuses = Arc<Mutex<BTreeMap<&'static str, JobStatus>>>;

/// The jobs of one process, until they are stopped.
#[derive(Debug)]
pub struct Background {
    stop: CancellationToken,
    tasks: TaskTracker,
    poke: Arc<Notify>,
    statuses: Statuses,
}

impl Background {
    /// Starts the jobs.
    #[must_use]
    pub fn start(engine: &Engine, settings: BackgroundSettings) -> Self {
        let lanes = Arc::new(Lanes::new(&settings));
        let jobs: Vec<Arc<dyn Job>> = vec![
            Arc::new(ahead::RefreshAhead { lanes: lanes.clone() }),
            Arc::new(recover::Recover { lanes }),
            Arc::new(instances::Instances),
            Arc::new(revocations::RetryRevocations),
            Arc::new(seal::SealExecutions),
            Arc::new(prune::Prune { settings }),
            Arc::new(count::CountStatuses),
            Arc::new(bulks::TakeOverBulks),
            Arc::new(webhooks::DeliverWebhooks),
        ];
        let (stop, tasks, poke) = (CancellationToken::new(), TaskTracker::new(), Arc::new(Notify::new()));
        let statuses = Statuses::default();
        for job in jobs {
            let turn = Turn {
                engine: engine.clone(),
                job,
                stop: stop.clone(),
                poke: poke.clone(),
                statuses: statuses.clone(),
            };
            tasks.spawn(turn.go());
        }
        tasks.close();
        Self { stop, tasks, poke, statuses }
    }

    /// Has every job look at once, without waiting for its timer.
    pub fn poke(&self) {
        self.poke.notify_waiters();
    }

    /// How the jobs are doing, by name.
    #[must_use]
    pub fn status(&self) -> BTreeMap<&'static str, JobStatus> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes on nothing new and lets go of what the jobs are at: what they had claimed comes back by itself. Renewals that
    /// they began are finished by [`Engine::drain`].
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// The longest pause after a failed run.
const LONGEST_PAUSE: StdDuration = StdDuration::from_secs(60);

struct Turn {
    engine: Engine,
    job: Arc<dyn Job>,
    stop: CancellationToken,
    poke: Arc<Notify>,
    statuses: Statuses,
}

impl Turn {
    async fn go(self) {
        let mut failures: u32 = 0;
        loop {
            let poked = self.poke.notified();
            let outcome = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                outcome = self.job.run(&self.engine) => outcome,
            };
            self.note(&outcome);
            let rest = match outcome {
                Ok((_, Progress::More)) => {
                    failures = 0;
                    tokio::task::yield_now().await;
                    continue;
                }
                Ok((_, Progress::Idle)) => {
                    failures = 0;
                    // Replicas that were started together must not look at the same instants.
                    jittered(self.job.period(), &*self.engine.0.entropy)
                }
                Ok((_, Progress::Soon)) => {
                    failures = 0;
                    jittered(self.job.period() / 4, &*self.engine.0.entropy)
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    // The database may be away for a while: the first failure is told, and then once in a while.
                    if failures.is_power_of_two() {
                        tracing::warn!(job = self.job.name(), %error, failures, "a background job failed: {error}");
                    }
                    let pause = self.job.period() * failures.min(32);
                    jittered(pause.min(LONGEST_PAUSE), &*self.engine.0.entropy)
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = poked => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    fn note(&self, outcome: &Result<(u64, Progress), Error>) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let status = statuses.entry(self.job.name()).or_default();
        match outcome {
            Ok((done, _)) => {
                status.last_run_at = Some(self.engine.now());
                status.done += done;
                status.last_error = None;
            }
            Err(error) => status.last_error = Some(error.to_string()),
        }
    }
}

/// Between half of `period` and the whole of it.
fn jittered(period: StdDuration, entropy: &dyn Entropy) -> StdDuration {
    let share = u32::from(u16::from_be_bytes(random_bytes::<2>(entropy)));
    let half = period / 2;
    half + half * share / u32::from(u16::MAX)
}
