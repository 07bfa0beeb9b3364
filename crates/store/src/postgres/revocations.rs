//! Grants that are still to be taken back at the provider.

use valetkey_domain::{
    AccountId, EnvironmentId, ErrorCode, PendingRevocation, RevocationId, StoreError, Time,
};

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, count, json, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "revocations";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "revocation", unique: "revocation", reference: "revocation" };

impl Record for PendingRevocation {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, account, connection, identifier, metadata, generation, sealed, \
        attempts, last_code, next_at, give_up_at, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            account: columns.id("account")?,
            connection: columns.id("connection")?,
            identifier: columns.text("identifier")?,
            metadata: columns.json("metadata")?,
            generation: columns.number("generation")?,
            sealed: columns.sealed("sealed")?,
            attempts: columns.number("attempts")?,
            last_code: columns.optional_word("last_code", ErrorCode::parse)?,
            next_at: columns.time("next_at")?,
            give_up_at: columns.time("give_up_at")?,
            created_at: columns.time("created_at")?,
        })
    }
}

impl Listed for PendingRevocation {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

pub(super) fn insert(it: &PendingRevocation) -> Result<Write, StoreError> {
    let sql = "INSERT INTO revocations (id, environment, account, connection, identifier, metadata, generation, sealed,
            attempts, last_code, next_at, give_up_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        it.account.as_str(),
        it.connection.as_str(),
        &it.identifier,
        json(&it.metadata, TABLE, "metadata")?,
        count(it.generation, TABLE, "generation")?,
        &it.sealed,
        i64::from(it.attempts),
        it.last_code.map(ErrorCode::as_str),
        micros(it.next_at),
        micros(it.give_up_at),
        micros(it.created_at),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

/// Notes a try. What is revoked stays as it is: its seal may have been renewed meanwhile.
pub(super) fn update(it: &PendingRevocation) -> Result<Write, StoreError> {
    let sql =
        "UPDATE revocations SET attempts = $2, last_code = $3, next_at = $4, give_up_at = $5 WHERE id = $1";
    let values = values![
        it.id.as_str(),
        i64::from(it.attempts),
        it.last_code.map(ErrorCode::as_str),
        micros(it.next_at),
        micros(it.give_up_at),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn delete(id: &RevocationId) -> Result<Write, StoreError> {
    Ok(Write::any("DELETE FROM revocations WHERE id = $1", CONFLICTS, values![id.as_str()]))
}

pub(super) fn scope(environment: &EnvironmentId, account: Option<&AccountId>) -> Scope {
    Scope::default()
        .and("environment = ?", environment.as_str())
        .and_maybe("account = ?", account.map(|id| id.as_str()))
}

/// Those whose time has come, the longest due first, as they are stored now: put off. Those that somebody else is taking
/// at this moment are left to them.
pub(super) fn take_due(at: Time, hide_until: Time, limit: u32) -> Query<PendingRevocation> {
    let sql = "WITH due AS (
            SELECT id AS due_id, next_at AS was FROM revocations WHERE next_at <= $1
            ORDER BY next_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE revocations SET next_at = $2 FROM due WHERE id = due_id RETURNING revocations.*, was
        )
        SELECT id, environment, account, connection, identifier, metadata, generation, sealed, attempts, last_code,
            next_at, give_up_at, created_at
        FROM taken ORDER BY was, id";
    Query::of(sql, values![micros(at), micros(hide_until), i64::from(limit)])
}
