//! Why an authorization did not come to its end: what the callback, the form or the exchange says.

use serde_json::Value;
use valetkey_domain::{
    ErrorCode, Event, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
};
use valetkey_upstream::connector::Place;

use super::{
    case::{Case, attempt_of, duration_words, event_evidence},
    said::{Said, code_word},
};

/// Less is the time that messages take, or the rounding of clocks.
const SKEW: time::Duration = time::Duration::seconds(5);

/// What a failed or refused step of an authorization means.
pub(super) fn of_failure(case: &Case<'_>, event: &Event) -> Vec<Finding> {
    let Some(code) = event.event.code else { return Vec::new() };
    match (event.event.kind, code) {
        (_, ErrorCode::CredentialRejected) => vec![entered(case, event, code)],
        (EventKind::FormRefused, _) if event.event.data["form"] == "credential" => {
            vec![entered(case, event, code)]
        }
        (EventKind::FormRefused, ErrorCode::BrowserMismatch) => vec![cookies_blocked(case, event)],
        (EventKind::FormRefused, ErrorCode::LinkOtherBrowser) | (_, ErrorCode::BrowserMismatch) => {
            other_browser(case, event)
        }
        (_, ErrorCode::StateReused) => vec![reused(case, event)],
        (_, ErrorCode::StateExpired) => vec![expired(case, event)],
        (_, ErrorCode::RedirectUriMismatch) => {
            let said = Said::of_event(event);
            let evidence = said.evidence(place_of(event));
            vec![
                case.redirect_mismatch(&said)
                    .evidences(evidence)
                    .evidence(event_evidence(event, code_word(event))),
            ]
        }
        (_, ErrorCode::PlaceNotChosen | ErrorCode::PlaceNotGranted) => vec![place(case, event, code)],
        _ => vec![refused(case, event, code)],
    }
}

/// Where the provider said it: an answer of the token endpoint has a status.
fn place_of(event: &Event) -> Place {
    match Said::of_event(event).status {
        Some(_) => Place::Token,
        None => Place::Callback,
    }
}

/// The provider's refusal, by its own table first.
fn refused(case: &Case<'_>, event: &Event, code: ErrorCode) -> Finding {
    let place = place_of(event);
    let said = Said::of_event(event);
    if let Some(finding) = case.explained_event(place, event) {
        // The table may know the redirect URI by another name.
        return match finding.code {
            ErrorCode::RedirectUriMismatch => {
                let evidence = finding.evidence.clone();
                case.redirect_mismatch(&said).evidences(evidence)
            }
            _ => finding,
        };
    }
    let finding = Finding::new(found(code))
        .evidence(event_evidence(event, code_word(event)))
        .evidences(said.evidence(place));
    let finding = match code {
        ErrorCode::InvalidScope => {
            let asked =
                case.attempt.as_ref().map(|attempt| attempt.scopes.clone()).unwrap_or_else(|| case.asked());
            finding.evidence(Evidence::new(
                EvidenceKind::Connection,
                format!("The link asked for the scopes: {}", asked.join(" ")),
            ))
        }
        ErrorCode::InvalidClient | ErrorCode::UnauthorizedClient => {
            finding.evidence(super::connection::client_evidence(&case.connection))
        }
        _ => finding,
    };
    finding.catalogue_remedies()
}

/// The grant was good, and nothing says, or something else says, which of the user's places it is for.
fn place(case: &Case<'_>, event: &Event, code: ErrorCode) -> Finding {
    let provider = case.provider();
    let variable = text(event, "variable").unwrap_or_default();
    let names: Vec<_> =
        field(event, "places").as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let count = number(event, "count").and_then(|count| usize::try_from(count).ok()).unwrap_or_default();
    let more = count.saturating_sub(names.len());
    let mut there = names.join(", ");
    if more > 0 {
        there.push_str(&format!(" and {more} more"));
    }
    let granted = match names.is_empty() {
        true => "The user granted no place.".to_owned(),
        false => format!("The user granted: {there}"),
    };
    let set =
        format!("Set the variable `{variable}` of the connection to the name, address or id of one of them");
    let connect = |text: &str| (RemedyAction::Reauthorize, text.to_owned());
    let (message, remedies) = match (code, text(event, "wanted"), text(event, "chosen_by").as_deref()) {
        (ErrorCode::PlaceNotChosen, Some(wanted), _) => (
            format!("{}: several places at {provider} are called \"{wanted}\".", case.who()),
            vec![(RemedyAction::ConfigureConnection, format!("{set}; here only an address or id is clear."))],
        ),
        (ErrorCode::PlaceNotChosen, None, _) => (
            format!(
                "{}: the user has several places at {provider}, and nothing says which one is meant.",
                case.who()
            ),
            vec![(RemedyAction::ConfigureConnection, format!("{set}, or make one connection per place."))],
        ),
        (_, Some(wanted), Some("variable")) => (
            format!("{}: the user did not grant \"{wanted}\" at {provider}.", case.who()),
            vec![
                connect("Authorize again and choose that place where the provider asks for it."),
                (
                    RemedyAction::ConfigureConnection,
                    format!("If another place is meant, change the variable `{variable}` of the connection."),
                ),
            ],
        ),
        (_, Some(wanted), _) => (
            format!("{}: it is of {wanted} at {provider}, which the user did not grant again.", case.who()),
            vec![
                connect("Authorize again and choose that place where the provider asks for it."),
                (
                    RemedyAction::ConfigureConnection,
                    format!(
                        "To move to another place, name it in the variable `{variable}` of the connection, or disconnect the account first."
                    ),
                ),
            ],
        ),
        (_, None, _) => (
            format!("{}: the user has no place at {provider}, or granted none.", case.who()),
            vec![connect("Have the user let in to a place there; then authorize again and choose it.")],
        ),
    };
    let finding = Finding::new(code)
        .message(message)
        .evidence(event_evidence(event, code_word(event)))
        .evidence(Evidence::new(EvidenceKind::Provider, granted));
    remedies.into_iter().fold(finding, |finding, (action, text)| finding.remedy(action, text))
}

