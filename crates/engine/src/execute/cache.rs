//! Answers of tools that only read, given again to callers that say how old one may be.
//!
//! In memory, bounded, and for this process alone. An answer belongs to the state of its account: authorizing again,
//! disconnecting, deleting and every call of this process that may have changed something at the provider make it
//! worthless. Another process may change something unseen, which is why the caller says what age it puts up with.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use serde_json::Value;
use time::OffsetDateTime;
use valetkey_domain::{Account, AccountId};
use valetkey_upstream::tool::Tool;

use super::keep::input_hash;
use crate::EngineSettings;

/// No answer is kept longer, whatever age a caller puts up with.
pub const MAX_AGE: Duration = Duration::from_secs(3600);
/// How many accounts' states are told apart; one that is forgotten begins anew.
const STATES: u64 = 100_000;

/// What tells one answer from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    account: AccountId,
    state: u64,
    tool: String,
    version: [u8; 32],
    input: [u8; 32],
    /// Who granted what, as the account says: another process may have authorized anew.
    grant: [u8; 32],
}

#[derive(Clone)]
struct Kept {
    data: Arc<Value>,
    bytes: u32,
    at: OffsetDateTime,
}

/// The answers of one process.
pub(crate) struct ReadCache {
    answers: Cache<Key, Kept>,
    states: Cache<AccountId, u64>,
    next: AtomicU64,
    largest: usize,
}

impl ReadCache {
    pub(crate) fn new(settings: &EngineSettings) -> Self {
        Self {
            answers: Cache::builder()
                .max_capacity(settings.read_cache_bytes)
                .weigher(|_, kept: &Kept| kept.bytes)
                .time_to_live(MAX_AGE)
                .build(),
            states: Cache::new(STATES),
            next: AtomicU64::new(0),
            largest: settings.max_kept_answer_bytes,
        }
    }

    /// The key of a call in the present state of its account. Taken before the call leaves: what is changed meanwhile
    /// makes its answer worthless too.
    pub(crate) fn key(&self, account: &Account, tool: &Tool, input: &Value) -> Key {
        let state = self.states.get_with_by_ref(&account.id, || self.next.fetch_add(1, Ordering::Relaxed));
        let mut scopes = account.scopes.clone();
        scopes.sort_unstable();
        Key {
            account: account.id.clone(),
            state,
            tool: tool.name.clone(),
            version: tool.version(),
            input: input_hash(input),
            grant: input_hash(&serde_json::json!([account.provider_subject, scopes])),
        }
    }

    /// An answer that is no older than `max_age`, with its age.
    pub(crate) fn get(&self, key: &Key, max_age: Duration, now: OffsetDateTime) -> Option<(Value, Duration)> {
        let kept = self.answers.get(key)?;
        let age = Duration::try_from(now - kept.at).ok()?;
        (age <= max_age.min(MAX_AGE)).then(|| ((*kept.data).clone(), age))
    }

    /// Keeps an answer, unless it is large.
    pub(crate) fn put(&self, key: Key, data: &Value, now: OffsetDateTime) {
        let size = weight(data);
        if size > self.largest {
            return;
        }
        let bytes = u32::try_from(size).unwrap_or(u32::MAX);
        self.answers.insert(key, Kept { data: Arc::new(data.clone()), bytes, at: now });
    }

    /// Makes every answer of an account worthless.
    pub(crate) fn forget(&self, account: &AccountId) {
        self.states.invalidate(account);
    }
}

/// About how much memory a value takes, in bytes.
fn weight(value: &Value) -> usize {
    const NODE: usize = 64;
    NODE + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| NODE + name.len() + weight(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
