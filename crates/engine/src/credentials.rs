//! Credentials in and out of the vault, and the OAuth client that a connection works with.
//!
//! A sealed credential opens for its own account, field and generation only. When it does not, nothing of it is used:
//! the call fails with `seal_refused`, an event tells of it and the log raises an alarm.

use serde_json::json;
use valetkey_domain::{
    Account, AccountStatus, AuthType, Caller, Connection, Credential, Error, ErrorCode, PendingRevocation,
    Permission, SealedBlob, SecretString,
    credential::OAuthTokens,
    event::{EventKind, NewEvent},
    sealed::SealContext,
    store::StoredCredential,
};

use crate::{AccountRef, AccountView, Engine};

/// The field that an account's credential is sealed for.
pub(crate) const CREDENTIAL: &str = "credential";
/// The field that a connection's client secret is sealed for.
pub(crate) const CLIENT_SECRET: &str = "client_secret";

/// The OAuth client of a connection, in the clear for the length of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct OAuthClient {
    /// Its id; empty for the few providers that want none.
    pub(crate) id: String,
    /// Its secret, unless it is a public client.
    pub(crate) secret: Option<SecretString>,
}

fn credential_context(account: &Account, generation: u64) -> SealContext<'_> {
    SealContext {
        environment: account.environment.as_str(),
        record: account.id.as_str(),
        field: CREDENTIAL,
        generation,
    }
}

fn client_secret_context(connection: &Connection) -> SealContext<'_> {
    SealContext {
        environment: connection.environment.as_str(),
        record: connection.id.as_str(),
        field: CLIENT_SECRET,
        generation: 0,
    }
}

impl Engine {
    /// An account, with its credential for callers that may read credentials: renewed first if it is about to expire,
    /// and never with a refresh token, which leaves by no door. Needs `connected_accounts:access` or
    /// `connected_accounts:read`; without `credentials:read`, and for an account that cannot be used now, there is no
    /// credential.
    ///
    /// # Errors
    /// As [`Engine::find_account`]; `upstream_…`, `invalid_client` and `seal_refused` when the credential cannot be had.
    pub async fn read_credential(
        &self,
        caller: &Caller,
        account: &AccountRef,
    ) -> Result<(AccountView, Option<Credential>), Error> {
        // Who may make links may look at what came of them.
        if !caller.permissions.allows(Permission::AccountsAccess) {
            caller.require(Permission::AccountsRead)?;
        }
        let deadline = self.deadline(None);
        let (account, connection) = self.resolve_account(&caller.environment, account, None).await?;
        let may_read = caller.permissions.allows(Permission::CredentialsRead);
        if !may_read || !connection.enabled || account.status() != AccountStatus::Active {
            return Ok((self.account_view(account, &connection), None));
        }
        match self.ready(&account, &connection, deadline).await {
            Ok(ready) => {
                let credential = match ready.credential {
                    Credential::OAuth(tokens) => {
                        Credential::OAuth(OAuthTokens { refresh_token: None, ..tokens })
                    }
                    other => other,
                };
                Ok((self.account_view(ready.account, &connection), Some(credential)))
            }
            Err(error) if error.code().is_account_status() => {
                let account = self.0.store.account(&account.id).await?.unwrap_or(account);
                Ok((self.account_view(account, &connection), None))
            }
            Err(error) => Err(error),
        }
    }

    /// Seals `credential` as the one of `account` at the generation the account shows. Commit both together.
    pub(crate) async fn seal_credential(
        &self,
        account: &Account,
        credential: &Credential,
    ) -> Result<SealedBlob, Error> {
        self.0.keyring.seal(credential_context(account, account.generation), &credential.to_bytes()).await
    }

    /// Opens the stored credential of `account`. The account must have been read before the credential.
    ///
    /// # Errors
    /// `seal_refused`, with an event and an alarm, when the blob is not this account's credential of this generation
    /// or an older one was put in its place.
    pub(crate) async fn open_credential(
        &self,
        account: &Account,
        stored: &StoredCredential,
    ) -> Result<Credential, Error> {
        let opened = if stored.account != account.id || stored.generation < account.generation {
            // Whoever reads the account first can only find the same generation or a newer one: an older one was put
            // back by hand.
            Err(Error::new(ErrorCode::SealRefused).because("the stored credential is of an older generation"))
        } else {
            self.0
                .keyring
                .open(credential_context(account, stored.generation), &stored.sealed)
                .await
                .and_then(|bytes| {
                    Credential::from_bytes(&bytes)
                        .map_err(|reason| Error::new(ErrorCode::SealRefused).because(reason))
                })
        };
        match opened {
            Ok(credential) => Ok(credential),
            Err(refused) => {
                if refused.code() == ErrorCode::SealRefused {
                    let event = NewEvent::of_account(account, EventKind::SealRefused);
                    self.raise_alarm(event, CREDENTIAL, stored.generation, &refused).await;
                }
                Err(refused.account(&account.id))
            }
        }
    }

    /// Opens the credential before the present one, of whose secrets something may still be told.
    ///
    /// # Errors
    /// `seal_refused`; without an alarm, since nothing is done with it.
    pub(crate) async fn open_previous(
        &self,
        account: &Account,
        stored: &StoredCredential,
    ) -> Result<Credential, Error> {
        let bytes =
            self.0.keyring.open(credential_context(account, stored.generation), &stored.sealed).await?;
        Credential::from_bytes(&bytes).map_err(|reason| Error::new(ErrorCode::SealRefused).because(reason))
    }

