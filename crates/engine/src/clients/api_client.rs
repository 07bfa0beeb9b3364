//! Environments and API clients.

use serde_json::json;
use valetkey_domain::{
    ApiClient, ApiClientId, Caller, Change, Changes, EnvironmentId, Error, ErrorCode, ExposeSecret,
    Permission, Permissions, SecretString, StoreError,
};

use super::secret::{CLIENT_SECRET_PREFIX, mint, same_hash, sha256};
use crate::Engine;

/// The name of the environment that always exists.
const DEFAULT_ENVIRONMENT: &str = "default";
/// Whose name stands in events and executions for commands on the server's own machine.
const OPERATOR: &str = "operator";
/// The shortest client secret an operator may choose. Generated ones are far longer.
const MIN_CHOSEN_SECRET: usize = 16;
/// The longest name of a client or token.
pub(super) const MAX_NAME: usize = 200;

/// An API client to create.
#[derive(Debug, Clone, Default)]
pub struct NewApiClient {
    /// A name for people.
    pub name: String,
    /// What it may do, at most what the caller may; `None` means the standard set, as far as the caller has it.
    pub permissions: Option<Permissions>,
}

/// A new API client with its secret, shown this once.
#[derive(Debug, Clone)]
pub struct CreatedApiClient {
    /// The client.
    pub client: ApiClient,
    /// `vks_…`
    pub secret: SecretString,
}

impl Engine {
    /// The environment named `default`, created if there is none.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn default_environment(&self) -> Result<EnvironmentId, Error> {
        for _ in 0..2 {
            let environments = self.0.store.environments().await?;
            if let Some((id, _)) = environments.into_iter().find(|(_, name)| name == DEFAULT_ENVIRONMENT) {
                return Ok(id);
            }
            let id = EnvironmentId::new(&*self.0.clock, &*self.0.entropy);
            let insert =
                Change::InsertEnvironment { id, name: DEFAULT_ENVIRONMENT.to_owned(), at: self.now() };
            match self.0.store.commit(insert.into()).await {
                // Several servers may start at once: whoever is late finds the environment of the first.
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Error::internal("the default environment is missing right after it was inserted"))
    }

    /// The operator in person, for commands that run on the server's own machine: may do everything in
    /// `environment`.
    ///
    /// # Errors
    /// None at present.
    pub fn operator(&self, environment: EnvironmentId) -> Result<Caller, Error> {
        let client = OPERATOR.parse::<ApiClientId>().map_err(Error::internal)?;
        let permissions = Permissions::all();
        Ok(Caller { environment, client, token: None, user: None, request: None, permissions, bounds: None })
    }

    /// Makes sure that an API client with this id and secret exists in the default environment: created with the
    /// standard permissions and those to run the server and to manage webhooks if missing, its hash replaced if the secret
    /// is another one. Whoever can set it is the operator, so it may do so even if it was made before there were such
    /// permissions. A client that was disabled stays disabled.
    ///
    /// # Errors
    /// `invalid_argument` for an unfit id or a secret shorter than 16 characters.
    pub async fn ensure_bootstrap_client(&self, id: &str, secret: &SecretString) -> Result<ApiClient, Error> {
        let id: ApiClientId =
            id.parse().map_err(|e| Error::invalid("bootstrap_client_id", format!("{e}")))?;
        if secret.expose_secret().chars().count() < MIN_CHOSEN_SECRET {
            let message = format!("must have at least {MIN_CHOSEN_SECRET} characters");
            return Err(Error::invalid("bootstrap_client_secret", message));
        }
        let secret_hash = sha256(secret.expose_secret().as_bytes());
        let Some(client) = self.0.store.api_client(&id).await? else {
            let client = ApiClient {
                id,
                environment: self.default_environment().await?,
                name: "bootstrap".to_owned(),
                secret_hash,
                permissions: of_operator(&Permissions::standard()),
                created_at: self.now(),
                disabled_at: None,
            };
            return match self.0.store.commit(Change::InsertApiClient(client.clone()).into()).await {
                Ok(()) => {
                    tracing::info!(client_id = %client.id, "bootstrap API client created");
                    Ok(client)
                }
                // Several servers may start at once, with the same settings as a rule; if they differ, the last one counts.
                Err(StoreError::Conflict { .. }) => {
                    self.commit(Change::UpdateApiClient(client.clone())).await?;
                    Ok(client)
                }
                Err(failure) => Err(failure.into()),
            };
        };
        if client.disabled_at.is_some() {
            tracing::warn!(client_id = %client.id, "the bootstrap API client is disabled and stays so");
        }
        let same_secret = same_hash(&client.secret_hash, &secret_hash);
        let permissions = of_operator(&client.permissions);
        if same_secret && permissions == client.permissions {
            return Ok(client);
        }
        let client = ApiClient { secret_hash, permissions, ..client };
        self.commit(Change::UpdateApiClient(client.clone())).await?;
        if !same_secret {
            tracing::info!(client_id = %client.id, "the secret of the bootstrap API client was replaced");
        }
        Ok(client)
    }

