//! As much of Gmail, Google Calendar and Google Drive as it takes to try their connectors: the same people and data as
//! in the simulator's own API, in Google's paths and shapes.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use valetkey_domain::Time;

use super::api::{ApiError, Why, person_with_scope};
use crate::{
    Simulator,
    world::{Draft, Event, File, Folder, Message, Person},
};

type Answer = Result<Json<Value>, ApiError>;

pub(super) fn router() -> Router<Simulator> {
    let gmail = Router::new()
        .route("/profile", get(profile))
        .route("/messages", get(messages))
        .route("/messages/{id}", get(message))
        .route("/messages/send", post(send));
    Router::new()
        .nest("/gmail/v1/users/me", gmail)
        .route("/calendar/v3/users/me/calendarList", get(calendars))
        .route("/calendar/v3/calendars/{id}/events", get(events).post(create_event))
        .route("/drive/v3/about", get(about))
        .route("/drive/v3/files", get(files))
        .route("/drive/v3/files/{id}", get(file))
}

fn not_found() -> ApiError {
    ApiError::new(Why::NotFound, "not found")
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Why::Invalid, message)
}

async fn profile(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    Ok(Json(json!({
        "emailAddress": person.email,
        "messagesTotal": person.messages.len(),
        "threadsTotal": person.messages.len(),
        "historyId": person.last_number.to_string(),
    })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Search {
    q: Option<String>,
    #[serde(rename = "maxResults")]
    max: Option<usize>,
}

async fn messages(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Query(search): Query<Search>,
) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    let wanted = search.q.unwrap_or_default().to_lowercase();
    let fits = |m: &&Message| {
        [&m.subject, &m.body, &m.from].iter().any(|field| field.to_lowercase().contains(&wanted))
    };
    let mut found: Vec<&Message> = person.messages.iter().filter(fits).collect();
    found.sort_by_key(|m| std::cmp::Reverse(m.sent_at));
    let total = found.len();
    let shown: Vec<Value> = found
        .into_iter()
        .take(search.max.unwrap_or(100))
        .map(|m| json!({"id": m.id, "threadId": m.thread_id}))
        .collect();
    Ok(Json(json!({"messages": shown, "resultSizeEstimate": total})))
}

fn labels(message: &Message) -> Vec<&'static str> {
    let mut labels = vec![match message.folder {
        Folder::Inbox => "INBOX",
        Folder::Sent => "SENT",
    }];
    labels.extend(message.unread.then_some("UNREAD"));
    labels
}

fn full(message: &Message) -> Value {
    let header = |name: &str, value: String| json!({"name": name, "value": value});
    json!({
        "id": message.id,
        "threadId": message.thread_id,
        "labelIds": labels(message),
        "snippet": message.body.chars().take(100).collect::<String>(),
        "internalDate": (message.sent_at.unix_timestamp() * 1_000).to_string(),
        "payload": {
            "mimeType": "text/plain",
            "headers": [
                header("From", message.from.clone()),
                header("To", message.to.join(", ")),
                header("Cc", message.cc.join(", ")),
                header("Subject", message.subject.clone()),
                header("Message-ID", format!("<{}@example.com>", message.id)),
            ],
            "body": {"size": message.body.len(), "data": URL_SAFE.encode(&message.body)},
        },
    })
}

async fn message(State(simulator): State<Simulator>, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    person.messages.iter().find(|m| m.id == id).map(|m| Json(full(m))).ok_or_else(not_found)
}

#[derive(Deserialize)]
struct Raw {
    raw: String,
}

/// The addresses, subject and text of a message as mail programs write it (RFC 5322). Encodings of parts are left as
/// they are: who looks here looks for what was sent.
fn draft(raw: &str) -> Option<Draft> {
    let bytes = URL_SAFE_NO_PAD.decode(raw.trim_end_matches('=')).ok()?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let field = |name: &str| {
        let named = |line: &&str| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, v)| v.trim().to_owned())
    };
    let addresses = |name: &str| -> Vec<String> {
        let list = field(name).unwrap_or_default();
        let bare = |part: &str| {
            let inner = part.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(a, _)| a);
            inner.unwrap_or(part).trim().to_owned()
        };
        list.split(',').map(bare).filter(|address| address.contains('@')).collect()
    };
    let draft = Draft {
        to: addresses("To"),
        cc: addresses("Cc"),
        subject: field("Subject").unwrap_or_default(),
        body: body.to_owned(),
        in_reply_to: None,
    };
    (!draft.to.is_empty()).then_some(draft)
}

