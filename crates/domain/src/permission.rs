//! What an API client or token may do. The names are the ones of the compatible API where it has one.

use std::{collections::BTreeSet, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One thing a caller may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Permission {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

permissions! {
    /// Read connections.
    ConnectionsRead = "connections:read",
    /// Create, change and delete connections.
    ConnectionsWrite = "connections:write",
    /// Read connected accounts (never their credentials).
    AccountsRead = "connected_accounts:read",
    /// Create and change connected accounts, import credentials, refresh.
    AccountsWrite = "connected_accounts:write",
    /// Disconnect and delete connected accounts.
    AccountsRevoke = "connected_accounts:revoke",
    /// Make authorization links.
    AccountsAccess = "connected_accounts:access",
    /// Read the access tokens of accounts. Not part of the default set: agents call tools and need no token.
    CredentialsRead = "credentials:read",
    /// List and search connectors and tools.
    ToolsRead = "agent_connectors:read",
    /// Execute tools and make proxied calls.
    ToolsExecute = "agent_connectors:execute",
    /// Read executions.
    ExecutionsRead = "agent_logs:read",
    /// Read webhooks and what was sent to them.
    WebhooksRead = "webhooks:read",
    /// Create, change, test and delete webhooks. Not part of the default set: they hear of every account, and what the
    /// calls of every client with `mode: async` bring.
    WebhooksWrite = "webhooks:write",
    /// List, create and revoke API clients and tokens.
    ApiClientsManage = "api_clients:manage",
    /// Run the server itself: keys, backups, a restored database. Not part of the default set, and not bounded by an
    /// environment.
    ServerManage = "server:manage",
}

/// The text names no permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission \"{0}\"")]
pub struct UnknownPermission(pub String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Self::ALL
            .iter()
            .copied()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| UnknownPermission(text.to_owned()))
    }
}

/// A set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// What a new API client gets unless told otherwise: everything but reading access tokens, having what happens to
    /// everybody sent somewhere, and running the server.
    #[must_use]
    pub fn standard() -> Self {
        let special = [Permission::CredentialsRead, Permission::WebhooksWrite, Permission::ServerManage];
        Permission::ALL.iter().copied().filter(|p| !special.contains(p)).collect()
    }

    /// Whether `permission` is in the set.
    #[must_use]
    pub fn allows(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// Whether every permission of `other` is in this set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// The permissions, sorted.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}