    /// Opens the credential that a pending revocation hands in.
    ///
    /// # Errors
    /// `seal_refused`, with an event and an alarm.
    pub(crate) async fn open_revocation(&self, pending: &PendingRevocation) -> Result<Credential, Error> {
        let context = SealContext {
            environment: pending.environment.as_str(),
            record: pending.account.as_str(),
            field: CREDENTIAL,
            generation: pending.generation,
        };
        let opened = self.0.keyring.open(context, &pending.sealed).await.and_then(|bytes| {
            Credential::from_bytes(&bytes)
                .map_err(|reason| Error::new(ErrorCode::SealRefused).because(reason))
        });
        if let Err(refused) = &opened
            && refused.code() == ErrorCode::SealRefused
        {
            let event = NewEvent {
                environment: pending.environment.clone(),
                account: Some(pending.account.clone()),
                connection: Some(pending.connection.clone()),
                kind: EventKind::SealRefused,
                actor: "system".into(),
                code: None,
                data: json!({}),
            };
            self.raise_alarm(event, CREDENTIAL, pending.generation, refused).await;
        }
        opened
    }

    /// Seals tokens that never became the credential of `account` and wait to be revoked: for generation 0, which no
    /// credential has, so that they can be put in the place of none (S29).
    pub(crate) async fn seal_stray(
        &self,
        account: &Account,
        credential: &Credential,
    ) -> Result<SealedBlob, Error> {
        self.0.keyring.seal(credential_context(account, 0), &credential.to_bytes()).await
    }

    /// Reads and opens the current credential of `account`, with its row. An account that needs none has none stored.
    pub(crate) async fn stored_credential(
        &self,
        account: &Account,
    ) -> Result<(Credential, Option<StoredCredential>), Error> {
        match self.0.store.credential(&account.id).await? {
            Some(stored) => Ok((self.open_credential(account, &stored).await?, Some(stored))),
            None if account.auth_type == AuthType::None => Ok((Credential::None, None)),
            None => Err(Error::internal("an account without a stored credential").account(&account.id)),
        }
    }

    /// Seals the secret of a connection's OAuth client.
    pub(crate) async fn seal_client_secret(
        &self,
        connection: &Connection,
        secret: &SecretString,
    ) -> Result<SealedBlob, Error> {
        use valetkey_domain::ExposeSecret;
        self.0.keyring.seal(client_secret_context(connection), secret.expose_secret().as_bytes()).await
    }

    /// Opens the secret of a connection's OAuth client.
    async fn open_client_secret(
        &self,
        connection: &Connection,
        sealed: &SealedBlob,
    ) -> Result<SecretString, Error> {
        let opened = self.0.keyring.open(client_secret_context(connection), sealed).await.and_then(|bytes| {
            match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(SecretString::from(text)),
                Err(reason) => Err(Error::new(ErrorCode::SealRefused).because(reason)),
            }
        });
        match opened {
            Ok(secret) => Ok(secret),
            Err(refused) => {
                if refused.code() == ErrorCode::SealRefused {
                    let event = NewEvent::of_connection(connection, EventKind::SealRefused);
                    self.raise_alarm(event, CLIENT_SECRET, 0, &refused).await;
                }
                Err(refused.connection(&connection.id))
            }
        }
    }

    /// The OAuth client of `connection`: its own, or the operator's shared one of the connector.
    ///
    /// # Errors
    /// `shared_credentials_unavailable`, `connection_not_configured`, `seal_refused`.
    pub(crate) async fn oauth_client(&self, connection: &Connection) -> Result<OAuthClient, Error> {
        if connection.use_shared_credentials {
            let shared = self.0.settings.shared_credentials.get(&connection.connector);
            let (id, secret) = shared.ok_or_else(|| {
                Error::new(ErrorCode::SharedCredentialsUnavailable).connection(&connection.id)
            })?;
            return Ok(OAuthClient { id: id.clone(), secret: Some(secret.clone()) });
        }
        let Some(id) = connection.client_id.clone() else {
            return Err(Error::new(ErrorCode::ConnectionNotConfigured).connection(&connection.id));
        };
        let secret = match &connection.client_secret {
            Some(sealed) => Some(self.open_client_secret(connection, sealed).await?),
            None => None,
        };
        Ok(OAuthClient { id, secret })
    }

    /// Tells of a record that did not open: in the log every time, in the history once in a while, since a caller
    /// that repeats its call is no news.
    pub(crate) async fn raise_alarm(
        &self,
        event: NewEvent,
        field: &'static str,
        generation: u64,
        refused: &Error,
    ) {
        let record = event.account.as_ref().map_or_else(
            || event.connection.as_ref().map(ToString::to_string).unwrap_or_default(),
            ToString::to_string,
        );
        tracing::error!(
            alarm = "seal_refused",
            record,
            field,
            generation,
            reason = refused.details().internal.as_deref().unwrap_or("the vault refused it"),
            "a stored secret does not open: moved, altered or sealed under another key"
        );
        if !self.0.calls.is_news(&format!("seal:{record}:{field}:{generation}")) {
            return;
        }
        let event =
            event.code(ErrorCode::SealRefused).data(json!({"field": field, "generation": generation}));
        if let Err(error) = self.commit(self.event(event)).await {
            tracing::error!(%error, record, "the event of a refused seal could not be written");
        }
    }
}
