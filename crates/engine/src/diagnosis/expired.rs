//! Why a grant ran out.
//!
//! `invalid_grant` alone does not say how a grant ended (RFC 6749 §5.2). The provider's own numbers may; where they do
//! not, the calendar often does: a grant that died between its last good renewal and the first refused one, with a known
//! limit in between, died of that limit.

use valetkey_domain::{
    Error, ErrorCode, Event, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind},
    event::EventKind,
    refresh::RefreshOutcome,
};
use valetkey_upstream::connector::{OAuthProfile, Place};

use super::{
    case::{Case, duration_words, event_evidence},
    said::{Said, code_word},
};
use crate::Engine;

/// Scopes that ask for a refresh token, where a connector does not name its own.
const OFFLINE: [&str; 4] = ["offline_access", "offline", "refresh_token", "offline.access"];

impl Engine {
    /// `EXPIRED`: every cause that fits, the surest first.
    pub(super) async fn expired(&self, case: &Case<'_>) -> Result<Vec<Finding>, Error> {
        let Some(end) = case.newest(&[EventKind::AccountExpired]) else {
            return Ok(vec![unexplained(case, None)]);
        };
        if end.event.code == Some(ErrorCode::RefreshOutcomeLost) {
            return Ok(vec![outcome_lost(case, end)]);
        }
        if let Some(code @ ErrorCode::ProviderIdentityChanged) = end.event.code {
            let finding = Finding::new(code).evidence(event_evidence(end, code_word(end)));
            return Ok(vec![with_status(case, finding.catalogue_remedies())]);
        }
        if end.event.data["evidence"]["refresh_token"] == "none" {
            return Ok(vec![no_refresh_token(case, end)]);
        }
        if let Some(finding) = case.explained_event(Place::Token, end) {
            return Ok(vec![with_status(case, finding)]);
        }
        let mut findings = by_calendar(case, end);
        findings.extend(self.grant_limit(case, end).await?);
        if findings.is_empty() {
            findings.push(unexplained(case, Some(end)));
        }
        let said = Said::of_event(end).evidence(Place::Token);
        for finding in &mut findings {
            finding.evidence.insert(0, case.status_evidence());
            finding.evidence.extend(said.clone());
        }
        Ok(findings)
    }

    /// The user has given the client more grants than the provider keeps.
    async fn grant_limit(&self, case: &Case<'_>, end: &Event) -> Result<Option<Finding>, Error> {
        let Some(profile) = profile(case) else { return Ok(None) };
        let standing = profile.limits.iter().filter(|limit| limit.within_seconds.is_none());
        let Some(limit) = standing.min_by_key(|limit| limit.count) else { return Ok(None) };
        let Some(consent) = case.consent(Some(end)) else { return Ok(None) };
        let later = self.later_grants(case, consent.at).await?;
        if later < u64::from(limit.count) {
            return Ok(None);
        }
        Ok(Some(
            Finding::new(ErrorCode::GrantLimitReached)
                .confidence(Confidence::Likely)
                .message(format!(
                    "{} was pushed out: the same user has given {later} newer grants.",
                    case.who()
                ))
                .cause(format!(
                    "{} keeps {} {} per {}; then {}.",
                    case.provider(),
                    limit.count,
                    limit.of,
                    limit.per,
                    limit.then
                ))
                .evidence(event_evidence(consent, "the grant was made"))
                .evidence(event_evidence(end, code_word(end)))
                .evidence(Evidence::new(
                    EvidenceKind::Connector,
                    format!("limit: {} per {}; newer grants of this user: {later}", limit.count, limit.per),
                ))
                .catalogue_remedies(),
        ))
    }
}

fn profile<'a>(case: &'a Case<'_>) -> Option<&'a OAuthProfile> {
    case.connector.as_ref()?.auth.oauth()
}

fn with_status(case: &Case<'_>, mut finding: Finding) -> Finding {
    finding.evidence.insert(0, case.status_evidence());
    finding
}

