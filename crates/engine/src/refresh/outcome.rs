//! What becomes of a renewal: new tokens are durable before anybody uses them, and a fault is blamed on whom it
//! belongs to.
//!
//! Whatever is written is fenced by the account's version and generation: a renewal that was overtaken by a new
//! authorization, a disconnection or another process writes nothing and changes no status.

use serde_json::{Value, json};
use tokio::time::Duration;
use valetkey_domain::{
    Account, AccountStatus, Change, Changes, Connection, Credential, Error, ErrorCode, SealedBlob,
    StoreError,
    account::{Grant, InvalidTransition, Transition},
    credential::OAuthTokens,
    error::ProviderEvidence,
    event::{EventKind, NewEvent},
};
use valetkey_upstream::{
    connector::Death,
    oauth::{FailureClass, TokenFailure, TokenReply},
};

use super::{
    Ready, Why,
    flight::{of_account, of_connection},
};
use crate::{Engine, execute::refusal};

/// How often a write is tried that lost against another writer.
const WRITE_ROUNDS: u32 = 8;
/// How long new tokens wait for the database, which took writes a moment ago: about twelve seconds in all.
const STORE_WAITS: [Duration; 7] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// A renewal that the provider has answered.
pub(super) struct Attempt<'a> {
    /// The account as it was read before.
    pub(super) account: Account,
    /// Its connection.
    pub(super) connection: Connection,
    /// The tokens that were renewed.
    pub(super) tokens: &'a OAuthTokens,
    /// Their generation.
    pub(super) generation: u64,
    /// Why.
    pub(super) why: &'a Why,
}

impl Attempt<'_> {
    fn actor(&self) -> String {
        match self.why {
            Why::Asked { actor } => actor.clone(),
            Why::Due | Why::Refused { .. } => "system".into(),
        }
    }

    fn reason(&self) -> &'static str {
        match self.why {
            Why::Due => "due",
            Why::Refused { .. } => "credential_refused",
            Why::Asked { .. } => "asked",
        }
    }
}

fn evidence_json(evidence: &ProviderEvidence) -> Value {
    serde_json::to_value(evidence).unwrap_or_default()
}

/// Adds details to the data of a transition's event.
fn with_data(transition: Transition, more: Value) -> Transition {
    let Transition { account, mut event } = transition;
    if let (Value::Object(data), Value::Object(more)) = (&mut event.data, more) {
        data.extend(more);
    }
    Transition { account, event }
}

