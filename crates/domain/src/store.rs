//! The storage traits. Reads are methods per noun; every write is a [`Change`], and [`Store::commit`] applies a list
//! of changes as one transaction: all of them or none. Not-found is `None`, never an error.
//!
//! A use case that must change an account and tell of it therefore hands both to one commit, and a backend is free
//! to gather many commits into one durable write.

mod error;
mod filter;

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Account, AccountId, ApiClient, ApiClientId, ApiToken, ApiTokenId, AuthRequest, AuthRequestId, Branding,
    Connection, ConnectionId, EnvironmentId, ErrorCode, Event, Execution, ExecutionId, InstanceId,
    Invitation, InvitationId, KeptAnswer, Page, PageRequest, PendingRevocation, RefreshAttempt,
    RefreshOutcome, RevocationId, SealedBlob, Session, SessionId, Time, User, UserId,
    audit::{AuditEntry, AuditFilter, AuditHead, NewAuditEntry},
    branding::Logo,
    keys::{KeyTerm, SigningKey},
    overview::{Overview, OverviewSpan, StatusCount},
    refresh::{Degraded, Frozen, Joined},
    user::SsoIdentity,
};

pub use error::StoreError;
pub use filter::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter, Prunable};

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
    /// A new account; conflict `account.identifier` if connection, identifier and name are taken, `account.connection`
    /// if its environment has no such connection.
    InsertAccount(Account),
    /// A changed account. `last_used_at` never goes back: a use noted meanwhile is kept.
    UpdateAccount(Account),
    /// Sets when the background renews an account next, without touching its version; no-op if the account is gone or
    /// its credential is not of this generation.
    ScheduleRefresh {
        /// The account.
        id: AccountId,
        /// The generation of its credential.
        generation: u64,
        /// When; `None` for never.
        at: Option<Time>,
    },
    /// Notes that renewals of an account fail in passing, without touching its version; no-op if the account is gone
    /// or its credential is not of this generation.
    DegradeAccount {
        /// The account.
        id: AccountId,
        /// The generation of its credential.
        generation: u64,
        /// What is noted.
        degraded: Degraded,
    },
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
    /// Marks executions that an instance began and never ended as of unknown outcome; those whose kept answer says that
    /// they never left, as failed with `execution_interrupted`.
    AbandonExecutions {
        /// The instance, known to be gone; `None` means executions without one, from before there were instances.
        instance: Option<InstanceId>,
    },
    /// A new kept answer; conflict `answer.key` if the client has used the key, `answer` if the execution has one,
    /// `answer.account` if there is no such account.
    InsertAnswer(KeptAnswer),
    /// Notes that a call is about to leave for the provider; conflict `answer` if its answer is gone.
    AnswerLeaves(ExecutionId),
    /// Keeps what a call brought; no-op if its answer is gone.
    FinishAnswer {
        /// The execution.
        execution: ExecutionId,
        /// The answer or the error; none if it is too large.
        sealed: Option<SealedBlob>,
        /// Whether the key goes on standing for this call. If not, it may be used again.
        keep_key: bool,
        /// Until when it is kept.
        keep_until: Time,
    },
    /// Forgets a kept answer with its key; no-op if it is gone.
    DeleteAnswer(ExecutionId),
    /// Opens an attempt to renew a credential, which is also its lease. Storage sets `lease_until`: its own clock plus
    /// `lease`. Conflict `refresh` if the account has an open attempt or `fence` is not the one after the last,
    /// `refresh.generation` if the account's current credential is of another generation than the attempt's,
    /// `refresh.account` if there is no such account.
    BeginRefresh {
        /// The attempt, without outcome.
        attempt: RefreshAttempt,
        /// How long the lease lasts.
        lease: Duration,
    },
    /// Ends an attempt that is open or of unknown outcome, and wakes who waits for it in any process; no-op if there
    /// is none of this fence or another outcome is known already.
    EndRefresh {
        /// The account.
        account: AccountId,
        /// The fencing number.
        fence: u64,
        /// What became of it.
        outcome: RefreshOutcome,
        /// The code of a failure.
        code: Option<ErrorCode>,
        /// When.
        at: Time,
    },
    /// Ends an open attempt as of unknown outcome because its lease ran out, by storage's clock, or its holder is
    /// gone. Conflict `refresh` if neither is so or it is not open.
    TakeOverRefresh {
        /// The account.
        account: AccountId,
        /// The fencing number of the attempt that is taken over.
        fence: u64,
        /// When, by the caller's clock. SQLite has no clock of its own and judges the lease by this one.
        at: Time,
    },
    /// Forgets an instance that is gone.
    ForgetInstance(InstanceId),
    /// A revocation to be tried again.
    InsertRevocation(PendingRevocation),
    /// Notes another failed try; conflict `revocation` if there is none of this id.
    UpdateRevocation(PendingRevocation),
    /// The revocation is over, with its sealed credential; no-op if it is gone.
    DeleteRevocation(RevocationId),
    /// Marks the database as a restored backup or a copy, unless it is marked already.
    Freeze(Frozen),
    /// The operator confirmed that this database is the only one that goes on.
    Thaw,
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
    /// Puts a term's key, sealed anew under another master key, in the place of `from`; conflict `key_term` if
    /// something else is stored.
    RewrapKeyTerm {
        /// The term.
        term: u32,
        /// What is stored.
        from: SealedBlob,
        /// What shall be.
        to: SealedBlob,
    },
    /// Removes a term; conflict `key_term` if there is none of this number.
    DeleteKeyTerm {
        /// The term.
        term: u32,
    },
    /// Puts a secret, sealed anew in another term, in the place of `from`; no-op if something else is stored by now.
    /// Versions, generations and times stay.
    Reseal {
        /// Which secret.
        place: SealedPlace,
        /// What was read.
        from: SealedBlob,
        /// The same secret, sealed anew.
        to: SealedBlob,
    },
    /// A new signing key.
    InsertSigningKey(SigningKey),
    /// A new user; conflict `user.email` if the address (or the identity at the provider) is taken.
    InsertUser(User),
    /// A changed user.
    UpdateUser(User),
    /// A new invitation; conflict `invitation.user` if its user does not exist.
    InsertInvitation(Invitation),
    /// Uses an invitation up; conflict `invitation` if it was used or is gone.
    UseInvitation {
        /// The invitation.
        id: InvitationId,
        /// When.
        at: Time,
    },
    /// Takes an invitation back; no-op if it is gone.
    DeleteInvitation(InvitationId),
    /// A new session; conflict `session.user` if its user does not exist.
    InsertSession(Session),
    /// Notes the use of a session; no-op if it is gone.
    TouchSession {
        /// The session.
        id: SessionId,
        /// When it was used.
        at: Time,
    },
    /// Ends a session; no-op if it is gone.
    DeleteSession(SessionId),
    /// Ends the sessions of a user.
    DeleteSessionsOf {
        /// The user.
        user: UserId,
        /// The one that goes on, if any does.
        except: Option<SessionId>,
    },
    /// Adds an entry to the end of the audit log's chain.
    AppendAudit(NewAuditEntry),
    /// The branding after a change; the first one has version 1. Conflict `branding`.
    PutBranding(Branding),
    /// A logo; no-op if this very picture is there.
    PutLogo(Logo),
    /// Forgets all logos but one.
    DropLogos {
        /// The one to keep, by the hash of its content.
        keep: Option<[u8; 32]>,
    },
    /// Counts the accounts of every environment by status, for the day of `at` (in UTC) in the place of what was counted
    /// for it before, and forgets the days before that of `keep_from`.
    CountStatuses {
        /// The day to count for.
        at: Time,
        /// The first day to keep.
        keep_from: Time,
    },
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

