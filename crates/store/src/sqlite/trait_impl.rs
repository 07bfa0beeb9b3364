//! The storage trait: reads by key run here and now, lists on a blocking thread, writes in the writer's queue.

use async_trait::async_trait;
use valetkey_domain::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest, AuthRequestId, Changes,
    Connection, ConnectionId, EnvironmentId, Event, Execution, ExecutionId, Page, PageRequest, Store,
    StoreError,
    keys::{KeyTerm, SigningKey},
    store::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter, StoredCredential},
};

use super::{
    SqliteStore, accounts, api_clients, auth_requests, connections, credentials, environments, events,
    executions, keys,
};

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, changes: Changes) -> Result<(), StoreError> {
        self.write(changes).await
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

    async fn account_by_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Option<Account>, StoreError> {
        self.readers.get(|c| accounts::by_identifier(c, connection, identifier))
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

    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError> {
        let (env, filter, page) = (env.clone(), filter.clone(), page.clone());
        self.readers.list(move |c| executions::list(c, &env, &filter, &page)).await
    }

    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError> {
        self.readers.get(|c| api_clients::client(c, id))
    }

    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError> {
        let env = env.clone();
        self.readers.list(move |c| api_clients::clients(c, &env)).await
    }

    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
        self.readers.get(|c| api_clients::token(c, id))
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
}
