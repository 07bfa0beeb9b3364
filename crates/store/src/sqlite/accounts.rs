//! Connected accounts.

use std::collections::BTreeSet;

use rusqlite::{Connection as Database, named_params, params, types::ToSql};
use valetkey_domain::{
    Account, AccountId, AccountStatus, AuthType, ConnectionId, EnvironmentId, ErrorCode, Page, PageRequest,
    StoreError, Time, refresh::Degraded, store::AccountFilter,
};

use crate::values::{folded, search_text};

use super::{
    connections,
    list::{Scope, page},
    row::{
        Columns, Conflicts, Listed, Record, all, count, execute, execute_one, json, micros, one,
        optional_micros,
    },
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
            columns.get("identifier")?,
            columns.word("auth_type", AuthType::parse)?,
            columns.time("created_at")?,
        )
        .restored(columns.word("status", AccountStatus::parse)?);
        account.name = columns.get("name")?;
        account.organization_id = columns.get("organization_id")?;
        account.user_id = columns.get("user_id")?;
        account.scopes = columns.json("scopes")?;
        account.provider_subject = columns.get("provider_subject")?;
        account.label = columns.get("label")?;
        account.metadata = columns.json("metadata")?;
        account.api_config = columns.json("api_config")?;
        account.token_expires_at = columns.optional_time("token_expires_at")?;
        account.refresh_at = columns.optional_time("refresh_at")?;
        account.degraded = columns.optional_json("degraded")?;
        account.last_used_at = columns.optional_time("last_used_at")?;
        account.generation = columns.count("generation")?;
        account.cause = columns.optional_word("cause", ErrorCode::parse)?;
        account.version = columns.count("version")?;
        account.updated_at = columns.time("updated_at")?;
        Ok(account)
    }
}

impl Listed for Account {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

fn write(database: &Database, sql: &str, it: &Account) -> Result<(), StoreError> {
    let degraded = it.degraded.as_ref().map(|degraded| json(degraded, TABLE, "degraded")).transpose()?;
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":environment": it.environment.as_str(),
        ":connection": it.connection.as_str(),
        ":identifier": it.identifier,
        ":name": it.name,
        ":organization_id": it.organization_id,
        ":user_id": it.user_id,
        ":auth_type": it.auth_type.as_str(),
        ":status": it.status().as_str(),
        ":scopes": json(&it.scopes, TABLE, "scopes")?,
        ":provider_subject": it.provider_subject,
        ":label": it.label,
        ":metadata": json(&it.metadata, TABLE, "metadata")?,
        ":api_config": json(&it.api_config, TABLE, "api_config")?,
        ":token_expires_at": optional_micros(it.token_expires_at),
        ":refresh_at": optional_micros(it.refresh_at),
        ":degraded": degraded,
        ":last_used_at": optional_micros(it.last_used_at),
        ":generation": count(it.generation, TABLE, "generation")?,
        ":cause": it.cause.map(ErrorCode::as_str),
        ":version": count(it.version, TABLE, "version")?,
        ":created_at": micros(it.created_at),
        ":updated_at": micros(it.updated_at),
        ":search_text": search_text(it),
    };
    execute_one(database, CONFLICTS, sql, values)
}

pub(super) fn insert(database: &Database, account: &Account) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO accounts (id, environment, connection, identifier, name, organization_id, user_id, auth_type,
            status, scopes, provider_subject, label, metadata, api_config, token_expires_at, refresh_at, degraded,
            last_used_at, generation, cause, version, created_at, updated_at, search_text)
        VALUES (:id, :environment, :connection, :identifier, :name, :organization_id, :user_id, :auth_type,
            :status, :scopes, :provider_subject, :label, :metadata, :api_config, :token_expires_at, :refresh_at,
            :degraded, :last_used_at, :generation, :cause, :version, :created_at, :updated_at, :search_text)";
    write(database, sql, account)
}

pub(super) fn update(database: &Database, account: &Account) -> Result<(), StoreError> {
    // A use that was noted while the change was being prepared must not be forgotten by it.
    let sql = "UPDATE accounts SET identifier = :identifier, name = :name, organization_id = :organization_id,
            user_id = :user_id, auth_type = :auth_type, status = :status, scopes = :scopes,
            provider_subject = :provider_subject, label = :label, metadata = :metadata, api_config = :api_config,
            token_expires_at = :token_expires_at, refresh_at = :refresh_at, degraded = :degraded,
            last_used_at = nullif(max(coalesce(last_used_at, -1), coalesce(:last_used_at, -1)), -1),
            generation = :generation, cause = :cause, version = :version, created_at = :created_at,
            updated_at = :updated_at, search_text = :search_text
        WHERE id = :id AND environment = :environment AND connection = :connection AND version = :version - 1";
    write(database, sql, account)
}

/// Notes a use; an account that is gone is none of its business, and a late note never goes back in time.
pub(super) fn touch(database: &Database, id: &AccountId, at: Time) -> Result<(), StoreError> {
    let sql = "UPDATE accounts SET last_used_at = ?2 WHERE id = ?1 AND coalesce(last_used_at, -1) < ?2";
    execute(database, CONFLICTS, sql, params![id.as_str(), micros(at)])?;
    Ok(())
}

/// Beside the version, as nobody but the background changes it; a credential that was replaced meanwhile has a time of
/// its own.
pub(super) fn schedule(
    database: &Database,
    id: &AccountId,
    generation: u64,
    at: Option<Time>,
) -> Result<(), StoreError> {
    let generation = count(generation, TABLE, "generation")?;
    let sql = "UPDATE accounts SET refresh_at = ?3 WHERE id = ?1 AND generation = ?2";
    execute(database, CONFLICTS, sql, params![id.as_str(), generation, optional_micros(at)])?;
    Ok(())
}

