//! Static API tokens.

use serde_json::json;
use valetkey_domain::{
    ApiToken, ApiTokenId, Bounds, Caller, Change, Changes, Error, ErrorCode, ExposeSecret, Permission,
    Permissions, SecretString, Time,
};

use super::{
    api_client::{MAX_NAME, checked_name, covered, intersection},
    secret::{API_TOKEN_PREFIX, hint, mint, sha256},
};
use crate::Engine;

/// How many names of a kind the bounds of a token have at most.
const MAX_BOUNDS: usize = 100;

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
    /// What it is bounded to, for a token that an agent holds; open bounds are none.
    pub bounds: Bounds,
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
        let bounds = self.checked_bounds(new.bounds)?;
        let permissions = match new.permissions {
            Some(wanted) if bounds.is_some() && !Bounds::permissions().covers(&wanted) => {
                return Err(Error::invalid(
                    "permissions",
                    "of a token with bounds can be agent_connectors:read and agent_connectors:execute",
                ));
            }
            Some(wanted) => {
                covered(&client.permissions, &wanted, "the API client")?;
                covered(&caller.permissions, &wanted, "the caller")?;
                wanted
            }
            None => {
                let both = intersection(&client.permissions, &caller.permissions);
                if bounds.is_some() { intersection(&both, &Bounds::permissions()) } else { both }
            }
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
            bounds,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let entry = self.audit_entry(caller, "api_token.created", Some(token.id.as_str()));
        let entry = entry.data(json!({
            "name": token.name,
            "client": token.client.as_str(),
            "permissions": token.permissions,
            "bounds": token.bounds,
        }));
        self.commit(Changes::from(Change::InsertApiToken(token.clone())).and(entry.into())).await?;
        tracing::info!(token_id = %token.id, client_id = %token.client, actor = %caller.actor(), "API token created");
        Ok(CreatedApiToken { token, secret })
    }

    /// Bounds whose names exist here, each tool under its own name; open ones are none.
    fn checked_bounds(&self, bounds: Bounds) -> Result<Option<Bounds>, Error> {
        if bounds.is_open() {
            return Ok(None);
        }
        let many = [&bounds.connectors, &bounds.tools, &bounds.identifiers];
        if many.iter().any(|names| names.len() > MAX_BOUNDS) {
            return Err(Error::invalid("bounds", format!("must have at most {MAX_BOUNDS} names of a kind")));
        }
        let fits = |name: &String| !name.is_empty() && name.chars().count() <= MAX_NAME;
        if !bounds.identifiers.iter().all(fits) {
            return Err(Error::invalid(
                "bounds.identifiers",
                format!("must have 1 to {MAX_NAME} characters each"),
            ));
        }
        let connector = |name: &String| {
            let found = self.0.connectors.get(name).map(|connector| connector.slug.clone());
            found
                .ok_or_else(|| Error::invalid("bounds.connectors", format!("names no connector: \"{name}\"")))
        };
        let tool = |name: &String| {
            let found = self.0.connectors.tool(name).map(|(_, tool)| tool.name.clone());
            found.ok_or_else(|| Error::invalid("bounds.tools", format!("names no tool: \"{name}\"")))
        };
        Ok(Some(Bounds {
            connectors: bounds.connectors.iter().map(connector).collect::<Result<_, _>>()?,
            tools: bounds.tools.iter().map(tool).collect::<Result<_, _>>()?,
            ..bounds
        }))
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
        let token = self.0.store.api_token_in(&caller.environment, &id).await?.ok_or_else(unknown)?;
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
