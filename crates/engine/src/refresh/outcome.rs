//! New tokens came: they are durable before anybody uses them.
//!
//! Whatever is written is fenced by the account's version and generation: a renewal that was overtaken by a new
//! authorization, a disconnection or another process writes nothing and changes no status. An answer that comes late, to
//! a holder whose lease ran out, is taken as long as the generation has not moved: it may be the only copy of a token.

use serde_json::{Value, json};
use tokio::time::{Duration, Instant};
use valetkey_domain::{
    Account, AccountStatus, Change, Changes, Connection, Credential, Error, ErrorCode, SealedBlob,
    StoreError,
    account::{Grant, Transition},
    error::ProviderEvidence,
    event::{EventKind, NewEvent},
    refresh::RefreshOutcome,
};
use valetkey_upstream::{
    connector::Death,
    oauth::{FailureClass, TokenFailure, TokenReply},
};

use super::{Ready, claim::Claim, schedule};
use crate::{
    Engine,
    execute::refusal,
    identity::{Identity, changed_event},
};

/// How often a write is tried that lost against another writer.
pub(super) const WRITE_ROUNDS: u32 = 8;
/// How long new tokens wait for the database. It took writes a moment ago; they exist nowhere else.
const TOKENS_WAIT: Duration = Duration::from_secs(600);
/// How long the news of a failure waits for the database. Without it the attempt is taken over later.
const NEWS_WAITS: Duration = Duration::from_secs(30);
/// The pause between two tries doubles up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) fn evidence_json(evidence: &ProviderEvidence) -> Value {
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

/// What a renewal brought to `account`.
fn grant_of(account: &Account, reply: &TokenReply) -> Grant {
    Grant {
        scopes: reply.scopes.clone().unwrap_or_else(|| account.scopes.clone()),
        token_expires_at: reply.tokens.expires_at,
        provider_subject: reply.identity.as_ref().and_then(|i| i.subject.clone()),
        label: reply.identity.as_ref().and_then(|i| i.label.clone()),
        metadata: reply.metadata.clone(),
    }
}

impl Claim {
    /// Why the renewal was made, in the words of events.
    pub(super) fn reason(&self) -> &'static str {
        self.attempt.reason.as_str()
    }
}

impl Engine {
    /// The end of the attempt of `claim`; committed together with what it brought.
    pub(super) fn ended(&self, claim: &Claim, outcome: RefreshOutcome, code: Option<ErrorCode>) -> Change {
        Change::EndRefresh {
            account: claim.attempt.account.clone(),
            fence: claim.attempt.fence,
            outcome,
            code,
            at: self.now(),
        }
    }

