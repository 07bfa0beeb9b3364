//! Connected accounts.

use std::collections::BTreeSet;

use rusqlite::{Connection as Database, named_params, params, types::ToSql};
use valetkey_domain::{
    Account, AccountId, AccountStatus, AuthType, ConnectionId, EnvironmentId, ErrorCode, Page, PageRequest,
    StoreError, Time, refresh::Degraded, store::AccountFilter,
};

use crate::values::{search_text, sought};

use super::{
    connections,
    list::{Scope, page, page_counted, page_of_ids, shortest},
    row::{
        Columns, Conflicts, Listed, Record, all, count, execute, execute_one, json, micros, one,
        optional_micros, unavailable,
    },
    search::{self, Hits},
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
    let at_most = filter.count_at_most;
    let Some(query) = filter.query.as_deref().map(sought) else {
        return page(database, &scopes(database, environment, filter)?, request, at_most);
    };
    let all = checked(database, environment, filter)?;
    let snapshot = database.unchecked_transaction().map_err(unavailable)?;
    let expression = match search::hits(&snapshot, &query)? {
        Hits::Few(numbers) => {
            let ids = search::fitting(&snapshot, &numbers, &all)?;
            return page_of_ids(&snapshot, &ids, request, at_most);
        }
        Hits::Many(expression) => expression,
    };
    drop(snapshot);
    let scopes = scopes(database, environment, filter)?;
    page_counted(database, &scopes, request, at_most, |snapshot| match (&expression, at_most) {
        (Some(expression), Some(many)) if many > 0 => {
            let are_many = search::are_many(snapshot, expression, &all, many)?;
            Ok(are_many.then_some(many.into()))
        }
        _ => Ok(None),
    })
}

/// Every condition of a filter, none of which chooses an index.
fn checked(
    database: &Database,
    environment: &EnvironmentId,
    filter: &AccountFilter,
) -> Result<Scope, StoreError> {
    let connections = connections_of(database, environment, filter)?;
    let named = connections.map(|ids| serde_json::Value::from(ids).to_string());
    let scope = Scope::default()
        .and("+environment = ?", environment.as_str().to_owned())
        .and_maybe("+connection IN (SELECT value FROM json_each(?))", named);
    Ok(other_conditions(scope, None, filter))
}

/// The connections that a filter names, as far as they are of the environment, if it names any.
fn connections_of(
    database: &Database,
    environment: &EnvironmentId,
    filter: &AccountFilter,
) -> Result<Option<Vec<String>>, StoreError> {
    let named: BTreeSet<&str> = filter.connections.iter().map(|id| id.as_str()).collect();
    Ok(Some(match &filter.connector {
        Some(connector) => {
            let mut ids = connections::of_connector(database, environment, connector)?;
            ids.retain(|id| named.is_empty() || named.contains(id.as_str()));
            ids
        }
        None if named.is_empty() => return Ok(None),
        None => {
            let mut ids = Vec::with_capacity(named.len());
            for id in named {
                if connections::is_of(database, environment, id)? {
                    ids.push(id.to_owned());
                }
            }
            ids
        }
    }))
}

/// How many connections are probed for the best way each: for more than these that would take longer than it saves.
const PROBED_CONNECTIONS: usize = 16;

/// One scope per connection where the filter names connections, else one for the whole environment.
pub(super) fn scopes(
    database: &Database,
    environment: &EnvironmentId,
    filter: &AccountFilter,
) -> Result<Vec<Scope>, StoreError> {
    let Some(ids) = connections_of(database, environment, filter)? else {
        return Ok(vec![scope(database, environment, None, filter, true)?]);
    };
    let probe = ids.len() <= PROBED_CONNECTIONS;
    ids.into_iter().map(|id| scope(database, environment, Some(id), filter, probe)).collect()
}

/// An index that a list of accounts may walk, by what it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Identifier,
    Subject,
    User,
    Organization,
    Name,
    Degraded,
    Status,
    /// Everything of the connection or the environment.
    All,
}

