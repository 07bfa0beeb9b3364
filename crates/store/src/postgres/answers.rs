//! What calls brought, kept for who asks again.

use valetkey_domain::{ApiClientId, EnvironmentId, ExecutionId, KeptAnswer, SealedBlob, StoreError, Time};

use super::{
    row::{Columns, Conflicts, Record, micros, values},
    statement::{Query, Write},
};

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
            key_hash: columns.optional_hash("key_hash")?,
            input_hash: columns.hash("input_hash")?,
            detached: columns.get("detached")?,
            left: columns.get("has_left")?,
            sealed: columns.optional_sealed("sealed")?,
            keep_until: columns.time("keep_until")?,
            created_at: columns.time("created_at")?,
        })
    }
}

pub(super) fn insert(it: &KeptAnswer) -> Write {
    let sql = "INSERT INTO answers (execution, environment, account, client, key_hash, input_hash, detached, has_left,
            sealed, keep_until, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = values![
        it.execution.as_str(),
        it.environment.as_str(),
        it.account.as_str(),
        it.client.as_str(),
        it.key_hash,
        &it.input_hash,
        it.detached,
        it.left,
        &it.sealed,
        micros(it.keep_until),
        micros(it.created_at),
    ];
    Write::one(sql, CONFLICTS, values)
}

pub(super) fn leaves(execution: &ExecutionId) -> Write {
    let sql = "UPDATE answers SET has_left = true WHERE execution = $1";
    Write::one(sql, CONFLICTS, values![execution.as_str()])
}

pub(super) fn finish(
    execution: &ExecutionId,
    sealed: &Option<SealedBlob>,
    keep_key: bool,
    keep_until: Time,
) -> Write {
    let sql = "UPDATE answers SET sealed = $2, key_hash = CASE WHEN $3 THEN key_hash END, keep_until = $4
        WHERE execution = $1";
    Write::any(sql, CONFLICTS, values![execution.as_str(), sealed, keep_key, micros(keep_until)])
}

pub(super) fn delete(execution: &ExecutionId) -> Write {
    Write::any("DELETE FROM answers WHERE execution = $1", CONFLICTS, values![execution.as_str()])
}

pub(super) fn of(execution: &ExecutionId) -> Query<KeptAnswer> {
    Query::new("execution = $1", values![execution.as_str()])
}

pub(super) fn by_key(
    environment: &EnvironmentId,
    client: &ApiClientId,
    key_hash: &[u8; 32],
) -> Query<KeptAnswer> {
    let rest = "environment = $1 AND client = $2 AND key_hash = $3";
    Query::new(rest, values![environment.as_str(), client.as_str(), key_hash])
}
