//! `ACTIVE`, and perhaps not working all the same.

use valetkey_domain::{
    ErrorCode, Event, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
    execution::ExecutionStatus,
};
use valetkey_upstream::connector::Place;

use super::{
    case::{Case, duration_words, event_evidence},
    execution, expired, limits,
    said::{Said, code_word},
};
use crate::{refresh, scopes};

/// What the history says against an account whose status says nothing.
pub(super) fn of_active(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(frozen(case));
    findings.extend(degraded(case));
    findings.extend(not_renewable(case));
    findings.extend(refused(case));
    findings.extend(not_granted(case));
    findings.extend(limits::of_account(case));
    findings.extend(last_call(case));
    findings
}

fn weight(case: &Case<'_>) -> Verdict {
    if case.still_works() { Verdict::Degraded } else { Verdict::Broken }
}

/// The database was restored or copied, and the grant is one that works once.
fn frozen(case: &Case<'_>) -> Option<Finding> {
    let frozen = case.frozen.as_ref()?;
    let rotates = case.connector.as_ref().is_some_and(|connector| refresh::rotates(connector));
    let stored_at = case.credential?.stored_at?;
    if !rotates || stored_at >= frozen.since {
        return None;
    }
    let until = case.account.token_expires_at.filter(|at| *at > case.now);
    let then = until.map_or_else(
        || "Its access token has run out, so that no call works.".to_owned(),
        |at| format!("Its access token works for {} more.", duration_words(at - case.now)),
    );
    Some(
        Finding::new(ErrorCode::GrantFrozen)
            .severity(weight(case))
            .message(format!("{} is frozen: it is not renewed. {then}", case.who()))
            .evidence(Evidence::new(EvidenceKind::Setting, frozen.reason.clone()).at(frozen.since))
            .evidence(
                Evidence::new(EvidenceKind::Credential, "The credential was stored before that.")
                    .at(stored_at),
            )
            .catalogue_remedies(),
    )
}

/// Renewals fail in passing.
fn degraded(case: &Case<'_>) -> Option<Finding> {
    let degraded = case.account.degraded.as_ref()?;
    let wait = (degraded.retry_at - case.now).whole_seconds().max(0);
    let event = case.newest(&[EventKind::RefreshFailed, EventKind::RefreshOutcomeUnknown]);
    let said = event.map(Said::of_event).unwrap_or_default();
    let reason = case.reason(Place::Token, &said);
    let actor = reason
        .map_or(degraded.code.entry().actor, |reason| reason.actor.unwrap_or(reason.means.entry().actor));
    let cause = match reason.and_then(|reason| reason.says.clone()) {
        Some(says) => says,
        None => format!("{} ({})", degraded.code.entry().meaning, degraded.code.as_str()),
    };
    let own_remedy = reason.and_then(|reason| reason.remedy.clone());
    let refused = case.refusal();
    let works = match refused {
        Some(_) => " The provider does not take its access token any more.",
        None if case.still_works() => " Its access token still works.",
        None => " Its access token has run out.",
    };
    let (times, failures) = match degraded.failures {
        1 => (String::new(), format!("1 failure, with {}", degraded.code.as_str())),
        many => (
            format!(" {many} times in a row"),
            format!("{many} failures, the last with {}", degraded.code.as_str()),
        ),
    };
    let finding = Finding::new(ErrorCode::RenewalsFailing)
        .severity(weight(case))
        .message(format!("{} could not be renewed{times}.{works}", case.who()))
        .cause(cause)
        .actor(actor)
        .evidence(Evidence::new(EvidenceKind::Credential, failures).at(degraded.since))
        .evidences(event.map(|event| event_evidence(event, code_word(event))))
        .evidences(said.evidence(Place::Token))
        .evidences(refused.map(|event| event_evidence(event, code_word(event))))
        .remedy(
            RemedyAction::Wait,
            match wait {
                0 => "It is due to be tried again now, without anybody's doing.".to_owned(),
                _ => format!("Wait {wait} seconds: it is tried again then, without anybody's doing."),
            },
        );
    // Trying again helps, and where somebody can mend it for good, so does that.
    let finding = match own_remedy {
        Some(text) => finding.remedy(RemedyAction::CheckProvider, text),
        None => finding,
    };
    Some(finding.remedy(RemedyAction::CheckProvider, "If it lasts, look at the provider's status page."))
}

