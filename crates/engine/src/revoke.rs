//! Ending a connected account.

use valetkey_domain::{Caller, Error};

use crate::{AccountRef, AccountView, Engine};

impl Engine {
    /// Revokes the grant at the provider as far as that lets us, erases the credential and leaves the account
    /// `DISCONNECTED`. Needs `connected_accounts:revoke`. An account that is disconnected already stays so.
    ///
    /// # Errors
    /// `account_not_found`. What the provider says is an event, not an error.
    pub async fn disconnect_account(
        &self,
        _caller: &Caller,
        _account: &AccountRef,
    ) -> Result<AccountView, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Revokes the grant at the provider as far as that lets us, then deletes the account with its credential. Its
    /// events and executions stay. Needs `connected_accounts:revoke`.
    ///
    /// # Errors
    /// `account_not_found`.
    pub async fn delete_account(&self, _caller: &Caller, _account: &AccountRef) -> Result<(), Error> {
        Err(Error::internal("not written yet"))
    }
}
