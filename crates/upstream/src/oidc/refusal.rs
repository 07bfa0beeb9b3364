//! What the library and the provider refuse, as errors of the catalogue. What the provider wrote is for the log only.

use openidconnect::{
    ClaimsVerificationError as Claims, DiscoveryError, RequestTokenError,
    SignatureVerificationError as Signature, StandardErrorResponse, UserInfoError,
    core::CoreErrorResponseType,
};
use valetkey_domain::{Error, ErrorCode};

use crate::http::{Fault, FaultKind};

fn unreachable(fault: &Fault) -> Error {
    // An answer that points elsewhere or is no HTTP is an answer.
    let code = match fault.kind {
        FaultKind::Redirected | FaultKind::Invalid | FaultKind::TooLarge | FaultKind::Request => {
            ErrorCode::SsoProviderInvalid
        }
        _ => ErrorCode::SsoUnavailable,
    };
    Error::new(code).cause(format!("{}.", fault.detail.trim_end_matches('.'))).because(fault)
}

/// A status by which a server says that it is not well.
fn of_status(status: http::StatusCode, reason: String) -> Error {
    let code = if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
        ErrorCode::SsoUnavailable
    } else {
        ErrorCode::SsoProviderInvalid
    };
    Error::new(code).cause(format!("It answered {}.", status.as_u16())).because(reason)
}

pub(super) fn of_discovery(error: DiscoveryError<Fault>) -> Error {
    match error {
        DiscoveryError::Request(fault) => unreachable(&fault),
        DiscoveryError::Response(status, _, reason) => of_status(status, reason),
        DiscoveryError::Validation(reason) => Error::new(ErrorCode::SsoProviderInvalid)
            .cause("The document names another issuer than sso_issuer.")
            .because(reason),
        other => Error::new(ErrorCode::SsoProviderInvalid).because(other),
    }
}

pub(super) fn of_token_endpoint(
    error: RequestTokenError<Fault, StandardErrorResponse<CoreErrorResponseType>>,
) -> Error {
    match error {
        RequestTokenError::Request(fault) => unreachable(&fault),
        RequestTokenError::ServerResponse(response) => {
            let code = match response.error() {
                CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient => {
                    ErrorCode::SsoClientRefused
                }
                CoreErrorResponseType::InvalidGrant => ErrorCode::SsoCodeRefused,
                _ => ErrorCode::SsoRefused,
            };
            Error::new(code).because(printable(response.error().as_ref()))
        }
        // The body may hold tokens: where it broke is enough.
        RequestTokenError::Parse(error, _) => {
            Error::new(ErrorCode::SsoProviderInvalid).because(format!("the token answer: {}", error.path()))
        }
        RequestTokenError::Other(reason) => Error::new(ErrorCode::SsoUnavailable).because(printable(&reason)),
    }
}

pub(super) fn of_user_info(error: UserInfoError<Fault>) -> Error {
    match error {
        UserInfoError::Request(fault) => unreachable(&fault),
        UserInfoError::Response(status, _, reason) => of_status(status, reason),
        UserInfoError::ClaimsVerification(error) => of_token(&error),
        other => Error::new(ErrorCode::SsoProviderInvalid).because(other),
    }
}

/// Whether the token may be signed with a key that was published after the keys were read.
pub(super) fn wants_new_keys(error: &Claims) -> bool {
    matches!(error, Claims::SignatureVerification(Signature::NoMatchingKey | Signature::CryptoError(_)))
}

pub(super) fn of_token(error: &Claims) -> Error {
    let code = match error {
        Claims::Expired(_) => ErrorCode::SsoClockSkew,
        _ => ErrorCode::SsoTokenInvalid,
    };
    Error::new(code).because(printable(&error.to_string()))
}

/// What somebody else wrote, bounded and on one line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// The name of an error in an authorization response, if it is one by its shape (RFC 6749 §4.1.2.1).
fn named(error: &str) -> Option<&str> {
    let plain = !error.is_empty()
        && error.len() <= 60
        && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    plain.then_some(error)
}

/// What the provider said in place of a code.
#[must_use]
pub fn of_callback(error: &str) -> Error {
    let code = match error {
        "unauthorized_client" | "invalid_client" => ErrorCode::SsoClientRefused,
        "server_error" | "temporarily_unavailable" => ErrorCode::SsoUnavailable,
        _ => ErrorCode::SsoRefused,
    };
    let refused = Error::new(code);
    match named(error) {
        Some(name) => refused.cause(format!("The provider answered {name}.")),
        None => refused,
    }
}
