//! Connections: the list.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::store::ConnectionFilter;
use valetkey_engine::ConnectionView;

use super::{
    gate::Visiting,
    list::{Filters, Steps},
    shell::{Answer, Shell, query_of, show},
};
use crate::state::App;

#[derive(Template)]
#[template(path = "dashboard/connections.html")]
struct ConnectionsPage {
    shell: Shell,
    filters: Filters,
    connectors: Vec<(String, String)>,
    rows: Vec<Row>,
    steps: Steps,
}

struct Row {
    id: String,
    name: String,
    display_name: String,
    state: &'static str,
    tone: &'static str,
    updated_at: valetkey_domain::Time,
}

/// How a connection stands, in a word, with its tone.
pub(super) fn state_of(view: &ConnectionView) -> (&'static str, &'static str) {
    match &view.connection {
        connection if !connection.enabled => ("Disabled", "quiet"),
        connection if connection.fault.is_some() => ("Refused by the provider", "bad"),
        _ => ("Enabled", "good"),
    }
}

/// The list.
pub(super) async fn list(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let filter = ConnectionFilter { connector: filters.get("connector"), query: filters.get("q") };
    let page = app.engine.list_connections(&visitor.caller, &filter, &filters.request()).await?;
    let connectors = app.engine.list_connectors(&visitor.caller)?;
    let rows = page.items.iter().map(|view| {
        let (state, tone) = state_of(view);
        Row {
            id: view.connection.id.to_string(),
            name: view.connection.name.clone(),
            display_name: view.display_name.clone(),
            state,
            tone,
            updated_at: view.connection.updated_at,
        }
    });
    let view = ConnectionsPage {
        shell: Shell::of(&app, Some(&visitor), "connections", query_of(&uri)),
        connectors: connectors.into_iter().map(|view| (view.slug, view.display_name)).collect(),
        rows: rows.collect(),
        steps: Steps::of(&page, &filters),
        filters,
    };
    Ok(show(&view))
}
