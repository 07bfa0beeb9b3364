//! Typed ids: a readable prefix, then a lower-case ULID. They sort by creation time, so an id is also a page cursor.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{Clock, Entropy, Time, entropy::random_bytes};

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id that starts with \"{prefix}\" and goes on with 26 letters and digits")]
pub struct InvalidId {
    /// The prefix that the kind of id has.
    pub prefix: &'static str,
}

fn fresh(prefix: &str, clock: &dyn Clock, entropy: &dyn Entropy) -> String {
    made_of(prefix, clock.now(), u128::from_be_bytes(random_bytes::<16>(entropy)))
}

fn made_of(prefix: &str, at: Time, random: u128) -> String {
    let millis = u64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    format!("{prefix}{}", Ulid::from_parts(millis, random).to_string().to_ascii_lowercase())
}

fn is_valid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == 26 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, made of the current time and 80 random bits.
            #[must_use]
            pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(fresh($prefix, clock, entropy))
            }

            /// No id made at `at` or later sorts before this one, and none made a millisecond earlier or more sorts
            /// after it.
            #[must_use]
            pub fn first_of(at: Time) -> Self {
                Self(made_of($prefix, at, 0))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_valid($prefix, text) { Ok(Self(text.to_owned())) } else { Err(InvalidId { prefix: $prefix }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if is_valid($prefix, &text) { Ok(Self(text)) } else { Err(InvalidId { prefix: $prefix }) }
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// One tenant of the server: API clients see only what belongs to their environment.
    EnvironmentId = "env_";
    /// A configured connector.
    ConnectionId = "conn_";
    /// A connected account.
    AccountId = "ca_";
    /// One attempt to authorize.
    AuthRequestId = "ar_";
    /// The durable record of one tool or proxy call.
    ExecutionId = "ex_";
    /// One entry in a history.
    EventId = "ev_";
    /// A static API token (`vk_…`); the id is not the token.
    ApiTokenId = "tok_";
    /// One request to this server, for logs and error messages.
    RequestId = "req_";
    /// One attempt to renew a credential.
    RefreshId = "rf_";
    /// A grant that is still to be revoked at the provider.
    RevocationId = "rv_";
    /// A person who may use the dashboard.
    UserId = "us_";
    /// A one-time link by which a person sets a password.
    InvitationId = "inv_";
    /// A browser in which a person is logged in.
    SessionId = "ses_";
    /// An endpoint that is told what happens.
    WebhookId = "wh_";
    /// A message to webhooks.
    DeliveryId = "dl_";
}

impl DeliveryId {
    /// An id of the unique part of another one.
    pub(crate) fn of_unique(unique: &str) -> Self {
        Self(format!("{}{unique}", Self::PREFIX))
    }
}

/// The `client_id` of an API client. Operators may choose it (`bootstrap_client_id`), so any short text of letters,
/// digits, `_`, `-` and `.` is accepted; generated ones start with `vkc_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiClientId(String);

/// The text cannot be a client id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a client id has 1 to 100 letters, digits, \"_\", \"-\" or \".\"")]
pub struct InvalidClientId;

impl ApiClientId {
    /// A new generated client id.
    #[must_use]
    pub fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        Self(fresh("vkc_", clock, entropy))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ApiClientId {
    type Error = InvalidClientId;

    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        let fits = (1..=100).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if fits { Ok(Self(text)) } else { Err(InvalidClientId) }
    }
}

impl FromStr for ApiClientId {
    type Err = InvalidClientId;

    fn from_str(text: &str) -> Result<Self, InvalidClientId> {
        Self::try_from(text.to_owned())
    }
}

impl From<ApiClientId> for String {
    fn from(id: ApiClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ApiClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ApiClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
