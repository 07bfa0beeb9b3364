//! Histories.

use rusqlite::{Connection, params};
use valetkey_domain::{
    EnvironmentId, ErrorCode, Event, EventId, Page, PageRequest, StoreError, Time,
    event::{EventKind, NewEvent},
    store::EventFilter,
};

use crate::values::{earlier, later};

use super::{
    list::{Scope, page},
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
    page(connection, &[scope(environment, filter)], request, None)
}

pub(super) fn scope(environment: &EnvironmentId, filter: &EventFilter) -> Scope {
    let environment = environment.as_str().to_owned();
    let account = filter.account.as_ref().map(|id| id.as_str().to_owned());
    let of_connection = filter.connection.as_ref().map(|id| id.as_str().to_owned());
    let scope = match (account, of_connection) {
        (Some(account), connection) => Scope::default()
            .and("account = ?", account)
            .and_maybe("+connection = ?", connection)
            .and("+environment = ?", environment),
        (None, Some(connection)) => {
            Scope::default().and("connection = ?", connection).and("+environment = ?", environment)
        }
        (None, None) => Scope::default().and("environment = ?", environment),
    };
    // Ids sort by time: they bound the walk, and the times decide.
    let id = |at: Time| EventId::first_of(at).as_str().to_owned();
    let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
    let kinds = (!kinds.is_empty()).then(|| serde_json::Value::from(kinds).to_string());
    scope
        .and_maybe("+kind IN (SELECT value FROM json_each(?))", kinds)
        .and_maybe("+code = ?", filter.code.map(|code| code.as_str().to_owned()))
        .and_maybe("id >= ?", filter.since.map(|since| id(earlier(since))))
        .and_maybe("at >= ?", filter.since.map(micros))
        .and_maybe("id < ?", filter.until.map(|until| id(later(until))))
        .and_maybe("at < ?", filter.until.map(micros))
}
