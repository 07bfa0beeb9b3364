//! The audit log's chain. There is one writer, so the head that it reads is the last entry.

use aws_lc_rs::digest::{Context, SHA256};
use rusqlite::{Connection, params, params_from_iter, types::Value};
use valetkey_domain::{
    StoreError,
    audit::{AuditEntry, AuditFilter, AuditHead, AuditOutcome, GENESIS, NewAuditEntry},
};

use super::row::{Columns, Conflicts, Record, all, count, execute_one, json, micros, one};

const TABLE: &str = "audit";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: "audit", unique: "audit", reference: "audit" };
const HEAD: &str = "audit_head";

impl Record for AuditEntry {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str =
        "number, at, environment, actor, action, subject, outcome, request_id, data, former, hash";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            number: columns.count("number")?,
            entry: NewAuditEntry {
                at: columns.time("at")?,
                environment: columns.optional_id("environment")?,
                actor: columns.get("actor")?,
                action: columns.get("action")?,
                subject: columns.get("subject")?,
                outcome: columns.word("outcome", AuditOutcome::parse)?,
                request_id: columns.get("request_id")?,
                data: columns.json("data")?,
            },
            former: columns.get("former")?,
            hash: columns.get("hash")?,
        })
    }
}

impl Record for AuditHead {
    const TABLE: &'static str = HEAD;
    const COLUMNS: &'static str = "number, hash";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self { number: columns.count("number")?, hash: columns.get("hash")? })
    }
}

fn link(former: &[u8; 32], content: &[u8]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(former);
    context.update(content);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

pub(super) fn append(connection: &Connection, it: &NewAuditEntry) -> Result<(), StoreError> {
    let last = head(connection)?.unwrap_or(AuditHead { number: 0, hash: GENESIS });
    let hash = link(&last.hash, &it.content());
    let number = count(last.number + 1, TABLE, "number")?;
    let sql = "INSERT INTO audit (number, at, environment, actor, action, subject, outcome, request_id, data,
            former, hash)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values = params![
        number,
        micros(it.at),
        it.environment.as_ref().map(|id| id.as_str()),
        it.actor,
        it.action,
        it.subject,
        it.outcome.as_str(),
        it.request_id,
        json(&it.data, TABLE, "data")?,
        last.hash,
        hash,
    ];
    execute_one(connection, CONFLICTS, sql, values)?;
    let sql = "INSERT INTO audit_head (id, number, former, hash) VALUES (1, ?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET number = excluded.number, former = excluded.former, hash = excluded.hash";
    execute_one(connection, CONFLICTS, sql, params![number, last.hash, hash])
}

pub(super) fn head(connection: &Connection) -> Result<Option<AuditHead>, StoreError> {
    one(connection, "id = 1", [])
}

pub(super) fn above(connection: &Connection, number: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let number = count(number, TABLE, "number")?;
    all(connection, "number > ?1 ORDER BY number LIMIT ?2", params![number, limit])
}

pub(super) fn list(
    connection: &Connection,
    filter: &AuditFilter,
    below: Option<u64>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut conditions = vec!["true"];
    let mut values: Vec<Value> = Vec::new();
    if let Some(actor) = &filter.actor {
        conditions.push("actor = ?");
        values.push(actor.clone().into());
    }
    if let Some(action) = &filter.action {
        conditions.push("(action = ? OR substr(action, 1, length(?) + 1) = ? || '.')");
        values.extend([action.clone().into(), action.clone().into(), action.clone().into()]);
    }
    if let Some(subject) = &filter.subject {
        conditions.push("subject = ?");
        values.push(subject.clone().into());
    }
    if let Some(below) = below {
        conditions.push("number < ?");
        values.push(count(below, TABLE, "number")?.into());
    }
    values.push(i64::from(limit).into());
    let rest = format!("{} ORDER BY number DESC LIMIT ?", conditions.join(" AND "));
    all(connection, &rest, params_from_iter(values))
}
