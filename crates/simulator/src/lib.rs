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
mod clock;
mod control;
mod ending;
mod entropy;
mod fault;
mod grants;
mod hash;
mod http;
mod journal;
mod profile;
mod seed;
mod settings;
mod snapshot;
mod state;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use valetkey_domain::{Clock, Entropy, Time};

pub use clients::{ClientSetup, ClientView};
pub use clock::{ClockMove, ClockView};
pub use control::{ControlError, GrantView, PersonView, Selection};
pub use ending::Ending;
pub use entropy::SeededEntropy;
pub use fault::{Endpoint, ErrorFault, Fault, FaultKind, Target};
pub use journal::{Counters, Entry, JournalFilter, TokenUse};
pub use profile::Profile;
pub use settings::{ISSUER, Settings};
pub use snapshot::Snapshot;

use clock::Shift;
use state::State;

/// The scopes the simulator knows.
pub const SCOPES: [&str; 7] =
    ["profile", "messages.read", "messages.send", "events.read", "events.write", "files.read", "files.write"];

/// The provider. Cheap to clone; all clones share one state.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Apart from the state, so that whoever holds that can ask for the time.
    shift: Mutex<Shift>,
    changed: Notify,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Where the clock stood at the start.
    start: Shift,
    /// Whether it is served without TLS, which its metadata must know.
    plain_http: bool,
}

/// How a simulator starts.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The lasting traits, to which a reset goes back.
    pub settings: Settings,
    /// The time at which its clock stands still until it is moved; without it the host's clock counts.
    pub frozen_at: Option<Time>,
    /// Whether it is served without TLS.
    pub plain_http: bool,
}

impl Simulator {
    /// A provider with its seeded users and no client yet. Two simulators with equal clocks and equally seeded
    /// entropy answer the same requests with the same bytes.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self::set_up(clock, entropy, Setup::default())
    }

    /// A provider that starts as told, and goes back to that when it is reset.
    #[must_use]
    pub fn set_up(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, setup: Setup) -> Self {
        let start = setup.frozen_at.map_or_else(Shift::default, Shift::frozen_at);
        let state = Mutex::new(State::seeded(start.now(clock.now()), setup.settings));
        let shift = Mutex::new(start);
        let plain_http = setup.plain_http;
        Self(Arc::new(Inner { state, shift, changed: Notify::new(), clock, entropy, start, plain_http }))
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

    fn shift(&self) -> MutexGuard<'_, Shift> {
        self.0.shift.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_shift(&self, shift: Shift) {
        *self.shift() = shift;
    }

    fn now(&self) -> Time {
        self.shift().now(self.0.clock.now())
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.0.entropy
    }
}