/// The answer to a renewal was lost, and the grant with it.
fn outcome_lost(case: &Case<'_>, end: &Event) -> Finding {
    let lost_at = end.event.data["evidence"]["lost_at"].as_str().unwrap_or("an unknown time");
    let unknown = case.refreshes.iter().find(|attempt| attempt.outcome == Some(RefreshOutcome::Unknown));
    let attempt = unknown.map(|attempt| {
        Evidence::new(
            EvidenceKind::Credential,
            format!("The attempt number {} to renew ended without a known outcome.", attempt.fence),
        )
        .reference(attempt.id.as_str())
        .at(attempt.started_at)
    });
    with_status(
        case,
        Finding::new(ErrorCode::RefreshOutcomeLost)
            .message(format!("{} expired because the answer to a renewal was lost.", case.who()))
            .cause(format!(
                "At {lost_at} the connection broke or the server stopped after {} had spent the refresh token and before \
                 its answer was stored. Nobody took access away.",
                case.provider()
            ))
            .evidences(attempt)
            .evidence(event_evidence(end, code_word(end)))
            .catalogue_remedies(),
    )
}

/// There was nothing to renew the access token with.
fn no_refresh_token(case: &Case<'_>, end: &Event) -> Finding {
    let finding = missing_refresh_token(case).message(format!(
        "{} expired: the access token ran out, and there is no refresh token to renew it with.",
        case.who()
    ));
    with_status(case, finding.evidence(event_evidence(end, "no refresh token")))
}

/// Why there is no refresh token: it was not asked for, did not come along with an import, or was not given.
pub(super) fn missing_refresh_token(case: &Case<'_>) -> Finding {
    let consent = case.consent(None);
    let imported = consent.is_some_and(|event| event.event.data["source"] == "imported");
    let asked = asked_then(case);
    let made = consent.map(|event| {
        let source = event.event.data["source"].as_str().unwrap_or("authorization");
        event_evidence(event, format!("source: {source}"))
    });
    if imported {
        return Finding::new(ErrorCode::RefreshTokenMissing)
            .cause("The credential was imported without a refresh token.")
            .evidences(made)
            .remedy(RemedyAction::EnterCredential, "Import the credential again, with its refresh token.")
            .remedy(RemedyAction::Reauthorize, "Or send the user an authorization link.");
    }
    if let Some(scope) = offline_scope(case).filter(|scope| !asked.contains(scope)) {
        return Finding::new(ErrorCode::OfflineAccessMissing)
            .cause(format!(
                "The connection did not ask for the scope {scope}, without which {} gives no refresh token.",
                case.provider()
            ))
            .evidences(made)
            .evidence(Evidence::new(EvidenceKind::Connection, format!("Asked for: {}", asked.join(" "))))
            .remedy(
                RemedyAction::ConfigureConnection,
                format!("Add the scope {scope} to the connection \"{}\".", case.connection.name),
            )
            .remedy(RemedyAction::Reauthorize, "Then send the user a new authorization link.");
    }
    let notes = profile(case).map(|profile| profile.lifetimes.notes.join(" ")).unwrap_or_default();
    Finding::new(ErrorCode::RefreshTokenMissing)
        .confidence(Confidence::Likely)
        .cause(format!("{} gave none with the authorization. {notes}", case.provider()).trim_end().to_owned())
        .evidences(made)
        .catalogue_remedies()
}

/// The scope that asks for a refresh token: what the connector says, or a well-known one that its file speaks of.
fn offline_scope(case: &Case<'_>) -> Option<String> {
    let profile = profile(case)?;
    profile.lifetimes.offline_scope.clone().or_else(|| {
        let scopes = &profile.scopes;
        let known = |scope: &str| {
            let asked = scopes.default.iter().chain(&scopes.always);
            scopes.describe.contains_key(scope) || asked.into_iter().any(|known| known == scope)
        };
        OFFLINE.iter().find(|scope| known(scope)).map(|scope| (*scope).to_owned())
    })
}

/// What was asked for when the grant was made; what is asked for now, if that is not known.
fn asked_then(case: &Case<'_>) -> Vec<String> {
    let started = case.newest(&[EventKind::AuthorizationStarted]);
    let scopes = started.and_then(|event| event.event.data["scopes"].as_array());
    scopes.map_or_else(
        || case.asked(),
        |scopes| scopes.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect(),
    )
}

