//! The storage traits. Reads are methods per noun; every write is a [`Change`], and [`Store::commit`] applies a list
//! of changes as one transaction: all of them or none. Not-found is `None`, never an error.
//!
//! A use case that must change an account and tell of it therefore hands both to one commit, and a backend is free
//! to gather many commits into one durable write.

use async_trait::async_trait;

use crate::{
    Account, AccountId, AccountStatus, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest,
    AuthRequestId, Connection, ConnectionId, EnvironmentId, Event, Execution, ExecutionId, Page, PageRequest,
    SealedBlob, Time,
    execution::ExecutionStatus,
    keys::{KeyTerm, SigningKey},
};

/// Why storage did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another writer was first: the record has another version, or the unique name is taken. Nothing was written.
    #[error("conflict on {what}")]
    Conflict {
        /// The record: `account`, `connection.name`, `auth_request`, …
        what: &'static str,
    },
    /// The database cannot be reached, is full or read-only. Nothing is known to be written.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// A row holds what no row may hold.
    #[error("inconsistent row in {table}.{column} of {row}: {reason}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The key of the row.
        row: String,
        /// What is wrong.
        reason: String,
    },
}

/// One write. Updates carry the record *after* the change with its version counted up by the caller by one; storage
/// applies them only if the stored version is exactly one less, else the whole commit is a conflict. Changing or
/// deleting a record that does not exist is a conflict on it. Times are kept to the microsecond.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A new connection; conflict `connection.name` if the name is taken in the environment,
    /// `connection.environment` if the environment does not exist.
    InsertConnection(Connection),
    /// A changed connection.
    UpdateConnection(Connection),
    /// Removes a connection; conflict `connection.accounts` while accounts exist.
    DeleteConnection(ConnectionId),
    /// A new account; conflict `account.identifier` if connection and identifier are taken, `account.connection` if
    /// its environment has no such connection.
    InsertAccount(Account),
    /// A changed account. `last_used_at` never goes back: a use noted meanwhile is kept.
    UpdateAccount(Account),
    /// Notes the use of an account without touching its version; no-op if the account is gone.
    TouchAccount {
        /// The account.
        id: AccountId,
        /// When it was used.
        at: Time,
    },
    /// Removes an account with its credentials and auth requests. Its events and executions stay.
    DeleteAccount(AccountId),
    /// Stores a sealed credential as the current one of its account; the one before is kept as previous until
    /// [`Change::DropPreviousCredentials`]. Conflict `credential` if this generation or a newer one exists,
    /// `credential.account` if the account does not.
    PutCredential {
        /// The account.
        account: AccountId,
        /// Its generation, bound into the seal.
        generation: u64,
        /// The sealed credential.
        sealed: SealedBlob,
        /// When.
        at: Time,
    },
    /// Forgets all generations of an account's credential below this one.
    DropPreviousCredentials {
        /// The account.
        account: AccountId,
        /// The generation to keep.
        keep: u64,
    },
    /// Erases every credential of an account.
    EraseCredentials(AccountId),
    /// A new authorization attempt.
    InsertAuthRequest(AuthRequest),
    /// A changed authorization attempt.
    UpdateAuthRequest(AuthRequest),
    /// A new event.
    AppendEvent(Event),
    /// A new execution, running or ended.
    InsertExecution(Execution),
    /// The end of an execution that was inserted as running; conflict `execution` if it is not running any more.
    FinishExecution(Execution),
    /// Marks executions begun before `started_before` and still running as of unknown outcome.
    AbandonExecutions {
        /// The instant this process started.
        started_before: Time,
    },
    /// A new API client; conflict `api_client` if the id is taken.
    InsertApiClient(ApiClient),
    /// A changed API client (the last writer wins).
    UpdateApiClient(ApiClient),
    /// A new API token.
    InsertApiToken(ApiToken),
    /// A changed API token (the last writer wins).
    UpdateApiToken(ApiToken),
    /// A new environment; no-op if it exists.
    InsertEnvironment {
        /// `env_…`
        id: EnvironmentId,
        /// Its unique name; the first one is `default`.
        name: String,
        /// When.
        at: Time,
    },
    /// A new term of the keyring; conflict `key_term` if the number is taken.
    InsertKeyTerm(KeyTerm),
    /// Counts up what is reserved on a term; conflict `key_term` unless `from` is what is stored.
    ReserveSeals {
        /// The term.
        term: u32,
        /// What the row must hold now.
        from: u64,
        /// What it will hold.
        to: u64,
    },
    /// A new signing key.
    InsertSigningKey(SigningKey),
}

