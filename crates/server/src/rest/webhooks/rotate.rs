//! `POST /v1/connect/webhooks/{webhook_id}/rotate-secret`

use axum::{Json, extract::State};

use super::WebhookSecretBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Give a webhook another secret
///
/// For 24 hours messages are signed with the secret before too: `webhook-signature` holds both. Needs
/// `webhooks:write`.
#[utoipa::path(
    post, path = "/v1/connect/webhooks/{webhook_id}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`wh_…`")),
    responses((status = OK, description = "The webhook, and its new secret, shown once", body = WebhookSecretBody), Errors)
)]
pub(crate) async fn rotate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(webhook_id): Path<String>,
) -> Reply<WebhookSecretBody> {
    Ok(Json(app.engine.rotate_webhook_secret(&caller, &webhook_id).await?.into()))
}
