//! Why a grant is over. Providers tell these apart in their answers, or deliberately do not.

use serde::{Deserialize, Serialize};

/// What ended a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The user took it away in the account settings.
    User,
    /// An administrator of the user's organization took it away.
    Admin,
    /// The user's password was changed.
    PasswordChange,
    /// A spent refresh token came again (RFC 9700 §4.14.2).
    Reuse,
    /// A code came a second time (RFC 6749 §4.1.2).
    CodeReplay,
    /// The app was in testing when the user consented, and seven days are over.
    TestMode,
    /// The refresh token was not used for longer than the provider allows.
    Idle,
    /// The user gave this client more grants than the provider keeps; the oldest went.
    TooMany,
    /// The client revoked it itself (RFC 7009).
    Client,
    /// It was told to expire.
    Expired,
}

impl Ending {
    /// How the plain provider words it, after "the access token" or "refresh token".
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::User | Self::Client => "has been revoked",
            Self::Admin => "has been revoked by an administrator",
            Self::PasswordChange => "has been revoked because the password was changed",
            Self::Reuse => "has been revoked because a spent refresh token came again",
            Self::CodeReplay => "has been revoked because its code came again",
            Self::TestMode => "has expired: grants of an app in testing end after seven days",
            Self::Idle => "has expired: it was not used for too long",
            Self::TooMany => "has been revoked: the user has given this client too many grants",
            Self::Expired => "has expired",
        }
    }
}
