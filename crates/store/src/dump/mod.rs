//! Everything that is in a database, as a stream of bytes that either kind of database is made from again.
//!
//! The stream holds rows and not pages: it is taken from a database while servers work on it, in one snapshot, and does
//! not depend on the kind of database, nor on the version of its schema. The schema of a new database is first brought
//! to where the old one stood, then the rows are put in, then it is brought up to date.
//!
//! What belongs to a database itself stays behind: which migrations it has, where it is, whether it takes writes. So do
//! signs of life of processes; their numbers come along, since refreshes and executions name them, and are never given
//! again.

mod format;

use std::{collections::BTreeMap, io};

use serde::{Deserialize, Serialize};
use valetkey_domain::{SealedBlob, Time, refresh::Frozen};

pub(crate) use format::{Cell, DumpReader, DumpWriter, Part};

/// Every table whose rows come along, those first that others refer to.
pub(crate) const TABLES: &[&str] = &[
    "environments",
    "connections",
    "accounts",
    "credentials",
    "auth_requests",
    "refreshes",
    "revocations",
    "events",
    "executions",
    "answers",
    "api_clients",
    "api_tokens",
    "key_terms",
    "signing_keys",
    "users",
    "invitations",
    "sessions",
    "audit",
    "audit_head",
    "branding",
    "branding_logos",
    "bulk_works",
    "webhooks",
    "webhook_secrets",
    "webhook_deliveries",
    "webhook_bodies",
    "status_counts",
    INSTANCES,
];

/// The processes that worked on the database. Only [`INSTANCE_COLUMNS`] come along.
pub(crate) const INSTANCES: &str = "instances";
pub(crate) const INSTANCE_COLUMNS: &[&str] = &["number", "joined_at"];

/// Tables of the database itself, whose rows stay behind.
#[cfg(test)]
pub(crate) const LEFT_BEHIND: &[&str] = &["schema_migrations", "store_info", "store_home"];
/// Tables that the database fills by itself from the rows of others.
#[cfg(test)]
pub(crate) const DERIVED: &[&str] = &[
    "account_counts",
    "account_count_changes",
    "account_numbers",
    "account_search",
    "account_search_config",
    "account_search_data",
    "account_search_docsize",
    "account_search_idx",
    "account_search_terms",
];

/// What a dump is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To have it when the database is lost.
    Backup,
    /// To make another database from it, while this one goes on.
    Export,
    /// To go on in another database: this one is left, and marked so.
    Move,
}

/// What stands at the beginning of a dump.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpHead {
    /// What it was taken for.
    pub purpose: Purpose,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: Time,
    /// The kind of database it was taken from: `sqlite` or `postgres`.
    pub database: String,
    /// How many migrations that database had.
    pub migrations: u32,
    /// The mark of the database, if it was a restored or copied one itself.
    pub frozen: Option<Frozen>,
    /// The last number that a process was given.
    pub last_instance: i64,
    /// The terms of the keyring with their keys under the master key, for whoever takes the dump: they stand in the
    /// rows, and are not repeated in the head.
    #[serde(skip)]
    pub key_terms: Vec<(u32, SealedBlob)>,
}

/// Rows by table.
pub type RowCounts = BTreeMap<String, u64>;

/// What a database was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The head of the dump.
    pub head: DumpHead,
    /// The rows of each table, counted in the new database.
    pub rows: RowCounts,
}

/// How a new database is to treat the grants in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// As a copy: the original may go on, and spend refresh tokens.
    Frozen(Frozen),
    /// As the original, which was left.
    GoesOn,
}

impl Arrival {
    /// The mark of the new database. One that the old database had stays, unless it says that it was left.
    pub(crate) fn mark<'a>(&'a self, head: &'a DumpHead) -> Option<&'a Frozen> {
        match self {
            Self::Frozen(mark) => Some(mark),
            Self::GoesOn => head.frozen.as_ref().filter(|mark| mark.reason != LEFT),
        }
    }
}

/// Why a database that was left is frozen.
const LEFT: &str = "the content of the database was moved to another one";

/// The mark of a database that was left.
pub(crate) fn left(at: Time) -> Frozen {
    Frozen { since: at, reason: LEFT.to_owned() }
}

/// Why a dump was not taken, or no database made from it. A database that was to be made is not there then.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The stream cannot be written or read.
    #[error("{0}")]
    Stream(#[from] io::Error),
    /// The stream is not what was written.
    #[error("the content of the archive makes no sense: {0}")]
    Malformed(String),
    /// The database cannot be used.
    #[error("the database {place} cannot be used: {reason}")]
    Database {
        /// Which one.
        place: String,
        /// What it says.
        reason: String,
    },
    /// The database or the dump is of a newer version.
    #[error(
        "{what} is of a newer version of Valetkey: it has migration {found}, this version knows {known} at most; use \
         that version"
    )]
    Newer {
        /// What is.
        what: String,
        /// The number of its last migration.
        found: u32,
        /// The number of our last migration.
        known: u32,
    },
    /// The database is of an older version.
    #[error(
        "the database {place} is of an older version of Valetkey; use that version, or start the server once, which \
         brings it up to date"
    )]
    Older {
        /// Which one.
        place: String,
    },
    /// There is something where a new database is to be made.
    #[error("{place} is not empty: {reason}")]
    NotEmpty {
        /// Where.
        place: String,
        /// What is to be done.
        reason: String,
    },
    /// A process works on the database.
    #[error("a server works on the database {place}: stop every server on it first")]
    InUse {
        /// Which one.
        place: String,
    },
}

impl DumpError {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}

/// Refuses what this version cannot make a schema for.
pub(crate) fn check_migrations(head: &DumpHead, known: u32) -> Result<(), DumpError> {
    match head.migrations {
        0 => Err(DumpError::malformed("it is of a database without a schema")),
        found if found > known => Err(DumpError::Newer { what: "the archive".into(), found, known }),
        _ => Ok(()),
    }
}

/// Compares what was counted in the new database with what was read.
pub(crate) fn check_counts(read: &RowCounts, found: &RowCounts) -> Result<(), DumpError> {
    for (table, rows) in read {
        let there = found.get(table).copied().unwrap_or(0);
        if there != *rows {
            return Err(DumpError::malformed(format!("{table}: {rows} rows were read, {there} are there")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
