//! Executions: the list, and one of them.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use askama::Template;
use axum::{
    extract::State,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, stream};
use http::Uri;
use valetkey_domain::{
    Error, ErrorCode, Execution, PageRequest, Time, execution::ExecutionStatus, store::ExecutionFilter,
};
use valetkey_engine::{DiagnosisOf, Visitor};

use super::{
    diagnosis::{self, Panel},
    gate::Visiting,
    list::{COUNTED, Filters, Steps},
    shell::{Answer, Shell, query_of, show},
    text,
    waterfall::{self, Bar},
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/executions.html")]
struct ExecutionsPage {
    shell: Shell,
    filters: Filters,
    rows: Vec<Row>,
    steps: Steps,
    /// Where what happens from now on can be watched; not while older pages are looked at.
    tail: Option<String>,
}

/// An execution in a list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) account: String,
    pub(super) identifier: String,
    /// The status in words.
    pub(super) status: &'static str,
    pub(super) tone: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) started_at: Time,
    pub(super) took: String,
}

impl Row {
    pub(super) fn of(execution: &Execution) -> Self {
        Self {
            id: execution.id.to_string(),
            what: what(execution),
            account: execution.account.to_string(),
            identifier: execution.identifier.clone(),
            status: text::execution_words(execution.status),
            tone: text::tone(execution.status.as_str()),
            code: execution.error_code.map(valetkey_domain::ErrorCode::as_str),
            started_at: execution.started_at,
            took: execution.duration_us.map_or_else(|| "–".to_owned(), text::took),
        }
    }
}

fn what(execution: &Execution) -> String {
    match (&execution.tool, &execution.upstream_request) {
        (Some(tool), _) => tool.clone(),
        (None, Some(request)) => format!("proxy: {request}"),
        (None, None) => "proxied call".to_owned(),
    }
}

/// The list.
pub(super) async fn list(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let filter = filter_of(&app, &visitor, &filters).await?;
    let page = app.engine.list_executions(&visitor.caller, &filter, &filters.request()).await?;
    let shell = Shell::of(&app, Some(&visitor), "executions", query_of(&uri));
    let newest = filters.get("page").is_none();
    let view = ExecutionsPage {
        rows: page.items.iter().map(Row::of).collect(),
        steps: Steps::of(&page, &filters),
        tail: newest.then(|| shell.to(&format!("/executions/tail{}", filters.query()))),
        shell,
        filters,
    };
    Ok(show(&view))
}

/// Which executions the filters of a list choose.
async fn filter_of(app: &App, visitor: &Visitor, filters: &Filters) -> Result<ExecutionFilter, Error> {
    let status = filters.get("status").map(|text| {
        ExecutionStatus::parse(&text).ok_or_else(|| Error::invalid("status", "is not a status of executions"))
    });
    let account = filters
        .get("account")
        .map(|id| id.parse().map_err(|_| Error::invalid("account", "is the id of an account: ca_…")));
    let mut filter = ExecutionFilter {
        account: account.transpose()?,
        tool: filters.get("tool"),
        status: status.transpose()?,
        count_at_most: Some(COUNTED + 1),
        ..ExecutionFilter::default()
    };
    if let Some(name) = filters.get("connection") {
        let view = app.engine.get_connection(&visitor.caller, &name).await?;
        filter.connection = Some(view.connection.id);
    }
    Ok(filter)
}

/// How often the newest executions are looked at for whoever watches.
const LOOK: Duration = Duration::from_secs(1);
/// How often they are looked at on one connection. A browser comes again by itself; a server that stops does not wait
/// long.
const LOOKS: u32 = 20;
/// How many of the newest are looked at.
const WATCHED: u32 = 50;

/// A row of the list, alone.
#[derive(Template)]
#[template(path = "dashboard/execution_row.html")]
struct RowPart<'a> {
    shell: &'a Shell,
    row: Row,
}

/// What happens from now on, as a stream of rows: each comes when it begins or ends. The first ones are those that are
/// there already; a page that shows them puts them in the place of its own.
pub(super) async fn tail(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let filter = filter_of(&app, &visitor, &filters).await?;
    let filter = ExecutionFilter { count_at_most: Some(0), ..filter };
    let turn = std::sync::Arc::clone(&app.tails).try_acquire_owned();
    let turn = turn.map_err(|_| Error::new(ErrorCode::Overloaded))?;
    let watch = Watch { app, visitor, filter, seen: BTreeMap::new(), looks: 0, _turn: turn };
    Ok(Sse::new(watch.events()).keep_alive(KeepAlive::default()).into_response())
}

struct Watch {
    app: App,
    visitor: std::sync::Arc<Visitor>,
    filter: ExecutionFilter,
    /// What was told already, and in which status.
    seen: BTreeMap<String, ExecutionStatus>,
    looks: u32,
    _turn: tokio::sync::OwnedSemaphorePermit,
}

impl Watch {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        use futures::StreamExt;
        let batches = stream::unfold(self, |mut watch| async move {
            if watch.looks >= LOOKS {
                return None;
            }
            if watch.looks > 0 {
                tokio::time::sleep(LOOK).await;
            }
            watch.looks += 1;
            // Whoever may not look any more is not told more.
            let events = watch.look().await.ok()?;
            Some((stream::iter(events.into_iter().map(Ok)), watch))
        });
        batches.flatten()
    }

    /// What is new since the last look, the oldest first. Calls are recorded when they end, some of them, so that an
    /// older one may come after a newer one.
    async fn look(&mut self) -> Result<Vec<Event>, Error> {
        let page = PageRequest { size: WATCHED, cursor: None };
        let found = self.app.engine.list_executions(&self.visitor.caller, &self.filter, &page).await?;
        let shell = Shell::of(&self.app, Some(&self.visitor), "executions", "");
        let mut events = Vec::new();
        for execution in found.items.iter().rev() {
            let known = self.seen.get(execution.id.as_str());
            if known == Some(&execution.status) {
                continue;
            }
            let part = RowPart { shell: &shell, row: Row::of(execution) };
            let html = part.render().map_err(Error::internal)?;
            events.push(Event::default().id(execution.id.as_str()).data(html));
        }
        self.seen =
            found.items.iter().map(|execution| (execution.id.to_string(), execution.status)).collect();
        Ok(events)
    }
}

#[derive(Template)]
#[template(path = "dashboard/execution.html")]
struct ExecutionPage {
    shell: Shell,
    what: String,
    tone: &'static str,
    /// The status in words.
    status: &'static str,
    /// The door that the call came through, in words.
    source: &'static str,
    took: Option<String>,
    panel: Option<Panel>,
    probe: Option<String>,
    bars: Vec<Bar>,
    execution: Execution,
}

/// One execution.
pub(super) async fn one(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let execution = app.engine.get_execution(&visitor.caller, &id).await?;
    // What went well needs no explanation.
    let of = DiagnosisOf::Execution(id);
    let panel = match execution.status {
        ExecutionStatus::Succeeded => None,
        _ => Some(diagnosis::looked_at(&app, &visitor, &of).await?),
    };
    let view = ExecutionPage {
        shell: Shell::of(&app, Some(&visitor), "executions", ""),
        what: what(&execution),
        tone: text::tone(execution.status.as_str()),
        status: text::execution_words(execution.status),
        source: text::source_words(execution.source),
        took: execution.duration_us.map(text::took),
        panel,
        probe: None,
        bars: waterfall::bars(&execution.phases, execution.duration_us),
        execution,
    };
    Ok(show(&view))
}
