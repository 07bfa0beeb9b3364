//! Everything the provider knows, behind one lock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use valetkey_domain::Time;

use crate::{
    Counters, Settings, clients::Client, fault::Faults, grants::Grants, hash::Hashed, journal::Journal, seed,
    world::World,
};

/// Open consent pages and codes kept at most, each.
const MAX_OPEN: usize = 10_000;

/// An authorization request whose consent page is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: Option<String>,
    /// Whether a refresh token was asked for, where it must be.
    pub(crate) offline: bool,
    pub(crate) expires_at: Time,
}

/// A code on its way to the client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) ask: Ask,
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Time,
    /// The grant it became. Kept to punish a replay (RFC 6749 §4.1.2).
    pub(crate) exchanged_for: Option<u64>,
}

pub(crate) struct State {
    /// What a reset goes back to.
    pub(crate) initial: Settings,
    pub(crate) settings: Settings,
    pub(crate) clients: BTreeMap<String, Client>,
    pub(crate) grants: Grants,
    /// The grant each client has in its own right (RFC 6749 §4.4).
    pub(crate) own_grants: BTreeMap<String, u64>,
    pub(crate) world: World,
    pub(crate) asks: BTreeMap<Hashed, Ask>,
    pub(crate) codes: BTreeMap<Hashed, Code>,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    pub(crate) counters: Counters,
}

impl State {
    pub(crate) fn seeded(now: Time, initial: Settings) -> Self {
        Self {
            settings: initial.clone(),
            initial,
            clients: BTreeMap::new(),
            grants: Grants::default(),
            own_grants: BTreeMap::new(),
            world: seed::world(now),
            asks: BTreeMap::new(),
            codes: BTreeMap::new(),
            faults: Faults::default(),
            journal: Journal::default(),
            counters: Counters::default(),
        }
    }

    /// Keeps an open consent page; `false` when there are too many.
    pub(crate) fn keep_ask(&mut self, ticket: &str, ask: Ask, now: Time) -> bool {
        self.asks.retain(|_, open| open.expires_at > now);
        let fits = self.asks.len() < MAX_OPEN;
        if fits {
            self.asks.insert(Hashed::of(ticket), ask);
        }
        fits
    }

    /// Keeps a code; `false` when there are too many.
    pub(crate) fn keep_code(&mut self, text: &str, code: Code, now: Time) -> bool {
        // An expired code is kept for a while, so that its late arrival is told from an invented one.
        self.codes.retain(|_, kept| kept.expires_at + time::Duration::minutes(10) > now);
        let fits = self.codes.len() < MAX_OPEN;
        if fits {
            self.codes.insert(Hashed::of(text), code);
        }
        fits
    }
}
