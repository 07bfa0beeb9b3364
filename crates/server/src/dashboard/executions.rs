//! Executions: the list, and one of them.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{Error, Execution, Time, execution::ExecutionStatus, store::ExecutionFilter};
use valetkey_engine::DiagnosisOf;

use super::{
    diagnosis::{self, Panel},
    gate::Visiting,
    list::{Filters, Steps},
    shell::{Answer, Shell, query_of, show},
    text,
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/executions.html")]
struct ExecutionsPage {
    shell: Shell,
    filters: Filters,
    rows: Vec<Row>,
    steps: Steps,
}

/// An execution in a list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) what: String,
    pub(super) account: String,
    pub(super) identifier: String,
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
            status: execution.status.as_str(),
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
        ..ExecutionFilter::default()
    };
    if let Some(name) = filters.get("connection") {
        let view = app.engine.get_connection(&visitor.caller, &name).await?;
        filter.connection = Some(view.connection.id);
    }
    let page = app.engine.list_executions(&visitor.caller, &filter, &filters.request()).await?;
    let view = ExecutionsPage {
        shell: Shell::of(&app, Some(&visitor), "executions", query_of(&uri)),
        rows: page.items.iter().map(Row::of).collect(),
        steps: Steps::of(&page, &filters),
        filters,
    };
    Ok(show(&view))
}

#[derive(Template)]
#[template(path = "dashboard/execution.html")]
struct ExecutionPage {
    shell: Shell,
    what: String,
    tone: &'static str,
    took: Option<String>,
    panel: Option<Panel>,
    probe: Option<String>,
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
        took: execution.duration_us.map(text::took),
        panel,
        probe: None,
        execution,
    };
    Ok(show(&view))
}
