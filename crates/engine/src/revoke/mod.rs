//! Ending a connected account: here at once, at the provider as far as that lets us.
//!
//! The end here comes first and in one commit: status, erased credential, and the sealed copy that the revocation
//! needs. Then the provider is asked, by the same function that tries again later. A crash in between loses neither the
//! end nor the revocation.

mod provider;
mod reach;
mod receipt;
mod retry;

use std::time::Duration as StdDuration;

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, AuthType, Caller, Change, Changes, Connection, Error, ErrorCode,
    PendingRevocation, Permission, RevocationId, StoreError,
    event::{EventKind, NewEvent},
    revocation::RevocationOutcome,
};

pub use self::{reach::EndPreview, receipt::Receipt, retry::PendingView};
use crate::{AccountRef, AccountView, Engine};

/// How often the end is tried when other writers are at the account too.
const WRITE_ROUNDS: u32 = 8;
/// How long the end waits for a refresh that is under way.
const LONGEST_WAIT: StdDuration = StdDuration::from_secs(10);
/// When the background looks after a revocation whose first try did not come to its end, because the process died.
const FIRST_LOOK: Duration = Duration::minutes(1);
/// How long a revocation is tried (S13). Then the sealed copy of the credential goes too (S37).
const GIVE_UP_AFTER: Duration = Duration::hours(24);

/// How an account ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It stays, `DISCONNECTED`, with its history.
    Disconnect,
    /// It is deleted; its events and executions stay.
    Delete,
}

/// What shall become of other accounts that the revocation at the provider would end too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Siblings {
    /// Refuse and name them.
    #[default]
    Ask,
    /// Revoke, and disconnect them as well.
    Revoke,
    /// Leave the grant alive at the provider.
    Keep,
}

impl Siblings {
    /// The name on the wire; that of [`Siblings::Ask`] is never sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Revoke => "revoke",
            Self::Keep => "keep",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "revoke" => Some(Self::Revoke),
            "keep" => Some(Self::Keep),
            _ => None,
        }
    }
}

/// An account that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The account: disconnected, or as it was before it was deleted.
    pub account: AccountView,
    /// What became of the grant at the provider; `None` if there was none, or if it had ended before.
    pub receipt: Option<Receipt>,
}

/// What is to be done about the grant.
enum Plan {
    /// Nothing is stored.
    Nothing,
    /// It stays as it is at the provider.
    Leave(Receipt),
    /// It is taken back, and these accounts end with it.
    Revoke { pending: Box<PendingRevocation>, siblings: Vec<Account> },
}

impl Engine {
    /// Revokes the grant at the provider as far as that lets us, erases the credential and leaves the account
    /// `DISCONNECTED`. Needs `connected_accounts:revoke`. An account that is disconnected already stays so.
    ///
    /// # Errors
    /// As [`Engine::end_account`].
    pub async fn disconnect_account(
        &self,
        caller: &Caller,
        account: &AccountRef,
    ) -> Result<AccountView, Error> {
        Ok(self.end_account(caller, account, End::Disconnect, Siblings::Ask).await?.account)
    }

    /// Revokes the grant at the provider as far as that lets us, then deletes the account with its credential. Its
    /// events and executions stay. Needs `connected_accounts:revoke`.
    ///
    /// # Errors
    /// As [`Engine::end_account`].
    pub async fn delete_account(&self, caller: &Caller, account: &AccountRef) -> Result<(), Error> {
        self.end_account(caller, account, End::Delete, Siblings::Ask).await.map(drop)
    }

    /// Ends an account. Needs `connected_accounts:revoke`. What the provider says is a receipt, not an error: the
    /// account ends here in any case.
    ///
    /// # Errors
    /// `account_not_found`; `revocation_reaches_siblings` naming them, if the request does not say what shall become
    /// of them.
    pub async fn end_account(
        &self,
        caller: &Caller,
        account: &AccountRef,
        end: End,
        siblings: Siblings,
    ) -> Result<Ended, Error> {
        caller.require(Permission::AccountsRevoke)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        let (engine, caller) = (self.clone(), caller.clone());
        // A caller that hangs up must not leave it half done.
        let task = self
            .0
            .tasks
            .spawn(async move { engine.end_here(account, connection, caller, end, siblings).await });
        task.await.map_err(|failure| Error::internal(format!("ending an account: {failure}")))?
    }

