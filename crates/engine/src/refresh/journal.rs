//! The journal of attempts, as it is read.

use valetkey_domain::{Caller, Error, Page, PageRequest, Permission, RefreshAttempt};

use crate::{AccountRef, Engine};

impl Engine {
    /// The attempts to renew an account's credential, newest first; an attempt without outcome is under way. Needs
    /// `connected_accounts:read`.
    ///
    /// # Errors
    /// As [`Engine::find_account`].
    pub async fn refreshes(
        &self,
        caller: &Caller,
        account: &AccountRef,
        page: &PageRequest,
    ) -> Result<Page<RefreshAttempt>, Error> {
        caller.require(Permission::AccountsRead)?;
        let (account, _) = self.resolve_account(&caller.environment, account, None).await?;
        Ok(self.0.store.refreshes(&account.id, page).await?)
    }
}
