//! Calls that had to wait: for the provider, whose limit is reached, or for their turn in our own queue.

use std::sync::Arc;

use valetkey_domain::{
    Connection, ErrorCode, Event, Evidence, Finding, Time,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
};
use valetkey_upstream::connector::{Connector, Place};

use super::{
    case::{Case, event_evidence},
    connection::client_evidence,
    execution::{Scene, Seen},
    said::{Said, code_word},
};

/// Who is limited, and until when.
pub(super) fn limited(scene: &Scene<'_>, seen: &Seen) -> Vec<Finding> {
    let of_table = scene.explained(seen).map(|finding| finding.cause);
    told(scene.provider(), of_table, scene.connection, scene.now, seen)
}

fn told(
    provider: &str,
    of_table: Option<String>,
    connection: &Connection,
    now: Time,
    seen: &Seen,
) -> Vec<Finding> {
    let shared = connection.use_shared_credentials;
    let told: Vec<String> = of_table.into_iter().chain(seen.cause.clone()).collect();
    let whose = if shared {
        "the shared OAuth client of this server, or this account"
    } else {
        "this account, or the connection's own OAuth client"
    };
    let cause = match told.is_empty() {
        true => format!("Too many calls in a short time: the limit is of {whose}."),
        false => told.join(" "),
    };
    let wait = seen.retry_at.map(|at| (at - now).whole_seconds().max(0)).or_else(|| {
        let millis = seen.retry_after_ms?;
        i64::try_from(millis.div_ceil(1000)).ok()
    });
    let until = seen.retry_at.or_else(|| Some(now + time::Duration::seconds(wait?)));
    let mut finding = Finding::new(ErrorCode::UpstreamRateLimited)
        .message(format!("{provider} asks for fewer calls."))
        .cause(cause)
        .evidences(seen.evidence())
        .evidences(seen.said.evidence(Place::Api))
        .evidence(client_evidence(connection));
    finding = match (wait, until) {
        (Some(wait), Some(until)) => finding
            .evidence(
                Evidence::new(EvidenceKind::Provider, "The provider asked to be left alone until then.")
                    .at(until),
            )
            .remedy(RemedyAction::Wait, waiting(wait, until, now)),
        _ => finding.remedy(RemedyAction::Wait, "Wait a minute, then go on with fewer calls at a time."),
    };
    let mut findings = vec![finding];
    if shared {
        findings.push(
            Finding::new(ErrorCode::SharedClientLimited)
                .severity(Verdict::Degraded)
                .confidence(Confidence::Possible)
                .evidence(client_evidence(connection))
                .remedy(
                    RemedyAction::ConfigureConnection,
                    format!("Give the connection \"{}\" an OAuth client of its own.", connection.name),
                ),
        );
    }
    findings
}

/// How long to wait, for programs in seconds and for people until when.
fn waiting(wait: i64, until: Time, now: Time) -> String {
    if until <= now {
        return "That time is over: send the call again.".to_owned();
    }
    let (date, hour, minute, second) = (until.date(), until.hour(), until.minute(), until.second());
    let day = if date == now.date() { String::new() } else { format!("{date} ") };
    let unit = if wait == 1 { "second" } else { "seconds" };
    format!("Wait {wait} {unit}, until {day}{hour:02}:{minute:02}:{second:02} UTC, then go on.")
}

/// Until when a limit lasts that was noted.
fn until(event: &Event) -> Option<Time> {
    Time::from_unix_timestamp(event.event.data["until"].as_i64()?).ok()
}

/// A limit as its event tells it.
fn noted(event: &Event) -> Seen {
    Seen {
        said: Said::of_event(event),
        cause: event.event.data["counts"].as_str().map(str::to_owned),
        retry_at: until(event),
        ..Seen::of_code(ErrorCode::UpstreamRateLimited)
    }
}

