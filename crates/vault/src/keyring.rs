//! The keyring: every term that can be opened, and the one that seals.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::aead::LessSafeKey;
use valetkey_domain::{Error, SealedBlob, sealed::SealContext};
use zeroize::Zeroizing;

use crate::{
    OpenError, blob,
    master::KEY_LENGTH,
    random::{self, NoRandomness},
};

/// The key of one term, in the clear. Its memory is cleared when it is dropped.
pub struct TermKey(pub(crate) Zeroizing<[u8; KEY_LENGTH]>);

impl TermKey {
    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        random::fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for TermKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TermKey([redacted])")
    }
}

/// Why a value was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The keyring does not have the term, or none is active.
    #[error("the keyring has no term to seal with")]
    NoTerm,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The value is larger than the cipher takes (64 GiB).
    #[error("the value is too large to seal")]
    TooLarge,
}

impl From<NoRandomness> for SealError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl From<SealError> for Error {
    fn from(failure: SealError) -> Self {
        Self::internal(failure)
    }
}

#[derive(Default)]
struct Terms {
    keys: BTreeMap<u32, Arc<LessSafeKey>>,
    active: Option<u32>,
}

/// The terms that are known and the active one. Pure: it knows no storage and counts nothing. Terms can be added and
/// activated while others seal and open.
#[derive(Default)]
pub struct Keyring(RwLock<Terms>);

impl Keyring {
    /// A keyring without terms: it opens nothing and seals nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn terms(&self) -> std::sync::RwLockReadGuard<'_, Terms> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, term: u32) -> Option<Arc<LessSafeKey>> {
        self.terms().keys.get(&term).cloned()
    }

    /// Adds a term; a term that is there already stays as it is.
    pub fn add(&self, term: u32, key: &TermKey) {
        if let Some(cipher) = blob::term_cipher(key) {
            let mut terms = self.0.write().unwrap_or_else(PoisonError::into_inner);
            terms.keys.entry(term).or_insert_with(|| Arc::new(cipher));
        }
    }

    /// Makes `term` the one that [`Keyring::seal`] uses, if the keyring has it and it is newer than the active one: a
    /// late hint never brings an old term back. Says whether it is the active term now.
    pub fn activate(&self, term: u32) -> bool {
        let mut terms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if terms.keys.contains_key(&term) && terms.active.is_none_or(|active| active < term) {
            terms.active = Some(term);
        }
        terms.active == Some(term)
    }

    /// Forgets a term that was retired; the active one stays. What is sealed in it does not open from now on.
    pub fn remove(&self, term: u32) {
        let mut terms = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if terms.active != Some(term) {
            terms.keys.remove(&term);
        }
    }

    /// The numbers of the terms.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        self.terms().keys.keys().copied().collect()
    }

    /// The active term.
    #[must_use]
    pub fn active(&self) -> Option<u32> {
        self.terms().active
    }

    /// Whether values of `term` can be opened.
    #[must_use]
    pub fn has(&self, term: u32) -> bool {
        self.terms().keys.contains_key(&term)
    }

    /// How many terms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.terms().keys.len()
    }

    /// Whether there is no term.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms().keys.is_empty()
    }

    /// Seals `value` in the active term for the place that `context` names.
    ///
    /// # Errors
    /// When no term is active or the system gives no random bytes.
    pub fn seal(&self, context: &SealContext<'_>, value: &[u8]) -> Result<SealedBlob, SealError> {
        let term = self.active().ok_or(SealError::NoTerm)?;
        self.seal_in(term, context, value)
    }

    /// Seals `value` in `term`: for a caller that has a budget of seals on this very term.
    ///
    /// # Errors
    /// When the keyring does not have the term or the system gives no random bytes.
    pub fn seal_in(
        &self,
        term: u32,
        context: &SealContext<'_>,
        value: &[u8],
    ) -> Result<SealedBlob, SealError> {
        let key = self.key(term).ok_or(SealError::NoTerm)?;
        blob::seal(term, &key, context, value)
    }

    /// Opens what was sealed for the place that `context` names.
    ///
    /// # Errors
    /// When the bytes are no sealed value, name a term the keyring does not have, or do not open here.
    pub fn open(
        &self,
        context: &SealContext<'_>,
        sealed: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let term = blob::term_of(sealed)?;
        let key = self.key(term).ok_or(OpenError::UnknownTerm { term })?;
        blob::open(term, &key, context, sealed)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms = self.terms();
        f.debug_struct("Keyring").field("terms", &terms.keys.len()).field("active", &terms.active).finish()
    }
}
