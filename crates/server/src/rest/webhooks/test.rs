//! `POST /v1/connect/webhooks/{webhook_id}/test`

use axum::{Json, extract::State};

use super::DeliveryBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Send a test message
///
/// A message of type `webhook.test` is sent now, once; the answer says what the endpoint said. Needs `webhooks:write`.
#[utoipa::path(
    post, path = "/v1/connect/webhooks/{webhook_id}/test", operation_id = "testWebhook", tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`wh_…`")),
    responses((status = OK, description = "What came of it", body = DeliveryBody), Errors)
)]
pub(crate) async fn test(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(webhook_id): Path<String>,
) -> Reply<DeliveryBody> {
    Ok(Json(app.engine.test_webhook(&caller, &webhook_id).await?.into()))
}
