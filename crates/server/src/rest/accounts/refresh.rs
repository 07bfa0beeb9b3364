//! `POST /v1/connect/accounts/{account_id}/refresh`

use axum::{Json, extract::State};
use valetkey_engine::AccountRef;

use super::AccountBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Refresh an account's credential
///
/// Renews it now, whether or not it is due. Needs `connected_accounts:write`.
#[utoipa::path(
    post, path = "/v1/connect/accounts/{account_id}/refresh", operation_id = "refreshAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    responses((status = OK, description = "The account with its renewed credential", body = AccountBody), Errors)
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
) -> Reply<AccountBody> {
    Ok(Json(app.engine.refresh_account(&caller, &AccountRef::id(account_id)).await?.into()))
}
