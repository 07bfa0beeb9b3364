//! One database for all replicas: real SQLite in step, with the liveness of instances, delays and outages of a database
//! server around it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::Notify;
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
use valetkey_store::SqliteStore;

use crate::world::{BEGINNING, elapsed};

/// How long after its death an instance is known to be gone.
const NOTICED_AFTER: Duration = Duration::from_secs(20);

/// The database itself.
pub(crate) struct Shared {
    store: Arc<SqliteStore>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    random: StdRng,
    next: u32,
    /// Which instance each replica is now, and when the former ones died.
    living: BTreeMap<usize, InstanceId>,
    died: BTreeMap<InstanceId, Duration>,
    fails_until: Duration,
    calm: bool,
    /// Who asked for what, and when.
    history: Vec<String>,
}

impl Shared {
    pub(crate) fn new(store: Arc<SqliteStore>, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let itself = runtime.block_on(store.join(BEGINNING)).unwrap().instance;
        let state = State {
            random: StdRng::seed_from_u64(seed),
            next: itself.0,
            living: BTreeMap::new(),
            died: BTreeMap::new(),
            fails_until: Duration::ZERO,
            calm: false,
            history: Vec::new(),
        };
        Self { store, state: Mutex::new(state), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn died(&self, replica: usize) {
        let mut state = self.state();
        if let Some(instance) = state.living.remove(&replica) {
            state.died.insert(instance, elapsed_outside());
        }
    }

    pub(crate) fn fail_until(&self, until: Duration) {
        self.state().fails_until = until;
    }

    pub(crate) fn calm(&self) {
        let mut state = self.state();
        state.calm = true;
        state.fails_until = Duration::ZERO;
    }

    pub(crate) fn history(&self) -> Vec<String> {
        self.state().history.clone()
    }

    fn note(&self, replica: usize, what: std::fmt::Arguments<'_>) {
        self.state().history.push(format!("{:?} replica {replica}: {what}", elapsed()));
    }

    /// A round trip to the database, which may fail before or after it does its work.
    async fn trip(&self) -> Result<bool, StoreError> {
        let (delay, fails, loses) = {
            let mut state = self.state();
            let delay = Duration::from_micros(state.random.random_range(100..5_000));
            let away = elapsed() < state.fails_until;
            let fails = away && state.random.random_bool(0.7);
            (delay, fails, away && !fails && state.random.random_bool(0.3))
        };
        tokio::time::sleep(delay).await;
        if fails { Err(StoreError::Unavailable("the database is away".into())) } else { Ok(loses) }
    }

    fn is_gone(&self, instance: InstanceId) -> bool {
        let state = self.state();
        state.died.get(&instance).is_some_and(|died| elapsed() >= *died + NOTICED_AFTER)
    }
}

/// Faults strike between two steps, where the simulation itself has no clock: the last instant that a replica saw.
fn elapsed_outside() -> Duration {
    LAST.with(std::cell::Cell::get)
}

thread_local! {
    static LAST: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) };
}

/// The clock of the database.
fn now() -> Time {
    BEGINNING + elapsed()
}

/// The database as one replica sees it.
pub(crate) struct SeenBy {
    pub(crate) shared: Arc<Shared>,
    pub(crate) replica: usize,
}

impl SeenBy {
    async fn read<T>(&self, read: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        LAST.with(|last| last.set(elapsed()));
        self.shared.trip().await?;
        read.await
    }
}

