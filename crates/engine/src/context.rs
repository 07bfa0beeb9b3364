//! The engine itself: what it is made of, its settings, and the few helpers that every use case needs.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::sync::Cache;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use url::Url;
use valetkey_domain::{
    AccountId, AuthRequestId, Change, Changes, Clock, Connection, Entropy, Error, ErrorCode, SealedBlob,
    SecretString, Store, StoreError, Time, event::NewEvent, refresh::Joined, sealed::SealContext,
};
use valetkey_upstream::{
    connector::{Connector, Connectors, Target},
    http::{CallLimits, Egress},
    oidc::Provider,
};
use zeroize::Zeroizing;

use crate::{
    bulk::Bulks,
    calls::Calls,
    clients::{Rates, SigningKeys, VERIFIED_TOKENS, Verified},
    events::EventIds,
    keyring::VaultKeeper,
    keys::Resealing,
    operators::{Addresses, Attempts, Passwords, SsoSettings},
    webhooks::Sending,
};

/// Seals and opens secrets for storage.
#[async_trait]
pub trait Sealer: Send + Sync + 'static {
    /// Seals `clear` for exactly this place.
    async fn seal(&self, context: SealContext<'_>, clear: &[u8]) -> Result<SealedBlob, Error>;
    /// Opens what was sealed for exactly this place.
    async fn open(&self, context: SealContext<'_>, sealed: &SealedBlob) -> Result<Zeroizing<Vec<u8>>, Error>;
    /// Makes sure that the next seal will not wait for storage.
    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }
    /// The keyring that it seals with, for the use cases about keys.
    fn keeper(&self) -> Option<&VaultKeeper> {
        None
    }
}

/// How many attempts with refused forms are remembered, and for how long.
const REJECTED_ATTEMPTS: u64 = 10_000;
const REJECTIONS_LAST: Duration = Duration::from_secs(24 * 3600);

/// What an engine is built from.
pub struct EngineParts {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Sealing and opening of stored secrets.
    pub keyring: Arc<dyn Sealer>,
    /// The connectors.
    pub connectors: Arc<Connectors>,
    /// The way out to providers.
    pub egress: Egress,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Settings.
    pub settings: EngineSettings,
}

/// Settings of the engine. [`EngineSettings::new`] has the defaults.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Where end users' browsers reach this server: scheme, host and port, with an optional path prefix.
    pub public_url: Url,
    /// Operator-wide OAuth clients: connector slug to client id and client secret.
    pub shared_credentials: BTreeMap<String, (String, SecretString)>,
    /// Whether overrides may name private and loopback addresses (and plain `http` there). The egress guard has the
    /// last word on every address; this makes a refusal visible when the connection is written.
    pub allow_private_upstreams: bool,
    /// Single special addresses that are open all the same, each at one port; as given to the egress guard.
    pub allowed_upstreams: Vec<SocketAddr>,
    /// How long an authorization link works. Default: 24 hours.
    pub link_ttl: Duration,
    /// How long a `state` works from the redirect on. Default and upper bound: 10 minutes.
    pub state_ttl: Duration,
    /// How long an access token of `/oauth/token` works. Default: 1 hour.
    pub access_token_ttl: Duration,
    /// The deadline of one call to a provider. Default: 30 seconds.
    pub call_deadline: Duration,
    /// The largest answer of a provider that is read into memory, in bytes. Default: 8 MiB.
    pub max_response_bytes: usize,
    /// How long a provider may take to answer a request for new tokens, unless its connector says otherwise. Callers do
    /// not wait that long; the answer is worth it all the same, since it may be the only copy of a refresh token.
    /// Default: 120 seconds.
    pub refresh_deadline: Duration,
    /// How long the answer of a call is kept for who asks again. Default: 24 hours.
    pub keep_answers: Duration,
    /// The largest answer that is kept, in bytes. Default: 1 MiB.
    pub max_kept_answer_bytes: usize,
    /// How many calls whose caller does not wait run at the same time. Default: 64.
    pub detached_at_once: usize,
    /// How many of them wait for their turn at most. Default: 1000.
    pub detached_waiting: usize,
    /// How many calls through one connection run at the same time. Default: 100.
    pub calls_per_connection: usize,
    /// How many more wait for their turn at most. Default: 1000.
    pub calls_waiting: usize,
    /// How often a call is made at most that does no harm when repeated and fails in passing. Default: 3.
    pub call_attempts: u32,
    /// How much memory answers of cacheable tools may take, in bytes. Default: 32 MiB.
    pub read_cache_bytes: u64,
    /// How many calls of one batch run at the same time. Default: 8.
    pub batch_at_once: usize,
    /// How many calls one API token, or one API client with its access tokens, may make a second; ten seconds' worth may
    /// come at once. 0: as many as it likes. Default: 10,000.
    pub api_rate_per_key: u32,
    /// The same for all keys of an environment together. Default: 20,000.
    pub api_rate_per_environment: u32,
    /// How long the endpoint of a webhook may take to answer. Default: 20 seconds.
    pub webhook_deadline: Duration,
    /// How long a session of the dashboard goes on without being used. Default: 1 hour.
    pub session_idle: Duration,
    /// How long a session of the dashboard goes on at most. Default: 12 hours.
    pub session_life: Duration,
    /// Single sign-on for the dashboard, if it is set up.
    pub sso: Option<SsoSettings>,
}

