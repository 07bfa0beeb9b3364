//! `GET /events`, `POST /events`

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use valetkey_domain::Time;

use super::{ApiError, page, person_with_scope};
use crate::{Simulator, world::Event};

fn view(event: &Event) -> Value {
    json!({
        "id": event.id,
        "title": event.title,
        "start": event.start.format(&Rfc3339).unwrap_or_default(),
        "end": event.end.format(&Rfc3339).unwrap_or_default(),
        "location": event.location,
        "description": event.description,
        "attendees": event.attendees,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default, with = "time::serde::rfc3339::option")]
    from: Option<Time>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    to: Option<Time>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "events.read", simulator.now())?;
    let query = page::query(query)?;
    let mut events: Vec<&Event> = person
        .events
        .iter()
        .filter(|e| query.from.is_none_or(|from| e.end > from))
        .filter(|e| query.to.is_none_or(|to| e.start < to))
        .collect();
    events.sort_by_key(|e| e.start);
    page::page("events", events.into_iter().map(view).collect(), query.limit, query.cursor.as_deref())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEvent {
    title: String,
    #[serde(with = "time::serde::rfc3339")]
    start: Time,
    #[serde(with = "time::serde::rfc3339")]
    end: Time,
    location: Option<String>,
    description: Option<String>,
    #[serde(default)]
    attendees: Vec<String>,
}

pub(super) async fn create(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "events.write", simulator.now())?;
    let NewEvent { title, start, end, location, description, attendees } = page::body(&body)?;
    if end <= start {
        return Err(ApiError::invalid("end", "an event ends after it starts"));
    }
    let id = person.next_id("evt");
    let event = Event { id, title, start, end, location, description, attendees };
    let created = person.add_event(event).map(view).ok_or_else(ApiError::full)?;
    drop(state);
    simulator.touch();
    Ok((StatusCode::CREATED, Json(created)))
}
