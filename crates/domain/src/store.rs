//! The storage traits. Reads are methods per noun; every write is a [`Change`], and [`Store::commit`] applies a list
//! of changes as one transaction: all of them or none. Not-found is `None`, never an error.
//!
//! A use case that must change an account and tell of it therefore hands both to one commit, and a backend is free
//! to gather many commits into one durable write.

mod change;
mod changes;
mod error;
mod filter;
mod records;

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest, AuthRequestId, Branding,
    Connection, ConnectionId, DeliveryId, EnvironmentId, Event, Execution, ExecutionId, InstanceId,
    Invitation, KeptAnswer, Page, PageRequest, PendingRevocation, RefreshAttempt, SealedBlob, Session, Time,
    User, UserId, WebhookId,
    audit::{AuditEntry, AuditFilter, AuditHead},
    branding::Logo,
    bulk::BulkWork,
    keys::{KeyTerm, SigningKey},
    overview::{AccountsInStatus, Overview, OverviewSpan, StatusCount},
    refresh::{Frozen, Joined},
    user::SsoIdentity,
    webhook::{Delivery, DeliveryOutcome, Webhook, WebhookSecret},
};

pub use change::Change;
pub use changes::Changes;
pub use error::StoreError;
pub use filter::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter, Prunable};
pub use records::{SealedPlace, SealedRecord, StoredCredential, ToolUse};

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
    /// A connection that a caller names by its id: nothing of another environment is read (S39).
    async fn connection_in(
        &self,
        env: &EnvironmentId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError>;
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
    /// An account that a caller names by its id.
    async fn account_in(&self, env: &EnvironmentId, id: &AccountId) -> Result<Option<Account>, StoreError>;
    /// The accounts of an identifier on a connection, by name: the unnamed one first. At most 100.
    async fn accounts_of_identifier(
        &self,
        connection: &ConnectionId,
        identifier: &str,
    ) -> Result<Vec<Account>, StoreError>;
    /// Accounts of an environment, newest first.
    async fn accounts(
        &self,
        env: &EnvironmentId,
        filter: &AccountFilter,
        page: &PageRequest,
    ) -> Result<Page<Account>, StoreError>;

    /// The current credential of an account: the one with the highest generation.
    async fn credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError>;

    /// The credential of an account before the current one, while it is kept.
    async fn previous_credential(&self, account: &AccountId) -> Result<Option<StoredCredential>, StoreError>;

    /// Makes this process known as one that works on the database and gives it a number; the same one when asked
    /// again. From here on storage can tell whether the process is still there. Recognizes a restored or copied
    /// database and marks it as frozen.
    async fn join(&self, at: Time) -> Result<Joined, StoreError>;
    /// The mark of a restored or copied database, if there is one.
    async fn frozen(&self) -> Result<Option<Frozen>, StoreError>;
    /// Instances that are known to be gone: their process died or lost the database for good.
    async fn gone_instances(&self) -> Result<Vec<InstanceId>, StoreError>;

    /// The last attempt to renew an account's credential.
    async fn last_refresh(&self, account: &AccountId) -> Result<Option<RefreshAttempt>, StoreError>;
    /// The attempts of an account, newest first.
    async fn refreshes(
        &self,
        account: &AccountId,
        page: &PageRequest,
    ) -> Result<Page<RefreshAttempt>, StoreError>;
    /// Open attempts that may be taken over: their lease has run out, by storage's clock (SQLite: by `at`), or their
    /// holder is gone. Oldest first.
    async fn stale_refreshes(&self, at: Time, limit: u32) -> Result<Vec<RefreshAttempt>, StoreError>;
    /// Takes `ACTIVE` accounts whose `refresh_at` has come, the longest due first, and puts it off to `hide_until`, so
    /// that no other process takes them meanwhile.
    async fn take_due_refreshes(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError>;
    /// Waits until an attempt of `account` ends, in whatever process, and no longer than `at_most`. It may return
    /// early or miss an end that came before the call: look again, with a short `at_most` as a floor.
    async fn refresh_ended(&self, account: &AccountId, at_most: Duration);

    /// Pending revocations of an environment, newest first.
    async fn revocations(
        &self,
        env: &EnvironmentId,
        account: Option<&AccountId>,
        page: &PageRequest,
    ) -> Result<Page<PendingRevocation>, StoreError>;
    /// Takes pending revocations whose `next_at` has come and puts it off to `hide_until`.
    async fn take_due_revocations(
        &self,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<PendingRevocation>, StoreError>;

    /// Removes up to `limit` records of a kind from before an instant and says how many.
    async fn prune(&self, what: Prunable, before: Time, limit: u32) -> Result<u64, StoreError>;

    /// The next sealed secrets after a place, in the order of places, for sealing them anew.
    async fn sealed_records(
        &self,
        after: Option<&SealedPlace>,
        limit: u32,
    ) -> Result<Vec<SealedRecord>, StoreError>;

    /// Which tools were used with an account since an instant, by name.
    async fn tools_used(&self, account: &AccountId, since: Time) -> Result<Vec<ToolUse>, StoreError>;

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
    /// An execution that a caller names by its id.
    async fn execution_in(
        &self,
        env: &EnvironmentId,
        id: &ExecutionId,
    ) -> Result<Option<Execution>, StoreError>;
    /// Executions of an environment, newest first.
    async fn executions(
        &self,
        env: &EnvironmentId,
        filter: &ExecutionFilter,
        page: &PageRequest,
    ) -> Result<Page<Execution>, StoreError>;

    /// Executions of all environments above one id and up to another, by id.
    async fn executions_after(
        &self,
        after: Option<&ExecutionId>,
        up_to: &ExecutionId,
        limit: u32,
    ) -> Result<Vec<Execution>, StoreError>;

    /// The kept answer of an execution.
    async fn answer(&self, execution: &ExecutionId) -> Result<Option<KeptAnswer>, StoreError>;
    /// The kept answer that a client's idempotency key stands for.
    async fn answer_by_key(
        &self,
        env: &EnvironmentId,
        client: &ApiClientId,
        key_hash: &[u8; 32],
    ) -> Result<Option<KeptAnswer>, StoreError>;

    /// An API client by id.
    async fn api_client(&self, id: &ApiClientId) -> Result<Option<ApiClient>, StoreError>;
    /// An API client that a caller names by its id.
    async fn api_client_in(
        &self,
        env: &EnvironmentId,
        id: &ApiClientId,
    ) -> Result<Option<ApiClient>, StoreError>;
    /// The API clients of an environment, oldest first.
    async fn api_clients(&self, env: &EnvironmentId) -> Result<Vec<ApiClient>, StoreError>;
    /// An API token by id.
    async fn api_token(&self, id: &ApiTokenId) -> Result<Option<ApiToken>, StoreError>;
    /// A token that a caller names by its id.
    async fn api_token_in(
        &self,
        env: &EnvironmentId,
        id: &ApiTokenId,
    ) -> Result<Option<ApiToken>, StoreError>;
    /// An API token by its hash.
    async fn api_token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError>;
    /// The API tokens of an environment, oldest first.
    async fn api_tokens(&self, env: &EnvironmentId) -> Result<Vec<ApiToken>, StoreError>;

    /// The terms of the keyring, by number.
    async fn key_terms(&self) -> Result<Vec<KeyTerm>, StoreError>;
    /// The signing keys, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// A user by id.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;
    /// A user by address, in lower case.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;
    /// A user by whom an identity provider vouches for.
    async fn user_by_sso(&self, identity: &SsoIdentity) -> Result<Option<User>, StoreError>;
    /// Every user, oldest first.
    async fn users(&self) -> Result<Vec<User>, StoreError>;
    /// An invitation by the hash of its token.
    async fn invitation_by_link(&self, link_hash: &[u8; 32]) -> Result<Option<Invitation>, StoreError>;
    /// Every invitation, oldest first.
    async fn invitations(&self) -> Result<Vec<Invitation>, StoreError>;
    /// A session by the hash of its token.
    async fn session_by_token(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError>;
    /// The sessions of a user, oldest first.
    async fn sessions(&self, user: &UserId) -> Result<Vec<Session>, StoreError>;

    /// Entries of the audit log below a number, the newest first.
    async fn audit(
        &self,
        filter: &AuditFilter,
        below: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError>;
    /// Entries of the audit log above a number, the oldest first, for walking along the chain.
    async fn audit_above(&self, number: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;
    /// The last entry of the audit log, as it is kept beside the chain.
    async fn audit_head(&self) -> Result<Option<AuditHead>, StoreError>;

    /// Work on many accounts by its id.
    async fn bulk(&self, id: &str) -> Result<Option<BulkWork>, StoreError>;
    /// Work on many accounts that a caller names by its id.
    async fn bulk_in(&self, env: &EnvironmentId, id: &str) -> Result<Option<BulkWork>, StoreError>;
    /// Work on many accounts that has not ended and that nobody is believed to be at: its lease has run out, or its holder
    /// is gone. The oldest first.
    async fn left_bulks(&self, at: Time, limit: u32) -> Result<Vec<BulkWork>, StoreError>;
    /// The work on many accounts that somebody began in an environment, the newest first.
    async fn bulks_of(
        &self,
        env: &EnvironmentId,
        actor: &str,
        limit: u32,
    ) -> Result<Vec<BulkWork>, StoreError>;

    /// A webhook by id.
    async fn webhook(&self, id: &WebhookId) -> Result<Option<Webhook>, StoreError>;
    /// A webhook that a caller names by its id.
    async fn webhook_in(&self, env: &EnvironmentId, id: &WebhookId) -> Result<Option<Webhook>, StoreError>;
    /// The webhooks of an environment, newest first.
    async fn webhooks(&self, env: &EnvironmentId, page: &PageRequest) -> Result<Page<Webhook>, StoreError>;
    /// The secrets of a webhook, the newest first.
    async fn webhook_secrets(&self, webhook: &WebhookId) -> Result<Vec<WebhookSecret>, StoreError>;
    /// A message to a webhook.
    async fn delivery(&self, webhook: &WebhookId, id: &DeliveryId) -> Result<Option<Delivery>, StoreError>;
    /// What a message says, sealed, once it was to be sent.
    async fn delivery_body(&self, of: &WebhookId, id: &DeliveryId) -> Result<Option<SealedBlob>, StoreError>;
    /// The messages to a webhook, newest first.
    async fn deliveries(
        &self,
        webhook: &WebhookId,
        outcome: Option<DeliveryOutcome>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError>;
    /// Webhooks that are on and have messages whose time has come.
    async fn due_webhooks(&self, at: Time) -> Result<Vec<WebhookId>, StoreError>;
    /// Takes messages to a webhook whose time has come, the longest due first, and puts it off to `hide_until`.
    async fn take_due_deliveries(
        &self,
        webhook: &WebhookId,
        at: Time,
        hide_until: Time,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// The branding, once something was set.
    async fn branding(&self) -> Result<Option<Branding>, StoreError>;
    /// A logo by the hash of its content.
    async fn logo(&self, hash: &[u8; 32]) -> Result<Option<Logo>, StoreError>;

    /// What an environment looks like from afar.
    async fn overview(&self, env: &EnvironmentId, span: &OverviewSpan) -> Result<Overview, StoreError>;
    /// How many accounts of every environment are in each status now, by environment. It looks at all accounts.
    async fn accounts_by_status(&self) -> Result<Vec<AccountsInStatus>, StoreError>;
    /// How many accounts were in each status from the day of an instant on, as far as it was counted, by day.
    async fn status_history(&self, env: &EnvironmentId, from: Time) -> Result<Vec<StatusCount>, StoreError>;
}
