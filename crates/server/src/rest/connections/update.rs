//! `PATCH /v1/connect/connections/{connection}`

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::ConnectionUpdate;

use super::{ConnectionBody, OverridesBody, PolicyBody, secret_end::SecretEnd};
use crate::{
    auth::Authenticated,
    extract::{Json, Path},
    rest::{
        common::{Reply, Secret, nullable},
        openapi::Errors,
    },
    state::App,
};

/// A change of a connection. A field that is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateConnection {
    /// Another name.
    name: Option<String>,
    /// Another OAuth client; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    client_id: Option<Option<String>>,
    /// Another client secret; `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Secret>)]
    client_secret: Option<Option<Secret>>,
    /// When the client secret ends at the provider, as at creation; `null` where it does not. A new `client_secret` forgets
    /// the end of the old one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    client_secret_expires_at: Option<Option<SecretEnd>>,
    /// Whether to use the operator-wide OAuth client.
    use_shared_credentials: Option<bool>,
    /// Other scopes.
    scopes: Option<Vec<String>>,
    /// Other base URLs; replaces all of them.
    overrides: Option<OverridesBody>,
    /// Other values for URL templates; replaces all of them.
    variables: Option<BTreeMap<String, String>>,
    /// What to do when a user authorizes again but signs in to another account at the provider than before.
    identity_policy: Option<PolicyBody>,
    /// The longest that a call may take, in milliseconds; `null` leaves it to connector and server.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3_600_000)]
    call_timeout_ms: Option<Option<u32>>,
    /// Whether it is enabled.
    enabled: Option<bool>,
}

/// Change a connection
///
/// Needs `connections:write`.
#[utoipa::path(
    patch, path = "/v1/connect/connections/{connection}", operation_id = "updateConnection", tag = "connections",
    params(("connection" = String, Path, description = "Id or name")),
    request_body = UpdateConnection,
    responses((status = OK, description = "The connection after the change", body = ConnectionBody), Errors)
)]
pub(crate) async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
    Json(body): Json<UpdateConnection>,
) -> Reply<ConnectionBody> {
    let ends = match body.client_secret_expires_at {
        Some(Some(end)) => Some(end.read()?),
        end => end.map(|_| None),
    };
    let update = ConnectionUpdate {
        name: body.name,
        client_id: body.client_id,
        client_secret: body.client_secret.map(|secret| secret.map(|secret| secret.0)),
        client_secret_expires_at: ends,
        use_shared_credentials: body.use_shared_credentials,
        scopes: body.scopes,
        overrides: body.overrides.map(OverridesBody::read).transpose()?,
        variables: body.variables,
        identity_policy: body.identity_policy.map(Into::into),
        call_timeout_ms: body.call_timeout_ms,
        enabled: body.enabled,
    };
    Ok(axum::Json(app.engine.update_connection(&caller, &connection, update).await?.into()))
}
