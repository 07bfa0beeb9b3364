//! A whole engine for tests: SQLite in a temporary folder, a clock that stands still, seeded randomness, connectors of
//! every auth type, and a provider on loopback.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use tempfile::TempDir;
use url::Url;
use valetkey_domain::{
    Caller, Change, EnvironmentId, Error, Event, ExposeSecret, ManualClock, PageRequest, SecretString, Store,
    connection::Overrides, store::EventFilter,
};
use valetkey_engine::{
    AccountRef, AccountView, CallbackOutcome, CallbackParams, ConnectionView, Engine, EngineParts,
    EngineSettings, Link, LinkOptions, LinkPage, NewConnection, Reader, StartOutcome,
    keyring::{SealLimits, VaultKeeper},
};
use valetkey_store::{Recall, SqliteStore};
use valetkey_upstream::{
    connector::Connectors,
    http::{Egress, EgressSettings},
};
use valetkey_vault::MasterKey;

use crate::{
    fake_provider::{CLIENT_ID, CLIENT_SECRET, FakeProvider},
    seeded_entropy::SeededEntropy,
};

/// The public URL of the engine under test.
pub const PUBLIC_URL: &str = "https://valetkey.example";

/// The connectors of the fixture; the provider's addresses come in as overrides.
const CONNECTORS: &[(&str, &str)] = &[
    ("acme.yaml", ACME),
    ("acmekey.yaml", ACME_KEY),
    ("acmemachine.yaml", ACME_MACHINE),
    ("acmeopen.yaml", ACME_OPEN),
    ("acmeplain.yaml", ACME_PLAIN),
    ("acmewide.yaml", ACME_WIDE),
];

/// OAuth code flow, PKCE, userinfo, revocation, two tools.
const ACME: &str = r#"
slug: acme
display_name: Acme
description: A provider for tests.
auth:
  oauth:
    scopes:
      default: [read, write]
      describe: { read: See your notes, write: { en: Change your notes, de: Ihre Notizen ändern } }
    authorize: { url: "https://acme.example/authorize", locale_param: ui_locales }
    token: { url: "https://acme.example/token" }
    revoke: { url: "https://acme.example/revoke" }
    userinfo:
      url: https://acme.example/userinfo
      subject: [sub]
      label: [email]
    issuer: https://acme.example
api: { base_url: "https://acme.example/api" }
probe: acme_get_profile
tools:
  - name: acme_get_profile
    title: Get profile
    description: Reads the profile of the user who is signed in.
    read_only: true
    cacheable: true
    scopes: [[read]]
    input: { type: object, properties: {} }
    example: {}
    request: { path: /profile }
  - name: acme_create_note
    title: Create note
    description: Writes a short note into the notebook of the user.
    scopes: [[write]]
    input: { type: object, properties: { text: { type: string, description: What to write. } }, required: [text] }
    example: { text: hello }
    request: { method: POST, path: /notes, body: { json: { text: "{text}" } } }
"#;

/// An API key in a header.
const ACME_KEY: &str = r#"
slug: acmekey
display_name: Acme Key
description: A provider with an API key.
auth:
  api_key:
    fields:
      - { name: api_key, label: API key, help: Found in the settings., pattern: "[a-z0-9-]{8,}" }
      - { name: region, label: Region, secret: false, optional: true }
    attach:
      - header: { name: X-Api-Key, value: "{api_key}" }
      - header: { name: X-Region, value: "{region || 'everywhere'}" }
api: { base_url: "https://acme.example/api" }
probe: acmekey_check_key
tools:
  - name: acmekey_check_key
    title: Check
    description: Checks whether the key is accepted at all.
    read_only: true
    input: { type: object, properties: {} }
    example: {}
    request: { path: /keyed }
"#;

/// OAuth client credentials.
const ACME_MACHINE: &str = r#"
slug: acmemachine
display_name: Acme Machine
description: A provider for machines.
auth:
  client_credentials:
    scopes: { default: [read] }
    token: { url: "https://acme.example/token" }
api: { base_url: "https://acme.example/api" }
"#;

/// No authentication.
const ACME_OPEN: &str = r#"
slug: acmeopen
display_name: Acme Open
description: A provider that asks for nothing.
auth: { none: {} }
api: { base_url: "https://acme.example/api" }
"#;

/// A code flow that refuses PKCE, with an issuer on every callback.
const ACME_PLAIN: &str = r#"
slug: acmeplain
display_name: Acme Plain
description: A provider without PKCE.
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: "https://acme.example/authorize", pkce: "off" }
    token: { url: "https://acme.example/token" }
    issuer: https://acme.example
    issuer_required: true
