//! One-time links by which people come in: the setup link of a new server, invitations of an owner, and links for a
//! forgotten password.

use time::Duration;
use url::Url;
use valetkey_domain::{
    Caller, Change, Changes, Error, ErrorCode, Invitation, InvitationId, Permission, Role, SecretString,
    StoreError, Time, User, UserId,
};

use super::{MAX_EMAIL, MAX_NAME, folded, password};
use crate::{
    Engine,
    clients::{random_text, sha256},
};

/// How long a link works.
const LINK_LIFE: Duration = Duration::hours(24);
/// Who made the setup link.
const SETUP: &str = "system";

/// A link, shown once.
#[derive(Debug, Clone)]
pub struct InviteLink {
    /// `{public_url}/dashboard/welcome/{token}`. Whoever has it can use it, once.
    pub url: Url,
    /// When it stops working.
    pub expires_at: Time,
}

/// What the page of a link shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationPage {
    /// What the new user may do.
    pub role: Role,
    /// The user whose password is set anew; `None` if a user is made.
    pub email: Option<String>,
}

/// What the form of a link sends.
#[derive(Debug, Clone)]
pub struct NewPassword {
    /// The address of a new user. What is sent for one that is there does not count.
    pub email: String,
    /// The name of a new user.
    pub name: String,
    /// The password.
    pub password: SecretString,
}

