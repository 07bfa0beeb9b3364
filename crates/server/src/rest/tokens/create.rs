//! `POST /v1/connect/tokens`

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;
use valetkey_domain::ExposeSecret;
use valetkey_engine::NewApiToken;

use super::{BoundsBody, TokenBody};
use crate::{
    auth::Authenticated,
    error::ApiError,
    extract::Json,
    rest::{clients::permissions, openapi::Errors},
    state::App,
};

/// A token to create.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = CreateApiToken)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateToken {
    /// A name for people.
    name: String,
    /// The API client that it acts for. Default: your own.
    client_id: Option<String>,
    /// What it may do, at most what you and its client may. Default: all of that.
    permissions: Option<Vec<String>>,
    /// When it stops working. Default: never.
    #[serde(default, with = "time::serde::rfc3339::option")]
    expires_at: Option<OffsetDateTime>,
    /// What it is bounded to, for a token that you give to an agent. Such a token finds and calls tools, and nothing else.
    bounds: Option<BoundsBody>,
}

/// A new token.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiToken)]
pub(crate) struct CreatedTokenBody {
    /// What is kept of it.
    api_token: TokenBody,
    /// The token, shown this once: `vk_…`.
    token: String,
}

/// Create a static API token
///
/// Needs `api_clients:manage`.
#[utoipa::path(
    post, path = "/v1/connect/tokens", operation_id = "createToken", tag = "api clients",
    request_body = CreateToken,
    responses((status = CREATED, description = "The token, shown once", body = CreatedTokenBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateToken>,
) -> Result<(StatusCode, axum::Json<CreatedTokenBody>), ApiError> {
    let new = NewApiToken {
        name: body.name,
        client: body.client_id,
        permissions: permissions(body.permissions)?,
        expires_at: body.expires_at,
        bounds: body.bounds.unwrap_or_default().into(),
    };
    let created = app.engine.create_api_token(&caller, new).await?;
    let body = CreatedTokenBody {
        api_token: created.token.into(),
        token: created.secret.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}
