//! Facts about grants: how long they live, what errors mean, how many there may be.

use serde::Deserialize;

/// How long grants live.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifetimes {
    /// A refresh token dies when unused for this many days.
    pub refresh_idle_days: Option<u32>,
    /// A refresh token dies this many days after the authorization, whatever happens.
    pub refresh_absolute_days: Option<u32>,
    /// A refresh token of an unpublished or test app dies after this many days.
    pub refresh_test_app_days: Option<u32>,
    /// The scope without which there is no refresh token: `offline_access`.
    pub offline_scope: Option<String>,
    /// The secret of an OAuth client lives so many days at most.
    pub client_secret_days: Option<u32>,
    /// Further facts, each one sentence for the diagnosis.
    pub notes: Vec<String>,
}

/// What an error at the token endpoint means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenErrorRule {
    /// The provider's code, whole; absent fits every code.
    pub code: Option<String>,
    /// A piece of the provider's error text (`AADSTS700082`), whatever the case. A number at its end must be whole.
    pub text: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What it means.
    pub class: ErrorClass,
    /// Of a dead grant: how it died, where that is known.
    pub death: Option<Death>,
    /// What to tell people, in a sentence.
    pub note: Option<String>,
}

/// Who must act on an error of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// This grant is over: the user must authorize again.
    Dead,
    /// Nothing is known about the grant: try later.
    Transient,
    /// The connection's own configuration is refused.
    Configuration,
}

/// How a grant died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// It ran out.
    Expired,
    /// The user or an admin took it away.
    Revoked,
}

/// How many tokens a provider issues.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueLimit {
    /// This many.
    pub count: u32,
    /// Of what: `refresh_tokens`, `access_tokens`, `grants`.
    pub of: String,
    /// Per what: `account and client`, `user and app`.
    pub per: String,
    /// Within this many seconds; absent means at the same time.
    pub within_seconds: Option<u64>,
    /// What happens then: `the oldest stops working silently`.
    pub then: String,
}
