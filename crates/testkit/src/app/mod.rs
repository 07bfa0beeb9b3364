//! A whole server in one process: the real engine over a database in memory, the real router, a provider that
//! answers on loopback, and as many tenants as a test wants. Time stands still unless moved.

mod provider;

use std::sync::Arc;

use axum::Router;
use url::Url;
use valetkey_domain::{
    Caller, Change, Clock, EnvironmentId, ExposeSecret, ManualClock, Permissions, SecretString, Store,
    connection::Overrides,
};
use valetkey_engine::{
    AccountView, ConnectionView, Engine, EngineParts, EngineSettings, NewAccount, NewApiClient, NewApiToken,
    NewConnection, NewCredential,
    keyring::{SealLimits, VaultKeeper},
};
use valetkey_server::{ServerOptions, router};
use valetkey_store::SqliteStore;
use valetkey_upstream::{
    connector::Connectors,
    http::{Egress, EgressSettings},
};
use valetkey_vault::{MasterKey, SystemEntropy};

pub use provider::{Provider, Seen};

const STUB: &str = include_str!("../../connectors/stub.yaml");

/// A running server without a port.
pub struct TestApp {
    /// Everything that it answers.
    pub router: Router,
    /// The use cases behind it.
    pub engine: Engine,
    /// Its database.
    pub store: Arc<dyn Store>,
    /// Its time.
    pub clock: Arc<ManualClock>,
    /// What stands behind the connector `stub`.
    pub provider: Provider,
}

/// One tenant: an environment of its own and an API client in it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The operator of the environment, who may do everything.
    pub operator: Caller,
    /// The id of its API client.
    pub client_id: String,
    /// The secret of its API client.
    pub client_secret: String,
    /// A static token with the standard permissions.
    pub token: String,
}

impl TestApp {
    /// A fresh server.
    ///
    /// # Panics
    /// When anything does not start.
    pub async fn start() -> Self {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().expect("a database in memory"));
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SystemEntropy);
        let master = MasterKey::generate().expect("a master key");
        let keeper =
            VaultKeeper::start(Arc::clone(&store), master, clock.clone(), SealLimits::default()).await;
        let further = [("stub.yaml".to_owned(), STUB.to_owned())];
        let public_url: Url = "https://valetkey.test".parse().expect("a URL");
        let egress = EgressSettings { allow_private: true, ..EgressSettings::default() };
        let settings =
            EngineSettings { allow_private_upstreams: true, ..EngineSettings::new(public_url.clone()) };
        let engine = Engine::new(EngineParts {
            store: Arc::clone(&store),
            keyring: Arc::new(keeper.expect("a keyring")),
            connectors: Arc::new(Connectors::embedded_and(further).expect("the connectors")),
            egress: Egress::new(egress).expect("a way out"),
            clock: clock.clone(),
            entropy: entropy.clone(),
            settings,
        });
        let options = ServerOptions::new(public_url, clock.clone(), entropy);
        let router = router(engine.clone(), options);
        Self { router, engine, store, clock, provider: Provider::start().await }
    }

    /// A tenant with an environment of its own.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let id = EnvironmentId::new(self.clock.as_ref(), &SystemEntropy);
        let environment =
            Change::InsertEnvironment { id: id.clone(), name: name.to_owned(), at: self.clock.now() };
        self.store.commit(environment.into()).await.expect("an environment");
        let operator = self.engine.operator(id).expect("an operator");
        let new = NewApiClient { name: name.to_owned(), permissions: Some(Permissions::all()) };
        let created = self.engine.create_api_client(&operator, new).await.expect("an API client");
        let mut tenant = Tenant {
            operator,
            client_id: created.client.id.to_string(),
            client_secret: created.secret.expose_secret().to_owned(),
            token: String::new(),
        };
        tenant.token = self.token(&tenant, Permissions::standard()).await;
        tenant
    }

    /// A static token of the tenant with exactly these permissions.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn token(&self, tenant: &Tenant, permissions: Permissions) -> String {
        let new = NewApiToken {
            name: "test".to_owned(),
            client: Some(tenant.client_id.clone()),
            permissions: Some(permissions),
            ..NewApiToken::default()
        };
        let created = self.engine.create_api_token(&tenant.operator, new).await.expect("an API token");
        created.secret.expose_secret().to_owned()
    }

    /// A connection of the connector `stub` to this app's provider.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn stub_connection(&self, tenant: &Tenant, name: &str) -> ConnectionView {
        let new = NewConnection {
            name: Some(name.to_owned()),
            connector: "stub".to_owned(),
            overrides: Overrides { api_base_url: Some(self.provider.url()), ..Overrides::default() },
            ..NewConnection::default()
        };
        self.engine.create_connection(&tenant.operator, new).await.expect("a connection")
    }

    /// A connection of the connector `sandbox` whose API is this app's provider. Nobody can authorize through it; its
    /// accounts are imported.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn oauth_connection(&self, tenant: &Tenant, name: &str) -> ConnectionView {
        let at = |path| Some(self.provider.url().join(path).expect("a URL"));
        let new = NewConnection {
            name: Some(name.to_owned()),
            connector: "sandbox".to_owned(),
            client_id: Some("app".to_owned()),
            client_secret: Some(SecretString::from("client-secret".to_owned())),
            overrides: Overrides {
                authorize_url: at("authorize"),
                token_url: at("token"),
                revoke_url: at("revoke"),
                userinfo_url: at("me"),
                api_base_url: Some(self.provider.url()),
            },
            ..NewConnection::default()
        };
        self.engine.create_connection(&tenant.operator, new).await.expect("a connection")
    }

    /// An `ACTIVE` account on a connection of [`TestApp::stub_connection`].
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn stub_account(
        &self,
        tenant: &Tenant,
        connection: &str,
        identifier: &str,
        token: &str,
    ) -> AccountView {
        let fields = [("token".to_owned(), SecretString::from(token.to_owned()))].into();
        let new = NewAccount {
            credential: Some(NewCredential::Static(fields)),
            probe: false,
            ..NewAccount::new(connection, identifier)
        };
        self.engine.create_account(&tenant.operator, new).await.expect("an account")
    }
}
