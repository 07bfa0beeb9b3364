//! Calls that had to wait: for the provider, whose limit is reached, or for their turn in our own queue.

use valetkey_domain::{
    ErrorCode, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind, Verdict},
};
use valetkey_upstream::connector::Place;

use super::{
    connection::client_evidence,
    execution::{Scene, Seen},
};

/// Who is limited, and until when.
pub(super) fn limited(scene: &Scene<'_>, seen: &Seen) -> Vec<Finding> {
    let shared = scene.connection.use_shared_credentials;
    let of_table = scene.explained(seen).map(|finding| finding.cause);
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
    let wait = seen.retry_at.map(|at| (at - scene.now).whole_seconds().max(0)).or_else(|| {
        let millis = seen.retry_after_ms?;
        i64::try_from(millis.div_ceil(1000)).ok()
    });
    let until = seen.retry_at.or_else(|| Some(scene.now + time::Duration::seconds(wait?)));
    let mut finding = Finding::new(ErrorCode::UpstreamRateLimited)
        .message(format!("{} asks for fewer calls.", scene.provider()))
        .cause(cause)
        .evidences(seen.evidence())
        .evidences(seen.said.evidence(Place::Api))
        .evidence(client_evidence(scene.connection));
    finding = match (wait, until) {
        (Some(wait), Some(until)) => finding
            .evidence(
                Evidence::new(EvidenceKind::Provider, "The provider asked to be left alone until then.")
                    .at(until),
            )
            .remedy(RemedyAction::Wait, format!("Wait {wait} seconds, then go on.")),
        _ => finding.remedy(RemedyAction::Wait, "Wait a minute, then go on with fewer calls at a time."),
    };
    let mut findings = vec![finding];
    if shared {
        findings.push(
            Finding::new(ErrorCode::SharedClientLimited)
                .severity(Verdict::Degraded)
                .confidence(Confidence::Possible)
                .evidence(client_evidence(scene.connection))
                .remedy(
                    RemedyAction::ConfigureConnection,
                    format!("Give the connection \"{}\" an OAuth client of its own.", scene.connection.name),
                ),
        );
    }
    findings
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
