//! Remembers for a moment what every call asks for: who calls, and through which connection.
//!
//! API clients, API tokens and connections are read on each call and hardly ever change. [`Recall`] answers them from
//! memory. A commit through the same process that touches one of them forgets all of them before it returns, so a
//! revoked token is refused at once. Other processes on the same database notice within [`LIFE`]. Accounts and
//! credentials are never remembered: their generations decide who may refresh.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use moka::sync::Cache;
use valetkey_domain::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest, AuthRequestId, Branding,
    Change, Changes, Connection, ConnectionId, DeliveryId, EnvironmentId, Event, Execution, ExecutionId,
    InstanceId, Invitation, KeptAnswer, Page, PageRequest, PendingRevocation, RefreshAttempt, SealedBlob,
    Session, Store, StoreError, Time, User, UserId, WebhookId,
    audit::{AuditEntry, AuditFilter, AuditHead},
    branding::Logo,
    bulk::BulkWork,
    keys::{KeyTerm, SigningKey},
    overview::{AccountsInStatus, Overview, OverviewSpan, StatusCount},
    refresh::{Frozen, Joined},
    store::{
        AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter, Prunable, SealedPlace, SealedRecord,
        StoredCredential, ToolUse,
    },
    user::SsoIdentity,
    webhook::{Delivery, DeliveryOutcome, Webhook, WebhookSecret},
};

/// How long a record is remembered at most: the longest that another process goes on with what was changed here.
pub const LIFE: Duration = Duration::from_secs(1);
/// How many records of a kind are remembered at most.
const KEPT: u64 = 10_000;

/// A remembered record. It counts only while no commit has touched its kind since before it was read.
#[derive(Clone)]
struct Remembered<T> {
    epoch: u64,
    record: T,
}

type Memory<K, T> = Cache<K, Remembered<T>>;

fn memory<K: Hash + Eq + Send + Sync + 'static, T: Clone + Send + Sync + 'static>() -> Memory<K, T> {
    Cache::builder().max_capacity(KEPT).time_to_live(LIFE).build()
}

/// A store that remembers.
pub struct Recall {
    store: Arc<dyn Store>,
    /// Counted up before and after every commit that touches what is remembered.
    epoch: AtomicU64,
    clients: Memory<ApiClientId, ApiClient>,
    tokens: Memory<[u8; 32], ApiToken>,
    connections: Memory<ConnectionId, Connection>,
    names: Memory<(EnvironmentId, String), Connection>,
}

impl Recall {
    /// Remembers what `store` answers.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            epoch: AtomicU64::new(0),
            clients: memory(),
            tokens: memory(),
            connections: memory(),
            names: memory(),
        }
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// What is remembered under `key`, or else what `read` brings. The epoch is the one from before the read: what was
    /// read while a commit was under way is not believed afterwards.
    async fn recall<K, T, F>(&self, memory: &Memory<K, T>, key: K, read: F) -> Result<Option<T>, StoreError>
    where
        K: Hash + Eq + Send + Sync + 'static,
        T: Clone + Send + Sync + 'static,
        F: Future<Output = Result<Option<T>, StoreError>>,
    {
        let epoch = self.epoch();
        if let Some(remembered) = memory.get(&key).filter(|remembered| remembered.epoch == epoch) {
            return Ok(Some(remembered.record));
        }
        let found = read.await?;
        if let Some(record) = &found {
            memory.insert(key, Remembered { epoch, record: record.clone() });
        }
        Ok(found)
    }
}

/// Whether `change` touches what is remembered.
fn touches(change: &Change) -> bool {
    matches!(
        change,
        Change::InsertConnection(_)
            | Change::UpdateConnection(_)
            | Change::DeleteConnection(_)
            | Change::InsertApiClient(_)
            | Change::UpdateApiClient(_)
            | Change::InsertApiToken(_)
            | Change::UpdateApiToken(_)
            | Change::Reseal { place: SealedPlace::ClientSecret(_), .. }
    )
}

#[async_trait]
impl Store for Recall {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        if !changes.0.iter().any(touches) {
            return self.store.commit(changes).await;
        }
        self.forget();
        let outcome = self.store.commit(changes).await;
        self.forget();
        outcome
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    async fn environments(&self) -> Result<Vec<(EnvironmentId, String)>, StoreError> {
        self.store.environments().await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.recall(&self.connections, id.clone(), self.store.connection(id)).await
    }

    async fn connection_in(
        &self,
        env: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        self.store.connection_in(env, id).await
    }

