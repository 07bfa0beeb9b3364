//! One connected account: where it stands and why, what happened to it, and what can be done.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{
    Account, Error, PageRequest, Time,
    store::{EventFilter, ExecutionFilter},
};
use valetkey_engine::{
    AccountPlace, AccountRef, AccountScopes, AccountView, DescribedScope, DiagnosisOf, Link, LinkOptions,
    Visitor,
};

use super::{
    diagnosis::{self, Panel},
    executions::Row as ExecutionRow,
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
    text,
};
use crate::{extract::Path, state::App};

/// How much of each history the page shows.
const SHOWN: u32 = 15;

#[derive(Template)]
#[template(path = "dashboard/account.html")]
struct AccountPage {
    shell: Shell,
    account: Account,
    place: Option<AccountPlace>,
    connection: String,
    connector: String,
    title: String,
    words: &'static str,
    tone: &'static str,
    panel: Panel,
    /// Where a probe is asked for, if the visitor may.
    probe: Option<String>,
    renewable: bool,
    scopes: Vec<ScopeRow>,
    tools: Vec<ToolRow>,
    since: Option<Time>,
    events: Vec<EventRow>,
    troubles: Vec<Trouble>,
    refreshes: Vec<RefreshRow>,
    executions: Vec<ExecutionRow>,
}

/// What went wrong, from its meaning down to what the provider said: from the history, or from a call.
struct Trouble {
    at: Time,
    words: &'static str,
    code: &'static str,
    docs: String,
    meaning: &'static str,
    cause: &'static str,
    /// The trace: names and values. Bounded and redacted where it was recorded.
    facts: Vec<(String, String)>,
    execution: Option<String>,
}

/// How many errors are shown with all that is known of them.
const TROUBLES: usize = 5;

impl Trouble {
    fn of_event(event: &valetkey_domain::Event, app: &App) -> Option<Self> {
        let code = event.event.code?;
        let words = text::event_words(event.event.kind);
        Some(Self { facts: text::facts(&event.event.data), ..Self::new(code, event.at, words, app) })
    }

    fn of_execution(execution: &valetkey_domain::Execution, app: &App) -> Option<Self> {
        let code = execution.error_code?;
        let mut facts = vec![("Request id".to_owned(), execution.request_id.clone())];
        facts.extend(execution.upstream_request.clone().map(|sent| ("Sent".to_owned(), sent)));
        let status =
            execution.upstream_status.map(|status| ("Provider status".to_owned(), status.to_string()));
        facts.extend(status);
        let answer = execution.provider_answer.clone().unwrap_or_default();
        facts.extend(answer.request_id.map(|id| ("Provider's request id".to_owned(), id)));
        facts.extend(answer.body.map(|body| ("Provider's words".to_owned(), body)));
        facts.extend(execution.error_message.clone().map(|told| ("The caller was told".to_owned(), told)));
        let new = Self::new(code, execution.started_at, "A call failed", app);
        Some(Self { facts, execution: Some(execution.id.to_string()), ..new })
    }

    fn new(code: valetkey_domain::ErrorCode, at: Time, words: &'static str, app: &App) -> Self {
        let entry = code.entry();
        Self {
            at,
            words,
            code: code.as_str(),
            docs: app.options.path_of(&format!("/docs/errors/{}", code.as_str())),
            meaning: entry.meaning,
            cause: entry.cause,
            facts: Vec::new(),
            execution: None,
        }
    }
}

struct ScopeRow {
    scope: String,
    /// What it lets the app do, in the words of the connector.
    description: Option<String>,
    /// The tools that it helps to unlock, by name.
    tools: String,
    /// Granted, asked for, used since: in words, with a tone.
    marks: Vec<(&'static str, &'static str)>,
}

struct ToolRow {
    tool: String,
    missing: Vec<String>,
    executions: u64,
    succeeded: u64,
}

pub(super) struct EventRow {
    pub(super) at: Time,
    pub(super) words: &'static str,
    pub(super) kind: &'static str,
    pub(super) tone: &'static str,
    pub(super) actor: String,
    pub(super) code: Option<&'static str>,
    pub(super) details: String,
}

