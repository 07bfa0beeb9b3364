//! Making commits durable, apart from writing them.
//!
//! A commit survives a crash of the process once it is in the journal file, and a power cut once the disk has taken it.
//! The writer does the first; this thread waits for the disk and only then answers. So a commit that must not be lost on
//! the way — tokens that a provider has just handed out and that nobody else has — is in the file at once, instead of
//! waiting until the disk is done with those before it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use valetkey_domain::StoreError;

use super::{
    Shared, SqliteOptions, open,
    writer::{Answer, Counters, Task, answer_all},
};

/// How many batches may wait for the disk. Only urgent ones do not wait for their turn before.
const WAITING: usize = 64;

/// After so many commits the journal is folded into the database file: at some pages each, tens of megabytes. Not more often,
/// since the writer waits for the disk once when it begins the journal anew.
const FOLDED_AFTER: usize = 2000;

/// The journal of the database.
pub(super) fn journal(database: &Path) -> PathBuf {
    let mut journal = database.as_os_str().to_owned();
    journal.push("-wal");
    journal.into()
}

/// Commits that are written, and what will be answered once they are durable.
pub(super) struct Written {
    pub(super) batch: Vec<(Task, Answer)>,
    pub(super) answers: Vec<Result<(), StoreError>>,
}

#[derive(Debug, Default)]
struct State {
    /// Batches that are written and not durable yet.
    unsynced: usize,
    /// An urgent commit is in the queue.
    urgent: bool,
    /// The disk did not take something that is in the journal.
    failed: bool,
    /// The disk is not done before a test says so.
    #[cfg(test)]
    slow: bool,
}

/// What the writer and the thread that waits for the disk know together.
#[derive(Debug, Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, while_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        self.changed.wait_while(self.state(), |state| while_so(state)).unwrap_or_else(PoisonError::into_inner)
    }

    /// An urgent commit was put into the queue.
    pub(super) fn hurry(&self) {
        self.state().urgent = true;
        self.changed.notify_all();
    }

    /// Waits until the disk is done, so that commits gather meanwhile, or something urgent has come.
    pub(super) fn gather(&self) {
        self.wait(|state| state.unsynced > 0 && !state.urgent).urgent = false;
    }

    /// Waits until everything that was written is durable or has failed.
    pub(super) fn settle(&self) {
        drop(self.wait(|state| state.unsynced > 0));
    }

    /// From now on the disk is not done with anything, or is again.
    #[cfg(test)]
    pub(super) fn slow_down(&self, slow: bool) {
        self.state().slow = slow;
        self.changed.notify_all();
    }

    /// How many batches are written and not durable yet.
    #[cfg(test)]
    pub(super) fn unsynced(&self) -> usize {
        self.state().unsynced
    }

    /// Whether the disk has refused since this was last asked.
    pub(super) fn take_failure(&self) -> bool {
        std::mem::take(&mut self.state().failed)
    }

    /// The journal could not be made whole after a failure: the next batch tries again.
    pub(super) fn fail(&self) {
        self.state().failed = true;
    }
}

/// The thread that waits for the disk. It ends with the writer.
pub(super) struct Disk {
    progress: Arc<Progress>,
    written: SyncSender<Written>,
}

impl Disk {
    pub(super) fn start(
        database: &Path,
        options: SqliteOptions,
        progress: Arc<Progress>,
        counters: Arc<Counters>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let (written, waiting) = sync_channel(WAITING);
        let thread = Thread {
            database: database.to_owned(),
            journal: journal(database),
            options,
            progress: progress.clone(),
            counters,
            shared,
        };
        std::thread::Builder::new().name("sqlite-disk".into()).spawn(move || thread.run(&waiting))?;
        Ok(Self { progress, written })
    }

    /// Has the batch answered once it is durable.
    pub(super) fn take(&self, written: Written) {
        self.progress.state().unsynced += 1;
        if let Err(refused) = self.written.send(written) {
            // Never while this value lives; its callers would otherwise wait for ever.
            drop(refused);
            self.progress.state().unsynced -= 1;
        }
    }
}

struct Thread {
    database: PathBuf,
    journal: PathBuf,
    options: SqliteOptions,
    progress: Arc<Progress>,
    counters: Arc<Counters>,
    shared: Arc<Shared>,
}

impl Thread {
    fn run(&self, waiting: &Receiver<Written>) {
        let mut unfolded = 0;
        while let Ok(first) = waiting.recv() {
            let all: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
            let synced = self.sync();
            let count = all.len();
            if synced.is_err() {
                self.progress.fail();
            }
            for mut written in all {
                unfolded += written.answers.len();
                match &synced {
                    Ok(()) => self.counters.count(&written.answers),
                    Err(failure) => {
                        let commits = written.batch.len();
                        tracing::error!(commits, %failure, "the disk did not take a write: {failure}");
                        let failed = StoreError::Unavailable(failure.to_string());
                        written.answers.fill(Err(failed));
                    }
                }
                answer_all(&self.shared, written.batch, written.answers);
            }
            if synced.is_ok() {
                self.counters.synced();
            }
            self.progress.state().unsynced -= count;
            self.progress.changed.notify_all();
            if unfolded >= FOLDED_AFTER {
                unfolded = 0;
                self.fold();
            }
        }
    }

    /// Folds what no reader needs any more into the database file, on a connection of its own: the writer goes on meanwhile
    /// instead of waiting for the disk. The journal is begun anew by the writer once all of it is folded.
    fn fold(&self) {
        let folded = open::writer(&self.database, &self.options).and_then(|connection| {
            let sql = "PRAGMA wal_checkpoint(PASSIVE)";
            connection.query_row(sql, [], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
        });
        match folded {
            Ok((pages, folded)) => tracing::trace!(pages, folded, "the journal was folded"),
            Err(failure) => {
                tracing::warn!(%failure, "the journal was not folded into the database: {failure}");
            }
        }
    }

    /// What is in the journal is on the disk afterwards. Where there is no journal, it was folded into the database, which
    /// SQLite made durable before.
    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        drop(self.progress.wait(|state| state.slow));
        match File::open(&self.journal) {
            Ok(journal) => journal.sync_data(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(&self.database)?.sync_data(),
            Err(error) => Err(error),
        }
    }
}
