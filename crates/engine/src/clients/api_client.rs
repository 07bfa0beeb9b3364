//! Environments and API clients.

use valetkey_domain::{ApiClient, Caller, EnvironmentId, Error, Permissions, SecretString};

use crate::Engine;

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
        Err(Error::internal("not written yet"))
    }

    /// The operator in person, for commands that run on the server's own machine: may do everything in
    /// `environment`.
    ///
    /// # Errors
    /// None at present.
    pub fn operator(&self, environment: EnvironmentId) -> Result<Caller, Error> {
        let _ = environment;
        Err(Error::internal("not written yet"))
    }

    /// Makes sure that an API client with this id and secret exists in the default environment: created if missing,
    /// its hash replaced if the secret is another one.
    ///
    /// # Errors
    /// `invalid_argument` for an unfit id or a secret shorter than 16 characters.
    pub async fn ensure_bootstrap_client(
        &self,
        _id: &str,
        _secret: &SecretString,
    ) -> Result<ApiClient, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Creates an API client. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `invalid_argument`; `permission_denied` for permissions beyond the caller's.
    pub async fn create_api_client(
        &self,
        _caller: &Caller,
        _new: NewApiClient,
    ) -> Result<CreatedApiClient, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The API clients of the caller's environment, oldest first. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_api_clients(&self, _caller: &Caller) -> Result<Vec<ApiClient>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Disables an API client: nothing it holds works from now on. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `api_client_not_found`.
    pub async fn disable_api_client(&self, _caller: &Caller, _id: &str) -> Result<ApiClient, Error> {
        Err(Error::internal("not written yet"))
    }
}
