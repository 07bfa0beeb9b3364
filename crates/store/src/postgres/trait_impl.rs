//! The storage trait.

use async_trait::async_trait;
use valetkey_domain::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest, AuthRequestId, Changes,
    Connection, ConnectionId, EnvironmentId, Event, Execution, ExecutionId, Page, PageRequest, Store,
    StoreError,
    keys::{KeyTerm, SigningKey},
    store::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter, StoredCredential},
};

use super::{
    PostgresStore, accounts, api_clients, auth_requests, connections, credentials, environments, events,
    executions, keys, writer,
};

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        writer::commit(&self.sessions, &changes).await
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

    async fn account_by_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Option<Account>, StoreError> {
        self.sessions.one(accounts::by_identifier(connection, identifier)).await
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

    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        self.sessions.page(executions::scope(env, filter), page).await
    }

    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
        self.sessions.one(api_clients::client(id)).await
    }

    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError> {
        self.sessions.all(api_clients::clients(env)).await
    }

    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
        self.sessions.one(api_clients::token(id)).await
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
}
