//! Sealed credentials, by account and generation.

use rusqlite::{Connection, params};
use valetkey_domain::{AccountId, SealedBlob, StoreError, Time, store::StoredCredential};

use super::row::{Columns, Conflicts, Record, count, execute, execute_one, micros, one};

const TABLE: &str = "credentials";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "credential", unique: "credential", reference: "credential.account" };

impl Record for StoredCredential {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "account, generation, sealed, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            account: columns.id("account")?,
            generation: columns.count("generation")?,
            sealed: columns.sealed("sealed")?,
            created_at: columns.time("created_at")?,
        })
    }
}

/// Generations only go up: a writer that was overtaken must not put an older credential beside a newer one.
pub(super) fn put(
    connection: &Connection,
    account: &AccountId,
    generation: u64,
    sealed: &SealedBlob,
    at: Time,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO credentials (account, generation, sealed, created_at)
        SELECT ?1, ?2, ?3, ?4
        WHERE NOT EXISTS (SELECT 1 FROM credentials WHERE account = ?1 AND generation >= ?2)";
    let generation = count(generation, TABLE, "generation")?;
    execute_one(connection, CONFLICTS, sql, params![account.as_str(), generation, sealed.0, micros(at)])
}

pub(super) fn drop_previous(
    connection: &Connection,
    account: &AccountId,
    keep: u64,
) -> Result<(), StoreError> {
    let keep = count(keep, TABLE, "generation")?;
    let sql = "DELETE FROM credentials WHERE account = ?1 AND generation < ?2";
    execute(connection, CONFLICTS, sql, params![account.as_str(), keep])?;
    Ok(())
}

pub(super) fn erase(connection: &Connection, account: &AccountId) -> Result<(), StoreError> {
    execute(connection, CONFLICTS, "DELETE FROM credentials WHERE account = ?1", [account.as_str()])?;
    Ok(())
}

/// The one before the current one.
pub(super) fn previous(
    connection: &Connection,
    account: &AccountId,
) -> Result<Option<StoredCredential>, StoreError> {
    one(connection, "account = ?1 ORDER BY generation DESC LIMIT 1 OFFSET 1", [account.as_str()])
}

pub(super) fn current(
    connection: &Connection,
    account: &AccountId,
) -> Result<Option<StoredCredential>, StoreError> {
    one(connection, "account = ?1 ORDER BY generation DESC LIMIT 1", [account.as_str()])
}