macro_rules! reads {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for SeenBy {
            async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
                self.write(changes).await
            }

            async fn check(&self) -> Result<(), StoreError> {
                self.shared.trip().await.map(drop)
            }

            async fn join(&self, _at: Time) -> Result<Joined, StoreError> {
                self.shared.trip().await?;
                let mut state = self.shared.state();
                if let Some(instance) = state.living.get(&self.replica) {
                    return Ok(Joined { instance: *instance, frozen: None });
                }
                state.next += 1;
                let instance = InstanceId(state.next);
                state.living.insert(self.replica, instance);
                Ok(Joined { instance, frozen: None })
            }

            async fn gone_instances(&self) -> Result<Vec<InstanceId>, StoreError> {
                self.shared.trip().await?;
                let died: Vec<_> = self.shared.state().died.keys().copied().collect();
                Ok(died.into_iter().filter(|instance| self.shared.is_gone(*instance)).collect())
            }

            async fn stale_refreshes(&self, at: Time, limit: u32) -> Result<Vec<RefreshAttempt>, StoreError> {
                // By the inner store's lights every attempt is of one that is gone: it has joined for itself.
                let all = self.read(self.shared.store.stale_refreshes(at, 1_000)).await?;
                let at = now();
                let stale = all.into_iter().filter(|attempt| attempt.lease_until <= at || self.shared.is_gone(attempt.holder));
                Ok(stale.take(limit as usize).collect())
            }

            async fn refresh_ended(&self, _account: &AccountId, at_most: Duration) {
                // Late, early or never told: the caller looks again.
                let _ = tokio::time::timeout(at_most, self.shared.changed.notified()).await;
            }

            $(async fn $name(&self, $($argument: $kind),*) -> Result<$answer, StoreError> {
                self.shared.note(self.replica, format_args!(stringify!($name)));
                self.read(self.shared.store.$name($($argument),*)).await
            })*
        }
    };
}

reads! {
    environments() -> Vec<(EnvironmentId, String)>;
    connection(id: &ConnectionId) -> Option<Connection>;
    connection_in(env: &EnvironmentId, id: &ConnectionId) -> Option<Connection>;
    connection_by_name(env: &EnvironmentId, name: &str) -> Option<Connection>;
    connections(env: &EnvironmentId, filter: &ConnectionFilter, page: &PageRequest) -> Page<Connection>;
    account(id: &AccountId) -> Option<Account>;
    account_in(env: &EnvironmentId, id: &AccountId) -> Option<Account>;
    accounts_of_identifier(connection: &ConnectionId, identifier: &str) -> Vec<Account>;
    accounts(env: &EnvironmentId, filter: &AccountFilter, page: &PageRequest) -> Page<Account>;
    credential(account: &AccountId) -> Option<StoredCredential>;
    previous_credential(account: &AccountId) -> Option<StoredCredential>;
    frozen() -> Option<Frozen>;
    last_refresh(account: &AccountId) -> Option<RefreshAttempt>;
    refreshes(account: &AccountId, page: &PageRequest) -> Page<RefreshAttempt>;
    take_due_refreshes(at: Time, hide_until: Time, limit: u32) -> Vec<AccountId>;
    revocations(env: &EnvironmentId, account: Option<&AccountId>, page: &PageRequest) -> Page<PendingRevocation>;
    take_due_revocations(at: Time, hide_until: Time, limit: u32) -> Vec<PendingRevocation>;
    prune(what: Prunable, before: Time, limit: u32) -> u64;
    sealed_records(after: Option<&SealedPlace>, limit: u32) -> Vec<SealedRecord>;
    tools_used(account: &AccountId, since: Time) -> Vec<ToolUse>;
    auth_request(id: &AuthRequestId) -> Option<AuthRequest>;
    auth_request_by_link(link_hash: &[u8; 32]) -> Option<AuthRequest>;
    auth_request_by_state(state_hash: &[u8; 32]) -> Option<AuthRequest>;
    events(env: &EnvironmentId, filter: &EventFilter, page: &PageRequest) -> Page<Event>;
    execution(id: &ExecutionId) -> Option<Execution>;
    execution_in(env: &EnvironmentId, id: &ExecutionId) -> Option<Execution>;
    executions(env: &EnvironmentId, filter: &ExecutionFilter, page: &PageRequest) -> Page<Execution>;
    executions_after(after: Option<&ExecutionId>, up_to: &ExecutionId, limit: u32) -> Vec<Execution>;
    answer(execution: &ExecutionId) -> Option<KeptAnswer>;
    answer_by_key(env: &EnvironmentId, client: &ApiClientId, key_hash: &[u8; 32]) -> Option<KeptAnswer>;
    api_client(id: &ApiClientId) -> Option<ApiClient>;
    api_client_in(env: &EnvironmentId, id: &ApiClientId) -> Option<ApiClient>;
    api_clients(env: &EnvironmentId) -> Vec<ApiClient>;
    api_token(id: &ApiTokenId) -> Option<ApiToken>;
    api_token_in(env: &EnvironmentId, id: &ApiTokenId) -> Option<ApiToken>;
    api_token_by_hash(hash: &[u8; 32]) -> Option<ApiToken>;
    api_tokens(env: &EnvironmentId) -> Vec<ApiToken>;
    key_terms() -> Vec<KeyTerm>;
    signing_keys() -> Vec<SigningKey>;
    user(id: &UserId) -> Option<User>;
    user_by_email(email: &str) -> Option<User>;
    user_by_sso(identity: &SsoIdentity) -> Option<User>;
    users() -> Vec<User>;
    invitation_by_link(link_hash: &[u8; 32]) -> Option<Invitation>;
    invitations() -> Vec<Invitation>;
    session_by_token(token_hash: &[u8; 32]) -> Option<Session>;
    sessions(user: &UserId) -> Vec<Session>;
    audit(filter: &AuditFilter, below: Option<u64>, limit: u32) -> Vec<AuditEntry>;
    audit_above(number: u64, limit: u32) -> Vec<AuditEntry>;
    audit_head() -> Option<AuditHead>;
    webhook(id: &WebhookId) -> Option<Webhook>;
    webhook_in(env: &EnvironmentId, id: &WebhookId) -> Option<Webhook>;
    webhooks(env: &EnvironmentId, page: &PageRequest) -> Page<Webhook>;
    webhook_secrets(webhook: &WebhookId) -> Vec<WebhookSecret>;
    delivery(webhook: &WebhookId, id: &DeliveryId) -> Option<Delivery>;
    delivery_body(of: &WebhookId, id: &DeliveryId) -> Option<SealedBlob>;
    deliveries(webhook: &WebhookId, outcome: Option<DeliveryOutcome>, page: &PageRequest) -> Page<Delivery>;
    due_webhooks(at: Time) -> Vec<WebhookId>;
    take_due_deliveries(webhook: &WebhookId, at: Time, hide_until: Time, limit: u32) -> Vec<Delivery>;
    bulk(id: &str) -> Option<BulkWork>;
    bulk_in(env: &EnvironmentId, id: &str) -> Option<BulkWork>;
    left_bulks(at: Time, limit: u32) -> Vec<BulkWork>;
    bulks_of(env: &EnvironmentId, actor: &str, limit: u32) -> Vec<BulkWork>;
    branding() -> Option<Branding>;
    logo(hash: &[u8; 32]) -> Option<Logo>;
    overview(env: &EnvironmentId, span: &OverviewSpan) -> Overview;
    accounts_by_status() -> Vec<AccountsInStatus>;
    status_history(env: &EnvironmentId, from: Time) -> Vec<StatusCount>;
}

