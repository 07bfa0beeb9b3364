//! Read-only connections.
//!
//! A read by key takes microseconds and runs where it is called, on a worker of the runtime: handing it to another
//! thread would cost more than the read. Lists and searches may take long and run on blocking threads, a few at a
//! time. In WAL mode neither ever waits for the writer.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use valetkey_domain::StoreError;

use super::{Place, SqliteOptions, open, row::unavailable};

/// How many lists are read at the same time.
const LISTS: usize = 8;
/// How many connections are kept open for the next read.
const KEPT: usize = 16;

#[derive(Debug)]
pub(super) struct Readers {
    place: Place,
    options: SqliteOptions,
    idle: Mutex<Vec<Connection>>,
    lists: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(place: Place, options: SqliteOptions) -> Self {
        Self { place, options, idle: Mutex::new(Vec::new()), lists: Arc::new(Semaphore::new(LISTS)) }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads here and now. The number of connections is bounded by the threads that read at the same time.
    pub(super) fn get<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = match &self.place {
            Place::Memory(connection) => {
                return read(&connection.lock().unwrap_or_else(PoisonError::into_inner));
            }
            Place::File(path) => path,
        };
        let pooled = self.idle().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => open::reader(path, &self.options).map_err(unavailable)?,
        };
        let answer = read(&connection);
        // A connection that failed may hold on to a broken file: the next read opens a new one.
        if !matches!(answer, Err(StoreError::Unavailable(_))) {
            let mut idle = self.idle();
            if idle.len() < KEPT {
                idle.push(connection);
            }
        }
        answer
    }

    /// As [`Readers::list`], on a connection of its own: FTS5 remembers how its index was laid out when a connection last
    /// searched, and SQLite's check takes what was written since for damage.
    pub(super) async fn list_anew<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Place::File(path) = &self.place else { return self.list(read).await };
        let (path, options) = (path.clone(), self.options);
        self.list(move |_| read(&open::reader(&path, &options).map_err(unavailable)?)).await
    }

    /// Reads on a blocking thread; what is in memory is read here and now.
    pub(super) async fn list<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if matches!(self.place, Place::Memory(_)) {
            return self.get(read);
        }
        let closed = |_| StoreError::Unavailable("the store is shut down".into());
        let permit = Arc::clone(&self.lists).acquire_owned().await.map_err(closed)?;
        let readers = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            readers.get(read)
        });
        answer.await.map_err(|stopped| StoreError::Unavailable(format!("a read was stopped: {stopped}")))?
    }
}
