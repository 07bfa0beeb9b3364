//! Whose account a call is for.

use valetkey_domain::{
    Account, AccountId, Connection, ConnectionId, EnvironmentId, Error, ErrorCode, PageRequest,
    catalogue::RemedyAction,
    store::{AccountFilter, ConnectionFilter},
};

use crate::{AccountRef, AccountView, Engine};

/// How many candidates an error lists.
const LISTED: u32 = 10;

/// A text that was given and is not empty: the official SDKs send empty fields for absent ones.
fn given(field: Option<&String>) -> Option<&str> {
    field.map(String::as_str).filter(|text| !text.is_empty())
}

fn agrees(asked: Option<&String>, actual: Option<&str>) -> bool {
    given(asked).is_none_or(|asked| actual == Some(asked))
}

fn no_such_account() -> Error {
    Error::new(ErrorCode::AccountNotFound)
}

impl Engine {
    /// Finds the account that `wanted` names and its connection, within `environment`. With `connector` an identifier
    /// alone finds the account on the connections of that connector.
    ///
    /// # Errors
    /// `account_not_found`, `connection_not_found`, `ambiguous_connection`, `invalid_argument` if nothing is named.
    pub(crate) async fn resolve_account(
        &self,
        environment: &EnvironmentId,
        wanted: &AccountRef,
        connector: Option<&str>,
    ) -> Result<(Account, Connection), Error> {
        let (account, connection) = if let Some(id) = given(wanted.id.as_ref()) {
            self.account_by_id(environment, id).await?
        } else if let Some(name) = given(wanted.connection_name.as_ref()) {
            self.account_on(environment, name, wanted).await?
        } else {
            self.account_anywhere(environment, wanted, connector).await?
        };
        // What is given beside the id must agree with it. Another user's account is no account.
        let fits = agrees(wanted.identifier.as_ref(), Some(&account.identifier))
            && agrees(wanted.organization_id.as_ref(), account.organization_id.as_deref())
            && agrees(wanted.user_id.as_ref(), account.user_id.as_deref())
            && given(wanted.connection_name.as_ref())
                .is_none_or(|name| name == connection.name || name == connection.id.as_str());
        if fits { Ok((account, connection)) } else { Err(no_such_account()) }
    }

    async fn account_by_id(
        &self,
        environment: &EnvironmentId,
        id: &str,
    ) -> Result<(Account, Connection), Error> {
        let Ok(id) = id.parse::<AccountId>() else { return Err(no_such_account()) };
        let account = self.0.store.account(&id).await?.filter(|account| account.environment == *environment);
        let account = account.ok_or_else(no_such_account)?;
        let connection = self.connection_of(&account).await?;
        Ok((account, connection))
    }

    /// The connection of an account.
    pub(crate) async fn connection_of(&self, account: &Account) -> Result<Connection, Error> {
        let connection = self.0.store.connection(&account.connection).await?;
        connection.ok_or_else(|| Error::internal("an account without its connection").account(&account.id))
    }

    /// The connection of this name (or id) in `environment`.
    pub(crate) async fn resolve_connection(
        &self,
        environment: &EnvironmentId,
        name: &str,
    ) -> Result<Connection, Error> {
        if let Some(connection) = self.0.store.connection_by_name(environment, name).await? {
            return Ok(connection);
        }
        let by_id = match name.parse::<ConnectionId>() {
            Ok(id) => self.0.store.connection(&id).await?,
            Err(_) => None,
        };
        by_id
            .filter(|connection| connection.environment == *environment)
            .ok_or_else(|| Error::new(ErrorCode::ConnectionNotFound))
    }

    async fn account_on(
        &self,
        environment: &EnvironmentId,
        name: &str,
        wanted: &AccountRef,
    ) -> Result<(Account, Connection), Error> {
        let connection = self.resolve_connection(environment, name).await?;
        let account = match given(wanted.identifier.as_ref()) {
            Some(identifier) => {
                let found = self.0.store.accounts_of_identifier(&connection.id, identifier).await?;
                found.into_iter().next()
            }
            None => {
                let filter = AccountFilter { connections: vec![connection.id.clone()], ..filter_of(wanted)? };
                self.only_account(environment, &filter).await?
            }
        };
        match account {
            Some(account) => Ok((account, connection)),
            None => Err(no_such_account().connection(&connection.id).remedy(
                RemedyAction::Authorize,
                format!(
                    "Create the account on the connection \"{}\" and send its user an authorization link.",
                    connection.name
                ),
            )),
        }
    }

