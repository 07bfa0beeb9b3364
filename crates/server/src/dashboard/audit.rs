//! The audit log: who did what, whether the record is whole, and the record as a file.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Uri, header};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use valetkey_domain::{
    Time, User,
    audit::{AuditEntry, AuditFilter},
};
use valetkey_engine::{AuditVerdict, Visitor};

use super::{
    form::Form,
    gate::Visiting,
    list::{Filters, Steps},
    shell::{Answer, Shell, query_of, show},
    text,
};
use crate::state::App;

/// Rows of a page.
const ROWS: u32 = 50;
/// The largest export. Whoever wants more goes on from the number of the last entry.
const EXPORTED: usize = 10_000;

#[derive(Template)]
#[template(path = "dashboard/audit.html")]
struct AuditPage {
    shell: Shell,
    filters: Filters,
    rows: Vec<Row>,
    steps: Steps,
    verdict: Option<Verdict>,
}

struct Row {
    number: u64,
    at: Time,
    actor: String,
    /// How the person is called, if it is one.
    name: Option<String>,
    action: String,
    subject: String,
    outcome: &'static str,
    tone: &'static str,
    details: String,
    request_id: String,
}

struct Verdict {
    entries: u64,
    head: String,
    broken: Option<(u64, String)>,
}

fn row(entry: AuditEntry, people: &[User]) -> Row {
    let told = entry.entry;
    let id = told.actor.strip_prefix("user:");
    let person = people.iter().find(|user| Some(user.id.as_str()) == id);
    Row {
        number: entry.number,
        at: told.at,
        name: person.map(|user| user.name.clone()),
        actor: told.actor,
        action: told.action,
        subject: told.subject.unwrap_or_default(),
        outcome: told.outcome.as_str(),
        tone: text::tone(told.outcome.as_str()),
        details: text::details(&told.data),
        request_id: told.request_id.unwrap_or_default(),
    }
}

fn filter_of(filters: &Filters) -> AuditFilter {
    AuditFilter {
        actor: filters.get("actor"),
        action: filters.get("action"),
        subject: filters.get("subject"),
    }
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    made(&app, &visitor, query_of(&uri), None).await
}

/// Walks along the chain and shows what it found.
pub(super) async fn verify(State(app): State<App>, Visiting(visitor): Visiting, _form: Form) -> Answer {
    let verdict = app.engine.verify_audit(&visitor.caller).await?;
    made(&app, &visitor, "", Some(verdict)).await
}

async fn made(app: &App, visitor: &Visitor, query: &str, verdict: Option<AuditVerdict>) -> Answer {
    let filters = Filters::of(query);
    let below = filters.get("page").and_then(|text| text.parse().ok());
    let page = app.engine.list_audit(&visitor.caller, &filter_of(&filters), below, ROWS).await?;
    let people = app.engine.list_users(&visitor.caller).await?;
    let view = AuditPage {
        shell: Shell::of(app, Some(visitor), "audit", query),
        steps: Steps::onward(page.next, &filters),
        rows: page.entries.into_iter().map(|entry| row(entry, &people)).collect(),
        verdict: verdict.map(|verdict| Verdict {
            entries: verdict.entries,
            head: verdict.head.map(|hash| hex(&hash)).unwrap_or_default(),
            broken: verdict.broken,
        }),
        filters,
    };
    Ok(show(&view))
}

/// The entries that a filter leaves, as lines of JSON, the newest first.
pub(super) async fn export(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let filter = filter_of(&filters);
    let mut below = filters.get("page").and_then(|text| text.parse().ok());
    let (mut lines, mut count) = (String::new(), 0);
    while count < EXPORTED {
        let page = app.engine.list_audit(&visitor.caller, &filter, below, 100).await?;
        for entry in &page.entries {
            lines.push_str(&exported(entry).to_string());
            lines.push('\n');
            count += 1;
        }
        below = page.next;
        if below.is_none() {
            break;
        }
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"audit.ndjson\"")),
    ];
    let response: Response = (headers, lines).into_response();
    Ok(response)
}

fn exported(entry: &AuditEntry) -> serde_json::Value {
    let told = &entry.entry;
    json!({
        "number": entry.number,
        "at": told.at.format(&Rfc3339).unwrap_or_default(),
        "environment": told.environment.as_ref().map(ToString::to_string),
        "actor": told.actor,
        "action": told.action,
        "subject": told.subject,
        "outcome": told.outcome.as_str(),
        "request_id": told.request_id,
        "data": told.data,
        "former": hex(&entry.former),
        "hash": hex(&entry.hash),
    })
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
