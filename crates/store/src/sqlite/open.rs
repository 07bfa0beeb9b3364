//! Opening connections: settings, the integrity of what is there, and migrations.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use valetkey_domain::StoreError;

use super::{SqliteOptions, home, row::unavailable};

/// Marks the file as ours ("vltk"), so that another program's database is not taken over by mistake.
const APPLICATION_ID: i64 = 0x766c_746b;
/// Up to this size a quick check costs a few milliseconds and is made at every start.
const CHECKED_AT_START: u64 = 8 << 20;
const STATEMENT_CACHE: usize = 128;
const MMAP_BYTES: i64 = 256 << 20;

/// Forward only. A migration that was released is never changed again. The names are the same for every database.
pub(crate) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    ("0002_ledger", include_str!("../../migrations/sqlite/0002_ledger.sql")),
    ("0003_calls", include_str!("../../migrations/sqlite/0003_calls.sql")),
    ("0004_operators", include_str!("../../migrations/sqlite/0004_operators.sql")),
    ("0005_audit_seals", include_str!("../../migrations/sqlite/0005_audit_seals.sql")),
    ("0006_branding", include_str!("../../migrations/sqlite/0006_branding.sql")),
    ("0007_dashboard", include_str!("../../migrations/sqlite/0007_dashboard.sql")),
    ("0008_secret_ends", include_str!("../../migrations/sqlite/0008_secret_ends.sql")),
    ("0009_bulk", include_str!("../../migrations/sqlite/0009_bulk.sql")),
    ("0010_webhooks", include_str!("../../migrations/sqlite/0010_webhooks.sql")),
    ("0011_lists", include_str!("../../migrations/sqlite/0011_lists.sql")),
    ("0012_bounds", include_str!("../../migrations/sqlite/0012_bounds.sql")),
    ("0013_calls_of_an_account", include_str!("../../migrations/sqlite/0013_calls_of_an_account.sql")),
    ("0014_bulk_holders", include_str!("../../migrations/sqlite/0014_bulk_holders.sql")),
    ("0015_provider_answers", include_str!("../../migrations/sqlite/0015_provider_answers.sql")),
];

/// Why a database was not opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made, read or written.
    #[error("the database {} cannot be used: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is something else.
    #[error("{} is not a Valetkey database; set `database_url` or `data_dir` to another place", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version has written it.
    #[error(
        "the database {} was written by a newer version of Valetkey: it has migration {found}, this version knows \
         {known} at most. Start the newer version, or restore a backup made before the upgrade", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of its last migration.
        found: u32,
        /// The number of our last migration.
        known: u32,
    },
    /// Its structure is broken.
    #[error("the database {} is damaged: {details}. Restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        details: String,
    },
}

impl OpenError {
    fn unusable(path: &Path, reason: impl ToString) -> Self {
        Self::Unusable { path: path.to_owned(), reason: reason.to_string() }
    }

    fn of(path: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign { path: path.to_owned() },
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
                Self::Damaged { path: path.to_owned(), details: error.to_string() }
            }
            _ => Self::unusable(path, error),
        }
    }
}

/// The writing connection to a file, migrated.
pub(super) fn file(path: &Path, options: &SqliteOptions) -> Result<Connection, OpenError> {
    make_private(path).map_err(|error| OpenError::unusable(path, error))?;
    let mut connection = writer(path, options).map_err(|error| OpenError::of(path, &error))?;
    migrate(&mut connection, path)?;
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= CHECKED_AT_START);
    if small && let Err(found) = integrity(&connection, "quick_check") {
        return Err(OpenError::Damaged { path: path.to_owned(), details: found.to_string() });
    }
    Ok(connection)
}

/// A new database in memory, migrated.
pub(super) fn memory(options: &SqliteOptions) -> Result<Connection, OpenError> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(|error| OpenError::of(path, &error))?;
    configure(&connection, options).map_err(|error| OpenError::of(path, &error))?;
    migrate(&mut connection, path)?;
    Ok(connection)
}

/// The file exists and only its owner may read it. SQLite gives its journal the same mode.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(permissions.mode() & 0o700))?;
    }
    Ok(())
}

/// A writing connection to a file that exists.
pub(super) fn writer(path: &Path, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection, options)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode only FULL makes a commit durable against a power cut, not just against a crash of the process. The
    // writer goes down to NORMAL where it leaves that to a thread of its own.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // Whoever waits for the disk folds the journal too.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