    async fn account_anywhere(
        &self,
        environment: &EnvironmentId,
        wanted: &AccountRef,
        connector: Option<&str>,
    ) -> Result<(Account, Connection), Error> {
        let filter = AccountFilter { connector: connector.map(str::to_owned), ..filter_of(wanted)? };
        match self.only_account(environment, &filter).await? {
            Some(account) => {
                let connection = self.connection_of(&account).await?;
                Ok((account, connection))
            }
            None => Err(self.nothing_fits(environment, connector).await?),
        }
    }

    /// The one account that fits, if any; several are an error that lists their connections.
    async fn only_account(
        &self,
        environment: &EnvironmentId,
        filter: &AccountFilter,
    ) -> Result<Option<Account>, Error> {
        let page = PageRequest { size: LISTED, cursor: None };
        let mut found = self.0.store.accounts(environment, filter, &page).await?;
        if found.total <= 1 {
            return Ok(found.items.pop());
        }
        let mut names = Vec::with_capacity(found.items.len());
        for account in &found.items {
            let connection = self.connection_of(account).await?;
            let name = format!("\"{}\" ({})", connection.name, account.status().as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort();
        let more = found.total.saturating_sub(found.items.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(Error::new(ErrorCode::AmbiguousConnection)
            .message(format!(
                "{} connected accounts fit, on the connections {}{more}.",
                found.total,
                names.join(", ")
            ))
            .remedy(
                RemedyAction::FixRequest,
                "Name the connection in connection_name, or the account in connected_account_id.",
            ))
    }

    /// Why an identifier alone found nothing: no connection of the connector, or no account on any.
    async fn nothing_fits(
        &self,
        environment: &EnvironmentId,
        connector: Option<&str>,
    ) -> Result<Error, Error> {
        let Some(connector) = connector else { return Ok(no_such_account()) };
        let filter = ConnectionFilter { connector: Some(connector.to_owned()), query: None };
        let page = PageRequest { size: LISTED, cursor: None };
        let found = self.0.store.connections(environment, &filter, &page).await?;
        let names: Vec<_> = found.items.iter().map(|c| format!("\"{}\"", c.name)).collect();
        if names.is_empty() {
            return Ok(Error::new(ErrorCode::ConnectionNotFound)
                .message(format!("There is no connection of the connector \"{connector}\"."))
                .remedy(
                    RemedyAction::ConfigureConnection,
                    format!("Create a connection of the connector \"{connector}\" first."),
                ));
        }
        Ok(no_such_account()
            .message(format!(
                "This identifier has no connected account of the connector \"{connector}\" (connections: {}).",
                names.join(", ")
            ))
            .remedy(
                RemedyAction::Authorize,
                format!("Make an authorization link for it on the connection {}.", names.join(" or ")),
            ))
    }

    /// The account as it is shown.
    pub(crate) fn account_view(&self, account: Account, connection: &Connection) -> AccountView {
        let provider = self
            .0
            .connectors
            .get(&connection.connector)
            .map_or_else(|| connection.connector.to_uppercase(), |connector| connector.provider.clone());
        AccountView {
            account,
            connection_name: connection.name.clone(),
            connector: connection.connector.clone(),
            provider,
        }
    }
}

/// The filter that a reference without id stands for.
fn filter_of(wanted: &AccountRef) -> Result<AccountFilter, Error> {
    let filter = AccountFilter {
        identifier: given(wanted.identifier.as_ref()).map(str::to_owned),
        organization_id: given(wanted.organization_id.as_ref()).map(str::to_owned),
        user_id: given(wanted.user_id.as_ref()).map(str::to_owned),
        ..AccountFilter::default()
    };
    if filter == AccountFilter::default() {
        return Err(Error::invalid(
            "identifier",
            "is missing; name the account by connected_account_id, or by identifier (and connection_name)",
        ));
    }
    Ok(filter)
}
