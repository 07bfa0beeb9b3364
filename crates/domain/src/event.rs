//! The history of accounts and connections.

use serde_json::{Value, json};

use crate::{Account, AccountId, Connection, ConnectionId, EnvironmentId, ErrorCode, EventId, Time};

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the wire and in storage.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// Reads the name in storage.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|k| k.as_str() == text)
            }
        }
    };
}

event_kinds! {
    /// A connection was created.
    ConnectionCreated = "connection.created",
    /// A connection was changed.
    ConnectionUpdated = "connection.updated",
    /// A connection was deleted.
    ConnectionDeleted = "connection.deleted",
    /// The provider refuses the connection's own configuration.
    ConnectionFaulted = "connection.faulted",
    /// The provider accepts the connection's configuration again.
    ConnectionRecovered = "connection.recovered",
    /// An account was created.
    AccountCreated = "account.created",
    /// An account's settings were changed.
    AccountUpdated = "account.updated",
    /// An account was deleted.
    AccountDeleted = "account.deleted",
    /// An authorization link was made.
    LinkCreated = "authorization.link_created",
    /// The link was opened in a browser.
    LinkOpened = "authorization.link_opened",
    /// The user was sent to the provider.
    AuthorizationStarted = "authorization.started",
    /// The user refused, the provider refused or the exchange failed.
    AuthorizationFailed = "authorization.failed",
    /// A callback was refused before anything was done with it.
    CallbackRefused = "authorization.callback_refused",
    /// *Continue* was pressed on a link's page, and nothing came of it.
    FormRefused = "authorization.form_refused",
    /// The account is authorized.
    AccountActivated = "account.activated",
    /// Authorized; the app has yet to confirm the user.
    AccountAwaitsVerification = "account.awaits_verification",
    /// The app confirmed the user.
    AccountVerified = "account.verified",
    /// The app named another user than the one the link was for.
    VerificationRefused = "account.verification_refused",
    /// The credential was renewed.
    CredentialRefreshed = "credential.refreshed",
    /// A renewal failed; says of which class.
    RefreshFailed = "credential.refresh_failed",
    /// The provider refused the credential in a call, and a renewal did not help.
    CredentialRefused = "credential.refused",
    /// The provider asked for fewer calls.
    RateLimited = "account.rate_limited",
    /// The provider granted other scopes than before.
    ScopesChanged = "account.scopes_changed",
    /// The credential ran out.
    AccountExpired = "account.expired",
    /// Access was taken away at the provider.
    AccountRevoked = "account.revoked",
    /// Disconnected here.
    AccountDisconnected = "account.disconnected",
    /// What became of the revocation at the provider.
    RevocationReceipt = "account.revocation_receipt",
    /// An attempt to renew the credential ended without an outcome: the process died, stood still, or no answer came.
    RefreshOutcomeUnknown = "credential.refresh_outcome_unknown",
    /// The user authorized with another account at the provider than before.
    IdentityChanged = "account.identity_changed",
    /// The database was restored or copied: grants that rotate are not renewed until the operator confirms.
    StoreFrozen = "vault.frozen",
    /// The operator confirmed that this database goes on.
    StoreThawed = "vault.thawed",
    /// A term of the keyring was added, activated or retired, or secrets were sealed anew.
    KeysChanged = "vault.keys_changed",
    /// A sealed record did not open: it was moved, altered or sealed under another key.
    SealRefused = "vault.seal_refused",
}

/// An event before storage gives it id and time.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The environment.
    pub environment: EnvironmentId,
    /// The account it is about, if any.
    pub account: Option<AccountId>,
    /// The connection it is about.
    pub connection: Option<ConnectionId>,
    /// What happened.
    pub kind: EventKind,
    /// Who did it: `client:…`, `token:…`, `end_user`, `system`.
    pub actor: String,
    /// The cause, as a catalogue code.
    pub code: Option<ErrorCode>,
    /// Evidence and detail, redacted and bounded. Never a secret.
    pub data: Value,
}

impl NewEvent {
    /// An event about an account, by the system.
    #[must_use]
    pub fn of_account(account: &Account, kind: EventKind) -> Self {
        Self {
            environment: account.environment.clone(),
            account: Some(account.id.clone()),
            connection: Some(account.connection.clone()),
            kind,
            actor: "system".into(),
            code: None,
            data: json!({}),
        }
    }

    /// An event about a connection, by the system.
    #[must_use]
    pub fn of_connection(connection: &Connection, kind: EventKind) -> Self {
        Self {
            environment: connection.environment.clone(),
            account: None,
            connection: Some(connection.id.clone()),
            kind,
            actor: "system".into(),
            code: None,
            data: json!({}),
        }
    }

    /// The same event, done by `actor`.
    #[must_use]
    pub fn by(mut self, actor: impl Into<String>) -> Self {
        self.actor = actor.into();
        self
    }

    /// The same event with a cause.
    #[must_use]
    pub fn code(mut self, code: ErrorCode) -> Self {
        self.code = Some(code);
        self
    }

    /// The same event with details.
    #[must_use]
    pub fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    /// The event with id and time.
    #[must_use]
    pub fn at(self, id: EventId, at: Time) -> Event {
        Event { id, at, event: self }
    }
}

/// One entry of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `ev_…`
    pub id: EventId,
    /// When.
    pub at: Time,
    /// What.
    pub event: NewEvent,
}
