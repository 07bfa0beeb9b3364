//! API clients and API tokens.

use valetkey_domain::{ApiClient, ApiClientId, ApiToken, ApiTokenId, EnvironmentId, StoreError};

use super::{
    row::{Columns, Conflicts, Record, json, micros, optional_micros, values},
    statement::{Query, Write},
};

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
            name: columns.text("name")?,
            secret_hash: columns.hash("secret_hash")?,
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
            name: columns.text("name")?,
            token_hash: columns.hash("token_hash")?,
            hint: columns.text("hint")?,
            permissions: columns.json("permissions")?,
            bounds: columns.optional_json("bounds")?,
            created_at: columns.time("created_at")?,
            expires_at: columns.optional_time("expires_at")?,
            revoked_at: columns.optional_time("revoked_at")?,
        })
    }
}

fn write_client(sql: &'static str, it: &ApiClient) -> Result<Write, StoreError> {
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        &it.name,
        &it.secret_hash,
        json(&it.permissions, CLIENTS, "permissions")?,
        micros(it.created_at),
        optional_micros(it.disabled_at),
    ];
    Ok(Write::one(sql, CLIENT_CONFLICTS, values))
}

pub(super) fn insert_client(client: &ApiClient) -> Result<Write, StoreError> {
    let sql =
        "INSERT INTO api_clients (id, environment, name, secret_hash, permissions, created_at, disabled_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    write_client(sql, client)
}

pub(super) fn update_client(client: &ApiClient) -> Result<Write, StoreError> {
    let sql = "UPDATE api_clients SET name = $3, secret_hash = $4, permissions = $5,
            created_at = $6, disabled_at = $7
        WHERE id = $1 AND environment = $2";
    write_client(sql, client)
}

fn write_token(sql: &'static str, it: &ApiToken) -> Result<Write, StoreError> {
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        it.client.as_str(),
        &it.name,
        &it.token_hash,
        &it.hint,
        json(&it.permissions, TOKENS, "permissions")?,
        micros(it.created_at),
        optional_micros(it.expires_at),
        optional_micros(it.revoked_at),
        it.bounds.as_ref().map(|bounds| json(bounds, TOKENS, "bounds")).transpose()?,
    ];
    Ok(Write::one(sql, TOKEN_CONFLICTS, values))
}

pub(super) fn insert_token(token: &ApiToken) -> Result<Write, StoreError> {
    let sql =
        "INSERT INTO api_tokens (id, environment, client, name, token_hash, hint, permissions, created_at,
            expires_at, revoked_at, bounds)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    write_token(sql, token)
}

pub(super) fn update_token(token: &ApiToken) -> Result<Write, StoreError> {
    let sql = "UPDATE api_tokens SET name = $4, token_hash = $5, hint = $6,
            permissions = $7, created_at = $8, expires_at = $9,
            revoked_at = $10, bounds = $11
        WHERE id = $1 AND environment = $2 AND client = $3";
    write_token(sql, token)
}

pub(super) fn client(id: &ApiClientId) -> Query<ApiClient> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn clients(env: &EnvironmentId) -> Query<ApiClient> {
    Query::new("environment = $1 ORDER BY created_at, id", values![env.as_str()])
}

pub(super) fn token(id: &ApiTokenId) -> Query<ApiToken> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn token_by_hash(hash: &[u8; 32]) -> Query<ApiToken> {
    Query::new("token_hash = $1", values![hash])
}

pub(super) fn tokens(env: &EnvironmentId) -> Query<ApiToken> {
    Query::new("environment = $1 ORDER BY created_at, id", values![env.as_str()])
}