pub(super) fn degrade(
    database: &Database,
    id: &AccountId,
    generation: u64,
    degraded: &Degraded,
) -> Result<(), StoreError> {
    let generation = count(generation, TABLE, "generation")?;
    let sql = "UPDATE accounts SET degraded = ?3 WHERE id = ?1 AND generation = ?2";
    execute(database, CONFLICTS, sql, params![id.as_str(), generation, json(degraded, TABLE, "degraded")?])?;
    Ok(())
}

/// The accounts whose time to be renewed has come, the longest due first, put off so that nobody takes them twice.
pub(super) fn take_due(
    database: &Database,
    at: Time,
    hide_until: Time,
    limit: u32,
) -> Result<Vec<AccountId>, StoreError> {
    let due: Vec<Due> = all(
        database,
        "status = 'ACTIVE' AND refresh_at IS NOT NULL AND refresh_at <= ?1 ORDER BY refresh_at, id LIMIT ?2",
        params![micros(at), limit],
    )?;
    for Due(id) in &due {
        let sql = "UPDATE accounts SET refresh_at = ?2 WHERE id = ?1";
        execute_one(database, CONFLICTS, sql, params![id.as_str(), micros(hide_until)])?;
    }
    Ok(due.into_iter().map(|Due(id)| id).collect())
}

pub(super) fn any_due(database: &Database, at: Time) -> Result<bool, StoreError> {
    let due = "status = 'ACTIVE' AND refresh_at IS NOT NULL AND refresh_at <= ?1 LIMIT 1";
    Ok(one::<Due>(database, due, [micros(at)])?.is_some())
}

/// The id of an account, alone.
struct Due(AccountId);

impl Record for Due {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.id("id").map(Self)
    }
}

/// Credentials, refresh attempts and auth requests go with it (`ON DELETE CASCADE`).
pub(super) fn delete(database: &Database, id: &AccountId) -> Result<(), StoreError> {
    execute_one(database, CONFLICTS, "DELETE FROM accounts WHERE id = ?1", [id.as_str()])
}

pub(super) fn by_id(database: &Database, id: &AccountId) -> Result<Option<Account>, StoreError> {
    one(database, "id = ?1", [id.as_str()])
}

/// By name, the unnamed one first.
pub(super) fn of_identifier(
    database: &Database,
    connection: &ConnectionId,
    identifier: &str,
) -> Result<Vec<Account>, StoreError> {
    let rest = "connection = ?1 AND identifier = ?2 ORDER BY name LIMIT 100";
    all(database, rest, params![connection.as_str(), identifier])
}

pub(super) fn list(
    database: &Database,
    environment: &EnvironmentId,
    filter: &AccountFilter,
    request: &PageRequest,
) -> Result<Page<Account>, StoreError> {
    page(database, &scopes(database, environment, filter)?, request, filter.count_at_most)
}

/// One scope per connection where the filter names connections, else one for the whole environment.
pub(super) fn scopes(
    database: &Database,
    environment: &EnvironmentId,
    filter: &AccountFilter,
) -> Result<Vec<Scope>, StoreError> {
    let named: BTreeSet<&str> = filter.connections.iter().map(|id| id.as_str()).collect();
    let ids = match &filter.connector {
        Some(connector) => {
            let mut ids = connections::of_connector(database, environment, connector)?;
            ids.retain(|id| named.is_empty() || named.contains(id.as_str()));
            ids
        }
        None if named.is_empty() => return Ok(vec![scope(environment, None, filter)]),
        None => {
            let mut ids = Vec::with_capacity(named.len());
            for id in named {
                if connections::is_of(database, environment, id)? {
                    ids.push(id.to_owned());
                }
            }
            ids
        }
    };
    Ok(ids.into_iter().map(|id| scope(environment, Some(id), filter)).collect())
}

/// The most telling condition decides which index is walked; the others get a `+` and are only checked. The
/// accounts of a connection are all in its environment, so naming the connection, known to be of it, is enough.
fn scope(environment: &EnvironmentId, connection: Option<String>, filter: &AccountFilter) -> Scope {
    let environment = environment.as_str().to_owned();
    let of_user = filter.user_id.is_some() || filter.organization_id.is_some();
    let scope = match connection {
        Some(id) if of_user && filter.identifier.is_none() => {
            Scope::default().and("environment = ?", environment).and("+connection = ?", id)
        }
        Some(id) => Scope::default().and("connection = ?", id),
        None => Scope::default().and("environment = ?", environment),
    };
    let scope = match (&filter.user_id, &filter.organization_id) {
        (Some(user), Some(organization)) => {
            scope.and("user_id = ?", user.clone()).and("+organization_id = ?", organization.clone())
        }
        (user, organization) => scope
            .and_maybe("user_id = ?", user.clone())
            .and_maybe("organization_id = ?", organization.clone()),
    };
    let status = filter.status.map(|status| status.as_str().to_owned());
    let status_condition = if of_user || filter.identifier.is_some() { "+status = ?" } else { "status = ?" };
    scope
        .and_maybe("identifier = ?", filter.identifier.clone())
        .and_maybe("name = ?", filter.name.clone())
        .and_maybe("provider_subject = ?", filter.provider_subject.clone())
        .and_maybe(status_condition, status)
        .and_if("degraded IS NOT NULL", filter.degraded)
        .and_maybe("instr(search_text, ?) > 0", filter.query.as_deref().map(folded))
}
