//! `DELETE /v1/connect/tokens/{token_id}`

use axum::{Json, extract::State};

use super::TokenBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Revoke a static API token
///
/// Effective at once. Needs `api_clients:manage`.
#[utoipa::path(
    delete, path = "/v1/connect/tokens/{token_id}", operation_id = "revokeToken", tag = "api clients",
    params(("token_id" = String, Path, description = "`tok_…`")),
    responses((status = OK, description = "The token, revoked", body = TokenBody), Errors)
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(token_id): Path<String>,
) -> Reply<TokenBody> {
    Ok(Json(app.engine.revoke_api_token(&caller, &token_id).await?.into()))
}
