//! What arrived, as the provider saw it: which token reached which path. Tokens appear as fingerprints.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
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
    /// The same of the access token that was given out, at the token endpoint.
    pub issued_fingerprint: Option<String>,
    /// What was special: the error answered, the fault that hit.
    pub note: Option<String>,
}

/// Which entries: those that fit every given field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalFilter {
    /// Newer than this number.
    pub after: u64,
    /// Of this part of the provider.
    pub endpoint: Option<Endpoint>,
    /// On paths that begin so.
    pub path_prefix: Option<String>,
    /// With this HTTP method.
    pub method: Option<String>,
    /// About this user.
    pub user: Option<String>,
    /// From this client.
    pub client_id: Option<String>,
    /// About this grant.
    pub grant: Option<u64>,
    /// With the token of this fingerprint.
    pub token_fingerprint: Option<String>,
    /// Answered with this status.
    pub status: Option<u16>,
    /// Only so many, the newest.
    pub limit: Option<usize>,
}

impl JournalFilter {
    /// Everything after an entry.
    #[must_use]
    pub fn after(seq: u64) -> Self {
        Self { after: seq, ..Self::default() }
    }

    fn lets_through(&self, entry: &Entry) -> bool {
        fn same<T: PartialEq + ?Sized>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        entry.seq > self.after
            && same(self.endpoint.as_ref(), Some(&entry.endpoint))
            && self.path_prefix.as_deref().is_none_or(|prefix| entry.path.starts_with(prefix))
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(&entry.method))
            && same(self.user.as_deref(), entry.user.as_deref())
            && same(self.client_id.as_deref(), entry.client_id.as_deref())
            && same(self.grant.as_ref(), entry.grant.as_ref())
            && same(self.token_fingerprint.as_deref(), entry.token_fingerprint.as_deref())
            && same(self.status.as_ref(), entry.status.as_ref())
    }
}

/// What one token was used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenUse {
    /// The first 16 hex digits of the token's SHA-256.
    pub token_fingerprint: String,
    /// The entry in which it first came.
    pub first_seq: u64,
    /// The entry in which it last came.
    pub last_seq: u64,
    /// Whose it is, if it is known.
    pub user: Option<String>,
    /// Which client's it is.
    pub client_id: Option<String>,
    /// Which grant's it is.
    pub grant: Option<u64>,
    /// How often it reached which path.
    pub paths: BTreeMap<String, u64>,
    /// How often it was refused with 401.
    pub refused: u64,
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
    pub(crate) issued_fingerprint: Option<String>,
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

    /// The entries that a filter lets through, oldest first.
    pub(crate) fn select(&self, filter: &JournalFilter) -> Vec<Entry> {
        let fits = self.entries.iter().filter(|entry| filter.lets_through(entry));
        let mut found: Vec<Entry> = fits.cloned().collect();
        if let Some(limit) = filter.limit {
            found.drain(..found.len().saturating_sub(limit));
        }
        found
    }

    /// Which token reached which path, for the entries that a filter lets through.
    pub(crate) fn tokens(&self, filter: &JournalFilter) -> Vec<TokenUse> {
        let mut uses: BTreeMap<String, TokenUse> = BTreeMap::new();
        for entry in self.select(filter) {
            let Some(fingerprint) = entry.token_fingerprint else { continue };
            let seen = uses.entry(fingerprint.clone()).or_insert_with(|| TokenUse {
                token_fingerprint: fingerprint,
                first_seq: entry.seq,
                last_seq: entry.seq,
                user: None,
                client_id: None,
                grant: None,
                paths: BTreeMap::new(),
                refused: 0,
            });
            seen.last_seq = entry.seq;
            seen.user = entry.user.or(seen.user.take());
            seen.client_id = entry.client_id.or(seen.client_id.take());
            seen.grant = entry.grant.or(seen.grant);
            *seen.paths.entry(entry.path).or_default() += 1;
            seen.refused += u64::from(entry.status.is_some_and(|status| status == 401));
        }
        let mut uses: Vec<TokenUse> = uses.into_values().collect();
        uses.sort_by_key(|seen| seen.first_seq);
        uses
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
