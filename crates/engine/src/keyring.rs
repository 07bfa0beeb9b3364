//! The vault's keyring over storage: loads the terms at start, bounds how often each one seals, adds the next one.
//!
//! NIST SP 800-38D §8.3 bounds how many messages one AES-GCM key may encrypt under random nonces. A count kept in
//! memory would be forgotten by a crash and not be shared by processes, so seals are *reserved* in storage, a block
//! at a time, before the first of them is made. A crash wastes the rest of a block and never exceeds the bound.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use valetkey_domain::{
    Change, Clock, Error, SealedBlob, Store, StoreError, keys::KeyTerm, sealed::SealContext,
};
use valetkey_vault::{Keyring, MasterKey, OpenError, TermKey};
use zeroize::Zeroizing;

use crate::Sealer;

/// How often a term may seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealLimits {
    /// Seals per term, after which the next term is made. NIST allows 2³² with random nonces.
    pub per_term: u64,
    /// How many seals are reserved at once: one durable write per so many seals.
    pub block: u64,
}

impl Default for SealLimits {
    fn default() -> Self {
        Self { per_term: 1 << 31, block: 1 << 16 }
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
         database was made with. Nothing was changed. Set `master_key` (or `master_key_file`) to the original key"
    )]
    WrongMasterKey {
        /// The first term that does not open.
        term: u32,
    },
    /// A limit is zero, or a block is larger than a term.
    #[error("a keyring needs at least one seal per block and blocks no larger than a term")]
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
}

/// Seals and opens for the engine.
pub struct VaultKeeper {
    store: Arc<dyn Store>,
    master: MasterKey,
    clock: Arc<dyn Clock>,
    limits: SealLimits,
    ring: Keyring,
    budget: Mutex<Budget>,
    /// Held while a block is being reserved, so that one task does it and the others wait.
    reserving: tokio::sync::Mutex<()>,
    seals: AtomicU64,
}

/// How often a conflict with another process is answered by reading again. Each conflict means that another one
/// succeeded, so this many in a row mean something is broken.
const ATTEMPTS: usize = 100;

impl VaultKeeper {
    /// Loads the keyring. An empty database gets term 1; the terms of any other must all open.
    ///
    /// # Errors
    /// [`KeyringError::WrongMasterKey`] if a term does not open (S34: nothing was written), or what storage says.
    pub async fn start(
        store: Arc<dyn Store>,
        master: MasterKey,
        clock: Arc<dyn Clock>,
        limits: SealLimits,
    ) -> Result<Self, KeyringError> {
        if limits.block == 0 || limits.block > limits.per_term {
            return Err(KeyringError::Limits);
        }
        let keeper = Self {
            store,
            master,
            clock,
            limits,
            ring: Keyring::new(),
            budget: Mutex::new(Budget { term: 0, left: 0, reserved: 0 }),
            reserving: tokio::sync::Mutex::new(()),
            seals: AtomicU64::new(0),
        };
        for _ in 0..ATTEMPTS {
            if let Some(newest) = keeper.load().await? {
                keeper.grant(Budget { term: newest.term, left: 0, reserved: newest.seals_reserved });
                return Ok(keeper);
            }
            if keeper.add_term(1, 0).await? {
                keeper.grant(Budget { term: 1, left: 0, reserved: 0 });
                return Ok(keeper);
            }
        }
        Err(KeyringError::Contended)
    }

    /// Reads the terms, adds the ones that are new here and activates the newest. Gives the newest.
    async fn load(&self) -> Result<Option<KeyTerm>, KeyringError> {
        let terms = self.store.key_terms().await?;
        for stored in &terms {
            if !self.ring.has(stored.term) {
                let key = self
                    .master
                    .unwrap(stored.term, &stored.sealed_key)
                    .map_err(|_| KeyringError::WrongMasterKey { term: stored.term })?;
                self.ring.add(stored.term, &key);
            }
        }
        let newest = terms.into_iter().max_by_key(|stored| stored.term);
        if let Some(newest) = &newest {
            self.ring.activate(newest.term);
        }
        Ok(newest)
    }

    /// Makes a term with `reserved` seals reserved for this process; false if another process was first.
    async fn add_term(&self, term: u32, reserved: u64) -> Result<bool, KeyringError> {
        let key = TermKey::generate()?;
        let stored = KeyTerm {
            term,
            sealed_key: self.master.wrap(term, &key)?,
            seals_reserved: reserved,
            created_at: self.clock.now(),
        };
        match self.store.commit(Change::InsertKeyTerm(stored).into()).await {
            Ok(()) => {
                // Only now: what is sealed in a term that was not stored could never be opened again.
                self.ring.add(term, &key);
                self.ring.activate(term);
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    fn budget(&self) -> std::sync::MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grant(&self, granted: Budget) {
        *self.budget() = granted;
    }

    /// One seal out of the reserved block: the term to make it in.
    fn take(&self) -> Option<u32> {
        let mut budget = self.budget();
        budget.left = budget.left.checked_sub(1)?;
        Some(budget.term)
    }

    async fn reserve(&self) -> Result<u32, KeyringError> {
        let _one_at_a_time = self.reserving.lock().await;
        for _ in 0..ATTEMPTS {
            if let Some(term) = self.take() {
                return Ok(term);
            }
            let Some(newest) = self.load().await? else {
                self.add_term(1, 0).await?;
                continue;
            };
            let from = newest.seals_reserved;
            if from >= self.limits.per_term {
                let term = newest.term.saturating_add(1);
                if self.add_term(term, self.limits.block).await? {
                    tracing::info!(keyring.term = term, "the keyring goes on with term {term}");
                    self.grant(Budget { term, left: self.limits.block, reserved: self.limits.block });
                }
                continue;
            }
            let to = from.saturating_add(self.limits.block).min(self.limits.per_term);
            let change = Change::ReserveSeals { term: newest.term, from, to };
            match self.store.commit(change.into()).await {
                Ok(()) => self.grant(Budget { term: newest.term, left: to - from, reserved: to }),
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
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
}

impl std::fmt::Debug for VaultKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultKeeper").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
