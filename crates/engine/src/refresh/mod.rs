//! Renewing credentials: one function for calls, for "refresh now" and for the background.
//!
//! Everybody who needs a renewal joins the [`flight`] of the account in this process. The flight reads everything afresh
//! and asks whether the credential is still due ([`due`], [`gate`]); takes the lease, which is also the journal entry and
//! the proof that storage takes writes ([`claim`]); asks the provider with the token it has just read ([`call`]); and
//! makes the outcome durable before anybody uses it ([`outcome`], [`failure`], [`death`]). An attempt without outcome is
//! taken over and recovered ([`recovery`]). See `docs/decisions/0010-refresh-ledger.md`.

mod background;
mod backoff;
mod breaker;
mod call;
mod claim;
mod death;
mod due;
mod evidence;
mod failure;
mod flight;
mod frozen;
mod gate;
mod journal;
mod outcome;
mod recovery;
pub(crate) mod schedule;

use std::sync::Arc;

use valetkey_domain::{
    Account, AccountId, AccountStatus, Caller, Connection, Credential, Error, ErrorCode, Permission, Time,
    credential::OAuthTokens, refresh::RefreshReason,
};
use valetkey_upstream::connector::Connector;

use self::due::Freshness;
pub(crate) use self::due::{is_renewable, rotates};
pub(crate) use self::flight::{Ready, Refreshes};
use crate::{
    AccountRef, AccountView, Engine,
    execute::{call::Deadline, refusal},
};

/// How often a credential is looked at again when somebody else's renewal did not bring another one.
const ROUNDS: u32 = 3;

/// Why a credential is to be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// The reason, as it is journalled.
    pub(crate) reason: RefreshReason,
    /// Only if the stored credential is of this generation or an older one; otherwise only if it is due.
    pub(crate) generation: Option<u64>,
    /// Who, as written into events.
    pub(crate) actor: String,
}

impl Why {
    /// It is about to expire.
    fn due() -> Self {
        Self { reason: RefreshReason::Due, generation: None, actor: "system".into() }
    }

    /// Whatever its expiry, the credential of this generation is to be replaced.
    pub(crate) fn replace(reason: RefreshReason, generation: u64) -> Self {
        Self { reason, generation: Some(generation), actor: "system".into() }
    }

    /// Whether a call waits for it: the account is in use.
    fn is_for_a_call(&self) -> bool {
        matches!(self.reason, RefreshReason::Due | RefreshReason::Refused | RefreshReason::Asked)
    }
}

/// A credential that is to be renewed, and all that it takes, read in one go.
#[derive(Clone)]
pub(crate) struct Subject {
    account: Account,
    connection: Connection,
    connector: Arc<Connector>,
    tokens: OAuthTokens,
    /// The generation of the tokens.
    generation: u64,
    /// When the tokens were stored.
    stored_at: Time,
}

impl Engine {
    /// Renews an account's credential now, whether or not it is due. Needs `connected_accounts:write`. An `EXPIRED`
    /// account whose credential can be renewed is `ACTIVE` again.
    ///
    /// # Errors
    /// `account_not_found`, `refresh_not_possible`, the error of the account's status, `refresh_refused`,
    /// `refresh_outcome_lost`, `provider_identity_changed`, `refresh_too_early`, `renewals_paused`, `grant_frozen`, `invalid_client`, `upstream_…`.
    pub async fn refresh_account(&self, caller: &Caller, account: &AccountRef) -> Result<AccountView, Error> {
        caller.require(Permission::AccountsWrite)?;
        let deadline = self.deadline(None);
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        if let Some(entry) = self.audit_person(caller, "account.refresh_asked", account.id.as_str()) {
            self.commit(entry).await?;
        }
        match self.refresh_now(caller, &account, &connection, deadline).await {
            Ok(renewed) => Ok(self.account_view(renewed, &connection)),
            Err(error) => Err(self.with_link(caller, &account, error).await),
        }
    }

