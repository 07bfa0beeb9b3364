//! Random bytes of the cryptographic library.

use valetkey_domain::Entropy;

/// The process has no randomness: nothing that must be unpredictable can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub(crate) struct NoRandomness;

pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), NoRandomness> {
    aws_lc_rs::rand::fill(buffer).map_err(|_| NoRandomness)
}

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// The [`Entropy`] for production: the cryptographic library's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// Ends the process when the system gives no randomness: every id and token made after that would be guessable.
    fn fill(&self, buffer: &mut [u8]) {
        if fill(buffer).is_err() {
            std::process::abort();
        }
    }
}
