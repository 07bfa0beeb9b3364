//! Why storage did not do it.

/// Why storage did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another writer was first: the record has another version, or the unique name is taken. Nothing was written.
    #[error("conflict on {what}")]
    Conflict {
        /// The record: `account`, `connection.name`, `auth_request`, …
        what: &'static str,
    },
    /// The database cannot be reached, is full or read-only. Nothing is known to be written.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// A row holds what no row may hold.
    #[error("inconsistent row in {table}.{column} of {row}: {reason}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The key of the row.
        row: String,
        /// What is wrong.
        reason: String,
    },
}
