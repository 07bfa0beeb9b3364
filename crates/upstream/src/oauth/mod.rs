//! OAuth 2.0 towards providers: RFC 6749 with PKCE (RFC 7636), revocation (RFC 7009), issuer identification
//! (RFC 9207) and every departure from them that a connector file can state.
//!
//! Requests are built here and not with an OAuth client library; see `docs/decisions/0003-oauth-requests.md`.
//! Nothing here stores or logs. Time comes in as a parameter.

mod authorize;
mod failure;
mod flows;
mod identity;
mod introspect;
pub mod pkce;
mod places;
mod redact;
mod reply;
mod request;
mod revoke;

use std::{collections::BTreeMap, time::Duration};

use valetkey_domain::{
    Error, ErrorCode, SecretString, Time, credential::OAuthTokens, error::ProviderEvidence,
};

pub use authorize::{ask_in, authorize_url, callback_metadata, check_issuer, requested_scopes};
pub use flows::{client_credentials, exchange_code, refresh};
pub use identity::{follow_up, identity};
pub use introspect::{Introspected, introspect};
pub use places::{ChosenBy, FollowUpFailure, PlaceRefusal};
pub use revoke::{RevokeOutcome, revoke};

use crate::{
    connector::{Death, OAuthProfile, Target},
    http::CallLimits,
};

/// What a call to a token, revocation or userinfo endpoint may take.
pub const LIMITS: CallLimits = CallLimits { deadline: Duration::from_secs(30), max_response_bytes: 1 << 20 };

/// The OAuth client of a connection, and where it talks to.
#[derive(Debug, Clone, Copy)]
pub struct ClientConfig<'a> {
    /// Connector, overrides, variables, and what is known of the account.
    pub target: Target<'a>,
    /// The connector's OAuth profile.
    pub profile: &'a OAuthProfile,
    /// The client id at the provider.
    pub client_id: &'a str,
    /// The client secret; public clients have none.
    pub client_secret: Option<&'a SecretString>,
    /// The connection's redirect URI: the same text in authorization and token request (RFC 6749 §4.1.3).
    pub redirect_uri: &'a str,
}

/// What a token endpoint gave.
#[derive(Debug, Clone)]
pub struct TokenReply {
    /// The tokens. After a refresh: the new ones, with whatever the reply left out kept from before.
    pub tokens: OAuthTokens,
    /// The granted scopes; `None` means as requested (RFC 6749 §5.1) or, after a refresh, as before.
    pub scopes: Option<Vec<String>>,
    /// Facts for URL templates, from the callback and the reply.
    pub metadata: BTreeMap<String, String>,
    /// The account behind the grant, if the reply names it.
    pub identity: Option<Identity>,
    /// What the provider's clock showed, where it said so (RFC 9110 §6.6.1).
    pub provider_time: Option<Time>,
}

/// The account behind a grant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The provider's own id of the account.
    pub subject: Option<String>,
    /// A label for people.
    pub label: Option<String>,
    /// Facts for URL templates.
    pub metadata: BTreeMap<String, String>,
}

/// Whose a failure at the token endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The grant is over: the user must authorize again.
    Dead,
    /// Nothing is known about the grant: try later.
    Transient {
        /// When the provider said to come back; at most an hour.
        retry_after: Option<Duration>,
    },
    /// The connection's own configuration is refused. It says nothing about the account.
    Configuration,
}

/// Why there are no tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenFailure {
    /// Whose it is.
    pub class: FailureClass,
    /// The code of the catalogue.
    pub code: ErrorCode,
    /// What the provider said, bounded and redacted.
    pub evidence: ProviderEvidence,
    /// Of a dead grant: how it died, where the provider's words tell.
    pub death: Option<Death>,
    /// Whether the request may have reached the provider without an answer reaching us: with single-use refresh
    /// tokens the outcome is then unknown.
    pub outcome_unknown: bool,
    /// What the connector says about this error, for people.
    pub note: Option<String>,
}

impl From<TokenFailure> for Error {
    fn from(failure: TokenFailure) -> Self {
        let mut error = Self::new(failure.code);
        if let Some(message) = failure.evidence.message.as_deref().or(failure.evidence.code.as_deref()) {
            let meaning = failure.code.entry().meaning;
            error = error.message(format!("{meaning} The provider said: {message}"));
        }
        if let Some(note) = failure.note {
            error = error.cause(note);
        }
        if let FailureClass::Transient { retry_after: Some(after) } = failure.class {
            error = error.retry_after_ms(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        }
        error.provider(failure.evidence)
    }
}
