//! The app confirms who the user is.

use url::Url;
use valetkey_domain::{Caller, Error, SecretString};

use super::DonePage;
use crate::{AccountView, Engine};

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
    /// # Errors
    /// `auth_request_not_found`, `verification_not_pending`, `verification_mismatch` (the account stays pending).
    pub async fn verify_user(
        &self,
        _caller: &Caller,
        _auth_request_id: &str,
        _identifier: &str,
    ) -> Result<VerifiedUser, Error> {
        Err(Error::internal("not written yet"))
    }

    /// What the page at `post_user_verify_redirect_url` (`/connect/done/{auth_request_id}`) shows. Details only to the
    /// browser that went through the attempt; to any other, and for an unknown id, an empty page.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn done_page(
        &self,
        _auth_request_id: &str,
        _browser: Option<&SecretString>,
    ) -> Result<DonePage, Error> {
        Err(Error::internal("not written yet"))
    }
}