api: { base_url: "https://acme.example/api" }
"#;

/// A code flow whose revocation ends every grant that the user gave the OAuth client.
const ACME_WIDE: &str = r#"
slug: acmewide
display_name: Acme Wide
description: A provider that revokes all or nothing.
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: "https://acme.example/authorize" }
    token: { url: "https://acme.example/token", reply: { subject: [sub] } }
    revoke:
      url: https://acme.example/revoke
      reach: user_and_client
      note: The app also leaves the user's list of apps.
    userinfo:
      url: https://acme.example/userinfo
      subject: [sub]
      label: [email]
    lifetimes: { refresh_test_app_days: 7 }
api: { base_url: "https://acme.example/api" }
"#;

/// A whole engine with everything around it.
pub struct EngineFixture {
    /// The engine under test.
    pub engine: Engine,
    /// Its database.
    pub store: Arc<SqliteStore>,
    /// Its time. Starts at 2026-01-01 00:00 UTC.
    pub clock: Arc<ManualClock>,
    /// Its randomness.
    pub entropy: Arc<SeededEntropy>,
    /// A caller who may do everything in the default environment.
    pub caller: Caller,
    /// The provider behind every connection of the fixture.
    pub provider: FakeProvider,
    settings: EngineSettings,
    connectors: Arc<Connectors>,
    master: SecretString,
    dir: TempDir,
}

impl EngineFixture {
    /// An engine with the default settings.
    ///
    /// # Panics
    /// When anything of it cannot be made.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// An engine with other settings.
    ///
    /// # Panics
    /// When anything of it cannot be made.
    pub async fn with(change: impl FnOnce(&mut EngineSettings)) -> Self {
        Self::with_seals(SealLimits::default(), change).await
    }

    /// An engine with other settings and other limits of its keyring.
    ///
    /// # Panics
    /// When anything of it cannot be made.
    pub async fn with_seals(seals: SealLimits, change: impl FnOnce(&mut EngineSettings)) -> Self {
        Self::made(seals, Connectors::from_files(own_files()).unwrap(), change).await
    }

    /// An engine that knows the connectors of the product too, and `further` files, by name and text.
    ///
    /// # Panics
    /// When anything of it cannot be made.
    pub async fn with_all_connectors(
        further: &[(&str, &str)],
        change: impl FnOnce(&mut EngineSettings),
    ) -> Self {
        let further = further.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let connectors = Connectors::embedded_and(own_files().chain(further)).unwrap();
        Self::made(SealLimits::default(), connectors, change).await
    }

