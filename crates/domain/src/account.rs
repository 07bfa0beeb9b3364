//! A connected account and its state machine.
//!
//! A status changes only through the transition methods of [`Account`]. Each consumes the old account and gives the
//! new one together with the event that says what happened; [`Transition`] keeps the two inseparable until they are
//! committed in one transaction.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    AccountId, ConnectionId, EnvironmentId, Error, ErrorCode, Time,
    event::{EventKind, NewEvent},
    refresh::Degraded,
};

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountStatus {
    /// Not authorized yet.
    Pending,
    /// Authorized; the app has not confirmed the user's identity yet.
    PendingVerification,
    /// Working.
    Active,
    /// The credential ran out and could not be renewed.
    Expired,
    /// The user or an admin took access away at the provider.
    Revoked,
    /// Authorization failed for a reason that is not the user's; see the events.
    Error,
    /// Disconnected here.
    Disconnected,
}

impl AccountStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::PendingVerification,
        Self::Active,
        Self::Expired,
        Self::Revoked,
        Self::Error,
        Self::Disconnected,
    ];

    /// The name on the native wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::PendingVerification => "PENDING_VERIFICATION",
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
            Self::Revoked => "REVOKED",
            Self::Error => "ERROR",
            Self::Disconnected => "DISCONNECTED",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// The error that a call on an account in this status gets; `None` for [`AccountStatus::Active`].
    #[must_use]
    pub const fn refusal(self) -> Option<ErrorCode> {
        Some(match self {
            Self::Active => return None,
            Self::Pending => ErrorCode::AccountPending,
            Self::PendingVerification => ErrorCode::AccountPendingVerification,
            Self::Expired => ErrorCode::AccountExpired,
            Self::Revoked => ErrorCode::AccountRevoked,
            Self::Error => ErrorCode::AccountError,
            Self::Disconnected => ErrorCode::AccountDisconnected,
        })
    }
}

/// How an account is authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthType {
    /// OAuth 2.0 authorization code flow (RFC 6749 §4.1).
    #[serde(rename = "OAUTH")]
    OAuth,
    /// OAuth 2.0 client credentials (RFC 6749 §4.4).
    #[serde(rename = "OAUTH_CLIENT_CREDENTIALS")]
    ClientCredentials,
    /// An API key.
    ApiKey,
    /// User name and password (RFC 7617).
    Basic,
    /// A static bearer token.
    Bearer,
    /// Nothing at all.
    None,
}

impl AuthType {
    /// The name on the native wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OAuth => "OAUTH",
            Self::ClientCredentials => "OAUTH_CLIENT_CREDENTIALS",
            Self::ApiKey => "API_KEY",
            Self::Basic => "BASIC",
            Self::Bearer => "BEARER",
            Self::None => "NONE",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::OAuth, Self::ClientCredentials, Self::ApiKey, Self::Basic, Self::Bearer, Self::None]
            .into_iter()
            .find(|t| t.as_str() == text)
    }
}

/// One end user's credential for one connection. The credential itself is stored apart, sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// `ca_…`
    pub id: AccountId,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// The connection it is for.
    pub connection: ConnectionId,
    /// The caller's own id for the end user.
    pub identifier: String,
    /// Tells several accounts of one identifier on one connection apart (`work`, `private`); empty for the only or
    /// first one. Connection, identifier and name together are unique.
    pub name: String,
    /// The caller's own id of the user's organization, if given.
    pub organization_id: Option<String>,
    /// The caller's own further user id, if given.
    pub user_id: Option<String>,
    /// How it is authorized.
    pub auth_type: AuthType,
    status: AccountStatus,
    /// The scopes granted at the provider.
    pub scopes: Vec<String>,
    /// The provider's own id of the account behind the grant (OpenID `sub`, team id and user id, …).
    pub provider_subject: Option<String>,
    /// A label for people: the e-mail address or user name at the provider.
    pub label: Option<String>,
    /// Facts from the callback and the token reply that URL templates need (`instance_url`, `realm_id`, …).
    pub metadata: BTreeMap<String, String>,
    /// Free settings that the caller keeps with the account (`api_config` of the compatible API).
    pub api_config: Value,
    /// When the access token stops working; `None` if unknown or never.
    pub token_expires_at: Option<Time>,
    /// When the background renews the credential next; `None` if it does not.
    pub refresh_at: Option<Time>,
    /// Set while renewals fail in passing.
    pub degraded: Option<Degraded>,
    /// When it was last used for a call. Approximate: written at most once a minute.
    pub last_used_at: Option<Time>,
    /// The generation of the stored credential; 0 while there is none.
    pub generation: u64,
    /// Why the account is not working, as a catalogue code.
    pub cause: Option<ErrorCode>,
    /// Counts changes, for optimistic locking.
    pub version: u64,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// The longest name of an account, in characters.