/// What the code of a page is called among the findings.
fn found(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::ProviderConsentRequired => ErrorCode::ConsentRequired,
        ErrorCode::ProviderAdminRequired => ErrorCode::AdminConsentRequired,
        ErrorCode::ProviderSignInRequired => ErrorCode::SignInRequired,
        code => code,
    }
}

/// A key was entered on the link's page, and not taken.
fn entered(case: &Case<'_>, event: &Event, code: ErrorCode) -> Finding {
    let (ago, provider) = (case.ago(event.at), case.provider());
    let fields: Vec<_> =
        event.event.data["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let finding = match code {
        ErrorCode::CredentialRejected => Finding::new(code)
            .message(format!("A key was entered {ago}, and {provider} refused it."))
            .cause("A test call with it was refused. Nothing of it was kept."),
        ErrorCode::InvalidArgument => Finding::new(ErrorCode::CredentialRejected)
            .message(format!("What was entered {ago} does not look like a key of {provider}."))
            .cause(format!("It was not tried out. Wrong or missing: {}.", fields.join(", "))),
        _ => Finding::new(code)
            .message(format!("A key was entered {ago} and could not be tried out: {}", code.entry().meaning)),
    };
    let said = Said::of_event(event).evidence(Place::Api);
    finding.evidence(event_evidence(event, code_word(event))).evidences(said).catalogue_remedies()
}

/// The page had just handed out a cookie, and the form that followed came without it.
fn cookies_blocked(case: &Case<'_>, event: &Event) -> Finding {
    let browser = text(event, "browser").unwrap_or_else(|| "The browser".to_owned());
    Finding::new(ErrorCode::CookiesBlocked)
        .message("The user's browser does not keep our cookies, so that nothing came of pressing Continue.")
        .cause(format!(
            "{browser} sent the form of the link's page without the cookie that the page had handed out."
        ))
        .evidence(event_evidence(event, format!("cookie: {}", text(event, "cookie").unwrap_or_default())))
        .remedy(
            RemedyAction::EnableCookies,
            format!("Allow cookies for {}, or use a window that is not private.", host(&case.redirect_uri)),
        )
        .remedy(RemedyAction::Authorize, "Then start again from a new authorization link.")
}

/// The authorization went on without the cookie that it began with.
fn other_browser(case: &Case<'_>, event: &Event) -> Vec<Finding> {
    let began =
        started(case, event).and_then(|started| started.event.data["browser"].as_str().map(str::to_owned));
    let ended = text(event, "browser");
    let cookie = text(event, "cookie").unwrap_or_default();
    let evidence = event_evidence(
        event,
        format!(
            "cookie: {}; began in {}, ended in {}",
            if cookie.is_empty() { "unknown" } else { cookie.as_str() },
            began.as_deref().unwrap_or("an unknown browser"),
            ended.as_deref().unwrap_or("an unknown browser"),
        ),
    );
    let other = |confidence| {
        let finding = Finding::new(ErrorCode::OtherBrowser)
            .confidence(confidence)
            .evidence(evidence.clone())
            .catalogue_remedies();
        match (&began, &ended) {
            (Some(began), Some(ended)) if began != ended => {
                finding.cause(format!("It began in {began} and ended in {ended}."))
            }
            _ => finding,
        }
    };
    let blocked = |confidence| {
        Finding::new(ErrorCode::CookiesBlocked)
            .confidence(confidence)
            .cause("The callback came without a cookie, from the same kind of browser that began.")
            .evidence(evidence.clone())
            .catalogue_remedies()
    };
    let differ = matches!((&began, &ended), (Some(began), Some(ended)) if began != ended);
    match cookie.as_str() {
        "another" => vec![other(Confidence::Certain)],
        _ if differ => vec![other(Confidence::Certain)],
        "none" if began.is_some() && began == ended => {
            vec![blocked(Confidence::Likely), other(Confidence::Possible)]
        }
        _ => vec![other(Confidence::Likely), blocked(Confidence::Possible)],
    }
}

