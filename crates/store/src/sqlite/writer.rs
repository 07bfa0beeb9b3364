//! The one writer: group commit.
//!
//! A durable commit waits for the disk, and the disk takes as long for one as for a hundred. So one thread owns the
//! writing connection, takes every commit that is waiting, applies each under a savepoint of its own inside one
//! transaction and hands them on: [`super::disk`] has them made durable together and then answers. Meanwhile the next
//! ones gather. A commit that conflicts is rolled back alone.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::oneshot;
use valetkey_domain::{Change, Changes, StoreError, refresh::RefreshOutcome};

use super::{
    Place, Shared, SqliteOptions,
    changes::apply,
    disk::{Disk, Progress, Written, journal},
    home, open,
    row::unavailable,
};

/// After so long without a commit the journal is folded into the database file and cut, so that what was deleted does
/// not linger in it (S37).
const IDLE: Duration = Duration::from_secs(30);
/// How long readers are waited for when the journal is folded in the midst of work. It is tried again later.
const FOLDING: Duration = Duration::from_millis(200);

pub(super) type Answer = oneshot::Sender<Result<(), StoreError>>;

/// What is done under one savepoint.
pub(super) enum Task {
    /// Without content it is a probe: shows that the database accepts writes.
    Commit(Changes),
    /// Reads and writes; keeps its own answer. Taken when it is done.
    Work(Option<Work>),
}

pub(super) type Work = Box<dyn FnOnce(&Connection) -> Result<(), StoreError> + Send>;

enum Job {
    Do(Task, Answer),
    Close(Answer),
    #[cfg(test)]
    Run(Box<dyn FnOnce(&Connection) + Send>),
}

/// How many commits went into how many durable writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitStats {
    /// Commits that were applied.
    pub commits: u64,
    /// Commits that were refused as conflicts.
    pub conflicts: u64,
    /// Durable writes.
    pub batches: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    conflicts: AtomicU64,
    batches: AtomicU64,
    /// Jobs that were ever put into the queue.
    #[cfg(test)]
    asked: AtomicU64,
}

impl Counters {
    /// Commits were answered so.
    pub(super) fn count(&self, answers: &[Result<(), StoreError>]) {
        let conflicts = answers.iter().filter(|answer| answer.is_err()).count() as u64;
        self.conflicts.fetch_add(conflicts, Ordering::Relaxed);
        self.commits.fetch_add(answers.len() as u64 - conflicts, Ordering::Relaxed);
    }

    /// There was a durable write.
    pub(super) fn synced(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether a commit carries what nobody else has: the answer of a provider that may have spent the old token for it.
fn is_urgent(changes: &Changes) -> bool {
    changes.0.iter().any(|change| {
        matches!(
            change,
            Change::PutCredential { .. } | Change::EndRefresh { outcome: RefreshOutcome::Renewed, .. }
        )
    })
}

pub(super) struct Writer {
    queue: Queue,
    counters: Arc<Counters>,
    pub(super) progress: Arc<Progress>,
}

enum Queue {
    /// Jobs go to a thread, which gathers them.
    Thread(SyncSender<Job>),
    /// Every job is done at once by whoever asks.
    Here(Box<Mutex<Thread>>),
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("counters", &self.counters).finish_non_exhaustive()
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

impl Writer {
    pub(super) fn start(
        place: Place,
        connection: Arc<Mutex<Connection>>,
        options: SqliteOptions,
        shared: Arc<Shared>,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(options.queue.max(1));
        let mut thread = Thread::new(place, connection, options, shared);
        thread.leave_syncing_to_a_thread()?;
        let (counters, progress) = (thread.counters.clone(), thread.progress.clone());
        std::thread::Builder::new().name("sqlite-writer".into()).spawn(move || thread.run(&jobs))?;
        Ok(Self { queue: Queue::Thread(queue), counters, progress })
    }

    /// A writer without a thread, for simulations: whoever asks does it, one at a time.
    pub(super) fn here(
        place: Place,
        connection: Arc<Mutex<Connection>>,
        options: SqliteOptions,
        shared: Arc<Shared>,
    ) -> Self {
        let thread = Thread::new(place, connection, options, shared);
        let (counters, progress) = (thread.counters.clone(), thread.progress.clone());
        Self { queue: Queue::Here(Box::new(Mutex::new(thread))), counters, progress }
    }

    async fn ask(&self, job: impl FnOnce(Answer) -> Job, urgent: bool) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        match &self.queue {
            Queue::Thread(queue) => queue.try_send(job(answer)).map_err(|refused| match refused {
                TrySendError::Full(_) => StoreError::Unavailable("too many commits are waiting".into()),
                TrySendError::Disconnected(_) => stopped(),
            })?,
            Queue::Here(thread) => thread.lock().unwrap_or_else(PoisonError::into_inner).step(job(answer)),
        }
        if urgent {
            self.progress.hurry();
        }
        #[cfg(test)]
        self.counters.asked.fetch_add(1, Ordering::Relaxed);
        answered.await.map_err(|_| stopped())?
    }

    /// Once it is queued, a commit is carried out even if nobody waits for the answer any more.
    pub(super) async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        if changes.0.is_empty() {
            return Ok(());
        }
        let urgent = is_urgent(&changes);
        self.ask(|answer| Job::Do(Task::Commit(changes), answer), urgent).await
    }

    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        self.ask(|answer| Job::Do(Task::Commit(Changes::new()), answer), false).await
    }

