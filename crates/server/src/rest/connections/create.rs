//! `POST /v1/connect/connections`

use std::collections::BTreeMap;

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::NewConnection;

use super::{ConnectionBody, OverridesBody, PolicyBody, secret_end::SecretEnd};
use crate::{
    auth::Authenticated,
    error::ApiError,
    extract::Json,
    rest::{common::Secret, openapi::Errors},
    state::App,
};

/// A connection to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateConnection {
    /// Its name: letters, digits, `_`, `:`, space and `-`. Made up from the connector's name when left out.
    #[schema(example = "gmail")]
    name: Option<String>,
    /// The connector, by its own or its official name.
    #[schema(example = "gmail")]
    connector: String,
    /// The OAuth client at the provider.
    client_id: Option<String>,
    /// The OAuth client's secret.
    client_secret: Option<Secret>,
    /// When the client secret ends at the provider (Microsoft Entra and others say so when they make one): it is told in
    /// time. An instant such as `2027-01-31T00:00:00Z`, or seconds since 1970 as RFC 7591 writes it (`0`: it does not end).
    #[schema(value_type = Option<String>, format = DateTime)]
    client_secret_expires_at: Option<SecretEnd>,
    /// Use the operator-wide OAuth client instead of an own one.
    #[serde(default)]
    use_shared_credentials: bool,
    /// The scopes to ask for; the connector's defaults when left out.
    #[serde(default)]
    scopes: Vec<String>,
    /// Other base URLs than the connector's.
    #[serde(default)]
    overrides: OverridesBody,
    /// Values for the connector's URL templates, such as a tenant or a subdomain.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// What to do when a user authorizes again but signs in to another account at the provider than before: `flag` takes
    /// the new grant and tells of it in the history, `refuse` keeps the old one. Default: `flag`.
    #[serde(default)]
    identity_policy: PolicyBody,
    /// The longest that a call through the connection may take, in milliseconds. Default: what its connector says, at
    /// most what the server allows.
    #[schema(minimum = 1, maximum = 3_600_000)]
    call_timeout_ms: Option<u32>,
    /// Whether it is enabled. Default: yes.
    enabled: Option<bool>,
}

/// Create a connection
///
/// Register the `redirect_uri` of the answer at the provider. Needs `connections:write`.
#[utoipa::path(
    post, path = "/v1/connect/connections", operation_id = "createConnection", tag = "connections",
    request_body = CreateConnection,
    responses((status = CREATED, description = "The connection", body = ConnectionBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateConnection>,
) -> Result<(StatusCode, axum::Json<ConnectionBody>), ApiError> {
    let new = NewConnection {
        name: body.name,
        connector: body.connector,
        client_id: body.client_id,
        client_secret: body.client_secret.map(|secret| secret.0),
        client_secret_expires_at: body.client_secret_expires_at.map(SecretEnd::read).transpose()?.flatten(),
        use_shared_credentials: body.use_shared_credentials,
        scopes: body.scopes,
        overrides: body.overrides.read()?,
        variables: body.variables,
        identity_policy: body.identity_policy.into(),
        call_timeout_ms: body.call_timeout_ms,
        enabled: body.enabled,
    };
    let view = app.engine.create_connection(&caller, new).await?;
    Ok((StatusCode::CREATED, axum::Json(view.into())))
}
