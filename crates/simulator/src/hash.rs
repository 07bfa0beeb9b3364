//! Tokens leave the simulator once; what stays here is their hash.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use valetkey_domain::{Entropy, entropy::random_bytes};

/// SHA-256 of a token, code or secret, in hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hashed(String);

impl Hashed {
    pub(crate) fn of(secret: &str) -> Self {
        Self(digest(&SHA256, secret.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What the journal shows of a token: enough to tell two apart, useless as a credential.
    pub(crate) fn fingerprint(&self) -> String {
        self.0.chars().take(16).collect()
    }

    pub(crate) fn matches(&self, secret: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(secret).0.as_bytes()).into()
    }
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

/// A fresh token of 256 random bits: `prefix` and 43 characters.
pub(crate) fn fresh_token(prefix: &str, entropy: &dyn Entropy) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>(entropy)))
}

/// The S256 code challenge of a verifier (RFC 7636 §4.2).
pub(crate) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn challenge_of_the_rfc_example_matches() {
        assert_eq!(
            s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn hash_of_a_secret_matches_only_it() {
        let hashed = Hashed::of("secret");
        assert!(hashed.matches("secret"));
        assert!(!hashed.matches("Secret"));
        assert!(!format!("{hashed:?}").contains("secret"));
    }
}
