//! The terms in storage: which one is active, how one follows another, and how one ends.

use std::time::Duration;

use tokio::time::Instant;
use valetkey_domain::{Change, Changes, StoreError, Time, keys::KeyTerm};
use valetkey_vault::TermKey;

use super::{ATTEMPTS, Budget, KeyringError, VaultKeeper};

/// Set in the count of reserved seals of a term that a rotation has closed. It makes every reservation on the term
/// fail, also one of a process that has not heard of the rotation, and leaves the count itself readable. Far above
/// any limit of seals, and within what a signed 64-bit column holds.
const CLOSED: u64 = 1 << 62;

/// What a term is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermUse {
    /// Made ahead; nothing was sealed in it yet.
    Prepared,
    /// Seals.
    Active,
    /// Followed by another one when it had sealed as often as a term may. Opens what is sealed in it.
    Full,
    /// Left by a rotation: what is sealed in it is being sealed anew, then it can be retired.
    Closed,
}

impl TermUse {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "PREPARED",
            Self::Active => "ACTIVE",
            Self::Full => "FULL",
            Self::Closed => "CLOSED",
        }
    }
}

/// A term of the keyring, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its number.
    pub term: u32,
    /// What it is good for.
    pub used: TermUse,
    /// How many seals have been reserved on it; never fewer than were made.
    pub seals_reserved: u64,
    /// When it was added.
    pub created_at: Time,
}

/// How many seals are reserved on a term.
pub(super) fn reserved(stored: &KeyTerm) -> u64 {
    stored.seals_reserved & !CLOSED
}

fn closed(stored: &KeyTerm) -> bool {
    stored.seals_reserved & CLOSED != 0
}

/// The active term: the newest one with a reservation; without any, the oldest.
pub(super) fn active(terms: &[KeyTerm]) -> Option<&KeyTerm> {
    let used = terms.iter().filter(|stored| stored.seals_reserved > 0);
    used.max_by_key(|stored| stored.term).or_else(|| terms.iter().min_by_key(|stored| stored.term))
}

fn close(stored: &KeyTerm) -> Change {
    Change::ReserveSeals {
        term: stored.term,
        from: stored.seals_reserved,
        to: stored.seals_reserved | CLOSED,
    }
}

impl VaultKeeper {
    /// Reads the terms, takes in those that are new here and notes which are not used any more.
    pub(super) async fn load(&self) -> Result<Vec<KeyTerm>, KeyringError> {
        for _ in 0..ATTEMPTS {
            // What is known before the read and missing in it is gone, and not just newer than it.
            let known = self.ring.numbers();
            let terms = self.store.key_terms().await?;
            let mut opened = Vec::new();
            let mut rewraps = Changes::new();
            for stored in terms.iter().filter(|stored| !self.ring.has(stored.term)) {
                let (key, rewrap) = self.open_term(stored)?;
                opened.push((stored.term, key));
                rewraps = rewraps.and_maybe(rewrap);
            }
            if !rewraps.0.is_empty() {
                let count = rewraps.0.len();
                match self.store.commit(rewraps).await {
                    Ok(()) => tracing::info!(
                        terms = count,
                        "the keyring is wrapped under the new master key; previous_master_key is needed no longer"
                    ),
                    Err(StoreError::Conflict { .. }) => continue,
                    Err(failure) => return Err(failure.into()),
                }
            }
            for (term, key) in &opened {
                self.ring.add(*term, key);
            }
            self.note(&known, &terms);
            return Ok(terms);
        }
        Err(KeyringError::Contended)
    }

