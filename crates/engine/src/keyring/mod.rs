//! The vault's keyring over storage: loads the terms at start, bounds how often each one seals, adds the next one.
//!
//! NIST SP 800-38D §8.3 bounds how many messages one AES-GCM key may encrypt under random nonces. A count kept in
//! memory would be forgotten by a crash and not be shared by processes, so seals are *reserved* in storage, a block
//! at a time, before the first of them is made. A crash wastes the rest of a block and never exceeds the bound.
//!
//! The reservations also say which term is active: the newest one that has any. A rotation closes the terms before it
//! in the same commit, and a process goes on with its block for a few seconds only before it looks again. So after a
//! while nothing is sealed in a closed term any more, wherever processes run, and what is sealed in it can be sealed
//! anew and the term be retired.

mod terms;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;
use valetkey_domain::{Clock, Error, SealedBlob, Store, StoreError, sealed::SealContext};
use valetkey_vault::{Keyring, MasterKey, OpenError};
use zeroize::Zeroizing;

use crate::Sealer;

pub use terms::{Term, TermUse};

/// How often a term may seal, and how long processes may differ about which one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealLimits {
    /// Seals per term, after which the next term is made. NIST allows 2³² with random nonces.
    pub per_term: u64,
    /// How many seals are reserved at once: one durable write per so many seals.
    pub block: u64,
    /// How long a process seals without looking whether its term is still the active one.
    pub confirm: Duration,
    /// How long after a term was left nothing can come to be stored any more that is sealed in it: longer than
    /// `confirm` by what a commit may take.
    pub settle: Duration,
}

impl Default for SealLimits {
    fn default() -> Self {
        Self {
            per_term: 1 << 31,
            block: 1 << 16,
            confirm: Duration::from_secs(5),
            settle: Duration::from_secs(20),
        }
    }
}

/// The master key, and the one before it while it is being replaced.
#[derive(Debug)]
pub struct MasterKeys {
    /// Wraps the terms.
    pub current: MasterKey,
    /// What wrapped them before. Terms that it opens are wrapped anew under the current one.
    pub previous: Option<MasterKey>,
}

impl From<MasterKey> for MasterKeys {
    fn from(current: MasterKey) -> Self {
        Self { current, previous: None }
    }
}

/// What the keyring has done, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyringStats {
    /// The term that seals.
    pub active_term: u32,
    /// How many terms can be opened.
    pub terms: usize,
    /// Seals made by this process, in all terms.
    pub seals: u64,
    /// Seals reserved on the active term by all processes, as far as this one knows.
    pub reserved: u64,
    /// Seals a term may make.
    pub limit_per_term: u64,
}

/// Why the keyring cannot be used at all. The server must not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The master key is not the one the database was made with (or the database was altered).
    #[error(
        "the master key does not open term {term} of the keyring in the database: it is not the key that this \
         database was made with. Nothing was changed. Set `master_key` (or `master_key_file`) to the original key; \
         to replace that key by this one, set the original one as `previous_master_key`"
    )]
    WrongMasterKey {
        /// The first term that does not open.
        term: u32,
    },
    /// A limit is zero, a block is larger than a term, or a term settles before its last seal.
    #[error("a keyring needs at least one seal per block, blocks no larger than a term, and time to settle")]
    Limits,
    /// The vault cannot make a key.
    #[error("no key could be made: {0}")]
    Vault(#[from] valetkey_vault::SealError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other processes keep changing the keyring.
    #[error("the keyring in the database keeps changing; try again")]
    Contended,
}

impl From<KeyringError> for Error {
    fn from(failure: KeyringError) -> Self {
        match failure {
            KeyringError::Store(failure) => failure.into(),
            other => Self::internal(other),
        }
    }
}

/// Seals reserved but not made yet.
#[derive(Debug, Clone, Copy)]
struct Budget {
    term: u32,
    left: u64,
    reserved: u64,
    /// When storage was last seen to have this term as the active one.
    confirmed: Instant,
}

impl Budget {
    fn new(term: u32, left: u64, reserved: u64) -> Self {
        Self { term, left, reserved, confirmed: Instant::now() }
    }
}

/// What this process has seen of terms that are not used any more.
#[derive(Debug, Default)]
struct Seen {
    /// Since when a term is known here not to be the active one any more.
    left: BTreeMap<u32, Instant>,
    /// Since when a term is known here not to be in storage any more.
    gone: BTreeMap<u32, Instant>,
}

/// Seals and opens for the engine.
pub struct VaultKeeper {
    store: Arc<dyn Store>,
    masters: MasterKeys,
    clock: Arc<dyn Clock>,
    limits: SealLimits,
    ring: Keyring,
    budget: Mutex<Budget>,
    seen: Mutex<Seen>,
    /// Held while a block is being reserved or the keyring changed, so that one task does it and the others wait.
    reserving: tokio::sync::Mutex<()>,
    seals: AtomicU64,
}

/// How often a conflict with another process is answered by reading again. Each conflict means that another one
/// succeeded, so this many in a row mean something is broken.
const ATTEMPTS: usize = 100;

