//! The overview: what needs a person now, and how things go.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{AccountStatus, Time, webhook::Webhook};
use valetkey_engine::{Need, NeedCause, OverviewView};

use super::{
    chart::{self, Chart, STEP},
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
    text,
};
use crate::state::App;

#[derive(Template)]
#[template(path = "dashboard/overview.html")]
struct OverviewPage {
    shell: Shell,
    needs: Vec<NeedLine>,
    statuses: Vec<StatusTile>,
    accounts: u64,
    uses: Vec<UseLine>,
    executions: u64,
    /// Whether only the newest executions were counted.
    cut: bool,
    at_most: u32,
    since: Time,
    /// How many renewals are due, as far as they were counted.
    due: String,
    degraded: u64,
    has_connections: bool,
    chart: Option<Chart>,
    /// How wide the bar of a day is, without the gap.
    bar: usize,
}

/// Something to do.
struct NeedLine {
    tone: &'static str,
    title: String,
    cause: &'static str,
    remedy: &'static str,
    /// Where to do it, and what the link says.
    link: Option<(String, String)>,
    /// What can be done from here, at one press: where the form goes, and what its button says.
    button: Option<(String, &'static str)>,
    causes: Vec<CauseLine>,
    more: u64,
}

/// What the diagnosis says of some accounts.
struct CauseLine {
    /// Its words, and the page about it; none if it found nothing.
    found: Option<Found>,
    named: Vec<Named>,
}

struct Found {
    message: String,
    remedy: Option<String>,
    actor: &'static str,
    code: &'static str,
    docs: String,
}

/// One of the accounts that are concerned.
struct Named {
    href: String,
    text: String,
    /// What can be done with it at one press, if the visitor may: where the form goes, and what its button says.
    button: Option<(String, &'static str)>,
}

struct StatusTile {
    label: &'static str,
    status: &'static str,
    tone: &'static str,
    count: u64,
    share: u64,
}

struct UseLine {
    connector: String,
    executions: u64,
    failed: u64,
    share: u64,
    percent: String,
}

/// The overview.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let shell = Shell::of(&app, Some(&visitor), "overview", query_of(&uri));
    let view = app.engine.overview(&visitor.caller).await?;
    let one = valetkey_domain::PageRequest { size: 1, cursor: None };
    let connections = app.engine.list_connections(&visitor.caller, &Default::default(), &one).await?;
    let docs =
        |code: valetkey_domain::ErrorCode| app.options.path_of(&format!("/docs/errors/{}", code.as_str()));
    Ok(show(&made(shell, view, connections.total > 0, app.options.clock.now(), docs)))
}

/// Takes the visitor's word that this database is the one that goes on.
pub(super) async fn confirm(State(app): State<App>, Visiting(visitor): Visiting, _form: Form) -> Answer {
    app.engine.confirm_store(&visitor.caller).await?;
    Ok(go_to(&app, "?done=confirmed"))
}

fn made(
    shell: Shell,
    view: OverviewView,
    has_connections: bool,
    now: Time,
    docs: impl Fn(valetkey_domain::ErrorCode) -> String,
) -> OverviewPage {
    let accounts: u64 = view.counts.accounts.iter().map(|(_, count)| count).sum();
    let of = |status| {
        let counted = view.counts.accounts.iter().find(|(found, _)| *found == status);
        counted.map_or(0, |(_, count)| *count)
    };
    let statuses = AccountStatus::ALL
        .into_iter()
        .filter(|status| of(*status) > 0 || matches!(status, AccountStatus::Active));
    let statuses = statuses.map(|status| StatusTile {
        label: text::status_words(status),
        status: status.as_str(),
        tone: text::tone(status.as_str()),
        count: of(status),
        share: share(of(status), accounts),
    });
    let executions = view.counts.executions.iter().map(|line| line.executions).sum();
    let uses = view.counts.executions.iter().map(|line| UseLine {
        connector: line.connector.clone(),
        executions: line.executions,
        failed: line.failed,
        share: share(line.failed, line.executions),
        percent: format!("{:.1} %", line.failed as f64 * 100.0 / line.executions.max(1) as f64),
    });
    OverviewPage {
        statuses: statuses.collect(),
        accounts,
        uses: uses.collect(),
        executions,
        cut: executions >= u64::from(view.at_most),
        at_most: view.at_most,
        since: view.since,
        due: match view.counts.due {
            due if due >= u64::from(view.at_most) => format!("{due} or more"),
            due => due.to_string(),
        },
        degraded: view.counts.degraded,
        has_connections,
        chart: chart::chart(&view.history, now),
        bar: STEP - 2,
        needs: view.needs.iter().map(|need| line(need, &shell, &docs)).collect(),
        shell,
    }
}

/// A part of a hundred, never none of something.
fn share(part: u64, whole: u64) -> u64 {
    if part == 0 { 0 } else { (part * 100 / whole.max(1)).max(1) }
}

fn line(need: &Need, shell: &Shell, docs: &impl Fn(valetkey_domain::ErrorCode) -> String) -> NeedLine {
    let entry = need.code().map(valetkey_domain::ErrorCode::entry);
    let blank = NeedLine {
        tone: "bad",
        title: String::new(),
        cause: entry.map_or("", |entry| entry.cause),
        remedy: entry.and_then(|entry| entry.remedies.first()).map_or("", |(_, text)| text),
        link: None,
        button: None,
        causes: Vec::new(),
        more: 0,
    };
    match need {
        Need::Frozen(frozen) => NeedLine {
            title: format!("Renewals are held back: {}", frozen.reason),
            button: shell
                .manages()
                .then(|| (shell.to("/store/confirm"), "No other server works on this database: go on")),
            ..blank
        },
        Need::Connection(view) => {
            let path = format!("/connections/{}", view.connection.id);
            NeedLine {
                title: format!("{}: {}", view.connection.name, entry.map_or("", |entry| entry.meaning)),
                link: Some((shell.to(&path), "Open the connection".to_owned())),
                button: shell.configures().then(|| (shell.to(&format!("{path}/test")), "Test it again")),
                ..blank
            }
        }
        Need::Webhook(webhook) => NeedLine {
            tone: if webhook.disabled.is_some() { "bad" } else { "note" },
            title: webhook_title(webhook),
            link: Some((
                shell.to(&format!("/settings/webhooks/{}", webhook.id)),
                "Open the webhook".to_owned(),
            )),
            ..blank
        },
        Need::Accounts { status, count, causes } => {
            let words = match status {
                AccountStatus::PendingVerification => "for the app to confirm the user",
                AccountStatus::Expired => "expired and could not be renewed",
                AccountStatus::Revoked => "lost access at the provider",
                _ => "could not be authorized",
            };
            let waits = *status == AccountStatus::PendingVerification;
            let verb = match (waits, *count) {
                (false, _) => "",
                (true, 1) => "waits ",
                (true, _) => "wait ",
            };
            let remedy = (!waits).then_some(("link", "New link"));
            NeedLine {
                tone: if waits { "note" } else { "bad" },
                title: format!("{} {verb}{words}", accounts(*count)),
                ..of_accounts(
                    shell,
                    causes,
                    *count,
                    (&format!("status={}", status.as_str()), remedy),
                    docs,
                    blank,
                )
            }
        }
        Need::Failing { count, causes } => NeedLine {
            tone: "note",
            title: match count {
                1 => "Renewals of 1 account fail; it works while its access token lives".to_owned(),
                _ => format!("Renewals of {count} accounts fail; they work while their access tokens live"),
            },
            ..of_accounts(
                shell,
                causes,
                *count,
                ("renewals=failing", Some(("refresh", "Refresh now"))),
                docs,
                blank,
            )
        },
    }
}

/// What it is for, or else its host: the rest of its address may hold a key.
fn webhook_title(webhook: &Webhook) -> String {
    let host = || Some(webhook.url.parse::<url::Url>().ok()?.host_str()?.to_owned());
    let name = webhook.description.clone().or_else(host).unwrap_or_else(|| webhook.id.to_string());
    let state = if webhook.disabled.is_some() { "was turned off" } else { "gets no messages" };
    match &webhook.last_error {
        Some(error) => format!("The webhook {name} {state}: {error}"),
        None => format!("The webhook {name} {state}"),
    }
}

fn accounts(count: u64) -> String {
    if count == 1 { "1 account".to_owned() } else { format!("{count} accounts") }
}

/// What to do about accounts: for each of those that are named, and for all of them. `query` lists them; `remedy` is the
/// action that mends one, with its words.
fn of_accounts(
    shell: &Shell,
    causes: &[NeedCause],
    count: u64,
    (query, remedy): (&str, Option<(&str, &'static str)>),
    docs: &impl Fn(valetkey_domain::ErrorCode) -> String,
    blank: NeedLine,
) -> NeedLine {
    let remedy = remedy.filter(|_| shell.works());
    let lines = causes.iter().map(|cause| CauseLine {
        found: cause.finding.as_ref().map(|finding| Found {
            message: finding.message.clone(),
            remedy: finding.remedies.first().map(|remedy| remedy.text.clone()),
            actor: text::actor_words(finding.actor),
            code: finding.code.as_str(),
            docs: docs(finding.code),
        }),
        named: cause
            .accounts
            .iter()
            .map(|view| {
                let account = &view.account;
                let name = account.label.as_deref().unwrap_or(&account.identifier);
                let path = format!("/accounts/{}", account.id);
                Named {
                    text: format!("{name} on {}", view.connection_name),
                    button: remedy.map(|(action, words)| (shell.to(&format!("{path}/{action}")), words)),
                    href: shell.to(&path),
                }
            })
            .collect(),
    });
    let lines: Vec<_> = lines.collect();
    let named: usize = lines.iter().map(|line| line.named.len()).sum();
    let all = match remedy {
        Some((action, words)) if count > 1 => {
            (format!("/bulk?{query}&of=all&action={action}"), format!("{words} for all {count} …"))
        }
        _ => (format!("/accounts?{query}"), "Show all of them".to_owned()),
    };
    NeedLine {
        more: count.saturating_sub(named as u64),
        causes: lines,
        // Of a single account that is named already there is no more to show.
        link: (count > 1 || named != 1).then(|| (shell.to(&all.0), all.1)),
        ..blank
    }
}
