//! Work on many accounts.

use valetkey_domain::{StoreError, Time, bulk::BulkWork};

use super::{
    row::{Columns, Conflicts, Record, count, json, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "bulk_works";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: "bulk", unique: "bulk", reference: "bulk" };

impl Record for BulkWork {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str =
        "id, environment, actor, user_id, plan, progress, lease_until, version, began_at, ended_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text("id")?,
            environment: columns.id("environment")?,
            actor: columns.text("actor")?,
            user: columns.optional_id("user_id")?,
            plan: columns.json("plan")?,
            progress: columns.json("progress")?,
            lease_until: columns.time("lease_until")?,
            version: columns.number("version")?,
            began_at: columns.time("began_at")?,
            ended_at: columns.optional_time("ended_at")?,
        })
    }
}

pub(super) fn insert(it: &BulkWork) -> Result<Write, StoreError> {
    let sql = "INSERT INTO bulk_works (id, environment, actor, user_id, plan, progress, lease_until, version, began_at,
            ended_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = values![
        &it.id,
        it.environment.as_str(),
        &it.actor,
        it.user.as_ref().map(|user| user.as_str()),
        json(&it.plan, TABLE, "plan")?,
        json(&it.progress, TABLE, "progress")?,
        micros(it.lease_until),
        count(it.version, TABLE, "version")?,
        micros(it.began_at),
        it.ended_at.map(micros),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn update(it: &BulkWork) -> Result<Write, StoreError> {
    let sql = "UPDATE bulk_works SET progress = $2, lease_until = $3, version = $4, ended_at = $5
        WHERE id = $1 AND version = $4 - 1 AND ended_at IS NULL";
    let values = values![
        &it.id,
        json(&it.progress, TABLE, "progress")?,
        micros(it.lease_until),
        count(it.version, TABLE, "version")?,
        it.ended_at.map(micros),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn by_id(id: &str) -> Query<BulkWork> {
    Query::new("id = $1", values![id])
}

pub(super) fn left(at: Time, limit: u32) -> Query<BulkWork> {
    let rest = "ended_at IS NULL AND lease_until <= $1 ORDER BY lease_until, id LIMIT $2";
    Query::new(rest, values![micros(at), i64::from(limit)])
}

pub(super) fn of(actor: &str, limit: u32) -> Query<BulkWork> {
    Query::new("actor = $1 ORDER BY began_at DESC, id DESC LIMIT $2", values![actor, i64::from(limit)])
}
