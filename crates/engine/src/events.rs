//! The history of accounts and connections.

use valetkey_domain::{Caller, Error, Event, Page, PageRequest, Permission, store::EventFilter};

use crate::Engine;

impl Engine {
    /// Events of the caller's environment, newest first. Needs `connected_accounts:read`, and `connections:read`
    /// too unless the filter names an account.
    ///
    /// # Errors
    /// `permission_denied`. Ids that are not the caller's match nothing; the history of a deleted account or
    /// connection stays readable.
    pub async fn list_events(
        &self,
        caller: &Caller,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, Error> {
        caller.require(Permission::AccountsRead)?;
        if filter.account.is_none() {
            caller.require(Permission::ConnectionsRead)?;
        }
        Ok(self.0.store.events(&caller.environment, filter, page).await?)
    }
}
