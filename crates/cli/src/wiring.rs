//! The parts put together: storage, keyring, connectors, the way out, the engine, the surfaces.

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;
use valetkey_domain::{Clock, Entropy, Store, SystemClock};
use valetkey_engine::{
    Background, Engine, EngineParts, EngineSettings, SsoSettings,
    keyring::{KeyringError, MasterKeys, SealLimits, VaultKeeper},
};
use valetkey_server::{ListenerSettings, ServerOptions, SimulatorDesk};
use valetkey_store::{PostgresStore, Recall, SqliteStore};
use valetkey_upstream::{
    connector::Connectors,
    http::{Egress, EgressSettings},
};
use valetkey_vault::SystemEntropy;

use crate::{
    failure::Failure,
    files,
    master_key::MasterKeySource,
    settings::{Role, Settings, Storage},
};

/// A server ready to be put on a port.
pub(crate) struct Assembly {
    pub(crate) engine: Engine,
    pub(crate) router: Router,
    background: Option<Arc<Background>>,
    database: Database,
    /// What keeps the keyring up, and how to end it.
    keys: (tokio::task::JoinHandle<()>, CancellationToken),
    _lock: Option<files::Lock>,
}

/// The store that was opened, as what it is.
enum Database {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Database {
    async fn open(storage: &Storage) -> Result<Self, Failure> {
        let refuse = |error: &dyn std::fmt::Display| Failure::setting("database_url", error);
        let Some(url) = &storage.server else {
            let store = SqliteStore::open(&storage.database).map_err(|error| refuse(&error))?;
            return Ok(Self::Sqlite(Arc::new(store)));
        };
        let store = PostgresStore::open(url).await.map_err(|error| refuse(&error))?;
        Ok(Self::Postgres(Arc::new(store)))
    }

    fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(Recall::new(Arc::clone(store) as Arc<dyn Store>)),
            Self::Postgres(store) => Arc::new(Recall::new(Arc::clone(store) as Arc<dyn Store>)),
        }
    }

    async fn close(&self) {
        match self {
            Self::Sqlite(store) => {
                if let Err(error) = store.close().await {
                    tracing::error!(%error, "closing the database failed");
                }
            }
            Self::Postgres(store) => store.close(),
        }
    }
}

/// What is not in the settings but comes from how the server is started.
pub(crate) struct Start<'a> {
    /// Where it is reached.
    pub(crate) public_url: Url,
    /// The master key, checked to be usable.
    pub(crate) master_key: &'a MasterKeySource,
    /// Addresses to open beside `allowed_upstreams`, and the certificate to trust there.
    pub(crate) simulator: Option<(Vec<SocketAddr>, Vec<u8>)>,
    /// What commands that simulator.
    pub(crate) desk: Option<Arc<dyn SimulatorDesk>>,
    /// The lock on the database, if it is a file.
    pub(crate) lock: Option<files::Lock>,
}

/// The listener and its address.
pub(crate) async fn bind(settings: &Settings) -> Result<(TcpListener, SocketAddr), Failure> {
    let address = settings.network.listen;
    let refuse = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::setting(
            "listen",
            format!("{address} is taken by another program; choose another port, or 0 for a free one"),
        ),
        _ => Failure::setting("listen", format!("{address} cannot be used: {error}")),
    };
    let listener = TcpListener::bind(address).await.map_err(refuse)?;
    let bound = listener.local_addr().map_err(refuse)?;
    Ok((listener, bound))
}