impl SeenBy {
    async fn write(&self, mut changes: Changes) -> Result<(), StoreError> {
        LAST.with(|last| last.set(elapsed()));
        // Their beginnings, which name what they are about: what is sealed is never the same twice.
        let begin = |change: &Change| format!("{change:?}").chars().take(60).collect::<String>();
        let begins = changes.0.iter().map(begin).collect::<Vec<_>>();
        self.shared.note(self.replica, format_args!("{}", begins.join(", ")));
        let loses_answer = self.shared.trip().await?;
        for change in &mut changes.0 {
            // Leases are by the clock of the database, whatever the clocks of replicas say.
            if let Change::BeginRefresh { attempt, .. } = change {
                attempt.started_at = now();
            }
            if let Change::TakeOverRefresh { account, .. } = change {
                let open = self.shared.store.last_refresh(account).await?;
                let stale = open.is_some_and(|a| a.lease_until <= now() || self.shared.is_gone(a.holder));
                if !stale {
                    return Err(StoreError::Conflict { what: "refresh" });
                }
            }
        }
        self.shared.store.commit(changes).await?;
        self.shared.changed.notify_waiters();
        if loses_answer {
            // Written, but the answer never came: the caller must not take it for undone.
            return Err(StoreError::Unavailable("the connection to the database broke".into()));
        }
        Ok(())
    }
}