/// A list of changes that belong together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes(pub Vec<Change>);

impl Changes {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more change.
    #[must_use]
    pub fn and(mut self, change: Change) -> Self {
        self.0.push(change);
        self
    }

    /// With all changes of another list after its own.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// With one more change, if there is one.
    #[must_use]
    pub fn and_maybe(mut self, change: Option<Change>) -> Self {
        self.0.extend(change);
        self
    }
}

impl From<Change> for Changes {
    fn from(change: Change) -> Self {
        Self(vec![change])
    }
}

/// Which connections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Of this connector.
    pub connector: Option<String>,
    /// Whose name contains this, whatever the case.
    pub query: Option<String>,
}

/// Which accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Of one of these connections; empty means any.
    pub connections: Vec<ConnectionId>,
    /// With exactly this identifier.
    pub identifier: Option<String>,
    /// Of this organization.
    pub organization_id: Option<String>,
    /// Of this user.
    pub user_id: Option<String>,
    /// In this status.
    pub status: Option<AccountStatus>,
    /// Of a connection of this connector.
    pub connector: Option<String>,
    /// Whose identifier, label, id, organization or user id contains this, whatever the case.
    pub query: Option<String>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// About this account.
    pub account: Option<AccountId>,
    /// About this connection.
    pub connection: Option<ConnectionId>,
}

/// Which executions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this connection.
    pub connection: Option<ConnectionId>,
    /// Of this tool.
    pub tool: Option<String>,
    /// With this end.
    pub status: Option<ExecutionStatus>,
}

/// A credential as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    /// The account.
    pub account: AccountId,
    /// Its generation.
    pub generation: u64,
    /// The sealed credential.
    pub sealed: SealedBlob,
    /// When it was stored.
    pub created_at: Time,
}

/// Everything the engine asks of a database.
///
/// # Errors
/// Reads fail with [`StoreError::Unavailable`] or [`StoreError::Inconsistent`]; [`Store::commit`] also with
/// [`StoreError::Conflict`].
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Applies all changes as one transaction. When it returns `Ok`, they survive a crash of process and machine.
    async fn commit(&self, changes: Changes) -> Result<(), StoreError>;

    /// Whether the database answers and accepts writes.
    async fn check(&self) -> Result<(), StoreError>;

    /// Every environment, as id and name.
    async fn environments(&self) -> Result<Vec<(EnvironmentId, String)>, StoreError>;

    /// A connection by id.
    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError>;
    /// A connection by its name in an environment (exact).
    async fn connection_by_name(
        &self,
        env: &EnvironmentId,
        name: &str,
    ) -> Result<Option<Connection>, StoreError>;
    /// Connections of an environment, newest first.
    async fn connections(
        &self,
        env: &EnvironmentId,
        filter: &ConnectionFilter,
        page: &PageRequest,
    ) -> Result<Page<Connection>, StoreError>;

    /// An account by id.
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError>;
    /// An account by connection and identifier.
    async fn account_by_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Option<Account>, StoreError>;
    /// Accounts of an environment, newest first.
    async fn accounts(
        &self,
        env: &EnvironmentId,
        filter: &AccountFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StoreError>;

    /// The current credential of an account: the one with the highest generation.
    async fn credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError>;

    /// An authorization attempt by id.
    async fn auth_request(&self, id: &AuthRequestId) -> Result<Option<AuthRequest>, StoreError>;
    /// An authorization attempt by the hash of its link token.
    async fn auth_request_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError>;
    /// An authorization attempt by the hash of its state.
    async fn auth_request_by_state(&self, state_hash: &[u8; 32]) -> Result<Option<AuthRequest>, StoreError>;

    /// Events of an environment, newest first.
    async fn events(
        &self,
        env: &EnvironmentId,
        filter: &EventFilter,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError>;

    /// An execution by id.
    async fn execution(&self, id: &ExecutionId) -> Result<Option<Execution>, StoreError>;
    /// Executions of an environment, newest first.
    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError>;

    /// An API client by id.
    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError>;
    /// The API clients of an environment, oldest first.
    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError>;
    /// An API token by id.
    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError>;
    /// An API token by its hash.
    async fn api_token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError>;
    /// The API tokens of an environment, oldest first.
    async fn api_tokens(&self, env: &EnvironmentId) -> Result<Vec<ApiToken>, StoreError>;

    /// The terms of the keyring, by number.
    async fn key_terms(&self) -> Result<Vec<KeyTerm>, StoreError>;
    /// The signing keys, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;
}
