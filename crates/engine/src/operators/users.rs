//! Users: list, change, disable; one's own password.

use serde_json::json;
use valetkey_domain::{
    Caller, Change, Changes, Error, ErrorCode, Permission, Role, SecretString, StoreError, User, UserId,
};

use super::{
    Visitor, folded,
    invitations::{check_email, checked_name},
    password,
};
use crate::Engine;

/// A change of a user: `None` leaves a field as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserUpdate {
    /// Another role.
    pub role: Option<Role>,
    /// Whether the user may log in.
    pub enabled: Option<bool>,
    /// Forgets whom the identity provider vouches for: the next sign-in is matched by the address again.
    pub unlink: bool,
}

/// Somebody who is let in through the identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The address that the first sign-in is matched by.
    pub email: String,
    /// The name; empty until the provider says it.
    pub name: String,
    /// What the person may do.
    pub role: Role,
}

impl Engine {
    /// Every user, oldest first. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_users(&self, caller: &Caller) -> Result<Vec<User>, Error> {
        caller.require(Permission::ServerManage)?;
        Ok(self.0.store.users().await?)
    }

    /// Adds a person who comes in through the identity provider, without a password. Needs `server:manage`.
    ///
    /// # Errors
    /// `sso_not_configured`; `invalid_argument` naming the field; `user_already_exists`; `permission_denied`.
    pub async fn add_user(&self, caller: &Caller, new: NewUser) -> Result<User, Error> {
        caller.require(Permission::ServerManage)?;
        if self.sso().is_none() {
            return Err(Error::new(ErrorCode::SsoNotConfigured));
        }
        let email = folded(&new.email);
        check_email(&email)?;
        let name = match new.name.trim() {
            "" => email.clone(),
            name => checked_name(name)?,
        };
        let user = User {
            id: UserId::new(&*self.0.clock, &*self.0.entropy),
            email,
            name,
            role: new.role,
            password_hash: None,
            sso: None,
            version: 1,
            created_at: self.now(),
            disabled_at: None,
        };
        let entry = self.audit_entry(caller, "user.added", Some(user.id.as_str()));
        let entry = entry.data(json!({ "role": user.role.as_str() }));
        match self.0.store.commit(Changes::from(Change::InsertUser(user.clone())).and(entry.into())).await {
            Ok(()) => Ok(user),
            Err(StoreError::Conflict { what: "user.email" }) => Err(Error::new(ErrorCode::UserAlreadyExists)),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn has_other_owner(&self, user: &UserId) -> Result<bool, Error> {
        let users = self.0.store.users().await?;
        let mut others = users.iter().filter(|other| other.id != *user);
        // Somebody who was added and has never come in may never be able to.
        let comes_in = |other: &User| other.password_hash.is_some() || other.sso.is_some();
        Ok(others.any(|other| other.role == Role::Owner && other.disabled_at.is_none() && comes_in(other)))
    }

    /// Changes a user. Their sessions end when they are disabled; another role counts from the next request on. Needs
    /// `server:manage`.
    ///
    /// # Errors
    /// `user_not_found`; `last_owner` if nobody could manage the server any more; `conflict`.
    pub async fn update_user(&self, caller: &Caller, id: &str, update: UserUpdate) -> Result<User, Error> {
        caller.require(Permission::ServerManage)?;
        let user = self.user_of(id).await?;
        let before = (user.role, user.disabled_at.is_none());
        let role = update.role.unwrap_or(user.role);
        let enabled = update.enabled.unwrap_or(before.1);
        let unlink = update.unlink && user.sso.is_some();
        if before == (role, enabled) && !unlink {
            return Ok(user);
        }
        let leaves = before == (Role::Owner, true) && (role != Role::Owner || !enabled);
        if leaves && !self.has_other_owner(&user.id).await? {
            return Err(Error::new(ErrorCode::LastOwner));
        }
        let disabled_at = match enabled {
            true => None,
            false => user.disabled_at.or_else(|| Some(self.now())),
        };
        let sso = user.sso.filter(|_| !unlink);
        let user = User { role, disabled_at, sso, version: user.version + 1, ..user };
        let entry = self.audit_entry(caller, "user.updated", Some(user.id.as_str()));
        let entry = entry.data(json!({ "role": role.as_str(), "enabled": enabled, "unlinked": unlink }));
        let mut changes = Changes::from(Change::UpdateUser(user.clone()));
        if !enabled || unlink {
            changes = changes.and(Change::DeleteSessionsOf { user: user.id.clone(), except: None });
        }
        self.commit(changes.and(entry.into())).await?;
        Ok(user)
    }

    /// Sets the visitor's own password and ends their other sessions.
    ///
    /// # Errors
    /// `login_refused` if the present password is wrong; `login_too_often`; `invalid_argument` for `password`;
    /// `password_login_off`.
    pub async fn change_own_password(
        &self,
        visitor: &Visitor,
        present: &SecretString,
        new: &SecretString,
    ) -> Result<(), Error> {
        self.require_passwords()?;
        let user = self.user_of(visitor.user.id.as_str()).await?;
        let who = crate::clients::sha256(user.email.as_bytes());
        self.0.attempts.begin(who, self.now())?;
        if !self.0.passwords.matches(present, user.password_hash.as_deref()).await? {
            return Err(Error::new(ErrorCode::LoginRefused).field("present", "is not your password"));
        }
        self.0.attempts.succeeded(&who);
        password::check(new, &user.email)?;
        let hash = self.0.passwords.hash(new, &*self.0.entropy).await?;
        let id = user.id.clone();
        let user = User { password_hash: Some(hash), version: user.version + 1, ..user };
        let others = Change::DeleteSessionsOf { user: id.clone(), except: Some(visitor.session.id.clone()) };
        let entry = self.audit_entry(&visitor.caller, "user.password_set", Some(id.as_str()));
        self.commit(Changes::from(Change::UpdateUser(user)).and(others).and(entry.into())).await
    }

    pub(super) async fn user_of(&self, id: &str) -> Result<User, Error> {
        let unknown = || Error::new(ErrorCode::UserNotFound);
        let id: UserId = id.parse().map_err(|_| unknown())?;
        self.0.store.user(&id).await?.ok_or_else(unknown)
    }
}
