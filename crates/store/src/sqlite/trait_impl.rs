//! The storage trait: reads by key run here and now, lists on a blocking thread, writes in the writer's queue.

use std::time::Duration;

use async_trait::async_trait;
use valetkey_domain::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest, AuthRequestId, Branding,
    Changes, Connection, ConnectionId, DeliveryId, EnvironmentId, Event, Execution, ExecutionId, InstanceId,
    Invitation, KeptAnswer, Page, PageRequest, PendingRevocation, RefreshAttempt, SealedBlob, Session, Store,
    StoreError, Time, User, UserId, WebhookId,
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

use super::{
    SqliteStore, accounts, answers, api_clients, audit, auth_requests, branding, bulk, connections,
    credentials, deliveries, environments, events, executions, home, instances, keys, overview, prune,
    refreshes, revocations, row, sealed, users, webhooks,
};

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        self.writer.commit(changes).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.writer.probe().await
    }

    async fn environments(&self) -> Result<Vec<(EnvironmentId, String)>, StoreError> {
        self.readers.get(environments::list)
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.readers.get(|c| connections::by_id(c, id))
    }

    async fn connection_in(
        &self,
        env: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id.as_str()))
    }

    async fn connection_by_name(
        &self,
        env: &EnvironmentId,
        name: &str,
    ) -> Result<Option<Connection>, StoreError> {
        self.readers.get(|c| connections::by_name(c, env, name))
    }

    async fn connections(
        &self,
        env: &EnvironmentId,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Page<Connection>, StoreError> {
        let (env, filter, page) = (env.clone(), filter.clone(), page.clone());
        self.readers.list(move |c| connections::list(c, &env, &filter, &page)).await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.readers.get(|c| accounts::by_id(c, id))
    }

    async fn account_in(&self, env: &EnvironmentId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id.as_str()))
    }

    async fn accounts_of_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Vec<Account>, StoreError> {
        self.readers.get(|c| accounts::of_identifier(c, connection, identifier))
    }

    async fn accounts(
        &self,
        env: &EnvironmentId,
        filter: &AccountFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StoreError> {
        let (env, filter, page) = (env.clone(), filter.clone(), page.clone());
        self.readers.list(move |c| accounts::list(c, &env, &filter, &page)).await
    }

    async fn credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError> {
        self.readers.get(|c| credentials::current(c, account))
    }

    async fn previous_credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError> {
        self.readers.get(|c| credentials::previous(c, account))
    }

    async fn join(&self, at: Time) -> Result<Joined, StoreError> {
        self.join_once(at).await
    }

    async fn frozen(&self) -> Result<Option<Frozen>, StoreError> {
        self.readers.get(home::frozen)
    }

    async fn gone_instances(&self) -> Result<Vec<InstanceId>, StoreError> {
        // Who has not joined is not known to be the only one here.
        match self.shared.own() {
            Some(own) => self.readers.get(|c| instances::gone(c, own)),
            None => Ok(Vec::new()),
        }
    }

    async fn last_refresh(&self, account: &AccountId) -> Result<Option<RefreshAttempt>, StoreError> {
        self.readers.get(|c| refreshes::last(c, account))
    }

    async fn refreshes(
        &self,
        account: &AccountId,
        page: &PageRequest,
    ) -> Result<Page<RefreshAttempt>, StoreError> {
        let (account, page) = (account.clone(), page.clone());
        self.readers.list(move |c| refreshes::list(c, &account, &page)).await
    }

    async fn stale_refreshes(&self, at: Time, limit: u32) -> Result<Vec<RefreshAttempt>, StoreError> {
        let own = self.shared.own();
        self.readers.list(move |c| refreshes::stale(c, at, limit, own)).await
    }

    async fn take_due_refreshes(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        // Mostly nothing is due: the writer is asked only if something is.
        if !self.readers.get(|c| accounts::any_due(c, at))? {
            return Ok(Vec::new());
        }
        self.writer.work(move |c| accounts::take_due(c, at, hide_until, limit)).await
    }

    async fn refresh_ended(&self, account: &AccountId, at_most: Duration) {
        self.shared.waiters.wait(account, at_most).await;
    }

    async fn revocations(
        &self,
        env: &EnvironmentId,
        account: Option<&AccountId>,
        page: &PageRequest,
    ) -> Result<Page<PendingRevocation>, StoreError> {
        let (env, account, page) = (env.clone(), account.cloned(), page.clone());
        self.readers.list(move |c| revocations::list(c, &env, account.as_ref(), &page)).await
    }

    async fn take_due_revocations(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<PendingRevocation>, StoreError> {
        if !self.readers.get(|c| revocations::any_due(c, at))? {
            return Ok(Vec::new());
        }
        self.writer.work(move |c| revocations::take_due(c, at, hide_until, limit)).await
    }

    async fn prune(&self, what: Prunable, before: Time, limit: u32) -> Result<u64, StoreError> {
        let keys = self.readers.list(move |c| prune::find(c, what, before, limit)).await?;
        if keys.is_empty() {
            return Ok(0);
        }
        self.writer.work(move |c| prune::remove(c, what, before, &keys)).await
    }

    async fn sealed_records(
        &self,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<SealedRecord>, StoreError> {
        let after = after.cloned();
        self.readers.list(move |c| sealed::after(c, after.as_ref(), limit)).await
    }

    async fn tools_used(&self, account: &AccountId, since: Time) -> Result<Vec<ToolUse>, StoreError> {
        let account = account.clone();
        self.readers.list(move |c| executions::tools_used(c, &account, since)).await
    }

    async fn auth_request(&self, id: &AuthRequestId) -> Result<Option<AuthRequest>, StoreError> {
        self.readers.get(|c| auth_requests::by_id(c, id))
    }

    async fn auth_request_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
        self.readers.get(|c| auth_requests::by_link(c, link_hash))
    }

    async fn auth_request_by_state(&self, state_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
        self.readers.get(|c| auth_requests::by_state(c, state_hash))
    }

    async fn events(
        &self,
        env: &EnvironmentId,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let (env, filter, page) = (env.clone(), filter.clone(), page.clone());
        self.readers.list(move |c| events::list(c, &env, &filter, &page)).await
    }

    async fn execution(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        self.readers.get(|c| executions::by_id(c, id))
    }

    async fn execution_in(
        &self,
        env: &EnvironmentId,
        id: &ExecutionId,
    ) -> Result<Option<Execution>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id.as_str()))
    }

    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        let (env, filter, page) = (env.clone(), filter.clone(), page.clone());
        self.readers.list(move |c| executions::list(c, &env, &filter, &page)).await
    }

    async fn executions_after(
        &self,
        after: Option<&ExecutionId>,
        up_to: &ExecutionId,
        limit: u32,
    ) -> Result<Vec<Execution>, StoreError> {
        let (after, up_to) = (after.cloned(), up_to.clone());
        self.readers.list(move |c| executions::after(c, after.as_ref(), &up_to, limit)).await
    }

    async fn answer(&self, execution: &ExecutionId) -> Result<Option<KeptAnswer>, StoreError> {
        self.readers.get(|c| answers::of(c, execution))
    }

    async fn answer_by_key(
        &self,
        env: &EnvironmentId,
        client: &ApiClientId,
        key_hash: &[u8; 32],
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.readers.get(|c| answers::by_key(c, env, client, key_hash))
    }

    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
        self.readers.get(|c| api_clients::client(c, id))
    }

    async fn api_client_in(
        &self,
        env: &EnvironmentId,
        id: &ApiClientId,
    ) -> Result<Option<ApiClient>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id.as_str()))
    }

    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError> {
        let env = env.clone();
        self.readers.list(move |c| api_clients::clients(c, &env)).await
    }

    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
        self.readers.get(|c| api_clients::token(c, id))
    }

    async fn api_token_in(
        &self,
        env: &EnvironmentId,
        id: &ApiTokenId,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id.as_str()))
    }

    async fn api_token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError> {
        self.readers.get(|c| api_clients::token_by_hash(c, hash))
    }

    async fn api_tokens(&self, env: &EnvironmentId) -> Result<Vec<ApiToken>, StoreError> {
        let env = env.clone();
        self.readers.list(move |c| api_clients::tokens(c, &env)).await
    }

    async fn key_terms(&self) -> Result<Vec<KeyTerm>, StoreError> {
        self.readers.get(keys::terms)
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.readers.get(keys::signing_keys)
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.readers.get(|c| users::by_id(c, id))
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.readers.get(|c| users::by_email(c, email))
    }

    async fn user_by_sso(&self, identity: &SsoIdentity) -> Result<Option<User>, StoreError> {
        self.readers.get(|c| users::by_sso(c, identity))
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.readers.list(users::users).await
    }

    async fn invitation_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<Invitation>, StoreError> {
        self.readers.get(|c| users::invitation(c, link_hash))
    }

    async fn invitations(&self) -> Result<Vec<Invitation>, StoreError> {
        self.readers.list(users::invitations).await
    }

    async fn session_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        self.readers.get(|c| users::session(c, token_hash))
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let user = user.clone();
        self.readers.list(move |c| users::sessions(c, &user)).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        below: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let filter = filter.clone();
        self.readers.list(move |c| audit::list(c, &filter, below, limit)).await
    }

    async fn audit_above(&self, number: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.readers.list(move |c| audit::above(c, number, limit)).await
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>, StoreError> {
        self.readers.get(audit::head)
    }

    async fn bulk(&self, id: &str) -> Result<Option<BulkWork>, StoreError> {
        self.readers.get(|c| bulk::by_id(c, id))
    }

    async fn bulk_in(&self, env: &EnvironmentId, id: &str) -> Result<Option<BulkWork>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id))
    }

    async fn left_bulks(&self, at: Time, limit: u32) -> Result<Vec<BulkWork>, StoreError> {
        let own = self.shared.own();
        self.readers.list(move |c| bulk::left(c, at, limit, own)).await
    }

    async fn bulks_of(
        &self,
        env: &EnvironmentId,
        actor: &str,
        limit: u32,
    ) -> Result<Vec<BulkWork>, StoreError> {
        let (env, actor) = (env.clone(), actor.to_owned());
        self.readers.list(move |c| bulk::of(c, &env, &actor, limit)).await
    }

    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.readers.get(|c| webhooks::by_id(c, id))
    }

    async fn webhook_in(&self, env: &EnvironmentId, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.readers.get(|c| row::inside(c, env, id.as_str()))
    }

    async fn webhooks(&self, env: &EnvironmentId, page: &PageRequest) -> Result<Page<Webhook>, StoreError> {
        let (env, page) = (env.clone(), page.clone());
        self.readers.list(move |c| webhooks::list(c, &env, &page)).await
    }

    async fn webhook_secrets(&self, webhook: &WebhookId) -> Result<Vec<WebhookSecret>, StoreError> {
        self.readers.get(|c| webhooks::secrets(c, webhook))
    }

    async fn delivery(&self, webhook: &WebhookId, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.readers.get(|c| deliveries::by_id(c, webhook, id))
    }

    async fn delivery_body(&self, of: &WebhookId, id: &DeliveryId) -> Result<Option<SealedBlob>, StoreError> {
        self.readers.get(|c| deliveries::body(c, of, id))
    }

    async fn deliveries(
        &self,
        webhook: &WebhookId,
        outcome: Option<DeliveryOutcome>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let (webhook, page) = (webhook.clone(), page.clone());
        self.readers.list(move |c| deliveries::list(c, &webhook, outcome, &page)).await
    }

    async fn due_webhooks(&self, at: Time) -> Result<Vec<WebhookId>, StoreError> {
        self.readers.list(move |c| webhooks::due(c, at)).await
    }

    async fn take_due_deliveries(
        &self,
        webhook: &WebhookId,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let webhook = webhook.clone();
        self.writer.work(move |c| deliveries::take_due(c, &webhook, at, hide_until, limit)).await
    }

    async fn branding(&self) -> Result<Option<Branding>, StoreError> {
        self.readers.get(branding::read)
    }

    async fn logo(&self, hash: &[u8; 32]) -> Result<Option<Logo>, StoreError> {
        self.readers.get(|c| branding::logo(c, hash))
    }

    async fn accounts_by_status(&self) -> Result<Vec<AccountsInStatus>, StoreError> {
        self.readers.list(overview::by_status).await
    }

    async fn status_history(&self, env: &EnvironmentId, from: Time) -> Result<Vec<StatusCount>, StoreError> {
        let env = env.clone();
        self.readers.list(move |c| overview::status_history(c, &env, from)).await
    }

    async fn overview(&self, env: &EnvironmentId, span: &OverviewSpan) -> Result<Overview, StoreError> {
        let (env, span) = (env.clone(), span.clone());
        self.readers.list(move |c| overview::overview(c, &env, &span)).await
    }
}
