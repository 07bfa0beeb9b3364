//! Users: list, change, disable; one's own password.

use serde_json::json;
use valetkey_domain::{
    Caller, Change, Changes, Error, ErrorCode, Permission, Role, SecretString, User, UserId,
};

use super::{Visitor, password};
use crate::Engine;

/// A change of a user: `None` leaves a field as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserUpdate {
    /// Another role.
    pub role: Option<Role>,
    /// Whether the user may log in.
    pub enabled: Option<bool>,
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
        if before == (role, enabled) {
            return Ok(user);
        }
        if before == (Role::Owner, true) && (role != Role::Owner || !enabled) {
            let owners = self.0.store.users().await?;
            let others = owners.iter().filter(|other| {
                other.id != user.id && other.role == Role::Owner && other.disabled_at.is_none()
            });
            if others.count() == 0 {
                return Err(Error::new(ErrorCode::LastOwner));
            }
        }
        let disabled_at = match enabled {
            true => None,
            false => user.disabled_at.or_else(|| Some(self.now())),
        };
        let user = User { role, disabled_at, version: user.version + 1, ..user };
        let entry = self.audit_entry(caller, "user.updated", Some(user.id.as_str()));
        let entry = entry.data(json!({ "role": role.as_str(), "enabled": enabled }));
        let mut changes = Changes::from(Change::UpdateUser(user.clone()));
        if !enabled {
            changes = changes.and(Change::DeleteSessionsOf { user: user.id.clone(), except: None });
        }
        self.commit(changes.and(entry.into())).await?;
        Ok(user)
    }

    /// Sets the visitor's own password and ends their other sessions.
    ///
    /// # Errors
    /// `login_refused` if the present password is wrong; `login_too_often`; `invalid_argument` for `password`.
    pub async fn change_own_password(
        &self,
        visitor: &Visitor,
        present: &SecretString,
        new: &SecretString,
    ) -> Result<(), Error> {
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