pub(crate) async fn assemble(settings: &Settings, start: Start<'_>) -> Result<Assembly, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let database = Database::open(&settings.storage).await?;
    let store = database.store();
    let keyring =
        open_keyring(&store, start.master_key, settings.previous_master_key.as_ref(), &clock).await?;
    let mut allow = settings.upstreams.allow.clone();
    let mut ca_pem = settings.upstreams.ca_pem.clone();
    if let Some((addresses, certificate)) = &start.simulator {
        allow.extend(addresses);
        ca_pem.get_or_insert_default().extend_from_slice(certificate);
    }
    let egress = Egress::new(EgressSettings {
        allow_private: settings.upstreams.allow_private,
        allow: allow.clone(),
        extra_ca_pem: ca_pem,
        https_proxy: settings.upstreams.https_proxy.clone(),
        no_proxy: settings.upstreams.no_proxy.clone(),
        ..EgressSettings::default()
    })
    .map_err(|error| named(&error))?;
    let connectors = open_connectors(settings.upstreams.connectors_dir.as_deref())?;
    let unknown = settings.upstreams.shared_credentials.keys().find(|slug| connectors.get(slug).is_none());
    if let Some(slug) = unknown {
        return Err(Failure::setting(&format!("shared_credentials.{slug}"), "there is no such connector"));
    }
    let engine = Engine::new(EngineParts {
        store,
        keyring: Arc::new(keyring),
        connectors: Arc::new(connectors),
        egress,
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        settings: EngineSettings {
            sso: single_sign_on(settings)?,
            ..engine_settings(settings, start.public_url.clone(), allow)
        },
    });
    let joined = engine.join().await.map_err(|error| named(&error))?;
    if let Some(frozen) = &joined.frozen {
        tracing::warn!(
            since = %frozen.since,
            reason = frozen.reason,
            "this database was restored or copied: credentials that rotate are used while they live and not renewed. \
             Make sure that no other server works on the original, then run `valetkey store confirm`"
        );
    }
    if let Some((id, secret)) = &settings.bootstrap {
        engine.ensure_bootstrap_client(id, secret).await.map_err(|error| named(&error))?;
    }
    let mut options = ServerOptions::new(start.public_url, clock, entropy);
    options.behind_proxy = settings.network.behind_proxy;
    options.app_name = settings.app_name.clone();
    options.simulator = start.desk;
    if let Some(bytes) = settings.limits.max_body_bytes {
        options.max_body_bytes = bytes;
    }
    let background = match settings.work.role {
        Role::All | Role::Worker => {
            Some(Arc::new(Background::start(&engine, settings.work.background.clone())))
        }
        Role::Api => None,
    };
    options.background.clone_from(&background);
    let router = match settings.work.role {
        Role::All | Role::Api => valetkey_server::router(engine.clone(), options),
        Role::Worker => valetkey_server::health_router(engine.clone(), options),
    };
    let stop = CancellationToken::new();
    let keys = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.keep_keys(stop).await }
    });
    Ok(Assembly { engine, router, background, database, keys: (keys, stop), _lock: start.lock })
}

/// Single sign-on as the settings have it. The way to the identity provider is one of its own: the issuer may be on a
/// private address when the providers of connections may not, and the other way round.
pub(crate) fn single_sign_on(settings: &Settings) -> Result<Option<SsoSettings>, Failure> {
    let Some(sso) = &settings.sso else { return Ok(None) };
    let egress = Egress::new(EgressSettings {
        allow_private: sso.allow_private,
        extra_ca_pem: settings.upstreams.ca_pem.clone(),
        https_proxy: settings.upstreams.https_proxy.clone(),
        ..EgressSettings::default()
    })
    .map_err(|error| named(&error))?;
    let mut made = SsoSettings::new(&sso.issuer, &sso.client_id, egress);
    made.client_secret.clone_from(&sso.client_secret);
    if !sso.scopes.is_empty() {
        made.scopes.clone_from(&sso.scopes);
    }
    made.domains.clone_from(&sso.domains);
    made.admit_domains = sso.admit_domains;
    made.default_role = sso.default_role.unwrap_or(made.default_role);
    made.role_claim.clone_from(&sso.role_claim);
    made.roles.clone_from(&sso.roles);
    made.trust_email = sso.trust_email;
    made.require = sso.require;
    made.session_life = sso.session.unwrap_or(made.session_life);
    made.label = sso.label.clone().unwrap_or(made.label);
    Ok(Some(made))
}

