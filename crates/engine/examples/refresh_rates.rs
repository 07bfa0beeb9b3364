//! Measures how many credentials engines renew per second when the provider answers at once, and how long an answer is
//! in danger: from the moment the provider has spent the old token until the caller is told, by when the new one is
//! durable. The provider is part of this process and shares its cores.
//!
//! `cargo run --release -p valetkey-engine --example refresh_rates -- FOLDER`, or `-- postgres://… [ENGINES]` with an empty
//! database.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool for developers")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use valetkey_domain::{
    Caller, Change, Clock as _, EnvironmentId, ExposeSecret as _, Permissions, SecretString, Store,
    SystemClock, connection::Overrides,
};
use valetkey_engine::{
    AccountRef, Engine, EngineParts, EngineSettings, NewAccount, NewConnection, NewCredential,
    keyring::{SealLimits, VaultKeeper},
};
use valetkey_store::{PostgresStore, Recall, SqliteStore};
use valetkey_upstream::{
    connector::Connectors,
    http::{Egress, EgressSettings},
};
use valetkey_vault::{MasterKey, SystemEntropy};

const SPAN: Duration = Duration::from_secs(5);
const ACCOUNTS: usize = 1200;

const CONNECTOR: &str = r#"
slug: instant
display_name: Instant
description: A provider that answers at once and whose refresh tokens work once.
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: "https://instant.invalid/authorize" }
    token: { url: "https://instant.invalid/token" }
    refresh: { rotation: { single_use: true } }
api: { base_url: "https://instant.invalid/api" }
"#;

/// When the provider answered each account last, in nanoseconds since `begun`.
struct Provider {
    begun: Instant,
    answered: Vec<AtomicU64>,
}

