//! Whose account a call is for.

use std::collections::BTreeMap;

use valetkey_domain::{
    Account, AccountId, AccountStatus, Connection, ConnectionId, EnvironmentId, Error, ErrorCode,
    PageRequest,
    catalogue::RemedyAction,
    page::MAX_PAGE_SIZE,
    store::{AccountFilter, ConnectionFilter},
};

use crate::{AccountRef, AccountView, Engine};

/// How many candidates an error lists.
const LISTED: usize = 10;

/// A text that was given and is not empty: the official SDKs send empty fields for absent ones.
pub(super) fn given(field: Option<&String>) -> Option<&str> {
    field.map(String::as_str).filter(|text| !text.is_empty())
}

fn agrees(asked: Option<&String>, actual: Option<&str>) -> bool {
    given(asked).is_none_or(|asked| actual == Some(asked))
}

/// The account that a call means which names no account or this one: the one of that name; else the unnamed one; else
/// the only one. `Err` gives the candidates back if nobody can tell.
pub(crate) fn pick(accounts: Vec<Account>, name: Option<&str>) -> Result<Option<Account>, Vec<Account>> {
    let named = |wanted: &str| accounts.iter().position(|account| account.name == wanted);
    let at = match name {
        Some(name) => named(name),
        None => named("").or((accounts.len() == 1).then_some(0)),
    };
    match at {
        Some(at) => Ok(accounts.into_iter().nth(at)),
        None if name.is_some() || accounts.is_empty() => Ok(None),
        None => Err(accounts),
    }
}

/// An account as an error names it: with its label, which says more to people than an id.
pub(crate) fn described(account: &Account) -> String {
    let label = account.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    match account.name.as_str() {
        "" => format!("\"{}\"{label}", account.identifier),
        name => format!("\"{}\", account \"{name}\"{label}", account.identifier),
    }
}

/// `ambiguous_account` with the names to choose from.
pub(crate) fn ambiguous(accounts: &[Account], connection: &Connection) -> Error {
    let identifier = accounts.first().map(|account| account.identifier.as_str()).unwrap_or_default();
    let names: Vec<_> = accounts
        .iter()
        .map(|account| {
            let label = account.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
            format!("\"{}\"{label}", account.name)
        })
        .collect();
    Error::new(ErrorCode::AmbiguousAccount)
        .message(format!(
            "\"{identifier}\" has {} accounts on the connection \"{}\": {}.",
            accounts.len(),
            connection.name,
            names.join(", ")
        ))
        .connection(&connection.id)
}

pub(super) fn no_such_account() -> Error {
    Error::new(ErrorCode::AccountNotFound)
}

impl Engine {
    /// Finds the account that `wanted` names and its connection, within `environment`. With `connector` an identifier
    /// alone finds the account on the connections of that connector.
    ///
    /// # Errors
    /// `account_not_found`, `connection_not_found`, `ambiguous_connection`, `ambiguous_account`, `invalid_argument` if
    /// nothing is named.
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
            && agrees(wanted.name.as_ref(), Some(&account.name))
            && agrees(wanted.organization_id.as_ref(), account.organization_id.as_deref())
            && agrees(wanted.user_id.as_ref(), account.user_id.as_deref())
            && given(wanted.connection_name.as_ref())
                .is_none_or(|name| name == connection.name || name == connection.id.as_str());
        if fits { Ok((account, connection)) } else { Err(no_such_account()) }
    }

    pub(super) async fn account_by_id(
        &self,
        environment: &EnvironmentId,
        id: &str,
    ) -> Result<(Account, Connection), Error> {
        let Ok(id) = id.parse::<AccountId>() else { return Err(no_such_account()) };
        let account = self.0.store.account_in(environment, &id).await?.ok_or_else(no_such_account)?;
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
            Ok(id) => self.0.store.connection_in(environment, &id).await?,
            Err(_) => None,
        };
        by_id.ok_or_else(|| Error::new(ErrorCode::ConnectionNotFound))
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
                pick(found, given(wanted.name.as_ref())).map_err(|found| ambiguous(&found, &connection))?
            }
            None => {
                let filter = AccountFilter { connections: vec![connection.id.clone()], ..filter_of(wanted)? };
                self.only_account(environment, &filter, wanted).await?
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
        match self.only_account(environment, &filter, wanted).await? {
            Some(account) => {
                let connection = self.connection_of(&account).await?;
                Ok((account, connection))
            }
            None => Err(self.nothing_fits(environment, connector).await?),
        }
    }

    /// The one account that fits, if any; several are an error that lists them.
    async fn only_account(
        &self,
        environment: &EnvironmentId,
        filter: &AccountFilter,
        wanted: &AccountRef,
    ) -> Result<Option<Account>, Error> {
        let page = PageRequest { size: MAX_PAGE_SIZE, cursor: None };
        let found = self.0.store.accounts(environment, filter, &page).await?;
        let beyond = found.total.saturating_sub(found.items.len() as u64);
        // Each user on each connection first, as if that connection had been named.
        let mut groups: BTreeMap<(ConnectionId, String), Vec<Account>> = BTreeMap::new();
        for account in found.items {
            let whose = (account.connection.clone(), account.identifier.clone());
            groups.entry(whose).or_default().push(account);
        }
        let only_group = groups.len() == 1 && beyond == 0;
        let mut fitting = Vec::new();
        for accounts in groups.into_values() {
            match pick(accounts, given(wanted.name.as_ref())) {
                Ok(picked) => fitting.extend(picked),
                Err(accounts) if only_group => {
                    let connection = match accounts.first() {
                        Some(account) => self.connection_of(account).await?,
                        None => return Ok(None),
                    };
                    return Err(ambiguous(&accounts, &connection));
                }
                Err(accounts) => fitting.extend(accounts),
            }
        }
        if fitting.len() <= 1 && beyond == 0 {
            return Ok(fitting.pop());
        }
        Err(self.ambiguous_connection(fitting, beyond).await?)
    }

    async fn ambiguous_connection(&self, mut fitting: Vec<Account>, beyond: u64) -> Result<Error, Error> {
        let total = fitting.len() as u64 + beyond;
        fitting.sort_by(|a, b| b.id.cmp(&a.id));
        fitting.truncate(LISTED);
        let mut names = Vec::with_capacity(fitting.len());
        for account in &fitting {
            let connection = self.connection_of(account).await?;
            let name = format!("\"{}\" ({})", connection.name, account.status().as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort();
        let more = total.saturating_sub(fitting.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Ok(Error::new(ErrorCode::AmbiguousConnection)
            .message(format!(
                "{total} connected accounts fit, on the connections {}{more}.",
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
        let page = PageRequest { size: 10, cursor: None };
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
        let connector = self.0.connectors.get(&connection.connector);
        let provider = connector
            .map_or_else(|| connection.connector.to_uppercase(), |connector| connector.provider.clone());
        // Facts of a grant that was ended stay for its revocation; the account is of no place any more.
        let placed = connector.filter(|_| account.status() != AccountStatus::Disconnected);
        AccountView {
            place: placed.and_then(|connector| connector.place(&account.metadata)),
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