fn engine_settings(settings: &Settings, public_url: Url, allow: Vec<SocketAddr>) -> EngineSettings {
    let mut engine = EngineSettings::new(public_url);
    engine.shared_credentials = settings.upstreams.shared_credentials.clone();
    engine.allow_private_upstreams = settings.upstreams.allow_private;
    engine.allowed_upstreams = allow;
    let limits = &settings.limits;
    engine.link_ttl = limits.link_ttl.unwrap_or(engine.link_ttl);
    engine.call_deadline = limits.call_deadline.unwrap_or(engine.call_deadline);
    engine.keep_answers = limits.keep_answers.unwrap_or(engine.keep_answers);
    engine.max_kept_answer_bytes = limits.max_kept_answer_bytes.unwrap_or(engine.max_kept_answer_bytes);
    engine.detached_at_once = limits.async_at_once.unwrap_or(engine.detached_at_once);
    engine.detached_waiting = limits.async_waiting.unwrap_or(engine.detached_waiting);
    engine.calls_per_connection = limits.calls_per_connection.unwrap_or(engine.calls_per_connection);
    engine.calls_waiting = limits.calls_waiting.unwrap_or(engine.calls_waiting);
    engine.call_attempts = limits.call_attempts.unwrap_or(engine.call_attempts);
    engine.read_cache_bytes = limits.read_cache_bytes.unwrap_or(engine.read_cache_bytes);
    engine.api_rate_per_key = limits.api_rate_per_key.unwrap_or(engine.api_rate_per_key);
    engine.api_rate_per_environment =
        limits.api_rate_per_environment.unwrap_or(engine.api_rate_per_environment);
    engine.max_response_bytes = limits.max_response_bytes.unwrap_or(engine.max_response_bytes);
    engine.refresh_deadline = settings.work.refresh_deadline.unwrap_or(engine.refresh_deadline);
    engine
}

pub(crate) fn listener_settings(settings: &Settings) -> ListenerSettings {
    let defaults = ListenerSettings::default();
    ListenerSettings {
        drain_timeout: settings.limits.drain_timeout.unwrap_or(defaults.drain_timeout),
        ..defaults
    }
}

/// An error of the engine while it starts: its fields are named like the settings they come from.
fn named(error: &valetkey_domain::Error) -> Failure {
    let details = error.details();
    let reason = details.internal.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    match details.fields.first() {
        Some(field) => Failure::setting(&field.field, &field.message),
        None => Failure::setting("database_url", format!("{}{reason}", details.message)),
    }
}

/// Makes sure that no other server works on the file: several share a PostgreSQL database, not a file.
pub(crate) fn lock(database: &Path) -> Result<files::Lock, Failure> {
    let refuse =
        |error: std::io::Error| Failure::setting("database_url", format!("{}: {error}", database.display()));
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        files::private_folder(folder).map_err(refuse)?;
    }
    files::lock(database).map_err(refuse)?.ok_or_else(|| {
        Failure::setting(
            "database_url",
            format!(
                "another valetkey is running on {}; stop it, or use another data_dir",
                database.display()
            ),
        )
    })
}

/// S34: a database that was made with another key is refused before anything is written to it.
async fn open_keyring(
    store: &Arc<dyn Store>,
    master_key: &MasterKeySource,
    previous: Option<&MasterKeySource>,
    clock: &Arc<dyn Clock>,
) -> Result<VaultKeeper, Failure> {
    let key =
        |source: &MasterKeySource| source.key().map_err(|error| Failure::setting(source.setting(), error));
    let key = MasterKeys { current: key(master_key)?, previous: previous.map(key).transpose()? };
    let store = Arc::clone(store);
    VaultKeeper::start(store, key, Arc::clone(clock), SealLimits::default()).await.map_err(|error| {
        let setting = match &error {
            KeyringError::WrongMasterKey { .. } => master_key.setting(),
            _ => "database_url",
        };
        Failure::setting(setting, error)
    })
}

pub(crate) fn open_connectors(further: Option<&Path>) -> Result<Connectors, Failure> {
    let mut files = Vec::new();
    if let Some(folder) = further {
        let refuse = |error: std::io::Error| {
            Failure::setting("connectors_dir", format!("{}: {error}", folder.display()))
        };
        let mut paths: Vec<_> = std::fs::read_dir(folder)
            .map_err(refuse)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(refuse)?
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
            .collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).map_err(refuse)?));
        }
    }
    Connectors::embedded_and(files).map_err(|error| Failure::setting("connectors_dir", error))
}

impl Assembly {
    /// Finishes what outlives its callers, then closes the database.
    pub(crate) async fn close(self) {
        if let Some(background) = &self.background {
            background.stop().await;
        }
        let (keys, stop) = self.keys;
        stop.cancel();
        if keys.await.is_err() {
            tracing::error!("the work on the keyring ended badly");
        }
        self.engine.drain().await;
        self.database.close().await;
    }
}
