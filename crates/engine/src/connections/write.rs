//! Creating and changing connections.

use serde_json::json;
use valetkey_domain::{
    Caller, Change, Changes, Connection, ConnectionId, Error, ErrorCode, Permission, SecretString,
    entropy::random_bytes,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::connector::Connector;

use super::{ATTEMPTS, ConnectionUpdate, ConnectionView, NewConnection, check};
use crate::Engine;

/// Fields that a provider does not see: they mend no fault.
const UNSEEN: [&str; 5] =
    ["name", "client_secret_expires_at", "identity_policy", "call_timeout_ms", "enabled"];

impl Engine {
    /// Creates a connection. Needs `connections:write`. An OAuth client may be added later; until then links are
    /// refused with `connection_not_configured`.
    ///
    /// # Errors
    /// `invalid_argument` naming the field, `connector_not_found`, `connection_already_exists`,
    /// `shared_credentials_unavailable`.
    pub async fn create_connection(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionView, Error> {
        caller.require(Permission::ConnectionsWrite)?;
        let connectors = &self.0.connectors;
        let connector = connectors
            .get(&new.connector)
            .ok_or_else(|| check::unknown_connector(connectors, &new.connector))?;
        let now = self.now();
        let blank = Connection {
            id: ConnectionId::new(&*self.0.clock, &*self.0.entropy),
            environment: caller.environment.clone(),
            name: self.invented_name(&connector.slug),
            connector: connector.slug.clone(),
            client_id: None,
            client_secret: None,
            client_secret_expires_at: None,
            use_shared_credentials: false,
            scopes: Vec::new(),
            overrides: new.overrides,
            variables: new.variables,
            identity_policy: new.identity_policy,
            call_timeout_ms: None,
            enabled: new.enabled.unwrap_or(true),
            fault: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let settings = ConnectionUpdate {
            name: new.name,
            client_id: new.client_id.map(Some),
            client_secret: new.client_secret.map(Some),
            client_secret_expires_at: new.client_secret_expires_at.map(Some),
            use_shared_credentials: new.use_shared_credentials.then_some(true),
            scopes: (!new.scopes.is_empty()).then_some(new.scopes),
            call_timeout_ms: new.call_timeout_ms.map(Some),
            ..ConnectionUpdate::default()
        };
        let (connection, _) = self.changed(connector, &blank, settings).await?;
        let event = NewEvent::of_connection(&connection, EventKind::ConnectionCreated)
            .by(caller.actor())
            .data(json!({
                "name": connection.name,
                "connector": connection.connector,
                "use_shared_credentials": connection.use_shared_credentials,
                "scopes": connection.scopes,
                "identity_policy": connection.identity_policy.as_str(),
            }));
        let entry = self.audit_entry(caller, "connection.created", Some(connection.id.as_str()));
        let entry = entry.data(json!({ "name": connection.name, "connector": connection.connector }));
        let insert = Change::InsertConnection(connection.clone());
        let changes = Changes::from(insert).and(self.event(event)).and(entry.into());
        self.commit(changes).await.map_err(|error| taken(error, &connection.name))?;
        Ok(self.view_connection(connection))
    }

    /// Changes a connection, found by id or name. Needs `connections:write`. New credentials (or a new address, or
    /// other scopes) clear the connection's fault: the next call finds out anew.
    ///
    /// # Errors
    /// As [`Engine::create_connection`], and `connection_not_found`.
    pub async fn update_connection(
        &self,
        caller: &Caller,
        id_or_name: &str,
        update: ConnectionUpdate,
    ) -> Result<ConnectionView, Error> {
        caller.require(Permission::ConnectionsWrite)?;
        for _ in 0..ATTEMPTS {
            let before = self.resolve_connection(&caller.environment, id_or_name).await?;
            let connector = self.connector_of(&before)?;
            let (mut connection, fields) = self.changed(connector, &before, update.clone()).await?;
            if fields.is_empty() {
                return Ok(self.view_connection(before));
            }
            connection.version += 1;
            connection.updated_at = self.now();
            let cleared = before.fault.is_some() && connection.fault.is_none();
            let event = NewEvent::of_connection(&connection, EventKind::ConnectionUpdated)
                .by(caller.actor())
                .data(json!({ "changed": &fields, "fault_cleared": cleared }));
            let entry = self.audit_entry(caller, "connection.updated", Some(connection.id.as_str()));
            let entry = entry.data(json!({ "changed": fields }));
            let update = Change::UpdateConnection(connection.clone());
            let changes = Changes::from(update).and(self.event(event)).and(entry.into());
            match self.commit(changes).await {
                Ok(()) => return Ok(self.view_connection(connection)),
                // Somebody changed another field meanwhile: both changes shall hold.
                Err(error) if error.code() == ErrorCode::Conflict => {}
                Err(error) => return Err(taken(error, &connection.name).connection(&connection.id)),
            }
        }
        Err(Error::new(ErrorCode::Conflict))
    }

    /// `before` with `update` applied and checked, and the names of the fields that are different now.
    async fn changed(
        &self,
        connector: &Connector,
        before: &Connection,
        update: ConnectionUpdate,
    ) -> Result<(Connection, Vec<&'static str>), Error> {
        let mut after = before.clone();
        if let Some(name) = update.name {
            check::name(&name)?;
            after.name = name;
        }
        if update.use_shared_credentials == Some(true) && matches!(update.client_id, Some(Some(_))) {
            return Err(Error::invalid("client_id", "cannot be given together with use_shared_credentials"));
        }
        if let Some(shared) = update.use_shared_credentials {
            if shared {
                check::oauth_only(connector, "use_shared_credentials")?;
                self.require_shared_credentials(&connector.slug)?;
            }
            after.use_shared_credentials = shared;
        }
        if let Some(id) = update.client_id {
            if let Some(id) = &id {
                check::oauth_only(connector, "client_id")?;
                check::client_id(id)?;
            }
            after.client_id = id;
        }
        if let Some(scopes) = update.scopes {
            after.scopes = match scopes.is_empty() {
                true => scopes,
                false => check::scopes(check::oauth_only(connector, "scopes")?, scopes)?,
            };
        }
        if let Some(overrides) = update.overrides {
            after.overrides = overrides;
        }
        check::overrides(&self.0.settings, &after.overrides)?;
        if let Some(variables) = update.variables {
            after.variables = variables;
        }
        connector.check_variables(&after.variables)?;
        if let Some(policy) = update.identity_policy {
            after.identity_policy = policy;
        }
        if let Some(timeout) = update.call_timeout_ms {
            check::call_timeout(timeout)?;
            after.call_timeout_ms = timeout;
        }
        if let Some(enabled) = update.enabled {
            after.enabled = enabled;
        }
        let secret_changed = self.set_client_secret(connector, &mut after, update.client_secret).await?;
        if secret_changed {
            after.client_secret_expires_at = None;
        }
        if let Some(end) = update.client_secret_expires_at {
            check::secret_end(end, after.client_secret.is_some())?;
            after.client_secret_expires_at = end;
        }
        let fields = differences(before, &after, secret_changed);
        if fields.iter().any(|field| !UNSEEN.contains(field)) {
            after.fault = None;
        }
        Ok((after, fields))
    }

    /// Seals a new secret into `connection`, or removes it. Says whether anything is different.
    async fn set_client_secret(
        &self,
        connector: &Connector,
        connection: &mut Connection,
        secret: Option<Option<SecretString>>,
    ) -> Result<bool, Error> {
        match secret {
            None => Ok(false),
            Some(None) => Ok(connection.client_secret.take().is_some()),
            Some(Some(secret)) => {
                check::oauth_only(connector, "client_secret")?;
                check::client_secret(&secret)?;
                if connection.client_id.is_none() {
                    return Err(Error::invalid("client_id", "is required together with client_secret"));
                }
                connection.client_secret = Some(self.seal_client_secret(connection, &secret).await?);
                Ok(true)
            }
        }
    }

    fn require_shared_credentials(&self, slug: &str) -> Result<(), Error> {
        if self.0.settings.shared_credentials.contains_key(slug) {
            return Ok(());
        }
        let message = format!("the operator has set no shared OAuth client for \"{slug}\"");
        Err(Error::new(ErrorCode::SharedCredentialsUnavailable).field("use_shared_credentials", message))
    }

    /// A name for a connection that got none: the slug and a tail that makes it unique.
    fn invented_name(&self, slug: &str) -> String {
        const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let random = random_bytes::<8>(&*self.0.entropy);
        let tail: String = random.iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect();
        format!("{slug}-{tail}")
    }
}

/// The names of the fields in which two states of a connection differ. Never their values.
fn differences(before: &Connection, after: &Connection, secret_changed: bool) -> Vec<&'static str> {
    [
        ("name", before.name != after.name),
        ("client_id", before.client_id != after.client_id),
        ("client_secret", secret_changed),
        ("client_secret_expires_at", before.client_secret_expires_at != after.client_secret_expires_at),
        ("use_shared_credentials", before.use_shared_credentials != after.use_shared_credentials),
        ("scopes", before.scopes != after.scopes),
        ("overrides", before.overrides != after.overrides),
        ("variables", before.variables != after.variables),
        ("identity_policy", before.identity_policy != after.identity_policy),
        ("call_timeout_ms", before.call_timeout_ms != after.call_timeout_ms),
        ("enabled", before.enabled != after.enabled),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

fn taken(error: Error, name: &str) -> Error {
    match error.code() {
        ErrorCode::ConnectionAlreadyExists => {
            Error::new(ErrorCode::ConnectionAlreadyExists).field("name", format!("\"{name}\" is taken"))
        }
        _ => error,
    }
}
