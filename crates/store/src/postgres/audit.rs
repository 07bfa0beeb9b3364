//! The audit log's chain. Its head is one row: whoever adds an entry holds it until the commit, and the next one waits.

use valetkey_domain::{
    StoreError,
    audit::{AuditEntry, AuditFilter, AuditHead, AuditOutcome, GENESIS, NewAuditEntry},
};

use super::{
    row::{Columns, Conflicts, Record, Value, count, json, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "audit";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: "audit", unique: "audit", reference: "audit" };

impl Record for AuditEntry {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str =
        "number, at, environment, actor, action, subject, outcome, request_id, data, former, hash";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            number: columns.number("number")?,
            entry: NewAuditEntry {
                at: columns.time("at")?,
                environment: columns.optional_id("environment")?,
                actor: columns.text("actor")?,
                action: columns.text("action")?,
                subject: columns.optional_text("subject")?,
                outcome: columns.word("outcome", AuditOutcome::parse)?,
                request_id: columns.optional_text("request_id")?,
                data: columns.json("data")?,
            },
            former: columns.hash("former")?,
            hash: columns.hash("hash")?,
        })
    }
}

impl Record for AuditHead {
    const TABLE: &'static str = "audit_head";
    const COLUMNS: &'static str = "number, hash";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { number: columns.number("number")?, hash: columns.hash("hash")? })
    }
}

pub(super) fn append(it: &NewAuditEntry) -> Result<Write, StoreError> {
    let sql = "WITH head AS (
            INSERT INTO audit_head AS head (id, number, former, hash) VALUES (1, 1, $1, sha256($1 || $2))
            ON CONFLICT (id) DO UPDATE
                SET number = head.number + 1, former = head.hash, hash = sha256(head.hash || $2)
            RETURNING number, former, hash)
        INSERT INTO audit (number, at, environment, actor, action, subject, outcome, request_id, data, former, hash)
        SELECT number, $3, $4, $5, $6, $7, $8, $9, $10, former, hash FROM head";
    let values = values![
        &GENESIS,
        Value::Bytes(Some(it.content())),
        micros(it.at),
        it.environment.as_ref().map(|id| id.as_str()),
        &it.actor,
        &it.action,
        &it.subject,
        it.outcome.as_str(),
        &it.request_id,
        json(&it.data, TABLE, "data")?,
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn head() -> Query<AuditHead> {
    Query::new("id = 1", values![])
}

pub(super) fn above(number: u64, limit: u32) -> Result<Query<AuditEntry>, StoreError> {
    let number = count(number, TABLE, "number")?;
    Ok(Query::new("number > $1 ORDER BY number LIMIT $2", values![number, i64::from(limit)]))
}

pub(super) fn list(
    filter: &AuditFilter,
    below: Option<u64>,
    limit: u32,
) -> Result<Query<AuditEntry>, StoreError> {
    let below = below.map(|below| count(below, TABLE, "number")).transpose()?;
    let rest = "($1::text IS NULL OR actor = $1)
        AND ($2::text IS NULL OR action = $2 OR starts_with(action, $2 || '.'))
        AND ($3::text IS NULL OR subject = $3)
        AND number < coalesce($4, 9223372036854775807)
        ORDER BY number DESC LIMIT $5";
    let values = values![&filter.actor, &filter.action, &filter.subject, below, i64::from(limit)];
    Ok(Query::new(rest, values))
}
