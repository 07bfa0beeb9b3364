//! What the background does about one account. The loop around it is not here.

use time::Duration;
use valetkey_domain::{
    Account, AccountId, AccountStatus, Change, Connection, Credential, Error, ErrorCode, Time,
    refresh::RefreshReason,
};

use super::{
    Why, backoff,
    schedule::{self, Task},
};
use crate::Engine;

/// When an account is looked at again whose renewal was held back for a reason that names no time.
const LOOK_AGAIN_AFTER: Duration = Duration::minutes(1);
/// Accounts that were held back together do not come back together.
const STAGGER: Duration = Duration::seconds(10);

impl Engine {
    /// Renews the credential of an account whose `refresh_at` has come, if it still is to be renewed, and sets when it
    /// comes due next, whatever happens.
    ///
    /// # Errors
    /// Why it could not be renewed now.
    pub(crate) async fn renew_ahead(&self, id: &AccountId) -> Result<(), Error> {
        let Some(account) = self.0.store.account(id).await? else { return Ok(()) };
        if account.status() != AccountStatus::Active {
            return Ok(());
        }
        let connection = self.connection_of(&account).await?;
        let connector = self.connector_of(&connection)?;
        let (credential, stored) = self.stored_credential(&account).await?;
        let (Credential::OAuth(tokens), Some(stored)) = (&credential, stored) else { return Ok(()) };
        let (now, generation) = (self.now(), stored.generation);
        let used_at = account.last_used_at.unwrap_or(account.created_at).max(account.created_at);
        let next = schedule::next(connector, tokens, &account, stored.created_at, used_at, now);
        let reason = match next {
            // It failed before, or its outcome is unknown: that comes first, whatever the expiry.
            Some(_) if account.degraded.is_some() => RefreshReason::Ahead,
            Some((at, Task::Ahead)) if at <= now => RefreshReason::Ahead,
            Some((at, Task::KeepAlive)) if at <= now => RefreshReason::KeepAlive,
            other => {
                let at = other.map(|(at, _)| at);
                return self.commit(Change::ScheduleRefresh { id: id.clone(), generation, at }).await;
            }
        };
        self.renew_in_background(&account, &connection, &Why::replace(reason, generation)).await
    }

    /// Renews, and puts the account off if that did not work.
    pub(super) async fn renew_in_background(
        &self,
        account: &Account,
        connection: &Connection,
        why: &Why,
    ) -> Result<(), Error> {
        let renewed = match self.require_enabled(connection) {
            Ok(()) => self.renew(account, connection, why).await,
            Err(disabled) => Err(disabled),
        };
        let Err(error) = renewed else { return Ok(()) };
        // An account that ended is not due any more, and one that cannot be renewed never is.
        if !error.code().is_account_status() && error.code() != ErrorCode::AccountNotFound {
            let at = Some(self.put_off_until(&error));
            let generation = why.generation.unwrap_or(account.generation);
            self.commit(Change::ScheduleRefresh { id: account.id.clone(), generation, at }).await?;
        }
        Err(error)
    }

    fn put_off_until(&self, error: &Error) -> Time {
        let stated = error.details().retry_after_ms.and_then(|wait| i64::try_from(wait).ok());
        let wait = stated.map_or(LOOK_AGAIN_AFTER, Duration::milliseconds);
        // A short wait is not lengthened: a lost answer is recovered within the minute.
        let is_long = wait >= LOOK_AGAIN_AFTER;
        let stagger = if is_long { backoff::part_of(STAGGER, &*self.0.entropy) } else { Duration::ZERO };
        self.now() + wait + stagger
    }
}
