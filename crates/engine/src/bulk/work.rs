//! How work on many accounts goes on: a note in the database of what was done and of which accounts come next, then these
//! accounts, until there are no more.
//!
//! The note is also the lease: it says which process is at the work, and until when it is believed to be. Whoever finds
//! that this process is gone, or that the lease has run out, takes the work over by a note of its own, which is refused to
//! all but one (its version). A process that was only slow sees by the refusal that somebody else went on. The successor
//! begins with the accounts that were under way: what was done to some of them is done once more, which does no harm to any
//! of the actions, and each of them is counted once.

use std::pin::pin;

use futures::{StreamExt, stream};
use time::Duration;
use valetkey_domain::{
    AccountId, Caller, Change, Error, ErrorCode, PageRequest, StoreError, User,
    bulk::{BulkFailure, BulkProgress, BulkWork},
    page::Cursor,
};

use super::{AT_ONCE, BulkAction, MAX_BULK};
use crate::{AccountRef, AccountView, End, Engine, LinkOptions, Siblings, operators::DASHBOARD_CLIENT};

/// How long whoever works on it is believed to do so after the last note: after so long a process is succeeded even if
/// nobody knows that it died.
pub(super) const LEASE: Duration = Duration::seconds(30);
/// After how long another note is made while accounts are slow: well before the lease runs out. One that the database does
/// not take ends the work here, and it is taken over.
const AGAIN: Duration = Duration::seconds(10);
/// How often it is looked whether that time has come.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);
/// How many accounts are worked on between two notes.
const BETWEEN: u32 = 8;
/// How many failures are told one by one.
const TOLD: usize = 200;

/// What a note says of who is at the work from here on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    /// This process is.
    Here,
    /// Nobody is: whoever looks first may take it over.
    Free,
    /// Nobody is, since it has ended.
    Ended,
}

/// What one account brought.
type Outcome = (AccountId, Result<Option<(AccountView, String)>, Error>);