async fn send(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = simulator.now();
    let mut state = simulator.state();
    let sender = person_with_scope(&mut state, &headers, "messages.send", now)?.username.clone();
    let Raw { raw } = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    let draft = draft(&raw).ok_or_else(|| invalid("Recipient address required"))?;
    let sent = state.world.send(&sender, draft, now);
    drop(state);
    simulator.touch();
    let sent = sent.map_err(|_| ApiError::new(Why::Full, "the account is full"))?;
    Ok(Json(json!({"id": sent.id, "threadId": sent.thread_id, "labelIds": labels(&sent)})))
}

async fn calendars(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "events.read", simulator.now())?;
    let primary = json!({
        "id": person.email,
        "summary": person.email,
        "timeZone": person.time_zone,
        "accessRole": "owner",
        "primary": true,
    });
    Ok(Json(json!({"items": [primary]})))
}

fn own_calendar(person: &Person, id: &str) -> Result<(), ApiError> {
    if id == "primary" || id == person.email { Ok(()) } else { Err(not_found()) }
}

fn event_view(event: &Event) -> Value {
    let at = |time: Time| json!({"dateTime": time.format(&Rfc3339).unwrap_or_default()});
    json!({
        "id": event.id,
        "status": "confirmed",
        "summary": event.title,
        "description": event.description,
        "location": event.location,
        "start": at(event.start),
        "end": at(event.end),
        "attendees": event.attendees.iter().map(|a| json!({"email": a})).collect::<Vec<_>>(),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Span {
    #[serde(rename = "timeMin")]
    from: Option<String>,
    #[serde(rename = "timeMax")]
    to: Option<String>,
}

fn time_of(text: Option<&str>) -> Result<Option<Time>, ApiError> {
    text.map(|text| Time::parse(text, &Rfc3339).map_err(|_| invalid("Bad Request"))).transpose()
}

async fn events(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(span): Query<Span>,
) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "events.read", simulator.now())?;
    own_calendar(person, &id)?;
    let (from, to) = (time_of(span.from.as_deref())?, time_of(span.to.as_deref())?);
    let mut found: Vec<&Event> = person
        .events
        .iter()
        .filter(|e| from.is_none_or(|from| e.end > from) && to.is_none_or(|to| e.start < to))
        .collect();
    found.sort_by_key(|e| e.start);
    let items: Vec<Value> = found.into_iter().map(event_view).collect();
    Ok(Json(json!({"summary": person.email, "timeZone": person.time_zone, "items": items})))
}

async fn create_event(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "events.write", simulator.now())?;
    own_calendar(person, &id)?;
    let new: Value = serde_json::from_slice(&body).map_err(|error| invalid(error.to_string()))?;
    let text = |name: &str| new[name].as_str().map(str::to_owned);
    let at = |name: &str| time_of(new[name]["dateTime"].as_str())?.ok_or_else(|| invalid("Missing time."));
    let (start, end) = (at("start")?, at("end")?);
    if end <= start {
        return Err(invalid("The specified time range is empty."));
    }
    let attendees = new["attendees"].as_array().into_iter().flatten();
    let event = Event {
        id: person.next_id("evt"),
        title: text("summary").unwrap_or_default(),
        start,
        end,
        location: text("location"),
        description: text("description"),
        attendees: attendees.filter_map(|a| a["email"].as_str().map(str::to_owned)).collect(),
    };
    let full = || ApiError::new(Why::Full, "the account is full");
    let created = person.add_event(event).map(event_view).ok_or_else(full)?;
    drop(state);
    simulator.touch();
    Ok(Json(created))
}

async fn about(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "files.read", simulator.now())?;
    let user = json!({"displayName": person.name, "emailAddress": person.email, "permissionId": person.id()});
    Ok(Json(json!({"user": user})))
}

fn file_view(file: &File) -> Value {
    json!({
        "id": file.id,
        "name": file.name,
        "mimeType": file.mime_type,
        "size": file.content.len().to_string(),
        "modifiedTime": file.modified_at.format(&Rfc3339).unwrap_or_default(),
    })
}

async fn files(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "files.read", simulator.now())?;
    Ok(Json(json!({"files": person.files.iter().map(file_view).collect::<Vec<_>>()})))
}

async fn file(State(simulator): State<Simulator>, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "files.read", simulator.now())?;
    person.files.iter().find(|file| file.id == id).map(|file| Json(file_view(file))).ok_or_else(not_found)
}