    async fn made(
        seals: SealLimits,
        connectors: Connectors,
        change: impl FnOnce(&mut EngineSettings),
    ) -> Self {
        let connectors = Arc::new(connectors);
        let dir = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path().join("valetkey.db")).unwrap());
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::new(42));
        let master = MasterKey::generate().unwrap().to_text();
        let mut settings = EngineSettings::new(Url::parse(PUBLIC_URL).unwrap());
        settings.allow_private_upstreams = true;
        change(&mut settings);
        let provider = FakeProvider::start().await;
        let engine = engine(store.clone(), &connectors, &master, seals, &clock, &entropy, &settings).await;
        let environment = engine.default_environment().await.unwrap();
        let caller = engine.operator(environment).unwrap();
        Self { engine, store, clock, entropy, caller, provider, settings, connectors, master, dir }
    }

    /// Another engine on the same database, with a keyring of its own: what a second process would be, or the same one
    /// after a restart.
    ///
    /// # Panics
    /// When anything of it cannot be made.
    pub async fn another(&self, seals: SealLimits) -> Engine {
        let (store, connectors) = (self.store.clone(), &self.connectors);
        engine(store, connectors, &self.master, seals, &self.clock, &self.entropy, &self.settings).await
    }

    /// Another engine on the same database that remembers for a moment what every call asks for, as each process of the
    /// product does.
    ///
    /// # Panics
    /// When anything of it cannot be made.
    pub async fn replica(&self) -> Engine {
        let store = Arc::new(Recall::new(self.store.clone()));
        let (connectors, seals) = (&self.connectors, SealLimits::default());
        engine(store, connectors, &self.master, seals, &self.clock, &self.entropy, &self.settings).await
    }

    /// Another engine on the same database, whose operator has set no shared OAuth clients.
    ///
    /// # Panics
    /// When the keyring does not open.
    pub async fn engine_without_shared_credentials(&self) -> Engine {
        let mut settings = self.settings.clone();
        settings.shared_credentials.clear();
        let (store, connectors, seals) = (self.store.clone(), &self.connectors, SealLimits::default());
        engine(store, connectors, &self.master, seals, &self.clock, &self.entropy, &settings).await
    }

    /// Another engine on the same database, whose calls leave otherwise.
    ///
    /// # Panics
    /// When the keyring does not open.
    pub async fn engine_behind(&self, egress: Egress) -> Engine {
        let keyring = Arc::new(self.keyring(SealLimits::default()).await);
        Engine::new(EngineParts {
            store: self.store.clone(),
            keyring,
            connectors: self.connectors.clone(),
            egress,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            settings: self.settings.clone(),
        })
    }

    /// Another engine on the same database that has the product's own connectors beside those of the fixture.
    ///
    /// # Panics
    /// When a connector file does not load.
    pub async fn engine_with_all_connectors(&self) -> Engine {
        let master = MasterKey::from_text(self.master.expose_secret()).unwrap();
        let seals = SealLimits::default();
        let keeper = VaultKeeper::start(self.store.clone(), master, self.clock.clone(), seals).await.unwrap();
        let files = CONNECTORS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let egress = EgressSettings { allow_private: true, ..EgressSettings::default() };
        Engine::new(EngineParts {
            store: self.store.clone(),
            keyring: Arc::new(keeper),
            connectors: Arc::new(Connectors::embedded_and(files.collect::<Vec<_>>()).unwrap()),
            egress: Egress::new(egress).unwrap(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            settings: self.settings.clone(),
        })
    }

    /// The keyring of a process that starts now.
    ///
    /// # Panics
    /// When the terms do not open.
    pub async fn keyring(&self, seals: SealLimits) -> VaultKeeper {
        let master = MasterKey::from_text(self.master.expose_secret()).unwrap();
        VaultKeeper::start(self.store.clone(), master, self.clock.clone(), seals).await.unwrap()
    }

    /// The folder that holds everything the engine writes.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// Everything in the data folder as bytes: the database, its journal, whatever is there.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in std::fs::read_dir(self.dir.path()).unwrap() {
            bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        bytes
    }

    /// A caller who may do everything in an environment of its own.
    ///
    /// # Panics
    /// When storage refuses.
    pub async fn stranger(&self) -> Caller {
        let id = EnvironmentId::new(&*self.clock, &*self.entropy);
        let insert = Change::InsertEnvironment { id: id.clone(), name: id.to_string(), at: self.now() };
        self.store.commit(insert.into()).await.unwrap();
        self.engine.operator(id).unwrap()
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> valetkey_domain::Time {
        valetkey_domain::Clock::now(&*self.clock)
    }

    /// Addresses that lead every connector to the provider.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            authorize_url: Some(self.provider.url("/authorize")),
            token_url: Some(self.provider.url("/token")),
            revoke_url: Some(self.provider.url("/revoke")),
            userinfo_url: Some(self.provider.url("/userinfo")),
            api_base_url: Some(self.provider.url("/api")),
        }
    }

    /// A connection that would work, not created yet.
    #[must_use]
    pub fn new_connection(&self, name: &str, connector: &str) -> NewConnection {
        let oauth = !matches!(connector, "acmekey" | "acmeopen");
        NewConnection {
            name: Some(name.to_owned()),
            connector: connector.to_owned(),
            client_id: oauth.then(|| CLIENT_ID.to_owned()),
            client_secret: oauth.then(|| SecretString::from(CLIENT_SECRET)),
            overrides: self.overrides(),
            ..NewConnection::default()
        }
    }

    /// A connection that works: `acme`, `acmeplain`, `acmewide`, `acmekey`, `acmemachine` or
    /// `acmeopen`.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn connection(&self, name: &str, connector: &str) -> ConnectionView {
        self.engine.create_connection(&self.caller, self.new_connection(name, connector)).await.unwrap()
    }

    /// A link for `identifier`; creates the account.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn link(&self, connection: &str, identifier: &str) -> Link {
        self.link_with(connection, identifier, LinkOptions::default()).await
    }

    /// A link with options.
    ///
    /// # Panics
    /// When the engine refuses.
    pub async fn link_with(&self, connection: &str, identifier: &str, options: LinkOptions) -> Link {
        let account = AccountRef::named(connection, identifier);
        self.engine.authorization_link(&self.caller, &account, options).await.unwrap()
    }

    /// The account of `identifier` as it stands.
    ///
    /// # Panics
    /// When there is none.
    pub async fn account(&self, connection: &str, identifier: &str) -> AccountView {
        let account = AccountRef::named(connection, identifier);
        self.engine.find_account(&self.caller, &account).await.unwrap()
    }

    /// The history of an account, oldest first.
    ///
    /// # Panics
    /// When storage refuses.
    pub async fn events(&self, account: &AccountView) -> Vec<Event> {
        let filter = EventFilter { account: Some(account.account.id.clone()), ..EventFilter::default() };
        let page = PageRequest { size: 100, cursor: None };
        let mut events = self.engine.list_events(&self.caller, &filter, &page).await.unwrap().items;
        events.reverse();
        events
    }

    /// Goes through the whole code flow in a fresh browser: the account is `ACTIVE` afterwards.
    ///
    /// # Panics
    /// When any step fails.
    pub async fn authorize(&self, connection: &str, identifier: &str) -> AccountView {
        let link = self.link(connection, identifier).await;
        let outcome = self.follow(&link).await;
        assert!(matches!(outcome, CallbackOutcome::Connected(_)), "{outcome:?}");
        self.account(connection, identifier).await
    }

    /// Goes through the code flow of a link in a fresh browser, whatever comes of it.
    ///
    /// # Panics
    /// When the link does not lead to the provider.
    pub async fn follow(&self, link: &Link) -> CallbackOutcome {
        let mut browser = Browser::default();
        let url = browser.go(&self.engine, &link.url).await.unwrap();
        let consent = self.provider.consent(&url);
        browser.come_back(&self.engine, &consent.redirect_uri, &consent.params).await
    }

    /// A link's token.
    ///
    /// # Panics
    /// When the address is no link.
    #[must_use]
    pub fn token_of(url: &Url) -> String {
        url.path().strip_prefix("/connect/").unwrap().to_owned()
    }
}