/// The indexes that serve a filter. An identifier has few accounts whatever else there is.
pub(super) fn ways(of_connection: bool, filter: &AccountFilter) -> Vec<Way> {
    if filter.identifier.is_some() {
        return vec![Way::Identifier];
    }
    let mut ways = Vec::new();
    let mut add = |way, is_there: bool| ways.extend(is_there.then_some(way));
    add(Way::Subject, filter.provider_subject.is_some() && of_connection);
    add(Way::User, filter.user_id.is_some());
    add(Way::Organization, filter.organization_id.is_some());
    add(Way::Name, filter.name.as_deref().is_some_and(|name| !name.is_empty()));
    add(Way::Degraded, filter.degraded);
    add(Way::Status, filter.status.is_some());
    if ways.is_empty() || (of_connection && filter.status.is_none()) {
        ways.push(Way::All);
    }
    ways
}

/// One condition decides which index is walked; the others get a `+` and are only checked. The accounts of a connection
/// are all in its environment, so naming the connection, known to be of it, is enough.
fn scope(
    database: &Database,
    environment: &EnvironmentId,
    connection: Option<String>,
    filter: &AccountFilter,
    probe: bool,
) -> Result<Scope, StoreError> {
    let begun = |way: Way| {
        let environment = environment.as_str().to_owned();
        match &connection {
            Some(id) if matches!(way, Way::Subject | Way::Status | Way::All) => {
                Scope::default().and("connection = ?", id.clone())
            }
            _ => Scope::default().and("environment = ?", environment),
        }
    };
    let ways = ways(connection.is_some(), filter);
    let way = match ways.as_slice() {
        [way] => *way,
        several => {
            let probes = several.iter().map(|way| vec![indexed(begun(*way), *way, filter)]);
            let best = if probe { shortest(database, TABLE, &probes.collect::<Vec<_>>())? } else { 0 };
            several.get(best).copied().unwrap_or(Way::All)
        }
    };
    let of_environment = !matches!(way, Way::Subject | Way::Status | Way::All);
    let scope =
        indexed(begun(way), way, filter).and_maybe("+connection = ?", connection.filter(|_| of_environment));
    Ok(other_conditions(scope, Some(way), filter))
}

/// With the condition that chooses the index of a way.
fn indexed(scope: Scope, way: Way, filter: &AccountFilter) -> Scope {
    match way {
        Way::Identifier => scope.and_maybe("identifier = ?", filter.identifier.clone()),
        Way::Subject => scope.and_maybe("provider_subject = ?", filter.provider_subject.clone()),
        Way::User => scope.and_maybe("user_id = ?", filter.user_id.clone()),
        Way::Organization => scope.and_maybe("organization_id = ?", filter.organization_id.clone()),
        // Written out, since a partial index serves only a condition that is known to imply its own.
        Way::Name => scope.and_maybe("name = ?", filter.name.clone()).and_fixed("name <> ''"),
        Way::Degraded => scope.and_fixed("degraded IS NOT NULL"),
        Way::Status => scope.and_maybe("status = ?", filter.status.map(|status| status.as_str().to_owned())),
        Way::All => scope,
    }
}

/// With every other condition, only checked.
fn other_conditions(scope: Scope, way: Option<Way>, filter: &AccountFilter) -> Scope {
    fn unless<T: Clone>(way: Option<Way>, done: Way, value: &Option<T>) -> Option<T> {
        value.clone().filter(|_| way != Some(done))
    }
    let status = filter.status.map(|status| status.as_str().to_owned());
    scope
        .and_maybe("+identifier = ?", unless(way, Way::Identifier, &filter.identifier))
        .and_maybe("+name = ?", unless(way, Way::Name, &filter.name))
        .and_maybe("+provider_subject = ?", unless(way, Way::Subject, &filter.provider_subject))
        .and_maybe("+user_id = ?", unless(way, Way::User, &filter.user_id))
        .and_maybe("+organization_id = ?", unless(way, Way::Organization, &filter.organization_id))
        .and_maybe("+status = ?", unless(way, Way::Status, &status))
        .and_if("+degraded IS NOT NULL", filter.degraded && way != Some(Way::Degraded))
        .and_maybe("instr(search_text, ?) > 0", filter.query.as_deref().map(sought))
}
