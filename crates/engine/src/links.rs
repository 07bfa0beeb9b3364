//! Authorization links.

use url::Url;
use valetkey_domain::{Caller, Error, Time};

use crate::{AccountRef, AccountView, Engine};

/// What a link shall do beside authorizing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// The caller's own state, handed through to `user_verify_url`; at most 512 characters.
    pub state: Option<String>,
    /// Where the user goes so that the app can confirm who it is. Without it the account is `ACTIVE` at once.
    pub user_verify_url: Option<String>,
    /// Fewer scopes than the connection asks for; empty means all of them.
    pub scopes: Vec<String>,
}

/// A link, shown once.
#[derive(Debug, Clone)]
pub struct Link {
    /// `{public_url}/connect/{token}`. Whoever has it can authorize the account, once.
    pub url: Url,
    /// When it stops working.
    pub expires_at: Time,
    /// The account that it is for.
    pub account: AccountView,
}

impl Engine {
    /// Makes a link. Needs `connected_accounts:access`. The account is created if connection name and identifier are
    /// given and it does not exist. An `ACTIVE` account goes on working until the new grant has arrived.
    ///
    /// # Errors
    /// `account_not_found`, `connection_not_found`, `connection_disabled`, `connection_not_configured`,
    /// `shared_credentials_unavailable`, `invalid_argument`.
    pub async fn authorization_link(
        &self,
        _caller: &Caller,
        _account: &AccountRef,
        _options: LinkOptions,
    ) -> Result<Link, Error> {
        Err(Error::internal("not written yet"))
    }
}