    /// Does `work` as a commit of its own, together with those that wait, and brings its answer once it is durable.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (keep, kept) = oneshot::channel();
        let work = move |connection: &Connection| {
            // A caller that hung up does not ask for it.
            let _ = keep.send(work(connection)?);
            Ok(())
        };
        self.ask(|answer| Job::Do(Task::Work(Some(Box::new(work))), answer), false).await?;
        kept.await.map_err(|_| stopped())
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.ask(Job::Close, false).await
    }

    pub(super) fn stats(&self) -> CommitStats {
        CommitStats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            conflicts: self.counters.conflicts.load(Ordering::Relaxed),
            batches: self.counters.batches.load(Ordering::Relaxed),
        }
    }

    /// How many commits have been queued and not been answered, if none has failed.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> u64 {
        let stats = self.stats();
        self.counters.asked.load(Ordering::Relaxed) - stats.commits - stats.conflicts
    }

    #[cfg(test)]
    pub(super) fn run(&self, job: impl FnOnce(&Connection) + Send + 'static) {
        let job = Job::Run(Box::new(job));
        match &self.queue {
            Queue::Thread(queue) => queue.send(job).unwrap(),
            Queue::Here(thread) => thread.lock().unwrap().step(job),
        }
    }
}

struct Thread {
    place: Place,
    /// None after a failure: the next batch starts with a new connection, so that what was wrong with the disk may
    /// have passed and nothing of a failed write is left in memory.
    connection: Option<Arc<Mutex<Connection>>>,
    options: SqliteOptions,
    counters: Arc<Counters>,
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    /// Makes commits durable and answers them. Without one SQLite does it with every commit.
    disk: Option<Disk>,
    /// When the home of the database last got a new token.
    renewed: Instant,
    /// When the journal was last folded into the database file, or that was last tried.
    folded: Instant,
    /// How long the journal may get before it is folded here.
    journal_at_most: u64,
}

