//! The overview: what needs a person now, and how things go.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{AccountStatus, Time};
use valetkey_engine::{Need, OverviewView};

use super::{
    gate::Visiting,
    shell::{Answer, Shell, query_of, show},
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
    due: u64,
    degraded: u64,
    has_connections: bool,
}

/// Something to do.
struct NeedLine {
    tone: &'static str,
    title: String,
    cause: &'static str,
    remedy: &'static str,
    /// Where to do it, and what the link says.
    link: Option<(String, String)>,
    named: Vec<Named>,
    more: u64,
}

/// One of the accounts that are concerned.
struct Named {
    href: String,
    text: String,
    /// Where a new authorization link is made, if the visitor may.
    link: Option<String>,
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
    Ok(show(&made(shell, view, connections.total > 0)))
}

fn made(shell: Shell, view: OverviewView, has_connections: bool) -> OverviewPage {
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
        due: view.counts.due,
        degraded: view.counts.degraded,
        has_connections,
        needs: view.needs.iter().map(|need| line(need, &shell)).collect(),
        shell,
    }
}

/// A part of a hundred, never none of something.
fn share(part: u64, whole: u64) -> u64 {
    if part == 0 { 0 } else { (part * 100 / whole.max(1)).max(1) }
}

fn line(need: &Need, shell: &Shell) -> NeedLine {
    let entry = need.code().map(valetkey_domain::ErrorCode::entry);
    let cause = entry.map_or("", |entry| entry.cause);
    let remedy = entry.and_then(|entry| entry.remedies.first()).map_or("", |(_, text)| text);
    let blank =
        NeedLine { tone: "bad", title: String::new(), cause, remedy, link: None, named: Vec::new(), more: 0 };
    match need {
        Need::Frozen(frozen) => {
            NeedLine { title: format!("Renewals are held back: {}", frozen.reason), link: None, ..blank }
        }
        Need::Connection(view) => NeedLine {
            title: format!("{}: {}", view.connection.name, entry.map_or("", |entry| entry.meaning)),
            link: Some((
                shell.to(&format!("/connections/{}", view.connection.id)),
                "Open the connection".to_owned(),
            )),
            ..blank
        },
        Need::Accounts { status, count, newest } => {
            let words = match status {
                AccountStatus::PendingVerification => "wait for the app to confirm the user",
                AccountStatus::Expired => "expired and could not be renewed",
                AccountStatus::Revoked => "lost access at the provider",
                _ => "could not be authorized",
            };
            let noun = if *count == 1 { "account" } else { "accounts" };
            let named: Vec<_> = newest
                .iter()
                .map(|view| {
                    let account = &view.account;
                    let name = account.label.as_deref().unwrap_or(&account.identifier);
                    let link = shell.works() && *status != AccountStatus::PendingVerification;
                    Named {
                        href: shell.to(&format!("/accounts/{}", account.id)),
                        text: format!("{name} on {}", view.connection_name),
                        link: link.then(|| shell.to(&format!("/accounts/{}/link", account.id))),
                    }
                })
                .collect();
            NeedLine {
                tone: if *status == AccountStatus::PendingVerification { "note" } else { "bad" },
                title: format!("{count} {noun} {words}"),
                link: Some((
                    shell.to(&format!("/accounts?status={}", status.as_str())),
                    "Show all of them".to_owned(),
                )),
                more: count.saturating_sub(named.len() as u64),
                named,
                ..blank
            }
        }
    }
}
