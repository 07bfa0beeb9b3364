//! `POST /v1/connect/clients/{client_id}/disable`

use axum::{Json, extract::State};

use super::ClientBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Disable an API client
///
/// Its access tokens and static tokens stop working at once. Needs `api_clients:manage`.
#[utoipa::path(
    post, path = "/v1/connect/clients/{client_id}/disable", operation_id = "disableClient", tag = "api clients",
    params(("client_id" = String, Path, description = "The client")),
    responses((status = OK, description = "The client, disabled", body = ClientBody), Errors)
)]
pub(crate) async fn disable(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(client_id): Path<String>,
) -> Reply<ClientBody> {
    Ok(Json(app.engine.disable_api_client(&caller, &client_id).await?.into()))
}
