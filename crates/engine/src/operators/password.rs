//! Passwords under argon2id (RFC 9106), as PHC strings.
//!
//! Hashing is slow and takes memory on purpose, so it runs on threads of its own, few at a time: a crowd of logins
//! makes logins slow and nothing else.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use tokio::sync::Semaphore;
use valetkey_domain::{Entropy, Error, ErrorCode, ExposeSecret, SecretString, entropy::random_bytes};
use zeroize::Zeroizing;

/// The shortest password, in characters (NIST SP 800-63B-4 §3.1.1.2 asks for length, and for no classes of characters).
pub(crate) const MIN_LENGTH: usize = 12;
/// The longest password, in bytes: enough for any sentence, and a bound on what is hashed.
const MAX_LENGTH: usize = 1024;
/// How many passwords are hashed at once. Each takes [`MEMORY`] meanwhile.
const AT_ONCE: usize = 2;
/// How many more may wait for their turn.
const WAITING: usize = 32;

/// KiB of memory; with two passes and one lane the second recommendation of the OWASP password storage cheat sheet.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_LENGTH: usize = 32;

/// Hashes and compares passwords, a few at a time.
pub(crate) struct Passwords {
    turns: Semaphore,
    places: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), places: Semaphore::new(AT_ONCE + WAITING) }
    }
}

impl Passwords {
    /// The PHC string of a password.
    ///
    /// # Errors
    /// `overloaded` when too many wait already.
    pub(crate) async fn hash(&self, password: &SecretString, entropy: &dyn Entropy) -> Result<String, Error> {
        let salt: [u8; 16] = random_bytes(entropy);
        let params = Params::new(MEMORY, PASSES, LANES, Some(HASH_LENGTH)).map_err(Error::internal)?;
        let hash = self.derive(password, salt.to_vec(), params).await?;
        Ok(format!(
            "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(&*hash)
        ))
    }

    /// Whether `password` is the one that was hashed. Without a stored hash it takes as long and says no, so that the
    /// time tells nobody which addresses are known.
    ///
    /// # Errors
    /// `overloaded` when too many wait already; `internal` for a stored hash of another kind.
    pub(crate) async fn matches(&self, password: &SecretString, stored: Option<&str>) -> Result<bool, Error> {
        let Some(stored) = stored else {
            let params = Params::new(MEMORY, PASSES, LANES, Some(HASH_LENGTH)).map_err(Error::internal)?;
            self.derive(password, vec![0; 16], params).await?;
            return Ok(false);
        };
        let (params, salt, expected) =
            parsed(stored).ok_or_else(|| Error::internal("a stored password hash cannot be read"))?;
        let hash = self.derive(password, salt, params).await?;
        Ok(constant_time::verify_slices_are_equal(&hash, &expected).is_ok())
    }

    async fn derive(
        &self,
        password: &SecretString,
        salt: Vec<u8>,
        params: Params,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::new(ErrorCode::Overloaded))?;
        let _turn = self.turns.acquire().await.map_err(Error::internal)?;
        let password = password.clone();
        let length = params.output_len().unwrap_or(HASH_LENGTH);
        let work = move || {
            let mut hash = Zeroizing::new(vec![0; length]);
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(password.expose_secret().as_bytes(), &salt, &mut hash)
                .map(|()| hash)
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)
    }
}

/// Parameters, salt and hash of a PHC string. Hashes made with other costs stay readable.
fn parsed(phc: &str) -> Option<(Params, Vec<u8>, Vec<u8>)> {
    let mut parts = phc.strip_prefix("$argon2id$v=19$")?.split('$');
    let (costs, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut costs = costs.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name)?.parse().ok();
    let (memory, passes, lanes) = (cost("m=")?, cost("t=")?, cost("p=")?);
    let (salt, hash) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    Some((Params::new(memory, passes, lanes, Some(hash.len())).ok()?, salt, hash))
}

/// Whether a password may be set.
///
/// # Errors
/// `invalid_argument` for `password`, saying what to do.
pub(super) fn check(password: &SecretString, email: &str) -> Result<(), Error> {
    let text = password.expose_secret();
    let wrong = |message: &str| Err(Error::invalid("password", message));
    if text.chars().count() < MIN_LENGTH {
        return wrong("must have at least 12 characters: a short sentence is easy to remember");
    }
    if text.len() > MAX_LENGTH {
        return wrong("is too long");
    }
    let first = text.chars().next();
    if text.chars().all(|c| Some(c) == first) {
        return wrong("must not be one character over and over");
    }
    let local = email.split('@').next().unwrap_or_default();
    let folded = text.to_lowercase();
    if folded == email || (local.len() > 3 && folded.replace(local, "").chars().count() < MIN_LENGTH / 2) {
        return wrong("must be something else than the address");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    /// S44: the stored form is argon2id with the costs that were meant, and only the very password fits.
    #[tokio::test]
    async fn password_hashed_is_argon2id_and_fits_itself_alone() {
        let passwords = Passwords::default();
        let password = SecretString::from("correct horse battery".to_owned());
        let stored = passwords.hash(&password, &Fixed).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{stored}");
        assert!(passwords.matches(&password, Some(&stored)).await.unwrap());
        for other in ["correct horse batterx", "correct horse battery ", ""] {
            let other = SecretString::from(other.to_owned());
            assert!(!passwords.matches(&other, Some(&stored)).await.unwrap());
        }
        assert!(!passwords.matches(&password, None).await.unwrap());
        let odd = passwords.matches(&password, Some("$2b$10$abc")).await.unwrap_err();
        assert_eq!(odd.code(), ErrorCode::Internal);
    }

    #[test]
    fn password_unfit_is_refused_by_name() {
        for unfit in ["", "short", "aaaaaaaaaaaaaaaa", "somebody@example.com", "SOMEBODY-1234"] {
            let refused = check(&unfit.to_owned().into(), "somebody@example.com").unwrap_err();
            assert_eq!(refused.details().fields[0].field, "password", "{unfit}");
        }
        for fit in ["correct horse battery", "ein kurzer Satz", "🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊🦊x"]
        {
            check(&fit.to_owned().into(), "somebody@example.com").unwrap();
        }
        check(&"z".repeat(1025).into(), "a@b.c").unwrap_err();
    }
}