    /// The key of a term, and the change that wraps it anew if it is still wrapped under the previous master key.
    fn open_term(&self, stored: &KeyTerm) -> Result<(TermKey, Option<Change>), KeyringError> {
        if let Ok(key) = self.masters.current.unwrap(stored.term, &stored.sealed_key) {
            return Ok((key, None));
        }
        let previous = self.masters.previous.as_ref();
        let key = previous.and_then(|master| master.unwrap(stored.term, &stored.sealed_key).ok());
        let key = key.ok_or(KeyringError::WrongMasterKey { term: stored.term })?;
        let to = self.masters.current.wrap(stored.term, &key)?;
        let rewrap = Change::RewrapKeyTerm { term: stored.term, from: stored.sealed_key.clone(), to };
        Ok((key, Some(rewrap)))
    }

    /// Notes what the terms in storage say about the ones that are known here.
    fn note(&self, known: &[u32], terms: &[KeyTerm]) {
        let Some(active) = active(terms).map(|stored| stored.term) else { return };
        self.ring.activate(active);
        let now = Instant::now();
        let mut seen = self.seen();
        for stored in terms.iter().filter(|stored| stored.term < active) {
            seen.left.entry(stored.term).or_insert(now);
        }
        for term in known.iter().filter(|term| !terms.iter().any(|stored| stored.term == **term)) {
            seen.gone.entry(*term).or_insert(now);
            seen.left.remove(term);
        }
        drop(seen);
        let mut budget = self.budget();
        if budget.term < active {
            // Whatever is left of the block is not used any more.
            budget.left = 0;
        }
    }

