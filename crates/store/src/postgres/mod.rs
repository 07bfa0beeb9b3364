//! PostgreSQL behind the storage traits.

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
mod pool;
mod row;
mod settings;
mod statement;
mod trait_impl;
mod writer;

use secrecy::SecretString;
use valetkey_domain::StoreError;

#[cfg(test)]
pub(crate) use open::MIGRATIONS;
pub use open::PostgresOpenError;
pub use settings::PostgresOptions;

use pool::{Session, Sessions};
use settings::Target;

/// Everything of ours lives in a schema of its own: the database may be shared with other programs.
const SCHEMA: &str = "valetkey";

/// The advisory lock of a process that must be alone ("vlt1").
const ALONE_LOCK: i64 = 0x766c_7431;

/// Says that no other process has [`PostgresStore::alone`].
#[derive(Debug)]
pub struct Alone {
    /// The lock ends with the session. It is not in the pool any more.
    _connection: deadpool_postgres::ClientWrapper,
}

/// A database on a PostgreSQL server.
#[derive(Debug)]
pub struct PostgresStore {
    sessions: Sessions,
    place: String,
}

impl PostgresStore {
    /// Connects to the database of a `postgres://` URL and brings an older one up to date. Safe when several
    /// processes do it at the same time.
    ///
    /// TLS: `sslmode=require`, `verify-ca` or `verify-full` in the URL; the certificate and its name are checked in
    /// all three, against the system's roots or the file named by `sslrootcert`.
    ///
    /// # Errors
    /// When the URL cannot be read, the database cannot be used, holds something else in the schema `valetkey`, or
    /// was written by a newer version.
    pub async fn open(url: &SecretString) -> Result<Self, PostgresOpenError> {
        Self::open_with(url, PostgresOptions::default()).await
    }

    /// [`PostgresStore::open`] with other options.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn open_with(url: &SecretString, options: PostgresOptions) -> Result<Self, PostgresOpenError> {
        let target = Target::parse(url, &options).map_err(|reason| PostgresOpenError::Url { reason })?;
        let sessions =
            Sessions::new(&target, &options).map_err(|reason| PostgresOpenError::Url { reason })?;
        let place = target.to_string();
        open::migrate(&sessions, &place).await?;
        Ok(Self { sessions, place })
    }

    /// Reads a URL without connecting.
    ///
    /// # Errors
    /// What is wrong with it, without the password.
    pub fn check_url(url: &SecretString) -> Result<(), PostgresOpenError> {
        let target = Target::parse(url, &PostgresOptions::default());
        target.map(drop).map_err(|reason| PostgresOpenError::Url { reason })
    }

    /// Makes this the only process that works on the database, as long as the answer is kept and its connection
    /// lives; `None` if another process does. It stands in no replica's way that does not ask for it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn alone(&self) -> Result<Option<Alone>, StoreError> {
        let session = self.sessions.get().await?;
        let asked = session.query_one("SELECT pg_try_advisory_lock($1)", &[&ALONE_LOCK]).await;
        let granted = asked.and_then(|row| row.try_get::<_, bool>(0)).map_err(|e| row::unavailable(&e))?;
        Ok(granted.then(|| Alone { _connection: Session::take(session) }))
    }

    /// Host, port and name of the database, without user and password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Closes the connections. Commits that were asked for are answered; whatever is asked afterwards is refused.
    pub fn close(&self) {
        self.sessions.close();
    }
}
