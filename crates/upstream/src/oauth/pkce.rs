//! Proof Key for Code Exchange (RFC 7636), S256 only.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use valetkey_domain::{Entropy, ExposeSecret as _, SecretString, entropy::random_bytes};
use zeroize::Zeroizing;

/// A fresh code verifier: 256 random bits as 43 characters (RFC 7636 §4.1, §7.1).
#[must_use]
pub fn verifier(entropy: &dyn Entropy) -> SecretString {
    let bytes = Zeroizing::new(random_bytes::<32>(entropy));
    SecretString::from(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// The S256 challenge of a verifier (RFC 7636 §4.2).
#[must_use]
pub fn challenge(verifier: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    struct Counter(std::sync::atomic::AtomicU64);

    impl Entropy for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            let n = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            for (i, byte) in buffer.iter_mut().enumerate() {
                *byte = (n.wrapping_mul(31).wrapping_add(i as u64 * n) >> (i % 3)) as u8;
            }
            buffer[..8].copy_from_slice(&n.to_le_bytes());
        }
    }

    #[test]
    fn challenge_of_rfc_example_matches() {
        let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge(&verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    /// S01: 256 bits each, all distinct.
    #[test]
    fn verifier_many_times_is_distinct_and_long() {
        let entropy = Counter(0.into());
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let verifier = verifier(&entropy);
            assert_eq!(verifier.expose_secret().len(), 43);
            assert!(seen.insert(challenge(&verifier)));
        }
    }
}
