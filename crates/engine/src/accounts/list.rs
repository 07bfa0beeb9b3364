//! Finding and listing accounts.

use std::collections::BTreeMap;

use valetkey_domain::{
    Account, Caller, Connection, ConnectionId, Error, ErrorCode, Page, PageRequest, Permission,
    store::AccountFilter,
};

use super::{AccountRef, AccountView};
use crate::Engine;

impl Engine {
    /// Finds an account. Needs `connected_accounts:read`.
    ///
    /// # Errors
    /// `account_not_found`, `ambiguous_connection` (an identifier alone that fits several), `invalid_argument`.
    pub async fn find_account(&self, caller: &Caller, account: &AccountRef) -> Result<AccountView, Error> {
        caller.require(Permission::AccountsRead)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        Ok(self.account_view(account, &connection))
    }

    /// Accounts of the caller's environment, newest first. Needs `connected_accounts:read`. `connection_names` limits
    /// the list to connections of these names (or ids) on top of the filter; an unknown name matches nothing.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_accounts(
        &self,
        caller: &Caller,
        connection_names: &[String],
        mut filter: AccountFilter,
        page: &PageRequest,
    ) -> Result<Page<AccountView>, Error> {
        caller.require(Permission::AccountsRead)?;
        if let Some(connector) = filter.connector.as_mut()
            && let Some(known) = self.0.connectors.get(connector)
        {
            *connector = known.slug.clone();
        }
        let mut known = BTreeMap::new();
        if !connection_names.is_empty() {
            for name in connection_names {
                match self.resolve_connection(&caller.environment, name).await {
                    Ok(connection) => {
                        known.insert(connection.id.clone(), connection);
                    }
                    Err(error) if error.code() == ErrorCode::ConnectionNotFound => {}
                    Err(error) => return Err(error),
                }
            }
            let limited = !filter.connections.is_empty();
            filter.connections = match limited {
                true => filter.connections.into_iter().filter(|id| known.contains_key(id)).collect(),
                false => known.keys().cloned().collect(),
            };
            if filter.connections.is_empty() {
                return Ok(Page { items: Vec::new(), next: None, previous: None, total: 0 });
            }
        }
        let found = self.0.store.accounts(&caller.environment, &filter, page).await?;
        self.account_views(found, known).await
    }

    /// Accounts whose identifier, label, id, organization or user id contains `query`; at most `count_at_most` of them are
    /// counted. Needs `connected_accounts:read`.
    ///
    /// # Errors
    /// `permission_denied`; `connection_not_found` if the connection named is unknown.
    pub async fn search_accounts(
        &self,
        caller: &Caller,
        query: &str,
        connection: Option<&str>,
        count_at_most: Option<u32>,
        page: &PageRequest,
    ) -> Result<Page<AccountView>, Error> {
        caller.require(Permission::AccountsRead)?;
        let connections = match connection {
            Some(name) => vec![self.resolve_connection(&caller.environment, name).await?.id],
            None => Vec::new(),
        };
        let query = Some(query.to_owned());
        let filter = AccountFilter { connections, query, count_at_most, ..AccountFilter::default() };
        let found = self.0.store.accounts(&caller.environment, &filter, page).await?;
        self.account_views(found, BTreeMap::new()).await
    }

    /// A page of accounts as it is shown. Reads each connection once.
    async fn account_views(
        &self,
        page: Page<Account>,
        mut known: BTreeMap<ConnectionId, Connection>,
    ) -> Result<Page<AccountView>, Error> {
        let Page { items, next, previous, total } = page;
        let mut views = Vec::with_capacity(items.len());
        for account in items {
            if !known.contains_key(&account.connection) {
                let connection = self.connection_of(&account).await?;
                known.insert(account.connection.clone(), connection);
            }
            if let Some(connection) = known.get(&account.connection) {
                views.push(self.account_view(account, connection));
            }
        }
        Ok(Page { items: views, next, previous, total })
    }
}
