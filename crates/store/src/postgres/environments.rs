//! Environments.

use valetkey_domain::{EnvironmentId, StoreError, Time};

use super::{
    row::{Columns, Conflicts, Record, micros, values},
    statement::{Query, Write},
};

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
        Ok((columns.id("id")?, columns.text("name")?))
    }
}

pub(super) fn list() -> Query<(EnvironmentId, String)> {
    Query::new("true ORDER BY created_at, id", values![])
}

pub(super) fn insert(id: &EnvironmentId, name: &str, at: Time) -> Result<Write, StoreError> {
    let sql =
        "INSERT INTO environments (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
    Ok(Write::any(sql, CONFLICTS, values![id.as_str(), name, micros(at)]))
}
