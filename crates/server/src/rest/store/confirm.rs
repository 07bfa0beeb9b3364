//! `POST /v1/connect/store/confirm`

use axum::{Json, extract::State};

use super::StoreBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Confirm that this database goes on
///
/// Say this when no other server works on the original or a copy of it: grants that were held back are renewed again.
/// Needs `server:manage`.
#[utoipa::path(
    post, path = "/v1/connect/store/confirm", operation_id = "confirmStore", tag = "server",
    responses((status = OK, description = "The state of the database, confirmed", body = StoreBody), Errors)
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Reply<StoreBody> {
    Ok(Json(app.engine.confirm_store(&caller).await?.into()))
}