/// The access token will run out, and there is nothing to renew it with.
fn not_renewable(case: &Case<'_>) -> Option<Finding> {
    let expires_at = case.account.token_expires_at?;
    let facts = case.credential?;
    let has_oauth = case.connector.as_ref().is_some_and(|connector| connector.auth.oauth().is_some());
    if facts.renewable || !has_oauth {
        return None;
    }
    let when = if expires_at > case.now {
        format!("works for {} more and then ends", duration_words(expires_at - case.now))
    } else {
        format!("ended {}", case.ago(expires_at))
    };
    Some(
        expired::missing_refresh_token(case)
            .severity(weight(case))
            .confidence(Confidence::Certain)
            .message(format!("{} {when}: there is no refresh token.", case.who()))
            .evidence(Evidence::new(EvidenceKind::Credential, "No refresh token is stored.").at(expires_at)),
    )
}

/// The provider refused the credential, and nothing says why.
fn refused(case: &Case<'_>) -> Option<Finding> {
    let event = case.refusal()?;
    // An access token that ran out and is not renewed: why not has a finding of its own.
    let is_explained = case.account.degraded.is_some() || case.connection.fault.is_some();
    (!is_explained).then(|| active_but_refused(case, event))
}

fn active_but_refused(case: &Case<'_>, event: &Event) -> Finding {
    if let Some(finding) = case.explained_event(Place::Api, event) {
        return finding.evidence(case.status_evidence());
    }
    let said = Said::of_event(event);
    Finding::new(ErrorCode::ActiveButRefused)
        .message(format!(
            "{} is ACTIVE, yet {} refused its credential {}.",
            case.who(),
            case.provider(),
            case.ago(event.at)
        ))
        .evidence(case.status_evidence())
        .evidence(event_evidence(event, code_word(event)))
        .evidences(said.evidence(Place::Api))
        .catalogue_remedies()
}

/// Scopes that are asked for and were not granted, and the tools that suffer.
pub(super) fn not_granted(case: &Case<'_>) -> Option<Finding> {
    let connector = case.connector.as_ref()?;
    let profile = connector.auth.oauth()?;
    if case.account.scopes.is_empty() {
        return None;
    }
    let missing = scopes::missing(profile, &case.asked(), &case.account.scopes);
    if missing.is_empty() {
        return None;
    }
    let lacking = connector.tools.iter().filter(|tool| !tool.missing_scopes(&case.account.scopes).is_empty());
    let tools: Vec<&str> = lacking.map(|tool| tool.name.as_str()).collect();
    let suffer = if tools.is_empty() {
        "No tool of the connector needs them.".to_owned()
    } else {
        format!("These tools cannot be used: {}.", tools.join(", "))
    };
    let told = case.newest(&[EventKind::ScopesChanged]);
    Some(
        Finding::new(ErrorCode::ScopesNotGranted)
            .severity(Verdict::Degraded)
            .message(format!("{} lacks scopes: {}. {suffer}", case.who(), missing.join(" ")))
            .evidence(Evidence::new(
                EvidenceKind::Credential,
                format!("granted: {}", case.account.scopes.join(" ")),
            ))
            .evidence(Evidence::new(
                EvidenceKind::Connection,
                format!("asked for: {}", case.asked().join(" ")),
            ))
            .evidences(told.map(|event| event_evidence(event, "")))
            .remedy(
                RemedyAction::Reauthorize,
                format!(
                    "Send the user a new authorization link and ask them to grant: {}",
                    missing.join(" ")
                ),
            ),
    )
}

/// What the last call failed with, if it failed.
fn last_call(case: &Case<'_>) -> Vec<Finding> {
    let ended = |status: ExecutionStatus| status != ExecutionStatus::Running;
    let Some(last) = case.executions.iter().find(|execution| ended(execution.status)) else {
        return Vec::new();
    };
    let is_recent = case.now - last.started_at < time::Duration::days(1);
    // What came after the call may have mended it.
    let mended = [EventKind::AccountActivated, EventKind::CredentialRefreshed, EventKind::AccountVerified];
    let since = case.newest(&mended).is_some_and(|event| event.at > last.started_at);
    if execution::is_fine(last) || !is_recent || since {
        return Vec::new();
    }
    let seen = limits::remembered(execution::Seen::of_execution(last), &case.events);
    if execution::is_about_the_account(seen.code) || execution::is_about_the_request(seen.code) {
        return Vec::new();
    }
    let findings = execution::of_call(&case.scene(), &seen);
    findings.into_iter().map(|finding| finding.severity(Verdict::Degraded)).collect()
}
