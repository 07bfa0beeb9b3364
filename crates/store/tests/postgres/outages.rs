//! A database that is away, slow, full of other people's locks or cut off, and is used again without a restart.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use valetkey_domain::{Account, Change, PageRequest, Store, StoreError, store::AccountFilter};
use valetkey_store::{PostgresOptions, PostgresStore};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{open, options, server::Server};

#[track_caller]
fn assert_unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

async fn with_account(store: Arc<dyn Store>) -> (Fixture, Account) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    (f, account)
}

fn next(account: &Account) -> Change {
    let mut account = account.clone();
    account.version += 1;
    Change::UpdateAccount(account)
}

/// While the database is away everything is refused as unavailable, soon; once it is back everything works, and what
/// was acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_restarted_is_used_again() {
    let server = Server::start();
    let database = Database::create_on(server.url.clone()).await;
    let store = Arc::new(open(&database).await);
    let (f, account) = with_account(store.clone()).await;
    // Several connections are open and idle when it goes.
    let many = (0..16).map(|_| {
        let (store, id) = (store.clone(), account.id.clone());
        tokio::spawn(async move { store.account(&id).await })
    });
    for read in many.collect::<Vec<_>>() {
        read.await.unwrap().unwrap();
    }
    for _ in 0..2 {
        server.run("halt");
        let away = Instant::now();
        for _ in 0..10 {
            assert_unavailable(store.account(&account.id).await);
            assert_unavailable(store.check().await);
            assert_unavailable(f.commit(next(&account)).await);
            let page = PageRequest::default();
            assert_unavailable(store.accounts(&f.env, &AccountFilter::default(), &page).await);
        }
        assert!(away.elapsed() < Duration::from_secs(5), "refusals took {:?}", away.elapsed());
        server.run("resume");
        // At once, with no warming up.
        store.check().await.unwrap();
        assert_eq!(store.account(&account.id).await.unwrap().as_ref(), Some(&account));
    }
    f.commit(next(&account)).await.unwrap();
}

/// Connections that died unnoticed cost nobody an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_while_idle_are_replaced_unseen() {
    let database = Database::create().await;
    let store = Arc::new(open(&database).await);
    let (f, mut account) = with_account(store.clone()).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let client = database.connect().await;
    for round in 0..20 {
        let reads = (0..8).map(|_| {
            let (store, id) = (store.clone(), account.id.clone());
            tokio::spawn(async move { store.account(&id).await })
        });
        for read in reads.collect::<Vec<_>>() {
            read.await.unwrap().unwrap();
        }
        client.query(cut, &[]).await.unwrap();
        match round % 3 {
            0 => assert!(store.account(&account.id).await.unwrap().is_some()),
            1 => {
                f.commit(next(&account)).await.unwrap();
                account.version += 1;
            }
            _ => {
                let page = PageRequest::default();
                let found = store.accounts(&f.env, &AccountFilter::default(), &page).await.unwrap();
                assert_eq!(found.items, [account.clone()]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_held_by_another_program_refuses_and_recovers() {
    let database = Database::create().await;
    let options = PostgresOptions { lock_timeout: Duration::from_millis(100), ..options() };
    let store = Arc::new(PostgresStore::open_with(&database.url().into(), options).await.unwrap());
    let (f, account) = with_account(store.clone()).await;
    let other = database.connect().await;
    other.batch_execute("BEGIN; UPDATE valetkey.accounts SET version = version").await.unwrap();
    assert_unavailable(f.commit(next(&account)).await);
    assert_eq!(
        store.account(&account.id).await.unwrap().as_ref(),
        Some(&account),
        "reads do not wait for it"
    );
    other.batch_execute("ROLLBACK").await.unwrap();
    f.commit(next(&account)).await.unwrap();
}

/// A statement that hangs is ended; a pool whose connections all hang refuses; both recover.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pool_whose_connections_hang_refuses_and_recovers() {
    let database = Database::create().await;
    let options = PostgresOptions {
        max_connections: 2,
        acquire_timeout: Duration::from_millis(100),
        statement_timeout: Duration::from_secs(2),
        lock_timeout: Duration::from_secs(20),
        ..options()
    };
    let store = Arc::new(PostgresStore::open_with(&database.url().into(), options).await.unwrap());
    let (_f, account) = with_account(store.clone()).await;
    let other = database.connect().await;
    other.batch_execute("BEGIN; LOCK TABLE valetkey.accounts IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let hanging: Vec<_> = (0..2)
        .map(|_| {
            let (store, id) = (store.clone(), account.id.clone());
            tokio::spawn(async move { store.account(&id).await })
        })
        .collect();
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(10);
    while database.connect().await.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
        assert!(Instant::now() < deadline, "both connections wait for the table");
    }
    let refusal = store.account(&account.id).await.unwrap_err();
    assert!(refusal.to_string().contains("every connection"), "{refusal}");
    for read in hanging {
        let refusal = read.await.unwrap().unwrap_err();
        assert!(refusal.to_string().contains("statement timeout"), "{refusal}");
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(store.account(&account.id).await.unwrap(), Some(account));
}

/// A list whose caller hangs up in the middle leaves no transaction open; a commit is carried out all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_hang_up_leave_nothing_open() {
    let database = Database::create().await;
    let options = PostgresOptions { max_connections: 1, ..options() };
    let store = Arc::new(PostgresStore::open_with(&database.url().into(), options).await.unwrap());
    let (f, account) = with_account(store.clone()).await;
    for micros in (0..3000).step_by(100) {
        let (store, env) = (store.clone(), f.env.clone());
        let listing = tokio::spawn(async move {
            store.accounts(&env, &AccountFilter::default(), &PageRequest::default()).await
        });
        tokio::time::sleep(Duration::from_micros(micros)).await;
        listing.abort();
        drop(listing.await);
    }
    let other = database.connect().await;
    other.batch_execute("BEGIN; UPDATE valetkey.accounts SET version = version").await.unwrap();
    let (asking, change) = (store.clone(), next(&account));
    let caller = tokio::spawn(async move { asking.commit(change.into()).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(4);
    while database.connect().await.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 1 {
        assert!(Instant::now() < deadline, "the commit waits for the row");
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    other.batch_execute("ROLLBACK").await.unwrap();
    // The only connection is free again once the commit is done.
    assert_eq!(store.account(&account.id).await.unwrap().map(|a| a.version), Some(2));
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(other.query_one(open, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn store_closed_refuses_more() {
    let database = Database::create().await;
    let store = open(&database).await;
    store.check().await.unwrap();
    store.close();
    assert_unavailable(store.check().await);
    assert_unavailable(store.environments().await);
}
