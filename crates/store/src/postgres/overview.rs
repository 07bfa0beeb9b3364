//! What an environment looks like from afar.

use valetkey_domain::{
    AccountStatus, EnvironmentId, ExecutionId, StoreError, Time,
    overview::{AccountsInStatus, ConnectorUse, Overview, OverviewSpan, StatusCount},
};

use crate::values::{day, earlier, first_of_day};

use super::{
    pool::Sessions,
    row::{Columns, Conflicts, Record, count, micros, values},
    statement::{Query, Write},
};

/// How many accounts are in a status.
struct InStatus(AccountStatus, u64);

/// What was counted, and what has changed since.
macro_rules! kept_counts {
    () => {
        "(SELECT environment, status, accounts FROM account_counts
          UNION ALL SELECT environment, status, change FROM account_count_changes) AS kept"
    };
}

impl Record for InStatus {
    const TABLE: &'static str = kept_counts!();
    const COLUMNS: &'static str = "status, sum(accounts)::bigint";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.word("status", AccountStatus::parse)?, columns.number("accounts")?))
    }
}

/// Degraded and due accounts.
struct Renewals(u64, u64);

impl Record for Renewals {
    const TABLE: &'static str = "accounts";
    const COLUMNS: &'static str = "count(*), 0";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.number("degraded")?, columns.number("refresh_at")?))
    }
}

impl Record for ConnectorUse {
    const TABLE: &'static str = "executions";
    const COLUMNS: &'static str =
        "connector, count(*), count(*) FILTER (WHERE status IN ('FAILED', 'UNKNOWN'))";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            connector: columns.text("connector")?,
            executions: columns.number("id")?,
            failed: columns.number("status")?,
        })
    }
}

/// Counts, each of its own moment.
pub(super) async fn overview(
    sessions: &Sessions,
    env: &EnvironmentId,
    span: &OverviewSpan,
) -> Result<Overview, StoreError> {
    let by_status = Query::new(
        "environment = $1 GROUP BY status HAVING sum(accounts) > 0 ORDER BY status",
        values![env.as_str()],
    );
    let accounts: Vec<InStatus> = sessions.all(by_status).await?;
    let first = ExecutionId::first_of(earlier(span.since));
    // The newest executions alone are counted: how many there are in all does not matter then.
    let newest = "SELECT connector, count(*), count(*) FILTER (WHERE status IN ('FAILED', 'UNKNOWN'))
        FROM (SELECT connector, status FROM executions
            WHERE environment = $1 AND id >= $2 AND started_at >= $3 ORDER BY id DESC LIMIT $4) AS newest
        GROUP BY connector ORDER BY connector";
    let values = values![env.as_str(), first.as_str(), micros(span.since), i64::from(span.at_most)];
    let executions = sessions.all(Query::of(newest, values)).await?;
    let renewals =
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM accounts WHERE environment = $1 AND status = 'ACTIVE'
            AND degraded IS NOT NULL LIMIT $3) AS degraded),
        (SELECT count(*) FROM (SELECT 1 FROM accounts WHERE environment = $1 AND status = 'ACTIVE'
            AND refresh_at <= $2 LIMIT $3) AS due)";
    let values = values![env.as_str(), micros(span.due_by), i64::from(span.at_most)];
    let Renewals(degraded, due) = sessions.one(Query::of(renewals, values)).await?.unwrap_or(Renewals(0, 0));
    Ok(Overview {
        accounts: accounts.into_iter().map(|InStatus(status, count)| (status, count)).collect(),
        executions,
        degraded,
        due,
    })
}

const COUNTS: Conflicts = Conflicts {
    table: "status_counts",
    record: "status_count",
    unique: "status_count",
    reference: "status_count.environment",
};

impl Record for AccountsInStatus {
    const TABLE: &'static str = kept_counts!();
    const COLUMNS: &'static str = "environment, status, sum(accounts)::bigint";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            environment: columns.id("environment")?,
            status: columns.word("status", AccountStatus::parse)?,
            accounts: columns.number("accounts")?,
        })
    }
}

pub(super) fn by_status() -> Query<AccountsInStatus> {
    let rest = "true GROUP BY environment, status HAVING sum(accounts) > 0 ORDER BY environment, status";
    Query::new(rest, values![])
}

/// Adds up what has changed. Two processes that do it at the same time each take what the other leaves.
const ADD_UP: &str = "WITH taken AS (DELETE FROM account_count_changes RETURNING environment, status, change)
    INSERT INTO account_counts (environment, status, accounts)
    SELECT environment, status, sum(change)::bigint FROM taken
    GROUP BY environment, status ORDER BY environment, status
    ON CONFLICT (environment, status) DO UPDATE SET accounts = account_counts.accounts + excluded.accounts";

/// Notes a day's counts, and adds up the changes that they come from. A status that no account is in any more is counted as none; two processes that count at the same
/// time write the same rows in the same order.
pub(super) fn put_status_counts(
    at: Time,
    keep_from: Time,
    counts: &[AccountsInStatus],
) -> Result<Vec<Write>, StoreError> {
    let today = day(at);
    let old = "DELETE FROM status_counts WHERE day < $1";
    let none = "UPDATE status_counts SET accounts = 0 WHERE day = $1";
    let sql = "INSERT INTO status_counts (environment, day, status, accounts) VALUES ($1, $2, $3, $4)
        ON CONFLICT (environment, day, status) DO UPDATE SET accounts = excluded.accounts";
    let mut writes = vec![
        Write::any(ADD_UP, COUNTS, values![]),
        Write::any(old, COUNTS, values![day(keep_from)]),
        Write::any(none, COUNTS, values![today]),
    ];
    for it in counts {
        let accounts = count(it.accounts, COUNTS.table, "accounts")?;
        let values = values![it.environment.as_str(), today, it.status.as_str(), accounts];
        writes.push(Write::any(sql, COUNTS, values));
    }
    Ok(writes)
}

impl Record for StatusCount {
    const TABLE: &'static str = "status_counts";
    const COLUMNS: &'static str = "day, status, accounts";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            day: first_of_day(columns.get("day")?),
            status: columns.word("status", AccountStatus::parse)?,
            accounts: columns.number("accounts")?,
        })
    }
}

pub(super) fn status_history(env: &EnvironmentId, from: Time) -> Query<StatusCount> {
    Query::new(
        "environment = $1 AND day >= $2 AND accounts > 0 ORDER BY day, status",
        values![env.as_str(), day(from)],
    )
}
