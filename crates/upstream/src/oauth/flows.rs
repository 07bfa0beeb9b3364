//! The grants.

use std::collections::BTreeMap;

use valetkey_domain::{ErrorCode, SecretString, Time, credential::OAuthTokens};

use super::{ClientConfig, FailureClass, TokenFailure, TokenReply};
use crate::http::Egress;

/// Exchanges an authorization code (RFC 6749 §4.1.3). `callback` is the whole query of the callback: some connectors
/// keep facts from it.
///
/// # Errors
/// [`TokenFailure`], classed.
pub async fn exchange_code(
    egress: &Egress,
    c: &ClientConfig<'_>,
    code: &SecretString,
    verifier: Option<&SecretString>,
    callback: &BTreeMap<String, String>,
    now: Time,
) -> Result<TokenReply, TokenFailure> {
    let _ = (egress, c, code, verifier, callback, now);
    Err(unfinished())
}

/// Renews a grant (RFC 6749 §6) in the connector's way. What the reply leaves out (a refresh token that stays good,
/// say) is kept from `tokens`.
///
/// # Errors
/// [`TokenFailure`], classed; `refresh_not_possible` where there is nothing to renew with.
pub async fn refresh(
    egress: &Egress,
    c: &ClientConfig<'_>,
    tokens: &OAuthTokens,
    scopes: &[String],
    now: Time,
) -> Result<TokenReply, TokenFailure> {
    let _ = (egress, c, tokens, scopes, now);
    Err(unfinished())
}

/// Gets tokens for the client itself (RFC 6749 §4.4).
///
/// # Errors
/// [`TokenFailure`], classed; never dead, since there is no grant of a user.
pub async fn client_credentials(
    egress: &Egress,
    c: &ClientConfig<'_>,
    scopes: &[String],
    now: Time,
) -> Result<TokenReply, TokenFailure> {
    let _ = (egress, c, scopes, now);
    Err(unfinished())
}

fn unfinished() -> TokenFailure {
    TokenFailure {
        class: FailureClass::Configuration,
        code: ErrorCode::Internal,
        evidence: Default::default(),
        death: None,
        outcome_unknown: false,
        note: None,
    }
}
