//! Connected accounts: create, find, list, change.

mod check;
mod import;
mod list;
mod write;

use std::collections::BTreeMap;

use serde_json::Value;
use valetkey_domain::{Account, SecretString, Time};
pub use valetkey_upstream::connector::AccountPlace;

pub(crate) use check::optional_id;
pub(crate) use import::checked_fields;
pub(crate) use write::created_event;

/// An account as it is shown: with what its connection adds.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountView {
    /// The account.
    pub account: Account,
    /// The name of its connection.
    pub connection_name: String,
    /// The slug of its connector.
    pub connector: String,
    /// The connector's official upper-case name.
    pub provider: String,
    /// Which place of the provider (site, company, workspace) it is of, where accounts have one.
    pub place: Option<AccountPlace>,
}

/// Which account: by id, by identifier and connection name, or by identifier alone where that names only one. What
/// is given beside the id must agree with it, or there is no such account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRef {
    /// `ca_…`
    pub id: Option<String>,
    /// The name (or id) of the connection.
    pub connection_name: Option<String>,
    /// The caller's own id of the end user.
    pub identifier: Option<String>,
    /// The name of one of several accounts of the identifier on the connection. Without it the unnamed account is
    /// meant, else the only one.
    pub name: Option<String>,
    /// The caller's own id of the user's organization.
    pub organization_id: Option<String>,
    /// The caller's own further user id.
    pub user_id: Option<String>,
}

impl AccountRef {
    /// By id.
    #[must_use]
    pub fn id(id: impl Into<String>) -> Self {
        Self { id: Some(id.into()), ..Self::default() }
    }

    /// By connection name and identifier.
    #[must_use]
    pub fn named(connection_name: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self {
            connection_name: Some(connection_name.into()),
            identifier: Some(identifier.into()),
            ..Self::default()
        }
    }

    /// The account of this name among those of the identifier.
    #[must_use]
    pub fn account_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// By identifier alone.
    #[must_use]
    pub fn identifier(identifier: impl Into<String>) -> Self {
        Self { identifier: Some(identifier.into()), ..Self::default() }
    }
}

/// A credential that the caller brings along.
#[derive(Debug, Clone)]
pub enum NewCredential {
    /// Tokens of an OAuth grant made elsewhere.
    OAuth {
        /// The access token.
        access_token: SecretString,
        /// The refresh token, if there is one.
        refresh_token: Option<SecretString>,
        /// The scopes that the grant has.
        scopes: Vec<String>,
        /// When the access token stops working, if known.
        expires_at: Option<Time>,
        /// The user's domain at the provider, where URL templates need it.
        domain: Option<String>,
    },
    /// The fields of an API key, basic or bearer credential, by the connector's field names.
    Static(BTreeMap<String, SecretString>),
}

/// An account to create.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// The name (or id) of the connection.
    pub connection_name: String,
    /// The caller's own id of the end user.
    pub identifier: String,
    /// A name that tells the account apart from others of the identifier on the connection; `None` for the first.
    pub name: Option<String>,
    /// The caller's own id of the user's organization.
    pub organization_id: Option<String>,
    /// The caller's own further user id.
    pub user_id: Option<String>,
    /// Free settings (a JSON object).
    pub api_config: Option<Value>,
    /// A credential to import; the account is `ACTIVE` at once.
    pub credential: Option<NewCredential>,
    /// Whether an imported static credential is tried out with the connector's cheapest read call first. Default: yes.
    pub probe: bool,
}

impl NewAccount {
    /// An account for `identifier` on a connection, to be authorized.
    #[must_use]
    pub fn new(connection_name: impl Into<String>, identifier: impl Into<String>) -> Self {
        Self {
            connection_name: connection_name.into(),
            identifier: identifier.into(),
            name: None,
            organization_id: None,
            user_id: None,
            api_config: None,
            credential: None,
            probe: true,
        }
    }
}

/// A change of an account: `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct AccountUpdate {
    /// Another organization id; `Some(None)` removes it.
    pub organization_id: Option<Option<String>>,
    /// Another user id; `Some(None)` removes it.
    pub user_id: Option<Option<String>>,
    /// Other free settings (a JSON object); replaces all of them.
    pub api_config: Option<Value>,
    /// Another credential; the account is `ACTIVE` afterwards.
    pub credential: Option<NewCredential>,
    /// Leaves out the trial call with a static credential.
    pub skip_probe: bool,
}

/// A text that was given and is not empty: clients send empty fields for absent ones.
pub(crate) fn given(field: &Option<String>) -> Option<&str> {
    field.as_deref().filter(|text| !text.is_empty())
}
