//! `PATCH /v1/connect/webhooks/{webhook_id}`

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use valetkey_engine::WebhookUpdate;

use super::WebhookBody;
use crate::{
    auth::Authenticated,
    extract::{Json, Path},
    rest::{
        common::{Reply, nullable},
        openapi::Errors,
    },
    state::App,
};

/// A change of a webhook. A field that is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateWebhook {
    /// Where messages are sent; https.
    url: Option<String>,
    /// Your own words about it; `null` takes them away.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 500)]
    description: Option<Option<String>>,
    /// What it is told of; empty means everything.
    event_types: Option<Vec<String>>,
    /// Whether messages are sent. Turned on again, it is sent what waited meanwhile.
    enabled: Option<bool>,
}

/// Change a webhook
///
/// Needs `webhooks:write`.
#[utoipa::path(
    patch, path = "/v1/connect/webhooks/{webhook_id}", operation_id = "updateWebhook", tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`wh_…`")),
    request_body = UpdateWebhook,
    responses((status = OK, description = "The webhook after the change", body = WebhookBody), Errors)
)]
pub(crate) async fn update(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(webhook_id): Path<String>,
    Json(body): Json<UpdateWebhook>,
) -> Reply<WebhookBody> {
    let update = WebhookUpdate {
        url: body.url,
        description: body.description,
        event_types: body.event_types,
        enabled: body.enabled,
    };
    Ok(axum::Json(app.engine.update_webhook(&caller, &webhook_id, update).await?.into()))
}
