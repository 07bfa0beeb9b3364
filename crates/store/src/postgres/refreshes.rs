//! The ledger of refreshes: leases while they are open, records afterwards.

use std::time::Duration;

use valetkey_domain::{
    AccountId, ErrorCode, InstanceId, RefreshAttempt, RefreshOutcome, RefreshReason, StoreError, Time,
};

use super::{
    clock::{Observer, gone, now},
    list::Scope,
    listener::CHANNEL,
    row::{Columns, Conflicts, Listed, Record, count, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "refreshes";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "refresh", unique: "refresh", reference: "refresh.account" };
const NO_ACCOUNT: Conflicts = Conflicts { record: "refresh.account", ..CONFLICTS };
const OTHER_GENERATION: Conflicts = Conflicts { record: "refresh.generation", ..CONFLICTS };

/// Longer than any lease: about three thousand years, in microseconds.
const LONGEST_LEASE: i64 = 100_000_000_000_000_000;

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
            fence: columns.number("fence")?,
            generation: columns.number("generation")?,
            holder: InstanceId(columns.number("holder")?),
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

/// Opens an attempt. The first statement has all who open one for this account, and all who store a credential of it,
/// wait for each other; so what the next two find still holds when the last one writes.
pub(super) fn begin(it: &RefreshAttempt, lease: Duration) -> Result<[Write; 4], StoreError> {
    let (fence, generation) = (count(it.fence, TABLE, "fence")?, count(it.generation, TABLE, "generation")?);
    let account = it.account.as_str();
    let lock = "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    let turn = "SELECT WHERE $2 = (SELECT coalesce(max(fence), 0) + 1 FROM refreshes WHERE account = $1)
        AND NOT EXISTS (SELECT FROM refreshes WHERE account = $1 AND outcome IS NULL)";
    let current = "SELECT WHERE $2 = (SELECT max(generation) FROM credentials WHERE account = $1)";
    let insert = concat!(
        "INSERT INTO refreshes (id, environment, connection, account, fence, generation, holder, reason,
            started_at, lease_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ",
        now!(),
        " + $10)"
    );
    let lease = i64::try_from(lease.as_micros()).unwrap_or(LONGEST_LEASE).min(LONGEST_LEASE);
    let row = values![
        it.id.as_str(),
        it.environment.as_str(),
        it.connection.as_str(),
        account,
        fence,
        generation,
        i64::from(it.holder.0),
        it.reason.as_str(),
        micros(it.started_at),
        lease,
    ];
    Ok([
        Write::one(lock, NO_ACCOUNT, values![account]),
        Write::one(turn, CONFLICTS, values![account, fence]),
        Write::one(current, OTHER_GENERATION, values![account, generation]),
        Write::one(insert, CONFLICTS, row),
    ])
}

/// A late answer settles an attempt that was given up as of unknown outcome; any other outcome stays. Who waits is told
/// when the commit is there.
pub(super) fn end(
    account: &AccountId,
    fence: u64,
    outcome: RefreshOutcome,
    code: Option<ErrorCode>,
    at: Time,
) -> Result<Write, StoreError> {
    let sql = "WITH ended AS (
            UPDATE refreshes SET outcome = $3, code = $4, ended_at = $5
            WHERE account = $1 AND fence = $2 AND (outcome IS NULL OR outcome = 'unknown')
            RETURNING account
        )
        SELECT pg_notify($6, account) FROM ended";
    let values = values![
        account.as_str(),
        count(fence, TABLE, "fence")?,
        outcome.as_str(),
        code.map(ErrorCode::as_str),
        micros(at),
        CHANNEL,
    ];
    Ok(Write::any(sql, CONFLICTS, values))
}

/// Ends an attempt that nobody will end.
pub(super) fn take_over(
    account: &AccountId,
    fence: u64,
    at: Time,
    observer: Observer,
) -> Result<Write, StoreError> {
    let sql = concat!(
        "WITH ended AS (
            UPDATE refreshes SET outcome = 'unknown', ended_at = $3
            WHERE account = $1 AND fence = $2 AND outcome IS NULL AND (lease_until <= ",
        now!(),
        " OR ",
        gone!("holder", "$5", "$6"),
        ") RETURNING account
        )
        SELECT pg_notify($4, account) FROM ended"
    );
    let fence = count(fence, TABLE, "fence")?;
    let values = values![account.as_str(), fence, micros(at), CHANNEL, observer.own, observer.stale];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn last(account: &AccountId) -> Query<RefreshAttempt> {
    Query::new("account = $1 ORDER BY fence DESC LIMIT 1", values![account.as_str()])
}

pub(super) fn scope(account: &AccountId) -> Scope {
    Scope::default().and("account = ?", account.as_str())
}

/// Open attempts that may be taken over, oldest first. Walks the open attempts, which are few.
pub(super) fn stale(limit: u32, observer: Observer) -> Query<RefreshAttempt> {
    let rest = concat!(
        "outcome IS NULL AND (lease_until <= ",
        now!(),
        " OR ",
        gone!("holder", "$2", "$3"),
        ") ORDER BY started_at, id LIMIT $1"
    );
    Query::new(rest, values![i64::from(limit), observer.own, observer.stale])
}
