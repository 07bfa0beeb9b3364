//! `POST /v1/connect/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver`

use axum::{Json, extract::State};

use super::DeliveryBody;
use crate::{
    auth::Authenticated,
    extract::Path,
    rest::{common::Reply, openapi::Errors},
    state::App,
};

/// Send a message once more
///
/// Under the same id, and from the beginning of the schedule if it does not arrive. Needs `webhooks:write`.
#[utoipa::path(
    post, path = "/v1/connect/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    operation_id = "redeliverWebhook", tag = "webhooks",
    params(
        ("webhook_id" = String, Path, description = "`wh_…`"),
        ("delivery_id" = String, Path, description = "`dl_…`")
    ),
    responses((status = OK, description = "The message, to be sent", body = DeliveryBody), Errors)
)]
pub(crate) async fn redeliver(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path((webhook_id, delivery_id)): Path<(String, String)>,
) -> Reply<DeliveryBody> {
    Ok(Json(app.engine.redeliver_webhook(&caller, &webhook_id, &delivery_id).await?.into()))
}
