//! `POST /v1/connect/keys/rotate`

use axum::{Json, extract::State};

use super::KeysBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Rotate the keyring
///
/// The next term seals from now on, on every server, and everything sealed before is sealed anew in the background:
/// `remaining` tells how much is left. Needs `server:manage`.
#[utoipa::path(
    post, path = "/v1/connect/keys/rotate", operation_id = "rotateKeys", tag = "server",
    responses((status = OK, description = "The keyring after the rotation", body = KeysBody), Errors)
)]
pub(crate) async fn rotate(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<KeysBody> {
    Ok(Json(app.engine.rotate_keys(&caller).await?.into()))
}
