//! A grant that still has to be taken back at the provider after the account ended here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AccountId, ConnectionId, EnvironmentId, ErrorCode, RevocationId, SealedBlob, Time};

/// What became of a grant at the provider when its account ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationOutcome {
    /// Revoked, and a call with the access token was refused afterwards.
    RevokedAndVerified,
    /// The provider says that it is revoked; nobody could try whether the token is dead.
    Revoked,
    /// The provider has no way to revoke, or the credential is of a kind that only its owner can take back.
    NotOffered,
    /// Left alive: revoking it would have ended other accounts.
    KeptForSiblings,
    /// The provider could not be asked or did not do it; it is tried again.
    FailedWillRetry,
    /// It could not be revoked, and nobody tries any more.
    GivenUp,
}

impl RevocationOutcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::RevokedAndVerified,
        Self::Revoked,
        Self::NotOffered,
        Self::KeptForSiblings,
        Self::FailedWillRetry,
        Self::GivenUp,
    ];

    /// The name on the wire and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RevokedAndVerified => "revoked_and_verified",
            Self::Revoked => "revoked",
            Self::NotOffered => "not_offered",
            Self::KeptForSiblings => "kept_for_siblings",
            Self::FailedWillRetry => "failed_will_retry",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A revocation that failed and is tried again. The account's own credential is erased already; the sealed one here
/// lives only until the revocation succeeds or is given up.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingRevocation {
    /// `rv_…`
    pub id: RevocationId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The account that ended; it may be deleted.
    pub account: AccountId,
    /// Its connection.
    pub connection: ConnectionId,
    /// The account's identifier, for people.
    pub identifier: String,
    /// Facts for the provider's URLs, as the account had them.
    pub metadata: BTreeMap<String, String>,
    /// The generation that the credential is sealed for.
    pub generation: u64,
    /// The sealed credential, as it was stored with the account.
    pub sealed: SealedBlob,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last try failed with.
    pub last_code: Option<ErrorCode>,
    /// When it is tried next.
    pub next_at: Time,
    /// When it is given up and the credential erased.
    pub give_up_at: Time,
    /// When the account ended.
    pub created_at: Time,
}
