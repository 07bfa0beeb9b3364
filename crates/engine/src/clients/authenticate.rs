//! Who is calling.

use std::sync::Arc;

use valetkey_domain::{ApiClient, ApiClientId, Bounds, Caller, Error};

use super::{
    access_token::unauthenticated,
    api_client::intersection,
    secret::{API_TOKEN_PREFIX, is_intact, same_hash, sha256},
};
use crate::Engine;

/// How many verified access tokens are remembered. Each costs well under a kilobyte.
pub(crate) const VERIFIED_TOKENS: u64 = 10_000;

impl Engine {
    /// The caller behind a bearer token: a static token (`vk_…`) or an access token of `/oauth/token`.
    ///
    /// # Errors
    /// `unauthenticated`, saying whether the token is malformed, expired, revoked or unknown.
    pub async fn authenticate(&self, bearer: &str) -> Result<Caller, Error> {
        if bearer.starts_with(API_TOKEN_PREFIX) {
            self.authenticate_api_token(bearer).await
        } else {
            self.authenticate_access_token(bearer).await
        }
    }

    async fn authenticate_api_token(&self, bearer: &str) -> Result<Caller, Error> {
        if !is_intact(API_TOKEN_PREFIX, bearer) {
            return Err(unauthenticated("The API token is malformed: mistyped or cut off."));
        }
        let hash = sha256(bearer.as_bytes());
        // The database looks the hash up, not the token: how long that takes says nothing about any token. The
        // comparison after it does not trust the index to have compared all of it.
        let token = self.0.store.api_token_by_hash(&hash).await?.filter(|t| same_hash(&t.token_hash, &hash));
        let token = token.ok_or_else(|| unauthenticated("The API token is unknown."))?;
        if token.revoked_at.is_some() {
            return Err(unauthenticated("The API token has been revoked."));
        }
        if token.expires_at.is_some_and(|at| at <= self.now()) {
            return Err(unauthenticated("The API token has expired."));
        }
        let client = self.enabled_client(&token.client).await?;
        if client.environment != token.environment {
            return Err(unauthenticated("The API client no longer belongs to the token's environment."));
        }
        let permissions = intersection(&token.permissions, &client.permissions);
        // Only what looks at bounds may be reached by a token that has some.
        let permissions = match &token.bounds {
            Some(_) => intersection(&permissions, &Bounds::permissions()),
            None => permissions,
        };
        Ok(Caller {
            environment: token.environment,
            client: client.id,
            permissions,
            bounds: token.bounds.map(Arc::new),
            token: Some(token.id),
            user: None,
            request: None,
        })
    }

    async fn authenticate_access_token(&self, bearer: &str) -> Result<Caller, Error> {
        let hash = sha256(bearer.as_bytes());
        let verified = match self.0.verified_tokens.get(&hash) {
            Some(verified) => verified,
            None => {
                let verified = self.verify_access_token(bearer).await?;
                self.0.verified_tokens.insert(hash, verified.clone());
                verified
            }
        };
        if verified.expires_at <= self.now().unix_timestamp() {
            return Err(unauthenticated("The access token has expired."));
        }
        let client = self.enabled_client(&verified.client).await?;
        if client.environment != verified.environment {
            return Err(unauthenticated("The API client no longer belongs to the token's environment."));
        }
        Ok(Caller {
            environment: verified.environment,
            permissions: intersection(&verified.permissions, &client.permissions),
            client: client.id,
            bounds: None,
            token: None,
            user: None,
            request: None,
        })
    }

    async fn enabled_client(&self, id: &ApiClientId) -> Result<ApiClient, Error> {
        let client = self.0.store.api_client(id).await?;
        let client =
            client.ok_or_else(|| unauthenticated("The API client of this token no longer exists."))?;
        if client.disabled_at.is_some() {
            return Err(unauthenticated("The API client of this token is disabled."));
        }
        Ok(client)
    }
}