    async fn connection_by_name(
        &self,
        env: &EnvironmentId,
        name: &str,
    ) -> Result<Option<Connection>, StoreError> {
        let key = (env.clone(), name.to_owned());
        self.recall(&self.names, key, self.store.connection_by_name(env, name)).await
    }

    async fn connections(
        &self,
        env: &EnvironmentId,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Page<Connection>, StoreError> {
        self.store.connections(env, filter, page).await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.store.account(id).await
    }

    async fn account_in(&self, env: &EnvironmentId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.store.account_in(env, id).await
    }

    async fn accounts_of_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Vec<Account>, StoreError> {
        self.store.accounts_of_identifier(connection, identifier).await
    }

    async fn accounts(
        &self,
        env: &EnvironmentId,
        filter: &AccountFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StoreError> {
        self.store.accounts(env, filter, page).await
    }

    async fn credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError> {
        self.store.credential(account).await
    }

    async fn previous_credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError> {
        self.store.previous_credential(account).await
    }

    async fn join(&self, at: Time) -> Result<Joined, StoreError> {
        self.store.join(at).await
    }

    async fn frozen(&self) -> Result<Option<Frozen>, StoreError> {
        self.store.frozen().await
    }

    async fn gone_instances(&self) -> Result<Vec<InstanceId>, StoreError> {
        self.store.gone_instances().await
    }

    async fn last_refresh(&self, account: &AccountId) -> Result<Option<RefreshAttempt>, StoreError> {
        self.store.last_refresh(account).await
    }

    async fn refreshes(
        &self,
        account: &AccountId,
        page: &PageRequest,
    ) -> Result<Page<RefreshAttempt>, StoreError> {
        self.store.refreshes(account, page).await
    }

    async fn stale_refreshes(&self, at: Time, limit: u32) -> Result<Vec<RefreshAttempt>, StoreError> {
        self.store.stale_refreshes(at, limit).await
    }

    async fn take_due_refreshes(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        self.store.take_due_refreshes(at, hide_until, limit).await
    }

    async fn refresh_ended(&self, account: &AccountId, at_most: Duration) {
        self.store.refresh_ended(account, at_most).await;
    }

    async fn revocations(
        &self,
        env: &EnvironmentId,
        account: Option<&AccountId>,
        page: &PageRequest,
    ) -> Result<Page<PendingRevocation>, StoreError> {
        self.store.revocations(env, account, page).await
    }

    async fn take_due_revocations(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<PendingRevocation>, StoreError> {
        self.store.take_due_revocations(at, hide_until, limit).await
    }

    async fn prune(&self, what: Prunable, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.store.prune(what, before, limit).await
    }

    async fn sealed_records(
        &self,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<SealedRecord>, StoreError> {
        self.store.sealed_records(after, limit).await
    }

    async fn tools_used(&self, account: &AccountId, since: Time) -> Result<Vec<ToolUse>, StoreError> {
        self.store.tools_used(account, since).await
    }

    async fn auth_request(&self, id: &AuthRequestId) -> Result<Option<AuthRequest>, StoreError> {
        self.store.auth_request(id).await
    }

    async fn auth_request_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
        self.store.auth_request_by_link(link_hash).await
    }

    async fn auth_request_by_state(&self, state_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
        self.store.auth_request_by_state(state_hash).await
    }

    async fn events(
        &self,
        env: &EnvironmentId,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        self.store.events(env, filter, page).await
    }

    async fn execution(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        self.store.execution(id).await
    }

    async fn execution_in(
        &self,
        env: &EnvironmentId,
        id: &ExecutionId,
    ) -> Result<Option<Execution>, StoreError> {
        self.store.execution_in(env, id).await
    }

    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        self.store.executions(env, filter, page).await
    }

    async fn executions_after(
        &self,
        after: Option<&ExecutionId>,
        up_to: &ExecutionId,
        limit: u32,
    ) -> Result<Vec<Execution>, StoreError> {
        self.store.executions_after(after, up_to, limit).await
    }

    async fn answer(&self, execution: &ExecutionId) -> Result<Option<KeptAnswer>, StoreError> {
        self.store.answer(execution).await
    }

    async fn answer_by_key(
        &self,
        env: &EnvironmentId,
        client: &ApiClientId,
        key_hash: &[u8; 32],
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.store.answer_by_key(env, client, key_hash).await
    }

    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
        self.recall(&self.clients, id.clone(), self.store.api_client(id)).await
    }

    async fn api_client_in(
        &self,
        env: &EnvironmentId,
        id: &ApiClientId,
    ) -> Result<Option<ApiClient>, StoreError> {
        self.store.api_client_in(env, id).await
    }

    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError> {
        self.store.api_clients(env).await
    }

    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
        self.store.api_token(id).await
    }

