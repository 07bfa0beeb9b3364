//! Secrets that this server mints: a readable prefix, 256 random bits, a checksum. Only their SHA-256 is stored; with
//! 256 bits of entropy a slow hash would protect nothing.

use aws_lc_rs::{constant_time, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use valetkey_domain::{Entropy, SecretString, entropy::random_bytes};
use zeroize::Zeroizing;

/// What every static API token starts with.
pub(crate) const API_TOKEN_PREFIX: &str = "vk_";
/// What every generated client secret starts with.
pub(crate) const CLIENT_SECRET_PREFIX: &str = "vks_";

/// Characters of 32 bytes in unpadded base64url.
const BODY_LENGTH: usize = 43;
/// Characters of the four bytes of checksum.
const CHECKSUM_LENGTH: usize = 6;

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Whether two hashes are equal, in time that does not depend on where they differ.
pub(crate) fn same_hash(a: &[u8; 32], b: &[u8; 32]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// 256 random bits as text.
pub(crate) fn random_text(entropy: &dyn Entropy) -> Zeroizing<String> {
    let bytes = Zeroizing::new(random_bytes::<32>(entropy));
    Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// A new secret with this prefix.
pub(crate) fn mint(prefix: &str, entropy: &dyn Entropy) -> SecretString {
    let body = random_text(entropy);
    SecretString::from(format!("{prefix}{}{}", *body, checksum(prefix, &body)))
}

/// Whether `text` was minted with this prefix, as far as its checksum tells: tells a mistyped or truncated token from
/// an unknown one without asking the database, and lets secret scanners do the same.
pub(crate) fn is_intact(prefix: &str, text: &str) -> bool {
    let Some(rest) = text.strip_prefix(prefix) else { return false };
    if rest.len() != BODY_LENGTH + CHECKSUM_LENGTH || !rest.is_ascii() {
        return false;
    }
    let (body, sum) = rest.split_at(BODY_LENGTH);
    checksum(prefix, body) == sum
}

/// The first characters of a token, to recognise it by in lists: the prefix and six of the 43 random characters.
pub(crate) fn hint(prefix: &str, text: &str) -> String {
    text.chars().take(prefix.len() + 6).collect::<String>() + "…"
}

fn checksum(prefix: &str, body: &str) -> String {
    let text = Zeroizing::new(format!("{prefix}{body}"));
    let hash = sha256(text.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash[..4])
}

#[cfg(test)]
mod tests {
    use valetkey_domain::ExposeSecret;

    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            for byte in buffer {
                *byte = self.0.fetch_add(37, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn secret_minted_is_intact() {
        let secret = mint(API_TOKEN_PREFIX, &Counting(0.into()));
        let text = secret.expose_secret();
        assert_eq!(text.len(), 3 + 43 + 6);
        assert!(is_intact(API_TOKEN_PREFIX, text));
        assert!(!is_intact(CLIENT_SECRET_PREFIX, text));
    }

    #[test]
    fn secret_altered_anywhere_is_not_intact() {
        let secret = mint(API_TOKEN_PREFIX, &Counting(9.into()));
        let text = secret.expose_secret();
        for i in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[i] = if bytes[i] == b'x' { b'y' } else { b'x' };
            assert!(!is_intact(API_TOKEN_PREFIX, std::str::from_utf8(&bytes).unwrap()), "position {i}");
        }
        assert!(!is_intact(API_TOKEN_PREFIX, &text[..text.len() - 1]));
        assert!(!is_intact(API_TOKEN_PREFIX, "vk_ääääääääääääääääääääääääääääääääääääääääääääääääää"));
    }

    #[test]
    fn hint_shows_little() {
        let secret = mint(API_TOKEN_PREFIX, &Counting(1.into()));
        assert_eq!(hint(API_TOKEN_PREFIX, secret.expose_secret()).chars().count(), 3 + 6 + 1);
    }

    /// S36: how long a comparison takes does not tell where the hashes differ. What counts as a difference is measured
    /// beside it, on the same machine at the same time: half of what a comparison gives away that stops at the first word
    /// that differs.
    #[test]
    fn comparison_takes_as_long_wherever_hashes_differ() {
        let (share, seen) = given_away(same_hash);
        assert!(share.abs() < 0.5, "{share}: {seen:?}");
    }

    /// The other way round: what is measured above tells a comparison that stops early.
    #[test]
    fn comparison_that_stops_early_is_told() {
        let (share, seen) = given_away(stops_early);
        assert!(share > 0.5, "{share}: {seen:?}");
    }

    /// How much of what [`stops_early`] gives away this comparison does, and what was measured: the median over several
    /// rounds, so that a moment in which the machine has something else to do does not count.
    fn given_away(same: fn(&[u8; 32], &[u8; 32]) -> bool) -> (f64, Vec<(f64, f64)>) {
        const ROUNDS: usize = 21;
        let mut seen: Vec<_> = (0..ROUNDS).map(|_| (gap(same), gap(stops_early))).collect();
        let share = |(ours, control): &(f64, f64)| ours / control;
        seen.sort_by(|a, b| share(a).total_cmp(&share(b)));
        (share(&seen[ROUNDS / 2]), seen)
    }

    /// How many nanoseconds longer a comparison takes if the difference is in the last byte and not in the first: the
    /// median over many pairs of batches, which one is first in a pair taking turns.
    fn gap(same: fn(&[u8; 32], &[u8; 32]) -> bool) -> f64 {
        const PAIRS: usize = 400;
        const BATCH: u32 = 100;
        /// No guess lies across two lines of the cache.
        #[repr(align(64))]
        struct Hash([u8; 32]);
        let secret = Hash(sha256(b"the secret"));
        let (mut first, mut last) = (Hash(secret.0), Hash(secret.0));
        first.0[0] ^= 1;
        last.0[31] ^= 1;
        let batch = |guess: &Hash| {
            let started = std::time::Instant::now();
            for _ in 0..BATCH {
                std::hint::black_box(same(std::hint::black_box(&secret.0), std::hint::black_box(&guess.0)));
            }
            started.elapsed().as_nanos() as f64
        };
        let mut gaps: Vec<f64> = (0..PAIRS)
            .map(|n| {
                if n % 2 == 0 {
                    let early = batch(&first);
                    batch(&last) - early
                } else {
                    let late = batch(&last);
                    late - batch(&first)
                }
            })
            .collect();
        gaps.sort_by(f64::total_cmp);
        gaps[PAIRS / 2] / f64::from(BATCH)
    }

    /// What must not be: word by word, until two differ.
    #[inline(never)]
    fn stops_early(a: &[u8; 32], b: &[u8; 32]) -> bool {
        for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
            if std::hint::black_box(a) != std::hint::black_box(b) {
                return false;
            }
        }
        true
    }
}
