//! Work on many accounts.

use rusqlite::{Connection, params};
use valetkey_domain::{EnvironmentId, InstanceId, StoreError, Time, bulk::BulkWork};

use super::row::{Columns, Conflicts, Record, all, count, execute_one, json, micros, one};

const TABLE: &str = "bulk_works";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: "bulk", unique: "bulk", reference: "bulk" };

impl Record for BulkWork {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str =
        "id, environment, actor, user_id, plan, progress, holder, lease_until, version, began_at, ended_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.get("id")?,
            environment: columns.id("environment")?,
            actor: columns.get("actor")?,
            user: columns.optional_id("user_id")?,
            plan: columns.json("plan")?,
            progress: columns.json("progress")?,
            holder: columns.get::<Option<u32>>("holder")?.map(InstanceId),
            lease_until: columns.time("lease_until")?,
            version: columns.count("version")?,
            began_at: columns.time("began_at")?,
            ended_at: columns.optional_time("ended_at")?,
        })
    }
}

pub(super) fn insert(connection: &Connection, it: &BulkWork) -> Result<(), StoreError> {
    let sql = "INSERT INTO bulk_works (id, environment, actor, user_id, plan, progress, holder, lease_until, version,
            began_at, ended_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values = params![
        it.id,
        it.environment.as_str(),
        it.actor,
        it.user.as_ref().map(|user| user.as_str()),
        json(&it.plan, TABLE, "plan")?,
        json(&it.progress, TABLE, "progress")?,
        it.holder.map(|holder| holder.0),
        micros(it.lease_until),
        count(it.version, TABLE, "version")?,
        micros(it.began_at),
        it.ended_at.map(micros),
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn update(connection: &Connection, it: &BulkWork) -> Result<(), StoreError> {
    let sql =
        "UPDATE bulk_works SET progress = ?2, lease_until = ?3, version = ?4, ended_at = ?5, holder = ?6
        WHERE id = ?1 AND version = ?4 - 1 AND ended_at IS NULL";
    let values = params![
        it.id,
        json(&it.progress, TABLE, "progress")?,
        micros(it.lease_until),
        count(it.version, TABLE, "version")?,
        it.ended_at.map(micros),
        it.holder.map(|holder| holder.0),
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn by_id(connection: &Connection, id: &str) -> Result<Option<BulkWork>, StoreError> {
    one(connection, "id = ?1", [id])
}

/// One process at a time works on the file, so every holder but `own` is gone. Walks the work under way, which is little.
pub(super) fn left(
    connection: &Connection,
    at: Time,
    limit: u32,
    own: Option<InstanceId>,
) -> Result<Vec<BulkWork>, StoreError> {
    let rest = "ended_at IS NULL AND (lease_until <= ?1 OR holder <> ?2) ORDER BY lease_until, id LIMIT ?3";
    all(connection, rest, params![micros(at), own.map(|own| own.0), limit])
}

pub(super) fn of(
    connection: &Connection,
    env: &EnvironmentId,
    actor: &str,
    limit: u32,
) -> Result<Vec<BulkWork>, StoreError> {
    let rest = "actor = ?1 AND environment = ?2 ORDER BY began_at DESC, id DESC LIMIT ?3";
    all(connection, rest, params![actor, env.as_str(), limit])
}
