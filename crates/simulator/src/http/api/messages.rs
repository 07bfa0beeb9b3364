//! `GET /messages`, `GET /messages/{id}`, `POST /messages`

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::{ApiError, page, person_with_scope};
use crate::{
    Simulator,
    world::{Draft, Folder, Message, NotSent},
};

const MAX_RECIPIENTS: usize = 50;
const SNIPPET: usize = 80;

fn summary(message: &Message) -> Value {
    json!({
        "id": message.id,
        "thread_id": message.thread_id,
        "folder": message.folder,
        "from": message.from,
        "to": message.to,
        "cc": message.cc,
        "subject": message.subject,
        "snippet": message.body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SNIPPET).collect::<String>(),
        "unread": message.unread,
        "sent_at": message.sent_at.format(&Rfc3339).unwrap_or_default(),
    })
}

fn full(message: &Message) -> Value {
    let mut value = summary(message);
    value["body"] = json!(message.body);
    value
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    query: Option<String>,
    unread: Option<bool>,
    folder: Option<Folder>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    let query = page::query(query)?;
    let wanted = query.query.map(|text| text.to_lowercase());
    let mut messages: Vec<&Message> = person
        .messages
        .iter()
        .filter(|m| query.unread.is_none_or(|unread| m.unread == unread))
        .filter(|m| query.folder.is_none_or(|folder| m.folder == folder))
        .filter(|m| {
            wanted.as_deref().is_none_or(|text| {
                [&m.subject, &m.body, &m.from].iter().any(|field| field.to_lowercase().contains(text))
            })
        })
        .collect();
    messages.sort_by_key(|m| std::cmp::Reverse(m.sent_at));
    page::page("messages", messages.into_iter().map(summary).collect(), query.limit, query.cursor.as_deref())
}

pub(super) async fn get(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    let message = person.messages.iter().find(|m| m.id == id);
    message.map(|m| Json(full(m))).ok_or_else(|| ApiError::not_found("there is no such message"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    to: Vec<String>,
    #[serde(default)]
    cc: Vec<String>,
    subject: String,
    body: String,
    in_reply_to: Option<String>,
}

pub(super) async fn send(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let now = simulator.now();
    let mut state = simulator.state();
    let sender = person_with_scope(&mut state, &headers, "messages.send", now)?.username.clone();
    let new: NewMessage = page::body(&body)?;
    if new.to.is_empty() || new.to.len() + new.cc.len() > MAX_RECIPIENTS {
        return Err(ApiError::invalid("to", format!("give 1 to {MAX_RECIPIENTS} recipients")));
    }
    let is_address = |address: &String| matches!(address.split_once('@'), Some((name, host)) if !name.is_empty() && !host.is_empty() && !address.contains(char::is_whitespace));
    if !new.to.iter().all(is_address) {
        return Err(ApiError::invalid("to", "not an e-mail address"));
    }
    if !new.cc.iter().all(is_address) {
        return Err(ApiError::invalid("cc", "not an e-mail address"));
    }
    let NewMessage { to, cc, subject, body, in_reply_to } = new;
    let sent = state.world.send(&sender, Draft { to, cc, subject, body, in_reply_to }, now);
    drop(state);
    simulator.touch();
    match sent {
        Ok(message) => Ok((StatusCode::CREATED, Json(full(&message)))),
        Err(NotSent::UnknownMessage) => Err(ApiError::invalid("in_reply_to", "there is no such message")),
        Err(NotSent::Full) => Err(ApiError::full()),
        Err(NotSent::UnknownSender) => Err(ApiError::not_found("the user is gone")),
    }
}
