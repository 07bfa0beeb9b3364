//! Connections.

use valetkey_domain::{
    Connection, ConnectionId, EnvironmentId, StoreError, connection::IdentityPolicy, store::ConnectionFilter,
};

use crate::values::folded;

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, count, json, micros, values},
    statement::{Query, Write},
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
        use_shared_credentials, scopes, overrides, variables, identity_policy, enabled, fault, version, created_at, \
        updated_at, call_timeout_ms, client_secret_expires_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            name: columns.text("name")?,
            connector: columns.text("connector")?,
            client_id: columns.optional_text("client_id")?,
            client_secret: columns.optional_sealed("client_secret")?,
            use_shared_credentials: columns.get("use_shared_credentials")?,
            scopes: columns.json("scopes")?,
            overrides: columns.json("overrides")?,
            variables: columns.json("variables")?,
            identity_policy: columns.word("identity_policy", IdentityPolicy::parse)?,
            enabled: columns.get("enabled")?,
            fault: columns.optional_json("fault")?,
            version: columns.number("version")?,
            created_at: columns.time("created_at")?,
            updated_at: columns.time("updated_at")?,
            call_timeout_ms: columns.optional_number("call_timeout_ms")?,
            client_secret_expires_at: columns.optional_time("client_secret_expires_at")?,
        })
    }
}

impl Listed for Connection {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

fn write(sql: &'static str, it: &Connection) -> Result<Write, StoreError> {
    let fault = it.fault.as_ref().map(|fault| json(fault, TABLE, "fault")).transpose()?;
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        &it.name,
        &it.connector,
        &it.client_id,
        &it.client_secret,
        it.use_shared_credentials,
        json(&it.scopes, TABLE, "scopes")?,
        json(&it.overrides, TABLE, "overrides")?,
        json(&it.variables, TABLE, "variables")?,
        it.enabled,
        fault,
        count(it.version, TABLE, "version")?,
        micros(it.created_at),
        micros(it.updated_at),
        it.identity_policy.as_str(),
        it.call_timeout_ms.map(i64::from),
        it.client_secret_expires_at.map(micros),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn insert(connection: &Connection) -> Result<Write, StoreError> {
    let sql = "INSERT INTO connections (id, environment, name, connector, client_id, client_secret,
            use_shared_credentials, scopes, overrides, variables, enabled, fault, version, created_at, updated_at,
            identity_policy, call_timeout_ms, client_secret_expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7,
            $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    write(sql, connection)
}

pub(super) fn update(connection: &Connection) -> Result<Write, StoreError> {
    let sql = "UPDATE connections SET name = $3, connector = $4, client_id = $5,
            client_secret = $6, use_shared_credentials = $7, scopes = $8,
            overrides = $9, variables = $10, enabled = $11, fault = $12,
            version = $13, created_at = $14, updated_at = $15, identity_policy = $16, call_timeout_ms = $17,
            client_secret_expires_at = $18
        WHERE id = $1 AND environment = $2 AND version = $13 - 1";
    write(sql, connection)
}

pub(super) fn delete(id: &ConnectionId) -> Result<Write, StoreError> {
    Ok(Write::one("DELETE FROM connections WHERE id = $1", DELETE_CONFLICTS, values![id.as_str()]))
}

pub(super) fn by_id(id: &ConnectionId) -> Query<Connection> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn by_name(environment: &EnvironmentId, name: &str) -> Query<Connection> {
    Query::new("environment = $1 AND name = $2", values![environment.as_str(), name])
}

pub(super) fn scope(environment: &EnvironmentId, filter: &ConnectionFilter) -> Scope {
    Scope::default()
        .and("environment = ?", environment.as_str())
        .and_maybe("connector = ?", filter.connector.clone())
        .and_maybe("strpos(lower(name), ?) > 0", filter.query.as_deref().map(folded))
}
