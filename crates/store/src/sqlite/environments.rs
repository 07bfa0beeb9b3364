//! Environments.

use rusqlite::{Connection, params};
use valetkey_domain::{EnvironmentId, StoreError, Time};

use super::row::{Columns, Conflicts, Record, all, execute, micros};

const CONFLICTS: Conflicts = Conflicts {
    table: "environments",
    record: "environment",
    unique: "environment.name",
    reference: "environment",
};

impl Record for (EnvironmentId, String) {
    const TABLE: &'static str = "environments";
    const COLUMNS: &'static str = "id, name";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok((columns.id("id")?, columns.get("name")?))
    }
}

pub(super) fn list(connection: &Connection) -> Result<Vec<(EnvironmentId, String)>, StoreError> {
    all(connection, "true ORDER BY created_at, id", [])
}

pub(super) fn insert(
    connection: &Connection,
    id: &EnvironmentId,
    name: &str,
    at: Time,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO environments (id, name, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING";
    execute(connection, CONFLICTS, sql, params![id.as_str(), name, micros(at)])?;
    Ok(())
}