impl EngineSettings {
    /// The default settings for a server at `public_url`.
    #[must_use]
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            shared_credentials: BTreeMap::new(),
            allow_private_upstreams: false,
            allowed_upstreams: Vec::new(),
            link_ttl: Duration::from_secs(24 * 3600),
            state_ttl: Duration::from_secs(600),
            access_token_ttl: Duration::from_secs(3600),
            call_deadline: Duration::from_secs(30),
            max_response_bytes: 8 << 20,
            refresh_deadline: Duration::from_secs(120),
            keep_answers: Duration::from_secs(24 * 3600),
            max_kept_answer_bytes: 1 << 20,
            detached_at_once: 64,
            detached_waiting: 1000,
            calls_per_connection: 100,
            calls_waiting: 1000,
            call_attempts: 3,
            read_cache_bytes: 32 << 20,
            batch_at_once: 8,
            api_rate_per_key: 10_000,
            api_rate_per_environment: 20_000,
            webhook_deadline: Duration::from_secs(20),
            session_idle: Duration::from_secs(3600),
            session_life: Duration::from_secs(12 * 3600),
            sso: None,
        }
    }
}

/// Every use case of the system. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

/// What the clones of an [`Engine`] share.
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyring: Arc<dyn Sealer>,
    pub(crate) connectors: Arc<Connectors>,
    pub(crate) egress: Egress,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: EngineSettings,
    /// What the database said to this process, once it did.
    pub(crate) joined: OnceCell<Joined>,
    /// Work that must be finished even if the caller hangs up: exchanges, refreshes, revocations.
    pub(crate) tasks: TaskTracker,
    /// Refreshes under way and the like.
    pub(crate) calls: Calls,
    pub(crate) event_ids: EventIds,
    pub(crate) signing_keys: SigningKeys,
    /// The work of sealing anew after a rotation.
    pub(crate) resealing: Resealing,
    /// How often the form of an attempt was refused.
    pub(crate) rejections: Cache<AuthRequestId, u32>,
    /// Access tokens whose signature has been checked, by their SHA-256.
    pub(crate) verified_tokens: Cache<[u8; 32], Verified>,
    /// How often the API is called, by whom.
    pub(crate) rates: Rates,
    /// Hashing of passwords, a few at a time.
    pub(crate) passwords: Passwords,
    /// Wrong passwords.
    pub(crate) attempts: Attempts,
    /// Work on many accounts.
    pub(crate) bulks: Bulks,
    /// Messages on their way to webhooks.
    pub(crate) sending: Sending,
    /// Failed sign-ins by network address.
    pub(crate) addresses: Addresses,
    /// Whom people at the dashboard prove to who they are.
    pub(crate) identity_provider: Option<Provider>,
}

