//! What calls brought, kept for who asks again.

use rusqlite::{Connection, named_params, params, types::ToSql};
use valetkey_domain::{ApiClientId, EnvironmentId, ExecutionId, KeptAnswer, SealedBlob, StoreError, Time};

use super::row::{Columns, Conflicts, Record, execute, execute_one, micros, one};

const TABLE: &str = "answers";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "answer", unique: "answer.key", reference: "answer.account" };

impl Record for KeptAnswer {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "execution, environment, account, client, key_hash, input_hash, detached, has_left, \
        sealed, keep_until, created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            execution: columns.id("execution")?,
            environment: columns.id("environment")?,
            account: columns.id("account")?,
            client: columns.id("client")?,
            key_hash: columns.get("key_hash")?,
            input_hash: columns.get("input_hash")?,
            detached: columns.get("detached")?,
            left: columns.get("has_left")?,
            sealed: columns.optional_sealed("sealed")?,
            keep_until: columns.time("keep_until")?,
            created_at: columns.time("created_at")?,
        })
    }
}

pub(super) fn insert(connection: &Connection, it: &KeptAnswer) -> Result<(), StoreError> {
    let sql = "INSERT INTO answers (execution, environment, account, client, key_hash, input_hash, detached, has_left,
            sealed, keep_until, created_at)
        VALUES (:execution, :environment, :account, :client, :key_hash, :input_hash, :detached, :has_left, :sealed,
            :keep_until, :created_at)";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":execution": it.execution.as_str(),
        ":environment": it.environment.as_str(),
        ":account": it.account.as_str(),
        ":client": it.client.as_str(),
        ":key_hash": it.key_hash,
        ":input_hash": it.input_hash,
        ":detached": it.detached,
        ":has_left": it.left,
        ":sealed": it.sealed.as_ref().map(|sealed| &sealed.0),
        ":keep_until": micros(it.keep_until),
        ":created_at": micros(it.created_at),
    };
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn leaves(connection: &Connection, execution: &ExecutionId) -> Result<(), StoreError> {
    let sql = "UPDATE answers SET has_left = 1 WHERE execution = ?1";
    execute_one(connection, CONFLICTS, sql, [execution.as_str()])
}

pub(super) fn finish(
    connection: &Connection,
    execution: &ExecutionId,
    sealed: Option<&SealedBlob>,
    keep_key: bool,
    keep_until: Time,
) -> Result<(), StoreError> {
    let sql = "UPDATE answers SET sealed = ?2, key_hash = CASE WHEN ?3 THEN key_hash END, keep_until = ?4
        WHERE execution = ?1";
    let values = params![execution.as_str(), sealed.map(|sealed| &sealed.0), keep_key, micros(keep_until)];
    execute(connection, CONFLICTS, sql, values)?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, execution: &ExecutionId) -> Result<(), StoreError> {
    execute(connection, CONFLICTS, "DELETE FROM answers WHERE execution = ?1", [execution.as_str()])?;
    Ok(())
}

pub(super) fn of(connection: &Connection, execution: &ExecutionId) -> Result<Option<KeptAnswer>, StoreError> {
    one(connection, "execution = ?1", [execution.as_str()])
}

pub(super) fn by_key(
    connection: &Connection,
    environment: &EnvironmentId,
    client: &ApiClientId,
    key_hash: &[u8; 32],
) -> Result<Option<KeptAnswer>, StoreError> {
    let rest = "environment = ?1 AND client = ?2 AND key_hash = ?3";
    one(connection, rest, params![environment.as_str(), client.as_str(), key_hash])
}
