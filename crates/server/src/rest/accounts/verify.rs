//! `POST /v1/connect/accounts/verify`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AccountBody;
use crate::{
    auth::Authenticated,
    extract::Json,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Who finished the authorization.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyUser {
    /// The `auth_request_id` that your `user_verify_url` received.
    auth_request_id: String,
    /// Your own id of the user who is signed in to your app in that browser.
    #[schema(example = "user_123")]
    identifier: String,
}

/// A confirmed user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerifiedUser)]
pub(crate) struct VerifiedUserBody {
    /// The account, now `ACTIVE`.
    account: AccountBody,
    /// Send the user here next: a page that says it is done.
    post_user_verify_redirect_url: String,
}

/// Confirm the user of an authorization
///
/// For links made with `user_verify_url`: the account is `PENDING_VERIFICATION` until you confirm that the user who
/// finished is the one the link was for. Needs `connected_accounts:access`.
#[utoipa::path(
    post, path = "/v1/connect/accounts/verify", operation_id = "verifyUser", tag = "accounts",
    request_body = VerifyUser,
    responses((status = OK, description = "Confirmed", body = VerifiedUserBody), Errors)
)]
pub(crate) async fn verify(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<VerifyUser>,
) -> Reply<VerifiedUserBody> {
    let verified = app.engine.verify_user(&caller, &body.auth_request_id, &body.identifier).await?;
    Ok(axum::Json(VerifiedUserBody {
        account: verified.account.into(),
        post_user_verify_redirect_url: verified.post_user_verify_redirect_url.into(),
    }))
}
