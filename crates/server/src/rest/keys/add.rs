//! `POST /v1/connect/keys`

use axum::{Json, extract::State};

use super::KeysBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Add a term to the keyring
///
/// It does not seal yet: the next rotation takes it. Needs `server:manage`.
#[utoipa::path(
    post, path = "/v1/connect/keys", operation_id = "addKeyTerm", tag = "server",
    responses((status = OK, description = "The keyring with the new term", body = KeysBody), Errors)
)]
pub(crate) async fn add(State(app): State<App>, Authenticated(caller): Authenticated) -> Reply<KeysBody> {
    Ok(Json(app.engine.add_key_term(&caller).await?.into()))
}
