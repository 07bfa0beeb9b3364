//! What other accounts tell about one.

use valetkey_domain::{
    Account, AccountStatus, Error, Event, PageRequest, Time,
    event::EventKind,
    page::MAX_PAGE_SIZE,
    store::{AccountFilter, EventFilter},
};

use super::case::Case;
use crate::Engine;

impl Engine {
    /// How many other accounts of the connection lost their grant within `around` of `at`, by this kind of event.
    pub(super) async fn others_that_ended(
        &self,
        case: &Case<'_>,
        kind: EventKind,
        at: Time,
        around: time::Duration,
    ) -> Result<Vec<Event>, Error> {
        let filter = EventFilter {
            connection: Some(case.connection.id.clone()),
            kinds: vec![kind],
            since: Some(at - around),
            until: Some(at + around),
            count_at_most: Some(0),
            ..EventFilter::default()
        };
        let page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        let found = self.0.store.events(&case.account.environment, &filter, &page).await?.items;
        let mut others: Vec<Event> = Vec::new();
        for event in found {
            let is_other = event.event.account.as_ref().is_some_and(|id| *id != case.account.id);
            let is_counted = others.iter().any(|other| other.event.account == event.event.account);
            if is_other && !is_counted {
                others.push(event);
            }
        }
        Ok(others)
    }

    /// How many grants the same person at the provider has given this connection's client after `since`.
    pub(super) async fn later_grants(&self, case: &Case<'_>, since: Time) -> Result<u64, Error> {
        let Some(subject) = &case.account.provider_subject else { return Ok(0) };
        let filter = AccountFilter {
            connections: vec![case.connection.id.clone()],
            provider_subject: Some(subject.clone()),
            ..AccountFilter::default()
        };
        let page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        let accounts = self.0.store.accounts(&case.account.environment, &filter, &page).await?.items;
        let mut grants = 0;
        for account in &accounts {
            grants += self.grants_of(account, since).await?;
        }
        Ok(grants)
    }

    async fn grants_of(&self, account: &Account, since: Time) -> Result<u64, Error> {
        let filter = EventFilter {
            account: Some(account.id.clone()),
            kinds: vec![EventKind::AccountActivated, EventKind::AccountAwaitsVerification],
            since: Some(since + time::Duration::microseconds(1)),
            ..EventFilter::default()
        };
        let page = PageRequest { size: 1, cursor: None };
        Ok(self.0.store.events(&account.environment, &filter, &page).await?.total)
    }

    /// Accounts of the connection that lack a scope, at most `limit` of them, by identifier.
    pub(super) async fn accounts_lacking(
        &self,
        case: &Case<'_>,
        tool: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let Some(tool) = case.connector.as_ref().and_then(|connector| connector.tool(tool)) else {
            return Ok(Vec::new());
        };
        let filter = AccountFilter {
            connections: vec![case.connection.id.clone()],
            status: Some(AccountStatus::Active),
            ..AccountFilter::default()
        };
        let page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        let accounts = self.0.store.accounts(&case.account.environment, &filter, &page).await?.items;
        let lacking = accounts.iter().filter(|account| !tool.missing_scopes(&account.scopes).is_empty());
        Ok(lacking.map(|account| account.identifier.clone()).take(limit).collect())
    }
}
