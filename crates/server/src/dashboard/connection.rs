//! One connection: its configuration, what to register at the provider, whether the provider accepts it, and which
//! accounts lack what it asks for.

use askama::Template;
use axum::{extract::State, response::Response};
use http::Uri;
use valetkey_domain::{
    AuthType, Error, ErrorCode, PageRequest,
    store::{AccountFilter, EventFilter},
};
use valetkey_engine::{ConnectionTest, ConnectionView, ConnectorPage, DiagnosisOf, ScopeGap, Visitor};

use super::{
    account::EventRow,
    connections::state_of,
    diagnosis::{self, Panel},
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
};
use crate::{extract::Path, state::App};

/// How much of the history and of the gaps the page shows.
const SHOWN: u32 = 10;

#[derive(Template)]
#[template(path = "dashboard/connection.html")]
struct ConnectionPage {
    shell: Shell,
    view: ConnectionView,
    /// `None` if the connector's file is gone.
    connector: Option<ConnectorPage>,
    state: &'static str,
    tone: &'static str,
    panel: Panel,
    /// Nothing is asked here: the test beside it is the probe of a connection.
    probe: Option<String>,
    uses_redirect: bool,
    accounts: u64,
    gaps: Vec<ScopeGap>,
    /// Where links are made for all of those.
    gap_links: String,
    test: Option<ConnectionTest>,
    events: Vec<EventRow>,
}

/// The page.
pub(super) async fn page(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    uri: Uri,
) -> Answer {
    made(&app, &visitor, &id, query_of(&uri), Checked::Nothing).await
}

/// Tests the connection and shows the page with what was found.
pub(super) async fn test(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let test = app.engine.test_connection(&visitor.caller, &id).await?;
    made(&app, &visitor, &id, "", Checked::Tested(test)).await
}

/// Looks at everything that otherwise shows when the first user stands before the provider.
pub(super) async fn preflight(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let found = app.engine.preflight(&visitor.caller, &id).await?;
    made(&app, &visitor, &id, "", Checked::Launch(diagnosis::panel(&app, found, true))).await
}

/// What was just checked.
enum Checked {
    Nothing,
    Tested(ConnectionTest),
    Launch(Panel),
}

async fn made(
    app: &App,
    visitor: &Visitor,
    id: &str,
    query: &str,
    checked: Checked,
) -> Result<Response, crate::ApiError> {
    let (engine, caller) = (&app.engine, &visitor.caller);
    let view = engine.get_connection(caller, id).await?;
    let connection = &view.connection;
    let shown = PageRequest { size: SHOWN, cursor: None };
    let about = EventFilter {
        connection: Some(connection.id.clone()),
        count_at_most: Some(0),
        ..EventFilter::default()
    };
    let events = engine.list_events(caller, &about, &shown).await?.items;
    let on_it = AccountFilter { connections: vec![connection.id.clone()], ..AccountFilter::default() };
    let one = PageRequest { size: 1, cursor: None };
    let accounts = engine.list_accounts(caller, &[], on_it, &one).await?.total;
    let connector = engine.connector_page(caller, &connection.connector).ok();
    let gaps = match connector.is_some() {
        true => engine.scope_gaps(caller, id, &shown).await?.items,
        false => Vec::new(),
    };
    let of = DiagnosisOf::Connection(connection.id.to_string());
    let (panel, test) = match checked {
        Checked::Launch(panel) => (panel, None),
        Checked::Tested(test) => (diagnosis::looked_at(app, visitor, &of).await?, Some(test)),
        Checked::Nothing => (diagnosis::looked_at(app, visitor, &of).await?, None),
    };
    let gap_ids = gaps.iter().map(|gap| ("account", gap.account.account.id.as_str()));
    let chosen = [("action", "link"), ("of", "ticked")].into_iter().chain(gap_ids);
    let chosen = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(chosen).finish();
    let shell = Shell::of(app, Some(visitor), "connections", query);
    let (state, tone) = state_of(&view);
    let page = ConnectionPage {
        gap_links: shell.to(&format!("/bulk?{chosen}")),
        shell,
        state,
        tone,
        panel,
        probe: None,
        uses_redirect: view.auth_type == AuthType::OAuth,
        accounts,
        gaps,
        test,
        events: events.iter().map(EventRow::of).collect(),
        connector,
        view,
    };
    Ok(show(&page))
}

#[derive(Template)]
#[template(path = "dashboard/connection_delete.html")]
struct DeletePage {
    shell: Shell,
    id: String,
    name: String,
    accounts: u64,
}

/// Says what deleting would hit.
pub(super) async fn ask_delete(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let view = app.engine.get_connection(&visitor.caller, &id).await?;
    let on_it = AccountFilter { connections: vec![view.connection.id.clone()], ..AccountFilter::default() };
    let one = PageRequest { size: 1, cursor: None };
    let page = DeletePage {
        shell: Shell::of(&app, Some(&visitor), "connections", ""),
        id: view.connection.id.to_string(),
        name: view.connection.name,
        accounts: app.engine.list_accounts(&visitor.caller, &[], on_it, &one).await?.total,
    };
    Ok(show(&page))
}

/// Deletes it.
pub(super) async fn delete(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let view = app.engine.get_connection(&visitor.caller, &id).await?;
    if form.text("name").trim() != view.connection.name {
        return Err(Error::new(ErrorCode::InvalidArgument)
            .field("name", "is not the name of the connection")
            .into());
    }
    app.engine.delete_connection(&visitor.caller, &id).await?;
    Ok(go_to(&app, "/connections?done=deleted"))
}
