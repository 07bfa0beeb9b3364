//! Another account at the provider than before.

use valetkey_domain::{
    ErrorCode, Event, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{EvidenceKind, Verdict},
    event::EventKind,
};

use super::{
    case::{Case, event_evidence},
    said::code_word,
};

/// How long it is told: later it is history like any other.
const NEWS: time::Duration = time::Duration::days(7);

/// Somebody signed in to another account at the provider: the new grant was refused, or taken and flagged.
pub(super) fn changed(case: &Case<'_>) -> Option<Finding> {
    let event = case.events.iter().find(|event| is_about_identity(event))?;
    // Whatever was authorized after it settles the matter.
    let settled = case
        .newest(&[
            EventKind::AccountActivated,
            EventKind::AccountAwaitsVerification,
            EventKind::AccountDisconnected,
        ])
        .is_some_and(|newer| newer.id > event.id);
    if settled || case.now - event.at > NEWS {
        return None;
    }
    let (before, now) = (name(event, "before"), name(event, "now"));
    let (before, now) = (before.as_deref().unwrap_or("another one"), now.as_deref().unwrap_or("another one"));
    let provider = case.provider();
    let finding = Finding::new(ErrorCode::ProviderIdentityChanged)
        .severity(Verdict::Degraded)
        .evidence(event_evidence(event, code_word(event)))
        .evidence(Evidence::new(EvidenceKind::Provider, format!("before: {before}; then: {now}")));
    Some(if event.event.kind == EventKind::IdentityChanged {
        finding
            .message(format!("{} belongs to another account at {provider} than before: {now}.", case.who()))
            .cause(format!(
                "{} the user authorized as {now}; before it was {before}. The connection takes such changes and flags them.",
                case.ago(event.at)
            ))
            .remedy(
                RemedyAction::Reauthorize,
                format!("If that is not wanted, have the user authorize again as {before}."),
            )
            .remedy(
                RemedyAction::ConfigureConnection,
                "To have such changes refused, set identity_policy of the connection to \"refuse\".",
            )
    } else {
        finding
            .message(format!("{}: an authorization as {now} was refused.", case.who()))
            .cause(format!(
                "The connection keeps an account to the identity of its first authorization, which is {before} at {provider}."
            ))
            .remedy(RemedyAction::Reauthorize, format!("Have the user sign in to {provider} as {before} and authorize again."))
            .remedy(
                RemedyAction::ConfigureConnection,
                "If it should become another one, disconnect the account first, or set identity_policy of the connection to \"flag\".",
            )
    })
}

fn is_about_identity(event: &Event) -> bool {
    event.event.kind == EventKind::IdentityChanged
        || (event.event.kind == EventKind::AuthorizationFailed
            && event.event.code == Some(ErrorCode::ProviderIdentityChanged))
}

/// Who it was: the name for people, else the subject.
fn name(event: &Event, which: &str) -> Option<String> {
    let data = &event.event.data;
    let who = if data[which].is_null() { &data["evidence"][which] } else { &data[which] };
    ["label", "subject"].iter().find_map(|field| who[*field].as_str()).map(str::to_owned)
}