impl Engine {
    /// A link to make the first owner, if there is no user yet. Every process that starts makes one; all of them end
    /// when the first owner is there.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn setup_link(&self) -> Result<Option<InviteLink>, Error> {
        if !self.0.store.users().await?.is_empty() {
            return Ok(None);
        }
        let (invitation, link) = self.new_invitation(Role::Owner, None, SETUP.to_owned())?;
        self.commit(Change::InsertInvitation(invitation)).await?;
        Ok(Some(link))
    }

    /// Invites a person to a role. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`; `password_login_off`, since a link sets a password.
    pub async fn invite_user(&self, caller: &Caller, role: Role) -> Result<InviteLink, Error> {
        caller.require(Permission::ServerManage)?;
        self.require_passwords()?;
        let (invitation, link) = self.new_invitation(role, None, caller.actor())?;
        let entry = self.audit_entry(caller, "invitation.created", Some(invitation.id.as_str()));
        let entry = entry.data(serde_json::json!({ "role": role.as_str() }));
        let changes = Changes::from(Change::InsertInvitation(invitation)).and(entry.into());
        self.commit(changes).await?;
        Ok(link)
    }

    /// Makes a link by which a user sets a new password. Needs `server:manage`.
    ///
    /// # Errors
    /// `user_not_found`, `permission_denied`, `password_login_off`.
    pub async fn reset_password_link(&self, caller: &Caller, user: &str) -> Result<InviteLink, Error> {
        caller.require(Permission::ServerManage)?;
        self.require_passwords()?;
        let user = self.user_of(user).await?;
        let (invitation, link) = self.new_invitation(user.role, Some(user.id.clone()), caller.actor())?;
        let entry = self.audit_entry(caller, "user.password_link_created", Some(user.id.as_str()));
        let changes = Changes::from(Change::InsertInvitation(invitation)).and(entry.into());
        self.commit(changes).await?;
        Ok(link)
    }

    /// Invitations that can still be used, oldest first. Needs `server:manage`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_invitations(&self, caller: &Caller) -> Result<Vec<Invitation>, Error> {
        caller.require(Permission::ServerManage)?;
        let now = self.now();
        let all = self.0.store.invitations().await?;
        Ok(all.into_iter().filter(|it| it.used_at.is_none() && it.expires_at > now).collect())
    }

    /// Takes an invitation back. Needs `server:manage`.
    ///
    /// # Errors
    /// `invitation_invalid` if there is no such one; `permission_denied`.
    pub async fn withdraw_invitation(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        caller.require(Permission::ServerManage)?;
        let id: InvitationId = id.parse().map_err(|_| Error::new(ErrorCode::InvitationInvalid))?;
        let entry = self.audit_entry(caller, "invitation.withdrawn", Some(id.as_str()));
        let changes = Changes::from(Change::DeleteInvitation(id.clone())).and(entry.into());
        self.commit(changes).await
    }

    /// What the page of a link shows. Changes nothing.
    ///
    /// # Errors
    /// `invitation_invalid` for a link that is unknown, used or expired: it does not say which.
    pub async fn open_invitation(&self, token: &str) -> Result<InvitationPage, Error> {
        let invitation = self.usable(token).await?;
        let email = match &invitation.user {
            Some(user) => self.0.store.user(user).await?.map(|user| user.email),
            None => None,
        };
        Ok(InvitationPage { role: invitation.role, email })
    }

    /// Uses a link: makes its user, or sets the password of the one that it is for and ends their sessions.
    ///
    /// # Errors
    /// `invitation_invalid`; `invalid_argument` naming the field; `user_already_exists`.
    pub async fn accept_invitation(&self, token: &str, new: NewPassword) -> Result<User, Error> {
        let invitation = self.usable(token).await?;
        let there = match &invitation.user {
            Some(id) => {
                let user = self.0.store.user(id).await?;
                Some(user.ok_or_else(|| Error::new(ErrorCode::InvitationInvalid))?)
            }
            None => None,
        };
        let email = there.as_ref().map_or_else(|| folded(&new.email), |user| user.email.clone());
        if there.is_none() {
            check_email(&email)?;
        }
        password::check(&new.password, &email)?;
        let name = match &there {
            Some(user) => user.name.clone(),
            None => checked_name(&new.name)?,
        };
        let hash = self.0.passwords.hash(&new.password, &*self.0.entropy).await?;
        let used = Change::UseInvitation { id: invitation.id.clone(), at: self.now() };
        let (user, mut changes, action) = match there {
            Some(user) => {
                let user = User { password_hash: Some(hash), version: user.version + 1, ..user };
                let ended = Change::DeleteSessionsOf { user: user.id.clone(), except: None };
                let changes = Changes::from(used).and(Change::UpdateUser(user.clone())).and(ended);
                (user, changes, "user.password_set")
            }
            None => {
                let user = User {
                    id: UserId::new(&*self.0.clock, &*self.0.entropy),
                    email,
                    name,
                    role: invitation.role,
                    password_hash: Some(hash),
                    sso: None,
                    version: 1,
                    created_at: self.now(),
                    disabled_at: None,
                };
                let changes = Changes::from(used).and(Change::InsertUser(user.clone()));
                (user, changes, "user.created")
            }
        };
        // Whoever comes first is the owner: links of other processes that started meanwhile make no second one.
        if invitation.created_by == SETUP {
            let others = self.0.store.invitations().await?.into_iter();
            for other in others.filter(|it| it.created_by == SETUP && it.id != invitation.id) {
                changes = changes.and(Change::DeleteInvitation(other.id));
            }
        }
        let entry = self.audit_of(&format!("user:{}", user.id), action, Some(user.id.as_str()));
        let entry = entry.data(serde_json::json!({
            "role": user.role.as_str(),
            "invitation": invitation.id.as_str(),
            "invited_by": invitation.created_by,
        }));
        match self.0.store.commit(changes.and(entry.into())).await {
            Ok(()) => Ok(user),
            Err(StoreError::Conflict { what: "user.email" }) => Err(Error::new(ErrorCode::UserAlreadyExists)
                .field("email", "belongs to a user already: log in instead")),
            Err(StoreError::Conflict { .. }) => Err(Error::new(ErrorCode::InvitationInvalid)),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) fn require_passwords(&self) -> Result<(), Error> {
        if self.takes_passwords() { Ok(()) } else { Err(Error::new(ErrorCode::PasswordLoginOff)) }
    }

    async fn usable(&self, token: &str) -> Result<Invitation, Error> {
        let found = self.0.store.invitation_by_link(&sha256(token.as_bytes())).await?;
        let usable = found.filter(|it| it.used_at.is_none() && it.expires_at > self.now());
        let invitation = usable.ok_or_else(|| Error::new(ErrorCode::InvitationInvalid))?;
        // The setup link is the way back in for whoever has the machine; a link that was made before passwords were
        // switched off is none.
        if invitation.created_by != SETUP {
            self.require_passwords()?;
        }
        // The setup link of a process that started before the first owner was there, and was stored after.
        if invitation.created_by == SETUP && !self.0.store.users().await?.is_empty() {
            return Err(Error::new(ErrorCode::InvitationInvalid));
        }
        Ok(invitation)
    }

    fn new_invitation(
        &self,
        role: Role,
        user: Option<UserId>,
        created_by: String,
    ) -> Result<(Invitation, InviteLink), Error> {
        let token = random_text(&*self.0.entropy);
        let now = self.now();
        let invitation = Invitation {
            id: InvitationId::new(&*self.0.clock, &*self.0.entropy),
            link_hash: sha256(token.as_bytes()),
            role,
            user,
            created_by,
            created_at: now,
            expires_at: now + LINK_LIFE,
            used_at: None,
        };
        let url = self.public_address(&format!("/dashboard/welcome/{}", *token));
        let url = url.parse().map_err(Error::internal)?;
        Ok((invitation, InviteLink { url, expires_at: now + LINK_LIFE }))
    }
}

/// The shape of an address: what a mistyped one lacks, no more. Nothing is ever sent to it.
pub(super) fn check_email(email: &str) -> Result<(), Error> {
    let fits = email.len() <= MAX_EMAIL
        && email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty())
        && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits { Ok(()) } else { Err(Error::invalid("email", "must be an address: name@example.com")) }
}

/// A name of a person: not empty, bounded, on one line.
pub(super) fn checked_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "must have 1 to 100 characters, all printable"));
    }
    Ok(name.to_owned())
}
