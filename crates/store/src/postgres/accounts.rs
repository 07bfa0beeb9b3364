//! Connected accounts.

use valetkey_domain::{
    Account, AccountId, AccountStatus, AuthType, ConnectionId, EnvironmentId, ErrorCode, StoreError, Time,
    refresh::Degraded, store::AccountFilter,
};

use crate::values::{search_text, sought};

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, Value, count, json, micros, optional_micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "accounts";
const CONFLICTS: Conflicts = Conflicts {
    table: TABLE,
    record: "account",
    unique: "account.identifier",
    reference: "account.connection",
};

impl Record for Account {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, connection, identifier, auth_type, created_at, status, name, \
        organization_id, user_id, scopes, provider_subject, label, metadata, api_config, token_expires_at, \
        refresh_at, degraded, last_used_at, generation, cause, version, updated_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let mut account = Self::pending(
            columns.id("id")?,
            columns.id("environment")?,
            columns.id("connection")?,
            columns.text("identifier")?,
            columns.word("auth_type", AuthType::parse)?,
            columns.time("created_at")?,
        )
        .restored(columns.word("status", AccountStatus::parse)?);
        account.name = columns.text("name")?;
        account.organization_id = columns.optional_text("organization_id")?;
        account.user_id = columns.optional_text("user_id")?;
        account.scopes = columns.json("scopes")?;
        account.provider_subject = columns.optional_text("provider_subject")?;
        account.label = columns.optional_text("label")?;
        account.metadata = columns.json("metadata")?;
        account.api_config = columns.json("api_config")?;
        account.token_expires_at = columns.optional_time("token_expires_at")?;
        account.refresh_at = columns.optional_time("refresh_at")?;
        account.degraded = columns.optional_json("degraded")?;
        account.last_used_at = columns.optional_time("last_used_at")?;
        account.generation = columns.number("generation")?;
        account.cause = columns.optional_word("cause", ErrorCode::parse)?;
        account.version = columns.number("version")?;
        account.updated_at = columns.time("updated_at")?;
        Ok(account)
    }
}

impl Listed for Account {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

fn write(sql: &'static str, it: &Account) -> Result<Write, StoreError> {
    let degraded = it.degraded.as_ref().map(|degraded| json(degraded, TABLE, "degraded")).transpose()?;
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        it.connection.as_str(),
        &it.identifier,
        &it.organization_id,
        &it.user_id,
        it.auth_type.as_str(),
        it.status().as_str(),
        json(&it.scopes, TABLE, "scopes")?,
        &it.provider_subject,
        &it.label,
        json(&it.metadata, TABLE, "metadata")?,
        json(&it.api_config, TABLE, "api_config")?,
        optional_micros(it.token_expires_at),
        optional_micros(it.last_used_at),
        count(it.generation, TABLE, "generation")?,
        it.cause.map(ErrorCode::as_str),
        count(it.version, TABLE, "version")?,
        micros(it.created_at),
        micros(it.updated_at),
        search_text(it),
        &it.name,
        optional_micros(it.refresh_at),
        degraded,
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn insert(account: &Account) -> Result<Write, StoreError> {
    let sql =
        "INSERT INTO accounts (id, environment, connection, identifier, organization_id, user_id, auth_type,
            status, scopes, provider_subject, label, metadata, api_config, token_expires_at, last_used_at,
            generation, cause, version, created_at, updated_at, search_text,
            name, refresh_at, degraded)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
            $9, $10, $11, $12, $13, $14, $15,
            $16, $17, $18, $19, $20, $21,
            $22, $23, $24)";
    write(sql, account)
}

pub(super) fn update(account: &Account) -> Result<Write, StoreError> {
    // A use that was noted while the change was being prepared must not be forgotten by it.
    let sql = "UPDATE accounts SET identifier = $4, organization_id = $5,
            user_id = $6, auth_type = $7, status = $8, scopes = $9,
            provider_subject = $10, label = $11, metadata = $12, api_config = $13,
            token_expires_at = $14,
            last_used_at = greatest(last_used_at, $15),
            generation = $16, cause = $17, version = $18, created_at = $19,
            updated_at = $20, search_text = $21, name = $22, refresh_at = $23, degraded = $24
        WHERE id = $1 AND environment = $2 AND connection = $3 AND version = $18 - 1";
    write(sql, account)
}

/// Notes a use; an account that is gone is none of its business, and a late note never goes back in time.
pub(super) fn touch(id: &AccountId, at: Time) -> Result<Write, StoreError> {
    let sql = "UPDATE accounts SET last_used_at = $2 WHERE id = $1 AND coalesce(last_used_at, -1) < $2";
    Ok(Write::any(sql, CONFLICTS, values![id.as_str(), micros(at)]))
}

