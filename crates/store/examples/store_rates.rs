//! Measures a store: durable commits per second by how many wait at the same time, the two commits of a renewal, reads by
//! key, and lists over many accounts. Every plain commit is one execution record, as a tool call makes it.
//!
//! `cargo run --release -p valetkey-store --example store_rates -- FOLDER [ACCOUNTS]`, or `-- postgres://… [ACCOUNTS]`
//! with an empty database.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool for developers")]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use valetkey_domain::{
    Account, AccountStatus, Change, Changes, Connection, InstanceId, PageRequest, RefreshOutcome, Store,
    page::Cursor, store::AccountFilter,
};
use valetkey_store::{PostgresStore, SqliteStore};
use valetkey_testkit::store_contract::Fixture;

const SPAN: Duration = Duration::from_secs(3);

/// The store under test.
#[derive(Clone)]
struct Subject {
    store: Arc<dyn Store>,
    /// The same, for what only SQLite can tell.
    sqlite: Option<Arc<SqliteStore>>,
}

impl Subject {
    async fn open(place: &str) -> Self {
        if place.starts_with("postgres") {
            let store = PostgresStore::open(&place.into()).await.unwrap();
            return Self { store: Arc::new(store), sqlite: None };
        }
        let path = file(place);
        assert!(!path.exists(), "{} exists already", path.display());
        let store = Arc::new(SqliteStore::open(path).unwrap());
        Self { store: store.clone(), sqlite: Some(store) }
    }

    fn durable_writes(&self) -> Option<u64> {
        self.sqlite.as_ref().map(|sqlite| sqlite.commit_stats().batches)
    }
}

fn file(folder: &str) -> PathBuf {
    Path::new(folder).join("store_rates.db")
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| ".".into());
    let accounts: usize = arguments.next().map_or(100_000, |text| text.parse().unwrap());
    let subject = Subject::open(&place).await;
    let store = subject.store.clone();
    let f = Arc::new(Fixture::new(store.clone()).await);
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;

    for tasks in [1, 4, 16, 64, 256] {
        let (f, account) = (f.clone(), account.clone());
        rate("commits", &subject, tasks, move |_| {
            let (f, account) = (f.clone(), account.clone());
            async move { f.commit(Change::InsertExecution(f.execution(&account))).await.unwrap() }
        })
        .await;
    }
    let holder = store.join(f.now()).await.unwrap().instance;
    for tasks in [1, 16, 64] {
        let renewed = Arc::new(renewable(&f, &connection, tasks).await);
        let f = f.clone();
        rate("renewals (two commits)", &subject, tasks, move |task| {
            let (f, renewed) = (f.clone(), renewed.clone());
            async move { renew(&f, &renewed[task], holder).await }
        })
        .await;
    }
    reads(&*store, &account).await;
    fill(&f, &connection, accounts).await;
    lists(&*store, &f, accounts).await;
    if let Some(sqlite) = &subject.sqlite {
        sqlite.close().await.unwrap();
        drop((store, f));
        let begun = Instant::now();
        drop(SqliteStore::open(file(&place)).unwrap());
        let size = file(&place).metadata().unwrap().len() >> 20;
        println!("opened again in {:?}, {size} MB", begun.elapsed());
    }
}