/// Causes that the calendar speaks for.
fn by_calendar(case: &Case<'_>, end: &Event) -> Vec<Finding> {
    let Some(lifetimes) = profile(case).map(|profile| &profile.lifetimes) else { return Vec::new() };
    let Some(consent) = case.consent(Some(end)) else { return Vec::new() };
    // An imported grant was made nobody knows when.
    let imported = consent.event.data["source"] == "imported";
    let last_good = case.last_renewal(end).unwrap_or(consent.at).max(consent.at);
    let days = |days: u32| time::Duration::days(i64::from(days));
    let age = duration_words(end.at - consent.at);
    let dates = |finding: Finding| {
        finding
            .evidence(event_evidence(consent, "the grant was made"))
            .evidence(Evidence::new(EvidenceKind::Credential, "The refresh token last worked.").at(last_good))
            .evidence(event_evidence(end, code_word(end)))
    };
    let fits = |limit: u32| {
        let due = consent.at + days(limit);
        !imported && last_good <= due && due <= end.at
    };
    let mut findings = Vec::new();
    if let Some(limit) = lifetimes.refresh_test_app_days.filter(|limit| fits(*limit)) {
        // Seen within a day of the limit, little else is likely.
        let soon = end.at - consent.at <= days(limit + 1);
        findings.push(dates(
            Finding::new(ErrorCode::AppInTesting)
                .confidence(if soon { Confidence::Likely } else { Confidence::Possible })
                .message(format!("{} expired {age} after consent.", case.who()))
                .cause(format!(
                    "Grants of an OAuth app whose publishing status is Testing end {limit} days after consent; this one \
                     was good before that and refused after it."
                ))
                .remedies_with_console(case),
        ));
    }
    if let Some(limit) = lifetimes.refresh_absolute_days.filter(|limit| fits(*limit)) {
        findings.push(dates(
            Finding::new(ErrorCode::RefreshTokenAged)
                .confidence(Confidence::Likely)
                .message(format!("{} expired {age} after consent.", case.who()))
                .cause(format!("{} ends every grant {limit} days after consent.", case.provider()))
                .catalogue_remedies(),
        ));
    }
    if let Some(limit) = lifetimes.refresh_idle_days.filter(|limit| last_good + days(*limit) <= end.at) {
        findings.push(dates(
            Finding::new(ErrorCode::RefreshTokenIdle)
                .confidence(Confidence::Likely)
                .message(format!(
                    "{} expired: its refresh token lay idle for {}.",
                    case.who(),
                    duration_words(end.at - last_good)
                ))
                .cause(format!("{} ends grants that are not used for {limit} days.", case.provider()))
                .catalogue_remedies(),
        ));
    }
    findings
}

/// Nobody says how it ended.
fn unexplained(case: &Case<'_>, end: Option<&Event>) -> Finding {
    let notes = profile(case).map(|profile| profile.lifetimes.notes.join(" ")).unwrap_or_default();
    let spoke = end.is_some_and(|end| Said::of_event(end).message.is_some());
    let why = if spoke { "what it says (see the evidence) fits no known cause" } else { "does not say why" };
    let cause = format!(
        "{} does not accept the refresh token any more, and {why}: it may have run out, been revoked, or been replaced. \
         {notes}",
        case.provider()
    );
    Finding::new(ErrorCode::AccountExpired)
        .message(format!("{} expired.", case.who()))
        .cause(cause.trim_end())
        .evidences(end.map(|event| event_evidence(event, code_word(event))))
        .catalogue_remedies()
}

/// Remedies at the provider's console.
trait AtConsole {
    fn remedies_with_console(self, case: &Case<'_>) -> Self;
}

impl AtConsole for Finding {
    fn remedies_with_console(self, case: &Case<'_>) -> Self {
        let console = case.connector.as_ref().and_then(|connector| connector.links.console.clone());
        let text =
            "Publish the OAuth app in the provider's console (set its publishing status to In production).";
        let finding = match console {
            Some(url) => self.remedy_with_url(RemedyAction::CheckProvider, text, url),
            None => self.remedy(RemedyAction::CheckProvider, text),
        };
        finding.remedy(
            RemedyAction::Reauthorize,
            "Then have the users authorize once more: grants made while testing keep their end.",
        )
    }
}
