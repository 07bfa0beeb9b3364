//! What arrived, as the provider saw it: which token reached which path. Tokens appear as fingerprints.

use std::collections::VecDeque;

use serde::Serialize;
use valetkey_domain::Time;

use crate::Endpoint;

/// Entries kept; older ones are dropped.
const MAX_ENTRIES: usize = 10_000;

/// One request, after it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Counts from 1 and never repeats, not even after the journal was cleared.
    pub seq: u64,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: Time,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Which part of the provider.
    pub endpoint: Endpoint,
    /// The status answered; `None` when the connection was cut instead.
    pub status: Option<u16>,
    /// The grant type, at the token endpoint.
    pub grant_type: Option<String>,
    /// How the client authenticated: `basic`, `post` or `none`.
    pub client_auth: Option<&'static str>,
    /// The client that asked.
    pub client_id: Option<String>,
    /// The user it was about.
    pub user: Option<String>,
    /// The grant it was about.
    pub grant: Option<u64>,
    /// The first 16 hex digits of the SHA-256 of the token that arrived.
    pub token_fingerprint: Option<String>,
    /// What was special: the error answered, the fault that hit.
    pub note: Option<String>,
}

/// What a handler knows of a request beyond its surface. It travels in the response's extensions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(crate) grant_type: Option<String>,
    pub(crate) client_auth: Option<&'static str>,
    pub(crate) client_id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) grant: Option<u64>,
    pub(crate) token_fingerprint: Option<String>,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    last_seq: u64,
}

impl Journal {
    /// Appends an entry and numbers it.
    pub(crate) fn push(&mut self, mut entry: Entry) {
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.pop_front();
        }
        self.last_seq += 1;
        entry.seq = self.last_seq;
        self.entries.push_back(entry);
    }

    pub(crate) fn after(&self, seq: u64) -> Vec<Entry> {
        self.entries.iter().filter(|e| e.seq > seq).cloned().collect()
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// How often what happened since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Consent pages shown.
    pub authorizations: u64,
    /// Consents given.
    pub consents: u64,
    /// Consents refused.
    pub denials: u64,
    /// Codes sent to a client.
    pub codes_issued: u64,
    /// Codes exchanged for tokens.
    pub codes_exchanged: u64,
    /// Codes that came a second time.
    pub codes_replayed: u64,
    /// Exchanges refused, replays included.
    pub exchanges_refused: u64,
    /// Refreshes granted.
    pub refreshes: u64,
    /// Refreshes refused, reuses included.
    pub refreshes_refused: u64,
    /// Spent refresh tokens that came again after their grace.
    pub refresh_reuses: u64,
    /// Grants that such a reuse killed.
    pub grants_killed_by_reuse: u64,
    /// Tokens given to clients in their own right.
    pub client_credentials: u64,
    /// Revocations of a token that was known.
    pub revocations: u64,
    /// Failed client authentications.
    pub invalid_clients: u64,
    /// API calls, refused ones included.
    pub api_calls: u64,
    /// API calls refused for their token.
    pub api_unauthorized: u64,
    /// API calls refused for a missing scope.
    pub api_insufficient_scope: u64,
}
