//! API clients and API tokens.

use rusqlite::{Connection, named_params, types::ToSql};
use valetkey_domain::{ApiClient, ApiClientId, ApiToken, ApiTokenId, EnvironmentId, StoreError};

use super::row::{Columns, Conflicts, Record, all, execute_one, json, micros, one, optional_micros};

const CLIENTS: &str = "api_clients";
const CLIENT_CONFLICTS: Conflicts = Conflicts {
    table: CLIENTS,
    record: "api_client",
    unique: "api_client",
    reference: "api_client.environment",
};
const TOKENS: &str = "api_tokens";
const TOKEN_CONFLICTS: Conflicts =
    Conflicts { table: TOKENS, record: "api_token", unique: "api_token", reference: "api_token.client" };

impl Record for ApiClient {
    const TABLE: &'static str = CLIENTS;
    const COLUMNS: &'static str = "id, environment, name, secret_hash, permissions, created_at, disabled_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            name: columns.get("name")?,
            secret_hash: columns.get("secret_hash")?,
            permissions: columns.json("permissions")?,
            created_at: columns.time("created_at")?,
            disabled_at: columns.optional_time("disabled_at")?,
        })
    }
}

impl Record for ApiToken {
    const TABLE: &'static str = TOKENS;
    const COLUMNS: &'static str = "id, environment, client, name, token_hash, hint, permissions, bounds, \
        created_at, expires_at, revoked_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            client: columns.id("client")?,
            name: columns.get("name")?,
            token_hash: columns.get("token_hash")?,
            hint: columns.get("hint")?,
            permissions: columns.json("permissions")?,
            bounds: columns.optional_json("bounds")?,
            created_at: columns.time("created_at")?,
            expires_at: columns.optional_time("expires_at")?,
            revoked_at: columns.optional_time("revoked_at")?,
        })
    }
}

fn write_client(connection: &Connection, sql: &str, it: &ApiClient) -> Result<(), StoreError> {
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":name": it.name,
        ":secret_hash": it.secret_hash,
        ":permissions": json(&it.permissions, CLIENTS, "permissions")?,
        ":created_at": micros(it.created_at),
        ":disabled_at": optional_micros(it.disabled_at),
    };
    execute_one(connection, CLIENT_CONFLICTS, sql, values)
}

pub(super) fn insert_client(connection: &Connection, client: &ApiClient) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO api_clients (id, environment, name, secret_hash, permissions, created_at, disabled_at)
        VALUES (:id, :environment, :name, :secret_hash, :permissions, :created_at, :disabled_at)";
    write_client(connection, sql, client)
}

pub(super) fn update_client(connection: &Connection, client: &ApiClient) -> Result<(), StoreError> {
    let sql = "UPDATE api_clients SET name = :name, secret_hash = :secret_hash, permissions = :permissions,
            created_at = :created_at, disabled_at = :disabled_at
        WHERE id = :id AND environment = :environment";
    write_client(connection, sql, client)
}

fn write_token(connection: &Connection, sql: &str, it: &ApiToken) -> Result<(), StoreError> {
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":client": it.client.as_str(),
        ":name": it.name,
        ":token_hash": it.token_hash,
        ":hint": it.hint,
        ":permissions": json(&it.permissions, TOKENS, "permissions")?,
        ":bounds": it.bounds.as_ref().map(|bounds| json(bounds, TOKENS, "bounds")).transpose()?,
        ":created_at": micros(it.created_at),
        ":expires_at": optional_micros(it.expires_at),
        ":revoked_at": optional_micros(it.revoked_at),
    };
    execute_one(connection, TOKEN_CONFLICTS, sql, values)
}

pub(super) fn insert_token(connection: &Connection, token: &ApiToken) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_tokens (id, environment, client, name, token_hash, hint, permissions, bounds,
            created_at, expires_at, revoked_at)
        VALUES (:id, :environment, :client, :name, :token_hash, :hint, :permissions, :bounds, :created_at,
            :expires_at, :revoked_at)";
    write_token(connection, sql, token)
}

pub(super) fn update_token(connection: &Connection, token: &ApiToken) -> Result<(), StoreError> {
    let sql = "UPDATE api_tokens SET name = :name, token_hash = :token_hash, hint = :hint,
            permissions = :permissions, bounds = :bounds, created_at = :created_at,
            expires_at = :expires_at, revoked_at = :revoked_at
        WHERE id = :id AND environment = :environment AND client = :client";
    write_token(connection, sql, token)
}

pub(super) fn client(connection: &Connection, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
    one(connection, "id = ?1", [id.as_str()])
}

pub(super) fn clients(connection: &Connection, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError> {
    all(connection, "environment = ?1 ORDER BY created_at, id", [env.as_str()])
}

pub(super) fn token(connection: &Connection, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
    one(connection, "id = ?1", [id.as_str()])
}

pub(super) fn token_by_hash(
    connection: &Connection,
    hash: &[u8; 32],
) -> Result<Option<ApiToken>, StoreError> {
    one(connection, "token_hash = ?1", [hash])
}

pub(super) fn tokens(connection: &Connection, env: &EnvironmentId) -> Result<Vec<ApiToken>, StoreError> {
    all(connection, "environment = ?1 ORDER BY created_at, id", [env.as_str()])
}
