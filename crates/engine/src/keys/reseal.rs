//! Sealing anew: what is sealed in a term that a rotation has closed is sealed in the active one, a batch at a time.
//!
//! Nothing of it is remembered: it walks through the sealed records and skips what is good already, so that it goes on
//! after a crash where it was, and any number of processes may do it at once. Each secret is put back by
//! compare-and-swap: one that was replaced meanwhile stays as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use valetkey_domain::{
    Change, Changes, Error, ErrorCode, Store, Time,
    sealed::SealContext,
    store::{SealedPlace, SealedRecord},
};
use valetkey_vault::term_of;

use super::place::{SecretKind, context};
use crate::{
    Engine,
    keyring::{TermUse, VaultKeeper},
};

/// How many records are read, sealed and committed at once.
const BATCH: u32 = 200;
/// After a pass that found only secrets that do not open: they are looked at again, but not all the time.
const AFTER_FAILURES: Duration = Duration::from_secs(600);

/// How far sealing anew has come, as this process knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResealProgress {
    /// Whether it is at work.
    pub running: bool,
    /// Records looked at in the present or last pass.
    pub scanned: u64,
    /// Secrets sealed anew since the process began.
    pub resealed: u64,
    /// Secrets in the present or last pass that did not open and stay as they are.
    pub failed: u64,
    /// When the last pass ended.
    pub ended_at: Option<Time>,
}

/// What the passes of one process share.
#[derive(Default)]
pub(crate) struct Resealing {
    progress: Mutex<ResealProgress>,
    poke: Notify,
    /// One pass at a time.
    turn: tokio::sync::Mutex<Turn>,
}

/// When the next pass is due.
#[derive(Default)]
struct Turn {
    /// The terms that the last pass was about.
    terms: BTreeSet<u32>,
    /// Not before; none when there is nothing left to do for these terms.
    due: Option<Instant>,
}

impl Resealing {
    fn progress(&self) -> std::sync::MutexGuard<'_, ResealProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the background work: there is something to do.
    pub(super) fn poke(&self) {
        self.poke.notify_one();
    }

    pub(super) fn seen(&self) -> ResealProgress {
        *self.progress()
    }
}

/// What one pass has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pass {
    resealed: u64,
    failed: u64,
}