    async fn api_token_in(
        &self,
        env: &EnvironmentId,
        id: &ApiTokenId,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.store.api_token_in(env, id).await
    }

    async fn api_token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError> {
        self.recall(&self.tokens, *hash, self.store.api_token_by_hash(hash)).await
    }

    async fn api_tokens(&self, env: &EnvironmentId) -> Result<Vec<ApiToken>, StoreError> {
        self.store.api_tokens(env).await
    }

    async fn key_terms(&self) -> Result<Vec<KeyTerm>, StoreError> {
        self.store.key_terms().await
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.store.signing_keys().await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.store.user(id).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.store.user_by_email(email).await
    }

    async fn user_by_sso(&self, identity: &SsoIdentity) -> Result<Option<User>, StoreError> {
        self.store.user_by_sso(identity).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.store.users().await
    }

    async fn invitation_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<Invitation>, StoreError> {
        self.store.invitation_by_link(link_hash).await
    }

    async fn invitations(&self) -> Result<Vec<Invitation>, StoreError> {
        self.store.invitations().await
    }

    async fn session_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        self.store.session_by_token(token_hash).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.store.sessions(user).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        below: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit(filter, below, limit).await
    }

    async fn audit_above(&self, number: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.store.audit_above(number, limit).await
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>, StoreError> {
        self.store.audit_head().await
    }

    async fn bulk(&self, id: &str) -> Result<Option<BulkWork>, StoreError> {
        self.store.bulk(id).await
    }

    async fn bulk_in(&self, env: &EnvironmentId, id: &str) -> Result<Option<BulkWork>, StoreError> {
        self.store.bulk_in(env, id).await
    }

    async fn left_bulks(&self, at: Time, limit: u32) -> Result<Vec<BulkWork>, StoreError> {
        self.store.left_bulks(at, limit).await
    }

    async fn bulks_of(
        &self,
        env: &EnvironmentId,
        actor: &str,
        limit: u32,
    ) -> Result<Vec<BulkWork>, StoreError> {
        self.store.bulks_of(env, actor, limit).await
    }

    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.store.webhook(id).await
    }

    async fn webhook_in(&self, env: &EnvironmentId, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.store.webhook_in(env, id).await
    }

    async fn webhooks(&self, env: &EnvironmentId, page: &PageRequest) -> Result<Page<Webhook>, StoreError> {
        self.store.webhooks(env, page).await
    }

    async fn webhook_secrets(&self, webhook: &WebhookId) -> Result<Vec<WebhookSecret>, StoreError> {
        self.store.webhook_secrets(webhook).await
    }

    async fn delivery(&self, webhook: &WebhookId, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.store.delivery(webhook, id).await
    }

    async fn delivery_body(&self, of: &WebhookId, id: &DeliveryId) -> Result<Option<SealedBlob>, StoreError> {
        self.store.delivery_body(of, id).await
    }

    async fn deliveries(
        &self,
        webhook: &WebhookId,
        outcome: Option<DeliveryOutcome>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        self.store.deliveries(webhook, outcome, page).await
    }

    async fn due_webhooks(&self, at: Time) -> Result<Vec<WebhookId>, StoreError> {
        self.store.due_webhooks(at).await
    }

    async fn take_due_deliveries(
        &self,
        webhook: &WebhookId,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.store.take_due_deliveries(webhook, at, hide_until, limit).await
    }

    async fn branding(&self) -> Result<Option<Branding>, StoreError> {
        self.store.branding().await
    }

    async fn logo(&self, hash: &[u8; 32]) -> Result<Option<Logo>, StoreError> {
        self.store.logo(hash).await
    }

    async fn accounts_by_status(&self) -> Result<Vec<AccountsInStatus>, StoreError> {
        self.store.accounts_by_status().await
    }

    async fn status_history(&self, env: &EnvironmentId, from: Time) -> Result<Vec<StatusCount>, StoreError> {
        self.store.status_history(env, from).await
    }

    async fn overview(&self, env: &EnvironmentId, span: &OverviewSpan) -> Result<Overview, StoreError> {
        self.store.overview(env, span).await
    }
}
