//! The storage traits on SQLite and on PostgreSQL.
//!
//! [`SqliteStore`] and [`PostgresStore`] implement [`valetkey_domain::Store`] and give the same answers, also by the
//! names of conflicts. SQL lives here and nowhere else, one file per noun and database, and sees secrets only as sealed
//! blobs. Migrations have the same names in both.
//!
//! SQLite: one thread owns the writing connection and gathers many commits into one durable write; reads go to
//! read-only connections that never wait for it. PostgreSQL: a bounded pool of connections; any number of processes
//! may share one database. [`Recall`] stands before either and remembers for a moment what every call asks for.

mod dump;
mod inspect;
#[cfg(test)]
mod migration_tests;
mod postgres;
mod recall;
mod sqlite;
mod values;
mod waiters;

pub use dump::{Arrival, DumpError, DumpHead, Loaded, Purpose, RowCounts};
pub use inspect::Inspection;
pub use postgres::{Alone, PostgresOpenError, PostgresOptions, PostgresStore};
pub use recall::{LIFE as RECALL_LIFE, Recall};
pub use sqlite::{CommitStats, OpenError, SqliteOptions, SqliteStore};
