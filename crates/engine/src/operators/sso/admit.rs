//! Which user a person is, whom the identity provider vouches for. The first time the verified e-mail address says it;
//! from then on issuer and subject decide, never the address: addresses are given to other people.

use serde_json::json;
use valetkey_domain::{
    Change, Changes, Error, ErrorCode, RequestId, Role, StoreError, User, UserId, user::SsoIdentity,
};
use valetkey_upstream::oidc::Vouched;

use super::SsoSettings;
use crate::{
    Engine,
    operators::{MAX_NAME, folded, invitations::check_email},
};

impl Engine {
    /// The user, linked or made if need be.
    ///
    /// # Errors
    /// `sso_not_invited`, `sso_email_unverified`, `sso_domain_refused`, `sso_identity_taken`.
    pub(super) async fn admitted(
        &self,
        settings: &SsoSettings,
        vouched: &Vouched,
        request: Option<&RequestId>,
    ) -> Result<User, Error> {
        let identity = SsoIdentity { issuer: vouched.issuer.clone(), subject: vouched.subject.clone() };
        let mapped = mapped_role(settings, vouched);
        if let Some(user) = self.0.store.user_by_sso(&identity).await? {
            let user = enabled(user)?;
            return self.with_role(user, mapped, request).await;
        }
        let email = verified_email(settings, vouched)?;
        let Some(user) = self.0.store.user_by_email(&email).await? else {
            let admitted = mapped.or_else(|| settings.admit_domains.then_some(settings.default_role));
            let role = admitted.ok_or_else(|| Error::new(ErrorCode::SsoNotInvited))?;
            return self.welcomed(email, role, identity, vouched, request).await;
        };
        let user = enabled(user)?;
        if user.sso.is_some() {
            return Err(Error::new(ErrorCode::SsoIdentityTaken));
        }
        let name = match user.name == user.email {
            true => name_of(vouched, &user.email),
            false => user.name.clone(),
        };
        let linked = User { sso: Some(identity), name, version: user.version + 1, ..user };
        self.stored(Change::UpdateUser(linked.clone()), &linked, "user.linked", request).await?;
        self.with_role(linked, mapped, request).await
    }

    async fn welcomed(
        &self,
        email: String,
        role: Role,
        identity: SsoIdentity,
        vouched: &Vouched,
        request: Option<&RequestId>,
    ) -> Result<User, Error> {
        let user = User {
            id: UserId::new(&*self.0.clock, &*self.0.entropy),
            name: name_of(vouched, &email),
            email,
            role,
            password_hash: None,
            sso: Some(identity),
            version: 1,
            created_at: self.now(),
            disabled_at: None,
        };
        self.stored(Change::InsertUser(user.clone()), &user, "user.created", request).await?;
        Ok(user)
    }

    /// The role that the person's groups say, if they say one. The last owner stays one: nobody could manage the server
    /// any more.
    async fn with_role(
        &self,
        user: User,
        mapped: Option<Role>,
        request: Option<&RequestId>,
    ) -> Result<User, Error> {
        let Some(role) = mapped.filter(|role| *role != user.role) else { return Ok(user) };
        if user.role == Role::Owner && !self.has_other_owner(&user.id).await? {
            tracing::warn!(user = %user.id, "the last owner stays one, whatever the identity provider says");
            return Ok(user);
        }
        let user = User { role, version: user.version + 1, ..user };
        self.stored(Change::UpdateUser(user.clone()), &user, "user.updated", request).await?;
        Ok(user)
    }

    async fn stored(
        &self,
        change: Change,
        user: &User,
        action: &str,
        request: Option<&RequestId>,
    ) -> Result<(), Error> {
        let mut entry = self.audit_of(&format!("user:{}", user.id), action, Some(user.id.as_str()));
        entry.0.request_id = request.map(ToString::to_string);
        let identity = user.sso.as_ref().map(|sso| json!({ "issuer": sso.issuer, "subject": sso.subject }));
        let entry = entry.data(json!({ "method": "sso", "role": user.role.as_str(), "identity": identity }));
        match self.0.store.commit(Changes::from(change).and(entry.into())).await {
            Ok(()) => Ok(()),
            // The same person in two browsers at once: whoever is second begins again and is known.
            Err(failure @ StoreError::Conflict { .. }) => {
                Err(Error::new(ErrorCode::Conflict).because(failure))
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

fn enabled(user: User) -> Result<User, Error> {
    match user.disabled_at {
        None => Ok(user),
        Some(_) => Err(Error::new(ErrorCode::SsoNotInvited)),
    }
}

/// The most that one of the person's groups may.
fn mapped_role(settings: &SsoSettings, vouched: &Vouched) -> Option<Role> {
    let groups = vouched.texts(settings.role_claim.as_deref()?);
    let held = groups.iter().filter_map(|group| settings.roles.get(*group)).copied().collect::<Vec<_>>();
    Role::ALL.into_iter().find(|role| held.contains(role))
}

fn verified_email(settings: &SsoSettings, vouched: &Vouched) -> Result<String, Error> {
    let verified = vouched.email.as_deref().filter(|_| vouched.email_verified || settings.trust_email);
    let email = verified.map(folded).filter(|email| check_email(email).is_ok());
    let email = email.ok_or_else(|| Error::new(ErrorCode::SsoEmailUnverified))?;
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    if !settings.domains.is_empty() && !settings.domains.iter().any(|allowed| allowed == domain) {
        return Err(Error::new(ErrorCode::SsoDomainRefused));
    }
    Ok(email)
}

/// How the person is called, in what a name may hold.
fn name_of(vouched: &Vouched, email: &str) -> String {
    let name = vouched.name.as_deref().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    match name.trim() {
        "" => email.chars().take(MAX_NAME).collect(),
        name => name.to_owned(),
    }
}
