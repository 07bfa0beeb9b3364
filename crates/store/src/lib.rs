//! The storage traits on SQLite.
//!
//! [`SqliteStore`] implements [`valetkey_domain::Store`]. One thread owns the writing connection and gathers many
//! commits into one durable write; reads go to read-only connections that never wait for it. SQL lives here and
//! nowhere else, one file per noun, and sees secrets only as sealed blobs.

mod sqlite;

pub use sqlite::{CommitStats, OpenError, SqliteOptions, SqliteStore};
