//! Sealed credentials, by account and generation.

use valetkey_domain::{AccountId, SealedBlob, StoreError, Time, store::StoredCredential};

use super::{
    row::{Columns, Conflicts, Record, count, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "credentials";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "credential", unique: "credential", reference: "credential.account" };

impl Record for StoredCredential {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "account, generation, sealed, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            account: columns.id("account")?,
            generation: columns.number("generation")?,
            sealed: columns.sealed("sealed")?,
            created_at: columns.time("created_at")?,
        })
    }
}

/// Generations only go up: a writer that was overtaken must not put an older credential beside a newer one. The first
/// statement makes two writers of one account wait for each other, so that the second one sees what the first has
/// written; it finds nothing to lock if there is no such account, which the insert then reports.
pub(super) fn put(
    account: &AccountId,
    generation: u64,
    sealed: &SealedBlob,
    at: Time,
) -> Result<[Write; 2], StoreError> {
    let lock = "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    let insert = "INSERT INTO credentials (account, generation, sealed, created_at)
        SELECT $1, $2, $3, $4
        WHERE NOT EXISTS (SELECT 1 FROM credentials WHERE account = $1 AND generation >= $2)";
    let generation = count(generation, TABLE, "generation")?;
    Ok([
        Write::any(lock, CONFLICTS, values![account.as_str()]),
        Write::one(insert, CONFLICTS, values![account.as_str(), generation, sealed, micros(at)]),
    ])
}

pub(super) fn drop_previous(account: &AccountId, keep: u64) -> Result<Write, StoreError> {
    let keep = count(keep, TABLE, "generation")?;
    let sql = "DELETE FROM credentials WHERE account = $1 AND generation < $2";
    Ok(Write::any(sql, CONFLICTS, values![account.as_str(), keep]))
}

pub(super) fn erase(account: &AccountId) -> Result<Write, StoreError> {
    Ok(Write::any("DELETE FROM credentials WHERE account = $1", CONFLICTS, values![account.as_str()]))
}

pub(super) fn current(account: &AccountId) -> Query<StoredCredential> {
    Query::new("account = $1 ORDER BY generation DESC LIMIT 1", values![account.as_str()])
}

/// The one before the current one, while it is kept.
pub(super) fn previous(account: &AccountId) -> Query<StoredCredential> {
    Query::new("account = $1 ORDER BY generation DESC OFFSET 1 LIMIT 1", values![account.as_str()])
}
