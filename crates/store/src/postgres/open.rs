//! Opening a database: what is there, and migrations.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Transaction};
use valetkey_domain::Time;

use super::{
    SCHEMA,
    clock::now,
    pool::{Sessions, pool_words},
    row::words,
};
use crate::values::from_micros;

/// Forward only. A migration that was released is never changed again. The names are the same for every database.
///
/// Replicas of the version before go on working on the tables while new ones start: a migration adds what the old
/// version can ignore, and removes only what the version before has stopped using.
pub(crate) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_initial", include_str!("../../migrations/postgres/0001_initial.sql")),
    ("0002_ledger", include_str!("../../migrations/postgres/0002_ledger.sql")),
    ("0003_calls", include_str!("../../migrations/postgres/0003_calls.sql")),
    ("0004_operators", include_str!("../../migrations/postgres/0004_operators.sql")),
    ("0005_audit_seals", include_str!("../../migrations/postgres/0005_audit_seals.sql")),
    ("0006_branding", include_str!("../../migrations/postgres/0006_branding.sql")),
    ("0007_dashboard", include_str!("../../migrations/postgres/0007_dashboard.sql")),
    ("0008_secret_ends", include_str!("../../migrations/postgres/0008_secret_ends.sql")),
    ("0009_bulk", include_str!("../../migrations/postgres/0009_bulk.sql")),
    ("0010_webhooks", include_str!("../../migrations/postgres/0010_webhooks.sql")),
    ("0011_lists", include_str!("../../migrations/postgres/0011_lists.sql")),
    ("0012_bounds", include_str!("../../migrations/postgres/0012_bounds.sql")),
    ("0013_calls_of_an_account", include_str!("../../migrations/postgres/0013_calls_of_an_account.sql")),
    ("0014_bulk_holders", include_str!("../../migrations/postgres/0014_bulk_holders.sql")),
    ("0015_provider_answers", include_str!("../../migrations/postgres/0015_provider_answers.sql")),
];

/// The advisory lock under which one replica migrates and the others wait ("vltk").
const MIGRATION_LOCK: i64 = 0x766c_746b;
/// How long a replica waits for another one that migrates.
const MIGRATION_PATIENCE: &str = "10min";
/// The oldest server that is tested against what this code uses.
const OLDEST_SERVER: i32 = 130_000;

/// Why a database was not opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    /// The URL cannot be read.
    #[error("{reason}")]
    Url {
        /// What is wrong with it, without the password.
        reason: String,
    },
    /// The database cannot be reached, read or written.
    #[error("the database {place} cannot be used: {reason}")]
    Unusable {
        /// Host, port and name.
        place: String,
        /// What the driver or the server says.
        reason: String,
    },
    /// The schema `valetkey` in it is something else.
    #[error(
        "the schema \"valetkey\" in the database {place} was not made by Valetkey; set `database_url` to another database"
    )]
    Foreign {
        /// Host, port and name.
        place: String,
    },
    /// A newer version has written it.
    #[error(
        "the database {place} was written by a newer version of Valetkey: it has migration {found}, this version knows \
         {known} at most. Start the newer version, or restore a backup made before the upgrade"
    )]
    Newer {
        /// Host, port and name.
        place: String,
        /// The number of its last migration.
        found: u32,
        /// The number of our last migration.
        known: u32,
    },
}

/// Which database, for messages.
pub(super) struct Place<'a>(pub(super) &'a str);

impl Place<'_> {
    fn unusable(&self, reason: impl Into<String>) -> PostgresOpenError {
        PostgresOpenError::Unusable { place: self.0.to_owned(), reason: reason.into() }
    }

    fn failed(&self, error: &tokio_postgres::Error) -> PostgresOpenError {
        self.unusable(words(error))
    }

    fn foreign(&self) -> PostgresOpenError {
        PostgresOpenError::Foreign { place: self.0.to_owned() }
    }
}

/// Brings the database up to date.
pub(super) async fn migrate(sessions: &Sessions, place: &str) -> Result<(), PostgresOpenError> {
    let place = Place(place);
    let mut session = sessions.pool().get().await.map_err(|error| place.unusable(pool_words(&error)))?;
    check_server(&session, &place).await?;
    let failed = |error: tokio_postgres::Error| place.failed(&error);
    let transaction = session.transaction().await.map_err(failed)?;
    if last_migration(&transaction, &place).await? == Some(known()) {
        return Ok(());
    }
    lock(&transaction, &place).await?;
    let done = last_migration(&transaction, &place).await?;
    advance(&transaction, &place, done, known()).await?;
    transaction.commit().await.map_err(failed)
}

/// The number of the last migration, and the time by the server's clock with how long that answer took.
pub(super) async fn look_at(
    sessions: &Sessions,
    place: &str,
) -> Result<(Option<u32>, (Time, Duration)), PostgresOpenError> {
    let place = Place(place);
    let failed = |error: tokio_postgres::Error| place.failed(&error);
    let mut session = sessions.pool().get().await.map_err(|error| place.unusable(pool_words(&error)))?;
    check_server(&session, &place).await?;
    let asked = Instant::now();
    let clock = session.query_one(concat!("SELECT ", now!()), &[]).await.map_err(failed)?;
    let took = asked.elapsed();
    let micros: i64 = clock.try_get(0).map_err(failed)?;
    let transaction = session.build_transaction().read_only(true).start().await.map_err(failed)?;
    let applied = last_migration(&transaction, &place).await?;
    transaction.rollback().await.map_err(failed)?;
    let at = from_micros(micros).ok_or_else(|| place.unusable("its clock shows an impossible time"))?;
    Ok((applied, (at, took)))
}

