//! The app confirms who the user is.

use serde_json::json;
use url::Url;
use valetkey_domain::{
    Account, AuthPhase, AuthRequest, AuthRequestId, Caller, Change, Changes, Error, ErrorCode, Permission,
    SecretString,
    event::{EventKind, NewEvent},
};

use super::{
    DonePage,
    attempt::{browser_hash, is_bound_to},
};
use crate::{AccountView, Engine};

/// How long after the end of a link its attempt may still be confirmed: the user may have been at the provider when
/// it ended.
const VERIFICATION_GRACE: time::Duration = time::Duration::hours(1);
/// A change that meets another one is repeated on the newer state this often.
const ATTEMPTS: usize = 5;

/// A confirmed user.
#[derive(Debug, Clone)]
pub struct VerifiedUser {
    /// The account, now `ACTIVE`.
    pub account: AccountView,
    /// Where the app sends the user next: a page of this server that says it is done.
    pub post_user_verify_redirect_url: Url,
}

impl Engine {
    /// Confirms that the user who finished the attempt is `identifier`. Needs `connected_accounts:access`.
    ///
    /// Only the credential that this very attempt brought is confirmed. If another attempt has put its own in place
    /// meanwhile, that one must be confirmed by itself (S03).
    ///
    /// # Errors
    /// `auth_request_not_found`, `verification_not_pending`, `verification_mismatch` (the account stays pending).
    pub async fn verify_user(
        &self,
        caller: &Caller,
        auth_request_id: &str,
        identifier: &str,
    ) -> Result<VerifiedUser, Error> {
        caller.require(Permission::AccountsAccess)?;
        let unknown = || Error::new(ErrorCode::AuthRequestNotFound);
        let id: AuthRequestId = auth_request_id.parse().map_err(|_| unknown())?;
        for _ in 0..ATTEMPTS {
            let attempt = self.0.store.auth_request(&id).await?;
            let attempt = attempt.filter(|a| a.environment == caller.environment).ok_or_else(unknown)?;
            let account = self.account_again(&attempt.account).await?;
            self.require_pending(&attempt, &account)?;
            if account.identifier != identifier {
                return Err(self.mismatch(caller, &attempt, &account, identifier).await?);
            }
            match self.confirm(caller, attempt, account).await {
                Err(error) if error.code() == ErrorCode::Conflict => {}
                done => return done,
            }
        }
        Err(Error::new(ErrorCode::Conflict))
    }

    fn require_pending(&self, attempt: &AuthRequest, account: &Account) -> Result<(), Error> {
        let pending = attempt.phase == AuthPhase::AwaitingVerification
            && self.now() < attempt.expires_at + VERIFICATION_GRACE
            && attempt.generation == account.generation;
        if pending {
            return Ok(());
        }
        Err(Error::new(ErrorCode::VerificationNotPending).account(&account.id))
    }

    async fn confirm(
        &self,
        caller: &Caller,
        mut attempt: AuthRequest,
        mut account: Account,
    ) -> Result<VerifiedUser, Error> {
        let connection = self.connection_of(&account).await?;
        let now = self.now();
        account.version += 1;
        let mut transition = account.verify(now)?;
        transition.event.data["auth_request_id"] = json!(attempt.id.as_str());
        attempt.phase = AuthPhase::Completed;
        attempt.version += 1;
        let done = self.public_address(&format!("/connect/done/{}", attempt.id));
        let changes = Changes::from(Change::UpdateAuthRequest(attempt))
            .and(Change::UpdateAccount(transition.account.clone()))
            .and(self.event(transition.event.by(caller.actor())));
        self.commit(changes).await?;
        Ok(VerifiedUser {
            account: self.account_view(transition.account, &connection),
            post_user_verify_redirect_url: Url::parse(&done).map_err(Error::internal)?,
        })
    }

    async fn mismatch(
        &self,
        caller: &Caller,
        attempt: &AuthRequest,
        account: &Account,
        named: &str,
    ) -> Result<Error, Error> {
        let named: String = named.chars().filter(|c| !c.is_control()).take(200).collect();
        let event = NewEvent::of_account(account, EventKind::VerificationRefused)
            .by(caller.actor())
            .code(ErrorCode::VerificationMismatch)
            .data(json!({ "auth_request_id": attempt.id.as_str(), "named": named }));
        self.commit(self.event(event)).await?;
        Ok(Error::new(ErrorCode::VerificationMismatch).account(&account.id))
    }

    /// What the page at `post_user_verify_redirect_url` (`/connect/done/{auth_request_id}`) shows. Details only to the
    /// browser that went through the attempt; to any other, and for an unknown id, an empty page.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn done_page(
        &self,
        auth_request_id: &str,
        browser: Option<&SecretString>,
    ) -> Result<DonePage, Error> {
        let empty = DonePage { connector_name: None, label: None, missing_scopes: Vec::new() };
        let Ok(id) = auth_request_id.parse::<AuthRequestId>() else { return Ok(empty) };
        let Some(attempt) = self.0.store.auth_request(&id).await? else { return Ok(empty) };
        if attempt.phase != AuthPhase::Completed || !is_bound_to(&attempt, browser_hash(browser)) {
            return Ok(empty);
        }
        let Some(scene) = self.scene(attempt).await? else { return Ok(empty) };
        Ok(DonePage {
            connector_name: self.connector_name(&scene),
            label: scene.account.label,
            missing_scopes: Vec::new(),
        })
    }
}
