//! What survives a restart of `valetkey dev`: clients, grants, users' data and settings. Hashes only, no token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Settings, Simulator, clients::Client, clock::Shift, grants::Grants, world::World};

/// The lasting part of a simulator's state.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    settings: Settings,
    clients: BTreeMap<String, Client>,
    grants: Grants,
    own_grants: BTreeMap<String, u64>,
    world: World,
    /// By how many seconds the provider's clock is ahead.
    #[serde(default)]
    ahead_s: i64,
}

impl Simulator {
    /// The lasting part of the state as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            settings: state.settings.clone(),
            clients: state.clients.clone(),
            grants: state.grants.clone(),
            own_grants: state.own_grants.clone(),
            world: state.world.clone(),
            ahead_s: self.clock().ahead_s,
        }
    }

    /// Goes on from a snapshot: what it holds replaces what is there. Journal, counters, faults, open consent pages
    /// and codes start empty.
    pub fn restore(&self, snapshot: Snapshot) {
        self.set_shift(Shift::ahead_by(snapshot.ahead_s));
        let now = self.now();
        let mut state = self.state();
        *state = crate::state::State::seeded(now, state.initial.clone());
        state.settings = snapshot.settings;
        state.clients = snapshot.clients;
        state.grants = snapshot.grants;
        state.own_grants = snapshot.own_grants;
        state.world = snapshot.world;
    }
}
