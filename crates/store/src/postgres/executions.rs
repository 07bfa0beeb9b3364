//! Executions.

use valetkey_domain::{
    AccountId, EnvironmentId, ErrorCode, Execution, ExecutionId, InstanceId, StoreError, Time,
    execution::{ExecutionStatus, Source},
    store::{ExecutionFilter, ToolUse},
};

use crate::values::earlier;

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, count, json, micros, values},
    statement::{Query, Write},
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
            tool: columns.optional_text("tool")?,
            connector: columns.text("connector")?,
            connection: columns.id("connection")?,
            account: columns.id("account")?,
            identifier: columns.text("identifier")?,
            agent_run_id: columns.optional_text("agent_run_id")?,
            client: columns.id("client")?,
            source: columns.word("source", Source::parse)?,
            request_id: columns.text("request_id")?,
            upstream_request: columns.optional_text("upstream_request")?,
            upstream_status: columns.optional_number("upstream_status")?,
            status: columns.word("status", ExecutionStatus::parse)?,
            error_code: columns.optional_word("error_code", ErrorCode::parse)?,
            error_message: columns.optional_text("error_message")?,
            instance: columns.optional_number("instance")?.map(InstanceId),
            started_at: columns.time("started_at")?,
            duration_us: columns.optional_number("duration_us")?,
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

pub(super) fn insert(it: &Execution) -> Result<Write, StoreError> {
    let sql = "INSERT INTO executions (id, environment, tool, connector, connection, account, identifier,
            agent_run_id, client, source, request_id, upstream_request, upstream_status, status, error_code,
            error_message, started_at, duration_us, instance, phases, provider_answer)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
            $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18, $19, $20, $21)";
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        &it.tool,
        &it.connector,
        it.connection.as_str(),
        it.account.as_str(),
        &it.identifier,
        &it.agent_run_id,
        it.client.as_str(),
        it.source.as_str(),
        &it.request_id,
        &it.upstream_request,
        it.upstream_status.map(i64::from),
        it.status.as_str(),
        it.error_code.map(ErrorCode::as_str),
        &it.error_message,
        micros(it.started_at),
        duration(it)?,
        it.instance.map(|instance| i64::from(instance.0)),
        phases(it)?,
        provider_answer(it)?,
    ];
    Ok(Write::one(sql, CONFLICTS, values))
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
pub(super) fn finish(it: &Execution) -> Result<Write, StoreError> {
    let sql = "UPDATE executions SET upstream_request = $2, upstream_status = $3,
            status = $4, error_code = $5, error_message = $6,
            duration_us = $7, phases = $8, provider_answer = $9
        WHERE id = $1 AND status = 'RUNNING'";
    let values = values![
        it.id.as_str(),
        &it.upstream_request,
        it.upstream_status.map(i64::from),
        it.status.as_str(),
        it.error_code.map(ErrorCode::as_str),
        &it.error_message,
        duration(it)?,
        phases(it)?,
        provider_answer(it)?,
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn abandon(instance: Option<InstanceId>) -> [Write; 2] {
    let instance = instance.map(|instance| i64::from(instance.0));
    // What never left is not in doubt.
    let code = ErrorCode::ExecutionInterrupted;
    let interrupted = "UPDATE executions SET status = 'FAILED', error_code = $2, error_message = $3
        WHERE status = 'RUNNING' AND instance IS NOT DISTINCT FROM $1
            AND EXISTS (SELECT FROM answers WHERE execution = executions.id AND NOT has_left)";
    let unknown = "UPDATE executions SET status = 'UNKNOWN'
        WHERE status = 'RUNNING' AND instance IS NOT DISTINCT FROM $1";
    [
        Write::any(interrupted, CONFLICTS, values![instance, code.as_str(), code.entry().meaning]),
        Write::any(unknown, CONFLICTS, values![instance]),
    ]
}

/// How often an account used each tool. The id bounds the walk along the account's executions.
pub(super) fn tools_used(account: &AccountId, since: Time) -> Query<ToolUse> {
    let first = ExecutionId::first_of(earlier(since));
    let rest =
        "account = $1 AND id >= $2 AND started_at >= $3 AND tool IS NOT NULL GROUP BY tool ORDER BY tool";
    Query::new(rest, values![account.as_str(), first.as_str(), micros(since)])
}

impl Record for ToolUse {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str =
        "tool, count(*) FILTER (WHERE status = 'SUCCEEDED'), count(*), max(started_at)";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            tool: columns.text("tool")?,
            succeeded: columns.number("status")?,
            executions: columns.number("id")?,
            last_at: columns.time("started_at")?,
        })
    }
}

pub(super) fn after(after: Option<&ExecutionId>, up_to: &ExecutionId, limit: u32) -> Query<Execution> {
    let after = after.map_or("", ExecutionId::as_str);
    let rest = "id > $1 AND id <= $2 ORDER BY id LIMIT $3";
    Query::new(rest, values![after, up_to.as_str(), i64::from(limit)])
}

pub(super) fn by_id(id: &ExecutionId) -> Query<Execution> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn scope(environment: &EnvironmentId, filter: &ExecutionFilter) -> Scope {
    // The database takes filters for independent of each other, and would walk the calls of a tool everywhere to find those
    // of a connection that never used it. Hidden from it, the environment offers it no index.
    let few = matches!(filter.status, Some(ExecutionStatus::Running | ExecutionStatus::Unknown));
    let by_connection = filter.connection.is_some() && filter.account.is_none() && !few;
    let of_environment = if by_connection { "environment || '' = ?" } else { "environment = ?" };
    let scope = Scope::default()
        .counted(filter.count_at_most)
        .and(of_environment, environment.as_str())
        .and_maybe("account = ?", filter.account.as_ref().map(|id| id.as_str()))
        .and_maybe("connection = ?", filter.connection.as_ref().map(|id| id.as_str()))
        .and_maybe("tool = ?", filter.tool.clone());
    // Written out, since a partial index serves only a condition that is known to imply its own.
    match filter.status {
        None => scope,
        Some(ExecutionStatus::Running) => scope.and_fixed("status = 'RUNNING'"),
        Some(ExecutionStatus::Succeeded) => scope.and_fixed("status = 'SUCCEEDED'"),
        Some(ExecutionStatus::Failed) => scope.and_fixed("status = 'FAILED'"),
        Some(ExecutionStatus::Unknown) => scope.and_fixed("status = 'UNKNOWN'"),
    }
}