impl Engine {
    /// Goes on with work that this process holds, without anybody waiting for it.
    pub(super) fn go_on_with(&self, caller: Caller, work: BulkWork) {
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            let id = work.id.clone();
            if let Err(error) = engine.work_through(&caller, work).await {
                // Its lease runs out, and then it is taken over.
                tracing::warn!(%error, work = id, "work on many accounts was interrupted");
            }
        });
    }

    /// Takes over work whose process is gone; gives how much that was.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn take_over_bulks(&self, limit: u32) -> Result<usize, Error> {
        let left = self.0.store.left_bulks(self.now(), limit).await?;
        let found = left.len();
        for work in left {
            let Some(work) = self.noted(work, Note::Here).await? else { continue };
            let lost_links = work.plan.action == BulkAction::Link.as_str() && work.progress.done > 0;
            match self.caller_of(&work).await?.filter(|_| !lost_links) {
                Some(caller) => {
                    tracing::info!(work = work.id, "work on many accounts goes on here");
                    self.go_on_with(caller, work);
                }
                // Whoever began it may not do it any more; or links are lost, so that half of them would be a trap.
                None => drop(self.noted(broken_off(work), Note::Ended).await?),
            }
        }
        Ok(found)
    }

    /// Whoever began the work, with what they may do now.
    async fn caller_of(&self, work: &BulkWork) -> Result<Option<Caller>, Error> {
        let Some(id) = &work.user else { return Ok(None) };
        let user = self.0.store.user(id).await?.filter(|user| user.disabled_at.is_none());
        let Some(User { id, role, .. }) = user else { return Ok(None) };
        Ok(Some(Caller {
            environment: work.environment.clone(),
            client: DASHBOARD_CLIENT.parse().map_err(Error::internal)?,
            token: None,
            user: Some(id),
            request: None,
            bounds: None,
            permissions: role.permissions(),
        }))
    }

    async fn work_through(&self, caller: &Caller, mut work: BulkWork) -> Result<(), Error> {
        let Some(action) = BulkAction::parse(&work.plan.action) else {
            return self.noted(broken_off(work), Note::Ended).await.map(drop);
        };
        loop {
            if work.progress.stop {
                return self.noted(broken_off(work), Note::Ended).await.map(drop);
            }
            if self.0.tasks.is_closed() {
                // The process ends: somebody else goes on at once.
                return self.noted(work, Note::Free).await.map(drop);
            }
            if work.progress.under_way.is_empty() {
                work.progress.under_way = match self.next_accounts(caller, &work).await {
                    Ok(ids) if ids.is_empty() => return self.noted(work, Note::Ended).await.map(drop),
                    Ok(ids) => ids,
                    Err(error) if error.code() == ErrorCode::StorageUnavailable => return Err(error),
                    Err(error) => {
                        tracing::error!(%error, work = work.id, "work on many accounts broke off");
                        return self.noted(broken_off(work), Note::Ended).await.map(drop);
                    }
                };
                match self.noted(work, Note::Here).await? {
                    Some(noted) => work = noted,
                    None => return Ok(()),
                }
                // Somebody may have said meanwhile that it shall stop.
                continue;
            }
            let ids = work.progress.under_way.clone();
            let siblings = Siblings::parse(&work.plan.siblings).unwrap_or_default();
            let each = |id: AccountId| async move {
                // Closed only when the process ends.
                let Ok(_turn) = self.0.bulks.turns.acquire().await else { return None };
                let outcome = self.work_on(caller, action, siblings, &id).await;
                Some((id, outcome))
            };
            let working = stream::iter(ids).map(each).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
            let Some(outcomes) = self.noting_meanwhile(&mut work, working).await? else { return Ok(()) };
            for outcome in outcomes.into_iter().flatten() {
                self.count(&work.id, &mut work.progress, outcome).await;
            }
            work.progress.after = work.progress.under_way.pop();
            work.progress.under_way.clear();
        }
    }

    /// What `working` brings. Where that takes long, the lease is noted anew; `None` if somebody else has the work by then.
    async fn noting_meanwhile<T>(
        &self,
        work: &mut BulkWork,
        working: impl Future<Output = T>,
    ) -> Result<Option<T>, Error> {
        let mut working = pin!(working);
        loop {
            match tokio::time::timeout(LOOK, &mut working).await {
                Ok(brought) => return Ok(Some(brought)),
                Err(_) if self.now() < work.lease_until - LEASE + AGAIN => {}
                Err(_) => match self.noted(work.clone(), Note::Here).await? {
                    Some(noted) => *work = noted,
                    None => return Ok(None),
                },
            }
        }
    }

    /// The accounts that come next; none if there are no more.
    async fn next_accounts(&self, caller: &Caller, work: &BulkWork) -> Result<Vec<AccountId>, Error> {
        let (plan, progress) = (&work.plan, &work.progress);
        if let Some(ids) = &plan.accounts {
            let rest = ids.iter().filter(|id| progress.after.as_ref().is_none_or(|after| *id > after));
            return Ok(rest.take(BETWEEN as usize).cloned().collect());
        }
        let worked = u32::try_from(progress.done + progress.failed).unwrap_or(u32::MAX);
        let size = BETWEEN.min(MAX_BULK.saturating_sub(worked));
        if size == 0 {
            return Ok(Vec::new());
        }
        // Along the ids from the newest on: what an account turns into does not move the place in the list.
        let cursor = progress.after.as_ref().map(|after| Cursor::After(after.to_string()));
        let filter = valetkey_domain::store::AccountFilter { count_at_most: Some(0), ..plan.filter.clone() };
        let found =
            self.list_accounts(caller, &plan.connections, filter, &PageRequest { size, cursor }).await?;
        Ok(found.items.into_iter().map(|view| view.account.id).collect())
    }

    /// Notes how far it is; `None` if somebody else has taken the work over.
    async fn noted(&self, work: BulkWork, note: Note) -> Result<Option<BulkWork>, Error> {
        let before = (work.holder, work.lease_until);
        let (mut next, now, own) = (work, self.now(), self.join().await?.instance);
        next.holder = (note == Note::Here).then_some(own);
        next.lease_until = if note == Note::Here { now + LEASE } else { now };
        if note == Note::Ended {
            next.ended_at = Some(now);
            next.progress.under_way.clear();
        }
        loop {
            next.version += 1;
            match self.0.store.commit(Change::UpdateBulk(next.clone()).into()).await {
                Ok(()) => return Ok(Some(next)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            // Somebody said that it shall stop, which leaves the lease as it is; or it is theirs now.
            match self.0.store.bulk(&next.id).await? {
                Some(stored)
                    if (stored.holder, stored.lease_until) == before && stored.ended_at.is_none() =>
                {
                    next.progress.stop |= stored.progress.stop;
                    next.version = stored.version;
                }
                _ => return Ok(None),
            }
        }
    }

    async fn work_on(
        &self,
        caller: &Caller,
        action: BulkAction,
        siblings: Siblings,
        id: &AccountId,
    ) -> Result<Option<(AccountView, String)>, Error> {
        let account = AccountRef::id(id.as_str());
        match action {
            BulkAction::Refresh => self.refresh_account(caller, &account).await.map(|_| None),
            BulkAction::Link => {
                let link = self.authorization_link(caller, &account, LinkOptions::default()).await?;
                Ok(Some((link.account, link.url.to_string())))
            }
            BulkAction::Disconnect => {
                self.end_account(caller, &account, End::Disconnect, siblings).await.map(|_| None)
            }
            BulkAction::Delete => match self.end_account(caller, &account, End::Delete, siblings).await {
                // It is gone, which is what was asked for.
                Err(error) if error.code() == ErrorCode::AccountNotFound => Ok(None),
                outcome => outcome.map(|_| None),
            },
        }
    }

    async fn count(&self, work: &str, progress: &mut BulkProgress, (account, outcome): Outcome) {
        let failure = match outcome {
            Ok(link) => {
                progress.done += 1;
                if let Some(link) = link {
                    self.0.bulks.keep_link(work, link);
                }
                return;
            }
            Err(error) => error,
        };
        progress.failed += 1;
        if progress.failures.len() < TOLD {
            let stored = self.0.store.account(&account).await.ok().flatten();
            let identifier = stored.map(|account| account.identifier).unwrap_or_default();
            let (code, message) = (failure.code(), failure.details().message.clone());
            progress.failures.push(BulkFailure { account, identifier, code, message });
        }
    }
}

fn broken_off(mut work: BulkWork) -> BulkWork {
    work.progress.broken_off = true;
    work
}
