//! Renewing credentials.

#[expect(dead_code, reason = "used by the next slice")]
mod flight;

pub(crate) use flight::Refreshes;

use valetkey_domain::{Account, Caller, Connection, Credential, Error};

use crate::{AccountRef, AccountView, Engine};

impl Engine {
    /// Renews an account's credential now, whether or not it is due. Needs `connected_accounts:write`. An `EXPIRED`
    /// account whose credential can be renewed is `ACTIVE` again.
    ///
    /// # Errors
    /// `account_not_found`, `refresh_not_possible`, the error of the account's status, `refresh_refused`,
    /// `invalid_client`, `upstream_…`.
    pub async fn refresh_account(
        &self,
        _caller: &Caller,
        _account: &AccountRef,
    ) -> Result<AccountView, Error> {
        Err(Error::internal("not written yet"))
    }

    /// The credential to use for `account` now: renewed first if it is about to expire.
    #[expect(dead_code, reason = "used by the next slice")]
    pub(crate) async fn fresh_credential(
        &self,
        _account: &Account,
        _connection: &Connection,
    ) -> Result<Credential, Error> {
        Err(Error::internal("not written yet"))
    }
}