fn own_files() -> impl Iterator<Item = (String, String)> {
    CONNECTORS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
}

async fn engine(
    store: Arc<dyn Store>,
    connectors: &Arc<Connectors>,
    master: &SecretString,
    seals: SealLimits,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    settings: &EngineSettings,
) -> Engine {
    let master = MasterKey::from_text(master.expose_secret()).unwrap();
    let keeper = VaultKeeper::start(store.clone(), master, clock.clone(), seals).await.unwrap();
    let egress = EgressSettings { allow_private: true, ..EgressSettings::default() };
    Engine::new(EngineParts {
        store,
        keyring: Arc::new(keeper),
        connectors: connectors.clone(),
        egress: Egress::new(egress).unwrap(),
        clock: clock.clone(),
        entropy: entropy.clone(),
        settings: settings.clone(),
    })
}

/// An end user's browser: it keeps our cookie.
#[derive(Default, Clone)]
pub struct Browser {
    /// The cookie, once a page has set it.
    pub cookie: Option<SecretString>,
    /// What it says it is.
    pub user_agent: Option<String>,
}

impl Browser {
    /// Opens a link's page.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn open(&mut self, engine: &Engine, link: &Url) -> Result<LinkPage, Error> {
        let page = engine.open_link(&EngineFixture::token_of(link), self.cookie.as_ref()).await?;
        self.cookie = Some(page.browser.clone());
        Ok(page)
    }

    /// Presses *Continue* on a page that is open.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn press(&self, engine: &Engine, link: &Url, page: &LinkPage) -> Result<StartOutcome, Error> {
        let token = EngineFixture::token_of(link);
        let agent = self.user_agent.as_deref();
        let reader = Reader { user_agent: agent, language: None };
        engine.start_authorization_in(&token, self.cookie.as_ref(), &page.form_token, reader).await
    }

    /// Opens a link and presses *Continue*; gives the provider's authorization URL.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// When the link leads nowhere.
    pub async fn go(&mut self, engine: &Engine, link: &Url) -> Result<Url, Error> {
        let page = self.open(engine, link).await?;
        match self.press(engine, link, &page).await? {
            StartOutcome::Redirect(url) => Ok(url),
            StartOutcome::Ended(outcome) => panic!("ended without the provider: {outcome:?}"),
        }
    }

    /// Follows the provider's redirect to the callback.
    pub async fn come_back(
        &self,
        engine: &Engine,
        redirect_uri: &str,
        params: &BTreeMap<String, String>,
    ) -> CallbackOutcome {
        let connection = redirect_uri.rsplit('/').next().unwrap_or_default();
        let values = params.iter().map(|(name, value)| (name.clone(), SecretString::from(value.as_str())));
        let params = CallbackParams {
            values: values.collect(),
            repeated: Vec::new(),
            user_agent: self.user_agent.clone(),
        };
        engine.handle_callback(connection, params, self.cookie.as_ref()).await
    }

    /// Whether `self` and `other` carry the same cookie.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let text = |browser: &Self| browser.cookie.as_ref().map(|c| c.expose_secret().to_owned());
        text(self) == text(other)
    }
}
