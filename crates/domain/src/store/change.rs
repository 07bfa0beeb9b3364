//! A write.

use std::time::Duration;

use crate::{
    Account, AccountId, ApiClient, ApiToken, AuthRequest, Branding, Connection, ConnectionId, EnvironmentId,
    ErrorCode, Event, Execution, ExecutionId, InstanceId, Invitation, InvitationId, KeptAnswer,
    PendingRevocation, RefreshAttempt, RefreshOutcome, RevocationId, SealedBlob, Session, SessionId, Time,
    User, UserId, WebhookId,
    audit::NewAuditEntry,
    branding::Logo,
    bulk::BulkWork,
    keys::{KeyTerm, SigningKey},
    overview::AccountsInStatus,
    refresh::{Degraded, Frozen},
    webhook::{Delivery, DeliveryBody, Webhook, WebhookNote},
};

use super::SealedPlace;

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
    /// A new event. Of some ([`Announcement::of`](crate::webhook::Announcement::of)) the webhooks of the environment
    /// are told that are on and want to hear it: storage makes a [`Delivery`] for each, due at once.
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
        /// When. Webhooks are told of calls that nobody waited for.
        at: Time,
    },
    /// Tells webhooks that an execution ended that nobody waited for; no-op if they were told already.
    AnnounceExecution {
        /// The execution.
        id: ExecutionId,
        /// When it ended.
        at: Time,
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
    /// New work on many accounts.
    InsertBulk(BulkWork),
    /// How far work on many accounts is. Conflict `bulk`.
    UpdateBulk(BulkWork),
    /// The branding after a change; the first one has version 1. Conflict `branding`.
    PutBranding(Branding),
    /// A logo; no-op if this very picture is there.
    PutLogo(Logo),
    /// Forgets all logos but one.
    DropLogos {
        /// The one to keep, by the hash of its content.
        keep: Option<[u8; 32]>,
    },
    /// A new webhook. Conflict `webhook`; `webhook.environment` if there is no such environment.
    InsertWebhook(Webhook),
    /// A changed webhook. Conflict `webhook`.
    UpdateWebhook(Webhook),
    /// Removes a webhook with its secrets and messages; conflict `webhook` if it is gone.
    DeleteWebhook(WebhookId),
    /// Notes what came of a try, without touching the webhook's version; no-op if it is gone. The first failure after
    /// a success says since when it fails, and one that is off for a reason stays so for that reason.
    NoteWebhook {
        /// The webhook.
        id: WebhookId,
        /// What is noted.
        note: WebhookNote,
    },
    /// Another secret of a webhook. The one before stays until `old_until`, those before that are forgotten. Conflict
    /// `webhook_secret` if this generation is there, `webhook_secret.webhook` if there is no such webhook.
    PutWebhookSecret {
        /// The webhook.
        webhook: WebhookId,
        /// The generation, bound into the seal.
        generation: u64,
        /// The sealed secret.
        sealed: SealedBlob,
        /// Until when the one before is used too.
        old_until: Time,
    },
    /// A message to one webhook. Conflict `delivery`, `delivery.webhook`.
    InsertDelivery(Delivery),
    /// What a message says. Conflict `delivery_body` if that is known, `delivery_body.of` if message or account is gone.
    InsertDeliveryBody(DeliveryBody),
    /// What came of a try, or that it is tried again. Conflict `delivery` if it is gone or was tried meanwhile.
    UpdateDelivery {
        /// How often it was tried when it was read.
        attempts: u32,
        /// As it is now.
        delivery: Delivery,
    },
    /// Notes how many accounts are in each status for the day of `at` (in UTC), in the place of what was noted for it
    /// before, and forgets the days before that of `keep_from`. Conflict `status_count.environment` if there is no such
    /// environment.
    PutStatusCounts {
        /// The day that was counted.
        at: Time,
        /// The first day to keep.
        keep_from: Time,
        /// As [`super::Store::accounts_by_status`] counted them.
        counts: Vec<AccountsInStatus>,
    },
}
