//! Connections: configured connectors.

pub(crate) mod check;
mod write;

use std::collections::BTreeMap;

use serde_json::json;
use valetkey_domain::{
    AuthType, Caller, Change, Changes, Connection, ConnectionId, Error, ErrorCode, Page, PageRequest,
    Permission, SecretString, Time,
    connection::{ConnectionFault, IdentityPolicy, Overrides},
    event::{EventKind, NewEvent},
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
    /// When the secret ends at the provider, if that is known.
    pub client_secret_expires_at: Option<Time>,
    /// Whether to use the operator-wide OAuth client.
    pub use_shared_credentials: bool,
    /// The scopes to ask for; empty means the connector's defaults.
    pub scopes: Vec<String>,
    /// Other base URLs than the connector's.
    pub overrides: Overrides,
    /// Values for the connector's URL templates.
    pub variables: BTreeMap<String, String>,
    /// What to do when a user authorizes again with another account at the provider.
    pub identity_policy: IdentityPolicy,
    /// The longest that a call may take, in milliseconds.
    pub call_timeout_ms: Option<u32>,
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
    /// Another end of the client secret; `Some(None)` where it has none. A new secret without one forgets the old one's.
    pub client_secret_expires_at: Option<Option<Time>>,
    /// Whether to use the operator-wide OAuth client.
    pub use_shared_credentials: Option<bool>,
    /// Other scopes.
    pub scopes: Option<Vec<String>>,
    /// Other base URLs; replaces all of them.
    pub overrides: Option<Overrides>,
    /// Other template values; replaces all of them.
    pub variables: Option<BTreeMap<String, String>>,
    /// What to do when a user authorizes again with another account at the provider.
    pub identity_policy: Option<IdentityPolicy>,
    /// Another longest time for a call, in milliseconds; `Some(None)` leaves it to connector and server again.
    pub call_timeout_ms: Option<Option<u32>>,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
}

/// What must not change between reading a connection and writing it is tried this often.
const ATTEMPTS: usize = 5;

impl Engine {
    /// The redirect URI of a connection: `{public_url}/oauth/callback/{connection_id}`.
    #[must_use]
    pub fn redirect_uri(&self, connection: &Connection) -> String {
        self.public_address(&format!("/oauth/callback/{}", connection.id))
    }

    /// A connection by id or name. Needs `connections:read`.
    ///
    /// # Errors
    /// `connection_not_found`.
    pub async fn get_connection(&self, caller: &Caller, id_or_name: &str) -> Result<ConnectionView, Error> {
        caller.require(Permission::ConnectionsRead)?;
        let connection = self.resolve_connection(&caller.environment, id_or_name).await?;
        Ok(self.view_connection(connection))
    }

    /// Connections of the caller's environment, newest first. Needs `connections:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_connections(
        &self,
        caller: &Caller,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Page<ConnectionView>, Error> {
        caller.require(Permission::ConnectionsRead)?;
        let mut filter = filter.clone();
        // Callers may use the official provider name or an alias; storage knows slugs.
        if let Some(connector) = filter.connector.as_mut()
            && let Some(known) = self.0.connectors.get(connector)
        {
            *connector = known.slug.clone();
        }
        let found = self.0.store.connections(&caller.environment, &filter, page).await?;
        Ok(found.map(|connection| self.view_connection(connection)))
    }

    /// Deletes a connection that has no accounts. Needs `connections:write`.
    ///
    /// # Errors
    /// `connection_not_found`, `connection_in_use`.
    pub async fn delete_connection(&self, caller: &Caller, id_or_name: &str) -> Result<(), Error> {
        caller.require(Permission::ConnectionsWrite)?;
        let connection = self.resolve_connection(&caller.environment, id_or_name).await?;
        let event = NewEvent::of_connection(&connection, EventKind::ConnectionDeleted)
            .by(caller.actor())
            .data(json!({ "name": connection.name, "connector": connection.connector }));
        let entry = self.audit_entry(caller, "connection.deleted", Some(connection.id.as_str()));
        let entry = entry.data(json!({ "name": connection.name, "connector": connection.connector }));
        let delete = Change::DeleteConnection(connection.id.clone());
        let changes = Changes::from(delete).and(self.event(event)).and(entry.into());
        self.commit(changes).await.map_err(|error| error.connection(&connection.id))
    }

    /// A connection with what its connector adds.
    pub(crate) fn view_connection(&self, connection: Connection) -> ConnectionView {
        let connector = self.0.connectors.get(&connection.connector);
        ConnectionView {
            redirect_uri: self.redirect_uri(&connection),
            provider: connector
                .map_or_else(|| connection.connector.to_ascii_uppercase(), |c| c.provider.clone()),
            display_name: connector.map_or_else(|| connection.connector.clone(), |c| c.display_name.clone()),
            auth_type: connector.map_or(AuthType::None, |c| c.auth.auth_type()),
            connection,
        }
    }

    /// Refuses a connection that is switched off.
    ///
    /// # Errors
    /// `connection_disabled`.
    pub(crate) fn require_enabled(&self, connection: &Connection) -> Result<(), Error> {
        if connection.enabled {
            return Ok(());
        }
        Err(Error::new(ErrorCode::ConnectionDisabled).connection(&connection.id))
    }

    /// Notes that the provider refuses the connection's own configuration. It is told once: an event is written when
    /// the fault is new, not with every call that meets it.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn mark_fault(
        &self,
        id: &ConnectionId,
        code: ErrorCode,
        evidence: serde_json::Value,
    ) -> Result<(), Error> {
        self.change_fault(id, |connection, now| {
            if connection.fault.as_ref().is_some_and(|fault| fault.code == code) {
                return None;
            }
            connection.fault = Some(ConnectionFault { code, since: now });
            let event = NewEvent::of_connection(connection, EventKind::ConnectionFaulted);
            Some(event.code(code).data(json!({ "evidence": evidence })))
        })
        .await
    }

    /// Notes that the provider accepts the connection's own configuration.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn clear_fault(&self, id: &ConnectionId) -> Result<(), Error> {
        self.change_fault(id, |connection, _| {
            let fault = connection.fault.take()?;
            Some(NewEvent::of_connection(connection, EventKind::ConnectionRecovered).code(fault.code))
        })
        .await
    }

    async fn change_fault(
        &self,
        id: &ConnectionId,
        change: impl Fn(&mut Connection, valetkey_domain::Time) -> Option<NewEvent>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let Some(mut connection) = self.0.store.connection(id).await? else { return Ok(()) };
            let now = self.now();
            let Some(event) = change(&mut connection, now) else { return Ok(()) };
            connection.version += 1;
            connection.updated_at = now;
            let changes = Changes::new().and(Change::UpdateConnection(connection)).and(self.event(event));
            match self.commit(changes).await {
                Err(error) if error.code() == ErrorCode::Conflict => {}
                done => return done,
            }
        }
        Err(Error::new(ErrorCode::Conflict).connection(id))
    }
}
