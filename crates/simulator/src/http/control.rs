//! The control API. It has no credential of its own: it listens on the loopback of whoever started it. What guards it
//! against web pages is that a POST must be JSON, which browsers do not send across origins without asking first, and
//! that nothing it answers is secret.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{ClientSetup, ClockMove, ControlError, Ending, Fault, JournalFilter, Selection, Simulator};

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/journal", get(journal))
        .route("/journal/clear", post(clear_journal))
        .route("/journal/tokens", get(tokens))
        .route("/counters", get(async |State(s): State<Simulator>| Json(s.counters())))
        .route("/grants", get(async |State(s): State<Simulator>| Json(json!({"grants": s.grants()}))))
        .route("/settings", get(async |State(s): State<Simulator>| Json(s.settings())).post(configure))
        .route("/users", get(async |State(s): State<Simulator>| Json(json!({"users": s.people()}))))
        .route("/clock", get(async |State(s): State<Simulator>| Json(s.clock())).post(move_clock))
        .route("/expire-access-tokens", post(expire))
        .route("/expire-refresh-tokens", post(expire_refresh))
        .route("/expire-grants", post(expire_grants))
        .route("/revoke-grants", post(revoke))
        .route("/change-password", post(change_password))
        .route("/suspend-user", post(suspend))
        .route("/drop-scopes", post(drop_scopes))
        .route("/faults", get(faults).post(add_fault))
        .route("/faults/clear", post(clear_faults))
        .route("/clients", get(clients).post(register))
        .route("/clients/remove", post(remove_client))
        .route("/reset", post(reset))
        .fallback(|| async {
            refusal(StatusCode::NOT_FOUND, "not_found", "the control API has nothing at this path")
        })
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}

/// Why a control request was not obeyed.
enum Refused {
    NotJson,
    Invalid(ControlError),
}

impl From<ControlError> for Refused {
    fn from(error: ControlError) -> Self {
        Self::Invalid(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::NotJson => refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send content-type: application/json",
            ),
            Self::Invalid(error) => refusal(StatusCode::BAD_REQUEST, "invalid_request", &error.0),
        }
    }
}

type Answer = Result<Json<Value>, Refused>;

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T, Refused> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !media_type.starts_with("application/json") {
        return Err(Refused::NotJson);
    }
    serde_json::from_slice(body).map_err(|error| ControlError(error.to_string()).into())
}

/// A body that has nothing to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

type Filter = Result<Query<JournalFilter>, QueryRejection>;

fn filter(query: Filter) -> Result<JournalFilter, Refused> {
    query.map(|Query(filter)| filter).map_err(|rejection| ControlError(rejection.body_text()).into())
}

async fn journal(State(simulator): State<Simulator>, query: Filter) -> Answer {
    let (entries, last_seq) = simulator.journal_of(&filter(query)?);
    Ok(Json(json!({"entries": entries, "last_seq": last_seq})))
}

async fn tokens(State(simulator): State<Simulator>, query: Filter) -> Answer {
    Ok(Json(json!({"tokens": simulator.tokens_of(&filter(query)?)})))
}

async fn clear_journal(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    read::<Nothing>(&headers, &body)?;
    simulator.clear_journal();
    Ok(Json(json!({})))
}

async fn configure(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let patch: Value = read(&headers, &body)?;
    let settings = simulator.configure(&patch)?;
    Ok(Json(json!(settings)))
}

async fn expire(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let selection: Selection = read(&headers, &body)?;
    Ok(Json(json!({"affected": simulator.expire_access_tokens(&selection)})))
}

async fn expire_refresh(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let selection: Selection = read(&headers, &body)?;
    Ok(Json(json!({"affected": simulator.expire_refresh_tokens(&selection)})))
}

async fn expire_grants(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let selection: Selection = read(&headers, &body)?;
    Ok(Json(json!({"affected": simulator.expire_grants(&selection)})))
}

/// Who takes a grant away.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    #[default]
    User,
    Admin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    user: Option<String>,
    client_id: Option<String>,
    grant: Option<u64>,
    #[serde(default)]
    by: By,
}

async fn revoke(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let Revoke { user, client_id, grant, by } = read(&headers, &body)?;
    let ending = match by {
        By::User => Ending::User,
        By::Admin => Ending::Admin,
    };
    let selection = Selection { user, client_id, grant };
    Ok(Json(json!({"affected": simulator.end_grants(&selection, ending)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUser {
    user: String,
}

async fn change_password(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let OfUser { user } = read(&headers, &body)?;
    Ok(Json(json!({"affected": simulator.change_password(&user)?})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspend {
    user: String,
    #[serde(default = "yes")]
    suspended: bool,
}

const fn yes() -> bool {
    true
}

async fn suspend(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let Suspend { user, suspended } = read(&headers, &body)?;
    simulator.suspend(&user, suspended)?;
    Ok(Json(json!({"users": simulator.people()})))
}

async fn move_clock(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let change: ClockMove = read(&headers, &body)?;
    Ok(Json(json!(simulator.move_clock(&change)?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveClient {
    client_id: String,
}

async fn remove_client(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let RemoveClient { client_id } = read(&headers, &body)?;
    Ok(Json(json!({"affected": usize::from(simulator.remove_client(&client_id))})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropScopes {
    user: Option<String>,
    client_id: Option<String>,
    grant: Option<u64>,
    scopes: Vec<String>,
}

async fn drop_scopes(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let DropScopes { user, client_id, grant, scopes } = read(&headers, &body)?;
    let selection = Selection { user, client_id, grant };
    Ok(Json(json!({"affected": simulator.drop_scopes(&selection, &scopes)})))
}

async fn faults(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({"faults": simulator.faults()}))
}

async fn add_fault(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let fault: Fault = read(&headers, &body)?;
    simulator.add_fault(fault)?;
    Ok(Json(json!({"faults": simulator.faults()})))
}

async fn clear_faults(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    read::<Nothing>(&headers, &body)?;
    simulator.clear_faults();
    Ok(Json(json!({})))
}

async fn clients(State(simulator): State<Simulator>) -> Json<Value> {
    Json(json!({"clients": simulator.clients()}))
}

async fn register(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let setup: ClientSetup = read(&headers, &body)?;
    let client = simulator.register_client(setup)?;
    Ok(Json(json!(client)))
}

async fn reset(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    read::<Nothing>(&headers, &body)?;
    simulator.reset();
    Ok(Json(json!({})))
}
