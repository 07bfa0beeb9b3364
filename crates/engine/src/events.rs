//! The history of accounts and connections.

use valetkey_domain::{Caller, Error, Event, Page, PageRequest, store::EventFilter};

use crate::Engine;

impl Engine {
    /// Events of the caller's environment, newest first. Needs `connected_accounts:read`, and `connections:read`
    /// too unless the filter names an account.
    ///
    /// # Errors
    /// `permission_denied`; `account_not_found` and `connection_not_found` for ids that are not the caller's.
    pub async fn list_events(
        &self,
        _caller: &Caller,
        _filter: &EventFilter,
        _page: &PageRequest,
    ) -> Result<Page<Event>, Error> {
        Err(Error::internal("not written yet"))
    }
}