/// Whether the server is one that we can work on.
pub(super) async fn check_server(session: &Client, place: &Place<'_>) -> Result<(), PostgresOpenError> {
    let failed = |error: tokio_postgres::Error| place.failed(&error);
    let facts = "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')";
    let facts = session.query_one(facts, &[]).await.map_err(failed)?;
    if facts.try_get::<_, i32>(0).map_err(failed)? < OLDEST_SERVER {
        return Err(place.unusable("PostgreSQL 13 or newer is needed"));
    }
    let encoding: String = facts.try_get(1).map_err(failed)?;
    if encoding != "UTF8" {
        return Err(place.unusable(format!("its encoding is {encoding}, UTF8 is needed")));
    }
    Ok(())
}

/// Waits until nobody else migrates, and keeps others from it until the transaction is over. What was seen before must
/// be looked at again: another replica may have migrated meanwhile.
pub(super) async fn lock(transaction: &Transaction<'_>, place: &Place<'_>) -> Result<(), PostgresOpenError> {
    let failed = |error: tokio_postgres::Error| place.failed(&error);
    let patience = format!(
        "SET LOCAL lock_timeout TO '{MIGRATION_PATIENCE}'; SET LOCAL statement_timeout TO 0;
         SET LOCAL idle_in_transaction_session_timeout TO 0"
    );
    transaction.batch_execute(&patience).await.map_err(failed)?;
    transaction.query("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await.map_err(failed)?;
    Ok(())
}

/// Migrates from where the database is, `None` for one without a schema, to where it has `to` migrations.
pub(super) async fn advance(
    transaction: &Transaction<'_>,
    place: &Place<'_>,
    done: Option<u32>,
    to: u32,
) -> Result<(), PostgresOpenError> {
    let failed = |error: tokio_postgres::Error| place.failed(&error);
    if done.is_none() {
        transaction.batch_execute(&new_schema(transaction).await.map_err(failed)?).await.map_err(failed)?;
    }
    for (number, (name, sql)) in (1..=i64::from(to)).zip(MIGRATIONS).skip(done.unwrap_or(0) as usize) {
        transaction.batch_execute(sql).await.map_err(failed)?;
        let note = "INSERT INTO schema_migrations (number, name, applied_at)
            VALUES ($1, $2, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)";
        transaction.execute(note, &[&number, name]).await.map_err(failed)?;
        tracing::info!(migration = name, "migrated the database: {name}");
    }
    Ok(())
}

/// How many migrations this version knows.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// The schema may have been made by an administrator who does not let us make one.
async fn new_schema(transaction: &Transaction<'_>) -> Result<String, tokio_postgres::Error> {
    let there = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1";
    let there = !transaction.query(there, &[&SCHEMA]).await?.is_empty();
    let schema = if there { String::new() } else { format!("CREATE SCHEMA {SCHEMA};") };
    Ok(format!(
        "{schema} CREATE TABLE {SCHEMA}.schema_migrations (
             number bigint PRIMARY KEY NOT NULL, name text NOT NULL, applied_at bigint NOT NULL
         )"
    ))
}

/// The number of the last migration; `None` if our schema is not there or empty.
pub(super) async fn last_migration(
    transaction: &Transaction<'_>,
    place: &Place<'_>,
) -> Result<Option<u32>, PostgresOpenError> {
    let failed = |error: tokio_postgres::Error| place.failed(&error);
    let tables = "SELECT c.relname = 'schema_migrations' FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm')";
    let tables = transaction.query(tables, &[&SCHEMA]).await.map_err(failed)?;
    if tables.is_empty() {
        return Ok(None);
    }
    if !tables.iter().any(|row| row.try_get(0).unwrap_or(false)) {
        return Err(place.foreign());
    }
    let applied = "SELECT number::bigint, name::text FROM schema_migrations ORDER BY number";
    let applied = transaction.query(applied, &[]).await.map_err(|error| match error.as_db_error() {
        // Class 42: there is such a table, but not with these columns.
        Some(failure) if failure.code().code().starts_with("42") => place.foreign(),
        _ => place.failed(&error),
    })?;
    let mut last = 0;
    for (row, ours) in applied.iter().zip(MIGRATIONS.iter().map(Some).chain(std::iter::repeat(None))) {
        let (number, name): (i64, String) =
            (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        if ours.is_some_and(|(ours, _)| *ours != name) {
            return Err(place.foreign());
        }
        last = u32::try_from(number).map_err(|_| place.foreign())?;
    }
    if last > known() {
        return Err(PostgresOpenError::Newer { place: place.0.to_owned(), found: last, known: known() });
    }
    Ok(Some(last))
}
