//! `POST /v1/connect/accounts/{account_id}/disconnect`

use axum::{Json, extract::State};
use valetkey_engine::AccountRef;

use super::AccountBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Disconnect an account
///
/// Revokes the grant at the provider as far as that lets us and erases the credential; the account stays, with its
/// history. Needs `connected_accounts:revoke`.
#[utoipa::path(
    post, path = "/v1/connect/accounts/{account_id}/disconnect", operation_id = "disconnectAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    responses((status = OK, description = "The account, disconnected", body = AccountBody), Errors)
)]
pub(crate) async fn disconnect(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
) -> Reply<AccountBody> {
    Ok(Json(app.engine.disconnect_account(&caller, &AccountRef::id(account_id)).await?.into()))
}
