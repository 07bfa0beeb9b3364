//! Connections: configured connectors.

use std::collections::BTreeMap;

use valetkey_domain::{
    AuthType, Caller, Connection, Error, Page, PageRequest, SecretString, connection::Overrides,
    store::ConnectionFilter,
};

use crate::Engine;

/// A connection as it is shown: everything but its secret.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionView {
    /// The connection. Its sealed secret is not for showing.
    pub connection: Connection,
    /// The redirect URI to register at the provider; for connectors without OAuth code flow too, where it is unused.
    pub redirect_uri: String,
    /// The connector's official upper-case name.
    pub provider: String,
    /// The connector's name for people.
    pub display_name: String,
    /// How accounts of the connection are authorized.
    pub auth_type: AuthType,
}

/// A connection to create.
#[derive(Debug, Clone, Default)]
pub struct NewConnection {
    /// Its name; `None` makes one of the connector's slug and a random tail.
    pub name: Option<String>,
    /// The slug (or the official provider name) of the connector.
    pub connector: String,
    /// The OAuth client at the provider.
    pub client_id: Option<String>,
    /// The OAuth client's secret.
    pub client_secret: Option<SecretString>,
    /// Whether to use the operator-wide OAuth client.
    pub use_shared_credentials: bool,
    /// The scopes to ask for; empty means the connector's defaults.
    pub scopes: Vec<String>,
    /// Other base URLs than the connector's.
    pub overrides: Overrides,
    /// Values for the connector's URL templates.
    pub variables: BTreeMap<String, String>,
    /// Whether it is enabled; `None` means yes.
    pub enabled: Option<bool>,
}

/// A change of a connection: `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ConnectionUpdate {
    /// Another name.
    pub name: Option<String>,
    /// Another OAuth client; `Some(None)` removes it.
    pub client_id: Option<Option<String>>,
    /// Another client secret; `Some(None)` removes it.
    pub client_secret: Option<Option<SecretString>>,
    /// Whether to use the operator-wide OAuth client.
    pub use_shared_credentials: Option<bool>,
    /// Other scopes.
    pub scopes: Option<Vec<String>>,
    /// Other base URLs; replaces all of them.
    pub overrides: Option<Overrides>,
    /// Other template values; replaces all of them.
    pub variables: Option<BTreeMap<String, String>>,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
}

impl Engine {
    /// The redirect URI of a connection: `{public_url}/oauth/callback/{connection_id}`.
    #[must_use]
    pub fn redirect_uri(&self, connection: &Connection) -> String {
        let base = self.0.settings.public_url.as_str().trim_end_matches('/');
        format!("{base}/oauth/callback/{}", connection.id)
    }

    /// Creates a connection. Needs `connections:write`.
    ///
    /// # Errors
    /// `invalid_argument` naming the field, `connector_not_found`, `connection_already_exists`,
    /// `shared_credentials_unavailable`.
    pub async fn create_connection(
        &self,
        _caller: &Caller,
        _new: NewConnection,
    ) -> Result<ConnectionView, Error> {
        Err(Error::internal("not written yet"))
    }

    /// A connection by id or name. Needs `connections:read`.
    ///
    /// # Errors
    /// `connection_not_found`.
    pub async fn get_connection(&self, _caller: &Caller, _id_or_name: &str) -> Result<ConnectionView, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Changes a connection, found by id or name. Needs `connections:write`.
    ///
    /// # Errors
    /// As [`Engine::create_connection`], and `connection_not_found`.
    pub async fn update_connection(
        &self,
        _caller: &Caller,
        _id_or_name: &str,
        _update: ConnectionUpdate,
    ) -> Result<ConnectionView, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Connections of the caller's environment, newest first. Needs `connections:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_connections(
        &self,
        _caller: &Caller,
        _filter: &ConnectionFilter,
        _page: &PageRequest,
    ) -> Result<Page<ConnectionView>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Deletes a connection that has no accounts. Needs `connections:write`.
    ///
    /// # Errors
    /// `connection_not_found`, `connection_in_use`.
    pub async fn delete_connection(&self, _caller: &Caller, _id_or_name: &str) -> Result<(), Error> {
        Err(Error::internal("not written yet"))
    }
}