/// The answer of the provider came a second time.
fn reused(case: &Case<'_>, event: &Event) -> Finding {
    let works = case.account.status() == valetkey_domain::AccountStatus::Active;
    Finding::new(ErrorCode::StateReused)
        .severity(if works { Verdict::Degraded } else { Verdict::Broken })
        .message("The link, or the address that the provider sent the user back to, was used a second time.")
        .evidence(event_evidence(
            event,
            format!("the attempt was {} already", text(event, "phase").unwrap_or_default()),
        ))
        .catalogue_remedies()
}

/// The answer came after the ten minutes.
fn expired(case: &Case<'_>, event: &Event) -> Finding {
    let elapsed = number(event, "elapsed_seconds").map(time::Duration::seconds);
    let took = elapsed.map_or_else(String::new, |elapsed| format!(" after {}", duration_words(elapsed)));
    Finding::new(ErrorCode::StateExpired)
        .message(format!(
            "The user came back from {}{took}; the answer must come within ten minutes.",
            case.provider()
        ))
        .evidence(event_evidence(event, format!("elapsed:{took}")))
        .catalogue_remedies()
}

/// Clocks that do not agree, measured by what must have happened in order: an authorization cannot end before it began.
pub(super) fn clock_skew(case: &Case<'_>) -> Option<Finding> {
    let ends = [
        EventKind::AccountActivated,
        EventKind::AccountAwaitsVerification,
        EventKind::AuthorizationFailed,
        EventKind::CallbackRefused,
    ];
    let behind = |event: &&Event| {
        let began = started(case, event)?;
        let back = began.at - event.at;
        (ends.contains(&event.event.kind) && back > SKEW).then_some((back, began))
    };
    let (event, (back, began)) = case.events.iter().find_map(|event| Some((event, behind(&event)?)))?;
    let seconds = back.whole_seconds();
    Some(
        Finding::new(ErrorCode::ClockSkew)
            .severity(Verdict::Degraded)
            .message(format!("The clocks of this system disagree by at least {seconds} seconds."))
            .cause(
                "An authorization ended before it began: the clock was set back, or the machines that run Valetkey do \
                 not agree on the time.",
            )
            .evidence(Evidence::new(EvidenceKind::Clock, format!("measured: at least {seconds} seconds")).at(event.at))
            .evidence(event_evidence(began, "began"))
            .evidence(event_evidence(event, "ended"))
            .catalogue_remedies(),
    )
}

/// The start of the attempt that an event is about.
fn started<'a>(case: &'a Case<'_>, event: &Event) -> Option<&'a Event> {
    let id = attempt_of(event)?;
    case.events
        .iter()
        .find(|other| other.event.kind == EventKind::AuthorizationStarted && attempt_of(other) == Some(id))
}

/// A field of an event: of its data, or of the evidence in it.
fn field<'a>(event: &'a Event, name: &str) -> &'a Value {
    let data = &event.event.data;
    if data[name].is_null() { &data["evidence"][name] } else { &data[name] }
}

fn text(event: &Event, name: &str) -> Option<String> {
    field(event, name).as_str().map(str::to_owned)
}

fn number(event: &Event, name: &str) -> Option<i64> {
    field(event, name).as_i64()
}

fn host(address: &str) -> String {
    url::Url::parse(address)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_else(|| "this site".into())
}

/// Answers that belonged to no attempt and came in at the connection lately: forged, altered, or meant for another
/// server.
pub(super) fn strays(events: &[Event]) -> Option<Finding> {
    let is_stray = |event: &&Event| {
        event.event.kind == EventKind::CallbackRefused
            && matches!(event.event.code, Some(ErrorCode::StateUnknown | ErrorCode::StateMissing))
    };
    let event = events.iter().find(is_stray)?;
    let code = event.event.code?;
    let state = text(event, "state").unwrap_or_default();
    let (message, cause) = match (code, state.as_str()) {
        (ErrorCode::StateMissing, _) => (
            "A callback came in without a state.",
            "Somebody opened the callback address by hand, or the provider dropped the parameter.",
        ),
        (_, "of the right form") => (
            "A callback came in with a state that this server does not know.",
            "The state was forged, belongs to another server (another database, another environment's public URL), or to an attempt that was removed since.",
        ),
        _ => (
            "A callback came in with a state that this server cannot have made.",
            "The state was forged or altered, or belongs to another application at the same address.",
        ),
    };
    Some(
        Finding::new(code)
            .severity(Verdict::Degraded)
            .confidence(Confidence::Possible)
            .message(message)
            .cause(cause)
            .evidence(event_evidence(event, format!("state: {state}")))
            .catalogue_remedies(),
    )
}
