//! Grants that are still to be taken back at the provider.

use rusqlite::{Connection, named_params, params, types::ToSql};
use valetkey_domain::{
    AccountId, EnvironmentId, ErrorCode, Page, PageRequest, PendingRevocation, RevocationId, StoreError, Time,
};

use super::{
    list::{Scope, page},
    row::{Columns, Conflicts, Listed, Record, all, count, execute, execute_one, json, micros, one},
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
            identifier: columns.get("identifier")?,
            metadata: columns.json("metadata")?,
            generation: columns.count("generation")?,
            sealed: columns.sealed("sealed")?,
            attempts: columns.get("attempts")?,
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

pub(super) fn insert(connection: &Connection, it: &PendingRevocation) -> Result<(), StoreError> {
    let sql = "INSERT INTO revocations (id, environment, account, connection, identifier, metadata, generation, sealed,
            attempts, last_code, next_at, give_up_at, created_at)
        VALUES (:id, :environment, :account, :connection, :identifier, :metadata, :generation, :sealed, :attempts,
            :last_code, :next_at, :give_up_at, :created_at)";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":account": it.account.as_str(),
        ":connection": it.connection.as_str(),
        ":identifier": it.identifier,
        ":metadata": json(&it.metadata, TABLE, "metadata")?,
        ":generation": count(it.generation, TABLE, "generation")?,
        ":sealed": it.sealed.0,
        ":attempts": it.attempts,
        ":last_code": it.last_code.map(ErrorCode::as_str),
        ":next_at": micros(it.next_at),
        ":give_up_at": micros(it.give_up_at),
        ":created_at": micros(it.created_at),
    };
    execute_one(connection, CONFLICTS, sql, values)
}

/// Notes a try. What is revoked stays as it is: its seal may have been renewed meanwhile.
pub(super) fn update(connection: &Connection, it: &PendingRevocation) -> Result<(), StoreError> {
    let sql =
        "UPDATE revocations SET attempts = ?2, last_code = ?3, next_at = ?4, give_up_at = ?5 WHERE id = ?1";
    let values = params![
        it.id.as_str(),
        it.attempts,
        it.last_code.map(ErrorCode::as_str),
        micros(it.next_at),
        micros(it.give_up_at)
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn delete(connection: &Connection, id: &RevocationId) -> Result<(), StoreError> {
    execute(connection, CONFLICTS, "DELETE FROM revocations WHERE id = ?1", [id.as_str()])?;
    Ok(())
}

pub(super) fn list(
    connection: &Connection,
    environment: &EnvironmentId,
    account: Option<&AccountId>,
    request: &PageRequest,
) -> Result<Page<PendingRevocation>, StoreError> {
    page(connection, &[scope(environment, account)], request, None)
}

pub(super) fn scope(environment: &EnvironmentId, account: Option<&AccountId>) -> Scope {
    let environment = environment.as_str().to_owned();
    match account {
        Some(id) => {
            Scope::default().and("account = ?", id.as_str().to_owned()).and("+environment = ?", environment)
        }
        None => Scope::default().and("environment = ?", environment),
    }
}

pub(super) fn any_due(connection: &Connection, at: Time) -> Result<bool, StoreError> {
    Ok(one::<PendingRevocation>(connection, "next_at <= ?1 LIMIT 1", [micros(at)])?.is_some())
}

/// Those whose time has come, the longest due first, as they are stored now: put off.
pub(super) fn take_due(
    connection: &Connection,
    at: Time,
    hide_until: Time,
    limit: u32,
) -> Result<Vec<PendingRevocation>, StoreError> {
    let rest = "next_at <= ?1 ORDER BY next_at, id LIMIT ?2";
    let mut due: Vec<PendingRevocation> = all(connection, rest, params![micros(at), limit])?;
    for it in &mut due {
        let sql = "UPDATE revocations SET next_at = ?2 WHERE id = ?1";
        execute_one(connection, CONFLICTS, sql, params![it.id.as_str(), micros(hide_until)])?;
        it.next_at = hide_until;
    }
    Ok(due)
}
