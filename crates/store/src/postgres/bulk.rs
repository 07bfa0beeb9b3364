//! Work on many accounts.

use valetkey_domain::{EnvironmentId, InstanceId, StoreError, Time, bulk::BulkWork};

use super::{
    clock::{Observer, gone},
    row::{Columns, Conflicts, Record, count, json, micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "bulk_works";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: "bulk", unique: "bulk", reference: "bulk" };

impl Record for BulkWork {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str =
        "id, environment, actor, user_id, plan, progress, holder, lease_until, version, began_at, ended_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.text("id")?,
            environment: columns.id("environment")?,
            actor: columns.text("actor")?,
            user: columns.optional_id("user_id")?,
            plan: columns.json("plan")?,
            progress: columns.json("progress")?,
            holder: columns.optional_number("holder")?.map(InstanceId),
            lease_until: columns.time("lease_until")?,
            version: columns.number("version")?,
            began_at: columns.time("began_at")?,
            ended_at: columns.optional_time("ended_at")?,
        })
    }
}

pub(super) fn insert(it: &BulkWork) -> Result<Write, StoreError> {
    let sql = "INSERT INTO bulk_works (id, environment, actor, user_id, plan, progress, holder, lease_until, version,
            began_at, ended_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = values![
        &it.id,
        it.environment.as_str(),
        &it.actor,
        it.user.as_ref().map(|user| user.as_str()),
        json(&it.plan, TABLE, "plan")?,
        json(&it.progress, TABLE, "progress")?,
        it.holder.map(|holder| i64::from(holder.0)),
        micros(it.lease_until),
        count(it.version, TABLE, "version")?,
        micros(it.began_at),
        it.ended_at.map(micros),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn update(it: &BulkWork) -> Result<Write, StoreError> {
    let sql =
        "UPDATE bulk_works SET progress = $2, lease_until = $3, version = $4, ended_at = $5, holder = $6
        WHERE id = $1 AND version = $4 - 1 AND ended_at IS NULL";
    let values = values![
        &it.id,
        json(&it.progress, TABLE, "progress")?,
        micros(it.lease_until),
        count(it.version, TABLE, "version")?,
        it.ended_at.map(micros),
        it.holder.map(|holder| i64::from(holder.0)),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn by_id(id: &str) -> Query<BulkWork> {
    Query::new("id = $1", values![id])
}

/// Walks the work under way, which is little.
pub(super) fn left(at: Time, limit: u32, observer: Observer) -> Query<BulkWork> {
    let rest = concat!(
        "ended_at IS NULL AND (lease_until <= $1 OR ",
        gone!("holder", "$3", "$4"),
        ") ORDER BY lease_until, id LIMIT $2"
    );
    Query::new(rest, values![micros(at), i64::from(limit), observer.own, observer.stale])
}

pub(super) fn of(env: &EnvironmentId, actor: &str, limit: u32) -> Query<BulkWork> {
    let rest = "actor = $1 AND environment = $2 ORDER BY began_at DESC, id DESC LIMIT $3";
    Query::new(rest, values![actor, env.as_str(), i64::from(limit)])
}
