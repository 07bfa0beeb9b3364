//! Histories.

use valetkey_domain::{
    EnvironmentId, ErrorCode, Event, EventId, StoreError, Time,
    event::{EventKind, NewEvent},
    store::EventFilter,
};

use crate::values::{earlier, later};

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, Value, json, micros, values},
    statement::Write,
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
                actor: columns.text("actor")?,
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

pub(super) fn append(it: &Event) -> Result<Write, StoreError> {
    let sql = "INSERT INTO events (id, at, environment, account, connection, kind, actor, code, data)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let event = &it.event;
    let values = values![
        it.id.as_str(),
        micros(it.at),
        event.environment.as_str(),
        event.account.as_ref().map(|id| id.as_str()),
        event.connection.as_ref().map(|id| id.as_str()),
        event.kind.as_str(),
        &event.actor,
        event.code.map(ErrorCode::as_str),
        json(&event.data, TABLE, "data")?,
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn scope(environment: &EnvironmentId, filter: &EventFilter) -> Scope {
    // Ids sort by time: they bound the walk, and the times decide.
    let id = |at: Time| EventId::first_of(at).as_str().to_owned();
    let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    // Hidden from the database, so that it walks an index of the account or connection.
    let of_somebody = filter.account.is_some() || filter.connection.is_some();
    let of_environment = if of_somebody { "environment || '' = ?" } else { "environment = ?" };
    Scope::default()
        .counted(filter.count_at_most)
        .and(of_environment, environment.as_str())
        .and_maybe("account = ?", filter.account.as_ref().map(|id| id.as_str()))
        .and_maybe("connection = ?", filter.connection.as_ref().map(|id| id.as_str()))
        .and_maybe("kind = ANY(?)", (!kinds.is_empty()).then_some(Value::Texts(kinds)))
        .and_maybe("code = ?", filter.code.map(ErrorCode::as_str))
        .and_maybe("id >= ?", filter.since.map(|since| id(earlier(since))))
        .and_maybe("at >= ?", filter.since.map(micros))
        .and_maybe("id < ?", filter.until.map(|until| id(later(until))))
        .and_maybe("at < ?", filter.until.map(micros))
}
