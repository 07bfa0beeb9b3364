//! Accounts that wait: for their user, for the app, or for somebody to mend the cause.

use valetkey_domain::{
    Caller, ErrorCode, Event, Evidence, Finding, Permission,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind},
    event::EventKind,
};

use super::{
    callback,
    case::{Case, attempt_of, event_evidence},
    said::{code_word, of_reason},
};

/// An attempt is taken to be under way for as long as its state works.
const UNDER_WAY: time::Duration = time::Duration::minutes(10);

const FAILURES: [EventKind; 3] =
    [EventKind::AuthorizationFailed, EventKind::CallbackRefused, EventKind::FormRefused];
const STARTS: [EventKind; 2] = [EventKind::AuthorizationStarted, EventKind::LinkOpened];

/// `PENDING`: the link was never made, never opened, opened and not finished, or something went wrong on the way.
pub(super) fn of_pending(case: &Case<'_>) -> Vec<Finding> {
    let failure = case.newest(&FAILURES);
    let start = case.newest(&STARTS);
    let link = case.newest_link();
    let newer = |event: &Event, than: Option<&Event>| than.is_none_or(|than| event.id > than.id);
    if let Some(failure) = failure.filter(|event| newer(event, start) && newer(event, link)) {
        let mut findings = callback::of_failure(case, failure);
        for finding in &mut findings {
            finding.evidence.insert(0, case.status_evidence());
        }
        return findings;
    }
    match (start, link) {
        (Some(start), link) if newer(start, link) => unfinished(case, start),
        (_, Some(link)) => vec![unopened(case, link)],
        _ => vec![
            Finding::new(ErrorCode::AccountPending)
                .message(format!("{} was never authorized.", case.who()))
                .cause("No authorization link was made for it.")
                .evidence(case.status_evidence())
                .evidences(case.newest(&[EventKind::AccountCreated]).map(|event| event_evidence(event, "")))
                .catalogue_remedies(),
        ],
    }
}

/// A link that nobody has used.
fn unopened(case: &Case<'_>, link: &Event) -> Finding {
    let made = format!("made {}", case.ago(link.at));
    let expires_at = case.attempt.as_ref().map(|attempt| attempt.expires_at).or_else(|| {
        let seconds = link.event.data["expires_at"].as_i64()?;
        valetkey_domain::Time::from_unix_timestamp(seconds).ok()
    });
    let finding = match expires_at.filter(|at| *at <= case.now) {
        Some(at) => Finding::new(ErrorCode::LinkExpired)
            .message(format!("{}: its authorization link expired unused.", case.who()))
            .cause(format!(
                "The link was {made} and worked until {}; nobody pressed Continue on its page.",
                case.ago(at)
            ))
            .remedy(RemedyAction::Authorize, "Send the user a new authorization link."),
        None => Finding::new(ErrorCode::LinkNeverOpened)
            .message(format!("{}: nobody has gone on with its authorization link.", case.who()))
            .cause(format!(
                "The link was {made}; nobody pressed Continue on its page. Perhaps it never reached the user."
            ))
            .catalogue_remedies(),
    };
    finding.evidence(case.status_evidence()).evidence(event_evidence(link, made))
}

/// The user was sent to the provider and nobody came back.
fn unfinished(case: &Case<'_>, start: &Event) -> Vec<Finding> {
    let since = case.now - start.at;
    let link_is_over = case.attempt.as_ref().is_some_and(|attempt| attempt.expires_at <= case.now);
    let mut finding = Finding::new(ErrorCode::AuthorizationUnfinished)
        .evidence(case.status_evidence())
        .evidence(event_evidence(start, case.ago(start.at)));
    if since < UNDER_WAY {
        return vec![
            finding
                .message(format!(
                    "{}: the user is on the way through the authorization right now.",
                    case.who()
                ))
                .cause(format!(
                    "They went to {} {} and have not come back yet.",
                    case.provider(),
                    case.ago(start.at)
                ))
                .remedy(
                    RemedyAction::Wait,
                    format!("Wait up to {} seconds more.", (UNDER_WAY - since).whole_seconds()),
                )
                .remedy(RemedyAction::Authorize, "If the user gave up, send a new authorization link."),
        ];
    }
    finding = finding
        .message(format!(
            "{}: the user opened the link and did not come back from {}.",
            case.who(),
            case.provider()
        ))
        .catalogue_remedies();
    let mut findings = Vec::new();
    if link_is_over {
        findings.push(
            Finding::new(ErrorCode::LinkExpired)
                .message(format!(
                    "{}: the authorization link has expired before the user finished.",
                    case.who()
                ))
                .evidences(case.newest_link().map(|event| event_evidence(event, case.ago(event.at))))
                .remedy(RemedyAction::Authorize, "Send the user a new authorization link."),
        );
    }
    findings.push(finding);
    findings.extend(of_pages(case));
    findings.extend(callback::strays(&case.of_connection));
    findings
}

