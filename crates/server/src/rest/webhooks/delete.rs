//! `DELETE /v1/connect/webhooks/{webhook_id}`

use axum::extract::State;
use http::StatusCode;

use crate::{auth::Authenticated, error::ApiError, extract::Path, rest::openapi::Errors, state::App};

/// Delete a webhook
///
/// With its secrets and all messages to it. Needs `webhooks:write`.
#[utoipa::path(
    delete, path = "/v1/connect/webhooks/{webhook_id}", operation_id = "deleteWebhook", tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`wh_…`")),
    responses((status = NO_CONTENT, description = "Deleted"), Errors)
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(webhook_id): Path<String>,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_webhook(&caller, &webhook_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
