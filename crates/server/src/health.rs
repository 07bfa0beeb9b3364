//! Liveness and readiness.

use axum::{Json, extract::State};
use serde_json::{Value, json};
use valetkey_engine::Background;

use crate::{error::ApiError, state::App};

/// The process is alive.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// The server can do its work: the database answers and accepts writes. Beside that it says which deployment answers,
/// so that `valetkey doctor system` can tell whether the public URL leads here, and how its background is.
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    app.engine.check().await?;
    let server = app.engine.server_mark().await?;
    let background = background(app.options.background.as_deref());
    Ok(Json(json!({"status": "ready", "server": server, "background": background})))
}

/// `off` if this process does not do that work; `failing` if the last run of any job failed.
fn background(background: Option<&Background>) -> &'static str {
    match background {
        None => "off",
        Some(jobs) if jobs.status().values().any(|job| job.last_error.is_some()) => "failing",
        Some(_) => "alive",
    }
}
