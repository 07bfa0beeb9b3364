//! The same for many accounts: renew, make links, disconnect, delete.
//!
//! Every account goes through the use case that it would go through alone, so that nothing holds for many that does not
//! hold for one. The work runs on in this process without its caller, a few accounts at a time, and can be watched and
//! stopped. What it did is in the history of each account and in the audit log; how far it got is forgotten with the
//! process.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::Semaphore;
use valetkey_domain::{
    AccountId, Caller, Error, ErrorCode, PageRequest, Permission, Time,
    entropy::random_bytes,
    page::{Cursor, MAX_PAGE_SIZE},
    store::AccountFilter,
};

use crate::{AccountRef, AccountView, End, Engine, LinkOptions, Siblings};

/// How many accounts one piece of work takes on.
pub const MAX_BULK: u32 = 10_000;
/// How many accounts are worked on at the same time, by all of them together.
const AT_ONCE: usize = 4;
/// How many pieces of work are remembered.
const REMEMBERED: usize = 50;
/// How many failures are told one by one.
const TOLD: usize = 200;
/// How many accounts are named before it begins.
const NAMED: u32 = 10;

/// What is done with each account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAction {
    /// The credential is renewed now.
    Refresh,
    /// A new authorization link is made.
    Link,
    /// The account is disconnected.
    Disconnect,
    /// The account is deleted.
    Delete,
}

impl BulkAction {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Refresh, Self::Link, Self::Disconnect, Self::Delete];

    /// The name in addresses and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Link => "link",
            Self::Disconnect => "disconnect",
            Self::Delete => "delete",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }

    /// What a caller must be allowed to do.
    #[must_use]
    pub const fn permission(self) -> Permission {
        match self {
            Self::Refresh => Permission::AccountsWrite,
            Self::Link => Permission::AccountsAccess,
            Self::Disconnect | Self::Delete => Permission::AccountsRevoke,
        }
    }
}

/// Which accounts.
#[derive(Debug, Clone)]
pub enum BulkChoice {
    /// These.
    Accounts(Vec<AccountId>),
    /// All that fit, on connections of these names (none: of any).
    Fitting {
        /// The names or ids of connections.
        connections: Vec<String>,
        /// What they must be like.
        filter: Box<AccountFilter>,
    },
}

/// What a piece of work would hit.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkPreview {
    /// How many accounts; never more than [`MAX_BULK`].
    pub total: u64,
    /// Whether there are more, which it would leave alone.
    pub more: bool,
    /// Some of them, the newest.
    pub named: Vec<AccountView>,
}

/// What did not work for one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkFailure {
    /// The account.
    pub account: AccountId,
    /// Its identifier, if it was found.
    pub identifier: String,
    /// The code of the error.
    pub code: ErrorCode,
    /// Its message.
    pub message: String,
}

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkView {
    /// Its id.
    pub id: String,
    /// What is done.
    pub action: BulkAction,
    /// How many accounts there were when it began.
    pub total: u64,
    /// How many of them it worked for.
    pub done: u64,
    /// How many of them it did not work for.
    pub failed: u64,
    /// The first failures.
    pub failures: Vec<BulkFailure>,
    /// The links that were made, with the accounts they are for. Secrets.
    pub links: Vec<(AccountView, String)>,
    /// When it began.
    pub began_at: Time,
    /// When it ended; `None` while it is under way.
    pub ended_at: Option<Time>,
    /// Whether it was told to stop before its end.
    pub stopped: bool,
}

/// One piece of work.
struct Work {
    actor: String,
    view: Mutex<BulkView>,
    stop: AtomicBool,
}

