//! As much of Slack's Web API as it takes to try its connector. A workspace is an organization; its one channel is
//! made of the mail of whoever connected.

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    api::{ApiError, Why, person, person_with_scope},
    observe::bearer,
    token::team_id,
};
use crate::{
    Ending, Simulator,
    world::{APP_USER, Draft, Message, Person},
};

/// The channel that everybody is in.
const CHANNEL: &str = "C_general";

type Answer = Result<Json<Value>, ApiError>;

pub(super) fn router() -> Router<Simulator> {
    let methods = Router::new()
        .route("/auth.test", post(test))
        .route("/auth.revoke", post(revoke))
        .route("/conversations.list", post(channels))
        .route("/conversations.history", post(history))
        .route("/chat.postMessage", post(send))
        .route("/users.list", post(users))
        .fallback(|| async { unknown_method() });
    Router::new().nest("/slack/api", methods)
}

fn unknown_method() -> Response {
    ApiError::new(Why::Method, "no such method").into_response()
}

fn user_id(person: &Person) -> String {
    format!("U_{}", person.username)
}

async fn test(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    state.counters.api_calls += 1;
    let (person, _) = person(&mut state, &headers, simulator.now())?;
    Ok(Json(json!({
        "ok": true,
        "url": format!("https://{}.slack.example/", person.tenant),
        "team": person.tenant,
        "team_id": team_id(&person.tenant),
        "user": person.username,
        "user_id": user_id(person),
        "bot_id": "B0SANDBOX",
    })))
}

async fn revoke(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    person(&mut state, &headers, simulator.now())?;
    let grant = bearer(&headers).and_then(|token| state.grants.find(token)).map(|(token, _)| token.grant);
    if let Some(grant) = grant {
        state.grants.end_grant(grant, Ending::Client);
        state.counters.revocations += 1;
    }
    drop(state);
    simulator.touch();
    Ok(Json(json!({"ok": true, "revoked": true})))
}

async fn channels(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    person_with_scope(&mut state, &headers, "channels.read", simulator.now())?;
    let general = json!({
        "id": CHANNEL,
        "name": "general",
        "is_private": false,
        "is_archived": false,
        "is_member": true,
        "topic": {"value": ""},
        "purpose": {"value": "Everybody"},
    });
    Ok(Json(json!({"ok": true, "channels": [general], "response_metadata": {"next_cursor": ""}})))
}

/// The fields of a call, which come as a form or as JSON.
fn fields(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let pairs = form_urlencoded::parse(body).into_owned();
        Value::Object(pairs.map(|(name, value)| (name, json!(value))).collect())
    })
}

fn ts(message: &Message) -> String {
    // Within one second the messages of one person are told apart by their number.
    let number = message.id.rsplit('_').next().unwrap_or_default();
    format!("{}.{number:0>6}", message.sent_at.unix_timestamp())
}

fn view(message: &Message) -> Value {
    json!({"type": "message", "ts": ts(message), "user": message.from, "text": message.body})
}

fn require_channel(fields: &Value) -> Result<(), ApiError> {
    match fields["channel"].as_str() {
        Some(CHANNEL | "general" | "#general") => Ok(()),
        Some(_) => Err(ApiError::new(Why::NotFound, "there is no such channel")),
        None => Err(ApiError::new(Why::Invalid, "missing required field: channel")),
    }
}

async fn history(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let mut state = simulator.state();
    let person = person_with_scope(&mut state, &headers, "messages.read", simulator.now())?;
    require_channel(&fields(&body))?;
    let mut messages: Vec<&Message> = person.messages.iter().collect();
    messages.sort_by_key(|m| std::cmp::Reverse(m.sent_at));
    let messages: Vec<Value> = messages.into_iter().map(view).collect();
    Ok(Json(json!({"ok": true, "messages": messages, "has_more": false})))
}

async fn send(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = simulator.now();
    let mut state = simulator.state();
    let sender = person_with_scope(&mut state, &headers, "messages.send", now)?.username.clone();
    let fields = fields(&body);
    require_channel(&fields)?;
    let text = fields["text"].as_str().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| ApiError::new(Why::Invalid, "no text"))?.to_owned();
    let draft = Draft {
        to: vec![CHANNEL.to_owned()],
        cc: Vec::new(),
        subject: String::new(),
        body: text,
        in_reply_to: None,
    };
    let sent = state.world.send(&sender, draft, now);
    drop(state);
    simulator.touch();
    let sent = sent.map_err(|_| ApiError::new(Why::Full, "the account is full"))?;
    Ok(Json(json!({"ok": true, "channel": CHANNEL, "ts": ts(&sent), "message": view(&sent)})))
}

async fn users(State(simulator): State<Simulator>, headers: HeaderMap) -> Answer {
    let mut state = simulator.state();
    let tenant = person_with_scope(&mut state, &headers, "profile", simulator.now())?.tenant.clone();
    let members = state.world.people.values().filter(|p| p.tenant == tenant && p.username != APP_USER);
    let members: Vec<Value> = members
        .map(|p| {
            json!({
                "id": user_id(p),
                "team_id": team_id(&p.tenant),
                "name": p.username,
                "deleted": p.suspended,
                "real_name": p.name,
                "profile": {"email": p.email, "real_name": p.name},
            })
        })
        .collect();
    Ok(Json(json!({"ok": true, "members": members, "response_metadata": {"next_cursor": ""}})))
}
