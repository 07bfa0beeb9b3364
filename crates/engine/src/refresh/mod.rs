//! Renewing credentials: one function for calls, for "refresh now" and for a background job.
//!
//! claim → re-read → still due? → ask the provider *with the re-read token* → classify → make the outcome durable →
//! wake everybody who waited. A flight (see [`flight`]) is the claim; what comes after the provider's answer is in
//! [`outcome`].

mod flight;
mod outcome;

use time::Duration;
use valetkey_domain::{
    Account, AccountId, AccountStatus, Caller, Connection, Credential, Error, ErrorCode, Permission, Time,
    credential::OAuthTokens,
};
use valetkey_upstream::{
    connector::{Auth, Connector, RefreshBy},
    oauth::{self, ClientConfig},
};

pub(crate) use self::flight::{Ready, Refreshes};
use crate::{AccountRef, AccountView, Engine, context::target, execute::refusal};

/// How often a refused credential is looked at again when somebody else's refresh did not bring another one.
const ROUNDS: u32 = 3;

/// Why a credential is to be renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is about to expire.
    Due,
    /// The API refused the credential of this generation.
    Refused {
        /// The generation that was refused.
        generation: u64,
    },
    /// Somebody wants it renewed.
    Asked {
        /// Who, as written into events.
        actor: String,
    },
}

/// What a credential allows at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    /// It is good, or nothing is known against it.
    Good,
    /// It still works and is to be renewed.
    Due,
    /// It no longer works and is to be renewed.
    Over,
    /// It no longer works, and there is nothing to renew it with.
    Lost,
}

/// Whether there is something to renew `tokens` with.
fn is_renewable(connector: &Connector, tokens: &OAuthTokens) -> bool {
    match &connector.auth {
        Auth::ClientCredentials(_) => true,
        Auth::OAuth(profile) => match profile.refresh.by {
            RefreshBy::RefreshToken => tokens.refresh_token.is_some(),
            RefreshBy::AccessToken | RefreshBy::ClientCredentials => true,
            RefreshBy::Never => false,
        },
        Auth::Static(..) | Auth::None => false,
    }
}

/// How `tokens`, stored at `stored_at`, stand at `now`. The margin is the connector's, but never more than half of
/// the token's life: else a provider of short-lived tokens would be asked before every call.
fn freshness(connector: &Connector, tokens: &OAuthTokens, stored_at: Time, now: Time) -> Freshness {
    let Some(expires_at) = tokens.expires_at else { return Freshness::Good };
    let over = expires_at <= now;
    if !is_renewable(connector, tokens) {
        return if over { Freshness::Lost } else { Freshness::Good };
    }
    if over {
        return Freshness::Over;
    }
    let Some(profile) = connector.auth.oauth() else { return Freshness::Good };
    let half_life = (expires_at - stored_at) / 2;
    let margin = Duration::seconds(i64::from(profile.refresh.margin_seconds)).min(half_life);
    let earliest = stored_at + Duration::seconds(i64::from(profile.refresh.min_interval_seconds));
    if expires_at - margin <= now && earliest <= now { Freshness::Due } else { Freshness::Good }
}

impl Engine {
    /// Renews an account's credential now, whether or not it is due. Needs `connected_accounts:write`. An `EXPIRED`
    /// account whose credential can be renewed is `ACTIVE` again.
    ///
    /// # Errors
    /// `account_not_found`, `refresh_not_possible`, the error of the account's status, `refresh_refused`,
    /// `invalid_client`, `upstream_…`.
    pub async fn refresh_account(&self, caller: &Caller, account: &AccountRef) -> Result<AccountView, Error> {
        caller.require(Permission::AccountsWrite)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        match self.refresh_now(caller, &account, &connection).await {
            Ok(renewed) => Ok(self.account_view(renewed, &connection)),
            Err(error) => Err(self.with_link(caller, &account, error).await),
        }
    }

    async fn refresh_now(
        &self,
        caller: &Caller,
        account: &Account,
        connection: &Connection,
    ) -> Result<Account, Error> {
        self.require_enabled(connection)?;
        let connector = self.connector_of(connection)?;
        if connector.auth.oauth().is_none() {
            return Err(Error::new(ErrorCode::RefreshNotPossible).account(&account.id));
        }
        if !matches!(account.status(), AccountStatus::Active | AccountStatus::Expired)
            && let Some(error) = refusal::refusal(account, connection)
        {
            return Err(error);
        }
        let (credential, _) = self.stored_credential(account).await?;
        match &credential {
            Credential::OAuth(tokens) if is_renewable(connector, tokens) => {}
            _ => return Err(Error::new(ErrorCode::RefreshNotPossible).account(&account.id)),
        }
        let why = Why::Asked { actor: caller.actor() };
        match self.renew(account, connection, &why).await {
            Ok(ready) => Ok(ready.account),
            // Asked for a refresh, the answer is about the refresh; the account's status says the rest.
            Err(error) if matches!(error.code(), ErrorCode::AccountExpired | ErrorCode::AccountRevoked) => {
                let evidence = error.details().provider.clone().unwrap_or_default();
                Err(Error::new(ErrorCode::RefreshRefused)
                    .account(&account.id)
                    .provider(evidence)
                    .because(error))
            }
            Err(error) => Err(error),
        }
    }

