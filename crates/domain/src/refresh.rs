//! The refresh ledger: who renews which credential now, and what became of every attempt.
//!
//! An attempt is written *before* the provider is asked. Until it ends it is also the lease that keeps every other task
//! and process out; its fencing number counts the attempts of an account. An attempt that never ended, because its
//! process died or stood still past its lease, is of unknown outcome: the provider may have spent the refresh token.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{AccountId, ConnectionId, EnvironmentId, ErrorCode, RefreshId, Time};

/// One process that works on a database, numbered by storage when it joins. A number is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub u32);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {}", self.0)
    }
}

/// What storage says to a process that joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its number.
    pub instance: InstanceId,
    /// Whether the database is a restored backup or a copy that nobody has confirmed yet.
    pub frozen: Option<Frozen>,
}

/// The database was restored or copied: refresh tokens that work once may have been spent elsewhere since. Grants of
/// such providers that were stored before `since` are served as long as their access token lives, but not renewed,
/// until the operator confirms or a probe shows that the grant has not moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// When it was noticed.
    #[serde(with = "time::serde::rfc3339")]
    pub since: Time,
    /// How it was noticed, for the operator.
    pub reason: String,
}

/// Why a credential was to be renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshReason {
    /// A call needed it and it was about to expire or had expired.
    Due,
    /// The background renewed it ahead of its expiry.
    Ahead,
    /// The background renewed it so that the provider does not end an idle grant.
    KeepAlive,
    /// The API refused the access token.
    Refused,
    /// Somebody asked for it.
    Asked,
    /// The attempt before is of unknown outcome.
    Recovery,
}

impl RefreshReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Due, Self::Ahead, Self::KeepAlive, Self::Refused, Self::Asked, Self::Recovery];

    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Ahead => "ahead",
            Self::KeepAlive => "keep_alive",
            Self::Refused => "refused",
            Self::Asked => "asked",
            Self::Recovery => "recovery",
        }
    }

    /// Reads the name in storage.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshOutcome {
    /// New tokens came and are stored.
    Renewed,
    /// The provider, or the way to it, failed in passing. Says nothing about the grant.
    Transient,
    /// The provider refuses the connection's own configuration. Says nothing about the grant.
    Configuration,
    /// The grant is over.
    Dead,
    /// Nobody knows whether the provider took the request: the process died, stood still past its lease, or no answer
    /// came.
    Unknown,
    /// Its answer came when the credential had been replaced already, and counts for nothing.
    Overtaken,
    /// It ended before anything was sent.
    NotSent,
}

impl RefreshOutcome {
    /// Every outcome.
    pub const ALL: [Self; 7] = [
        Self::Renewed,
        Self::Transient,
        Self::Configuration,
        Self::Dead,
        Self::Unknown,
        Self::Overtaken,
        Self::NotSent,
    ];

    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Renewed => "renewed",
            Self::Transient => "transient",
            Self::Configuration => "configuration",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
            Self::Overtaken => "overtaken",
            Self::NotSent => "not_sent",
        }
    }

    /// Reads the name in storage.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One attempt to renew a credential: a lease while it is open, a record afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshAttempt {
    /// `rf_…`
    pub id: RefreshId,
    /// The environment of the account.
    pub environment: EnvironmentId,
    /// The connection of the account.
    pub connection: ConnectionId,
    /// The account.
    pub account: AccountId,
    /// Counts the attempts of the account from 1: the fencing number.
    pub fence: u64,
    /// The generation of the credential that is to be renewed.
    pub generation: u64,
    /// Who holds the lease.
    pub holder: InstanceId,
    /// Why.
    pub reason: RefreshReason,
    /// When it began.
    pub started_at: Time,
    /// Until when the lease lasts, by the clock of storage.
    pub lease_until: Time,
    /// What became of it; `None` while it is open.
    pub outcome: Option<RefreshOutcome>,
    /// The catalogue code of a failure.
    pub code: Option<ErrorCode>,
    /// When it ended.
    pub ended_at: Option<Time>,
}

impl RefreshAttempt {
    /// Whether it has no outcome yet.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.outcome.is_none()
    }
}

/// Renewals of an account fail in passing; its access token may still work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degraded {
    /// What the last one failed with.
    pub code: ErrorCode,
    /// Since when they fail.
    #[serde(with = "time::serde::rfc3339")]
    pub since: Time,
    /// How many failed in a row.
    pub failures: u32,
    /// The provider is not asked again before.
    #[serde(with = "time::serde::rfc3339")]
    pub retry_at: Time,
    /// Whether the provider named that time (`Retry-After`), so that nobody may ask earlier.
    #[serde(default)]
    pub asked_for: bool,
}
