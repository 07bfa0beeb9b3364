//! The control API. It has no credential of its own: it listens on the loopback of whoever started it. What guards it
//! against web pages is that a POST must be JSON, which browsers do not send across origins without asking first, and
//! that nothing it answers is secret.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{ClientSetup, ControlError, Fault, Selection, Simulator};

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/journal", get(journal))
        .route("/journal/clear", post(clear_journal))
        .route("/counters", get(async |State(s): State<Simulator>| Json(s.counters())))
        .route("/grants", get(async |State(s): State<Simulator>| Json(json!({"grants": s.grants()}))))
        .route("/settings", get(async |State(s): State<Simulator>| Json(s.settings())).post(configure))
        .route("/expire-access-tokens", post(expire))
        .route("/revoke-grants", post(revoke))
        .route("/drop-scopes", post(drop_scopes))
        .route("/faults", get(faults).post(add_fault))
        .route("/faults/clear", post(clear_faults))
        .route("/clients", get(clients).post(register))
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JournalQuery {
    #[serde(default)]
    after: u64,
}

async fn journal(State(simulator): State<Simulator>, Query(query): Query<JournalQuery>) -> Json<Value> {
    let (entries, last_seq) = simulator.journal(query.after);
    Json(json!({"entries": entries, "last_seq": last_seq}))
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

async fn revoke(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let selection: Selection = read(&headers, &body)?;
    Ok(Json(json!({"affected": simulator.revoke_grants(&selection)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropScopes {
    user: Option<String>,
    client_id: Option<String>,
    scopes: Vec<String>,
}

async fn drop_scopes(State(simulator): State<Simulator>, headers: HeaderMap, body: Bytes) -> Answer {
    let DropScopes { user, client_id, scopes } = read(&headers, &body)?;
    Ok(Json(json!({"affected": simulator.drop_scopes(&Selection { user, client_id }, &scopes)})))
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
