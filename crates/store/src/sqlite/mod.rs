//! SQLite behind the storage traits.

mod accounts;
mod api_clients;
mod auth_requests;
mod changes;
mod connections;
mod credentials;
mod environments;
mod events;
mod executions;
mod keys;
mod list;
mod open;
mod readers;
mod row;
mod trait_impl;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::Connection;
use valetkey_domain::{Changes, StoreError};

#[cfg(test)]
pub(crate) use open::MIGRATIONS;
pub use open::OpenError;
pub use writer::CommitStats;

use readers::Readers;
use writer::Writer;

/// How the store treats its database. The defaults are for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How long a write waits for another process that holds the write lock. Default: 5 s.
    pub busy_timeout: Duration,
    /// How many commits may wait for the writer; one more is refused. Default: 4096.
    pub queue: usize,
    /// How many waiting commits go into one durable write at most. Default: 256.
    pub batch: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { busy_timeout: Duration::from_secs(5), queue: 4096, batch: 256 }
    }
}

/// Where the database is.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    /// One connection for reads and writes: a database in memory is gone with its last connection.
    Memory(Arc<Mutex<Connection>>),
}

/// A database file, or one in memory for tests.
#[derive(Debug)]
pub struct SqliteStore {
    readers: Arc<Readers>,
    writer: Writer,
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

    fn start(
        place: Place,
        connection: Arc<Mutex<Connection>>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let readers = Arc::new(Readers::new(place.clone(), options));
        let writer = Writer::start(place, connection, options)
            .map_err(|error| OpenError::Unusable { path: PathBuf::new(), reason: error.to_string() })?;
        Ok(Self { readers, writer })
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
        self.readers.list(|connection| open::integrity(connection, "integrity_check")).await
    }

    /// How many commits went into how many durable writes so far.
    #[must_use]
    pub fn commit_stats(&self) -> CommitStats {
        self.writer.stats()
    }

    async fn write(&self, changes: Changes) -> Result<(), StoreError> {
        self.writer.commit(changes).await
    }
}