pub const MAX_ACCOUNT_NAME: usize = 100;

/// Whether `name` may tell an account apart from the others of its identifier: 1 to 100 of ASCII letters, digits, `_`,
/// `-`, `.` and spaces, and no space at its ends.
#[must_use]
pub fn is_valid_account_name(name: &str) -> bool {
    (1..=MAX_ACCOUNT_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' '))
        && name.trim() == name
}

/// What a successful authorization brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grant {
    /// The scopes granted.
    pub scopes: Vec<String>,
    /// When the access token stops working.
    pub token_expires_at: Option<Time>,
    /// The provider's own id of the account.
    pub provider_subject: Option<String>,
    /// A label for people.
    pub label: Option<String>,
    /// Facts for URL templates.
    pub metadata: BTreeMap<String, String>,
}

/// A changed account and the event that tells of it. Commit both or neither.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The account after the change.
    pub account: Account,
    /// What happened.
    pub event: NewEvent,
}

/// The account's present status does not allow the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an account that is {} cannot become {}", .from.as_str(), .to.as_str())]
pub struct InvalidTransition {
    /// The present status.
    pub from: AccountStatus,
    /// The wanted one.
    pub to: AccountStatus,
}

impl From<InvalidTransition> for Error {
    fn from(invalid: InvalidTransition) -> Self {
        Self::new(ErrorCode::AccountStatusConflict).message(format!("This step is not possible: {invalid}."))
    }
}

