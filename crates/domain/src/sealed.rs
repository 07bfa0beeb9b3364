//! Ciphertext as the storage layer sees it: bytes without meaning.

use std::fmt;

/// A sealed secret. Only the vault can open it; storage carries it as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBlob(pub Vec<u8>);

impl fmt::Debug for SealedBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBlob({} bytes)", self.0.len())
    }
}

/// What a sealed secret belongs to. Bound into the ciphertext as associated data, so that a blob moved to another
/// tenant, record, field or generation does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// The environment (tenant).
    pub environment: &'a str,
    /// The id of the record: an account, connection, auth request or signing key.
    pub record: &'a str,
    /// The field of the record: `credential`, `client_secret`, `pkce_verifier`, …
    pub field: &'static str,
    /// The generation of the value; 0 where a field has none.
    pub generation: u64,
}