/// Marks a copy that was just written as one. Its journal mode stays as it is.
pub(super) fn mark_as_copy(path: &Path, options: &SqliteOptions) -> Result<(), OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let of = |error: rusqlite::Error| OpenError::of(path, &error);
    let connection = Connection::open_with_flags(path, flags).map_err(of)?;
    configure(&connection, options).map_err(of)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(of)?;
    home::mark_as_copy(&connection).map_err(of)?;
    connection.close().map_err(|(_, error)| of(error))
}

/// The number of the last migration of a file that exists, once its structure was found sound. Nothing is changed.
pub(super) fn look_at(path: &Path, options: &SqliteOptions) -> Result<u32, OpenError> {
    let connection = reader(path, options).map_err(|error| OpenError::of(path, &error))?;
    let applied = last_migration(&connection, path)?;
    match integrity(&connection, "quick_check") {
        Ok(()) => Ok(applied),
        Err(found) => Err(OpenError::Damaged { path: path.to_owned(), details: found.to_string() }),
    }
}

/// A read-only connection.
pub(super) fn reader(path: &Path, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection, options)?;
    Ok(connection)
}

pub(super) fn configure(connection: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.busy_timeout(options.busy_timeout)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten (S37); what is sorted never reaches a temporary file (S28).
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    Ok(())
}

/// Runs `PRAGMA quick_check` or `PRAGMA integrity_check`.
pub(super) fn integrity(connection: &Connection, pragma: &str) -> Result<(), StoreError> {
    let found: String =
        connection.query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get(0)).map_err(unavailable)?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Unavailable(found)) }
}

/// How many migrations this version knows.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    migrate_to(connection, path, known())
}

/// Brings a database to where it had `number` migrations, if it has fewer.
pub(super) fn migrate_to(connection: &mut Connection, path: &Path, number: u32) -> Result<(), OpenError> {
    let of = |error: &rusqlite::Error| OpenError::of(path, error);
    if last_migration(connection, path)? >= number {
        return Ok(());
    }
    // A table that others refer to is put in the place of an older one: its rows must not take theirs along, so they
    // refer to nothing until it is there. Inside a transaction the setting cannot be changed.
    connection.pragma_update(None, "foreign_keys", false).map_err(|error| of(&error))?;
    // The write lock first, then a second look: another process may be migrating too.
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| of(&error))?;
    let done = last_migration(&transaction, path)?;
    for (number, (name, sql)) in (1..=number).zip(MIGRATIONS).skip(done as usize) {
        transaction.execute_batch(sql).map_err(|error| of(&error))?;
        transaction
            .execute(
                "INSERT INTO schema_migrations (number, name, applied_at)
                 VALUES (?1, ?2, CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
                (number, name),
            )
            .map_err(|error| of(&error))?;
        tracing::info!(migration = name, "migrated the database: {name}");
    }
    let astray = transaction.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([]));
    if astray.map_err(|error| of(&error))? {
        let details = "a row refers to one that is not there".into();
        return Err(OpenError::Damaged { path: path.to_owned(), details });
    }
    transaction.commit().map_err(|error| of(&error))?;
    connection.pragma_update(None, "foreign_keys", true).map_err(|error| of(&error))
}

/// The number of the last migration. A database without any table is a new one, and gets the table of migrations
/// when it is looked at under the write lock.
pub(super) fn last_migration(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let of = |error: rusqlite::Error| OpenError::of(path, &error);
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(of)?;
    if id == APPLICATION_ID {
        let found: u32 = connection
            .query_row("SELECT coalesce(max(number), 0) FROM schema_migrations", [], |row| row.get(0))
            .map_err(of)?;
        let known = known();
        if found > known {
            return Err(OpenError::Newer { path: path.to_owned(), found, known });
        }
        return Ok(found);
    }
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(of)?;
    if id != 0 || tables != 0 {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if !connection.is_autocommit() {
        connection.pragma_update(None, "application_id", APPLICATION_ID).map_err(of)?;
        connection
            .execute_batch(
                "CREATE TABLE schema_migrations (
                     number INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT NULL
                 ) STRICT",
            )
            .map_err(of)?;
    }
    Ok(0)
}
