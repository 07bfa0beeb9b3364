//! Sorting failures of a token endpoint: whose is it? (RFC 6749 §5.2, then the connector's own table.)

use std::time::Duration;

use http::{StatusCode, header};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use valetkey_domain::{Error, ErrorCode, Time, error::ProviderEvidence};

use super::{FailureClass, TokenFailure, redact::Redactor, reply::Unreadable};
use crate::{
    connector::{Death, ErrorClass, OAuthProfile, TokenErrorRule},
    http::{Fault, FaultKind, Response},
};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    Code,
    Refresh,
    Client,
}

/// The longest wait that a provider can impose.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
const MAX_CODE: usize = 100;
const MAX_MESSAGE: usize = 500;

/// What a code means whatever the provider: RFC 6749 §5.2 and names that several providers share.
fn known(code: &str) -> Option<(ErrorClass, ErrorCode)> {
    use ErrorClass::{Configuration, Dead, Transient};
    Some(match code {
        "invalid_grant"
        | "bad_refresh_token"
        | "invalid_refresh_token"
        | "refresh_token_expired"
        | "token_expired"
        | "token_revoked"
        | "expired_token"
        | "bad_verification_code"
        | "invalid_code"
        | "code_already_used" => (Dead, ErrorCode::RefreshRefused),
        "invalid_client"
        | "incorrect_client_credentials"
        | "bad_client_secret"
        | "invalid_client_id"
        | "invalid_client_secret" => (Configuration, ErrorCode::InvalidClient),
        "unauthorized_client" | "unsupported_grant_type" => (Configuration, ErrorCode::UnauthorizedClient),
        "invalid_scope" => (Configuration, ErrorCode::InvalidScope),
        "redirect_uri_mismatch" | "bad_redirect_uri" => (Configuration, ErrorCode::RedirectUriMismatch),
        "invalid_request" => (Configuration, ErrorCode::ProviderInvalidRequest),
        // RFC 6749 §4.1.2.1 has these for the authorization endpoint; token endpoints borrow them.
        "server_error" | "temporarily_unavailable" | "slow_down" => (Transient, ErrorCode::UpstreamError),
        _ => return None,
    })
}

/// An answer that says no.
pub(super) fn refused(
    profile: &OAuthProfile,
    grant: Grant,
    response: &Response,
    (code, message): (Option<String>, Option<String>),
    redactor: &Redactor,
    now: Time,
) -> TokenFailure {
    let status = response.status;
    let rule = profile.errors.iter().find(|rule| fits(rule, status, code.as_deref(), message.as_deref()));
    let (class, error_code) = decide(grant, status, code.as_deref(), message.as_deref(), rule);
    let retry_after = retry_after(response, now);
    TokenFailure {
        class: match class {
            ErrorClass::Dead => FailureClass::Dead,
            ErrorClass::Transient => FailureClass::Transient { retry_after },
            ErrorClass::Configuration => FailureClass::Configuration,
        },
        code: error_code,
        death: (class == ErrorClass::Dead)
            .then(|| rule.and_then(|rule| rule.death).or_else(|| death(message.as_deref())))
            .flatten(),
        evidence: ProviderEvidence {
            status: Some(status.as_u16()),
            code: code.map(|code| redactor.clean(&code, MAX_CODE)),
            message: message.map(|message| redactor.clean(&message, MAX_MESSAGE)),
            ..ProviderEvidence::default()
        },
        outcome_unknown: false,
        note: rule.and_then(|rule| rule.note.clone()),
    }
}

