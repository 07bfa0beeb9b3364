//! What became of a grant, for the history and for whoever ended the account.

use serde_json::{Map, Value, json};
use valetkey_domain::{
    Account, ErrorCode, Time, error::ProviderEvidence, event::NewEvent, revocation::RevocationOutcome,
};
use valetkey_upstream::connector::{RevokeReach, RevokedToken};

/// A receipt.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// What became of it.
    pub outcome: RevocationOutcome,
    /// The case in words, if there is more to say.
    pub detail: Option<String>,
    /// The kinds of tokens that the provider took back.
    pub tokens: Vec<RevokedToken>,
    /// What went with them, where the connector knows.
    pub reach: Option<RevokeReach>,
    /// What refused the access token afterwards: `introspection`, `userinfo` or `probe`.
    pub verified_by: Option<&'static str>,
    /// What a try failed with.
    pub code: Option<ErrorCode>,
    /// What the provider said.
    pub evidence: Option<ProviderEvidence>,
    /// When it is tried again.
    pub retry_at: Option<Time>,
    /// The account at the provider, as people know it.
    pub label: Option<String>,
    /// The accounts for whose sake the grant was kept.
    pub siblings: Vec<String>,
    /// How often it was tried.
    pub attempts: u32,
}

impl Receipt {
    pub(super) fn new(outcome: RevocationOutcome) -> Self {
        Self {
            outcome,
            detail: None,
            tokens: Vec::new(),
            reach: None,
            verified_by: None,
            code: None,
            evidence: None,
            retry_at: None,
            label: None,
            siblings: Vec::new(),
            attempts: 0,
        }
    }

    pub(super) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub(super) fn label(self, account: &Account) -> Self {
        Self { label: account.label.clone(), ..self }
    }

    /// `event` with the receipt in it.
    pub(super) fn in_event(&self, mut event: NewEvent) -> NewEvent {
        let mut data = Map::from_iter([("outcome".to_owned(), json!(self.outcome.as_str()))]);
        let mut add = |name: &str, value: Value| {
            let empty = value.is_null() || value == json!([]) || value == json!(0);
            if !empty {
                data.insert(name.to_owned(), value);
            }
        };
        let tokens: Vec<_> = self.tokens.iter().map(|token| token.as_str()).collect();
        add("detail", json!(self.detail));
        add("tokens", json!(tokens));
        add("reach", json!(self.reach.map(RevokeReach::as_str)));
        add("verified_by", json!(self.verified_by));
        add("evidence", serde_json::to_value(&self.evidence).unwrap_or_default());
        add("retry_at", json!(self.retry_at.map(time::OffsetDateTime::unix_timestamp)));
        add("label", json!(self.label));
        add("siblings", json!(self.siblings));
        add("attempts", json!(self.attempts));
        event.code = self.code;
        event.data = Value::Object(data);
        event
    }
}
