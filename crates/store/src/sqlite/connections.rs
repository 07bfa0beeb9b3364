//! Connections.

use rusqlite::{Connection as Database, Params, named_params, params, types::ToSql};
use valetkey_domain::{
    Connection, ConnectionId, EnvironmentId, Page, PageRequest, StoreError, connection::IdentityPolicy,
    store::ConnectionFilter,
};

use crate::values::folded;

use super::{
    list::{Scope, page},
    row::{Columns, Conflicts, Listed, Record, count, execute_one, json, micros, one, unavailable},
};

const TABLE: &str = "connections";
const CONFLICTS: Conflicts = Conflicts {
    table: TABLE,
    record: "connection",
    unique: "connection.name",
    reference: "connection.environment",
};
const DELETE_CONFLICTS: Conflicts = Conflicts { reference: "connection.accounts", ..CONFLICTS };

impl Record for Connection {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, name, connector, client_id, client_secret, \
        use_shared_credentials, scopes, overrides, variables, identity_policy, enabled, \
        fault, version, created_at, updated_at, call_timeout_ms, client_secret_expires_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            name: columns.get("name")?,
            connector: columns.get("connector")?,
            client_id: columns.get("client_id")?,
            client_secret: columns.optional_sealed("client_secret")?,
            use_shared_credentials: columns.get("use_shared_credentials")?,
            scopes: columns.json("scopes")?,
            overrides: columns.json("overrides")?,
            variables: columns.json("variables")?,
            identity_policy: columns.word("identity_policy", IdentityPolicy::parse)?,
            enabled: columns.get("enabled")?,
            fault: columns.optional_json("fault")?,
            version: columns.count("version")?,
            created_at: columns.time("created_at")?,
            updated_at: columns.time("updated_at")?,
            call_timeout_ms: columns.get("call_timeout_ms")?,
            client_secret_expires_at: columns.optional_time("client_secret_expires_at")?,
        })
    }
}

impl Listed for Connection {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

fn write(database: &Database, sql: &str, it: &Connection) -> Result<(), StoreError> {
    let fault = it.fault.as_ref().map(|fault| json(fault, TABLE, "fault")).transpose()?;
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":name": it.name,
        ":connector": it.connector,
        ":client_id": it.client_id,
        ":client_secret": it.client_secret.as_ref().map(|sealed| &sealed.0),
        ":use_shared_credentials": it.use_shared_credentials,
        ":scopes": json(&it.scopes, TABLE, "scopes")?,
        ":overrides": json(&it.overrides, TABLE, "overrides")?,
        ":variables": json(&it.variables, TABLE, "variables")?,
        ":identity_policy": it.identity_policy.as_str(),
        ":enabled": it.enabled,
        ":fault": fault,
        ":version": count(it.version, TABLE, "version")?,
        ":created_at": micros(it.created_at),
        ":updated_at": micros(it.updated_at),
        ":call_timeout_ms": it.call_timeout_ms,
        ":client_secret_expires_at": it.client_secret_expires_at.map(micros),
    };
    execute_one(database, CONFLICTS, sql, values)
}

pub(super) fn insert(database: &Database, connection: &Connection) -> Result<(), StoreError> {
    let sql = "INSERT INTO connections (id, environment, name, connector, client_id, client_secret,
            use_shared_credentials, scopes, overrides, variables, identity_policy, enabled, fault, version,
            created_at, updated_at, call_timeout_ms, client_secret_expires_at)
        VALUES (:id, :environment, :name, :connector, :client_id, :client_secret, :use_shared_credentials,
            :scopes, :overrides, :variables, :identity_policy, :enabled, :fault, :version, :created_at, :updated_at,
            :call_timeout_ms, :client_secret_expires_at)";
    write(database, sql, connection)
}

pub(super) fn update(database: &Database, connection: &Connection) -> Result<(), StoreError> {
    let sql = "UPDATE connections SET name = :name, connector = :connector, client_id = :client_id,
            client_secret = :client_secret, use_shared_credentials = :use_shared_credentials, scopes = :scopes,
            overrides = :overrides, variables = :variables,
            identity_policy = :identity_policy, enabled = :enabled, fault = :fault,
            version = :version, created_at = :created_at, updated_at = :updated_at,
            call_timeout_ms = :call_timeout_ms, client_secret_expires_at = :client_secret_expires_at
        WHERE id = :id AND environment = :environment AND version = :version - 1";
    write(database, sql, connection)
}

pub(super) fn delete(database: &Database, id: &ConnectionId) -> Result<(), StoreError> {
    execute_one(database, DELETE_CONFLICTS, "DELETE FROM connections WHERE id = ?1", [id.as_str()])
}

pub(super) fn by_id(database: &Database, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
    one(database, "id = ?1", [id.as_str()])
}

pub(super) fn by_name(
    database: &Database,
    environment: &EnvironmentId,
    name: &str,
) -> Result<Option<Connection>, StoreError> {
    one(database, "environment = ?1 AND name = ?2", params![environment.as_str(), name])
}

/// The ids of the connections of one connector.
pub(super) fn of_connector(
    database: &Database,
    environment: &EnvironmentId,
    connector: &str,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT id FROM connections WHERE environment = ?1 AND connector = ?2";
    ids(database, sql, params![environment.as_str(), connector])
}

/// Whether the environment has this connection.
pub(super) fn is_of(database: &Database, environment: &EnvironmentId, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM connections WHERE id = ?1 AND environment = ?2";
    Ok(!ids(database, sql, params![id, environment.as_str()])?.is_empty())
}

fn ids(database: &Database, sql: &str, params: impl Params) -> Result<Vec<String>, StoreError> {
    let mut statement = database.prepare_cached(sql).map_err(unavailable)?;
    let ids = statement.query_map(params, |row| row.get(0));
    ids.and_then(Iterator::collect).map_err(unavailable)
}

pub(super) fn list(
    database: &Database,
    environment: &EnvironmentId,
    filter: &ConnectionFilter,
    request: &PageRequest,
) -> Result<Page<Connection>, StoreError> {
    page(database, &[scope(environment, filter)], request, None)
}

pub(super) fn scope(environment: &EnvironmentId, filter: &ConnectionFilter) -> Scope {
    Scope::default()
        .and("environment = ?", environment.as_str().to_owned())
        .and_maybe("connector = ?", filter.connector.clone())
        .and_maybe("instr(lower(name), ?) > 0", filter.query.as_deref().map(folded))
}
