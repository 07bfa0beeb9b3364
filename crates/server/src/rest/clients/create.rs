//! `POST /v1/connect/clients`

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use valetkey_domain::ExposeSecret;
use valetkey_engine::NewApiClient;

use super::{ClientBody, permissions};
use crate::{auth::Authenticated, error::ApiError, extract::Json, rest::openapi::Errors, state::App};

/// An API client to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateApiClient)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateClient {
    /// A name for people.
    name: String,
    /// What it may do, at most what you may. Default: everything of that but reading access tokens.
    permissions: Option<Vec<String>>,
}

/// A new API client with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiClient)]
pub(crate) struct CreatedClientBody {
    /// The client.
    client: ClientBody,
    /// The client secret, shown this once.
    client_secret: String,
}

/// Create an API client
///
/// Needs `api_clients:manage`.
#[utoipa::path(
    post, path = "/v1/connect/clients", operation_id = "createClient", tag = "api clients",
    request_body = CreateClient,
    responses((status = CREATED, description = "The client and its secret", body = CreatedClientBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateClient>,
) -> Result<(StatusCode, axum::Json<CreatedClientBody>), ApiError> {
    let new = NewApiClient { name: body.name, permissions: permissions(body.permissions)? };
    let created = app.engine.create_api_client(&caller, new).await?;
    let body = CreatedClientBody {
        client: created.client.into(),
        client_secret: created.secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}
