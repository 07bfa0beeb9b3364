//! Several pools on one database, as several replicas have them.

use std::{sync::Arc, time::Duration};

use valetkey_domain::{
    Account, Change, Changes, PageRequest, SealedBlob, Store, StoreError, store::EventFilter,
};
use valetkey_store::{PostgresOptions, PostgresStore};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{open, options};

async fn two_pools(database: &Database) -> [Arc<dyn Store>; 2] {
    [Arc::new(open(database).await), Arc::new(open(database).await)]
}

/// Migrations: one does them, the others wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_started_at_once_migrate_once() {
    let database = Database::create().await;
    let opening: Vec<_> = (0..12)
        .map(|_| {
            let url = database.url().into();
            tokio::spawn(async move { PostgresStore::open_with(&url, options()).await })
        })
        .collect();
    for store in opening {
        store.await.unwrap().unwrap().check().await.unwrap();
    }
    let applied = "SELECT count(*) = max(number) AND min(number) = 1 FROM valetkey.schema_migrations";
    assert!(database.connect().await.query_one(applied, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_counted_by_two_pools_are_each_taken_once() {
    const TASKS: usize = 32;
    let database = Database::create().await;
    let pools = two_pools(&database).await;
    let f = Fixture::new(pools[0].clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|n| {
            let (store, id) = (pools[n % 2].clone(), account.id.clone());
            tokio::spawn(async move {
                loop {
                    let mut account = store.account(&id).await.unwrap().unwrap();
                    account.version += 1;
                    match store.commit(Change::UpdateAccount(account).into()).await {
                        Ok(()) => break,
                        Err(StoreError::Conflict { what: "account" }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let stored = pools[1].account(&account.id).await.unwrap().unwrap();
    assert_eq!(stored.version, 1 + TASKS as u64);
}

/// What one pool has acknowledged, the other reads at once.
#[tokio::test]
async fn commits_of_one_pool_are_read_by_the_other() {
    let database = Database::create().await;
    let pools = two_pools(&database).await;
    let f = Fixture::new(pools[0].clone()).await;
    let connection = f.stored_connection("gmail").await;
    for n in 0..50 {
        let account = f.stored_account(&connection, &format!("user_{n}")).await;
        assert_eq!(pools[1].account(&account.id).await.unwrap(), Some(account));
    }
}

/// Two writers race for the next generations of one credential: only ever newer ones are stored, and the history of
/// those who were told yes is complete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_raced_for_by_two_pools_never_go_back() {
    let database = Database::create().await;
    let pools = two_pools(&database).await;
    let f = Arc::new(Fixture::new(pools[0].clone()).await);
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let tasks: Vec<_> = (1..=40_u64)
        .map(|generation| {
            let (store, f, account) = (pools[generation as usize % 2].clone(), f.clone(), account.clone());
            tokio::spawn(async move {
                // Out of order, several at a time.
                let generation = generation ^ 3;
                let put = Change::PutCredential {
                    account: account.id.clone(),
                    generation,
                    sealed: SealedBlob(f.hash().to_vec()),
                    at: f.now(),
                };
                match store.commit(Changes::from(put).and(Change::AppendEvent(f.event(&account)))).await {
                    Ok(()) => Some(generation),
                    Err(StoreError::Conflict { what: "credential" }) => None,
                    Err(other) => panic!("{other}"),
                }
            })
        })
        .collect();
    let mut told = Vec::new();
    for task in tasks {
        told.extend(task.await.unwrap());
    }
    told.sort_unstable();
    let order = "SELECT generation FROM valetkey.credentials ORDER BY generation";
    // The order in which rows were stored: ids of transactions count up.
    let stored = "SELECT generation FROM valetkey.credentials ORDER BY ctid";
    let client = database.connect().await;
    for sql in [order, stored] {
        let rows = client.query(sql, &[]).await.unwrap();
        let generations: Vec<u64> = rows.iter().map(|row| row.get::<_, i64>(0).unsigned_abs()).collect();
        assert_eq!(generations, told);
    }
    let events = pools[0].events(&f.env, &EventFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(events.total, told.len() as u64);
}

/// Commits that touch the same accounts in opposite orders wait for each other; the server ends one of them, and it is
/// carried out after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_in_opposite_orders_all_succeed() {
    let database = Database::create().await;
    // The server looks for deadlocks once a second: a crowd of them takes a while, and nobody is to give up before.
    let patient = PostgresOptions {
        acquire_timeout: Duration::from_secs(60),
        lock_timeout: Duration::from_secs(60),
        statement_timeout: Duration::from_secs(60),
        ..options()
    };
    let url = database.url().into();
    let one: Arc<dyn Store> = Arc::new(PostgresStore::open_with(&url, patient).await.unwrap());
    let two: Arc<dyn Store> = Arc::new(PostgresStore::open_with(&url, patient).await.unwrap());
    let pools = [one, two];
    let f = Fixture::new(pools[0].clone()).await;
    let connection = f.stored_connection("gmail").await;
    let mut accounts = Vec::new();
    for n in 0..6 {
        accounts.push(f.stored_account(&connection, &format!("user_{n}")).await);
    }
    let touch = |account: &Account| Change::TouchAccount { id: account.id.clone(), at: f.now() };
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let mut changes: Vec<_> = accounts.iter().map(touch).collect();
            if n % 2 == 0 {
                changes.reverse();
            }
            let store = pools[n / 2 % 2].clone();
            tokio::spawn(async move { store.commit(Changes(changes)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn process_that_is_alone_keeps_others_out_until_it_ends() {
    let database = Database::create().await;
    let (one, two) = (open(&database).await, open(&database).await);
    let held = one.alone().await.unwrap().unwrap();
    assert!(two.alone().await.unwrap().is_none());
    two.check().await.unwrap();
    drop(held);
    // The server notices the end of a session a moment after it.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while two.alone().await.unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline);
    }
}
