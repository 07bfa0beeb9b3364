//! Who may call the API: clients (id and secret, for `/oauth/token`) and static tokens (`vk_…`).

use std::sync::Arc;

use crate::{
    ApiClientId, ApiTokenId, Bounds, EnvironmentId, Error, ErrorCode, Permission, Permissions, RequestId,
    Time, UserId,
};

/// An API client. It belongs to one environment and sees nothing of any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiClient {
    /// The `client_id`.
    pub id: ApiClientId,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the client secret (256 random bits, so no slow hash is needed).
    pub secret_hash: [u8; 32],
    /// What it may do.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Time,
    /// Set when it was disabled: nothing it holds works any more.
    pub disabled_at: Option<Time>,
}

/// A static API token. Only its hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// The id, safe to show.
    pub id: ApiTokenId,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// The API client that it acts for.
    pub client: ApiClientId,
    /// A name for people.
    pub name: String,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// The first characters of the token, to recognise it by.
    pub hint: String,
    /// What it may do: never more than its client.
    pub permissions: Permissions,
    /// What it is bounded to, if it is a token for an agent. It never changes.
    pub bounds: Option<Bounds>,
    /// When it was made.
    pub created_at: Time,
    /// When it stops working, if ever.
    pub expires_at: Option<Time>,
    /// When it was revoked.
    pub revoked_at: Option<Time>,
}

/// Who is calling, once authenticated. Every use case takes one and stays inside its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The environment that bounds everything the caller sees.
    pub environment: EnvironmentId,
    /// The API client.
    pub client: ApiClientId,
    /// The static token used, if it was one.
    pub token: Option<ApiTokenId>,
    /// The person, if it is one at the dashboard.
    pub user: Option<UserId>,
    /// The request that the call came with, if it came with one.
    pub request: Option<RequestId>,
    /// What the caller may do.
    pub permissions: Permissions,
    /// What the token is bounded to, if it is.
    pub bounds: Option<Arc<Bounds>>,
}

impl Caller {
    /// Refuses unless the caller has `permission`.
    ///
    /// # Errors
    /// `permission_denied`, naming the permission.
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        if self.permissions.allows(permission) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::PermissionDenied).message(format!(
            "{} lacks the permission \"{}\".",
            self.kind(),
            permission.as_str()
        )))
    }

    fn kind(&self) -> &'static str {
        if self.user.is_some() { "Your role" } else { "This API client" }
    }

    /// The actor as written into events: `user:us_…`, `token:tok_…` or `client:…`.
    #[must_use]
    pub fn actor(&self) -> String {
        match (&self.user, &self.token) {
            (Some(user), _) => format!("user:{user}"),
            (None, Some(token)) => format!("token:{token}"),
            (None, None) => format!("client:{}", self.client),
        }
    }
}