    async fn end_here(
        &self,
        account: Account,
        connection: Connection,
        caller: Caller,
        end: End,
        siblings: Siblings,
    ) -> Result<Ended, Error> {
        let (id, actor) = (account.id.clone(), caller.actor());
        // The tokens of a refresh under way are the ones to revoke. One that takes too long finds the account gone and
        // gives back what it brings.
        let idle = self.0.calls.refreshes.idle(&id);
        let _too_slow = tokio::time::timeout(LONGEST_WAIT, idle).await;
        for _ in 0..WRITE_ROUNDS {
            let Some(account) = self.0.store.account(&id).await? else {
                return match end {
                    End::Delete => {
                        Ok(Ended { account: self.account_view(account, &connection), receipt: None })
                    }
                    End::Disconnect => Err(Error::new(ErrorCode::AccountNotFound)),
                };
            };
            if end == End::Disconnect && account.status() == AccountStatus::Disconnected {
                return Ok(Ended { account: self.account_view(account, &connection), receipt: None });
            }
            let plan = self.plan(&account, &connection, siblings).await?;
            let mut changes = self.taken_back(&plan, &account, &actor)?;
            if let Plan::Leave(receipt) = &plan {
                let event = NewEvent::of_account(&account, EventKind::RevocationReceipt).by(&actor);
                changes = changes.and(self.event(receipt.in_event(event)));
            }
            let (changes, ended) = self.local_end(changes, account, &actor, end)?;
            let action = match end {
                End::Disconnect => "account.disconnected",
                End::Delete => "account.deleted",
            };
            let entry = self.audit_entry(&caller, action, Some(id.as_str()));
            let entry = entry.data(json!({ "identifier": ended.identifier, "connection": connection.name }));
            match self.0.store.commit(changes.and(entry.into())).await {
                Ok(()) => {}
                Err(StoreError::Conflict { .. }) => continue,
                Err(failure) => return Err(failure.into()),
            }
            let receipt = match plan {
                Plan::Nothing => None,
                Plan::Leave(receipt) => Some(receipt),
                Plan::Revoke { pending, .. } => Some(self.try_revocation(*pending, &actor).await?),
            };
            return Ok(Ended { account: self.account_view(ended, &connection), receipt });
        }
        Err(Error::new(ErrorCode::Conflict).account(&id))
    }

    async fn plan(
        &self,
        account: &Account,
        connection: &Connection,
        siblings: Siblings,
    ) -> Result<Plan, Error> {
        let Some(stored) = self.0.store.credential(&account.id).await? else { return Ok(Plan::Nothing) };
        if !matches!(account.auth_type, AuthType::OAuth | AuthType::ClientCredentials) {
            let receipt = Receipt::new(RevocationOutcome::NotOffered)
                .detail("Only its owner can take back a credential of this kind, at the provider.");
            return Ok(Plan::Leave(receipt.label(account)));
        }
        let reached = self.siblings(account, connection).await?;
        if !reached.is_empty() {
            match siblings {
                Siblings::Ask => return Err(self.reaches(account, connection, &reached).await?),
                Siblings::Keep => return Ok(Plan::Leave(reach::kept(account, &reached))),
                Siblings::Revoke => {}
            }
        }
        let now = self.now();
        let pending = PendingRevocation {
            id: RevocationId::new(&*self.0.clock, &*self.0.entropy),
            environment: account.environment.clone(),
            account: account.id.clone(),
            connection: account.connection.clone(),
            identifier: account.identifier.clone(),
            metadata: account.metadata.clone(),
            generation: stored.generation,
            sealed: stored.sealed,
            attempts: 0,
            last_code: None,
            next_at: now + FIRST_LOOK,
            give_up_at: now + GIVE_UP_AFTER,
            created_at: now,
        };
        Ok(Plan::Revoke { pending: Box::new(pending), siblings: reached })
    }

    /// The sealed copy to revoke with, and the end of the accounts that go along.
    fn taken_back(&self, plan: &Plan, account: &Account, actor: &str) -> Result<Changes, Error> {
        let Plan::Revoke { pending, siblings } = plan else { return Ok(Changes::new()) };
        let mut changes = Changes::from(Change::InsertRevocation((**pending).clone()));
        for sibling in siblings {
            let mut transition = sibling.clone().disconnect(self.now())?;
            transition.event.data["because_of"] = json!(account.id.as_str());
            transition.account.version += 1;
            changes = changes
                .and(Change::EraseCredentials(sibling.id.clone()))
                .and(Change::UpdateAccount(transition.account))
                .and(self.event(transition.event.by(actor)));
        }
        Ok(changes)
    }

    fn local_end(
        &self,
        changes: Changes,
        account: Account,
        actor: &str,
        end: End,
    ) -> Result<(Changes, Account), Error> {
        match end {
            End::Disconnect => {
                let transition = account.disconnect(self.now())?;
                let mut ended = transition.account;
                ended.version += 1;
                let changes = changes
                    .and(Change::UpdateAccount(ended.clone()))
                    .and(Change::EraseCredentials(ended.id.clone()))
                    .and(self.event(transition.event.by(actor)));
                Ok((changes, ended))
            }
            End::Delete => {
                let event = NewEvent::of_account(&account, EventKind::AccountDeleted).by(actor).data(json!({
                    "identifier": account.identifier,
                    "account_name": account.name,
                    "label": account.label,
                    "status": account.status().as_str(),
                }));
                let changes = changes.and(Change::DeleteAccount(account.id.clone())).and(self.event(event));
                Ok((changes, account))
            }
        }
    }
}
