//! A grant that still has to be taken back at the provider after the account ended here.

use std::collections::BTreeMap;

use crate::{AccountId, ConnectionId, EnvironmentId, ErrorCode, RevocationId, SealedBlob, Time};

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
