//! As much of Microsoft Graph as it takes to try its connector: the same people and data as in the simulator's own
//! API, in Graph's paths and shapes.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use valetkey_domain::Time;

use super::api::{ApiError, Why, person_with_scope};
use crate::{
    Simulator,
    world::{Draft, Event, Message},
};

type Answer = Result<Json<Value>, ApiError>;

pub(super) fn router() -> Router<Simulator> {
    let me = Router::new()
        .route("/", get(profile))
        .route("/messages", get(messages))
        .route("/messages/{id}", get(message))
        .route("/sendMail", post(send))
        .route("/calendarView", get(events));
    Router::new().nest("/v1.0/me", me)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Why::Invalid, message)
}

fn stamp(time: Time) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

fn address(text: &str) -> Value {
    json!({"emailAddress": {"address": text, "name": text}})
}

async fn profile(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "profile", simulator.now())?;
    Ok(Json(json!({
        "id": person.id(),
        "displayName": person.name,
        "mail": person.email,
        "userPrincipalName": person.email,
        "preferredLanguage": person.locale,
    })))
}

fn view(message: &Message) -> Value {
    json!({
        "id": message.id,
        "conversationId": message.thread_id,
        "subject": message.subject,
        "from": address(&message.from),
        "toRecipients": message.to.iter().map(|a| address(a)).collect::<Vec<_>>(),
        "ccRecipients": message.cc.iter().map(|a| address(a)).collect::<Vec<_>>(),
        "sentDateTime": stamp(message.sent_at),
        "receivedDateTime": stamp(message.sent_at),
        "isRead": !message.unread,
        "isDraft": false,
        "hasAttachments": false,
        "importance": "normal",
        "bodyPreview": message.body.chars().take(255).collect::<String>(),
        "body": {"contentType": "text", "content": message.body},
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    #[serde(rename = "$top")]
    top: Option<usize>,
    #[serde(rename = "$skip")]
    skip: usize,
    #[serde(rename = "$search")]
    search: Option<String>,
}

async fn messages(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Query(page): Query<Page>,
) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    let wanted = page.search.unwrap_or_default().trim_matches('"').to_lowercase();
    let fits = |m: &&Message| {
        [&m.subject, &m.body, &m.from].iter().any(|field| field.to_lowercase().contains(&wanted))
    };
    let mut found: Vec<&Message> = person.messages.iter().filter(fits).collect();
    found.sort_by_key(|m| std::cmp::Reverse(m.sent_at));
    let shown: Vec<Value> =
        found.into_iter().skip(page.skip).take(page.top.unwrap_or(10)).map(view).collect();
    Ok(Json(json!({"value": shown})))
}

async fn message(State(simulator): State<Simulator>, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    let found = person.messages.iter().find(|m| m.id == id);
    found.map(|m| Json(view(m))).ok_or_else(|| ApiError::new(Why::NotFound, "not found"))
}

async fn send(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let now = simulator.now();
    let mut state = simulator.state();
    let sender = person_with_scope(&mut state, &headers, "messages.send", now)?.username.clone();
    let asked: Value = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    let new = &asked["message"];
    let recipients = |name: &str| -> Vec<String> {
        let list = new[name].as_array().into_iter().flatten();
        list.filter_map(|r| r["emailAddress"]["address"].as_str().map(str::to_owned)).collect()
    };
    let draft = Draft {
        to: recipients("toRecipients"),
        cc: recipients("ccRecipients"),
        subject: new["subject"].as_str().unwrap_or_default().to_owned(),
        body: new["body"]["content"].as_str().unwrap_or_default().to_owned(),
        in_reply_to: None,
    };
    if draft.to.is_empty() {
        return Err(invalid("At least one recipient is required."));
    }
    let sent = state.world.send(&sender, draft, now);
    drop(state);
    simulator.touch();
    sent.map(|_| StatusCode::ACCEPTED).map_err(|_| ApiError::new(Why::Full, "the account is full"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Span {
    #[serde(rename = "startDateTime")]
    from: Option<String>,
    #[serde(rename = "endDateTime")]
    to: Option<String>,
}

fn time_of(text: Option<&str>) -> Result<Time, ApiError> {
    let text = text.ok_or_else(|| invalid("startDateTime and endDateTime are required."))?;
    Time::parse(text, &Rfc3339).map_err(|_| invalid("The time is not valid."))
}

async fn events(State(simulator): State<Simulator>, headers: HeaderMap, Query(span): Query<Span>) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "events.read", simulator.now())?;
    let (from, to) = (time_of(span.from.as_deref())?, time_of(span.to.as_deref())?);
    let mut found: Vec<&Event> = person.events.iter().filter(|e| e.end > from && e.start < to).collect();
    found.sort_by_key(|e| e.start);
    let view = |event: &Event| {
        json!({
            "id": event.id,
            "subject": event.title,
            "start": {"dateTime": stamp(event.start), "timeZone": "UTC"},
            "end": {"dateTime": stamp(event.end), "timeZone": "UTC"},
            "location": {"displayName": event.location},
            "attendees": event.attendees.iter().map(|a| address(a)).collect::<Vec<_>>(),
        })
    };
    Ok(Json(json!({"value": found.into_iter().map(view).collect::<Vec<_>>()})))
}
