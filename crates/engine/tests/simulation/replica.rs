//! One replica: a whole engine with its background, and callers that use it all the time.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use time::Duration as Span;
use turmoil::net::TcpStream;
use url::Url;
use valetkey_domain::{Clock as _, Error, ErrorCode, SecretString, connection::Overrides};
use valetkey_engine::{
    AccountRef, Background, BackgroundSettings, Engine, EngineParts, EngineSettings, ExecuteTool, NewAccount,
    NewConnection, NewCredential,
    keyring::{SealLimits, VaultKeeper},
};
use valetkey_testkit::seeded_entropy::SeededEntropy;
use valetkey_upstream::{
    connector::Connectors,
    http::{Bytestream, Egress, EgressSettings, Network},
};
use valetkey_vault::MasterKey;

use crate::{
    provider::{self, tokens},
    store::SeenBy,
    world::{ACCOUNTS, SimulatedClock, World},
};

const MASTER_KEY: &str = "9f1b0c5e77d24a8830e1f6a2b4c8d93e5a6f7182c3d4e5f60718293a4b5c6d7e";
const NAME: &str = "sim";

/// Where a replica lives, over all its lives.
pub(crate) struct Site {
    seed: u64,
    skew: Span,
    lives: AtomicU64,
    up: AtomicBool,
    address: Mutex<Option<IpAddr>>,
}

impl Site {
    pub(crate) fn new(number: usize, seed: u64) -> Self {
        // R11: clocks that are wrong, each in its own way.
        let skew = Span::seconds([0, 7, -5][number % 3]);
        Self { seed, skew, lives: AtomicU64::new(0), up: AtomicBool::new(false), address: Mutex::new(None) }
    }

