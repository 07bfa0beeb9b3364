//! What a call brought, kept for who asks again: under the idempotency key of its caller, or by the id of an execution
//! whose caller did not wait.

use crate::{AccountId, ApiClientId, EnvironmentId, ExecutionId, SealedBlob, Time};

/// The answer of one execution, kept until [`KeptAnswer::keep_until`]. The execution says how the call ended; this says
/// what it brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The execution.
    pub execution: ExecutionId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// The account; the answer goes with it when it is deleted.
    pub account: AccountId,
    /// Who called, and whose key it is.
    pub client: ApiClientId,
    /// SHA-256 of the idempotency key, while the key stands for this call. Unique for each client of an environment.
    pub key_hash: Option<[u8; 32]>,
    /// SHA-256 of what was asked, to tell the same call from another one under the same key.
    pub input_hash: [u8; 32],
    /// Whether the caller did not wait (`mode: async`) and may read the answer by the id of the execution.
    pub detached: bool,
    /// Whether the request may have left for the provider. Until then a crash leaves nothing unknown.
    pub left: bool,
    /// The answer or the error, sealed. None while the call runs, and if it was too large to be kept.
    pub sealed: Option<SealedBlob>,
    /// Until when it is kept.
    pub keep_until: Time,
    /// When the call was taken on.
    pub created_at: Time,
}
