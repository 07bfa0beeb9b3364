//! `PATCH /v1/connect/accounts/{account_id}`

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use valetkey_engine::{AccountRef, AccountUpdate};

use super::{AccountBody, credential::CredentialBody};
use crate::{
    auth::Authenticated,
    extract::{Json, Path},
    rest::{
        common::{Reply, nullable},
        openapi::Errors,
    },
    state::App,
};

/// A change of an account. A field that is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateAccount {
    /// Another organization id; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    organization_id: Option<Option<String>>,
    /// Another user id; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    user_id: Option<Option<String>>,
    /// Other free settings; replaces all of them.
    #[schema(value_type = Option<Object>)]
    api_config: Option<Map<String, Value>>,
    /// Another credential; the account is `ACTIVE` afterwards.
    credential: Option<CredentialBody>,
    /// Stores imported fields without trying them out with the connector's cheapest read call.
    #[serde(default)]
    skip_probe: bool,
}

/// Change a connected account
///
/// Needs `connected_accounts:write`.
#[utoipa::path(
    patch, path = "/v1/connect/accounts/{account_id}", operation_id = "updateAccount", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`")),
    request_body = UpdateAccount,
    responses((status = OK, description = "The account after the change", body = AccountBody), Errors)
)]
pub(crate) async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    Json(body): Json<UpdateAccount>,
) -> Reply<AccountBody> {
    let update = AccountUpdate {
        organization_id: body.organization_id,
        user_id: body.user_id,
        api_config: body.api_config.map(Value::Object),
        credential: body.credential.map(Into::into),
        skip_probe: body.skip_probe,
    };
    let view = app.engine.update_account(&caller, &AccountRef::id(account_id), update).await?;
    Ok(axum::Json(view.into()))
}
