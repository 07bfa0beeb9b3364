//! A database that was restored or copied: what is held back because of it, and the operator's word that it goes on.

use valetkey_domain::{
    AccountStatus, Caller, Change, Changes, Error, PageRequest, Permission,
    event::{EventKind, NewEvent},
    page::{Cursor, MAX_PAGE_SIZE},
    refresh::Frozen,
    store::AccountFilter,
};

use crate::Engine;

/// The state of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// The mark of a restored or copied database.
    pub frozen: Option<Frozen>,
    /// How many active accounts, of all environments, are not renewed because of it.
    pub held_back: u64,
}

impl Engine {
    /// The state of the database. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn store_status(&self, caller: &Caller) -> Result<StoreStatus, Error> {
        caller.require(Permission::ServerManage)?;
        let frozen = self.0.store.frozen().await?;
        let held_back = match &frozen {
            Some(frozen) => self.count_frozen(frozen).await?,
            None => 0,
        };
        Ok(StoreStatus { frozen, held_back })
    }

    /// Takes the operator's word that no other server works on the original or a copy of this database: everything
    /// is renewed again. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`, `storage_unavailable`.
    pub async fn confirm_store(&self, caller: &Caller) -> Result<StoreStatus, Error> {
        caller.require(Permission::ServerManage)?;
        if let Some(frozen) = self.0.store.frozen().await? {
            let event = self.event(NewEvent {
                environment: self.default_environment().await?,
                account: None,
                connection: None,
                kind: EventKind::StoreThawed,
                actor: caller.actor(),
                code: None,
                data: serde_json::json!({"frozen_since": rfc3339(&frozen), "reason": frozen.reason}),
            });
            let entry = self.audit_entry(caller, "store.confirmed", None);
            self.commit(Changes::from(Change::Thaw).and(event).and(entry.into())).await?;
            tracing::warn!(actor = %caller.actor(), "it was confirmed that this database goes on: it is frozen no longer");
        }
        self.store_status(caller).await
    }

    /// Counts active accounts of providers whose refresh tokens work once, with a credential from before the mark.
    async fn count_frozen(&self, frozen: &Frozen) -> Result<u64, Error> {
        let rotating = self.0.connectors.iter().filter(|connector| {
            connector.auth.oauth().is_some_and(|profile| profile.refresh.rotation.single_use)
        });
        let rotating: Vec<_> = rotating.map(|connector| connector.slug.clone()).collect();
        let mut count = 0;
        for (environment, _) in self.0.store.environments().await? {
            for connector in &rotating {
                let filter = AccountFilter {
                    connector: Some(connector.clone()),
                    status: Some(AccountStatus::Active),
                    ..AccountFilter::default()
                };
                let mut page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
                loop {
                    let found = self.0.store.accounts(&environment, &filter, &page).await?;
                    for account in &found.items {
                        let stored = self.0.store.credential(&account.id).await?;
                        count += u64::from(stored.is_some_and(|stored| stored.created_at < frozen.since));
                    }
                    let Some(next) = found.next else { break };
                    page.cursor = Some(Cursor::After(next));
                }
            }
        }
        Ok(count)
    }
}

fn rfc3339(frozen: &Frozen) -> serde_json::Value {
    let text = frozen.since.format(&time::format_description::well_known::Rfc3339);
    text.map_or(serde_json::Value::Null, serde_json::Value::from)
}