    pub(crate) fn is_at(&self, address: IpAddr) -> bool {
        *self.address.lock().unwrap() == Some(address)
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.lives.load(Ordering::SeqCst)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    pub(crate) fn died(&self) {
        self.up.store(false, Ordering::SeqCst);
    }
}

pub(crate) fn host(number: usize) -> String {
    format!("replica-{number}")
}

struct SimulatedNetwork;

#[async_trait]
impl Network for SimulatedNetwork {
    async fn dial(&self, address: SocketAddr) -> io::Result<Box<dyn Bytestream>> {
        Ok(Box::new(TcpStream::connect(address).await?))
    }
}

/// The connector of the simulation. The deadline is shorter than in life, so that more of them pass.
fn connector(strict: bool) -> String {
    let grace = if strict { 0 } else { provider::GRACE.as_secs() - 15 };
    format!(
        r"
slug: sim
display_name: Simulation
description: The provider of the simulation.
auth:
  oauth:
    scopes: {{ default: [read] }}
    authorize: {{ url: https://sim.invalid/authorize }}
    token: {{ url: https://sim.invalid/token }}
    refresh:
      margin_seconds: 20
      deadline_seconds: 30
      rotation: {{ single_use: true, reuse_kills_grant: true, grace_seconds: {grace} }}
api:
  base_url: https://sim.invalid/api
  errors: {{ code: [error] }}
tools:
  - name: sim_get_me
    title: Get me
    description: Tells which grant the token that arrived belongs to. Takes no input.
    read_only: true
    scopes: [[read]]
    input: {{}}
    example: {{}}
    request: {{ path: /me }}
"
    )
}

async fn engine(world: &World, number: usize, life: u64) -> Result<Engine, Error> {
    let site = &world.sites[number];
    let store = Arc::new(SeenBy { shared: world.shared.clone(), replica: number });
    let clock = Arc::new(SimulatedClock { skew: site.skew });
    let master = MasterKey::from_text(MASTER_KEY).unwrap();
    let keeper = loop {
        let master = MasterKey::from_text(MASTER_KEY).unwrap();
        match VaultKeeper::start(store.clone(), master, clock.clone(), SealLimits::default()).await {
            Ok(keeper) => break keeper,
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    };
    drop(master);
    let files = [("sim.yaml".to_owned(), connector(world.provider.is_strict()))];
    let settings = EgressSettings { allow_private: true, ..EgressSettings::default() };
    let mut engine_settings = EngineSettings::new(Url::parse("https://valetkey.example").unwrap());
    engine_settings.allow_private_upstreams = true;
    engine_settings.call_deadline = Duration::from_secs(10);
    Ok(Engine::new(EngineParts {
        store,
        keyring: Arc::new(keeper),
        connectors: Arc::new(Connectors::from_files(files).unwrap()),
        egress: Egress::on_network(settings, Arc::new(SimulatedNetwork)).unwrap(),
        clock,
        entropy: Arc::new(SeededEntropy::new(site.seed.wrapping_add(life))),
        settings: engine_settings,
    }))
}

/// Repeats what the database did not take.
async fn insist<T, F: Future<Output = Result<T, Error>>>(mut what: impl FnMut() -> F) -> T {
    loop {
        match what().await {
            Ok(done) => return done,
            Err(error) if error.code() == ErrorCode::StorageUnavailable => {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A life of a replica: it makes what is missing, then works until it is killed.
pub(crate) async fn live(world: Arc<World>, number: usize) -> turmoil::Result {
    let site = &world.sites[number];
    let life = site.lives.fetch_add(1, Ordering::SeqCst) + 1;
    *site.address.lock().unwrap() = Some(turmoil::lookup(host(number)));
    site.up.store(true, Ordering::SeqCst);
    let engine = engine(&world, number, life).await?;
    insist(|| engine.join()).await;
    let environment = insist(|| engine.default_environment()).await;
    let caller = engine.operator(environment)?;
    if number == 0 && world.accounts().len() < ACCOUNTS {
        make(&world, &engine, &caller).await;
    }
    let _background = Background::start(&engine, BackgroundSettings::default());
    let mut random = StdRng::seed_from_u64(site.seed.wrapping_mul(31).wrapping_add(life));
    loop {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..1_500))).await;
        let accounts = world.accounts();
        if accounts.is_empty() {
            continue;
        }
        let (_, id) = accounts[random.random_range(0..accounts.len())].clone();
        let (engine, caller, world) = (engine.clone(), caller.clone(), world.clone());
        let refresh = random.random_range(0..20) == 0;
        tokio::spawn(async move {
            let account = AccountRef::id(id.as_str());
            // What a caller hears is no matter here: the provider and storage judge.
            if refresh {
                let _heard = engine.refresh_account(&caller, &account).await;
            } else {
                let call = ExecuteTool::new(account, "sim_get_me", json!({}));
                let _heard = engine.execute_tool(&caller, call).await;
            }
            world.count_call();
        });
    }
}

async fn make(world: &World, engine: &Engine, caller: &valetkey_domain::Caller) {
    let base = format!("http://{}", turmoil::lookup(provider::HOST));
    let url = |path: &str| Some(Url::parse(&format!("{base}{path}")).unwrap());
    let connection = NewConnection {
        name: Some(NAME.to_owned()),
        connector: "sim".to_owned(),
        client_id: Some("c".to_owned()),
        client_secret: Some(SecretString::from("s")),
        overrides: Overrides {
            authorize_url: url("/authorize"),
            token_url: url("/token"),
            revoke_url: None,
            userinfo_url: None,
            api_base_url: url("/api"),
        },
        ..NewConnection::default()
    };
    // An earlier life may have made it.
    match engine.create_connection(caller, connection).await {
        Ok(_) => {}
        Err(error) if error.code() == ErrorCode::ConnectionAlreadyExists => {}
        Err(error) => panic!("{error}"),
    }
    let made = world.accounts().len();
    for grant in made..ACCOUNTS {
        let (access, refresh) = tokens(grant, 0);
        let account = NewAccount {
            credential: Some(NewCredential::OAuth {
                access_token: access.into(),
                refresh_token: Some(refresh.into()),
                scopes: vec!["read".to_owned()],
                expires_at: Some(SimulatedClock { skew: Span::ZERO }.now() + Span::seconds(60)),
                domain: None,
            }),
            ..NewAccount::new(NAME, format!("user-{grant}"))
        };
        let view = engine.create_account(caller, account).await.unwrap();
        world.add_account(grant, view.account.id);
    }
}
