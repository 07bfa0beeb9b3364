//! The storage trait.

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
    PostgresStore, accounts, answers, api_clients, audit, auth_requests, branding, bulk, connections,
    credentials, deliveries, environments, events, executions, home, instances, keys, overview, prune,
    refreshes, revocations, sealed, statement::Query, users, webhooks, writer,
};

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        writer::commit(&self.sessions, &changes, self.observer()).await?;
        self.waiters.wake(&changes);
        self.announce(&changes);
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        writer::probe(&self.sessions).await
    }

    async fn environments(&self) -> Result<Vec<(EnvironmentId, String)>, StoreError> {
        self.sessions.all(environments::list()).await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        self.sessions.one(connections::by_id(id)).await
    }

    async fn connection_in(
        &self,
        env: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        self.sessions.one(Query::inside(env, id.as_str())).await
    }

    async fn connection_by_name(
        &self,
        env: &EnvironmentId,
        name: &str,
    ) -> Result<Option<Connection>, StoreError> {
        self.sessions.one(connections::by_name(env, name)).await
    }

    async fn connections(
        &self,
        env: &EnvironmentId,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Page<Connection>, StoreError> {
        self.sessions.page(connections::scope(env, filter), page).await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.sessions.one(accounts::by_id(id)).await
    }

    async fn account_in(&self, env: &EnvironmentId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.sessions.one(Query::inside(env, id.as_str())).await
    }

    async fn accounts_of_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Vec<Account>, StoreError> {
        self.sessions.all(accounts::of_identifier(connection, identifier)).await
    }

    async fn accounts(
        &self,
        env: &EnvironmentId,
        filter: &AccountFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StoreError> {
        self.sessions.page(accounts::scope(env, filter), page).await
    }

    async fn credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError> {
        self.sessions.one(credentials::current(account)).await
    }

    async fn previous_credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError> {
        self.sessions.one(credentials::previous(account)).await
    }

    async fn join(&self, at: Time) -> Result<Joined, StoreError> {
        let instance = self.join_once(at).await?;
        Ok(Joined { instance, frozen: self.frozen().await? })
    }

    async fn frozen(&self) -> Result<Option<Frozen>, StoreError> {
        Ok(self.sessions.one(home::frozen()).await?.and_then(|home::Mark(mark)| mark))
    }

    async fn gone_instances(&self) -> Result<Vec<InstanceId>, StoreError> {
        self.sessions.all(instances::gone(self.observer())).await
    }

    async fn last_refresh(&self, account: &AccountId) -> Result<Option<RefreshAttempt>, StoreError> {
        self.sessions.one(refreshes::last(account)).await
    }

    async fn refreshes(
        &self,
        account: &AccountId,
        page: &PageRequest,
    ) -> Result<Page<RefreshAttempt>, StoreError> {
        self.sessions.page(refreshes::scope(account), page).await
    }

    /// The database's clock counts, not `at`.
    async fn stale_refreshes(&self, _at: Time, limit: u32) -> Result<Vec<RefreshAttempt>, StoreError> {
        self.sessions.all(refreshes::stale(limit, self.observer())).await
    }

    async fn take_due_refreshes(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        let due = self.sessions.all(accounts::take_due(at, hide_until, limit)).await?;
        Ok(due.into_iter().map(|accounts::Due(id)| id).collect())
    }

    async fn refresh_ended(&self, account: &AccountId, at_most: Duration) {
        self.listen();
        self.waiters.wait(account, at_most).await;
    }

    async fn revocations(
        &self,
        env: &EnvironmentId,
        account: Option<&AccountId>,
        page: &PageRequest,
    ) -> Result<Page<PendingRevocation>, StoreError> {
        self.sessions.page(revocations::scope(env, account), page).await
    }

    async fn take_due_revocations(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<PendingRevocation>, StoreError> {
        self.sessions.all(revocations::take_due(at, hide_until, limit)).await
    }

    async fn prune(&self, what: Prunable, before: Time, limit: u32) -> Result<u64, StoreError> {
        let (sql, values) = prune::removal(what, before, limit);
        self.sessions.execute(sql, values).await
    }

    async fn sealed_records(
        &self,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<SealedRecord>, StoreError> {
        sealed::after(&self.sessions, after, limit).await
    }

    async fn tools_used(&self, account: &AccountId, since: Time) -> Result<Vec<ToolUse>, StoreError> {
        self.sessions.all(executions::tools_used(account, since)).await
    }

    async fn auth_request(&self, id: &AuthRequestId) -> Result<Option<AuthRequest>, StoreError> {
        self.sessions.one(auth_requests::by_id(id)).await
    }

    async fn auth_request_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
        self.sessions.one(auth_requests::by_link(link_hash)).await
    }

    async fn auth_request_by_state(&self, state_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError> {
        self.sessions.one(auth_requests::by_state(state_hash)).await
    }

    async fn events(
        &self,
        env: &EnvironmentId,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        self.sessions.page(events::scope(env, filter), page).await
    }

    async fn execution(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError> {
        self.sessions.one(executions::by_id(id)).await
    }

    async fn execution_in(
        &self,
        env: &EnvironmentId,
        id: &ExecutionId,
    ) -> Result<Option<Execution>, StoreError> {
        self.sessions.one(Query::inside(env, id.as_str())).await
    }

    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        self.sessions.page(executions::scope(env, filter), page).await
    }

    async fn executions_after(
        &self,
        after: Option<&ExecutionId>,
        up_to: &ExecutionId,
        limit: u32,
    ) -> Result<Vec<Execution>, StoreError> {
        self.sessions.all(executions::after(after, up_to, limit)).await
    }

    async fn answer(&self, execution: &ExecutionId) -> Result<Option<KeptAnswer>, StoreError> {
        self.sessions.one(answers::of(execution)).await
    }

    async fn answer_by_key(
        &self,
        env: &EnvironmentId,
        client: &ApiClientId,
        key_hash: &[u8; 32],
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.sessions.one(answers::by_key(env, client, key_hash)).await
    }

    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
        self.sessions.one(api_clients::client(id)).await
    }

    async fn api_client_in(
        &self,
        env: &EnvironmentId,
        id: &ApiClientId,
    ) -> Result<Option<ApiClient>, StoreError> {
        self.sessions.one(Query::inside(env, id.as_str())).await
    }

    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError> {
        self.sessions.all(api_clients::clients(env)).await
    }

    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
        self.sessions.one(api_clients::token(id)).await
    }

    async fn api_token_in(
        &self,
        env: &EnvironmentId,
        id: &ApiTokenId,
    ) -> Result<Option<ApiToken>, StoreError> {
        self.sessions.one(Query::inside(env, id.as_str())).await
    }

    async fn api_token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError> {
        self.sessions.one(api_clients::token_by_hash(hash)).await
    }

    async fn api_tokens(&self, env: &EnvironmentId) -> Result<Vec<ApiToken>, StoreError> {
        self.sessions.all(api_clients::tokens(env)).await
    }

    async fn key_terms(&self) -> Result<Vec<KeyTerm>, StoreError> {
        self.sessions.all(keys::terms()).await
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.sessions.all(keys::signing_keys()).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.sessions.one(users::by_id(id)).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.sessions.one(users::by_email(email)).await
    }

    async fn user_by_sso(&self, identity: &SsoIdentity) -> Result<Option<User>, StoreError> {
        self.sessions.one(users::by_sso(identity)).await
    }

    async fn users(&self) -> Result<Vec<User>, StoreError> {
        self.sessions.all(users::users()).await
    }

    async fn invitation_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<Invitation>, StoreError> {
        self.sessions.one(users::invitation(link_hash)).await
    }

    async fn invitations(&self) -> Result<Vec<Invitation>, StoreError> {
        self.sessions.all(users::invitations()).await
    }

    async fn session_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        self.sessions.one(users::session(token_hash)).await
    }

    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.sessions.all(users::sessions(user)).await
    }

    async fn audit(
        &self,
        filter: &AuditFilter,
        below: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        self.sessions.all(audit::list(filter, below, limit)?).await
    }

    async fn audit_above(&self, number: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.sessions.all(audit::above(number, limit)?).await
    }

    async fn audit_head(&self) -> Result<Option<AuditHead>, StoreError> {
        self.sessions.one(audit::head()).await
    }

    async fn bulk(&self, id: &str) -> Result<Option<BulkWork>, StoreError> {
        self.sessions.one(bulk::by_id(id)).await
    }

    async fn bulk_in(&self, env: &EnvironmentId, id: &str) -> Result<Option<BulkWork>, StoreError> {
        self.sessions.one(Query::inside(env, id)).await
    }

    async fn left_bulks(&self, at: Time, limit: u32) -> Result<Vec<BulkWork>, StoreError> {
        self.sessions.all(bulk::left(at, limit, self.observer())).await
    }

    async fn bulks_of(
        &self,
        env: &EnvironmentId,
        actor: &str,
        limit: u32,
    ) -> Result<Vec<BulkWork>, StoreError> {
        self.sessions.all(bulk::of(env, actor, limit)).await
    }

    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.sessions.one(webhooks::by_id(id)).await
    }

    async fn webhook_in(&self, env: &EnvironmentId, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.sessions.one(Query::inside(env, id.as_str())).await
    }

    async fn webhooks(&self, env: &EnvironmentId, page: &PageRequest) -> Result<Page<Webhook>, StoreError> {
        self.sessions.page(webhooks::scope(env), page).await
    }

    async fn webhook_secrets(&self, webhook: &WebhookId) -> Result<Vec<WebhookSecret>, StoreError> {
        self.sessions.all(webhooks::secrets(webhook)).await
    }

    async fn delivery(&self, webhook: &WebhookId, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.sessions.one(deliveries::by_id(webhook, id)).await
    }

    async fn delivery_body(&self, of: &WebhookId, id: &DeliveryId) -> Result<Option<SealedBlob>, StoreError> {
        Ok(self.sessions.one(deliveries::body(of, id)).await?.map(|body| body.sealed))
    }

    async fn deliveries(
        &self,
        webhook: &WebhookId,
        outcome: Option<DeliveryOutcome>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        self.sessions.page(deliveries::scope(webhook, outcome), page).await
    }

    async fn due_webhooks(&self, at: Time) -> Result<Vec<WebhookId>, StoreError> {
        Ok(self.sessions.all(webhooks::due(at)).await?.into_iter().map(|it| it.id).collect())
    }

    async fn take_due_deliveries(
        &self,
        webhook: &WebhookId,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.sessions.all(deliveries::take_due(webhook, at, hide_until, limit)).await
    }

    async fn branding(&self) -> Result<Option<Branding>, StoreError> {
        self.sessions.one(branding::read()).await
    }

    async fn logo(&self, hash: &[u8; 32]) -> Result<Option<Logo>, StoreError> {
        self.sessions.one(branding::logo(hash)).await
    }

    async fn accounts_by_status(&self) -> Result<Vec<AccountsInStatus>, StoreError> {
        self.sessions.all(overview::by_status()).await
    }

    async fn status_history(&self, env: &EnvironmentId, from: Time) -> Result<Vec<StatusCount>, StoreError> {
        self.sessions.all(overview::status_history(env, from)).await
    }

    async fn overview(&self, env: &EnvironmentId, span: &OverviewSpan) -> Result<Overview, StoreError> {
        overview::overview(&self.sessions, env, span).await
    }
}
