//! A configured connector.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{ConnectionId, EnvironmentId, ErrorCode, SealedBlob, Time};

/// A configured connector: one serves all users of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// `conn_…`
    pub id: ConnectionId,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// Unique within the environment, as callers name it: `gmail`, `github-qkHFhMip`.
    pub name: String,
    /// The slug of the connector.
    pub connector: String,
    /// The OAuth client at the provider; `None` where the connector needs none or the shared one is used.
    pub client_id: Option<String>,
    /// The OAuth client's secret, sealed. Written, never read back.
    pub client_secret: Option<SealedBlob>,
    /// When the client secret ends at the provider, where somebody said so; `None` where it does not end or nobody did.
    pub client_secret_expires_at: Option<Time>,
    /// Whether the operator-wide OAuth client of the connector is used.
    pub use_shared_credentials: bool,
    /// The scopes to ask for; empty means the connector's defaults.
    pub scopes: Vec<String>,
    /// Other base URLs than the connector's.
    pub overrides: Overrides,
    /// Values for the connector's URL templates, such as a tenant or a subdomain.
    pub variables: BTreeMap<String, String>,
    /// What to do when a user authorizes again with another account at the provider.
    pub identity_policy: IdentityPolicy,
    /// The longest that a call through this connection may take, in milliseconds; `None` leaves it to connector and
    /// server.
    pub call_timeout_ms: Option<u32>,
    /// A disabled connection refuses links and calls.
    pub enabled: bool,
    /// Set while the provider refuses the connection's own configuration (a wrong client secret, say). It says
    /// nothing about the accounts.
    pub fault: Option<ConnectionFault>,
    /// Counts changes, for optimistic locking.
    pub version: u64,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// What to do when a user authorizes an account again, but signs in to another account at the provider than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityPolicy {
    /// Take the new grant and tell of the change in the history.
    #[default]
    Flag,
    /// Refuse the new grant and keep the old one.
    Refuse,
}

impl IdentityPolicy {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Refuse => "refuse",
        }
    }

    /// Reads the name in storage.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Flag, Self::Refuse].into_iter().find(|policy| policy.as_str() == text)
    }
}

/// The longest name that the compatible API accepts.
pub const MAX_NAME_LENGTH: usize = 400;

/// Whether `name` is one that the compatible API accepts: 1 to 400 of letters, digits, `_`, `:`, space and `-`.
#[must_use]
pub fn is_valid_name(name: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b' ' | b'-'))
        && name.trim() == name
}

/// Base URLs that replace the connector's own: for GitHub Enterprise, sovereign clouds and test providers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// The authorization endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize_url: Option<Url>,
    /// The token endpoint (also for refresh, unless the connector has a separate one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<Url>,
    /// The revocation endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_url: Option<Url>,
    /// The userinfo endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_url: Option<Url>,
    /// The base URL of the API; the credential goes nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_base_url: Option<Url>,
}

/// Why the provider refuses the connection's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionFault {
    /// The catalogue code, such as `invalid_client`.
    pub code: ErrorCode,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub since: Time,
}
