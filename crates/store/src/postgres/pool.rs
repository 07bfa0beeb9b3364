//! Connections: a bounded pool, with a deadline on everything that waits for the network.

use std::{fmt, future::Future, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::error::SqlState;
use valetkey_domain::{Page, PageRequest, StoreError};

use super::{
    PostgresOptions, SCHEMA, list,
    list::Scope,
    row::{Listed, Record, Value, read_all, words},
    settings::{PEER_PROBE_INTERVAL, PEER_PROBES, PEER_TIMEOUT, Target},
    statement::{Query, kinds, params},
};

/// One connection, lent by the pool.
pub(super) type Session = Object;

/// A connection may have died unnoticed while it was idle.
pub(super) const ATTEMPTS: usize = 4;
/// A server that ends a statement in time says so before this is over.
const GRACE: Duration = Duration::from_secs(3);

/// Why something did not work on a connection.
#[derive(Debug)]
pub(super) enum Failure {
    Database(tokio_postgres::Error),
    /// No answer in time.
    Late,
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => f.write_str(&words(error)),
            Self::Late => f.write_str("the database did not answer in time"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl Failure {
    /// The connection, not the statement, has failed: another connection may work.
    pub(super) fn is_of_connection(&self) -> bool {
        let Self::Database(error) = self else { return false };
        match error.as_db_error() {
            // Nothing from the server: what carries its words is broken.
            None => true,
            // Class 57P: the server shuts down, crashed or is starting; class 08: it lost the connection itself.
            Some(failure) => ["57P", "08"].iter().any(|class| failure.code().code().starts_with(class)),
        }
    }

    /// The connection must not be used again. One that turned read-only is to a server that was replaced.
    pub(super) fn spoils_connection(&self) -> bool {
        match self {
            Self::Late => true,
            Self::Store(_) => false,
            Self::Database(error) => {
                self.is_of_connection() || error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
            }
        }
    }
}

/// The pool and the deadline of whatever is done with its connections.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    pool: Pool,
    deadline: Duration,
}

impl Sessions {
    /// Connects to nothing yet.
    pub(super) fn new(target: &Target, options: &PostgresOptions) -> Result<Self, String> {
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &target.tls {
            Some(tls) => Manager::from_config(target.config.clone(), tls.clone(), settings),
            None => Manager::from_config(target.config.clone(), tokio_postgres::NoTls, settings),
        };
        let prepare = session_settings(options);
        let prepared = Hook::async_fn(move |session: &mut deadpool_postgres::ClientWrapper, _| {
            let prepare = prepare.clone();
            Box::pin(async move { session.batch_execute(&prepare).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .runtime(Runtime::Tokio1)
            .max_size(options.max_connections.max(1))
            .wait_timeout(Some(options.acquire_timeout))
            .create_timeout(Some(options.connect_timeout))
            .recycle_timeout(Some(options.connect_timeout))
            .post_create(prepared)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { pool, deadline: answer_deadline(options) })
    }

    pub(super) async fn get(&self) -> Result<Session, StoreError> {
        self.pool.get().await.map_err(|error| StoreError::Unavailable(pool_words(&error)))
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }

    /// Waits for `work` no longer than statements may take.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.deadline, work).await.unwrap_or(Err(Failure::Late))
    }

    /// Every record that fits.
    pub(super) async fn all<T: Record>(&self, query: Query<T>) -> Result<Vec<T>, StoreError> {
        let (text, kinds, params) = (query.text(), kinds(&query.values), params(&query.values));
        let mut attempts = 1..;
        loop {
            let session = self.get().await?;
            let rows = self.in_time(async {
                let statement = session.prepare_typed_cached(text, &kinds).await?;
                Ok(session.query(&statement, &params).await?)
            });
            match rows.await {
                Ok(rows) => return read_all(&rows),
                Err(failure) => self.again_or_fail(session, failure, attempts.next())?,
            }
        }
    }

    /// The record that fits, if there is one.
    pub(super) async fn one<T: Record>(&self, query: Query<T>) -> Result<Option<T>, StoreError> {
        Ok(self.all(query).await?.pop())
    }

    /// Carries out one statement on its own and says how many rows it changed. It may be carried out again if the answer
    /// is lost.
    pub(super) async fn execute(&self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let (kinds, params) = (kinds(&values), params(&values));
        let mut attempts = 1..;
        loop {
            let session = self.get().await?;
            let changed = self.in_time(async {
                let statement = session.prepare_typed_cached(sql, &kinds).await?;
                Ok(session.execute(&statement, &params).await?)
            });
            match changed.await {
                Ok(changed) => return Ok(changed),
                Err(failure) => self.again_or_fail(session, failure, attempts.next())?,
            }
        }
    }

    /// One page of a list.
    pub(super) async fn page<T: Listed>(
        &self,
        scope: Scope,
        request: &PageRequest,
    ) -> Result<Page<T>, StoreError> {
        let mut attempts = 1..;
        loop {
            let mut session = self.get().await?;
            match self.in_time(list::page(&mut session, &scope, request)).await {
                Ok(page) => return Ok(page),
                Err(failure) => self.again_or_fail(session, failure, attempts.next())?,
            }
        }
    }

    /// Puts the connection back or away. `Ok` if the same may be tried on another one.
    fn again_or_fail(
        &self,
        session: Session,
        failure: Failure,
        attempt: Option<usize>,
    ) -> Result<(), StoreError> {
        let again = failure.is_of_connection() && attempt.is_some_and(|attempt| attempt < ATTEMPTS);
        self.give_back(session, &failure);
        if again { Ok(()) } else { Err(failure.into()) }
    }

    /// Gives up a connection that has failed, and those that are idle with it: what has cut one has, as a rule, cut
    /// them all.
    pub(super) fn give_back(&self, session: Session, failure: &Failure) {
        if failure.spoils_connection() {
            drop(Object::take(session));
        }
        if failure.is_of_connection() {
            self.pool.retain(|_, _| false);
        }
    }
}

pub(super) fn pool_words(error: &PoolError) -> String {
    match error {
        PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
            "every connection to the database is in use".into()
        }
        PoolError::Timeout(_) => "the database did not accept a connection in time".into(),
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => words(error),
        PoolError::Closed => "the store is shut down".into(),
        other => other.to_string(),
    }
}

/// How long an answer is waited for.
pub(super) fn answer_deadline(options: &PostgresOptions) -> Duration {
    options.statement_timeout + GRACE
}

/// What holds for every session. The server, too, is to notice that the other side has vanished: locks go with it. A
/// setting of the role or the database that would make an acknowledged commit
/// forgettable is overruled; a stricter one stays.
pub(super) fn session_settings(options: &PostgresOptions) -> String {
    format!(
        "SET search_path TO {SCHEMA};
         SET statement_timeout TO {};
         SET lock_timeout TO {};
         SET idle_in_transaction_session_timeout TO {};
         SET tcp_keepalives_idle TO {};
         SET tcp_keepalives_interval TO {};
         SET tcp_keepalives_count TO {};
         SET tcp_user_timeout TO {};
         SET default_transaction_isolation TO 'read committed';
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';",
        options.statement_timeout.as_millis(),
        options.lock_timeout.as_millis(),
        answer_deadline(options).as_millis(),
        PEER_TIMEOUT.as_secs(),
        PEER_PROBE_INTERVAL.as_secs(),
        PEER_PROBES,
        PEER_TIMEOUT.as_millis(),
    )
}
