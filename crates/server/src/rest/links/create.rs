//! `POST /v1/connect/authorization-links`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::{AccountRef, LinkOptions};

use super::LinkBody;
use crate::{auth::Authenticated, error::ApiError, extract::Json, rest::openapi::Errors, state::App};

/// A link to make.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateAuthorizationLink)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateLink {
    /// The name (or id) of the connection.
    #[schema(example = "gmail")]
    connection_name: String,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: String,
    /// Which of several accounts of the identifier on the connection. Without it: the unnamed one, else the only one.
    #[schema(example = "work")]
    account_name: Option<String>,
    /// Your own id of the user's organization.
    organization_id: Option<String>,
    /// Your own further user id.
    user_id: Option<String>,
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

/// Make an authorization link
///
/// The account is created if it does not exist. Needs `connected_accounts:access`.
#[utoipa::path(
    post, path = "/v1/connect/authorization-links", operation_id = "createAuthorizationLink", tag = "accounts",
    request_body = CreateLink,
    responses((status = CREATED, description = "The link, shown once", body = LinkBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateLink>,
) -> Result<(StatusCode, axum::Json<LinkBody>), ApiError> {
    let account = AccountRef {
        name: body.account_name,
        organization_id: body.organization_id,
        user_id: body.user_id,
        ..AccountRef::named(body.connection_name, body.identifier)
    };
    let options = LinkOptions {
        state: body.state,
        user_verify_url: body.user_verify_url,
        scopes: body.scopes,
        add_scopes: body.add_scopes,
    };
    let link = app.engine.authorization_link(&caller, &account, options).await?;
    Ok((StatusCode::CREATED, axum::Json(link.into())))
}