impl Thread {
    fn new(
        place: Place,
        connection: Arc<Mutex<Connection>>,
        options: SqliteOptions,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            place,
            connection: Some(connection),
            options,
            counters: Arc::default(),
            shared,
            progress: Arc::default(),
            disk: None,
            renewed: Instant::now(),
            folded: Instant::now(),
            journal_at_most: options.longest_journal,
        }
    }

    /// A database in memory has no disk.
    fn leave_syncing_to_a_thread(&mut self) -> std::io::Result<()> {
        let Place::File(path) = &self.place else { return Ok(()) };
        let (progress, counters) = (self.progress.clone(), self.counters.clone());
        self.disk = Some(Disk::start(path, self.options, progress, counters, self.shared.clone())?);
        Ok(())
    }

    /// Does one job and answers it.
    fn step(&mut self, job: Job) {
        match job {
            Job::Do(task, answer) => self.write(vec![(task, answer)]),
            Job::Close(answer) => {
                // Nothing waits here, and nobody minds whether the caller still listens.
                let _ = answer.send(Ok(()));
            }
            #[cfg(test)]
            Job::Run(run) => {
                if let Ok(connection) = self.connection() {
                    run(&connection.lock().unwrap_or_else(PoisonError::into_inner));
                }
            }
        }
    }

    fn run(&mut self, jobs: &Receiver<Job>) {
        let mut written = false;
        loop {
            let first = match jobs.recv_timeout(IDLE) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    if std::mem::take(&mut written) {
                        self.fold_journal(self.options.busy_timeout);
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            written = true;
            self.progress.gather();
            let waiting = std::iter::once(first).chain(jobs.try_iter()).take(self.options.batch.max(1));
            let (mut batch, mut closing) = (Vec::new(), None);
            for job in waiting {
                match job {
                    Job::Do(task, answer) => batch.push((task, answer)),
                    Job::Close(answer) => {
                        closing = Some(answer);
                        break;
                    }
                    #[cfg(test)]
                    Job::Run(run) => {
                        if let Ok(connection) = self.connection() {
                            run(&connection.lock().unwrap_or_else(PoisonError::into_inner));
                        }
                    }
                }
            }
            self.write(batch);
            if self.renewed.elapsed() >= self.options.renew_home {
                self.renew_home();
            }
            if closing.is_none() {
                self.keep_journal_short();
            }
            if let Some(answer) = closing {
                self.progress.settle();
                self.renew_home();
                self.fold_journal(self.options.busy_timeout);
                // The file is let go of before the answer: it may be copied or opened by another process then.
                self.connection = None;
                // Whoever asked may have gone; closed it is all the same.
                let _ = answer.send(Ok(()));
                break;
            }
        }
    }

    fn connection(&mut self) -> Result<Arc<Mutex<Connection>>, StoreError> {
        if let Some(connection) = &self.connection {
            return Ok(Arc::clone(connection));
        }
        let connection = match &self.place {
            Place::Memory(connection) => Arc::clone(connection),
            Place::File(path) => {
                Arc::new(Mutex::new(open::writer(path, &self.options).map_err(unavailable)?))
            }
        };
        Ok(Arc::clone(self.connection.insert(connection)))
    }

    fn write(&mut self, mut batch: Vec<(Task, Answer)>) {
        if batch.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let outcome = self.recover().and_then(|()| self.connection()).and_then(|connection| {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            self.let_commits_wait_for_the_disk(&connection, self.disk.is_none())?;
            let outcome = write_batch(&connection, batch.iter_mut().map(|(task, _)| task), &shared);
            if outcome.is_err() && !connection.is_autocommit() {
                // The failure that is reported is the first one; the connection is given up in any case.
                let _ = connection.execute_batch("ROLLBACK");
            }
            outcome
        });
        match (outcome, &self.disk) {
            (Ok(answers), Some(disk)) => disk.take(Written { batch, answers }),
            (Ok(answers), None) => {
                self.counters.count(&answers);
                self.counters.synced();
                answer_all(&self.shared, batch, answers);
            }
            (Err(failure), _) => {
                tracing::error!(commits = batch.len(), %failure, "the database did not take a write: {failure}");
                self.connection = None;
                let answers = vec![Err(failure); batch.len()];
                answer_all(&self.shared, batch, answers);
            }
        }
    }

    /// Whether a commit on this connection returns only when the disk has it. In WAL mode FULL does that; NORMAL leaves it to
    /// whoever answers, and keeps the order of journal and database on the disk all the same.
    fn let_commits_wait_for_the_disk(&self, connection: &Connection, wait: bool) -> Result<(), StoreError> {
        if matches!(self.place, Place::Memory(_)) {
            return Ok(());
        }
        let sql = if wait { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
        connection.prepare_cached(sql).and_then(|mut set| set.execute([])).map_err(unavailable)?;
        Ok(())
    }

    /// After the disk has refused something that is in the journal, nobody knows what of it the disk has: a later success
    /// does not say so. Everything is written to the database anew before anything else is answered.
    fn recover(&mut self) -> Result<(), StoreError> {
        if !self.progress.take_failure() {
            return Ok(());
        }
        self.connection = None;
        let folded = self.connection().and_then(|connection| {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let row = connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get::<_, i64>(0));
            match row.map_err(unavailable)? {
                0 => Ok(()),
                _ => Err(StoreError::Unavailable("the journal is in use; it is written anew shortly".into())),
            }
        });
        if folded.is_err() {
            self.progress.fail();
        }
        folded
    }

    /// Only a file that this process has joined has a home.
    fn renew_home(&mut self) {
        let Place::File(path) = self.place.clone() else { return };
        if self.shared.own().is_none() {
            return;
        }
        self.renewed = Instant::now();
        let renewed = self.connection().and_then(|connection| {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            self.let_commits_wait_for_the_disk(&connection, true)?;
            home::renew(&connection, &path)
        });
        if let Err(failure) = renewed {
            tracing::warn!(%failure, "the database and its witness got no new token: {failure}");
        }
    }

    /// Folds the journal in the midst of work, if it is time or it has grown too long. The thread that waits for the disk
    /// folds it as well, but while that runs more is written, and only a journal of which everything is folded is begun
    /// anew: with commits coming all the time it would grow without end.
    fn keep_journal_short(&mut self) {
        let length = self.journal_length();
        if length < self.journal_at_most && self.folded.elapsed() < self.options.fold_journal {
            return;
        }
        self.fold_journal(FOLDING);
        // What a reader still needs stays; it is not waited for again after every commit.
        let longest = self.options.longest_journal;
        self.journal_at_most = longest.max(self.journal_length() + longest / 4);
    }

    /// In bytes; 0 if there is none.
    fn journal_length(&self) -> u64 {
        match &self.place {
            Place::File(path) => std::fs::metadata(journal(path)).map_or(0, |journal| journal.len()),
            Place::Memory(_) => 0,
        }
    }

    /// Waits so long at most for readers that still need the journal.
    fn fold_journal(&mut self, patience: Duration) {
        self.folded = Instant::now();
        let usual = self.options.busy_timeout;
        let folded = self.connection().and_then(|connection| {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.busy_timeout(patience.min(usual)).map_err(unavailable)?;
            let folded = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(unavailable);
            connection.busy_timeout(usual).map_err(unavailable)?;
            folded
        });
        if let Err(failure) = folded {
            tracing::warn!(%failure, "the journal was not folded into the database: {failure}");
        }
    }
}

