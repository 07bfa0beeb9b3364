//! Connectors: the catalogue, and one of them with its tools and scopes.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_engine::{ConnectorPage, ConnectorView};

use super::{
    gate::Visiting,
    list::Filters,
    shell::{Answer, Shell, query_of, show},
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/connectors.html")]
struct ListPage {
    shell: Shell,
    filters: Filters,
    connectors: Vec<ConnectorView>,
}

/// The catalogue.
pub(super) async fn list(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let mut connectors = app.engine.list_connectors(&visitor.caller)?;
    if let Some(query) = filters.get("q") {
        let words: Vec<_> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
        connectors.retain(|connector| {
            let tools = connector.tools.join(" ");
            let text =
                format!("{} {} {} {tools}", connector.slug, connector.display_name, connector.description);
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        });
    }
    let shell = Shell::of(&app, Some(&visitor), "connectors", query_of(&uri));
    Ok(show(&ListPage { shell, filters, connectors }))
}

#[derive(Template)]
#[template(path = "dashboard/connector.html")]
struct OnePage {
    shell: Shell,
    page: ConnectorPage,
}

/// One connector.
pub(super) async fn one(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(slug): Path<String>,
) -> Answer {
    let page = app.engine.connector_page(&visitor.caller, &slug)?;
    Ok(show(&OnePage { shell: Shell::of(&app, Some(&visitor), "connectors", ""), page }))
}
