//! `GET /v1/connect/keys`

use axum::{Json, extract::State};

use super::KeysBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Read the keyring
///
/// Counts everything that is sealed. Needs `server:manage`.
#[utoipa::path(
    get, path = "/v1/connect/keys", operation_id = "getKeys", tag = "server",
    responses((status = OK, description = "The keyring", body = KeysBody), Errors)
)]
pub(crate) async fn status(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<KeysBody> {
    Ok(Json(app.engine.keys_status(&caller).await?.into()))
}
