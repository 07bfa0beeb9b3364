//! An engine with a real store and vault, a clock that stands still, and a scripted provider.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;
use time::Duration;
use valetkey_domain::{
    Account, Caller, Change, Clock, Connection, Entropy, EnvironmentId, Error, Event, Execution, InstanceId,
    ManualClock, PageRequest, Permissions, RefreshAttempt, RefreshId, RefreshReason, SecretString, Store,
    connection::Overrides,
    event::EventKind,
    store::{EventFilter, ExecutionFilter},
};
use valetkey_engine::{
    AccountRef, Engine, EngineParts, EngineSettings, ExecuteTool, NewAccount, NewConnection, NewCredential,
    ToolOutcome,
    keyring::{SealLimits, VaultKeeper},
};
use valetkey_store::SqliteStore;
use valetkey_upstream::{
    connector::Connectors,
    http::{Egress, EgressSettings},
};
use valetkey_vault::MasterKey;

use crate::provider::Provider;

const FAKE: &str = include_str!("fake.yaml");
const KEYED: &str = include_str!("keyed.yaml");
const MACHINE: &str = include_str!("machine.yaml");
/// Connectors like `fake`, each with a way of its own to renew: slug, and what its file says beside.
const VARIANTS: [(&str, &str); 6] = [
    ("strict", "refresh: {rotation: {single_use: true}}"),
    ("grace", "refresh: {rotation: {single_use: true, grace_seconds: 600}}"),
    ("hasty", "refresh: {rotation: {single_use: true}, deadline_seconds: 1}"),
    ("rare", "refresh: {min_interval_seconds: 570}"),
    ("killing", "refresh: {rotation: {single_use: true, kills_access_token: true}}"),
    (
        "telling",
        "refresh: {rotation: {single_use: true}}\n    \
         introspect: {url: \"https://telling.invalid/introspect\", tokens: [access_token, refresh_token]}",
    ),
];

fn open_egress(_: &Provider) -> Egress {
    Egress::new(EgressSettings { allow_private: true, ..EgressSettings::default() }).unwrap()
}

fn variant((slug, says): (&str, &str)) -> (String, String) {
    let text = FAKE.replace("fake", slug).replace("FAKE", &slug.to_ascii_uppercase());
    (format!("{slug}.yaml"), text.replace("    revoke:", &format!("    {says}\n    revoke:")))
}

/// Counts up: every id and secret of a run is another one, and the same in every run.
pub(crate) struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let next = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    build: Box<dyn Fn() -> Engine + Send + Sync>,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<CountingEntropy>,
    pub(crate) provider: Provider,
    pub(crate) caller: Caller,
}