/// Where a sealed secret is kept. Orders as storage walks through them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SealedPlace {
    /// A credential of an account, by generation.
    Credential(AccountId, u64),
    /// The client secret of a connection.
    ClientSecret(ConnectionId),
    /// The PKCE verifier of an attempt.
    CodeVerifier(AuthRequestId),
    /// The private key of a signing key, by `kid`.
    SigningKey(String),
    /// The credential of a pending revocation.
    Revocation(RevocationId),
    /// A kept answer.
    Answer(ExecutionId),
}

/// A sealed secret with what its seal is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// Where it is kept.
    pub place: SealedPlace,
    /// The environment of the record; signing keys belong to none.
    pub environment: Option<EnvironmentId>,
    /// Of a credential of a pending revocation: the account and generation that it is sealed for.
    pub sealed_for: Option<(AccountId, u64)>,
    /// The sealed secret.
    pub sealed: SealedBlob,
}

/// How often a tool was used with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// The tool.
    pub tool: String,
    /// How many executions succeeded.
    pub succeeded: u64,
    /// How many there were.
    pub executions: u64,
    /// When the last one began.
    pub last_at: Time,
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

    /// The branding, once something was set.
    async fn branding(&self) -> Result<Option<Branding>, StoreError>;
    /// A logo by the hash of its content.
    async fn logo(&self, hash: &[u8; 32]) -> Result<Option<Logo>, StoreError>;

    /// What an environment looks like from afar.
    async fn overview(&self, env: &EnvironmentId, span: &OverviewSpan) -> Result<Overview, StoreError>;
    /// How many accounts were in each status from the day of an instant on, as far as it was counted, by day.
    async fn status_history(&self, env: &EnvironmentId, from: Time) -> Result<Vec<StatusCount>, StoreError>;
}