/// Has so many tasks do something again and again, and prints how often that was.
async fn rate<F>(
    what: &str,
    subject: &Subject,
    tasks: usize,
    work: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let (before, begun) = (subject.durable_writes(), Instant::now());
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                while begun.elapsed() < SPAN {
                    let started = Instant::now();
                    work(task).await;
                    took.push(started.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in running {
        took.extend(task.await.unwrap());
    }
    took.sort_unstable();
    let seconds = begun.elapsed().as_secs_f64();
    let per_second = |number: u64| number as f64 / seconds;
    let writes = before.zip(subject.durable_writes()).map_or_else(String::new, |(before, after)| {
        format!(" in {:>6.0} durable writes/s", per_second(after - before))
    });
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{tasks:>4} tasks: {:>8.0} {what}/s{writes}, p50 {:.2?}, p99 {:.2?}, slowest {:.2?}",
        per_second(took.len() as u64),
        at(50),
        at(99),
        at(100),
    );
}

/// An account to renew, with the fence and generation that come next.
struct Renewable {
    account: Account,
    next: AtomicU64,
}

async fn renewable(f: &Fixture, connection: &Connection, count: usize) -> Vec<Renewable> {
    let mut accounts = Vec::new();
    for n in 0..count {
        let account = f.stored_account(connection, &format!("renewed_{count}_{n}")).await;
        f.commit(f.credential(&account, 1)).await.unwrap();
        accounts.push(Renewable { account, next: AtomicU64::new(1) });
    }
    accounts
}

/// What the ledger costs: the lease, then the new credential with its account, the end of the attempt and an event.
async fn renew(f: &Fixture, renewed: &Renewable, holder: InstanceId) {
    let n = renewed.next.fetch_add(1, Ordering::Relaxed);
    let mut account = renewed.account.clone();
    let attempt = f.attempt(&account, n, n, holder);
    f.commit(Change::BeginRefresh { attempt, lease: Duration::from_secs(180) }).await.unwrap();
    (account.version, account.generation) = (n + 1, n + 1);
    let ended = Change::EndRefresh {
        account: account.id.clone(),
        fence: n,
        outcome: RefreshOutcome::Renewed,
        code: None,
        at: f.now(),
    };
    let changes = Changes::from(Change::UpdateAccount(account.clone()))
        .and(f.credential(&account, n + 1))
        .and(Change::DropPreviousCredentials { account: account.id.clone(), keep: n })
        .and(ended)
        .and(Change::AppendEvent(f.event(&account)));
    f.commit(changes).await.unwrap();
}

async fn reads(store: &dyn Store, account: &Account) {
    const READS: u32 = 50_000;
    let begun = Instant::now();
    for _ in 0..READS {
        store.account(&account.id).await.unwrap().unwrap();
    }
    println!("account by id: {:?} each", begun.elapsed() / READS);
}

async fn fill(f: &Fixture, connection: &Connection, accounts: usize) {
    let begun = Instant::now();
    for chunk in (0..accounts).collect::<Vec<_>>().chunks(5000) {
        let made = chunk.iter().map(|n| {
            let mut account = f.account(connection, &format!("person_{n}@example.com"));
            account.user_id = Some(format!("usr_{}", n % 1000));
            let status = if n % 100 == 0 { AccountStatus::Expired } else { AccountStatus::Active };
            Change::InsertAccount(account.restored(status))
        });
        f.commit(Changes(made.collect())).await.unwrap();
    }
    println!("{accounts} accounts inserted in {:?}", begun.elapsed());
}

async fn lists(store: &dyn Store, f: &Fixture, accounts: usize) {
    let all = AccountFilter::default;
    let middle = format!("person_{}@example.com", accounts / 2);
    let connections = store.connections(&f.env, &Default::default(), &PageRequest::default()).await.unwrap();
    let connection = connections.items[0].id.clone();
    let cases = [
        ("all", all()),
        ("of a connection", AccountFilter { connections: vec![connection], ..all() }),
        ("of a connector", AccountFilter { connector: Some("gmail".into()), ..all() }),
        ("expired", AccountFilter { status: Some(AccountStatus::Expired), ..all() }),
        ("of a user", AccountFilter { user_id: Some("usr_7".into()), ..all() }),
        ("by identifier", AccountFilter { identifier: Some(middle.clone()), ..all() }),
        ("search, one hit", AccountFilter { query: Some(middle), ..all() }),
        ("search, all hits", AccountFilter { query: Some("EXAMPLE".into()), ..all() }),
    ];
    for (name, filter) in cases {
        let begun = Instant::now();
        let page = store.accounts(&f.env, &filter, &PageRequest::default()).await.unwrap();
        let first = begun.elapsed();
        let next = page.next.map(|id| PageRequest { size: 20, cursor: Some(Cursor::After(id)) });
        let begun = Instant::now();
        store.accounts(&f.env, &filter, &next.unwrap_or_default()).await.unwrap();
        println!("list {name}: {first:?}, next page {:?}, total {}", begun.elapsed(), page.total);
    }
}
