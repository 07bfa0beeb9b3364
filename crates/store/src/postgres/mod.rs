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

#[cfg(test)]
pub(crate) use open::MIGRATIONS;
pub use open::PostgresOpenError;
pub use settings::PostgresOptions;

use pool::Sessions;
use settings::Target;

/// Everything of ours lives in a schema of its own: the database may be shared with other programs.
const SCHEMA: &str = "valetkey";

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
