//! The built-in provider that can be told to misbehave: OAuth 2.0, a small mail, calendar and files API, and a
//! control API. It stands behind the connector `sandbox`.
//!
//! It takes the part of a third party: it knows nothing of the engine, speaks only HTTP, and enforces what strict
//! providers enforce (exact redirect URIs, PKCE, one-time codes, rotation, scopes). What it does differently from a
//! good provider it does only on request: see [`Settings`] for lasting traits and [`Fault`] for single mishaps.
//!
//! It keeps hashes of the tokens and secrets it hands out, so neither its journal nor its snapshot can leak one.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use valetkey_domain::SystemClock;
//! use valetkey_simulator::{ClientSetup, SeededEntropy, Simulator};
//!
//! let simulator = Simulator::new(Arc::new(SystemClock), Arc::new(SeededEntropy::new(42)));
//! simulator.register_client(ClientSetup::web("app", "secret", "https://localhost:7077/oauth/callback/x"))?;
//! let router: axum::Router = simulator.router();
//! # Ok::<(), valetkey_simulator::ControlError>(())
//! ```

mod clients;
mod control;
mod entropy;
mod fault;
mod grants;
mod hash;
mod http;
mod journal;
mod seed;
mod settings;
mod snapshot;
mod state;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use valetkey_domain::{Clock, Entropy};

pub use clients::{ClientSetup, ClientView};
pub use control::{ControlError, GrantView, Selection};
pub use entropy::SeededEntropy;
pub use fault::{Endpoint, Fault, FaultKind};
pub use journal::{Counters, Entry};
pub use settings::{ISSUER, Settings};
pub use snapshot::Snapshot;

use state::State;

/// The scopes the simulator knows.
pub const SCOPES: [&str; 6] =
    ["profile", "messages.read", "messages.send", "events.read", "events.write", "files.read"];

/// The provider. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Simulator {
    /// A provider with its seeded users and no client yet. Two simulators with equal clocks and equally seeded
    /// entropy answer the same requests with the same bytes.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let state = Mutex::new(State::seeded(clock.now()));
        Self(Arc::new(Inner { state, changed: Notify::new(), clock, entropy }))
    }

    /// Everything the provider serves, control API included.
    pub fn router(&self) -> axum::Router {
        http::router(self)
    }

    /// Waits until clients, grants, tokens or settings have changed since the last call. Whoever keeps snapshots
    /// waits here.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn touch(&self) {
        self.0.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> valetkey_domain::Time {
        self.0.clock.now()
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }
}