    /// New tokens came: store them under the next generation, then hand them out.
    pub(super) async fn settle_renewal(&self, claim: Claim, reply: TokenReply) -> Result<Ready, Error> {
        let credential = Credential::OAuth(reply.tokens.clone());
        let mut account = claim.subject.account.clone();
        if let Some(failure) = self.stranger(&claim, &reply).await? {
            return self.settle_death(claim, failure).await;
        }
        for _ in 0..WRITE_ROUNDS {
            let identity = Identity::of(&account, &grant_of(&account, &reply));
            let changed =
                (identity == Identity::Other).then(|| changed_event(&account, &grant_of(&account, &reply)));
            let Some((renewed, event)) = self.renewed(&claim, account.clone(), &reply) else {
                return self.too_late(&claim, &credential).await;
            };
            let sealed = self.seal_tokens(&renewed, &credential).await?;
            let mut changes = Changes::new()
                .and(Change::UpdateAccount(renewed.clone()))
                .and(Change::PutCredential {
                    account: renewed.id.clone(),
                    generation: renewed.generation,
                    sealed,
                    at: self.now(),
                })
                // The one that was just spent is kept until the new one has been used.
                .and(Change::DropPreviousCredentials {
                    account: renewed.id.clone(),
                    keep: claim.subject.generation,
                })
                .and(self.ended(&claim, RefreshOutcome::Renewed, None))
                .and(self.event(event))
                .and_maybe(changed.map(|event| self.event(event)));
            if renewed.scopes != account.scopes {
                let event = NewEvent::of_account(&renewed, EventKind::ScopesChanged)
                    .data(json!({"from": account.scopes, "to": renewed.scopes}));
                changes = changes.and(self.event(event));
            }
            match self.commit_patiently(&renewed, changes, TOKENS_WAIT).await {
                Ok(()) => {
                    self.renewal_worked(&claim).await;
                    let generation = renewed.generation;
                    return Ok(Ready { account: renewed, credential, generation });
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
            // Somebody else wrote the account meanwhile. The new tokens are good as long as the grant is the same.
            match self.0.store.account(&account.id).await? {
                Some(now) if now.generation == claim.subject.generation => account = now,
                _ => return self.too_late(&claim, &credential).await,
            }
        }
        Err(Error::new(ErrorCode::Conflict).account(&claim.subject.account.id))
    }

    /// The end of a renewal that suddenly names another user, where the connection does not let that in. The new tokens
    /// have been given back by then; the old ones are spent.
    async fn stranger(&self, claim: &Claim, reply: &TokenReply) -> Result<Option<TokenFailure>, Error> {
        let (account, connection) = (&claim.subject.account, &claim.subject.connection);
        let grant = grant_of(account, reply);
        // Most replies name nobody, which is no news: the grant is the one that was renewed.
        if Identity::of(account, &grant) != Identity::Other
            || Identity::Other.is_accepted(connection.identity_policy)
        {
            return Ok(None);
        }
        self.give_stray_back(account, connection, &grant, &Credential::OAuth(reply.tokens.clone())).await?;
        let message =
            "The renewed tokens name another account at the provider than the one that was connected.";
        Ok(Some(TokenFailure {
            class: FailureClass::Dead,
            code: ErrorCode::ProviderIdentityChanged,
            evidence: ProviderEvidence { message: Some(message.to_owned()), ..ProviderEvidence::default() },
            death: Some(Death::Expired),
            outcome_unknown: false,
            note: None,
        }))
    }

    /// `account` with what the reply brought, and the event; `None` if its status does not allow it any more.
    fn renewed(&self, claim: &Claim, account: Account, reply: &TokenReply) -> Option<(Account, NewEvent)> {
        let now = self.now();
        let used_at = match claim.why.is_for_a_call() {
            true => now,
            false => account.last_used_at.unwrap_or(account.created_at).max(account.created_at),
        };
        let grant = grant_of(&account, reply);
        let transition = account.refreshed(grant, now).ok()?;
        let mut data = json!({"reason": claim.reason(), "fence": claim.attempt.fence});
        if let (Some(lost), Value::Object(fields)) = (&claim.lost, &mut data) {
            fields.insert("recovered_from".into(), json!(lost.since.to_string()));
        }
        let Transition { mut account, event } = with_data(transition, data);
        account.version += 1;
        account.refresh_at =
            schedule::refresh_at(&claim.subject.connector, &reply.tokens, &account, now, used_at);
        Some((account, event.by(&claim.why.actor)))
    }

    /// Seals new tokens; patient, since they exist nowhere else and the vault may have to reserve seals in storage.
    async fn seal_tokens(&self, account: &Account, credential: &Credential) -> Result<SealedBlob, Error> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(25);
        loop {
            match self.seal_credential(account, credential).await {
                Err(error)
                    if error.code() == ErrorCode::StorageUnavailable && began.elapsed() < TOKENS_WAIT =>
                {
                    tracing::error!(%error, account = %account.id, "renewed tokens wait for the vault");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Ok(sealed) => return Ok(sealed),
                Err(error) => {
                    tracing::error!(%error, account = %account.id, "renewed tokens could not be sealed and are lost");
                    return Err(error);
                }
            }
        }
    }

    /// Commits what is known to this process alone, and tries again while the database is away.
    pub(super) async fn commit_patiently(
        &self,
        account: &Account,
        changes: Changes,
        patience: Duration,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(25);
        loop {
            match self.0.store.commit(changes.clone()).await {
                Err(StoreError::Unavailable(reason)) if began.elapsed() < patience => {
                    tracing::error!(%reason, account = %account.id, "the outcome of a renewal waits for the database");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(StoreError::Unavailable(reason)) => {
                    tracing::error!(%reason, account = %account.id, "the outcome of a renewal could not be stored");
                    return Err(StoreError::Unavailable(reason));
                }
                done => return done,
            }
        }
    }

    /// Commits the news of a renewal that brought nothing. If that cannot be written, the attempt stays open and is taken
    /// over later: no reason to keep the caller from its error.
    pub(super) async fn tell(&self, account: &Account, changes: Changes) {
        if let Err(error) = self.commit_patiently(account, changes, NEWS_WAITS).await {
            tracing::warn!(%error, account = %account.id, "a failed refresh could not be noted");
        }
    }

    async fn renewal_worked(&self, claim: &Claim) {
        let connection = &claim.subject.connection;
        self.0.calls.refreshes.fault_probes.invalidate(&connection.id);
        if connection.fault.is_some()
            && let Err(error) = self.clear_fault(&connection.id).await
        {
            tracing::warn!(%error, connection = %connection.id, "the connection's fault could not be cleared");
        }
    }

    /// The account moved on while the provider was asked. If it has another credential by now, that one counts; if it
    /// was disconnected or deleted, the tokens that just came must not live on.
    async fn too_late(&self, claim: &Claim, brought: &Credential) -> Result<Ready, Error> {
        let asked = &claim.subject.account;
        let account = self.0.store.account(&asked.id).await?;
        self.tell(asked, self.ended(claim, RefreshOutcome::Overtaken, None).into()).await;
        let Some(account) = account else {
            self.revoke_stray(claim, brought).await;
            return Err(Error::new(ErrorCode::AccountNotFound).account(&asked.id));
        };
        if account.status() == AccountStatus::Disconnected {
            self.revoke_stray(claim, brought).await;
        }
        self.current(account, &claim.subject.connection).await
    }

    async fn revoke_stray(&self, claim: &Claim, brought: &Credential) {
        let (account, connection) = (&claim.subject.account, &claim.subject.connection);
        let outcome = self.revoke_at_provider(account, connection, brought).await;
        tracing::info!(account = %account.id, ?outcome, "took back tokens of an account that is gone");
    }

    /// What the account can be used with now, whoever brought it about.
    pub(super) async fn current(&self, account: Account, connection: &Connection) -> Result<Ready, Error> {
        if let Some(error) = refusal::refusal(&account, connection) {
            return Err(error);
        }
        let (credential, stored) = self.stored_credential(&account).await?;
        let generation = stored.map_or(0, |stored| stored.generation);
        Ok(Ready { account, credential, generation })
    }
}
