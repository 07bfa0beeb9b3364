//! `GET /v1/connect/webhooks`

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use valetkey_domain::WebhookId;

use super::WebhookPage;
use crate::{
    auth::Authenticated,
    extract::Query,
    rest::{
        common::{Reply, page_request},
        openapi::Errors,
    },
    state::App,
};

/// Which webhooks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListWebhooks {
    /// Rows of a page: 1 to 100. Default: 20.
    page_size: Option<u32>,
    /// The token of the page wanted, from an earlier answer.
    page_token: Option<String>,
}

/// List webhooks
///
/// Needs `webhooks:read`.
#[utoipa::path(
    get, path = "/v1/connect/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    params(ListWebhooks),
    responses((status = OK, description = "One page", body = WebhookPage), Errors)
)]
pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListWebhooks>,
) -> Reply<WebhookPage> {
    let page = page_request::<WebhookId>(query.page_size, query.page_token.as_deref())?;
    Ok(Json(app.engine.list_webhooks(&caller, &page).await?.into()))
}
