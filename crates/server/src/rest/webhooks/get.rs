//! `GET /v1/connect/webhooks/{webhook_id}`

use axum::{Json, extract::State};

use super::WebhookBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Get a webhook
///
/// It says how it is doing. Needs `webhooks:read`.
#[utoipa::path(
    get, path = "/v1/connect/webhooks/{webhook_id}", operation_id = "getWebhook", tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`wh_…`")),
    responses((status = OK, description = "The webhook", body = WebhookBody), Errors)
)]
pub(crate) async fn get(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(webhook_id): Path<String>,
) -> Reply<WebhookBody> {
    Ok(Json(app.engine.get_webhook(&caller, &webhook_id).await?.into()))
}