fn decide(
    grant: Grant,
    status: StatusCode,
    code: Option<&str>,
    message: Option<&str>,
    rule: Option<&TokenErrorRule>,
) -> (ErrorClass, ErrorCode) {
    // The provider's own trouble says nothing about the grant, whatever else the body claims.
    if status == StatusCode::TOO_MANY_REQUESTS {
        return (ErrorClass::Transient, in_exchange(grant, ErrorCode::UpstreamRateLimited));
    }
    if status.is_server_error() || matches!(status.as_u16(), 408 | 425) {
        return (ErrorClass::Transient, in_exchange(grant, ErrorCode::UpstreamError));
    }
    if grant == Grant::Code && names_redirect_uri(code, message) {
        return (ErrorClass::Configuration, ErrorCode::RedirectUriMismatch);
    }
    let known = code.and_then(known);
    // The standard's codes count first. Only a rule that looks closer than the code, at the code together with the
    // words, says more about the same error.
    let closer = rule.filter(|rule| known.is_none() || rule.text.is_some() || rule.code.is_some());
    if let Some(rule) = closer {
        let error_code = match (rule.class, known) {
            (class, Some((known_class, error_code))) if class == known_class => error_code,
            (ErrorClass::Dead, _) => ErrorCode::RefreshRefused,
            (ErrorClass::Transient, _) => ErrorCode::UpstreamError,
            (ErrorClass::Configuration, _) => ErrorCode::UnauthorizedClient,
        };
        return (rule.class, for_grant(grant, rule.class, error_code));
    }
    if let Some((class, error_code)) = known {
        // Nobody's grant is behind client credentials: whatever is refused is the client.
        if grant == Grant::Client && class == ErrorClass::Dead {
            return (ErrorClass::Configuration, ErrorCode::UnauthorizedClient);
        }
        return (class, for_grant(grant, class, error_code));
    }
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6749 §5.2: 401 is for clients that failed to prove themselves.
        return (ErrorClass::Configuration, ErrorCode::InvalidClient);
    }
    match grant {
        // A refused code is spent, whatever the reason.
        Grant::Code => (ErrorClass::Dead, ErrorCode::ExchangeRefused),
        Grant::Client => (ErrorClass::Configuration, ErrorCode::UnauthorizedClient),
        // No evidence about the grant itself, so the grant lives.
        Grant::Refresh => (ErrorClass::Transient, ErrorCode::UpstreamResponseInvalid),
    }
}

fn for_grant(grant: Grant, class: ErrorClass, code: ErrorCode) -> ErrorCode {
    match (grant, class) {
        (Grant::Code, ErrorClass::Dead) => ErrorCode::ExchangeRefused,
        (_, ErrorClass::Transient) => in_exchange(grant, code),
        _ => code,
    }
}

fn in_exchange(grant: Grant, code: ErrorCode) -> ErrorCode {
    if grant == Grant::Code { ErrorCode::ExchangeFailed } else { code }
}

fn names_redirect_uri(code: Option<&str>, message: Option<&str>) -> bool {
    let message = message.unwrap_or_default().to_ascii_lowercase();
    let about_it = message.contains("redirect_uri") || message.contains("redirect uri");
    about_it && matches!(code, Some("invalid_grant" | "invalid_request" | "invalid_client"))
}

fn fits(rule: &TokenErrorRule, status: StatusCode, code: Option<&str>, message: Option<&str>) -> bool {
    let contains = |text: Option<&str>, piece: &str| {
        text.is_some_and(|text| holds(&text.to_ascii_lowercase(), &piece.to_ascii_lowercase()))
    };
    rule.code.as_deref().is_none_or(|wanted| code == Some(wanted))
        && rule.status.is_none_or(|wanted| status.as_u16() == wanted)
        && rule.text.as_deref().is_none_or(|piece| contains(message, piece) || contains(code, piece))
}

/// Whether `text` holds `piece`. A number is whole: `AADSTS70008` is not in `AADSTS700084`.
fn holds(text: &str, piece: &str) -> bool {
    let ends_in_a_digit = piece.ends_with(|c: char| c.is_ascii_digit());
    text.match_indices(piece).any(|(at, _)| {
        let next = text[at + piece.len()..].chars().next();
        !(ends_in_a_digit && next.is_some_and(|c| c.is_ascii_digit()))
    })
}

