//! What an environment looks like from afar.

use rusqlite::{Connection, params};
use valetkey_domain::{
    AccountStatus, EnvironmentId, ExecutionId, StoreError, Time,
    overview::{AccountsInStatus, ConnectorUse, Overview, OverviewSpan, StatusCount},
};

use crate::values::{day, earlier, first_of_day};

use super::row::{Columns, Conflicts, Record, all, count, execute, micros, unavailable};

/// How many accounts are in a status.
struct InStatus(AccountStatus, u64);

impl Record for InStatus {
    const TABLE: &'static str = "account_counts";
    const COLUMNS: &'static str = "status, accounts";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.word("status", AccountStatus::parse)?, columns.count("accounts")?))
    }
}

impl Record for ConnectorUse {
    /// The newest executions alone are counted: how many there are in all does not matter then.
    const TABLE: &'static str = "(SELECT connector, status FROM executions
        WHERE environment = ?1 AND id >= ?2 AND started_at >= ?3 ORDER BY id DESC LIMIT ?4)";
    const COLUMNS: &'static str = "connector, count(*), sum(status IN ('FAILED', 'UNKNOWN'))";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            connector: columns.get("connector")?,
            executions: columns.count("id")?,
            failed: columns.count("status")?,
        })
    }
}

/// Counts. They are of one snapshot.
pub(super) fn overview(
    connection: &Connection,
    env: &EnvironmentId,
    span: &OverviewSpan,
) -> Result<Overview, StoreError> {
    let snapshot = connection.unchecked_transaction().map_err(unavailable)?;
    let accounts: Vec<InStatus> =
        all(&snapshot, "environment = ?1 AND accounts > 0 ORDER BY status", [env.as_str()])?;
    let first = ExecutionId::first_of(earlier(span.since));
    let values = params![env.as_str(), first.as_str(), micros(span.since), span.at_most];
    let executions = all(&snapshot, "true GROUP BY connector ORDER BY connector", values)?;
    let counted = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<u64, StoreError> {
        let mut statement = snapshot.prepare_cached(sql).map_err(unavailable)?;
        let counted: i64 = statement.query_row(values, |row| row.get(0)).map_err(unavailable)?;
        Ok(counted.unsigned_abs())
    };
    let degraded =
        "SELECT count(*) FROM (SELECT 1 FROM accounts WHERE environment = ?1 AND +status = 'ACTIVE'
        AND degraded IS NOT NULL LIMIT ?2)";
    let due = "SELECT count(*) FROM (SELECT 1 FROM accounts WHERE status = 'ACTIVE' AND refresh_at <= ?2
        AND +environment = ?1 LIMIT ?3)";
    Ok(Overview {
        degraded: counted(degraded, &[&env.as_str(), &span.at_most])?,
        due: counted(due, &[&env.as_str(), &micros(span.due_by), &span.at_most])?,
        accounts: accounts.into_iter().map(|InStatus(status, count)| (status, count)).collect(),
        executions,
    })
}

const COUNTS: Conflicts = Conflicts {
    table: "status_counts",
    record: "status_count",
    unique: "status_count",
    reference: "status_count.environment",
};

impl Record for AccountsInStatus {
    const TABLE: &'static str = "account_counts";
    const COLUMNS: &'static str = "environment, status, accounts";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            environment: columns.id("environment")?,
            status: columns.word("status", AccountStatus::parse)?,
            accounts: columns.count("accounts")?,
        })
    }
}

/// The counts are kept in the commits that change them.
pub(super) fn by_status(connection: &Connection) -> Result<Vec<AccountsInStatus>, StoreError> {
    all(connection, "accounts > 0 ORDER BY environment, status", [])
}

/// Notes a day's counts. A status that no account is in any more is counted as none.
pub(super) fn put_status_counts(
    connection: &Connection,
    at: Time,
    keep_from: Time,
    counts: &[AccountsInStatus],
) -> Result<(), StoreError> {
    let today = day(at);
    let old = "DELETE FROM status_counts WHERE day = ?1 OR day < ?2";
    execute(connection, COUNTS, old, [today, day(keep_from)])?;
    let sql = "INSERT INTO status_counts (environment, day, status, accounts) VALUES (?1, ?2, ?3, ?4)";
    for it in counts {
        let accounts = count(it.accounts, COUNTS.table, "accounts")?;
        execute(
            connection,
            COUNTS,
            sql,
            params![it.environment.as_str(), today, it.status.as_str(), accounts],
        )?;
    }
    Ok(())
}

impl Record for StatusCount {
    const TABLE: &'static str = "status_counts";
    const COLUMNS: &'static str = "day, status, accounts";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            day: first_of_day(columns.get("day")?),
            status: columns.word("status", AccountStatus::parse)?,
            accounts: columns.count("accounts")?,
        })
    }
}

pub(super) fn status_history(
    connection: &Connection,
    env: &EnvironmentId,
    from: Time,
) -> Result<Vec<StatusCount>, StoreError> {
    all(
        connection,
        "environment = ?1 AND day >= ?2 AND accounts > 0 ORDER BY day, status",
        params![env.as_str(), day(from)],
    )
}
