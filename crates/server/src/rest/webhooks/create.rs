//! `POST /v1/connect/webhooks`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::NewWebhook;

use super::WebhookSecretBody;
use crate::{auth::Authenticated, error::ApiError, extract::Json, rest::openapi::Errors, state::App};

/// A webhook to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// Where messages are sent; https.
    #[schema(example = "https://app.example/hooks/valetkey")]
    url: String,
    /// Your own words about it.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What it is told of: `account.activated`, `account.expired`, `account.revoked`, `account.error`,
    /// `account.disconnected`, `account.deleted`, `connection.client_refused`, `execution.finished`. Default: everything.
    event_types: Option<Vec<String>>,
    /// Whether messages are sent. Default: they are.
    enabled: Option<bool>,
}

/// Create a webhook
///
/// Messages are signed by Standard Webhooks 1.0 and sent at least once; see /docs/webhooks. It hears of every account of
/// the environment, and what calls with `mode: async` bring. Needs `webhooks:write`.
#[utoipa::path(
    post, path = "/v1/connect/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = CreateWebhook,
    responses((status = CREATED, description = "The webhook, and its secret, shown once", body = WebhookSecretBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(body): Json<CreateWebhook>,
) -> Result<(StatusCode, axum::Json<WebhookSecretBody>), ApiError> {
    let new = NewWebhook {
        url: body.url,
        description: body.description,
        event_types: body.event_types.unwrap_or_default(),
        enabled: body.enabled,
    };
    let made = app.engine.create_webhook(&caller, new).await?;
    Ok((StatusCode::CREATED, axum::Json(made.into())))
}
