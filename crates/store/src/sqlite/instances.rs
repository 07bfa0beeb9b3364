//! Processes that work, or worked, on the database. One at a time does, so every number but our own is of one that is
//! gone.

use rusqlite::{Connection, params};
use valetkey_domain::{InstanceId, StoreError, Time};

use super::row::{Columns, Conflicts, Record, all, execute, execute_one, micros};

const TABLE: &str = "instances";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "instance", unique: "instance", reference: "instance" };

impl Record for InstanceId {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "number";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.get("number").map(Self)
    }
}

/// A number that was never given before.
pub(super) fn insert(connection: &Connection, at: Time) -> Result<InstanceId, StoreError> {
    execute_one(connection, CONFLICTS, "INSERT INTO instances (joined_at) VALUES (?1)", [micros(at)])?;
    let number = connection.last_insert_rowid();
    u32::try_from(number).map(InstanceId).map_err(|error| CONFLICTS.unfit(error.to_string()))
}

pub(super) fn gone(connection: &Connection, own: InstanceId) -> Result<Vec<InstanceId>, StoreError> {
    all(connection, "number <> ?1 ORDER BY number", [own.0])
}

pub(super) fn forget(connection: &Connection, instance: InstanceId) -> Result<(), StoreError> {
    execute(connection, CONFLICTS, "DELETE FROM instances WHERE number = ?1", params![instance.0])?;
    Ok(())
}