/// What an imported OAuth account starts with.
pub(crate) const FIRST_ACCESS: &str = "canary-at-first";
pub(crate) const FIRST_REFRESH: &str = "canary-rt-first";
pub(crate) const CLIENT_SECRET: &str = "canary-client-secret";

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose settings are changed by `change`.
    pub(crate) async fn with(change: impl FnOnce(&mut EngineSettings)) -> Self {
        Self::made(change, &[], &open_egress).await
    }

    /// A world whose calls leave through another guard.
    pub(crate) async fn behind(guard: &dyn Fn(&Provider) -> Egress) -> Self {
        Self::made(|_| {}, &[], guard).await
    }

    async fn made(
        change: impl FnOnce(&mut EngineSettings),
        variants: &[(&str, &str)],
        guard: &dyn Fn(&Provider) -> Egress,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(CountingEntropy(AtomicU64::new(1)));
        let store = Arc::new(SqliteStore::in_memory().unwrap());
        let provider = Provider::start().await;
        let master = MasterKey::generate().unwrap();
        let keyring =
            VaultKeeper::start(store.clone(), master, clock.clone(), SealLimits::default()).await.unwrap();
        let files = [("fake.yaml", FAKE), ("keyed.yaml", KEYED), ("machine.yaml", MACHINE)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let files = files.into_iter().chain(variants.iter().copied().map(variant));
        let connectors = Arc::new(Connectors::from_files(files).unwrap());
        let egress = guard(&provider);
        let mut settings = EngineSettings::new("http://localhost:7077".parse().unwrap());
        settings.allow_private_upstreams = true;
        change(&mut settings);
        let keyring = Arc::new(keyring);
        let (shared, time, random) = (store.clone(), clock.clone(), entropy.clone());
        let build = Box::new(move || {
            Engine::new(EngineParts {
                store: shared.clone(),
                keyring: keyring.clone(),
                connectors: connectors.clone(),
                egress: egress.clone(),
                clock: time.clone(),
                entropy: random.clone(),
                settings: settings.clone(),
            })
        });
        let engine = build();
        let world = Self {
            build,
            caller: Caller {
                environment: EnvironmentId::new(&*clock, &*entropy),
                client: "vkc_tests".parse().unwrap(),
                token: None,
                user: None,
                request: None,
                bounds: None,
                permissions: Permissions::all(),
            },
            engine,
            store,
            clock,
            entropy,
            provider,
        };
        world.add_environment(&world.caller.environment, "default").await;
        world
    }

    pub(crate) async fn add_environment(&self, id: &EnvironmentId, name: &str) {
        let change = Change::InsertEnvironment { id: id.clone(), name: name.into(), at: self.clock.now() };
        self.store.commit(change.into()).await.unwrap();
    }

    /// A connection of `connector` whose every address is the scripted provider.
    pub(crate) async fn connection(&self, connector: &str, name: &str) -> Connection {
        self.connection_of(&self.caller, connector, name).await
    }

    pub(crate) async fn connection_of(&self, caller: &Caller, connector: &str, name: &str) -> Connection {
        let url = |path: &str| Some(self.provider.url(path));
        let oauth = connector != "keyed";
        let has_users = oauth && connector != "machine";
        let new = NewConnection {
            name: Some(name.into()),
            connector: connector.into(),
            client_id: oauth.then(|| "the-client".into()),
            client_secret: oauth.then(|| SecretString::from(CLIENT_SECRET)),
            overrides: Overrides {
                authorize_url: if has_users { url("/authorize") } else { None },
                token_url: if oauth { url("/token") } else { None },
                revoke_url: if has_users { url("/revoke") } else { None },
                userinfo_url: None,
                api_base_url: url("/api"),
            },
            ..NewConnection::default()
        };
        self.engine.create_connection(caller, new).await.unwrap().connection
    }

    /// An `ACTIVE` account of the connector `fake` whose access token lives an hour.
    pub(crate) async fn account(&self, connection: &str, identifier: &str) -> Account {
        self.account_with(connection, identifier, Some(FIRST_REFRESH), &["read", "write"]).await
    }

    pub(crate) async fn account_with(
        &self,
        connection: &str,
        identifier: &str,
        refresh_token: Option<&str>,
        scopes: &[&str],
    ) -> Account {
        let new = NewAccount {
            credential: Some(NewCredential::OAuth {
                access_token: FIRST_ACCESS.into(),
                refresh_token: refresh_token.map(SecretString::from),
                scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
                expires_at: Some(self.clock.now() + Duration::hours(1)),
                domain: None,
            }),
            ..NewAccount::new(connection, identifier)
        };
        self.engine.create_account(&self.caller, new).await.unwrap().account
    }

    /// A connection `fake` with the account of `user_1`.
    pub(crate) async fn ready() -> (Self, Account) {
        Self::ready_with("fake").await
    }

    /// A connection of this connector, and with its name, with the account of `user_1`.
    pub(crate) async fn ready_with(connector: &str) -> (Self, Account) {
        let variants = VARIANTS.into_iter().filter(|(slug, _)| *slug == connector).collect::<Vec<_>>();
        let world = Self::made(|_| {}, &variants, &open_egress).await;
        world.connection(connector, connector).await;
        let account = world.account(connector, "user_1").await;
        (world, account)
    }

    /// A second server on the same database: it shares nothing else with the first but the process.
    pub(crate) fn twin(&self) -> Engine {
        (self.build)()
    }

    /// Reads the account's profile through any engine.
    pub(crate) async fn get_me(&self, engine: &Engine, account: &Account) -> Result<ToolOutcome, Error> {
        let connection = self.store.connection(&account.connection).await.unwrap().unwrap();
        let tool = format!("{}_get_me", connection.connector);
        let wanted = AccountRef::id(account.id.as_str());
        engine.execute_tool(&self.caller, ExecuteTool::new(wanted, tool, Value::Null)).await
    }

    /// The attempts to renew an account's credential, oldest first.
    pub(crate) async fn attempts(&self, account: &Account) -> Vec<RefreshAttempt> {
        let page = PageRequest { size: 100, cursor: None };
        let mut attempts = self.store.refreshes(&account.id, &page).await.unwrap().items;
        attempts.reverse();
        attempts
    }

    /// An attempt that a process left open which is gone now.
    pub(crate) async fn left_open(&self, account: &Account) {
        let attempt = RefreshAttempt {
            id: RefreshId::new(&*self.clock, &*self.entropy),
            environment: account.environment.clone(),
            connection: account.connection.clone(),
            account: account.id.clone(),
            fence: self.attempts(account).await.len() as u64 + 1,
            generation: account.generation,
            holder: InstanceId(4711),
            reason: RefreshReason::Due,
            started_at: self.clock.now(),
            lease_until: self.clock.now(),
            outcome: None,
            code: None,
            ended_at: None,
        };
        let lease = std::time::Duration::from_secs(180);
        self.store.commit(Change::BeginRefresh { attempt, lease }.into()).await.unwrap();
    }

    pub(crate) async fn call(
        &self,
        account: &Account,
        tool: &str,
        input: Value,
    ) -> Result<ToolOutcome, Error> {
        let wanted = AccountRef::id(account.id.as_str());
        self.engine.execute_tool(&self.caller, ExecuteTool::new(wanted, tool, input)).await
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The account as it is stored now.
    pub(crate) async fn again(&self, account: &Account) -> Account {
        self.store.account(&account.id).await.unwrap().unwrap()
    }

    pub(crate) async fn connection_again(&self, connection: &Connection) -> Connection {
        self.store.connection(&connection.id).await.unwrap().unwrap()
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        let page = PageRequest { size: 100, cursor: None };
        self.store.events(&self.caller.environment, &EventFilter::default(), &page).await.unwrap().items
    }

    pub(crate) async fn events_of(&self, kind: EventKind) -> Vec<Event> {
        self.events().await.into_iter().filter(|event| event.event.kind == kind).collect()
    }

    pub(crate) async fn executions(&self) -> Vec<Execution> {
        let page = PageRequest { size: 100, cursor: None };
        let filter = ExecutionFilter::default();
        self.store.executions(&self.caller.environment, &filter, &page).await.unwrap().items
    }

    /// A static account, not tried out.
    pub(crate) async fn keyed_account(&self, connection: &str, identifier: &str) -> Account {
        let fields = BTreeMap::from([("api_key".to_owned(), SecretString::from("canary-key-1234"))]);
        let new = NewAccount {
            credential: Some(NewCredential::Static(fields)),
            probe: false,
            ..NewAccount::new(connection, identifier)
        };
        self.engine.create_account(&self.caller, new).await.unwrap().account
    }
}
