//! Static API tokens.

use valetkey_domain::{ApiToken, Caller, Error, Permissions, SecretString, Time};

use crate::Engine;

/// A token to create.
#[derive(Debug, Clone, Default)]
pub struct NewApiToken {
    /// A name for people.
    pub name: String,
    /// The API client that it acts for; `None` means the caller's own.
    pub client: Option<String>,
    /// What it may do, at most what its client and the caller may; `None` means all of that.
    pub permissions: Option<Permissions>,
    /// When it stops working; `None` means never.
    pub expires_at: Option<Time>,
}

/// A new token, shown this once.
#[derive(Debug, Clone)]
pub struct CreatedApiToken {
    /// What is kept of it.
    pub token: ApiToken,
    /// `vk_…`
    pub secret: SecretString,
}

impl Engine {
    /// Creates a static token. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `invalid_argument`, `api_client_not_found`, `permission_denied` for permissions beyond those of the client or
    /// the caller.
    pub async fn create_api_token(
        &self,
        _caller: &Caller,
        _new: NewApiToken,
    ) -> Result<CreatedApiToken, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The tokens of the caller's environment, oldest first. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_api_tokens(&self, _caller: &Caller) -> Result<Vec<ApiToken>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Revokes a token, effective at once. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `api_token_not_found`.
    pub async fn revoke_api_token(&self, _caller: &Caller, _id: &str) -> Result<ApiToken, Error> {
        Err(Error::internal("not written yet"))
    }
}
