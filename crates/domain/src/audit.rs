//! The record of who did what, as a chain: each entry carries the hash of the one before it (S57).
//!
//! Entries are added and never changed. Storage numbers them and links them inside the commit that they tell of, so that
//! a change by a person or an API client and its entry are one.

use serde_json::Value;

use crate::{EnvironmentId, Time};

/// What the hash of the first entry stands on.
pub const GENESIS: [u8; 32] = [0; 32];

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl AuditOutcome {
    /// The name in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Done, Self::Refused].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// An entry before storage gives it its place in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAuditEntry {
    /// When.
    pub at: Time,
    /// The environment that it happened in, if it did in one.
    pub environment: Option<EnvironmentId>,
    /// Who: `user:…`, `client:…`, `token:…`, `operator`, `nobody` before a login.
    pub actor: String,
    /// What: `user.login`, `account.disconnected`, `api_token.created`, …
    pub action: String,
    /// The id of what it was done to.
    pub subject: Option<String>,
    /// Whether it was done.
    pub outcome: AuditOutcome,
    /// The request that it came with.
    pub request_id: Option<String>,
    /// Details. Never a secret.
    pub data: Value,
}

impl NewAuditEntry {
    /// The bytes that the hash of the entry covers, after the hash of the entry before it. JSON keeps the fields apart
    /// whatever is in them.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        let micros = i64::try_from(self.at.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX);
        serde_json::json!([
            micros,
            self.environment.as_ref().map(EnvironmentId::as_str),
            self.actor,
            self.action,
            self.subject,
            self.outcome.as_str(),
            self.request_id,
            self.data,
        ])
        .to_string()
        .into_bytes()
    }
}

/// One entry of the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its place, counted from 1 without a gap.
    pub number: u64,
    /// What happened.
    pub entry: NewAuditEntry,
    /// The hash of the entry before it.
    pub former: [u8; 32],
    /// SHA-256 of `former` and [`NewAuditEntry::content`].
    pub hash: [u8; 32],
}

/// The last entry of the chain, kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By exactly this actor.
    pub actor: Option<String>,
    /// Of exactly this action, or of all that begin with it and a dot.
    pub action: Option<String>,
    /// Done to exactly this.
    pub subject: Option<String>,
}