/// Beside the version, as nobody but the background changes it; a credential that was replaced meanwhile has a time of
/// its own.
pub(super) fn schedule(id: &AccountId, generation: u64, at: Option<Time>) -> Result<Write, StoreError> {
    let generation = count(generation, TABLE, "generation")?;
    let sql = "UPDATE accounts SET refresh_at = $3 WHERE id = $1 AND generation = $2";
    Ok(Write::any(sql, CONFLICTS, values![id.as_str(), generation, optional_micros(at)]))
}

pub(super) fn degrade(id: &AccountId, generation: u64, degraded: &Degraded) -> Result<Write, StoreError> {
    let generation = count(generation, TABLE, "generation")?;
    let sql = "UPDATE accounts SET degraded = $3 WHERE id = $1 AND generation = $2";
    Ok(Write::any(sql, CONFLICTS, values![id.as_str(), generation, json(degraded, TABLE, "degraded")?]))
}

/// The accounts whose time to be renewed has come, the longest due first, put off so that nobody takes them twice. Those
/// that somebody else is taking or changing at this moment are left to them.
pub(super) fn take_due(at: Time, hide_until: Time, limit: u32) -> Query<Due> {
    let sql = "WITH due AS (
            SELECT id, refresh_at FROM accounts
            WHERE status = 'ACTIVE' AND refresh_at IS NOT NULL AND refresh_at <= $1
            ORDER BY refresh_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE accounts SET refresh_at = $2 FROM due WHERE accounts.id = due.id
            RETURNING accounts.id, due.refresh_at AS was
        )
        SELECT id FROM taken ORDER BY was, id";
    Query::of(sql, values![micros(at), micros(hide_until), i64::from(limit)])
}

/// The id of an account, alone.
pub(super) struct Due(pub(super) AccountId);

impl Record for Due {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.id("id").map(Self)
    }
}

/// Credentials, refresh attempts and auth requests go with it (`ON DELETE CASCADE`).
pub(super) fn delete(id: &AccountId) -> Result<Write, StoreError> {
    Ok(Write::one("DELETE FROM accounts WHERE id = $1", CONFLICTS, values![id.as_str()]))
}

pub(super) fn by_id(id: &AccountId) -> Query<Account> {
    Query::new("id = $1", values![id.as_str()])
}

/// By name, the unnamed one first.
pub(super) fn of_identifier(connection: &ConnectionId, identifier: &str) -> Query<Account> {
    let rest = "connection = $1 AND identifier = $2 ORDER BY name LIMIT 100";
    Query::new(rest, values![connection.as_str(), identifier])
}

/// The pattern of whatever contains a text, which an index of letters serves, unlike `strpos`.
fn containing(text: &str) -> String {
    let escaped = sought(text).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

pub(super) fn scope(environment: &EnvironmentId, filter: &AccountFilter) -> Scope {
    let environment = environment.as_str();
    let few = filter.identifier.is_some()
        || filter.user_id.is_some()
        || filter.organization_id.is_some()
        || filter.query.is_some();
    let named = || filter.connections.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
    let scope = match filter.connections.as_slice() {
        [] if filter.connector.is_none() => Scope::default().and("environment = ?", environment),
        // Who they are tells more than where: walking each connection would pass by everybody else.
        given if few => Scope::default()
            .and("environment = ?", environment)
            .and_maybe("connection = ANY(?)", (!given.is_empty()).then(|| Value::Texts(named())))
            .and_maybe(
                "connection IN (SELECT connections.id FROM connections WHERE connector = ?)",
                filter.connector.clone(),
            ),
        // The accounts of a connection are all in its environment.
        _ => {
            let named = named();
            let chosen = Scope::default()
                .and("environment = ?", environment)
                .and_maybe("id = ANY(?)", (!named.is_empty()).then_some(Value::Texts(named)))
                .and_maybe("connector = ?", filter.connector.clone());
            Scope::default().of_connections(chosen)
        }
    };
    scope
        .and_maybe("identifier = ?", filter.identifier.clone())
        .and_maybe("name = ?", filter.name.clone())
        .and_if("name <> ''", filter.name.as_deref().is_some_and(|name| !name.is_empty()))
        .and_maybe("provider_subject = ?", filter.provider_subject.clone())
        .and_maybe("user_id = ?", filter.user_id.clone())
        .and_maybe("organization_id = ?", filter.organization_id.clone())
        .and_maybe("status = ?", filter.status.map(AccountStatus::as_str))
        .and_if("degraded IS NOT NULL", filter.degraded)
        .and_maybe("search_text LIKE ?", filter.query.as_deref().map(containing))
        .counted(filter.count_at_most)
}