impl EventRow {
    pub(super) fn of(event: &valetkey_domain::Event) -> Self {
        let told = &event.event;
        Self {
            at: event.at,
            words: text::event_words(told.kind),
            kind: told.kind.as_str(),
            tone: text::event_tone(told.kind, told.code),
            actor: told.actor.clone(),
            code: told.code.map(valetkey_domain::ErrorCode::as_str),
            details: text::details(&told.data),
        }
    }
}

struct RefreshRow {
    started_at: Time,
    reason: &'static str,
    outcome: &'static str,
    tone: &'static str,
    code: Option<&'static str>,
    took: Option<String>,
    generation: u64,
}

/// The page.
pub(super) async fn page(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    uri: Uri,
) -> Answer {
    let of = DiagnosisOf::Account(AccountRef::id(&id));
    let panel = diagnosis::looked_at(&app, &visitor, &of).await?;
    made(&app, &visitor, &id, query_of(&uri), panel).await
}

/// Asks the provider, and shows the page with what that brought.
pub(super) async fn probe(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let of = DiagnosisOf::Account(AccountRef::id(&id));
    let panel = diagnosis::probed(&app, &visitor, &of).await?;
    made(&app, &visitor, &id, "", panel).await
}

async fn made(app: &App, visitor: &Visitor, id: &str, query: &str, panel: Panel) -> Answer {
    let caller = &visitor.caller;
    let (engine, by_id) = (&app.engine, AccountRef::id(id));
    let AccountView { account, connection_name, connector, place, .. } =
        engine.find_account(caller, &by_id).await?;
    let shown = PageRequest { size: SHOWN, cursor: None };
    let about =
        EventFilter { account: Some(account.id.clone()), count_at_most: Some(0), ..EventFilter::default() };
    let events = engine.list_events(caller, &about, &shown).await?.items;
    let refreshes = engine.refreshes(caller, &by_id, &shown).await?.items;
    let with = ExecutionFilter {
        account: Some(account.id.clone()),
        count_at_most: Some(0),
        ..ExecutionFilter::default()
    };
    let executions = engine.list_executions(caller, &with, &shown).await?.items;
    // The connector's file may be gone; the page is needed then all the more.
    let scopes = engine.account_scopes(caller, &by_id, None).await.ok();
    let described = engine.connector_page(caller, &connector).map(|page| page.scopes).unwrap_or_default();
    let told = events.iter().filter_map(|event| Trouble::of_event(event, app));
    let failed = executions.iter().filter_map(|execution| Trouble::of_execution(execution, app));
    let mut troubles: Vec<_> = told.chain(failed).collect();
    troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.at));
    troubles.truncate(TROUBLES);
    let status = account.status();
    let shell = Shell::of(app, Some(visitor), "accounts", query);
    let view = AccountPage {
        probe: shell.works().then(|| shell.to(&format!("/accounts/{}/probe", account.id))),
        shell,
        panel,
        title: account.label.clone().unwrap_or_else(|| account.identifier.clone()),
        words: text::status_words(status),
        tone: text::tone(status.as_str()),
        renewable: account.generation > 0
            && matches!(
                account.auth_type,
                valetkey_domain::AuthType::OAuth | valetkey_domain::AuthType::ClientCredentials
            ),
        since: scopes.as_ref().map(|scopes| scopes.since),
        tools: scopes.as_ref().map(tool_rows).unwrap_or_default(),
        scopes: scopes.as_ref().map(|scopes| scope_rows(scopes, &described)).unwrap_or_default(),
        troubles,
        events: events.iter().map(EventRow::of).collect(),
        refreshes: refreshes.iter().map(refresh_row).collect(),
        executions: executions.iter().map(ExecutionRow::of).collect(),
        account,
        place,
        connection: connection_name,
        connector,
    };
    Ok(show(&view))
}

