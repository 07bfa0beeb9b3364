//! `POST /v1/connect/keys/{term}/retire`

use axum::{Json, extract::State};

use super::KeysBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Retire a term of the keyring
///
/// Removes its key for good. Refused with `key_term_in_use` while anything is sealed in it, and for a moment after a
/// rotation. Needs `server:manage`.
#[utoipa::path(
    post, path = "/v1/connect/keys/{term}/retire", operation_id = "retireKeyTerm", tag = "server",
    params(("term" = u32, Path, description = "The number of the term")),
    responses((status = OK, description = "The keyring without the term", body = KeysBody), Errors)
)]
pub(crate) async fn retire(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(term): Path<u32>,
) -> Reply<KeysBody> {
    Ok(Json(app.engine.retire_key_term(&caller, term).await?.into()))
}