/// The record of a call that was limited, with what the history knows beside: who is limited, and until when. A limit is
/// noted once in a few minutes, so the note may be an earlier call's.
pub(super) fn remembered(seen: Seen, events: &[Event]) -> Seen {
    if seen.code != ErrorCode::UpstreamRateLimited {
        return seen;
    }
    let is_own = |event: &&Event| {
        seen.execution.is_some() && event.event.data["execution_id"].as_str() == seen.execution.as_deref()
    };
    let held = |event: &&Event| {
        seen.at.is_some_and(|at| event.at <= at && until(event).is_some_and(|until| at < until))
    };
    let limits = || events.iter().filter(|event| event.event.kind == EventKind::RateLimited);
    let Some(event) = limits().find(is_own).or_else(|| limits().find(held)) else { return seen };
    let noted = noted(event);
    let said = if seen.said == Said::default() { noted.said } else { seen.said };
    Seen { said, cause: noted.cause, retry_at: noted.retry_at, ..seen }
}

/// A limit of the OAuth client that is not over, whichever account met it.
pub(super) fn of_client(events: &[Event], now: Time) -> Option<&Event> {
    let of_all = |event: &&Event| {
        matches!(event.event.data["limited"].as_str(), Some("connection" | "shared_client"))
            && until(event).is_some_and(|until| until > now)
    };
    events.iter().filter(of_all).max_by_key(|event| until(event))
}

/// The provider asked to be left alone for a time that is not over: for this account, or for the client that it shares.
pub(super) fn of_account(case: &Case<'_>) -> Vec<Finding> {
    let own =
        case.newest(&[EventKind::RateLimited]).filter(|event| until(event).is_some_and(|at| at > case.now));
    let Some(event) = own.or(case.limit_of_client.as_ref()) else { return Vec::new() };
    let findings = limited(&case.scene(), &noted(event));
    as_passing(findings, event)
}

/// The same of a connection: what holds back all its accounts.
pub(super) fn of_connection(
    connection: &Connection,
    connector: &Arc<Connector>,
    event: &Event,
    now: Time,
) -> Vec<Finding> {
    let seen = noted(event);
    let reason = connector.reasons.find(Place::Api, seen.said.code.as_deref(), seen.said.message.as_deref());
    let of_table = reason.and_then(|reason| reason.says.clone());
    as_passing(told(&connector.display_name, of_table, connection, now, &seen), event)
}

/// It passes by itself: calls that can wait go through.
fn as_passing(findings: Vec<Finding>, event: &Event) -> Vec<Finding> {
    let passing = |finding: Finding| {
        finding.severity(Verdict::Degraded).evidence(event_evidence(event, code_word(event)))
    };
    findings.into_iter().map(passing).collect()
}

/// The deadline passed before the request left: the provider is not suspected.
pub(super) fn in_line(seen: &Seen) -> Finding {
    Finding::new(seen.code)
        .message("The deadline of the call passed before its request could leave.")
        .cause(
            "Other calls through the connection were in line before it, or its credential took too long to be ready. The \
             provider was not asked.",
        )
        .evidence(
            Evidence::new(
                EvidenceKind::Setting,
                "calls_per_connection calls of a connection go at once; the others wait for their turn.",
            )
            .reference("calls_per_connection"),
        )
        .remedy(RemedyAction::Retry, "Send the call again: nothing was sent.")
        .remedy(RemedyAction::FixRequest, "If it lasts, give the call more time or make fewer at once.")
}

/// Our own queue was full: the provider was not asked.
pub(super) fn queue_full(seen: &Seen) -> Finding {
    let finding = Finding::new(ErrorCode::Overloaded)
        .message(seen.message.clone().unwrap_or_else(|| ErrorCode::Overloaded.entry().meaning.to_owned()))
        .cause("The queue is this server's own and is bounded, so that calls in it are made in time; the provider was not asked.")
        .evidence(
            Evidence::new(
                EvidenceKind::Setting,
                "calls_per_connection calls at once and calls_waiting in line is what a connection takes.",
            )
            .reference("calls_waiting"),
        );
    let finding = match seen.retry_after_ms {
        Some(millis) => finding.remedy(
            RemedyAction::Wait,
            format!("Wait {} seconds, then send the call again: nothing was sent.", millis.div_ceil(1000)),
        ),
        None => finding.remedy(RemedyAction::Retry, "Send the call again in a moment: nothing was sent."),
    };
    finding
        .remedy(RemedyAction::FixRequest, "If it lasts, make fewer calls at the same time.")
        .remedy(
            RemedyAction::ConfigureServer,
            "Where the provider takes more at once, the operator can raise calls_per_connection and calls_waiting.",
        )
}
