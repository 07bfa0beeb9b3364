//! Key material at rest: the terms of the vault's keyring and the keys that sign our access tokens.

use serde_json::Value;

use crate::{SealedBlob, Time};

/// One numbered term of the keyring, its key sealed under the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyTerm {
    /// Counts from 1; ciphertext names the term that sealed it.
    pub term: u32,
    /// The term's key under the master key.
    pub sealed_key: SealedBlob,
    /// How many seal operations have been reserved on this term so far (NIST SP 800-38D bounds them).
    pub seals_reserved: u64,
    /// When the term was added.
    pub created_at: Time,
}

/// A key pair that signs the access tokens of `/oauth/token`.
#[derive(Debug, Clone, PartialEq)]
pub struct SigningKey {
    /// The `kid` of the JWKS entry.
    pub kid: String,
    /// PKCS#8 DER of the private key, sealed.
    pub sealed_private_key: SealedBlob,
    /// The public JWK as served at `/keys`.
    pub public_jwk: Value,
    /// When the key was made.
    pub created_at: Time,
}
