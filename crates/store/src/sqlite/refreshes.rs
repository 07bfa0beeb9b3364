//! The ledger of refreshes: leases while they are open, records afterwards.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, named_params, params, types::ToSql};
use valetkey_domain::{
    AccountId, ErrorCode, InstanceId, Page, PageRequest, RefreshAttempt, RefreshOutcome, RefreshReason,
    StoreError, Time,
};

use super::{
    list::{Scope, page},
    row::{Columns, Conflicts, Listed, Record, all, count, execute, execute_one, micros, one, unavailable},
};

const TABLE: &str = "refreshes";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "refresh", unique: "refresh", reference: "refresh.account" };

impl Record for RefreshAttempt {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, connection, account, fence, generation, holder, reason, \
        started_at, lease_until, outcome, code, ended_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            connection: columns.id("connection")?,
            account: columns.id("account")?,
            fence: columns.count("fence")?,
            generation: columns.count("generation")?,
            holder: InstanceId(columns.get("holder")?),
            reason: columns.word("reason", RefreshReason::parse)?,
            started_at: columns.time("started_at")?,
            lease_until: columns.time("lease_until")?,
            outcome: columns.optional_word("outcome", RefreshOutcome::parse)?,
            code: columns.optional_word("code", ErrorCode::parse)?,
            ended_at: columns.optional_time("ended_at")?,
        })
    }
}

impl Listed for RefreshAttempt {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

/// What is looked at before an attempt is opened.
struct State {
    generation: Option<i64>,
    fence: i64,
    open: bool,
}

fn state(connection: &Connection, account: &AccountId) -> Result<Option<State>, StoreError> {
    let sql = "SELECT (SELECT max(generation) FROM credentials WHERE account = ?1),
            (SELECT coalesce(max(fence), 0) FROM refreshes WHERE account = ?1),
            EXISTS (SELECT 1 FROM refreshes WHERE account = ?1 AND outcome IS NULL)
        FROM accounts WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(State { generation: row.get(0)?, fence: row.get(1)?, open: row.get(2)? })
    };
    statement.query_row([account.as_str()], read).optional().map_err(unavailable)
}

/// Opens an attempt. There is one writer, so what is looked at first still holds when the row is written. SQLite has no
/// clock of its own: the lease runs from the start of the attempt, by the caller's.
pub(super) fn begin(connection: &Connection, it: &RefreshAttempt, lease: Duration) -> Result<(), StoreError> {
    let conflict = |what| Err(StoreError::Conflict { what });
    let (fence, generation) = (count(it.fence, TABLE, "fence")?, count(it.generation, TABLE, "generation")?);
    let Some(state) = state(connection, &it.account)? else { return conflict("refresh.account") };
    if state.open || fence != state.fence + 1 {
        return conflict("refresh");
    }
    if state.generation != Some(generation) {
        return conflict("refresh.generation");
    }
    let lease = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
    let sql =
        "INSERT INTO refreshes (id, environment, connection, account, fence, generation, holder, reason,
            started_at, lease_until)
        VALUES (:id, :environment, :connection, :account, :fence, :generation, :holder, :reason, :started_at,
            :lease_until)";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":connection": it.connection.as_str(),
        ":account": it.account.as_str(),
        ":fence": fence,
        ":generation": generation,
        ":holder": it.holder.0,
        ":reason": it.reason.as_str(),
        ":started_at": micros(it.started_at),
        ":lease_until": micros(it.started_at).saturating_add(lease),
    };
    execute_one(connection, CONFLICTS, sql, values)
}

/// A late answer settles an attempt that was given up as of unknown outcome; any other outcome stays.
pub(super) fn end(
    connection: &Connection,
    account: &AccountId,
    fence: u64,
    outcome: RefreshOutcome,
    code: Option<ErrorCode>,
    at: Time,
) -> Result<(), StoreError> {
    let sql = "UPDATE refreshes SET outcome = ?3, code = ?4, ended_at = ?5
        WHERE account = ?1 AND fence = ?2 AND (outcome IS NULL OR outcome = 'unknown')";
    let fence = count(fence, TABLE, "fence")?;
    let values = params![account.as_str(), fence, outcome.as_str(), code.map(ErrorCode::as_str), micros(at)];
    execute(connection, CONFLICTS, sql, values)?;
    Ok(())
}

/// Ends an attempt that nobody will end. `own` is the number of this process: one process works on the file at a
/// time, so every other number is of a process that is gone. A process that has not joined knows of none.
pub(super) fn take_over(
    connection: &Connection,
    account: &AccountId,
    fence: u64,
    at: Time,
    own: Option<InstanceId>,
) -> Result<(), StoreError> {
    let sql = "UPDATE refreshes SET outcome = 'unknown', ended_at = ?3
        WHERE account = ?1 AND fence = ?2 AND outcome IS NULL AND (lease_until <= ?3 OR holder <> ?4)";
    let fence = count(fence, TABLE, "fence")?;
    let values = params![account.as_str(), fence, micros(at), own.map(|own| own.0)];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn last(
    connection: &Connection,
    account: &AccountId,
) -> Result<Option<RefreshAttempt>, StoreError> {
    one(connection, "account = ?1 ORDER BY fence DESC LIMIT 1", [account.as_str()])
}

pub(super) fn list(
    connection: &Connection,
    account: &AccountId,
    request: &PageRequest,
) -> Result<Page<RefreshAttempt>, StoreError> {
    page(connection, &[scope(account)], request, None)
}

pub(super) fn scope(account: &AccountId) -> Scope {
    Scope::default().and("account = ?", account.as_str().to_owned())
}

/// Open attempts that may be taken over, oldest first.
pub(super) fn stale(
    connection: &Connection,
    at: Time,
    limit: u32,
    own: Option<InstanceId>,
) -> Result<Vec<RefreshAttempt>, StoreError> {
    all(connection, STALE, params![micros(at), own.map(|own| own.0), limit])
}

/// Walks the open attempts, which are few.
pub(super) const STALE: &str =
    "outcome IS NULL AND (lease_until <= ?1 OR holder <> ?2) ORDER BY started_at, id LIMIT ?3";
