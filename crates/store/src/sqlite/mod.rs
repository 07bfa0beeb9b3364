//! SQLite behind the storage traits.

mod accounts;
mod answers;
mod api_clients;
mod audit;
mod auth_requests;
mod branding;
mod bulk;
mod changes;
mod connections;
mod credentials;
mod deliveries;
mod disk;
mod dump;
mod environments;
mod events;
mod executions;
mod home;
mod instances;
mod keys;
mod list;
mod open;
mod overview;
mod prune;
mod readers;
mod refreshes;
mod revocations;
mod row;
mod sealed;
mod search;
mod trait_impl;
mod users;
mod webhooks;
mod writer;

#[cfg(test)]
mod home_tests;
#[cfg(test)]
mod list_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod upgrade_tests;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use valetkey_domain::{InstanceId, StoreError, Time, refresh::Joined};

#[cfg(test)]
pub(crate) use open::MIGRATIONS;
pub use open::OpenError;
pub use writer::CommitStats;

use readers::Readers;
use writer::Writer;

use crate::{Inspection, waiters::Waiters};

/// How the store treats its database. The defaults are for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How long a write waits for another process that holds the write lock. Default: 5 s.
    pub busy_timeout: Duration,
    /// How many commits may wait for the writer; one more is refused. Default: 4096.
    pub queue: usize,
    /// How many waiting commits go into one durable write at most. Default: 256.
    pub batch: usize,
    /// After so long of work the database and the witness beside it get a new token, by which an older content of the
    /// file is recognized. Default: 10 minutes.
    pub renew_home: Duration,
    /// After so long of work without a rest the journal is folded into the database file and cut, so that what was
    /// erased does not linger in it (S37). Default: 1 hour.
    pub fold_journal: Duration,
    /// How long the journal may get, in bytes, before the writer itself folds and cuts it. Default: 64 MiB.
    pub longest_journal: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            queue: 4096,
            batch: 256,
            renew_home: Duration::from_secs(600),
            fold_journal: Duration::from_secs(3600),
            longest_journal: 64 << 20,
        }
    }
}

/// Where the database is.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    /// One connection for reads and writes: a database in memory is gone with its last connection.
    Memory(Arc<Mutex<Connection>>),
}

/// What the writer and the rest of the store know together.
#[derive(Debug, Default)]
struct Shared {
    /// The number of this process; 0 until it has joined.
    own: AtomicU32,
    waiters: Waiters,
}

impl Shared {
    fn own(&self) -> Option<InstanceId> {
        let number = self.own.load(Ordering::Acquire);
        (number != 0).then_some(InstanceId(number))
    }
}

/// A database file, or one in memory for tests.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<Readers>,
    writer: Writer,
    shared: Arc<Shared>,
    /// The file; `None` in memory.
    path: Option<PathBuf>,
    /// Held while this process joins.
    joining: tokio::sync::Mutex<()>,
}

