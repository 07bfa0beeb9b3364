//! Measures the store on this machine's disk: durable commits per second by how many wait at the same time, reads by
//! key, and lists over many accounts. Every commit is one execution record, as a tool call makes it.
//!
//! `cargo run -p valetkey-store --example store_rates -- FOLDER [ACCOUNTS]`

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool for developers")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use valetkey_domain::{
    Account, AccountStatus, Change, Changes, PageRequest, Store, page::Cursor, store::AccountFilter,
};
use valetkey_store::SqliteStore;
use valetkey_testkit::store_contract::Fixture;

const SPAN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".into());
    let accounts: usize = arguments.next().map_or(100_000, |text| text.parse().unwrap());
    let path = Path::new(&folder).join("store_rates.db");
    assert!(!path.exists(), "{} exists already", path.display());
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let f = Arc::new(Fixture::new(store.clone()).await);
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;

    for tasks in [1, 4, 16, 64, 256] {
        commits(&store, &f, &account, tasks).await;
    }
    reads(&store, &account).await;
    fill(&f, &connection, accounts).await;
    lists(&store, &f, accounts).await;
    store.close().await.unwrap();
    drop((store, f));
    let begun = Instant::now();
    let store = SqliteStore::open(&path).unwrap();
    println!("opened again in {:?}, {} MB", begun.elapsed(), path.metadata().unwrap().len() >> 20);
    drop(store);
}

async fn commits(store: &Arc<SqliteStore>, f: &Arc<Fixture>, account: &Account, tasks: usize) {
    let (before, begun) = (store.commit_stats(), Instant::now());
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (f, account) = (f.clone(), account.clone());
            tokio::spawn(async move {
                let mut slowest = Duration::ZERO;
                while begun.elapsed() < SPAN {
                    let started = Instant::now();
                    f.commit(Change::InsertExecution(f.execution(&account))).await.unwrap();
                    slowest = slowest.max(started.elapsed());
                }
                slowest
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for task in running {
        slowest = slowest.max(task.await.unwrap());
    }
    let (after, seconds) = (store.commit_stats(), begun.elapsed().as_secs_f64());
    let (commits, batches) = (after.commits - before.commits, after.batches - before.batches);
    println!(
        "{tasks:>4} tasks: {:>8.0} commits/s in {:>6.0} durable writes/s, slowest commit {slowest:?}",
        commits as f64 / seconds,
        batches as f64 / seconds
    );
}

async fn reads(store: &Arc<SqliteStore>, account: &Account) {
    const READS: u32 = 50_000;
    let begun = Instant::now();
    for _ in 0..READS {
        store.account(&account.id).await.unwrap().unwrap();
    }
    println!("account by id: {:?} each", begun.elapsed() / READS);
}

async fn fill(f: &Fixture, connection: &valetkey_domain::Connection, accounts: usize) {
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

async fn lists(store: &SqliteStore, f: &Fixture, accounts: usize) {
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
