//! Access tokens of `/oauth/token`: RS256 JWTs, and the keys that sign them.

use serde_json::Value;
use valetkey_domain::{Error, SecretString};

use crate::Engine;

/// An access token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The JWT.
    pub token: SecretString,
    /// For how many seconds it works.
    pub expires_in: u64,
    /// What it allows, by name.
    pub scopes: Vec<String>,
}

impl Engine {
    /// The client credentials grant (RFC 6749 §4.4).
    ///
    /// # Errors
    /// `invalid_client_credentials` for an unknown or disabled client or a wrong secret, all alike.
    pub async fn issue_access_token(
        &self,
        _client_id: &str,
        _client_secret: &SecretString,
    ) -> Result<AccessToken, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The public keys, as a JWK set (RFC 7517).
    ///
    /// # Errors
    /// `storage_unavailable`, `seal_refused`.
    pub async fn jwks(&self) -> Result<Value, Error> {
        Err(Error::internal("not written yet"))
    }
}
