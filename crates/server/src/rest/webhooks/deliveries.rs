//! `GET /v1/connect/webhooks/{webhook_id}/deliveries`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::{DeliveryId, Error, webhook::DeliveryOutcome};

use super::DeliveryPage;
use crate::{
    auth::Authenticated,
    extract::{Path, Query},
    rest::{
        common::{Reply, filled, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListDeliveries {
    /// With this outcome: `pending`, `delivered` or `failed`.
    outcome: Option<String>,
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List messages to a webhook
///
/// Those that arrived are kept for 7 days, the others for 30. Needs `webhooks:read`.
#[utoipa::path(
    get, path = "/v1/connect/webhooks/{webhook_id}/deliveries", operation_id = "listWebhookDeliveries",
    tag = "webhooks",
    params(("webhook_id" = String, Path, description = "`wh_…`"), ListDeliveries),
    responses((status = OK, description = "One page", body = DeliveryPage), Errors)
)]
pub(crate) async fn deliveries(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(webhook_id): Path<String>,
    Query(query): Query<ListDeliveries>,
) -> Reply<DeliveryPage> {
    let page = page_request::<DeliveryId>(query.page_size, query.page_token.as_deref())?;
    let read = |text: String| {
        DeliveryOutcome::parse(&text)
            .ok_or_else(|| Error::invalid("outcome", "must be pending, delivered or failed"))
    };
    let outcome = filled(query.outcome).map(read).transpose()?;
    Ok(Json(app.engine.webhook_deliveries(&caller, &webhook_id, outcome, &page).await?.into()))
}