    /// Creates an API client. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `invalid_argument`; `permission_denied` for permissions beyond the caller's.
    pub async fn create_api_client(
        &self,
        caller: &Caller,
        new: NewApiClient,
    ) -> Result<CreatedApiClient, Error> {
        caller.require(Permission::ApiClientsManage)?;
        let name = checked_name(&new.name)?;
        let permissions = match new.permissions {
            Some(wanted) => {
                covered(&caller.permissions, &wanted, "the caller")?;
                wanted
            }
            None => intersection(&Permissions::standard(), &caller.permissions),
        };
        let secret = mint(CLIENT_SECRET_PREFIX, &*self.0.entropy);
        let client = ApiClient {
            id: ApiClientId::new(&*self.0.clock, &*self.0.entropy),
            environment: caller.environment.clone(),
            name,
            secret_hash: sha256(secret.expose_secret().as_bytes()),
            permissions,
            created_at: self.now(),
            disabled_at: None,
        };
        let entry = self.audit_entry(caller, "api_client.created", Some(client.id.as_str()));
        let entry = entry.data(json!({ "name": client.name, "permissions": client.permissions }));
        self.commit(Changes::from(Change::InsertApiClient(client.clone())).and(entry.into())).await?;
        tracing::info!(client_id = %client.id, actor = %caller.actor(), "API client created");
        Ok(CreatedApiClient { client, secret })
    }

    /// The API clients of the caller's environment, oldest first. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_api_clients(&self, caller: &Caller) -> Result<Vec<ApiClient>, Error> {
        caller.require(Permission::ApiClientsManage)?;
        Ok(self.0.store.api_clients(&caller.environment).await?)
    }

    /// Disables an API client: nothing it holds works from now on. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `api_client_not_found`.
    pub async fn disable_api_client(&self, caller: &Caller, id: &str) -> Result<ApiClient, Error> {
        caller.require(Permission::ApiClientsManage)?;
        let client = self.client_of(caller, id).await?;
        if client.disabled_at.is_some() {
            return Ok(client);
        }
        let client = ApiClient { disabled_at: Some(self.now()), ..client };
        let entry = self.audit_entry(caller, "api_client.disabled", Some(client.id.as_str()));
        self.commit(Changes::from(Change::UpdateApiClient(client.clone())).and(entry.into())).await?;
        tracing::info!(client_id = %client.id, actor = %caller.actor(), "API client disabled");
        Ok(client)
    }

    /// A client of the caller's environment.
    pub(super) async fn client_of(&self, caller: &Caller, id: &str) -> Result<ApiClient, Error> {
        let unknown = || Error::new(ErrorCode::ApiClientNotFound);
        let id: ApiClientId = id.parse().map_err(|_| unknown())?;
        self.0.store.api_client_in(&caller.environment, &id).await?.ok_or_else(unknown)
    }
}

/// A name for people: not empty, bounded, on one line.
pub(super) fn checked_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", format!("must have 1 to {MAX_NAME} characters, all printable")));
    }
    Ok(name.to_owned())
}

/// Refuses permissions that `whose` does not have: nobody gives away more than they have.
pub(super) fn covered(have: &Permissions, wanted: &Permissions, whose: &str) -> Result<(), Error> {
    let beyond: Vec<_> = wanted.iter().filter(|p| !have.allows(*p)).map(Permission::as_str).collect();
    if beyond.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorCode::PermissionDenied)
        .field("permissions", format!("{whose} does not have {}", beyond.join(", "))))
}

/// The set with what the operator may do beside: run the server, and manage webhooks.
fn of_operator(permissions: &Permissions) -> Permissions {
    permissions.iter().chain([Permission::ServerManage, Permission::WebhooksWrite]).collect()
}

/// What is in both sets.
pub(super) fn intersection(a: &Permissions, b: &Permissions) -> Permissions {
    a.iter().filter(|p| b.allows(*p)).collect()
}
