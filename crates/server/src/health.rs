//! Liveness and readiness.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{error::ApiError, state::App};

/// The process is alive.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The server can do its work: the database answers and accepts writes.
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.engine.check().await?;
    Ok(Json(json!({"status": "ready"})))
}
