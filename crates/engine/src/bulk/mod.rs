//! The same for many accounts: renew, make links, disconnect, delete.
//!
//! Every account goes through the use case that it would go through alone, so that nothing holds for many that does not
//! hold for one. The work runs on without its caller, a few accounts at a time, and can be watched and stopped from any
//! process. How far it is stands in the database: when its process ends, another one goes on with it (`work.rs`).

mod work;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::json;
use tokio::sync::Semaphore;
use valetkey_domain::{
    AccountId, Caller, Change, Changes, Error, PageRequest, Permission, StoreError, Time,
    bulk::{BulkPlan, BulkProgress, BulkWork},
    entropy::random_bytes,
    store::AccountFilter,
};

pub use valetkey_domain::bulk::BulkFailure;

use crate::{AccountRef, AccountView, Engine, Siblings};

/// How many accounts one piece of work takes on.
pub const MAX_BULK: u32 = 10_000;
/// How many accounts are worked on at the same time, by all of them together.
const AT_ONCE: usize = 4;
/// Of how many pieces of work the links are kept.
const REMEMBERED: usize = 50;
/// How many pieces of work are listed.
const LISTED: u32 = 50;
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

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkView {
    /// Its id.
    pub id: String,
    /// What is done; `None` if another version of the server began it and this one does not know it.
    pub action: Option<BulkAction>,
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
    /// Whether it ended before its end: it was told to, or could not go on.
    pub stopped: bool,
    /// Whether links were made that this process does not have: another one made them.
    pub links_elsewhere: bool,
}

/// Links, with the accounts they are for.
type Links = Vec<(AccountView, String)>;

/// What this process knows of work on many accounts beside the database.
pub(crate) struct Bulks {
    turns: Semaphore,
    /// The links that were made here, by the work; the newest first. They are secrets and are nowhere else.
    links: Mutex<VecDeque<(String, Links)>>,
}

impl Default for Bulks {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), links: Mutex::default() }
    }
}

impl Bulks {
    fn keep_link(&self, work: &str, link: (AccountView, String)) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        match links.iter_mut().find(|(id, _)| id == work) {
            Some((_, made)) => made.push(link),
            None => links.push_front((work.to_owned(), vec![link])),
        }
        links.truncate(REMEMBERED);
    }

    fn links(&self, work: &str) -> Links {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.iter().find(|(id, _)| id == work).map(|(_, made)| made.clone()).unwrap_or_default()
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
        let (now, holder) = (self.now(), self.join().await?.instance);
        let work = BulkWork {
            id,
            environment: caller.environment.clone(),
            actor: caller.actor(),
            user: caller.user.clone(),
            plan: plan(action, choice, siblings),
            progress: BulkProgress { total: preview.total, ..BulkProgress::default() },
            holder: Some(holder),
            lease_until: now + work::LEASE,
            version: 1,
            began_at: now,
            ended_at: None,
        };
        self.commit(Changes::from(Change::InsertBulk(work.clone())).and(entry.into())).await?;
        let view = self.bulk_view(work.clone());
        self.go_on_with(caller.clone(), work);
        Ok(view)
    }

    /// How far a piece of work of the caller is, whichever process is at it; `None` if there is none of this id, or it
    /// has been removed.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn bulk(&self, caller: &Caller, id: &str) -> Result<Option<BulkView>, Error> {
        Ok(self.own_bulk(caller, id).await?.map(|work| self.bulk_view(work)))
    }

    /// The work that the caller began, the newest first.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn bulks(&self, caller: &Caller) -> Result<Vec<BulkView>, Error> {
        let works = self.0.store.bulks_of(&caller.environment, &caller.actor(), LISTED).await?;
        Ok(works.into_iter().map(|work| self.bulk_view(work)).collect())
    }

    /// Has a piece of work of the caller end after the accounts that it is at, in whichever process. Nothing if there is
    /// none of this id.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn stop_bulk(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        loop {
            let Some(work) = self.own_bulk(caller, id).await? else { return Ok(()) };
            if work.ended_at.is_some() || work.progress.stop {
                return Ok(());
            }
            let progress = BulkProgress { stop: true, ..work.progress };
            let work = BulkWork { progress, version: work.version + 1, ..work };
            match self.0.store.commit(Change::UpdateBulk(work).into()).await {
                // It got further meanwhile.
                Err(StoreError::Conflict { .. }) => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    /// Work may hold links: it is shown to whoever began it.
    async fn own_bulk(&self, caller: &Caller, id: &str) -> Result<Option<BulkWork>, Error> {
        let found = self.0.store.bulk_in(&caller.environment, id).await?;
        Ok(found.filter(|work| work.actor == caller.actor()))
    }

    fn bulk_view(&self, work: BulkWork) -> BulkView {
        let links = self.0.bulks.links(&work.id);
        let action = BulkAction::parse(&work.plan.action);
        BulkView {
            links_elsewhere: action == Some(BulkAction::Link) && work.progress.done > links.len() as u64,
            id: work.id,
            action,
            total: work.progress.total,
            done: work.progress.done,
            failed: work.progress.failed,
            failures: work.progress.failures,
            links,
            began_at: work.began_at,
            ended_at: work.ended_at,
            stopped: work.progress.broken_off,
        }
    }
}

fn plan(action: BulkAction, choice: BulkChoice, siblings: Siblings) -> BulkPlan {
    let (accounts, connections, filter) = match choice {
        BulkChoice::Accounts(mut ids) => {
            ids.sort();
            ids.dedup();
            (Some(ids), Vec::new(), AccountFilter::default())
        }
        BulkChoice::Fitting { connections, filter } => (None, connections, *filter),
    };
    let (action, siblings) = (action.as_str().to_owned(), siblings.as_str().to_owned());
    BulkPlan { action, siblings, accounts, connections, filter }
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
