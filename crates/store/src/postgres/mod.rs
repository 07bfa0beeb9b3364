//! PostgreSQL behind the storage traits.

mod accounts;
mod announcer;
mod answers;
mod api_clients;
mod audit;
mod auth_requests;
mod branding;
mod bulk;
mod changes;
mod clock;
mod connections;
mod credentials;
mod dedicated;
mod deliveries;
mod dump;
mod environments;
mod events;
mod executions;
mod home;
mod instances;
mod keys;
mod list;
mod listener;
mod open;
mod overview;
mod pool;
mod prune;
mod refreshes;
mod revocations;
mod row;
mod sealed;
mod settings;
mod statement;
mod trait_impl;
mod users;
mod webhooks;
mod writer;

use std::sync::{Arc, OnceLock};

use secrecy::SecretString;
use tokio::sync::OnceCell;
use valetkey_domain::{Changes, InstanceId, StoreError, Time};

use crate::{
    Inspection,
    waiters::{Waiters, ended_by},
};

#[cfg(test)]
pub(crate) use open::MIGRATIONS;
pub use open::PostgresOpenError;
pub use settings::PostgresOptions;

use announcer::Announcer;
use clock::Observer;
use dedicated::Access;
use instances::Membership;
use listener::Listener;
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
    access: Access,
    /// This process, once it has joined.
    membership: OnceCell<Membership>,
    waiters: Arc<Waiters>,
    /// Since somebody has waited for another process.
    listener: OnceLock<Listener>,
    /// Since there was something to tell other processes.
    announcer: OnceLock<Announcer>,
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
        Ok(Self {
            sessions,
            place,
            access: Access { target, options },
            membership: OnceCell::new(),
            waiters: Arc::default(),
            listener: OnceLock::new(),
            announcer: OnceLock::new(),
        })
    }

    /// Looks at the database without changing it; also while servers work on it.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn inspect(url: &SecretString) -> Result<Inspection, PostgresOpenError> {
        let options = PostgresOptions { max_connections: 1, ..PostgresOptions::default() };
        let target = Target::parse(url, &options).map_err(|reason| PostgresOpenError::Url { reason })?;
        let sessions =
            Sessions::new(&target, &options).map_err(|reason| PostgresOpenError::Url { reason })?;
        let place = target.to_string();
        let looked = open::look_at(&sessions, &place).await;
        sessions.close();
        let (applied, clock) = looked?;
        Ok(Inspection { clock: Some(clock), ..Inspection::new(place, applied, open::MIGRATIONS) })
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

    /// Closes the connections; other processes see that this one is gone. Commits that were asked for are answered;
    /// whatever is asked afterwards is refused.
    pub fn close(&self) {
        self.sessions.close();
        if let Some(membership) = self.membership.get() {
            membership.stop();
        }
        if let Some(listener) = self.listener.get() {
            listener.stop();
        }
    }

    async fn join_once(&self, at: Time) -> Result<InstanceId, StoreError> {
        if self.sessions.is_closed() {
            return Err(StoreError::Unavailable("the store is shut down".into()));
        }
        let begin = || Membership::begin(self.access.clone(), self.sessions.clone(), at);
        let membership = self.membership.get_or_try_init(begin).await?;
        Ok(InstanceId(membership.number))
    }

    fn observer(&self) -> Observer {
        let own = self.membership.get().map(|membership| i64::from(membership.number));
        let stale = i64::try_from(self.access.options.gone_after.as_micros()).unwrap_or(i64::MAX);
        Observer { own, stale }
    }

    /// Tells other processes of what `changes` ended.
    fn announce(&self, changes: &Changes) {
        if ended_by(changes).next().is_some() {
            self.announcer.get_or_init(|| Announcer::start(self.sessions.clone())).announce(changes);
        }
    }

    /// Begins to listen to other processes, at the first call.
    fn listen(&self) {
        if !self.sessions.is_closed() {
            let start =
                || Listener::start(self.access.clone(), self.sessions.clone(), Arc::clone(&self.waiters));
            self.listener.get_or_init(start);
        }
    }
}
