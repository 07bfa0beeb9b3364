//! `DELETE /v1/connect/accounts/{account_id}`

use axum::extract::State;
use http::StatusCode;
use valetkey_engine::AccountRef;

use crate::{auth::Authenticated, error::ApiError, extract::Path, rest::openapi::Errors, state::App};

/// Delete a connected account
///
/// Revokes the grant at the provider as far as that lets us, then deletes account and credential. Its events and
/// executions stay. Needs `connected_accounts:revoke`.
#[utoipa::path(
    delete, path = "/v1/connect/accounts/{account_id}", operation_id = "deleteAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    responses((status = NO_CONTENT, description = "Deleted"), Errors)
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_account(&caller, &AccountRef::id(account_id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