/// What the user may have been shown at the provider, which sends nobody back after it.
fn of_pages(case: &Case<'_>) -> Vec<Finding> {
    let Some(connector) = &case.connector else { return Vec::new() };
    let mut findings: Vec<Finding> = Vec::new();
    for reason in connector.reasons.pages() {
        let seen = reason.sees.as_deref().unwrap_or_default();
        let mut finding = match reason.means {
            ErrorCode::RedirectUriMismatch => case.redirect_mismatch(&super::said::Said::default()),
            _ => of_reason(reason),
        };
        finding.confidence = Confidence::Possible;
        findings.push(finding.evidence(Evidence::new(
            EvidenceKind::Connector,
            format!("{} does not send users back after it shows: {seen}", connector.display_name),
        )));
    }
    findings
}

/// `PENDING_VERIFICATION`: the app has not said who the user is.
pub(super) fn of_verification(case: &Case<'_>) -> Vec<Finding> {
    let waits = case.newest(&[EventKind::AccountAwaitsVerification]);
    let refused = case.newest(&[EventKind::VerificationRefused]);
    let id = waits.and_then(attempt_of).unwrap_or("the auth_request_id that your user_verify_url received");
    let host = case.newest_link().and_then(|link| link.event.data["user_verify_host"].as_str());
    let sent = host.map(|host| format!(" The user was sent to {host}.")).unwrap_or_default();
    let mut findings = vec![
        Finding::new(ErrorCode::AccountPendingVerification)
            .message(format!("{} is authorized, but the app has not confirmed the user.", case.who()))
            .cause(format!("Nothing has called POST /v1/connect/accounts/verify for the attempt {id}.{sent}"))
            .evidence(case.status_evidence())
            .evidences(waits.map(|event| event_evidence(event, case.ago(event.at))))
            .remedy(
                RemedyAction::VerifyUser,
                format!(
                    "Call POST /v1/connect/accounts/verify with auth_request_id \"{id}\" and identifier \"{}\".",
                    case.account.identifier
                ),
            )
            .remedy(RemedyAction::Authorize, "If the user is gone, send a new authorization link."),
    ];
    if let Some(event) = refused.filter(|event| waits.is_none_or(|waits| event.id > waits.id)) {
        let named = event.event.data["named"].as_str().unwrap_or("somebody else");
        // It comes before the waiting, which it explains.
        findings.insert(
            0,
            Finding::new(ErrorCode::VerificationMismatch)
                .message(format!(
                    "{}: the app says that {named} finished the authorization, and the link was made for {}.",
                    case.who(),
                    case.account.identifier
                ))
                .evidence(event_evidence(event, code_word(event)))
                .evidence(case.status_evidence())
                .catalogue_remedies(),
        );
    }
    findings
}

/// `ERROR`: what the last failed authorization said.
pub(super) fn of_error(case: &Case<'_>) -> Vec<Finding> {
    let failures = [EventKind::AuthorizationFailed, EventKind::CallbackRefused];
    let of_cause = |event: &&Event| {
        failures.contains(&event.event.kind)
            && case.account.cause.is_none_or(|cause| event.event.code == Some(cause))
    };
    let Some(event) = case.events.iter().find(of_cause) else {
        let code = case.account.cause.unwrap_or(ErrorCode::AccountError);
        return vec![Finding::new(code).evidence(case.status_evidence()).catalogue_remedies()];
    };
    let mut findings = callback::of_failure(case, event);
    for finding in &mut findings {
        finding.evidence.insert(0, case.status_evidence());
    }
    findings
}

/// Whether the caller may make links.
pub(super) fn may_link(caller: &Caller) -> bool {
    caller.permissions.allows(Permission::AccountsAccess)
}