impl Account {
    /// A new account that waits for authorization.
    #[must_use]
    pub fn pending(
        id: AccountId,
        environment: EnvironmentId,
        connection: ConnectionId,
        identifier: String,
        auth_type: AuthType,
        now: Time,
    ) -> Self {
        Self {
            id,
            environment,
            connection,
            identifier,
            name: String::new(),
            organization_id: None,
            user_id: None,
            auth_type,
            status: AccountStatus::Pending,
            scopes: Vec::new(),
            provider_subject: None,
            label: None,
            metadata: BTreeMap::new(),
            api_config: json!({}),
            token_expires_at: None,
            refresh_at: None,
            degraded: None,
            last_used_at: None,
            generation: 0,
            cause: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// For storage only: the account with the status its row holds.
    #[must_use]
    pub fn restored(self, status: AccountStatus) -> Self {
        Self { status, ..self }
    }

    /// Where the account stands.
    #[must_use]
    pub const fn status(&self) -> AccountStatus {
        self.status
    }

    fn step(
        mut self,
        allowed_from: &[AccountStatus],
        to: AccountStatus,
        kind: EventKind,
        cause: Option<ErrorCode>,
        data: Value,
        now: Time,
    ) -> Result<Transition, InvalidTransition> {
        if !allowed_from.contains(&self.status) {
            return Err(InvalidTransition { from: self.status, to });
        }
        let mut event = NewEvent::of_account(&self, kind);
        event.code = cause;
        event.data = data;
        if let Value::Object(fields) = &mut event.data {
            fields.insert("from".into(), json!(self.status.as_str()));
            fields.insert("to".into(), json!(to.as_str()));
        }
        self.status = to;
        self.cause = cause;
        self.updated_at = now;
        Ok(Transition { account: self, event })
    }

    fn take(&mut self, grant: Grant) {
        self.scopes = grant.scopes;
        self.token_expires_at = grant.token_expires_at;
        if grant.provider_subject.is_some() {
            // The name of somebody else must not stay on.
            if self.provider_subject != grant.provider_subject {
                self.label = None;
            }
            self.provider_subject = grant.provider_subject;
        }
        if grant.label.is_some() {
            self.label = grant.label;
        }
        self.metadata.extend(grant.metadata);
        self.degraded = None;
        self.refresh_at = None;
        self.generation += 1;
    }

    /// Authorization succeeded and needs no further confirmation. Possible from every status: a repeated
    /// authorization replaces the credential and keeps id and history. Counts the generation up; store the new
    /// credential under it in the same commit.
    ///
    /// # Errors
    /// None at present; the signature is the one of every transition.
    pub fn activate(mut self, grant: Grant, now: Time) -> Result<Transition, InvalidTransition> {
        self.take(grant);
        let data = json!({"scopes": self.scopes, "generation": self.generation, "label": self.label});
        self.step(&AccountStatus::ALL, AccountStatus::Active, EventKind::AccountActivated, None, data, now)
    }

    /// Authorization succeeded; the app has yet to confirm who the user is. Counts the generation up.
    ///
    /// # Errors
    /// None at present; the signature is the one of every transition.
    pub fn await_verification(mut self, grant: Grant, now: Time) -> Result<Transition, InvalidTransition> {
        self.take(grant);
        let data = json!({"scopes": self.scopes, "generation": self.generation});
        self.step(
            &AccountStatus::ALL,
            AccountStatus::PendingVerification,
            EventKind::AccountAwaitsVerification,
            None,
            data,
            now,
        )
    }

    /// The app confirmed the user's identity.
    ///
    /// # Errors
    /// Unless the account is `PENDING_VERIFICATION`.
    pub fn verify(self, now: Time) -> Result<Transition, InvalidTransition> {
        let from = [AccountStatus::PendingVerification];
        self.step(&from, AccountStatus::Active, EventKind::AccountVerified, None, json!({}), now)
    }

    /// The credential was renewed (or found to work again): an expired account is active again. Counts the
    /// generation up.
    ///
    /// # Errors
    /// Unless the account is `ACTIVE` or `EXPIRED`.
    pub fn refreshed(mut self, grant: Grant, now: Time) -> Result<Transition, InvalidTransition> {
        let from = [AccountStatus::Active, AccountStatus::Expired];
        if from.contains(&self.status) {
            self.take(grant);
        }
        let data = json!({"generation": self.generation, "scopes": self.scopes});
        self.step(&from, AccountStatus::Active, EventKind::CredentialRefreshed, None, data, now)
    }

    /// The credential ran out and cannot be renewed.
    ///
    /// # Errors
    /// Unless the account is `ACTIVE` or already `EXPIRED`.
    pub fn expire(
        self,
        cause: ErrorCode,
        evidence: Value,
        now: Time,
    ) -> Result<Transition, InvalidTransition> {
        let from = [AccountStatus::Active, AccountStatus::Expired];
        self.step(
            &from,
            AccountStatus::Expired,
            EventKind::AccountExpired,
            Some(cause),
            json!({"evidence": evidence}),
            now,
        )
    }

    /// There is evidence that the user or an admin took access away at the provider.
    ///
    /// # Errors
    /// Unless the account is `ACTIVE`, `EXPIRED` or `PENDING_VERIFICATION`.
    pub fn revoke(
        self,
        cause: ErrorCode,
        evidence: Value,
        now: Time,
    ) -> Result<Transition, InvalidTransition> {
        let from = [AccountStatus::Active, AccountStatus::Expired, AccountStatus::PendingVerification];
        self.step(
            &from,
            AccountStatus::Revoked,
            EventKind::AccountRevoked,
            Some(cause),
            json!({"evidence": evidence}),
            now,
        )
    }

    /// An authorization attempt failed for a reason that is not the user's. Only an account without a working grant
    /// moves to `ERROR`; an active one stays active, since its credential still works.
    ///
    /// # Errors
    /// When the account is `ACTIVE`: record the failure as an event instead.
    pub fn fail(self, cause: ErrorCode, evidence: Value, now: Time) -> Result<Transition, InvalidTransition> {
        let from = [
            AccountStatus::Pending,
            AccountStatus::PendingVerification,
            AccountStatus::Expired,
            AccountStatus::Revoked,
            AccountStatus::Error,
            AccountStatus::Disconnected,
        ];
        self.step(
            &from,
            AccountStatus::Error,
            EventKind::AuthorizationFailed,
            Some(cause),
            json!({"evidence": evidence}),
            now,
        )
    }

    /// Disconnected here: the credential is erased in the same commit. Who was behind the grant is told in the event
    /// and forgotten here: the next authorization may be anybody's.
    ///
    /// # Errors
    /// When it already is disconnected.
    pub fn disconnect(mut self, now: Time) -> Result<Transition, InvalidTransition> {
        let from = [
            AccountStatus::Pending,
            AccountStatus::PendingVerification,
            AccountStatus::Active,
            AccountStatus::Expired,
            AccountStatus::Revoked,
            AccountStatus::Error,
        ];
        let data = json!({"label": self.label});
        if from.contains(&self.status) {
            self.scopes.clear();
            self.token_expires_at = None;
            self.refresh_at = None;
            self.degraded = None;
            self.provider_subject = None;
            self.label = None;
        }
        self.step(&from, AccountStatus::Disconnected, EventKind::AccountDisconnected, None, data, now)
    }
}
