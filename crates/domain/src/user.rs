//! People who use the dashboard: users with a role, the links by which they set a password, and their sessions.

use serde::{Deserialize, Serialize};

use crate::{InvitationId, Permission, Permissions, SessionId, Time, UserId};

/// What a user may do. Roles stand for permissions, and the permissions decide: the dashboard is one more client of the
/// same use cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything that can be done in the dashboard: users, API clients, keys, the audit log.
    Owner,
    /// Connections and connected accounts.
    Operator,
    /// Looks and changes nothing.
    Viewer,
}

impl Role {
    /// Every role, the one that may most first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Operator, Self::Viewer];

    /// The name in storage and forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// What the role may do. An owner has everything, so that it can be handed out to API clients; the dashboard itself
    /// shows no token to anybody and calls no tool.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        let read = [
            Permission::ConnectionsRead,
            Permission::AccountsRead,
            Permission::ToolsRead,
            Permission::ExecutionsRead,
            Permission::WebhooksRead,
        ];
        let work = [
            Permission::ConnectionsWrite,
            Permission::AccountsWrite,
            Permission::AccountsRevoke,
            Permission::AccountsAccess,
            Permission::WebhooksWrite,
        ];
        match self {
            Self::Viewer => read.into_iter().collect(),
            Self::Operator => read.into_iter().chain(work).collect(),
            Self::Owner => Permissions::all(),
        }
    }
}

/// Whom an identity provider vouches for (OpenID Connect Core §2: `iss` and `sub` together never change hands).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsoIdentity {
    /// The issuer.
    pub issuer: String,
    /// The subject there.
    pub subject: String,
}

/// A person who may use the dashboard.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// `us_…`
    pub id: UserId,
    /// The address to log in with, in lower case. Unique.
    pub email: String,
    /// How the person is called.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The password under argon2id, as a PHC string; `None` for who logs in by single sign-on alone.
    pub password_hash: Option<String>,
    /// Whom the identity provider vouches for, once it did.
    pub sso: Option<SsoIdentity>,
    /// Counts changes, for optimistic locking.
    pub version: u64,
    /// When the user was made.
    pub created_at: Time,
    /// Set when the user was disabled: no session of theirs works any more.
    pub disabled_at: Option<Time>,
}

// The hash of a password is no secret of the first order, but guessing begins with it: it is never printed.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("email", &self.email)
            .field("role", &self.role)
            .field("has_password", &self.password_hash.is_some())
            .field("version", &self.version)
            .field("disabled_at", &self.disabled_at)
            .finish_non_exhaustive()
    }
}

/// A one-time link by which somebody sets a password: a new user of a role, or one that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// `inv_…`
    pub id: InvitationId,
    /// SHA-256 of the token in the link.
    pub link_hash: [u8; 32],
    /// The role of the user that it makes.
    pub role: Role,
    /// The user whose password it sets anew; `None` makes a user.
    pub user: Option<UserId>,
    /// Who made it: an actor as in events.
    pub created_by: String,
    /// When it was made.
    pub created_at: Time,
    /// When it stops working.
    pub expires_at: Time,
    /// When it was used.
    pub used_at: Option<Time>,
}

/// A browser in which a user is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `ses_…`, safe to show.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// SHA-256 of the token in the cookie.
    pub token_hash: [u8; 32],
    /// What the browser calls itself, bounded, to recognise it by.
    pub browser: String,
    /// When it began.
    pub created_at: Time,
    /// When it was last used, to the minute or so.
    pub seen_at: Time,
    /// When it ends whatever happens.
    pub expires_at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S44: a role is a set of permissions, each one within the next; only an owner can hand out what reads tokens.
    #[test]
    fn roles_hold_each_other() {
        let [owner, operator, viewer] = Role::ALL.map(Role::permissions);
        assert!(owner.covers(&operator) && operator.covers(&viewer));
        assert!(!viewer.covers(&operator) && !operator.covers(&owner));
        for permission in [
            Permission::CredentialsRead,
            Permission::ToolsExecute,
            Permission::ApiClientsManage,
            Permission::ServerManage,
        ] {
            assert!(owner.allows(permission) && !operator.allows(permission) && !viewer.allows(permission));
        }
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.as_str()) == Some(role)));
    }
}
