//! The history of accounts and connections.

use std::sync::{Mutex, PoisonError};

use ulid::Ulid;
use valetkey_domain::{
    Caller, Clock, Entropy, Error, Event, EventId, Page, PageRequest, Permission, entropy::random_bytes,
    store::EventFilter,
};

use crate::Engine;

/// Gives events ids in the order in which they happened. Ids made apart from each other sort at random within one
/// millisecond, and a single commit often tells of two or three things.
#[derive(Default)]
pub(crate) struct EventIds(Mutex<u128>);

impl EventIds {
    /// An id after every id given before, even if the clock stands still or was set back.
    pub(crate) fn next(&self, clock: &dyn Clock, entropy: &dyn Entropy) -> EventId {
        let millis = u64::try_from(clock.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        let fresh = Ulid::from_parts(millis, u128::from_be_bytes(random_bytes::<16>(entropy)));
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = match Ulid(*last).timestamp_ms() >= millis {
            true => Ulid(last.saturating_add(1)),
            false => fresh,
        };
        *last = id.0;
        let text = format!("{}{}", EventId::PREFIX, id.to_string().to_ascii_lowercase());
        // What is made of a ULID always parses; an unordered id would do no harm either.
        text.parse().unwrap_or_else(|_| EventId::new(clock, entropy))
    }
}

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