impl Provider {
    async fn start() -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let token_url = format!("http://{}/token", listener.local_addr().unwrap());
        let answered = (0..ACCOUNTS).map(|_| AtomicU64::new(0)).collect();
        let provider = Arc::new(Self { begun: Instant::now(), answered });
        let serving = provider.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = serving.clone();
                // A client that hangs up ends its own connection, no more.
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        (provider, token_url)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap()
    }

    fn since_answer(&self, account: usize) -> Duration {
        Duration::from_nanos(self.now() - self.answered[account].load(Ordering::Acquire))
    }

    /// Just enough of HTTP for one client that we know: anything more would be measured as well.
    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut buffer = Vec::with_capacity(4096);
        loop {
            let (request, length) = loop {
                if let Some(found) = whole_request(&buffer) {
                    break found;
                }
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            };
            buffer.drain(..length);
            let token = request.split("refresh_token=").nth(1).unwrap().split('&').next().unwrap();
            let mut parts = token.split('-').skip(1).map(|part| part.parse::<usize>().unwrap());
            let (account, generation) = (parts.next().unwrap(), parts.next().unwrap() + 1);
            let body = format!(
                r#"{{"access_token":"at-{account}-{generation}","token_type":"Bearer","expires_in":3600,"refresh_token":"rt-{account}-{generation}"}}"#
            );
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            self.answered[account].store(self.now(), Ordering::Release);
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

/// The first whole request and its length.
fn whole_request(buffer: &[u8]) -> Option<(String, usize)> {
    let text = std::str::from_utf8(buffer).unwrap();
    let head = text.find("\r\n\r\n")? + 4;
    let length = text[..head].lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let end = head + length.unwrap_or(0);
    (text.len() >= end).then(|| (text[..end].to_owned(), end))
}

async fn engine(store: Arc<dyn Store>, master: &SecretString) -> Engine {
    let (clock, store) = (Arc::new(SystemClock), Arc::new(Recall::new(store)));
    let master = MasterKey::from_text(master.expose_secret()).unwrap();
    let keeper =
        VaultKeeper::start(store.clone(), master, clock.clone(), SealLimits::default()).await.unwrap();
    let egress = EgressSettings { allow_private: true, ..EgressSettings::default() };
    let mut settings = EngineSettings::new("http://localhost:7077".parse().unwrap());
    settings.allow_private_upstreams = true;
    Engine::new(EngineParts {
        store,
        keyring: Arc::new(keeper),
        connectors: Arc::new(
            Connectors::from_files([("instant.yaml".to_owned(), CONNECTOR.to_owned())]).unwrap(),
        ),
        egress: Egress::new(egress).unwrap(),
        clock,
        entropy: Arc::new(SystemEntropy),
        settings,
    })
}

/// One connection with all accounts; their ids.
async fn fill(engine: &Engine, caller: &Caller, token_url: &str) -> Vec<AccountRef> {
    let new = NewConnection {
        name: Some("instant".into()),
        connector: "instant".into(),
        client_id: Some("client".into()),
        client_secret: Some("secret".into()),
        overrides: Overrides { token_url: Some(token_url.parse().unwrap()), ..Overrides::default() },
        ..NewConnection::default()
    };
    engine.create_connection(caller, new).await.unwrap();
    let mut accounts = Vec::new();
    for n in 0..ACCOUNTS {
        let credential = NewCredential::OAuth {
            access_token: format!("at-{n}-0").into(),
            refresh_token: Some(format!("rt-{n}-0").into()),
            scopes: vec!["read".into()],
            expires_at: Some(SystemClock.now() + Duration::from_secs(3600)),
            domain: None,
        };
        let new = NewAccount {
            credential: Some(credential),
            probe: false,
            ..NewAccount::new("instant", format!("user_{n}"))
        };
        let account = engine.create_account(caller, new).await.unwrap().account;
        accounts.push(AccountRef::id(account.id.as_str()));
    }
    accounts
}

/// Renews with so many callers per engine, each on accounts of its own, and prints what came of it.
async fn measure(
    engines: &[Engine],
    caller: &Caller,
    accounts: &Arc<Vec<AccountRef>>,
    provider: &Arc<Provider>,
    callers: usize,
) {
    let all = engines.len() * callers;
    let begun = Instant::now();
    let running: Vec<_> = (0..all)
        .map(|n| {
            let (engine, caller) = (engines[n % engines.len()].clone(), caller.clone());
            let (accounts, provider) = (accounts.clone(), provider.clone());
            tokio::spawn(async move {
                let mut windows = Vec::new();
                let mut own = (n..accounts.len()).step_by(all).cycle();
                while begun.elapsed() < SPAN {
                    let account = own.next().unwrap();
                    engine.refresh_account(&caller, &accounts[account]).await.unwrap();
                    windows.push(provider.since_answer(account));
                }
                windows
            })
        })
        .collect();
    let mut windows = Vec::new();
    for task in running {
        windows.extend(task.await.unwrap());
    }
    let seconds = begun.elapsed().as_secs_f64();
    windows.sort_unstable();
    let at = |percent: usize| windows[(windows.len() - 1) * percent / 100];
    println!(
        "{} × {callers:>3} callers: {:>6.0} refreshes/s; from the answer to the caller, durable: p50 {:>8.2?}, p99 {:>8.2?}",
        engines.len(),
        windows.len() as f64 / seconds,
        at(50),
        at(99),
    );
}

async fn open(place: &str) -> Arc<dyn Store> {
    if place.starts_with("postgres") {
        return Arc::new(PostgresStore::open(&place.into()).await.unwrap());
    }
    let path = Path::new(place).join("refresh_rates.db");
    assert!(!path.exists(), "{} exists already", path.display());
    Arc::new(SqliteStore::open(path).unwrap())
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| ".".into());
    let on_postgres = place.starts_with("postgres");
    let count: usize = arguments.next().map_or(if on_postgres { 3 } else { 1 }, |text| text.parse().unwrap());
    assert!(on_postgres || count == 1, "one process at a time works on an SQLite database");

    let (provider, token_url) = Provider::start().await;
    let master = MasterKey::generate().unwrap().to_text();
    let caller = Caller {
        environment: EnvironmentId::new(&SystemClock, &SystemEntropy),
        client: "vkc_rates".parse().unwrap(),
        token: None,
        user: None,
        request: None,
        bounds: None,
        permissions: Permissions::all(),
    };
    let mut engines = Vec::new();
    for n in 0..count {
        let store = open(&place).await;
        if n == 0 {
            let (id, name, at) = (caller.environment.clone(), "default".into(), SystemClock.now());
            store.commit(Change::InsertEnvironment { id, name, at }.into()).await.unwrap();
        }
        engines.push(engine(store, &master).await);
    }
    let accounts = Arc::new(fill(&engines[0], &caller, &token_url).await);
    for callers in [1, 8, 32, 128] {
        measure(&engines, &caller, &accounts, &provider, callers).await;
    }
    for engine in engines {
        engine.drain().await;
    }
}
