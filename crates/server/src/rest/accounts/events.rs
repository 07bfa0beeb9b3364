//! `GET /v1/connect/accounts/{account_id}/events`

use axum::{Json, extract::State};
use valetkey_domain::{AccountId, Error, ErrorCode, EventId, store::EventFilter};

use crate::{
    auth::Authenticated,
    extract::{Path, Query},
    rest::{
        common::{Reply, page_request},
        events::{EventPage, ListEvents},
        openapi::Errors,
    },
    state::App,
};

/// List the events of a connected account
///
/// Its history, newest first: who, what, when and why. Needs `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/accounts/{account_id}/events", operation_id = "listAccountEvents", tag = "accounts",
    params(("account_id" = String, Path, description = "`ca_…`"), ListEvents),
    responses((status = OK, description = "One page", body = EventPage), Errors)
)]
pub(crate) async fn events(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(account_id): Path<String>,
    Query(query): Query<ListEvents>,
) -> Reply<EventPage> {
    let page = page_request::<EventId>(query.page_size, query.page_token.as_deref())?;
    let account: AccountId = account_id.parse().map_err(|_| Error::new(ErrorCode::AccountNotFound))?;
    let filter = EventFilter { account: Some(account), ..query.filter()? };
    let found = app.engine.list_events(&caller, &filter, &page).await?;
    Ok(Json(found.into()))
}
