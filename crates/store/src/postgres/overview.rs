//! What an environment looks like from afar.

use valetkey_domain::{
    AccountStatus, EnvironmentId, ExecutionId, StoreError,
    overview::{ConnectorUse, Overview, OverviewSpan},
};

use crate::values::earlier;

use super::{
    pool::Sessions,
    row::{Columns, Record, micros, values},
    statement::Query,
};

/// How many accounts are in a status.
struct InStatus(AccountStatus, u64);

impl Record for InStatus {
    const TABLE: &'static str = "accounts";
    const COLUMNS: &'static str = "status, count(*)";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self(columns.word("status", AccountStatus::parse)?, columns.number("id")?))
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
    let by_status = Query::new("environment = $1 GROUP BY status", values![env.as_str()]);
    let accounts: Vec<InStatus> = sessions.all(by_status).await?;
    let first = ExecutionId::first_of(earlier(span.since));
    // The newest executions alone are counted: how many there are in all does not matter then.
    let newest = "SELECT connector, count(*), count(*) FILTER (WHERE status IN ('FAILED', 'UNKNOWN'))
        FROM (SELECT connector, status FROM executions
            WHERE environment = $1 AND id >= $2 AND started_at >= $3 ORDER BY id DESC LIMIT $4) AS newest
        GROUP BY connector ORDER BY connector";
    let values = values![env.as_str(), first.as_str(), micros(span.since), i64::from(span.at_most)];
    let executions = sessions.all(Query::of(newest, values)).await?;
    let renewals = "SELECT (SELECT count(*) FROM accounts WHERE environment = $1 AND status = 'ACTIVE'
            AND degraded IS NOT NULL),
        (SELECT count(*) FROM accounts WHERE environment = $1 AND status = 'ACTIVE' AND refresh_at <= $2)";
    let values = values![env.as_str(), micros(span.due_by)];
    let Renewals(degraded, due) = sessions.one(Query::of(renewals, values)).await?.unwrap_or(Renewals(0, 0));
    Ok(Overview {
        accounts: accounts.into_iter().map(|InStatus(status, count)| (status, count)).collect(),
        executions,
        degraded,
        due,
    })
}
