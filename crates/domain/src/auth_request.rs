//! One attempt to authorize: from the link to the outcome.

use serde::{Deserialize, Serialize};

use crate::{AccountId, AuthRequestId, ConnectionId, EnvironmentId, ErrorCode, SealedBlob, Time};

/// How far an attempt has come. It only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthPhase {
    /// The link was made; nobody has opened it.
    Created,
    /// The hosted page was opened in a browser.
    Opened,
    /// The user was sent to the provider; `state` is out.
    Redirected,
    /// The callback came and took the state; the code is being exchanged. At most one callback gets here.
    Exchanging,
    /// The grant is stored; the app must confirm the user.
    AwaitingVerification,
    /// Done.
    Completed,
    /// Ended without a grant.
    Failed,
}

impl AuthPhase {
    /// The name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Opened => "opened",
            Self::Redirected => "redirected",
            Self::Exchanging => "exchanging",
            Self::AwaitingVerification => "awaiting_verification",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Reads the name in storage.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Created,
            Self::Opened,
            Self::Redirected,
            Self::Exchanging,
            Self::AwaitingVerification,
            Self::Completed,
            Self::Failed,
        ]
        .into_iter()
        .find(|p| p.as_str() == text)
    }

    /// Whether the attempt is over.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// One attempt to authorize an account.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthRequest {
    /// `ar_…`, handed to the app as `auth_request_id`.
    pub id: AuthRequestId,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// The account being authorized.
    pub account: AccountId,
    /// Its connection.
    pub connection: ConnectionId,
    /// SHA-256 of the link's token.
    pub link_hash: [u8; 32],
    /// SHA-256 of the `state` parameter, once the user was sent to the provider.
    pub state_hash: Option<[u8; 32]>,
    /// SHA-256 of the cookie that binds the attempt to the browser that started it.
    pub browser_hash: Option<[u8; 32]>,
    /// The sealed PKCE code verifier.
    pub code_verifier: Option<SealedBlob>,
    /// The scopes asked for.
    pub scopes: Vec<String>,
    /// The caller's `state`, handed through untouched.
    pub caller_state: Option<String>,
    /// Where the app confirms the user's identity, if it wants to.
    pub user_verify_url: Option<String>,
    /// How far it has come.
    pub phase: AuthPhase,
    /// Why it failed, if it did.
    pub failure: Option<ErrorCode>,
    /// The generation of the credential that the attempt brought; 0 until then. Confirming the user counts for this
    /// credential only, not for one that another attempt put in its place.
    pub generation: u64,
    /// Counts changes, for optimistic locking: one-time use hangs on it.
    pub version: u64,
    /// When the link was made.
    pub created_at: Time,
    /// When the link stops working.
    pub expires_at: Time,
    /// When the user was sent to the provider; `state` is good for ten minutes from here.
    pub redirected_at: Option<Time>,
}