fn scope_rows(scopes: &AccountScopes, described: &[DescribedScope]) -> Vec<ScopeRow> {
    let mut rows: Vec<ScopeRow> = Vec::new();
    for scope in scopes.granted.iter().chain(&scopes.missing) {
        if rows.iter().any(|row| row.scope == *scope) {
            continue;
        }
        let mut marks = Vec::new();
        if scopes.missing.contains(scope) {
            marks.push(("asked for, not granted", "bad"));
        } else {
            marks.push(("granted", "good"));
        }
        if scopes.not_asked.contains(scope) {
            marks.push(("not asked for any more", "note"));
        }
        if scopes.used.contains(scope) {
            marks.push(("used", "good"));
        } else if scopes.unused.contains(scope) {
            marks.push(("not used", "quiet"));
        }
        let known = described.iter().find(|known| known.scope == *scope);
        rows.push(ScopeRow {
            scope: scope.clone(),
            description: known.and_then(|known| known.description.clone()),
            tools: known.map(|known| known.tools.join(", ")).unwrap_or_default(),
            marks,
        });
    }
    rows
}

fn tool_rows(scopes: &AccountScopes) -> Vec<ToolRow> {
    let notable = scopes.tools.iter().filter(|tool| !tool.missing.is_empty() || tool.used.is_some());
    notable
        .map(|tool| ToolRow {
            tool: tool.tool.clone(),
            missing: tool.missing.clone(),
            executions: tool.used.as_ref().map_or(0, |used| used.executions),
            succeeded: tool.used.as_ref().map_or(0, |used| used.succeeded),
        })
        .collect()
}

fn refresh_row(attempt: &valetkey_domain::RefreshAttempt) -> RefreshRow {
    let outcome = attempt.outcome.map_or("under way", valetkey_domain::RefreshOutcome::as_str);
    let took = attempt.ended_at.map(|ended| (ended - attempt.started_at).whole_microseconds());
    RefreshRow {
        started_at: attempt.started_at,
        reason: attempt.reason.as_str(),
        outcome,
        tone: text::tone(outcome),
        code: attempt.code.map(valetkey_domain::ErrorCode::as_str),
        took: took.map(|micros| text::took(u64::try_from(micros).unwrap_or_default())),
        generation: attempt.generation,
    }
}

/// Renews the credential now.
pub(super) async fn refresh(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let account = app.engine.refresh_account(&visitor.caller, &AccountRef::id(id)).await?;
    Ok(go_to(&app, &format!("/accounts/{}?done=refreshed", account.account.id)))
}

/// Makes a new authorization link.
pub(super) async fn link(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let account = AccountRef::id(id);
    let link = app.engine.authorization_link(&visitor.caller, &account, LinkOptions::default()).await?;
    Ok(show(&LinkPage::of(Shell::of(&app, Some(&visitor), "accounts", ""), &link)?))
}

/// A link, shown once: to copy, to open and to scan.
#[derive(Template)]
#[template(path = "dashboard/link.html")]
pub(super) struct LinkPage {
    shell: Shell,
    id: String,
    title: String,
    connection: String,
    url: String,
    expires_at: Time,
    /// The code as the path of a drawing, and how many modules it is wide.
    code: String,
    width: usize,
}

/// The quiet zone around a code, in modules (ISO/IEC 18004 §6.3.8).
const QUIET: usize = 4;

impl LinkPage {
    pub(super) fn of(shell: Shell, link: &Link) -> Result<Self, Error> {
        let code = qrcode::QrCode::new(link.url.as_str()).map_err(Error::internal)?;
        let account = &link.account.account;
        let width = code.width();
        let mut path = String::new();
        for (n, colour) in code.to_colors().into_iter().enumerate() {
            if colour == qrcode::Color::Dark {
                path.push_str(&format!("M{} {}h1v1h-1z", n % width + QUIET, n / width + QUIET));
            }
        }
        Ok(Self {
            shell,
            id: account.id.to_string(),
            title: account.label.clone().unwrap_or_else(|| account.identifier.clone()),
            connection: link.account.connection_name.clone(),
            url: link.url.to_string(),
            expires_at: link.expires_at,
            code: path,
            width: width + 2 * QUIET,
        })
    }
}