impl Engine {
    /// Keeps the keyring of this process up with the one in storage and seals anew what a rotation has left, until
    /// `stop`. Any number of processes may run it. It takes at most half of its time from the database.
    pub async fn keep_keys(&self, stop: CancellationToken) {
        let Ok(keeper) = self.keeper() else { return };
        let mut asked = true;
        loop {
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.reconcile_keys(asked) => round,
            };
            if let Err(error) = round {
                tracing::warn!(%error, "the keyring could not be kept up; it is tried again: {error}");
            }
            asked = tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.resealing.poke.notified() => true,
                () = tokio::time::sleep(keeper.limits().confirm) => false,
            };
        }
    }

    /// One round of [`Engine::keep_keys`]: looks at the terms and makes a pass if one is due. `asked` makes it due at
    /// once; otherwise a process that only hears of a rotation waits a moment, since another one is at work already.
    ///
    /// # Errors
    /// What storage says.
    pub async fn reconcile_keys(&self, asked: bool) -> Result<(), Error> {
        let keeper = self.keeper()?;
        let settle = keeper.limits().settle;
        let mut turn = self.0.resealing.turn.lock().await;
        let terms = keeper.terms().await?;
        let closed = terms.iter().filter(|term| term.used == TermUse::Closed).map(|term| term.term);
        let gone = keeper.gone();
        let leaving: BTreeSet<u32> = closed.chain(gone.iter().map(|(term, _)| *term)).collect();
        if leaving != turn.terms {
            let now = Instant::now();
            turn.due = (!leaving.is_empty()).then(|| if asked { now } else { now + settle });
            turn.terms = leaving.clone();
        } else if asked && !leaving.is_empty() {
            turn.due = Some(Instant::now());
        }
        while turn.due.is_some_and(|due| due <= Instant::now()) {
            // A pass counts as the last one only if nothing can have been sealed in these terms since it began.
            let rests = leaving.iter().map(|term| settle.saturating_sub(keeper.unused_for(*term)));
            let rest = rests.max().unwrap_or_default();
            let settled_at = Instant::now() + rest;
            let pass = self.pass(keeper, &leaving).await?;
            turn.due = match pass {
                Pass { resealed: 0, failed: 0 } => (rest > Duration::ZERO).then_some(settled_at),
                Pass { resealed: 0, .. } => Some(Instant::now() + AFTER_FAILURES),
                _ => Some(Instant::now()),
            };
        }
        if turn.due.is_none() {
            for (term, since) in gone.iter().filter(|(_, since)| *since >= settle) {
                tracing::info!(keyring.term = term, after_s = since.as_secs(), "term {term} was retired");
                keeper.forget(*term);
                turn.terms.remove(term);
            }
        }
        Ok(())
    }

    /// Walks through all sealed records once.
    async fn pass(&self, keeper: &VaultKeeper, leaving: &BTreeSet<u32>) -> Result<Pass, Error> {
        {
            let mut progress = self.0.resealing.progress();
            *progress = ResealProgress { running: true, scanned: 0, failed: 0, ..*progress };
        }
        let pass = self.walk(keeper, leaving).await;
        let mut progress = self.0.resealing.progress();
        progress.running = false;
        progress.ended_at = Some(self.now());
        if let Ok(pass) = &pass
            && pass.resealed + pass.failed > 0
        {
            tracing::info!(
                resealed = pass.resealed,
                failed = pass.failed,
                "secrets were sealed anew in the active term"
            );
        }
        pass
    }

    async fn walk(&self, keeper: &VaultKeeper, leaving: &BTreeSet<u32>) -> Result<Pass, Error> {
        let mut pass = Pass::default();
        let mut after = None;
        loop {
            let begun = Instant::now();
            let records = self.0.store.sealed_records(after.as_ref(), BATCH).await?;
            let Some(last) = records.last() else { return Ok(pass) };
            after = Some(last.place.clone());
            let mut changes = Changes::new();
            let mut failed = 0;
            for record in records.iter().filter(|record| is_in(record, leaving)) {
                match anew(keeper, record).await {
                    Ok(change) => changes = changes.and(change),
                    Err(error) if error.code() == ErrorCode::SealRefused => {
                        failed += 1;
                        tracing::error!(
                            alarm = "seal_refused",
                            place = ?record.place,
                            "a stored secret does not open and cannot be sealed anew"
                        );
                    }
                    Err(error) => return Err(error),
                }
            }
            let resealed = changes.0.len() as u64;
            if resealed > 0 {
                self.0.store.commit(changes).await?;
            }
            pass.resealed += resealed;
            pass.failed += failed;
            {
                let mut progress = self.0.resealing.progress();
                progress.scanned += records.len() as u64;
                progress.resealed += resealed;
                progress.failed += failed;
            }
            // Whoever calls meanwhile has the database at least half of the time.
            tokio::time::sleep(begun.elapsed()).await;
        }
    }
}

/// Whether the secret is sealed in one of these terms.
fn is_in(record: &SealedRecord, terms: &BTreeSet<u32>) -> bool {
    term_of(&record.sealed).is_ok_and(|term| terms.contains(&term))
}

/// The change that puts a secret back, sealed in the active term.
async fn anew(keeper: &VaultKeeper, record: &SealedRecord) -> Result<Change, Error> {
    let place: SealContext<'_> = context(record)
        .ok_or_else(|| Error::new(ErrorCode::SealRefused).because("the record does not say what it is of"))?;
    let clear = keeper.open_latest(&place, &record.sealed).await?;
    let to = keeper.seal(&place, &clear).await?;
    Ok(Change::Reseal { place: record.place.clone(), from: record.sealed.clone(), to })
}

/// How many secrets of each kind are sealed in each term. Walks through all of them.
pub(super) async fn census(store: &dyn Store) -> Result<BTreeMap<u32, BTreeMap<SecretKind, u64>>, Error> {
    let mut counted: BTreeMap<u32, BTreeMap<SecretKind, u64>> = BTreeMap::new();
    let mut after: Option<SealedPlace> = None;
    loop {
        let records = store.sealed_records(after.as_ref(), BATCH * 5).await?;
        let Some(last) = records.last() else { return Ok(counted) };
        after = Some(last.place.clone());
        for record in &records {
            // What is no sealed value at all belongs to no term; it is told when it is opened.
            let term = term_of(&record.sealed).unwrap_or(0);
            *counted.entry(term).or_default().entry(SecretKind::of(&record.place)).or_default() += 1;
        }
    }
}
