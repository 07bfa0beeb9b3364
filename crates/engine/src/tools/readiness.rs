//! Which accounts a user has, and whether a tool can be used through them.

use std::collections::HashMap;

use valetkey_domain::{
    Account, AccountStatus, Caller, Connection, ConnectionId, Error, PageRequest,
    page::{Cursor, MAX_PAGE_SIZE},
    store::{AccountFilter, ConnectionFilter},
};
use valetkey_upstream::tool::Tool;

use super::{ConnectionReadiness, Readiness};
use crate::{Engine, execute::bounds::reaches};

/// How many accounts or connections are looked at for one answer. Beyond that the answer leaves some out.
const MOST: usize = 1000;

/// A user's accounts and the connections there are.
pub(super) struct Standing {
    connections: Vec<Connection>,
    accounts: HashMap<ConnectionId, Vec<Account>>,
}

impl Standing {
    /// How `tool` of the connector `slug` stands with each connection of it; once for each account that the user has
    /// there.
    pub(super) fn of(&self, slug: &str, tool: &Tool) -> Vec<ConnectionReadiness> {
        let connections = self.connections.iter().filter(|c| c.connector == slug && c.enabled);
        let mut rows = Vec::new();
        for connection in connections {
            let row = |account: Option<&Account>| ConnectionReadiness {
                connection_name: connection.name.clone(),
                account: account.map(|account| account.id.clone()),
                account_name: account.map(|account| account.name.clone()).unwrap_or_default(),
                state: account.map_or(Readiness::NeedsConnection, |account| state(account, tool)),
            };
            match self.accounts.get(&connection.id) {
                Some(accounts) => rows.extend(accounts.iter().map(|account| row(Some(account)))),
                None => rows.push(row(None)),
            }
        }
        rows
    }
}

fn state(account: &Account, tool: &Tool) -> Readiness {
    match account.status() {
        AccountStatus::Active if tool.missing_scopes(&account.scopes).is_empty() => Readiness::Ready,
        AccountStatus::Pending | AccountStatus::PendingVerification => Readiness::NeedsConnection,
        AccountStatus::Active
        | AccountStatus::Expired
        | AccountStatus::Revoked
        | AccountStatus::Error
        | AccountStatus::Disconnected => Readiness::NeedsReauth,
    }
}

impl Engine {
    /// How the user stands with every connection of the caller's environment.
    pub(super) async fn readiness(&self, caller: &Caller, identifier: &str) -> Result<Standing, Error> {
        let filter = AccountFilter { identifier: Some(identifier.to_owned()), ..AccountFilter::default() };
        let accounts = self.all_accounts(caller, &filter).await?;
        let connections = self.all_connections(caller).await?;
        let mut of: HashMap<ConnectionId, Vec<Account>> = HashMap::new();
        for account in accounts {
            of.entry(account.connection.clone()).or_default().push(account);
        }
        of.values_mut().for_each(|accounts| accounts.sort_by(|a, b| a.name.cmp(&b.name)));
        Ok(Standing { connections, accounts: of })
    }

    /// The accounts that fit, each with its connection, by connection name.
    pub(super) async fn accounts_with_connections(
        &self,
        caller: &Caller,
        filter: &AccountFilter,
    ) -> Result<Vec<(Account, Connection)>, Error> {
        let mut known: HashMap<ConnectionId, Connection> = HashMap::new();
        let mut found = Vec::new();
        for account in self.all_accounts(caller, filter).await? {
            let connection = match known.get(&account.connection) {
                Some(connection) => connection.clone(),
                None => {
                    let connection = self.connection_of(&account).await?;
                    known.insert(connection.id.clone(), connection.clone());
                    connection
                }
            };
            found.push((account, connection));
        }
        found.sort_by(|(a, at), (b, bt)| at.name.cmp(&bt.name).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    async fn all_accounts(&self, caller: &Caller, filter: &AccountFilter) -> Result<Vec<Account>, Error> {
        let mut all = Vec::new();
        let mut page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        loop {
            let found = self.0.store.accounts(&caller.environment, filter, &page).await?;
            all.extend(found.items);
            match found.next {
                Some(next) if all.len() < MOST => page.cursor = Some(Cursor::After(next)),
                _ => break,
            }
        }
        all.retain(|account| reaches(caller, account));
        Ok(all)
    }

    /// The connections of the caller's environment, by name.
    pub(super) async fn all_connections(&self, caller: &Caller) -> Result<Vec<Connection>, Error> {
        let mut all = Vec::new();
        let mut page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        loop {
            let filter = ConnectionFilter::default();
            let found = self.0.store.connections(&caller.environment, &filter, &page).await?;
            all.extend(found.items);
            match found.next {
                Some(next) if all.len() < MOST => page.cursor = Some(Cursor::After(next)),
                _ => break,
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}
