//! `GET /v1/connect/connections/{connection}/events`

use axum::{Json, extract::State};
use valetkey_domain::{EventId, store::EventFilter};

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

/// List the events of a connection
///
/// Those of its accounts too, newest first. Needs `connections:read` and `connected_accounts:read`.
#[utoipa::path(
    get, path = "/v1/connect/connections/{connection}/events", operation_id = "listConnectionEvents",
    tag = "connections",
    params(("connection" = String, Path, description = "Id or name"), ListEvents),
    responses((status = OK, description = "One page", body = EventPage), Errors)
)]
pub(crate) async fn events(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(connection): Path<String>,
    Query(query): Query<ListEvents>,
) -> Reply<EventPage> {
    let page = page_request::<EventId>(query.page_size, query.page_token.as_deref())?;
    let connection = app.engine.get_connection(&caller, &connection).await?.connection.id;
    let filter = EventFilter { connection: Some(connection), ..query.filter()? };
    let found = app.engine.list_events(&caller, &filter, &page).await?;
    Ok(Json(found.into()))
}