/// Wakes those who wait for what was written, and tells those who asked for it.
pub(super) fn answer_all(
    shared: &Shared,
    batch: Vec<(Task, Answer)>,
    answers: impl IntoIterator<Item = Result<(), StoreError>>,
) {
    for ((task, asked), answer) in batch.into_iter().zip(answers) {
        if let (Task::Commit(changes), Ok(())) = (&task, &answer) {
            shared.waiters.wake(changes);
        }
        // A caller that hung up reads the outcome from the database if it comes back.
        let _ = asked.send(answer);
    }
}

/// One transaction for all; one answer for each. `Err` means that nothing was written for any of them — also for
/// those that would have been a conflict, since what they conflicted with is not written either.
fn write_batch<'a>(
    connection: &Connection,
    batch: impl ExactSizeIterator<Item = &'a mut Task>,
    shared: &Shared,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let run = |sql: &str| -> Result<(), StoreError> {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map_err(unavailable)?;
        Ok(())
    };
    run("BEGIN IMMEDIATE")?;
    let mut answers = Vec::with_capacity(batch.len());
    let own = shared.own();
    for task in batch {
        run("SAVEPOINT one_commit")?;
        let answer = match task {
            Task::Commit(changes) => apply(connection, changes, own),
            Task::Work(work) => work.take().map_or(Ok(()), |work| work(connection)),
        };
        if let Err(StoreError::Unavailable(_)) = &answer {
            return answer.map(|()| Vec::new());
        }
        if answer.is_err() {
            run("ROLLBACK TO one_commit")?;
        }
        run("RELEASE one_commit")?;
        answers.push(answer);
    }
    run("COMMIT")?;
    Ok(answers)
}
