//! Ending a connected account: at the provider as far as that lets us, here in any case.

use std::time::Duration;

use serde_json::{Value, json};
use valetkey_domain::{
    Account, AccountStatus, Caller, Change, Changes, Connection, Credential, Error, ErrorCode, Permission,
    StoreError,
    credential::OAuthTokens,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::oauth::{self, ClientConfig, RevokeOutcome};

use crate::{AccountRef, AccountView, Engine, context::target};

/// How long the provider may take. The local end does not wait longer.
const PROVIDER_DEADLINE: Duration = Duration::from_secs(10);
/// How often the end is tried when other writers are at the account too.
const WRITE_ROUNDS: u32 = 8;

/// How an account ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Disconnect,
    Delete,
}

impl Engine {
    /// Revokes the grant at the provider as far as that lets us, erases the credential and leaves the account
    /// `DISCONNECTED`. Needs `connected_accounts:revoke`. An account that is disconnected already stays so.
    ///
    /// # Errors
    /// `account_not_found`. What the provider says is an event, not an error.
    pub async fn disconnect_account(
        &self,
        caller: &Caller,
        account: &AccountRef,
    ) -> Result<AccountView, Error> {
        caller.require(Permission::AccountsRevoke)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        let ended =
            self.end_in_background(account, connection.clone(), caller.actor(), End::Disconnect).await?;
        Ok(self.account_view(ended, &connection))
    }

    /// Revokes the grant at the provider as far as that lets us, then deletes the account with its credential. Its
    /// events and executions stay. Needs `connected_accounts:revoke`.
    ///
    /// # Errors
    /// `account_not_found`.
    pub async fn delete_account(&self, caller: &Caller, account: &AccountRef) -> Result<(), Error> {
        caller.require(Permission::AccountsRevoke)?;
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        self.end_in_background(account, connection, caller.actor(), End::Delete).await?;
        Ok(())
    }

    /// A caller that hangs up after the provider revoked must not leave the credential here.
    async fn end_in_background(
        &self,
        account: Account,
        connection: Connection,
        actor: String,
        end: End,
    ) -> Result<Account, Error> {
        let engine = self.clone();
        let task =
            self.0.tasks.spawn(async move { engine.end_account(account, connection, actor, end).await });
        task.await.map_err(|failure| Error::internal(format!("ending an account: {failure}")))?
    }

    async fn end_account(
        &self,
        account: Account,
        connection: Connection,
        actor: String,
        end: End,
    ) -> Result<Account, Error> {
        let id = account.id.clone();
        // A refresh under way would bring tokens that nobody revokes.
        self.0.calls.refreshes.idle(&id).await;
        let mut receipt = None;
        let mut revoked_generation = None;
        for _ in 0..WRITE_ROUNDS {
            let Some(account) = self.0.store.account(&id).await? else {
                return if end == End::Delete {
                    Ok(account)
                } else {
                    Err(Error::new(ErrorCode::AccountNotFound))
                };
            };
            if end == End::Disconnect && account.status() == AccountStatus::Disconnected {
                return Ok(account);
            }
            if revoked_generation != Some(account.generation) {
                receipt = self.revocation(&account, &connection).await?;
                revoked_generation = Some(account.generation);
            }
            let mut changes = Changes::new();
            if let Some(receipt) = &receipt {
                let event = NewEvent::of_account(&account, EventKind::RevocationReceipt);
                changes = changes.and(self.event(event.by(&actor).data(receipt.clone())));
            }
            let (changes, ended) = self.local_end(changes, account, &actor, end)?;
            match self.0.store.commit(changes).await {
                Ok(()) => return Ok(ended),
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Error::new(ErrorCode::Conflict).account(&id))
    }

    fn local_end(
        &self,
        changes: Changes,
        account: Account,
        actor: &str,
        end: End,
    ) -> Result<(Changes, Account), Error> {
        match end {
            End::Disconnect => {
                let transition = account.disconnect(self.now())?;
                let mut ended = transition.account;
                ended.version += 1;
                let changes = changes
                    .and(Change::UpdateAccount(ended.clone()))
                    .and(Change::EraseCredentials(ended.id.clone()))
                    .and(self.event(transition.event.by(actor)));
                Ok((changes, ended))
            }
            End::Delete => {
                let event = NewEvent::of_account(&account, EventKind::AccountDeleted).by(actor).data(json!({
                    "identifier": account.identifier,
                    "status": account.status().as_str(),
                }));
                let changes = changes.and(Change::DeleteAccount(account.id.clone())).and(self.event(event));
                Ok((changes, account))
            }
        }
    }

    /// Revokes what is stored and says what became of it; `None` if nothing is stored. A credential that does not
    /// open or an unknown connector is no reason to keep it.
    async fn revocation(&self, account: &Account, connection: &Connection) -> Result<Option<Value>, Error> {
        let Some(stored) = self.0.store.credential(&account.id).await? else { return Ok(None) };
        match self.open_credential(account, &stored).await {
            Ok(credential) => Ok(Some(self.revoke_at_provider(account, connection, &credential).await)),
            Err(error) => Ok(Some(json!({"outcome": "failed", "code": error.code().as_str()}))),
        }
    }

    /// Revokes a credential at the provider, within ten seconds, and gives the receipt for the history.
    pub(crate) async fn revoke_at_provider(
        &self,
        account: &Account,
        connection: &Connection,
        credential: &Credential,
    ) -> Value {
        let Credential::OAuth(tokens) = credential else {
            return json!({"outcome": "not_offered", "detail": "only the user or the provider's console can revoke this kind of credential"});
        };
        match tokio::time::timeout(PROVIDER_DEADLINE, self.revoke_tokens(account, connection, tokens)).await {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => json!({
                "outcome": "failed",
                "code": error.code().as_str(),
                "detail": error.details().message,
            }),
            Err(_) => json!({"outcome": "failed", "code": ErrorCode::UpstreamTimeout.as_str()}),
        }
    }

    async fn revoke_tokens(
        &self,
        account: &Account,
        connection: &Connection,
        tokens: &OAuthTokens,
    ) -> Result<Value, Error> {
        let connector = self.connector_of(connection)?;
        let Some(profile) = connector.auth.oauth() else { return Ok(json!({"outcome": "not_offered"})) };
        let client = self.oauth_client(connection).await?;
        let redirect_uri = self.redirect_uri(connection);
        let config = ClientConfig {
            target: target(connector, connection, &account.metadata),
            profile,
            client_id: &client.id,
            client_secret: client.secret.as_ref(),
            redirect_uri: &redirect_uri,
        };
        let outcome = oauth::revoke(&self.0.egress, &config, tokens).await?;
        Ok(match outcome {
            RevokeOutcome::NotOffered => json!({
                "outcome": "not_offered",
                "detail": "the provider has no way to revoke; the user can remove the app's access there",
            }),
            RevokeOutcome::Revoked { tokens, reach } => json!({
                "outcome": "revoked",
                "tokens": tokens.iter().map(|token| format!("{token:?}")).collect::<Vec<_>>(),
                "reach": format!("{reach:?}"),
            }),
            RevokeOutcome::Refused { evidence, transient, .. } => json!({
                "outcome": "failed",
                "evidence": evidence,
                "transient": transient,
            }),
        })
    }
}