/// How a grant died, where the provider's words name one way and not both.
fn death(message: Option<&str>) -> Option<Death> {
    let message = message?.to_ascii_lowercase();
    match (message.contains("expired"), message.contains("revoked")) {
        (true, false) => Some(Death::Expired),
        (false, true) => Some(Death::Revoked),
        _ => None,
    }
}

/// An answer that cannot be read.
pub(super) fn unreadable(
    grant: Grant,
    response: &Response,
    Unreadable(why): Unreadable,
    now: Time,
) -> TokenFailure {
    let status = response.status;
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => ErrorCode::UpstreamRateLimited,
        status if status.is_server_error() => ErrorCode::UpstreamError,
        _ => ErrorCode::UpstreamResponseInvalid,
    };
    TokenFailure {
        class: FailureClass::Transient { retry_after: retry_after(response, now) },
        code: in_exchange(grant, code),
        evidence: ProviderEvidence {
            status: Some(status.as_u16()),
            code: None,
            message: Some(why.into()),
            ..ProviderEvidence::default()
        },
        death: None,
        // Whatever it says, it was a success: tokens may have been made that never reached us.
        outcome_unknown: status.is_success(),
        note: None,
    }
}

/// No answer at all.
pub(super) fn unreached(grant: Grant, fault: Fault) -> TokenFailure {
    let (class, code) = match fault.kind {
        FaultKind::Blocked | FaultKind::Redirected => (FailureClass::Configuration, fault.code()),
        FaultKind::Request => (FailureClass::Configuration, ErrorCode::ConnectionNotConfigured),
        _ => (FailureClass::Transient { retry_after: None }, in_exchange(grant, fault.code())),
    };
    // What became an exchange that failed keeps the code of what went wrong on the way.
    let on_the_way = (code != fault.code()).then(|| fault.code().as_str().to_owned());
    TokenFailure {
        outcome_unknown: fault.sent && class != FailureClass::Configuration,
        class,
        code,
        evidence: ProviderEvidence {
            status: None,
            code: on_the_way,
            message: Some(fault.detail),
            ..ProviderEvidence::default()
        },
        death: None,
        note: None,
    }
}

/// The request could not even be put together.
pub(super) fn unsendable(error: &Error) -> TokenFailure {
    TokenFailure {
        class: FailureClass::Configuration,
        code: error.code(),
        evidence: ProviderEvidence {
            status: None,
            code: None,
            message: Some(error.details().message.clone()),
            ..ProviderEvidence::default()
        },
        death: None,
        outcome_unknown: false,
        note: None,
    }
}

/// There is nothing to renew with.
pub(super) fn not_possible() -> TokenFailure {
    TokenFailure {
        class: FailureClass::Dead,
        code: ErrorCode::RefreshNotPossible,
        evidence: ProviderEvidence::default(),
        death: None,
        outcome_unknown: false,
        note: None,
    }
}

/// `Retry-After` (RFC 9110 §10.2.3): seconds or a date, at most an hour.
pub(super) fn retry_after(response: &Response, now: Time) -> Option<Duration> {
    retry_seconds(response).or_else(|| {
        let wait = http_date(response.header(&header::RETRY_AFTER)?.trim())? - now;
        Some(Duration::try_from(wait).unwrap_or(Duration::ZERO).min(MAX_RETRY_AFTER))
    })
}

/// `Retry-After` where it counts seconds.
pub(super) fn retry_seconds(response: &Response) -> Option<Duration> {
    let value = response.header(&header::RETRY_AFTER)?.trim();
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    // More digits than a number holds is only more than the cap.
    digits.then(|| value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER))
}

/// A date in the form that HTTP prefers (RFC 9110 §5.6.7).
pub(super) fn http_date(value: &str) -> Option<Time> {
    // IMF-fixdate is RFC 5322's date with the zone written `GMT`.
    OffsetDateTime::parse(value, &Rfc2822).ok()
}
