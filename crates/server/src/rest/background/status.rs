//! `GET /v1/connect/background`

use axum::{Json, extract::State};
use valetkey_domain::Permission;

use super::BackgroundBody;
use crate::{
    auth::Authenticated,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Read how the background is doing
///
/// The jobs of the process that answers: when each last ran, how much it has done, and what it failed with. A process
/// of the role `worker` answers this too, beside its health. Needs `server:manage`.
#[utoipa::path(
    get, path = "/v1/connect/background", operation_id = "getBackground", tag = "server",
    responses((status = OK, description = "The background of this process", body = BackgroundBody), Errors)
)]
pub(crate) async fn status(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Reply<BackgroundBody> {
    caller.require(Permission::ServerManage)?;
    Ok(Json(BackgroundBody::of(app.options.background.as_deref())))
}
