//! `GET /v1/connect/accounts/{account_id}`

use axum::{Json, extract::State};
use valetkey_engine::AccountRef;

use super::AccountBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get a connected account
///
/// To find one by `identifier` and `connection_name`, list with these filters. Needs `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/accounts/{account_id}", operation_id = "getAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    responses((status = OK, description = "The account", body = AccountBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
) -> Reply<AccountBody> {
    Ok(Json(app.engine.find_account(&caller, &AccountRef::id(account_id)).await?.into()))
}