impl Work {
    fn change(&self, change: impl FnOnce(&mut BulkView)) {
        change(&mut self.view.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The pieces of work of this process, the newest first.
pub(crate) struct Bulks {
    works: Mutex<VecDeque<Arc<Work>>>,
    turns: Semaphore,
}

impl Default for Bulks {
    fn default() -> Self {
        Self { works: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Bulks {
    fn remember(&self, work: Arc<Work>) {
        let mut works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        works.push_front(work);
        works.truncate(REMEMBERED);
    }

    /// The work of this id, for whoever began it: it may hold links.
    fn find(&self, caller: &Caller, id: &str) -> Option<Arc<Work>> {
        let works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        let found = works.iter().find(|work| {
            work.actor == caller.actor() && work.view.lock().unwrap_or_else(PoisonError::into_inner).id == id
        });
        found.cloned()
    }
}

impl Engine {
    /// Says what a piece of work would hit. Needs what the action needs, and `connected_accounts:read`.
    ///
    /// # Errors
    /// `permission_denied`; `account_not_found` if one of the accounts named is unknown.
    pub async fn preview_bulk(
        &self,
        caller: &Caller,
        action: BulkAction,
        choice: &BulkChoice,
    ) -> Result<BulkPreview, Error> {
        caller.require(action.permission())?;
        match choice {
            BulkChoice::Accounts(ids) => {
                let mut named = Vec::new();
                for id in ids {
                    let view = self.find_account(caller, &AccountRef::id(id.as_str())).await?;
                    if named.len() < NAMED as usize {
                        named.push(view);
                    }
                }
                Ok(BulkPreview { total: ids.len() as u64, more: false, named })
            }
            BulkChoice::Fitting { connections, filter } => {
                let page = PageRequest { size: NAMED, cursor: None };
                let filter = AccountFilter { count_at_most: Some(MAX_BULK + 1), ..(**filter).clone() };
                let found = self.list_accounts(caller, connections, filter, &page).await?;
                let limit = u64::from(MAX_BULK);
                Ok(BulkPreview {
                    total: found.total.min(limit),
                    more: found.total > limit,
                    named: found.items,
                })
            }
        }
    }

    /// Begins a piece of work and gives how it stands at once. `siblings` says what shall become of accounts that a
    /// revocation would end too. The audit log has it before anything is done. Needs what the action needs.
    ///
    /// # Errors
    /// As [`Engine::preview_bulk`]; `storage_unavailable`.
    pub async fn start_bulk(
        &self,
        caller: &Caller,
        action: BulkAction,
        choice: BulkChoice,
        siblings: Siblings,
    ) -> Result<BulkView, Error> {
        let preview = self.preview_bulk(caller, action, &choice).await?;
        let id: String =
            random_bytes::<12>(&*self.0.entropy).iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = self.audit_entry(caller, &format!("accounts.bulk_{}", action.as_str()), Some(&id));
        let entry = entry.data(json!({ "accounts": preview.total, "chosen": words(&choice) }));
        self.commit(valetkey_domain::Change::from(entry)).await?;
        let view = BulkView {
            id,
            action,
            total: preview.total,
            done: 0,
            failed: 0,
            failures: Vec::new(),
            links: Vec::new(),
            began_at: self.now(),
            ended_at: None,
            stopped: false,
        };
        let work = Arc::new(Work {
            actor: caller.actor(),
            view: Mutex::new(view.clone()),
            stop: AtomicBool::new(false),
        });
        self.0.bulks.remember(Arc::clone(&work));
        let (engine, caller) = (self.clone(), caller.clone());
        self.0.tasks.spawn(async move {
            let outcome = engine.work_through(&caller, &work, action, choice, siblings).await;
            let ended_at = engine.now();
            work.change(|view| {
                view.ended_at = Some(ended_at);
                view.stopped = work.stop.load(Ordering::Relaxed) || engine.0.tasks.is_closed();
                if let Err(error) = outcome {
                    view.stopped = true;
                    tracing::error!(%error, work = view.id, "work on many accounts broke off");
                }
            });
        });
        Ok(view)
    }

    /// How far a piece of work of the caller is; `None` if there is none of this id, or it has been forgotten.
    #[must_use]
    pub fn bulk(&self, caller: &Caller, id: &str) -> Option<BulkView> {
        let work = self.0.bulks.find(caller, id)?;
        let view = work.view.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(view)
    }

    /// Has a piece of work of the caller end after the accounts that it is at. Nothing if there is none of this id.
    pub fn stop_bulk(&self, caller: &Caller, id: &str) {
        if let Some(work) = self.0.bulks.find(caller, id) {
            work.stop.store(true, Ordering::Relaxed);
        }
    }

    async fn work_through(
        &self,
        caller: &Caller,
        work: &Arc<Work>,
        action: BulkAction,
        choice: BulkChoice,
        siblings: Siblings,
    ) -> Result<(), Error> {
        match choice {
            BulkChoice::Accounts(ids) => self.work_on(caller, work, action, siblings, ids).await,
            BulkChoice::Fitting { connections, filter } => {
                // Along the ids from the newest on: what an account turns into does not move the place in the list.
                let filter = AccountFilter { count_at_most: Some(0), ..*filter };
                let mut cursor = None;
                let mut left = MAX_BULK;
                while left > 0 && !self.must_stop(work) {
                    let page = PageRequest { size: MAX_PAGE_SIZE.min(left), cursor: cursor.take() };
                    let found = self.list_accounts(caller, &connections, filter.clone(), &page).await?;
                    let ids: Vec<_> = found.items.into_iter().map(|view| view.account.id).collect();
                    left = left.saturating_sub(u32::try_from(ids.len()).unwrap_or(u32::MAX));
                    self.work_on(caller, work, action, siblings, ids).await?;
                    match found.next {
                        Some(next) => cursor = Some(Cursor::After(next)),
                        None => break,
                    }
                }
                Ok(())
            }
        }
    }

    fn must_stop(&self, work: &Work) -> bool {
        work.stop.load(Ordering::Relaxed) || self.0.tasks.is_closed()
    }

    async fn work_on(
        &self,
        caller: &Caller,
        work: &Arc<Work>,
        action: BulkAction,
        siblings: Siblings,
        ids: Vec<AccountId>,
    ) -> Result<(), Error> {
        let each = |id: AccountId| async move {
            // Closed only when the process ends.
            let Ok(_turn) = self.0.bulks.turns.acquire().await else { return };
            if !self.must_stop(work) {
                let outcome = self.work_on_one(caller, action, siblings, &id).await;
                self.note(work, id, outcome).await;
            }
        };
        stream::iter(ids).for_each_concurrent(AT_ONCE, each).await;
        Ok(())
    }

    async fn work_on_one(
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
            BulkAction::Delete => {
                self.end_account(caller, &account, End::Delete, siblings).await.map(|_| None)
            }
        }
    }

    async fn note(
        &self,
        work: &Work,
        account: AccountId,
        outcome: Result<Option<(AccountView, String)>, Error>,
    ) {
        let failure = match outcome {
            Ok(link) => {
                work.change(|view| {
                    view.done += 1;
                    view.links.extend(link);
                });
                return;
            }
            Err(error) => error,
        };
        let stored = self.0.store.account(&account).await.ok().flatten();
        let identifier = stored.map(|account| account.identifier).unwrap_or_default();
        work.change(|view| {
            view.failed += 1;
            if view.failures.len() < TOLD {
                let (code, message) = (failure.code(), failure.details().message.clone());
                view.failures.push(BulkFailure { account, identifier, code, message });
            }
        });
    }
}

/// Which accounts were chosen, for the audit log.
fn words(choice: &BulkChoice) -> serde_json::Value {
    match choice {
        BulkChoice::Accounts(ids) => json!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>()),
        BulkChoice::Fitting { connections, filter } => json!({
            "connections": connections,
            "status": filter.status.map(|status| status.as_str()),
            "connector": filter.connector,
            "organization_id": filter.organization_id,
            "identifier": filter.identifier,
            "query": filter.query,
            "degraded": filter.degraded.then_some(true),
        }),
    }
}
