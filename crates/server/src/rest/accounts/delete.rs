//! `DELETE /v1/connect/accounts/{account_id}`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_engine::{AccountRef, End};

use super::disconnect::siblings;
use crate::{
    auth::Authenticated,
    error::ApiError,
    extract::{Path, Query},
    rest::openapi::Errors,
    state::App,
};

/// How an account shall end.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteAccount {
    /// What shall become of other accounts that the revocation would end too: `revoke` or `keep`. Left out, the request is
    /// refused if there are any.
    siblings: Option<String>,
}

/// Delete a connected account
///
/// Deletes account and credential, and revokes the grant at the provider as far as that lets us. Its events, the receipt
/// of the revocation among them, and its executions stay. Needs `connected_accounts:revoke`.
#[utoipa::path(
    delete, path = "/v1/connect/accounts/{account_id}", operation_id = "deleteAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`"), DeleteAccount),
    responses((status = NO_CONTENT, description = "Deleted"), Errors)
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    Query(query): Query<DeleteAccount>,
) -> Result<StatusCode, ApiError> {
    let siblings = siblings(query.siblings.as_deref())?;
    app.engine.end_account(&caller, &AccountRef::id(account_id), End::Delete, siblings).await?;
    Ok(StatusCode::NO_CONTENT)
}
