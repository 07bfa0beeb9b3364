//! `POST /v1/connect/accounts`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use valetkey_engine::NewAccount;

use super::{AccountBody, credential::CredentialBody};
use crate::{
    auth::Authenticated,
    error::ApiError,
    extract::Json,
    rest::{common::filled, openapi::Errors},
    state::App,
};

/// An account to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAccount {
    /// The name (or id) of the connection.
    #[schema(example = "gmail")]
    connection_name: String,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: String,
    /// A name that tells the account apart from others of this identifier on the connection: letters, digits, `_`, `-`,
    /// `.` and spaces. Leave it out for the only one.
    #[schema(example = "work")]
    account_name: Option<String>,
    /// Your own id of the user's organization.
    organization_id: Option<String>,
    /// Your own further user id.
    user_id: Option<String>,
    /// Free settings to keep with the account.
    #[schema(value_type = Option<Object>)]
    api_config: Option<Map<String, Value>>,
    /// A credential to import; without one the account waits for its user.
    credential: Option<CredentialBody>,
    /// Stores imported fields without trying them out with the connector's cheapest read call.
    #[serde(default)]
    skip_probe: bool,
}

/// Create a connected account
///
/// Without a credential it is `PENDING` until its user has followed an authorization link. Needs
/// `connected_accounts:write`.
#[utoipa::path(
    post, path = "/v1/connect/accounts", operation_id = "createAccount", tag = "accounts",
    request_body = CreateAccount,
    responses((status = CREATED, description = "The account", body = AccountBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateAccount>,
) -> Result<(StatusCode, axum::Json<AccountBody>), ApiError> {
    let new = NewAccount {
        connection_name: body.connection_name,
        identifier: body.identifier,
        name: filled(body.account_name),
        organization_id: body.organization_id,
        user_id: body.user_id,
        api_config: body.api_config.map(Value::Object),
        credential: body.credential.map(Into::into),
        probe: !body.skip_probe,
    };
    let view = app.engine.create_account(&caller, new).await?;
    Ok((StatusCode::CREATED, axum::Json(view.into())))
}
