//! `POST /v1/connect/accounts/{account_id}/authorization-link`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::{AccountRef, LinkOptions};

use super::LinkBody;
use crate::{
    auth::Authenticated,
    error::ApiError,
    extract::{MaybeJson, Path},
    rest::openapi::Errors,
    state::App,
};

/// What the link shall do beside authorizing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = CreateAccountAuthorizationLink)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAccountLink {
    /// Handed through to `user_verify_url` untouched.
    state: Option<String>,
    /// Where the user goes afterwards, so that your app can confirm who it is.
    user_verify_url: Option<String>,
    /// Fewer scopes than the connection asks for; all of them when left out.
    #[serde(default)]
    scopes: Vec<String>,
    /// A step up: these scopes on top of those that the connection asks for and those that the account has already.
    #[serde(default)]
    add_scopes: Vec<String>,
}

/// Make an authorization link for an account
///
/// For a new account or to authorize again; an `ACTIVE` account goes on working meanwhile. Needs
/// `connected_accounts:access`.
#[utoipa::path(
    post, path = "/v1/connect/accounts/{account_id}/authorization-link",
    operation_id = "createAccountAuthorizationLink", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    request_body(content = Option<CreateAccountLink>),
    responses((status = CREATED, description = "The link, shown once", body = LinkBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    MaybeJson(body): MaybeJson<CreateAccountLink>,
) -> Result<(StatusCode, axum::Json<LinkBody>), ApiError> {
    let options = LinkOptions {
        state: body.state,
        user_verify_url: body.user_verify_url,
        scopes: body.scopes,
        add_scopes: body.add_scopes,
    };
    let link = app.engine.authorization_link(&caller, &AccountRef::id(account_id), options).await?;
    Ok((StatusCode::CREATED, axum::Json(link.into())))
}
