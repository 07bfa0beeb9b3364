//! What is read from storage that is no record of its own.

use crate::{
    AccountId, AuthRequestId, ConnectionId, DeliveryId, EnvironmentId, ExecutionId, RevocationId, SealedBlob,
    Time, WebhookId,
};

/// A credential as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    /// The account.
    pub account: AccountId,
    /// Its generation.
    pub generation: u64,
    /// The sealed credential.
    pub sealed: SealedBlob,
    /// When it was stored.
    pub created_at: Time,
}

/// Where a sealed secret is kept. Orders as storage walks through them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SealedPlace {
    /// A credential of an account, by generation.
    Credential(AccountId, u64),
    /// The client secret of a connection.
    ClientSecret(ConnectionId),
    /// The PKCE verifier of an attempt.
    CodeVerifier(AuthRequestId),
    /// The private key of a signing key, by `kid`.
    SigningKey(String),
    /// The credential of a pending revocation.
    Revocation(RevocationId),
    /// A kept answer.
    Answer(ExecutionId),
    /// What messages to a webhook are signed with, by generation.
    WebhookSecret(WebhookId, u64),
    /// What a message to a webhook says.
    DeliveryBody(WebhookId, DeliveryId),
}

/// A sealed secret with what its seal is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// Where it is kept.
    pub place: SealedPlace,
    /// The environment of the record; signing keys belong to none.
    pub environment: Option<EnvironmentId>,
    /// Of a credential of a pending revocation: the account and generation that it is sealed for.
    pub sealed_for: Option<(AccountId, u64)>,
    /// The sealed secret.
    pub sealed: SealedBlob,
}

/// How often a tool was used with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The tool.
    pub tool: String,
    /// How many executions succeeded.
    pub succeeded: u64,
    /// How many there were.
    pub executions: u64,
    /// When the last one began.
    pub last_at: Time,
}