impl VaultKeeper {
    /// Loads the keyring. An empty database gets term 1; the terms of any other must all open. Those that open under
    /// the previous master key are wrapped anew under the current one, all in one commit.
    ///
    /// # Errors
    /// [`KeyringError::WrongMasterKey`] if a term does not open (S34: nothing was written), or what storage says.
    pub async fn start(
        store: Arc<dyn Store>,
        masters: impl Into<MasterKeys>,
        clock: Arc<dyn Clock>,
        limits: SealLimits,
    ) -> Result<Self, KeyringError> {
        if limits.block == 0 || limits.block > limits.per_term || limits.confirm >= limits.settle {
            return Err(KeyringError::Limits);
        }
        let keeper = Self {
            store,
            masters: masters.into(),
            clock,
            limits,
            ring: Keyring::new(),
            budget: Mutex::new(Budget::new(0, 0, 0)),
            seen: Mutex::default(),
            reserving: tokio::sync::Mutex::new(()),
            seals: AtomicU64::new(0),
        };
        for _ in 0..ATTEMPTS {
            let terms = keeper.load().await?;
            if let Some(active) = terms::active(&terms) {
                keeper.grant(Budget::new(active.term, 0, terms::reserved(active)));
                return Ok(keeper);
            }
            if keeper.insert_term(1, 0).await? {
                keeper.grant(Budget::new(1, 0, 0));
                return Ok(keeper);
            }
        }
        Err(KeyringError::Contended)
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grant(&self, granted: Budget) {
        *self.budget() = granted;
    }

    /// One seal out of the reserved block: the term to make it in. None when the block is used up, or it is time to
    /// look whether the term is still the active one.
    fn take(&self) -> Option<u32> {
        let mut budget = self.budget();
        if budget.confirmed.elapsed() > self.limits.confirm {
            return None;
        }
        budget.left = budget.left.checked_sub(1)?;
        Some(budget.term)
    }

    async fn reserve(&self) -> Result<u32, KeyringError> {
        let _one_at_a_time = self.reserving.lock().await;
        for _ in 0..ATTEMPTS {
            if let Some(term) = self.take() {
                return Ok(term);
            }
            let terms = self.load().await?;
            let Some(active) = terms::active(&terms) else {
                self.insert_term(1, 0).await?;
                continue;
            };
            {
                let mut budget = self.budget();
                if budget.term == active.term && budget.left > 0 {
                    budget.confirmed = Instant::now();
                    continue;
                }
            }
            self.next_block(&terms, active).await?;
        }
        Err(KeyringError::Contended)
    }

    /// Seals `value` for the place that `context` names. Writes to storage once per block of seals.
    ///
    /// # Errors
    /// `storage_unavailable` when a block must be reserved and cannot be.
    pub async fn seal(&self, context: &SealContext<'_>, value: &[u8]) -> Result<SealedBlob, Error> {
        let term = match self.take() {
            Some(term) => term,
            None => self.reserve().await?,
        };
        self.seals.fetch_add(1, Ordering::Relaxed);
        Ok(self.ring.seal_in(term, context, value)?)
    }

    /// Reserves seals if there are none left, so that the next one does not wait for storage.
    ///
    /// # Errors
    /// `storage_unavailable` when a block must be reserved and cannot be.
    pub async fn ready(&self) -> Result<(), Error> {
        if self.budget().left > 0 {
            return Ok(());
        }
        let term = self.reserve().await?;
        let mut budget = self.budget();
        if budget.term == term {
            budget.left += 1;
        }
        Ok(())
    }

    /// Opens what was sealed for the place that `context` names, with the terms known to this process.
    ///
    /// # Errors
    /// `seal_refused` when it does not open here. Record [`valetkey_domain::event::EventKind::SealRefused`].
    pub fn open(&self, context: &SealContext<'_>, sealed: &SealedBlob) -> Result<Zeroizing<Vec<u8>>, Error> {
        Ok(self.ring.open(context, sealed)?)
    }

    /// Like [`VaultKeeper::open`], but reads the terms again when another process has sealed in one that is new here.
    ///
    /// # Errors
    /// As [`VaultKeeper::open`], or what storage says.
    pub async fn open_latest(
        &self,
        context: &SealContext<'_>,
        sealed: &SealedBlob,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self.ring.open(context, sealed) {
            Err(OpenError::UnknownTerm { .. }) => {
                self.load().await?;
                Ok(self.ring.open(context, sealed)?)
            }
            opened => Ok(opened?),
        }
    }

    /// The limits it works under.
    #[must_use]
    pub fn limits(&self) -> SealLimits {
        self.limits
    }

    /// What the keyring has done so far.
    #[must_use]
    pub fn stats(&self) -> KeyringStats {
        let reserved = self.budget().reserved;
        KeyringStats {
            active_term: self.ring.active().unwrap_or(0),
            terms: self.ring.len(),
            seals: self.seals.load(Ordering::Relaxed),
            reserved,
            limit_per_term: self.limits.per_term,
        }
    }
}

#[async_trait]
impl Sealer for VaultKeeper {
    async fn seal(&self, context: SealContext<'_>, clear: &[u8]) -> Result<SealedBlob, Error> {
        Self::seal(self, &context, clear).await
    }

    async fn open(&self, context: SealContext<'_>, sealed: &SealedBlob) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.open_latest(&context, sealed).await
    }

    async fn ready(&self) -> Result<(), Error> {
        Self::ready(self).await
    }

    fn keeper(&self) -> Option<&VaultKeeper> {
        Some(self)
    }
}

impl std::fmt::Debug for VaultKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultKeeper").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