    /// Gets a block of seals, on the next term if `active` has no more.
    pub(super) async fn next_block(&self, terms: &[KeyTerm], active: &KeyTerm) -> Result<(), KeyringError> {
        let block = self.limits.block;
        let prepared = terms.iter().filter(|stored| stored.term > active.term).min_by_key(|s| s.term);
        let (from, base) = match active.seals_reserved {
            used if used < self.limits.per_term => (active, used),
            _ => match prepared {
                Some(prepared) => (prepared, prepared.seals_reserved),
                None => {
                    let term = active.term.saturating_add(1);
                    if self.insert_term(term, block).await? {
                        tracing::info!(keyring.term = term, "the keyring goes on with term {term}");
                        self.grant(Budget::new(term, block, block));
                    }
                    return Ok(());
                }
            },
        };
        let to = base.saturating_add(block).min(self.limits.per_term);
        let change = Change::ReserveSeals { term: from.term, from: base, to };
        match self.store.commit(change.into()).await {
            Ok(()) => {
                self.ring.activate(from.term);
                self.grant(Budget::new(from.term, to - base, to));
                Ok(())
            }
            Err(StoreError::Conflict { .. }) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    fn new_term(&self, term: u32, reserved: u64) -> Result<(KeyTerm, TermKey), KeyringError> {
        let key = TermKey::generate()?;
        let sealed_key = self.masters.current.wrap(term, &key)?;
        Ok((KeyTerm { term, sealed_key, seals_reserved: reserved, created_at: self.clock.now() }, key))
    }

    /// Makes a term with `reserved` seals reserved for this process; false if another process was first.
    pub(super) async fn insert_term(&self, term: u32, reserved: u64) -> Result<bool, KeyringError> {
        let (stored, key) = self.new_term(term, reserved)?;
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

    /// The terms as storage has them now, by number.
    ///
    /// # Errors
    /// What storage says.
    pub async fn terms(&self) -> Result<Vec<Term>, KeyringError> {
        let terms = self.load().await?;
        let active = active(&terms).map_or(0, |stored| stored.term);
        let used = |stored: &KeyTerm| match stored.term {
            _ if closed(stored) => TermUse::Closed,
            term if term == active => TermUse::Active,
            term if term > active => TermUse::Prepared,
            _ => TermUse::Full,
        };
        let term = |stored: &KeyTerm| Term {
            term: stored.term,
            used: used(stored),
            seals_reserved: reserved(stored),
            created_at: stored.created_at,
        };
        Ok(terms.iter().map(term).collect())
    }

    /// Adds a term that does not seal yet; with what `also` says about it, in one commit. Gives its number.
    ///
    /// # Errors
    /// What storage says.
    pub async fn prepare(&self, also: impl Fn(u32) -> Changes) -> Result<u32, KeyringError> {
        let _one_at_a_time = self.reserving.lock().await;
        for _ in 0..ATTEMPTS {
            let terms = self.load().await?;
            let term = terms.iter().map(|stored| stored.term).max().unwrap_or(0).saturating_add(1);
            let (stored, key) = self.new_term(term, 0)?;
            match self.store.commit(Changes::from(Change::InsertKeyTerm(stored)).with(also(term))).await {
                Ok(()) => {
                    self.ring.add(term, &key);
                    return Ok(term);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(KeyringError::Contended)
    }

    /// Goes on with the next term, a prepared one if there is one, and closes all before it; with what `also` says
    /// about it, in one commit. Gives the number of the term that seals from now on.
    ///
    /// # Errors
    /// What storage says.
    pub async fn rotate(&self, also: impl Fn(u32) -> Changes) -> Result<u32, KeyringError> {
        let _one_at_a_time = self.reserving.lock().await;
        let block = self.limits.block;
        for _ in 0..ATTEMPTS {
            let terms = self.load().await?;
            let current = active(&terms).map_or(0, |stored| stored.term);
            let prepared = terms.iter().filter(|stored| stored.term > current).min_by_key(|s| s.term);
            let (term, key, first) = match prepared {
                Some(prepared) => {
                    let term = prepared.term;
                    (term, None, Change::ReserveSeals { term, from: prepared.seals_reserved, to: block })
                }
                None => {
                    let (stored, key) = self.new_term(current.saturating_add(1), block)?;
                    (stored.term, Some(key), Change::InsertKeyTerm(stored))
                }
            };
            let left = terms.iter().filter(|stored| stored.term <= current && !closed(stored));
            let changes = left.map(close).fold(Changes::from(first), Changes::and).with(also(term));
            match self.store.commit(changes).await {
                Ok(()) => {
                    if let Some(key) = key {
                        self.ring.add(term, &key);
                    }
                    self.ring.activate(term);
                    self.grant(Budget::new(term, block, block));
                    self.load().await?;
                    return Ok(term);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(KeyringError::Contended)
    }

    /// Removes a term, with what `also` says about it. The caller has made sure that nothing is sealed in it and that
    /// it is not the active one. False if it was used or removed meanwhile.
    ///
    /// # Errors
    /// What storage says.
    pub(crate) async fn remove(&self, term: u32, also: Changes) -> Result<bool, KeyringError> {
        let terms = self.load().await?;
        if active(&terms).is_some_and(|stored| stored.term == term) {
            return Ok(false);
        }
        let Some(stored) = terms.iter().find(|stored| stored.term == term) else { return Ok(false) };
        // The closing is what makes it a compare-and-swap: nobody can have begun to seal in it since.
        let changes = Changes::from(close(stored)).and(Change::DeleteKeyTerm { term }).with(also);
        match self.store.commit(changes).await {
            Ok(()) => {
                self.load().await?;
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(failure) => Err(failure.into()),
        }
    }

    /// For how long a term is known here not to be the active one any more, or not to be in storage.
    pub(crate) fn unused_for(&self, term: u32) -> Duration {
        let seen = self.seen();
        seen.gone.get(&term).or_else(|| seen.left.get(&term)).map(Instant::elapsed).unwrap_or_default()
    }

    /// Terms that are gone from storage and still in memory here, and for how long.
    pub(crate) fn gone(&self) -> Vec<(u32, Duration)> {
        self.seen().gone.iter().map(|(term, since)| (*term, since.elapsed())).collect()
    }

    /// Forgets the key of a term that is gone from storage.
    pub(crate) fn forget(&self, term: u32) {
        self.ring.remove(term);
        self.seen().gone.remove(&term);
    }
}
