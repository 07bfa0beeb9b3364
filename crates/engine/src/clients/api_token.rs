//! Static API tokens.

use serde_json::json;
use valetkey_domain::{
    ApiToken, ApiTokenId, Caller, Change, Changes, Error, ErrorCode, ExposeSecret, Permission, Permissions,
    SecretString, Time,
};

use super::{
    api_client::{checked_name, covered, intersection},
    secret::{API_TOKEN_PREFIX, hint, mint, sha256},
};
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
        caller: &Caller,
        new: NewApiToken,
    ) -> Result<CreatedApiToken, Error> {
        caller.require(Permission::ApiClientsManage)?;
        let name = checked_name(&new.name)?;
        let now = self.now();
        if new.expires_at.is_some_and(|at| at <= now) {
            return Err(Error::invalid("expires_at", "must be in the future"));
        }
        let client = self.client_of(caller, new.client.as_deref().unwrap_or(caller.client.as_str())).await?;
        let permissions = match new.permissions {
            Some(wanted) => {
                covered(&client.permissions, &wanted, "the API client")?;
                covered(&caller.permissions, &wanted, "the caller")?;
                wanted
            }
            None => intersection(&client.permissions, &caller.permissions),
        };
        let secret = mint(API_TOKEN_PREFIX, &*self.0.entropy);
        let token = ApiToken {
            id: ApiTokenId::new(&*self.0.clock, &*self.0.entropy),
            environment: caller.environment.clone(),
            client: client.id,
            name,
            token_hash: sha256(secret.expose_secret().as_bytes()),
            hint: hint(API_TOKEN_PREFIX, secret.expose_secret()),
            permissions,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let entry = self.audit_entry(caller, "api_token.created", Some(token.id.as_str()));
        let entry = entry.data(json!({
            "name": token.name,
            "client": token.client.as_str(),
            "permissions": token.permissions,
        }));
        self.commit(Changes::from(Change::InsertApiToken(token.clone())).and(entry.into())).await?;
        tracing::info!(token_id = %token.id, client_id = %token.client, actor = %caller.actor(), "API token created");
        Ok(CreatedApiToken { token, secret })
    }

    /// The tokens of the caller's environment, oldest first. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_api_tokens(&self, caller: &Caller) -> Result<Vec<ApiToken>, Error> {
        caller.require(Permission::ApiClientsManage)?;
        Ok(self.0.store.api_tokens(&caller.environment).await?)
    }

    /// Revokes a token, effective at once. Needs `api_clients:manage`.
    ///
    /// # Errors
    /// `api_token_not_found`.
    pub async fn revoke_api_token(&self, caller: &Caller, id: &str) -> Result<ApiToken, Error> {
        caller.require(Permission::ApiClientsManage)?;
        let unknown = || Error::new(ErrorCode::ApiTokenNotFound);
        let id: ApiTokenId = id.parse().map_err(|_| unknown())?;
        let token = self.0.store.api_token(&id).await?;
        let token = token.filter(|t| t.environment == caller.environment).ok_or_else(unknown)?;
        if token.revoked_at.is_some() {
            return Ok(token);
        }
        let token = ApiToken { revoked_at: Some(self.now()), ..token };
        let entry = self.audit_entry(caller, "api_token.revoked", Some(token.id.as_str()));
        self.commit(Changes::from(Change::UpdateApiToken(token.clone())).and(entry.into())).await?;
        tracing::info!(token_id = %token.id, actor = %caller.actor(), "API token revoked");
        Ok(token)
    }
}
