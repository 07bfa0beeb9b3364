//! Histories.

use rusqlite::{Connection, params};
use valetkey_domain::{
    EnvironmentId, ErrorCode, Event, EventId, Page, PageRequest, StoreError, Time,
    event::{EventKind, NewEvent},
    store::EventFilter,
};

use crate::values::{earlier, later};

use super::{
    list::{Scope, page, shortest},
    row::{Columns, Conflicts, Listed, Record, execute_one, json, micros},
};

const TABLE: &str = "events";
const CONFLICTS: Conflicts = Conflicts { table: TABLE, record: "event", unique: "event", reference: "event" };

impl Record for Event {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, at, environment, account, connection, kind, actor, code, data";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            at: columns.time("at")?,
            event: NewEvent {
                environment: columns.id("environment")?,
                account: columns.optional_id("account")?,
                connection: columns.optional_id("connection")?,
                kind: columns.word("kind", EventKind::parse)?,
                actor: columns.get("actor")?,
                code: columns.optional_word("code", ErrorCode::parse)?,
                data: columns.json("data")?,
            },
        })
    }
}

impl Listed for Event {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

pub(super) fn append(connection: &Connection, it: &Event) -> Result<(), StoreError> {
    let sql = "INSERT INTO events (id, at, environment, account, connection, kind, actor, code, data)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let event = &it.event;
    let values = params![
        it.id.as_str(),
        micros(it.at),
        event.environment.as_str(),
        event.account.as_ref().map(|id| id.as_str()),
        event.connection.as_ref().map(|id| id.as_str()),
        event.kind.as_str(),
        event.actor,
        event.code.map(ErrorCode::as_str),
        json(&event.data, TABLE, "data")?,
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn list(
    connection: &Connection,
    environment: &EnvironmentId,
    filter: &EventFilter,
    request: &PageRequest,
) -> Result<Page<Event>, StoreError> {
    let scopes = scopes(connection, environment, filter)?;
    page(connection, &scopes, request, filter.count_at_most)
}

/// What the index that is walked ends in, before the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Kind(EventKind),
    Code,
    All,
}

/// One scope per kind, or one for all of them: whichever index has the fewest entries is walked.
pub(super) fn scopes(
    connection: &Connection,
    environment: &EnvironmentId,
    filter: &EventFilter,
) -> Result<Vec<Scope>, StoreError> {
    let mut kinds = filter.kinds.clone();
    kinds.sort_unstable_by_key(|kind| kind.as_str());
    kinds.dedup();
    // No list is of everybody's events.
    let of_somebody = filter.connection.is_some() || filter.account.is_some();
    let mut ways = Vec::new();
    if filter.code.is_some() && of_somebody {
        ways.push(vec![Way::Code]);
    }
    if !kinds.is_empty() && of_somebody {
        ways.push(kinds.into_iter().map(Way::Kind).collect());
    }
    if ways.is_empty() {
        ways.push(vec![Way::All]);
    }
    let probes: Vec<Vec<Scope>> =
        ways.iter().map(|way| way.iter().map(|way| indexed(*way, environment, filter)).collect()).collect();
    let best = shortest(connection, TABLE, &probes)?;
    let chosen = ways.into_iter().nth(best).unwrap_or_default();
    Ok(chosen.into_iter().map(|way| scope(way, environment, filter)).collect())
}

/// The conditions that the index of a way answers by itself. Ids sort by time: they bound the walk.
fn indexed(way: Way, environment: &EnvironmentId, filter: &EventFilter) -> Scope {
    let id = |at: Time| EventId::first_of(at).as_str().to_owned();
    let scope = match (&filter.account, &filter.connection) {
        (Some(account), _) => Scope::default().and("account = ?", account.as_str().to_owned()),
        (None, Some(connection)) => Scope::default().and("connection = ?", connection.as_str().to_owned()),
        (None, None) => Scope::default().and("environment = ?", environment.as_str().to_owned()),
    };
    let scope = match way {
        Way::Kind(kind) => scope.and("kind = ?", kind.as_str().to_owned()),
        Way::Code => scope.and_maybe("code = ?", filter.code.map(|code| code.as_str().to_owned())),
        Way::All => scope,
    };
    scope
        .and_maybe("id >= ?", filter.since.map(|since| id(earlier(since))))
        .and_maybe("id < ?", filter.until.map(|until| id(later(until))))
}

/// The conditions that the index does not answer get a `+` and are only checked.
fn scope(way: Way, environment: &EnvironmentId, filter: &EventFilter) -> Scope {
    let of_account = filter.account.is_some();
    let of_somebody = of_account || filter.connection.is_some();
    let connection = filter.connection.as_ref().filter(|_| of_account).map(|id| id.as_str().to_owned());
    let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
    let kinds = (!matches!(way, Way::Kind(_)) && !kinds.is_empty())
        .then(|| serde_json::Value::from(kinds).to_string());
    let code = filter.code.filter(|_| way != Way::Code).map(|code| code.as_str().to_owned());
    indexed(way, environment, filter)
        .and_maybe("+connection = ?", connection)
        .and_maybe("+environment = ?", of_somebody.then(|| environment.as_str().to_owned()))
        .and_maybe("+kind IN (SELECT value FROM json_each(?))", kinds)
        .and_maybe("+code = ?", code)
        .and_maybe("at >= ?", filter.since.map(micros))
        .and_maybe("at < ?", filter.until.map(micros))
}