impl Engine {
    /// New tokens came: store them under the next generation, then hand them out.
    pub(super) async fn settle_renewal(
        &self,
        attempt: Attempt<'_>,
        reply: TokenReply,
    ) -> Result<Ready, Error> {
        let credential = Credential::OAuth(reply.tokens.clone());
        let mut account = attempt.account.clone();
        for _ in 0..WRITE_ROUNDS {
            let before = account.scopes.clone();
            let grant = Grant {
                scopes: reply.scopes.clone().unwrap_or_else(|| before.clone()),
                token_expires_at: reply.tokens.expires_at,
                provider_subject: reply.identity.as_ref().and_then(|i| i.subject.clone()),
                label: reply.identity.as_ref().and_then(|i| i.label.clone()),
                metadata: reply.metadata.clone(),
            };
            let Ok(transition) = account.clone().refreshed(grant, self.now()) else {
                return self.too_late(&attempt, &credential).await;
            };
            let transition = with_data(transition, json!({"reason": attempt.reason()}));
            let mut renewed = transition.account;
            renewed.version += 1;
            let sealed = self.seal_tokens(&renewed, &credential).await?;
            let mut changes = Changes::new()
                .and(Change::UpdateAccount(renewed.clone()))
                .and(Change::PutCredential {
                    account: renewed.id.clone(),
                    generation: renewed.generation,
                    sealed,
                    at: self.now(),
                })
                .and(Change::DropPreviousCredentials {
                    account: renewed.id.clone(),
                    keep: renewed.generation,
                })
                .and(self.event(transition.event.by(attempt.actor())));
            if renewed.scopes != before {
                let event = NewEvent::of_account(&renewed, EventKind::ScopesChanged)
                    .data(json!({"from": before, "to": renewed.scopes}));
                changes = changes.and(self.event(event));
            }
            match self.commit_tokens(&renewed, changes).await {
                Ok(()) => {
                    self.renewal_worked(&attempt, &renewed).await;
                    return Ok(Ready { account: renewed, credential });
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
            // Somebody else wrote the account meanwhile. The new tokens are good as long as the grant is the same.
            match self.0.store.account(&account.id).await? {
                Some(now) if now.generation == attempt.generation => account = now,
                _ => return self.too_late(&attempt, &credential).await,
            }
        }
        Err(Error::new(ErrorCode::Conflict).account(&attempt.account.id))
    }

    /// Seals new tokens; patient, since they exist nowhere else and the vault may have to reserve seals in storage.
    async fn seal_tokens(&self, account: &Account, credential: &Credential) -> Result<SealedBlob, Error> {
        for wait in STORE_WAITS {
            match self.seal_credential(account, credential).await {
                Err(error) if error.code() == ErrorCode::StorageUnavailable => {
                    tracing::error!(%error, account = %account.id, "renewed tokens wait for the vault");
                    tokio::time::sleep(wait).await;
                }
                done => return done,
            }
        }
        self.seal_credential(account, credential).await.inspect_err(|error| {
            tracing::error!(%error, account = %account.id, "renewed tokens could not be sealed and are lost");
        })
    }

    /// Commits new tokens; patient for the same reason.
    async fn commit_tokens(&self, account: &Account, changes: Changes) -> Result<(), StoreError> {
        for wait in STORE_WAITS {
            match self.0.store.commit(changes.clone()).await {
                Err(StoreError::Unavailable(reason)) => {
                    tracing::error!(%reason, account = %account.id, "renewed tokens wait for the database");
                    tokio::time::sleep(wait).await;
                }
                done => return done,
            }
        }
        let done = self.0.store.commit(changes).await;
        if let Err(reason) = &done {
            tracing::error!(%reason, account = %account.id, "renewed tokens could not be stored and are lost");
        }
        done
    }

    async fn renewal_worked(&self, attempt: &Attempt<'_>, renewed: &Account) {
        let refreshes = &self.0.calls.refreshes;
        refreshes.succeeded(&of_account(&renewed.id));
        refreshes.succeeded(&of_connection(&attempt.connection));
        if matches!(attempt.why, Why::Refused { .. }) {
            refreshes.was_forced(&renewed.id, renewed.generation, self.now());
        }
        if attempt.connection.fault.is_some()
            && let Err(error) = self.clear_fault(&attempt.connection.id).await
        {
            tracing::warn!(%error, connection = %attempt.connection.id, "the connection's fault could not be cleared");
        }
    }

    /// The account moved on while the provider was asked. If it has another credential by now, that one counts; if it
    /// was disconnected or deleted, the tokens that just came must not live on.
    async fn too_late(&self, attempt: &Attempt<'_>, brought: &Credential) -> Result<Ready, Error> {
        let Some(account) = self.0.store.account(&attempt.account.id).await? else {
            self.revoke_stray(attempt, brought).await;
            return Err(Error::new(ErrorCode::AccountNotFound).account(&attempt.account.id));
        };
        if account.status() == AccountStatus::Disconnected {
            self.revoke_stray(attempt, brought).await;
        }
        self.current(account, &attempt.connection).await
    }

    async fn revoke_stray(&self, attempt: &Attempt<'_>, brought: &Credential) {
        let outcome = self.revoke_at_provider(&attempt.account, &attempt.connection, brought).await;
        tracing::info!(account = %attempt.account.id, ?outcome, "took back tokens of an account that is gone");
    }

    /// What the account can be used with now, whoever brought it about.
    async fn current(&self, account: Account, connection: &Connection) -> Result<Ready, Error> {
        if let Some(error) = refusal::refusal(&account, connection) {
            return Err(error);
        }
        let (credential, _) = self.stored_credential(&account).await?;
        Ok(Ready { account, credential })
    }

    /// The provider gave no tokens.
    pub(super) async fn settle_failure(
        &self,
        attempt: Attempt<'_>,
        failure: TokenFailure,
    ) -> Result<Ready, Error> {
        match failure.class {
            FailureClass::Dead => self.settle_death(attempt, failure).await,
            FailureClass::Transient { retry_after } => {
                let event = NewEvent::of_account(&attempt.account, EventKind::RefreshFailed)
                    .by(attempt.actor())
                    .code(failure.code)
                    .data(json!({
                        "class": "transient",
                        "reason": attempt.reason(),
                        "evidence": evidence_json(&failure.evidence),
                        "outcome_unknown": failure.outcome_unknown,
                        "generation": attempt.generation,
                    }));
                let error = Error::from(failure).account(&attempt.account.id);
                let whose = of_account(&attempt.account.id);
                self.0.calls.refreshes.failed(whose, &error, retry_after, self.now());
                if let Err(error) = self.commit(self.event(event)).await {
                    tracing::warn!(%error, account = %attempt.account.id, "a failed refresh could not be noted");
                }
                Err(error)
            }
            FailureClass::Configuration => {
                let evidence = evidence_json(&failure.evidence);
                let error = Error::from(failure).connection(&attempt.connection.id);
                let id = &attempt.connection.id;
                if let Err(error) = self.mark_fault(id, error.code(), evidence).await {
                    tracing::warn!(%error, connection = %id, "a fault could not be noted");
                }
                let connection = self.0.store.connection(id).await?.unwrap_or(attempt.connection);
                // One account found out for all of them.
                self.0.calls.refreshes.failed(of_connection(&connection), &error, None, self.now());
                Err(error)
            }
        }
    }

    /// The grant is over. `invalid_grant` alone does not say how (RFC 6749 §5.2): the provider's words may, and a
    /// refresh token that is refused right after an access token that should still have lived was taken away, not
    /// worn out.
    async fn settle_death(&self, attempt: Attempt<'_>, failure: TokenFailure) -> Result<Ready, Error> {
        let now = self.now();
        let died_early = matches!(attempt.why, Why::Refused { .. })
            && attempt.tokens.expires_at.is_some_and(|expires_at| expires_at > now);
        let revoked = match failure.death {
            Some(death) => death == Death::Revoked,
            None => died_early,
        };
        let mut evidence = evidence_json(&failure.evidence);
        if let Value::Object(fields) = &mut evidence {
            fields.insert("reason".into(), json!(attempt.reason()));
            fields.insert("access_token_refused_before_expiry".into(), json!(died_early));
            fields.insert("generation".into(), json!(attempt.generation));
            if let Some(note) = &failure.note {
                fields.insert("note".into(), json!(note));
            }
        }
        let mut account = attempt.account.clone();
        for _ in 0..WRITE_ROUNDS {
            let ended = if revoked {
                account.clone().revoke(failure.code, evidence.clone(), now)
            } else {
                account.clone().expire(failure.code, evidence.clone(), now)
            };
            let Ok(transition) = ended else { return self.current(account, &attempt.connection).await };
            let mut ended = transition.account;
            ended.version += 1;
            let changes = Changes::new()
                .and(Change::UpdateAccount(ended.clone()))
                .and(self.event(transition.event.by(attempt.actor())));
            match self.0.store.commit(changes).await {
                Ok(()) => {
                    let error = refusal::refusal(&ended, &attempt.connection)
                        .unwrap_or_else(|| Error::new(ErrorCode::RefreshRefused));
                    return Err(error.provider(failure.evidence));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
            match self.0.store.account(&account.id).await? {
                Some(now) if now.generation == attempt.generation => account = now,
                // A loser's refusal says nothing about the grant that won.
                Some(now) => return self.current(now, &attempt.connection).await,
                None => return Err(Error::new(ErrorCode::AccountNotFound).account(&account.id)),
            }
        }
        Err(Error::new(ErrorCode::Conflict).account(&attempt.account.id))
    }

    /// The access token ran out and there is nothing to renew it with: the account is `EXPIRED`. Gives the error for
    /// the caller.
    pub(super) async fn ran_out(
        &self,
        account: &Account,
        connection: &Connection,
        generation: u64,
    ) -> Result<Error, Error> {
        let evidence =
            json!({"access_token_expired": true, "refresh_token": "none", "generation": generation});
        let now = self.now();
        let end = |account: Account| account.expire(ErrorCode::AccountExpired, evidence.clone(), now);
        self.end_of_grant(account, connection, generation, end).await
    }

    /// The access token is refused although it should work, and there is nothing to renew it with: the account is
    /// `REVOKED`. Gives the error for the caller.
    pub(crate) async fn grant_was_taken_away(
        &self,
        account: &Account,
        connection: &Connection,
        evidence: Value,
    ) -> Result<Error, Error> {
        let now = self.now();
        let end = |account: Account| account.revoke(ErrorCode::UpstreamUnauthorized, evidence.clone(), now);
        self.end_of_grant(account, connection, account.generation, end).await
    }

    /// Writes the end of the grant of `generation`, unless the account has another one by now.
    async fn end_of_grant(
        &self,
        account: &Account,
        connection: &Connection,
        generation: u64,
        end: impl Fn(Account) -> Result<Transition, InvalidTransition>,
    ) -> Result<Error, Error> {
        let mut account = account.clone();
        for _ in 0..WRITE_ROUNDS {
            let Ok(transition) = end(account.clone()) else { break };
            let mut ended = transition.account;
            ended.version += 1;
            let changes =
                Changes::new().and(Change::UpdateAccount(ended.clone())).and(self.event(transition.event));
            match self.0.store.commit(changes).await {
                Ok(()) => {
                    account = ended;
                    break;
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
            match self.0.store.account(&account.id).await? {
                Some(now) if now.generation == generation => account = now,
                // Authorized again at this very moment: the next call will find it.
                Some(_) => return Ok(Error::new(ErrorCode::Conflict).account(&account.id)),
                None => return Ok(Error::new(ErrorCode::AccountNotFound).account(&account.id)),
            }
        }
        Ok(refusal::refusal(&account, connection)
            .unwrap_or_else(|| Error::new(ErrorCode::Conflict).account(&account.id)))
    }
}