    async fn refresh_now(
        &self,
        caller: &Caller,
        account: &Account,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<Account, Error> {
        self.require_enabled(connection)?;
        let connector = self.connector_of(connection)?;
        let not_possible = || Error::new(ErrorCode::RefreshNotPossible).account(&account.id);
        if connector.auth.oauth().is_none() {
            return Err(not_possible());
        }
        if !matches!(account.status(), AccountStatus::Active | AccountStatus::Expired)
            && let Some(error) = refusal::refusal(account, connection)
        {
            return Err(error);
        }
        let (credential, stored) = self.stored_credential(account).await?;
        let (Credential::OAuth(tokens), Some(stored)) = (&credential, stored) else {
            return Err(not_possible());
        };
        if !due::is_renewable(connector, tokens) {
            return Err(not_possible());
        }
        if let Some(refused) = self.refused_lately(account, stored.generation).await? {
            return Err(refused);
        }
        let why = Why { actor: caller.actor(), ..Why::replace(RefreshReason::Asked, stored.generation) };
        match deadline.hold(self.renew(account, connection, &why)).await {
            Ok(ready) => Ok(ready.account),
            // Asked for a refresh, the answer is about the refresh; the account's status says the rest.
            Err(error) if matches!(error.code(), ErrorCode::AccountExpired | ErrorCode::AccountRevoked) => {
                let cause = self.0.store.account(&account.id).await?.and_then(|account| account.cause);
                let code = death::answer_to_asking(cause);
                let evidence = error.details().provider.clone().unwrap_or_default();
                Err(Error::new(code).account(&account.id).provider(evidence).because(error))
            }
            Err(error) => Err(error),
        }
    }

    /// The account with the credential to use for it now: renewed first if it is about to expire. As long as the
    /// credential still works, a renewal that fails for a passing reason or takes long is no matter.
    ///
    /// # Errors
    /// The error of the account's status once the grant is known to be over; `invalid_client`, `renewals_paused`,
    /// `grant_frozen` and `upstream_…` when the credential no longer works and could not be renewed within the
    /// deadline.
    pub(crate) async fn ready(
        &self,
        account: &Account,
        connection: &Connection,
        deadline: Deadline,
    ) -> Result<Ready, Error> {
        let (credential, stored) = self.stored_credential(account).await?;
        let (Credential::OAuth(tokens), Some(stored)) = (&credential, stored) else {
            return Ok(Ready { account: account.clone(), credential, generation: 0 });
        };
        let connector = self.connector_of(connection)?;
        let expires_at = tokens.expires_at.or(account.token_expires_at);
        let freshness = due::freshness(connector, tokens, expires_at, stored.created_at, self.now());
        let generation = stored.generation;
        match freshness {
            Freshness::Good => Ok(Ready { account: account.clone(), credential, generation }),
            Freshness::Lost => Err(self.ran_out(account, connection, generation).await?),
            Freshness::Over => deadline.hold(self.renew(account, connection, &Why::due())).await,
            Freshness::Due => {
                let why = Why::due();
                let renewal =
                    tokio::time::timeout(deadline.patience(), self.renew(account, connection, &why));
                match renewal.await {
                    Ok(Ok(ready)) => return Ok(ready),
                    Ok(Err(error)) if is_about_the_grant(&error) => return Err(error),
                    Ok(Err(error)) => {
                        tracing::debug!(%error, account = %account.id, "going on with the credential that still works");
                    }
                    Err(_) => {
                        tracing::debug!(account = %account.id, "not waiting longer: the credential still works");
                    }
                }
                Ok(Ready { account: account.clone(), credential, generation })
            }
        }
    }

    /// Renews the credential of `account`, or waits for the renewal that is under way. Waits as long as that takes:
    /// hold it to the caller's deadline.
    pub(crate) async fn renew(
        &self,
        account: &Account,
        connection: &Connection,
        why: &Why,
    ) -> Result<Ready, Error> {
        let refreshes = &self.0.calls.refreshes;
        for _ in 0..ROUNDS {
            // What a person who asks is told depends on more than the account: the flight finds out.
            if why.reason != RefreshReason::Asked
                && let Some(error) = self.held_back(account, connection, why)
            {
                return Err(error);
            }
            let (engine, id, reason) = (self.clone(), account.id.clone(), why.clone());
            let (landing, joined) = refreshes
                .join(&account.id, &self.0.tasks, || async move { engine.fly(&id, &reason).await })
                .await;
            match (&landing, why.generation) {
                // Somebody else's flight found the credential still good, which we know it is not.
                (Ok(ready), Some(generation)) if joined && ready.generation <= generation => {}
                _ => return landing,
            }
        }
        Err(Error::new(ErrorCode::UpstreamUnauthorized).account(&account.id))
    }

    /// Reads what a renewal works on; the credential as it is if there is nothing to do any more.
    ///
    /// # Errors
    /// The error of the account's status; `refresh_not_possible`.
    async fn subject(&self, id: &AccountId, why: &Why) -> Result<Result<Subject, Ready>, Error> {
        let account = self.0.store.account(id).await?;
        let account = account.ok_or_else(|| Error::new(ErrorCode::AccountNotFound).account(id))?;
        let connection = self.connection_of(&account).await?;
        let may_be_expired = why.reason == RefreshReason::Asked;
        if !(may_be_expired && account.status() == AccountStatus::Expired)
            && let Some(error) = refusal::refusal(&account, &connection)
        {
            return Err(error);
        }
        let (credential, stored) = self.stored_credential(&account).await?;
        let not_possible = Error::new(ErrorCode::RefreshNotPossible).account(&account.id);
        let Some(stored) = stored else { return Err(not_possible) };
        let Credential::OAuth(tokens) = &credential else { return Err(not_possible) };
        let connector = self.connector_of(&connection)?.clone();
        if !due::is_renewable(&connector, tokens) {
            return Err(not_possible);
        }
        let (generation, stored_at) = (stored.generation, stored.created_at);
        let is_due = match why.generation {
            Some(wanted) => generation <= wanted,
            None => {
                let expires_at = tokens.expires_at.or(account.token_expires_at);
                due::freshness(&connector, tokens, expires_at, stored_at, self.now()) != Freshness::Good
            }
        };
        if !is_due {
            return Ok(Err(Ready { account, credential, generation }));
        }
        let tokens = tokens.clone();
        Ok(Ok(Subject { account, connection, connector, tokens, generation, stored_at }))
    }
}

/// Whether the error says that the credential must not be used, even if it still works.
fn is_about_the_grant(error: &Error) -> bool {
    let gone = matches!(error.code(), ErrorCode::AccountNotFound | ErrorCode::SealRefused);
    error.code().is_account_status() || (gone && error.details().account.is_some())
}