impl Engine {
    /// An engine made of `parts`.
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let EngineParts { store, keyring, connectors, egress, clock, entropy, settings } = parts;
        let egress = egress.with_clock(Arc::clone(&clock));
        let (calls, rates) = (Calls::new(&settings), Rates::new(&settings));
        let identity_provider = settings.sso.as_ref().and_then(|sso| sso.provider(&settings.public_url).ok());
        Self(Arc::new(Inner {
            store,
            keyring,
            connectors,
            egress,
            clock,
            entropy,
            settings,
            joined: OnceCell::new(),
            tasks: TaskTracker::new(),
            calls,
            event_ids: EventIds::default(),
            signing_keys: SigningKeys::default(),
            resealing: Resealing::default(),
            rejections: Cache::builder()
                .max_capacity(REJECTED_ATTEMPTS)
                .time_to_live(REJECTIONS_LAST)
                .build(),
            verified_tokens: Cache::new(VERIFIED_TOKENS),
            rates,
            passwords: Passwords::default(),
            attempts: Attempts::default(),
            bulks: Bulks::default(),
            sending: Sending::default(),
            addresses: Addresses::default(),
            identity_provider,
        }))
    }

    /// The settings the engine was built with.
    #[must_use]
    pub fn settings(&self) -> &EngineSettings {
        &self.0.settings
    }

    /// Makes this process known to the database: gives its number there, and whether the database was frozen at that
    /// moment. Call it once at start; whoever needs the number before that asks for it here too.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn join(&self) -> Result<Joined, Error> {
        let join = || async { Ok::<_, Error>(self.0.store.join(self.now()).await?) };
        self.0.joined.get_or_try_init(join).await.cloned()
    }

    /// Whether the database answers and accepts writes.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn check(&self) -> Result<(), Error> {
        Ok(self.0.store.check().await?)
    }

    /// Waits for the work that outlives its callers (exchanges, refreshes, revocations, calls that nobody waits for).
    /// Calls that wait for their turn are ended as not made. Call it at shutdown, after the last request was taken on.
    pub async fn drain(&self) {
        self.0.calls.detached.stop();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// The change that appends `event`, now.
    pub(crate) fn event(&self, event: NewEvent) -> Change {
        let id = self.0.event_ids.next(&*self.0.clock, &*self.0.entropy);
        Change::AppendEvent(event.at(id, self.now()))
    }

    /// Applies `changes` as one transaction.
    pub(crate) async fn commit(&self, changes: impl Into<Changes>) -> Result<(), Error> {
        let changes = changes.into();
        // What was read with another grant, or of an account that is gone, is not given again.
        // A renewal is still the same grant.
        let is_renewal = changes.0.iter().any(|change| matches!(change, Change::EndRefresh { .. }));
        let ended = changes.0.iter().filter(|_| !is_renewal).filter_map(ends_what_was_read);
        let ended: Vec<_> = ended.cloned().collect();
        let committed = self.0.store.commit(changes).await.map_err(refused_commit);
        ended.iter().for_each(|account| self.0.calls.reads.forget(account));
        committed
    }

    /// `{public_url}{path}`; the path begins with a slash.
    pub(crate) fn public_address(&self, path: &str) -> String {
        format!("{}{path}", self.0.settings.public_url.as_str().trim_end_matches('/'))
    }

    /// What one call to a provider may take.
    pub(crate) fn call_limits(&self) -> CallLimits {
        CallLimits {
            deadline: self.0.settings.call_deadline,
            max_response_bytes: self.0.settings.max_response_bytes,
        }
    }

    /// The connector of a connection.
    ///
    /// # Errors
    /// `connector_not_found` if the connection was made with a connector file that is no longer there.
    pub(crate) fn connector_of(&self, connection: &Connection) -> Result<&Arc<Connector>, Error> {
        self.0.connectors.get(&connection.connector).ok_or_else(|| {
            Error::new(ErrorCode::ConnectorNotFound)
                .message(format!(
                    "The connector \"{}\" of this connection is not installed.",
                    connection.connector
                ))
                .connection(&connection.id)
        })
    }
}

/// Where requests of an account of `connection` go.
pub(crate) fn target<'a>(
    connector: &'a Connector,
    connection: &'a Connection,
    metadata: &'a BTreeMap<String, String>,
) -> Target<'a> {
    Target { connector, overrides: &connection.overrides, variables: &connection.variables, metadata }
}

/// The account whose answers a change makes worthless.
fn ends_what_was_read(change: &Change) -> Option<&AccountId> {
    match change {
        Change::UpdateAccount(account) => Some(&account.id),
        Change::DeleteAccount(account) | Change::EraseCredentials(account) => Some(account),
        _ => None,
    }
}

/// A refused commit as the caller should see it: a taken name is not a race.
fn refused_commit(refusal: StoreError) -> Error {
    let StoreError::Conflict { what } = &refusal else { return refusal.into() };
    let code = match *what {
        "connection.name" => ErrorCode::ConnectionAlreadyExists,
        "connection.accounts" => ErrorCode::ConnectionInUse,
        "answer.key" => ErrorCode::IdempotencyInProgress,
        "account.identifier" => ErrorCode::AccountAlreadyExists,
        "api_client" => ErrorCode::ApiClientAlreadyExists,
        _ => return refusal.into(),
    };
    Error::new(code).because(refusal)
}
