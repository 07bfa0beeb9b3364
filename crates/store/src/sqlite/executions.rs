//! Executions.

use rusqlite::{Connection, named_params, params, types::ToSql};
use valetkey_domain::{
    AccountId, EnvironmentId, ErrorCode, Execution, ExecutionId, InstanceId, Page, PageRequest, StoreError,
    Time,
    execution::{ExecutionStatus, Source},
    store::{ExecutionFilter, ToolUse},
};

use crate::values::earlier;

use super::{
    list::{Scope, page, shortest},
    row::{Columns, Conflicts, Listed, Record, all, count, execute, execute_one, json, micros, one},
};

const TABLE: &str = "executions";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "execution", unique: "execution", reference: "execution" };

impl Record for Execution {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, tool, connector, connection, account, identifier, \
        agent_run_id, client, source, request_id, upstream_request, upstream_status, status, error_code, \
        error_message, instance, started_at, duration_us, phases, provider_answer";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            tool: columns.get("tool")?,
            connector: columns.get("connector")?,
            connection: columns.id("connection")?,
            account: columns.id("account")?,
            identifier: columns.get("identifier")?,
            agent_run_id: columns.get("agent_run_id")?,
            client: columns.id("client")?,
            source: columns.word("source", Source::parse)?,
            request_id: columns.get("request_id")?,
            upstream_request: columns.get("upstream_request")?,
            upstream_status: columns.get("upstream_status")?,
            status: columns.word("status", ExecutionStatus::parse)?,
            error_code: columns.optional_word("error_code", ErrorCode::parse)?,
            error_message: columns.get("error_message")?,
            instance: columns.get::<Option<u32>>("instance")?.map(InstanceId),
            started_at: columns.time("started_at")?,
            duration_us: columns.optional_count("duration_us")?,
            phases: columns.optional_json("phases")?.unwrap_or_default(),
            provider_answer: columns.optional_json("provider_answer")?,
        })
    }
}

impl Listed for Execution {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

pub(super) fn insert(connection: &Connection, it: &Execution) -> Result<(), StoreError> {
    let sql = "INSERT INTO executions (id, environment, tool, connector, connection, account, identifier,
            agent_run_id, client, source, request_id, upstream_request, upstream_status, status, error_code,
            error_message, instance, started_at, duration_us, phases, provider_answer)
        VALUES (:id, :environment, :tool, :connector, :connection, :account, :identifier, :agent_run_id,
            :client, :source, :request_id, :upstream_request, :upstream_status, :status, :error_code,
            :error_message, :instance, :started_at, :duration_us, :phases, :provider_answer)";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":tool": it.tool,
        ":connector": it.connector,
        ":connection": it.connection.as_str(),
        ":account": it.account.as_str(),
        ":identifier": it.identifier,
        ":agent_run_id": it.agent_run_id,
        ":client": it.client.as_str(),
        ":source": it.source.as_str(),
        ":request_id": it.request_id,
        ":upstream_request": it.upstream_request,
        ":upstream_status": it.upstream_status,
        ":status": it.status.as_str(),
        ":error_code": it.error_code.map(ErrorCode::as_str),
        ":error_message": it.error_message,
        ":instance": it.instance.map(|instance| instance.0),
        ":started_at": micros(it.started_at),
        ":duration_us": duration(it)?,
        ":phases": phases(it)?,
        ":provider_answer": provider_answer(it)?,
    };
    execute_one(connection, CONFLICTS, sql, values)
}

fn provider_answer(it: &Execution) -> Result<Option<String>, StoreError> {
    it.provider_answer.as_ref().map(|answer| json(answer, TABLE, "provider_answer")).transpose()
}

fn phases(it: &Execution) -> Result<Option<String>, StoreError> {
    if it.phases.is_empty() { Ok(None) } else { json(&it.phases, TABLE, "phases").map(Some) }
}

fn duration(execution: &Execution) -> Result<Option<i64>, StoreError> {
    execution.duration_us.map(|micros| count(micros, TABLE, "duration_us")).transpose()
}

/// Ends an execution that is running. What it was a call of is known since it began and stays as it is.
pub(super) fn finish(connection: &Connection, it: &Execution) -> Result<(), StoreError> {
    let sql =
        "UPDATE executions SET upstream_request = :upstream_request, upstream_status = :upstream_status,
            status = :status, error_code = :error_code, error_message = :error_message,
            duration_us = :duration_us, phases = :phases, provider_answer = :provider_answer
        WHERE id = :id AND status = 'RUNNING'";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":upstream_request": it.upstream_request,
        ":upstream_status": it.upstream_status,
        ":status": it.status.as_str(),
        ":error_code": it.error_code.map(ErrorCode::as_str),
        ":error_message": it.error_message,
        ":duration_us": duration(it)?,
        ":phases": phases(it)?,
        ":provider_answer": provider_answer(it)?,
    };
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn abandon(connection: &Connection, instance: Option<InstanceId>) -> Result<(), StoreError> {
    let instance = instance.map(|instance| instance.0);
    // What never left is not in doubt.
    let code = ErrorCode::ExecutionInterrupted;
    let sql = "UPDATE executions SET status = 'FAILED', error_code = ?2, error_message = ?3
        WHERE status = 'RUNNING' AND instance IS ?1
            AND EXISTS (SELECT 1 FROM answers WHERE execution = executions.id AND has_left = 0)";
    execute(connection, CONFLICTS, sql, params![instance, code.as_str(), code.entry().meaning])?;
    let sql = "UPDATE executions SET status = 'UNKNOWN' WHERE status = 'RUNNING' AND instance IS ?1";
    execute(connection, CONFLICTS, sql, [instance])?;
    Ok(())
}