impl SqliteStore {
    /// Opens the database at `path`; makes it (readable by its owner only) if there is none, and brings an older one
    /// up to date.
    ///
    /// # Errors
    /// When the file cannot be used, is no Valetkey database, is damaged, or was written by a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, SqliteOptions::default())
    }

    /// Looks at the database at `path` without changing it; also while a server works on it.
    ///
    /// # Errors
    /// When the file cannot be read, is no Valetkey database, is damaged, or was written by a newer version.
    pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection, OpenError> {
        let path = path.as_ref();
        let place = path.display().to_string();
        // A file without content is a new database.
        if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
            return Ok(Inspection::new(place, None, open::MIGRATIONS));
        }
        let applied = open::look_at(path, &SqliteOptions::default())?;
        Ok(Inspection::new(place, Some(applied).filter(|applied| *applied > 0), open::MIGRATIONS))
    }

    /// [`SqliteStore::open`] with other options.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let connection = open::file(&path, &options)?;
        Self::start(Place::File(path), Arc::new(Mutex::new(connection)), options)
    }

    /// A new database in memory, for tests.
    ///
    /// # Errors
    /// When SQLite cannot make one.
    pub fn in_memory() -> Result<Self, OpenError> {
        let options = SqliteOptions::default();
        let connection = Arc::new(Mutex::new(open::memory(&options)?));
        Self::start(Place::Memory(connection.clone()), connection, options)
    }

    /// A new database in memory that does everything at once in the calling task, for simulations whose time is not
    /// real: no thread of its own decides what happens first.
    ///
    /// # Errors
    /// When SQLite cannot make one.
    pub fn in_step() -> Result<Self, OpenError> {
        let options = SqliteOptions::default();
        let connection = Arc::new(Mutex::new(open::memory(&options)?));
        let place = Place::Memory(connection.clone());
        let shared = Arc::new(Shared::default());
        Ok(Self {
            readers: Arc::new(Readers::new(place.clone(), options)),
            writer: Writer::here(place, connection, options, Arc::clone(&shared)),
            shared,
            path: None,
            joining: tokio::sync::Mutex::default(),
        })
    }

    fn start(
        place: Place,
        connection: Arc<Mutex<Connection>>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let path = match &place {
            Place::File(path) => Some(path.clone()),
            Place::Memory(_) => None,
        };
        let readers = Arc::new(Readers::new(place.clone(), options));
        let shared = Arc::new(Shared::default());
        let writer = Writer::start(place, connection, options, Arc::clone(&shared))
            .map_err(|error| OpenError::Unusable { path: PathBuf::new(), reason: error.to_string() })?;
        Ok(Self { readers, writer, shared, path, joining: tokio::sync::Mutex::default() })
    }

    /// Writes everything that is waiting, folds the journal into the database file and stops. Commits after that are
    /// refused; reads still work.
    ///
    /// # Errors
    /// When the writer has stopped before.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.writer.close().await
    }

    /// Reads the whole database and checks its structure. Takes seconds per gigabyte: for diagnosis, not for start.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what is damaged.
    pub async fn verify(&self) -> Result<(), StoreError> {
        self.readers.list_anew(|connection| open::integrity(connection, "integrity_check")).await
    }

    /// How many commits went into how many durable writes so far.
    #[must_use]
    pub fn commit_stats(&self) -> CommitStats {
        self.writer.stats()
    }

    /// Writes into a file that was just made as a backup that it is one: whoever joins it finds it frozen, since refresh
    /// tokens in it may have been spent meanwhile.
    ///
    /// # Errors
    /// When the file cannot be written or is no Valetkey database of this version.
    pub fn mark_as_copy(copy: impl AsRef<Path>) -> Result<(), OpenError> {
        open::mark_as_copy(copy.as_ref(), &SqliteOptions::default())
    }

    /// The witness is written before the commit, which names the same token: see [`home`].
    async fn join_once(&self, at: Time) -> Result<Joined, StoreError> {
        let _alone = self.joining.lock().await;
        if let Some(instance) = self.shared.own() {
            return Ok(Joined { instance, frozen: self.readers.get(home::frozen)? });
        }
        let arrival = match self.path.clone() {
            Some(path) => Some(self.readers.list(move |c| home::arrive(c, &path)).await?),
            None => None,
        };
        let token = arrival.as_ref().map(home::Arrival::token);
        let joined = self.writer.work(move |c| home::settle(c, arrival, at)).await?;
        self.shared.own.store(joined.instance.0, Ordering::Release);
        if let (Some(path), Some(token)) = (self.path.clone(), token) {
            let confirmed = self.readers.list(move |_| home::confirm(&path, token)).await;
            if let Err(failure) = confirmed {
                // The next renewal does it.
                tracing::warn!(%failure, "the witness beside the database was not brought up to date: {failure}");
            }
        }
        if let Some(mark) = &joined.frozen {
            tracing::warn!(reason = mark.reason, "the database was restored or copied: {}", mark.reason);
        }
        Ok(joined)
    }
}