    /// The account with the credential to use for it now: renewed first if it is about to expire. A renewal that
    /// fails for a passing reason is no matter as long as the credential still works.
    ///
    /// # Errors
    /// The error of the account's status once the grant is known to be over, `invalid_client` and `upstream_…` when
    /// the credential no longer works and could not be renewed.
    pub(crate) async fn ready(&self, account: &Account, connection: &Connection) -> Result<Ready, Error> {
        let (credential, stored) = self.stored_credential(account).await?;
        let (Credential::OAuth(tokens), Some(stored)) = (&credential, stored) else {
            return Ok(Ready { account: account.clone(), credential });
        };
        let connector = self.connector_of(connection)?;
        let freshness = freshness(connector, tokens, stored.created_at, self.now());
        match freshness {
            Freshness::Good => Ok(Ready { account: account.clone(), credential }),
            Freshness::Lost => Err(self.ran_out(account, connection, stored.generation).await?),
            Freshness::Due => match self.renew(account, connection, &Why::Due).await {
                Err(error) if !is_about_the_grant(&error) => {
                    tracing::debug!(%error, account = %account.id, "going on with the credential that still works");
                    Ok(Ready { account: account.clone(), credential })
                }
                landing => landing,
            },
            Freshness::Over => self.renew(account, connection, &Why::Due).await,
        }
    }

    /// Renews the credential of `account`, or waits for the renewal that is under way.
    pub(crate) async fn renew(
        &self,
        account: &Account,
        connection: &Connection,
        why: &Why,
    ) -> Result<Ready, Error> {
        let refreshes = &self.0.calls.refreshes;
        for _ in 0..ROUNDS {
            if let Some(error) = self.held_back(account, connection, why) {
                return Err(error);
            }
            let (engine, id, reason) = (self.clone(), account.id.clone(), why.clone());
            let (landing, joined) = refreshes
                .join(&account.id, &self.0.tasks, || async move { engine.fly(&id, &reason).await })
                .await;
            match (&landing, why) {
                // Somebody else's flight found the credential still good, which we know it is not.
                (Ok(ready), Why::Refused { generation })
                    if joined && ready.account.generation <= *generation => {}
                _ => return landing,
            }
        }
        Err(Error::new(ErrorCode::UpstreamUnauthorized).account(&account.id))
    }

    /// Why the provider is not asked again yet: an earlier refresh failed a moment ago.
    fn held_back(&self, account: &Account, connection: &Connection, why: &Why) -> Option<Error> {
        let refreshes = &self.0.calls.refreshes;
        let now = self.now();
        let pause = refreshes
            .pause(&flight::of_account(&account.id), now)
            .or_else(|| refreshes.pause(&flight::of_connection(connection), now))?;
        // A person who asks may be early, but not earlier than the provider wants.
        if matches!(why, Why::Asked { .. }) && !pause.asked_for {
            return None;
        }
        let wait = u64::try_from((pause.until - now).whole_milliseconds()).unwrap_or_default();
        Some(pause.error.retry_after_ms(wait))
    }

    /// The flight itself: everything is read afresh, since whoever started it may have waited.
    async fn fly(&self, id: &AccountId, why: &Why) -> Result<Ready, Error> {
        let account = self.0.store.account(id).await?;
        let account = account.ok_or_else(|| Error::new(ErrorCode::AccountNotFound))?;
        let connection = self.connection_of(&account).await?;
        let may_be_expired = matches!(why, Why::Asked { .. });
        if !(may_be_expired && account.status() == AccountStatus::Expired)
            && let Some(error) = refusal::refusal(&account, &connection)
        {
            return Err(error);
        }
        let (credential, stored) = self.stored_credential(&account).await?;
        let (Credential::OAuth(tokens), Some(stored)) = (&credential, stored) else {
            return Err(Error::new(ErrorCode::RefreshNotPossible).account(&account.id));
        };
        let connector = self.connector_of(&connection)?.clone();
        let Some(profile) = connector.auth.oauth().filter(|_| is_renewable(&connector, tokens)) else {
            return Err(Error::new(ErrorCode::RefreshNotPossible).account(&account.id));
        };
        let now = self.now();
        let still_due = match why {
            Why::Due => freshness(&connector, tokens, stored.created_at, now) != Freshness::Good,
            Why::Refused { generation } => stored.generation <= *generation,
            Why::Asked { .. } => true,
        };
        if !still_due {
            return Ok(Ready { account, credential });
        }
        // A renewed token that cannot be stored is lost, and with a rotating one so is the grant: no request to the
        // provider while the database takes no writes.
        self.0.store.check().await?;
        let client = self.oauth_client(&connection).await?;
        let redirect_uri = self.redirect_uri(&connection);
        let config = ClientConfig {
            target: target(&connector, &connection, &account.metadata),
            profile,
            client_id: &client.id,
            client_secret: client.secret.as_ref(),
            redirect_uri: &redirect_uri,
        };
        let by_client = matches!(connector.auth, Auth::ClientCredentials(_));
        let reply = if by_client {
            let scopes = oauth::requested_scopes(profile, &connection.scopes);
            oauth::client_credentials(&self.0.egress, &config, &scopes, now).await
        } else {
            oauth::refresh(&self.0.egress, &config, tokens, &account.scopes, now).await
        };
        let attempt = outcome::Attempt { account, connection, tokens, generation: stored.generation, why };
        match reply {
            Ok(reply) => self.settle_renewal(attempt, reply).await,
            Err(failure) => self.settle_failure(attempt, failure).await,
        }
    }
}

/// Whether the error says that the credential must not be used, even if it still works.
fn is_about_the_grant(error: &Error) -> bool {
    let gone = matches!(error.code(), ErrorCode::AccountNotFound | ErrorCode::SealRefused);
    error.code().is_account_status() || (gone && error.details().account.is_some())
}