/// How often an account used each tool. The id bounds the walk along the account's executions.
pub(super) fn tools_used(
    connection: &Connection,
    account: &AccountId,
    since: Time,
) -> Result<Vec<ToolUse>, StoreError> {
    let first = ExecutionId::first_of(earlier(since));
    all(connection, TOOLS_USED, params![account.as_str(), first.as_str(), micros(since)])
}

pub(super) const TOOLS_USED: &str =
    "account = ?1 AND id >= ?2 AND started_at >= ?3 AND tool IS NOT NULL GROUP BY tool ORDER BY tool";

impl Record for ToolUse {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "tool, sum(status = 'SUCCEEDED'), count(*), max(started_at)";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            tool: columns.get("tool")?,
            succeeded: columns.count("status")?,
            executions: columns.count("id")?,
            last_at: columns.time("started_at")?,
        })
    }
}

pub(super) fn by_id(connection: &Connection, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
    one(connection, "id = ?1", [id.as_str()])
}

pub(super) fn after(
    connection: &Connection,
    after: Option<&ExecutionId>,
    up_to: &ExecutionId,
    limit: u32,
) -> Result<Vec<Execution>, StoreError> {
    let after = after.map_or("", ExecutionId::as_str);
    let values = params![after, up_to.as_str(), limit];
    all(connection, "id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3", values)
}

pub(super) fn list(
    connection: &Connection,
    environment: &EnvironmentId,
    filter: &ExecutionFilter,
    request: &PageRequest,
) -> Result<Page<Execution>, StoreError> {
    let scope = scope(connection, environment, filter)?;
    page(connection, &[scope], request, filter.count_at_most)
}

/// What an index that a list of executions may walk begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Account,
    Connection,
    Environment,
}

/// An index that a list of executions may walk: of its owner alone, of a tool, or of those in one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    owner: Owner,
    tool: bool,
    status: bool,
}

/// The indexes that serve a filter. Few executions are running or of unknown outcome, and not many fail: these have
/// indexes of their own. Most succeed, and of those there is none.
fn ways(filter: &ExecutionFilter) -> Vec<Way> {
    let failed = filter.status == Some(ExecutionStatus::Failed);
    let few = matches!(filter.status, Some(ExecutionStatus::Running | ExecutionStatus::Unknown));
    let by_tool = filter.tool.is_some();
    let way = |owner, tool, status| Way { owner, tool, status };
    let mut ways = Vec::new();
    if few {
        ways.push(way(Owner::Environment, false, true));
    }
    for (owner, named) in
        [(Owner::Account, filter.account.is_some()), (Owner::Connection, filter.connection.is_some())]
    {
        if named {
            // An account has no index by tool: it would be the dearest of all to keep.
            let by_tool = by_tool && owner == Owner::Connection;
            ways.extend(failed.then_some(way(owner, false, true)));
            ways.extend(by_tool.then_some(way(owner, true, false)));
            ways.extend((!failed && !by_tool).then_some(way(owner, false, false)));
        }
    }
    if by_tool && (failed || filter.connection.is_none()) {
        ways.push(way(Owner::Environment, true, failed));
    }
    if ways.is_empty() {
        ways.push(way(Owner::Environment, false, failed));
    }
    ways
}

/// The conditions that the index of a way answers by itself.
fn indexed(way: Way, environment: &EnvironmentId, filter: &ExecutionFilter) -> Scope {
    let scope = match way.owner {
        Owner::Account => Scope::default()
            .and_maybe("account = ?", filter.account.as_ref().map(|id| id.as_str().to_owned())),
        Owner::Connection => Scope::default()
            .and_maybe("connection = ?", filter.connection.as_ref().map(|id| id.as_str().to_owned())),
        Owner::Environment => Scope::default().and("environment = ?", environment.as_str().to_owned()),
    };
    let scope = scope.and_maybe("tool = ?", filter.tool.clone().filter(|_| way.tool));
    // Written out, since a partial index serves only a condition that is known to imply its own.
    match filter.status.filter(|_| way.status) {
        None => scope,
        Some(ExecutionStatus::Running) => scope.and_fixed("status = 'RUNNING'"),
        Some(ExecutionStatus::Succeeded) => scope.and_fixed("status = 'SUCCEEDED'"),
        Some(ExecutionStatus::Failed) => scope.and_fixed("status = 'FAILED'"),
        Some(ExecutionStatus::Unknown) => scope.and_fixed("status = 'UNKNOWN'"),
    }
}

/// The shortest index is walked; the conditions that it does not answer get a `+` and are only checked.
pub(super) fn scope(
    connection: &Connection,
    environment: &EnvironmentId,
    filter: &ExecutionFilter,
) -> Result<Scope, StoreError> {
    let ways = ways(filter);
    let probes: Vec<_> = ways.iter().map(|way| vec![indexed(*way, environment, filter)]).collect();
    let best = shortest(connection, TABLE, &probes)?;
    let way =
        ways.get(best).copied().unwrap_or(Way { owner: Owner::Environment, tool: false, status: false });
    let unless = |owner, text: Option<&str>| text.filter(|_| way.owner != owner).map(str::to_owned);
    let status = filter.status.filter(|_| !way.status).map(|status| status.as_str().to_owned());
    Ok(indexed(way, environment, filter)
        .and_maybe("+account = ?", unless(Owner::Account, filter.account.as_ref().map(|id| id.as_str())))
        .and_maybe(
            "+connection = ?",
            unless(Owner::Connection, filter.connection.as_ref().map(|id| id.as_str())),
        )
        .and_maybe("+environment = ?", unless(Owner::Environment, Some(environment.as_str())))
        .and_maybe("+tool = ?", filter.tool.clone().filter(|_| !way.tool))
        .and_maybe("+status = ?", status))
}
