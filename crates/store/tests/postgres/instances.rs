//! R9: who is gone, and who is only silent or only cut off.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio_postgres::Client;
use valetkey_domain::{
    Account, Change, Changes, InstanceId, RefreshOutcome, Store, StoreError, bulk::BulkWork,
    execution::ExecutionStatus,
};
use valetkey_store::{PostgresOptions, PostgresStore};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{open, options, until};

/// So that tests need not wait for the times of production.
pub(crate) fn hasty() -> PostgresOptions {
    PostgresOptions {
        heartbeat: Duration::from_millis(50),
        gone_after: Duration::from_secs(1),
        lock_timeout: Duration::from_secs(2),
        ..options()
    }
}

pub(crate) async fn open_hasty(database: &Database) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open_with(&database.url().into(), hasty()).await.unwrap())
}

pub(crate) async fn join(store: &PostgresStore, f: &Fixture) -> InstanceId {
    store.join(f.now()).await.unwrap().instance
}

pub(crate) async fn with_credential(f: &Fixture) -> Account {
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    f.commit(f.credential(&account, 1)).await.unwrap();
    account
}

/// A lease of an hour on the account's credential of generation 1.
pub(crate) fn leased(f: &Fixture, account: &Account, fence: u64, holder: InstanceId) -> Change {
    let attempt = f.attempt(account, fence, 1, holder);
    Change::BeginRefresh { attempt, lease: Duration::from_secs(3600) }
}

fn take_over(f: &Fixture, account: &Account, fence: u64) -> Change {
    Change::TakeOverRefresh { account: account.id.clone(), fence, at: f.now() }
}

/// The process that holds the lock of an instance, as the server knows it.
pub(crate) async fn lock_holder(client: &Client, instance: InstanceId) -> Option<i32> {
    let sql = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = x'766c7432'::int::oid
        AND objid = $1::bigint::oid AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    client.query_opt(sql, &[&i64::from(instance.0)]).await.unwrap().map(|row| row.get(0))
}

/// How long an instance has been silent.
async fn silence(client: &Client, instance: InstanceId) -> Duration {
    let sql = "SELECT greatest(0, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - heartbeat_at)
        FROM valetkey.instances WHERE number = $1";
    let micros: i64 = client.query_one(sql, &[&i64::from(instance.0)]).await.unwrap().get(0);
    Duration::from_micros(micros.unsigned_abs())
}

async fn is_stale(store: &PostgresStore, f: &Fixture, account: &Account) -> bool {
    let stale = store.stale_refreshes(f.now(), 100).await.unwrap();
    stale.iter().any(|attempt| attempt.account == account.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_join_at_once_have_numbers_of_their_own() {
    let database = Database::create().await;
    let mut stores = Vec::new();
    for _ in 0..6 {
        stores.push(open_hasty(&database).await);
    }
    let f = Arc::new(Fixture::new(stores[0].clone()).await);
    let joining: Vec<_> = (0..18)
        .map(|n| {
            let (store, f) = (stores[n % 6].clone(), f.clone());
            tokio::spawn(async move { (n % 6, join(&store, &f).await) })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for joined in joining {
        numbers.insert(joined.await.unwrap());
    }
    assert_eq!(numbers.len(), 6, "one number for each: {numbers:?}");
    assert_eq!(numbers.iter().map(|(_, number)| number).collect::<BTreeSet<_>>().len(), 6);
    let client = database.connect().await;
    for (_, number) in numbers {
        assert!(lock_holder(&client, number).await.is_some());
    }
}

/// Each of the three conditions by itself keeps an instance from being taken for gone. The rows are of the test's making,
/// so nothing here depends on how fast it runs.
#[tokio::test]
async fn instance_is_gone_only_without_lock_and_sign_of_life_to_a_steady_observer() {
    let database = Database::create().await;
    // The times of production: nobody gives a sign of life by itself while this runs.
    let store = Arc::new(open(&database).await);
    let f = Fixture::new(store.clone()).await;
    let account = with_credential(&f).await;
    let client = database.connect().await;
    let other = InstanceId(7);
    let now = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let row =
        "INSERT INTO valetkey.instances (number, joined_at, heartbeat_at, connected_at) VALUES (7, 0, 0, 0)";
    client.batch_execute(row).await.unwrap();
    f.commit(leased(&f, &account, 1, other)).await.unwrap();
    let lease_until = f.now() + time::Duration::HOUR;
    let work = BulkWork { holder: Some(other), lease_until, ..f.bulk("work", "user:a") };
    f.commit(Change::InsertBulk(work.clone())).await.unwrap();
    let own = async |connected_at: &str| {
        let sql = format!("UPDATE valetkey.instances SET connected_at = {connected_at} WHERE number <> 7");
        client.batch_execute(&sql).await.unwrap();
    };
    let beat = async |at: &str| {
        let sql = format!("UPDATE valetkey.instances SET heartbeat_at = {at} WHERE number = 7");
        client.batch_execute(&sql).await.unwrap();
    };
    let gone = async || {
        let gone = store.gone_instances().await.unwrap() == [other];
        assert_eq!(is_stale(&store, &f, &account).await, gone, "its attempts go with it");
        let left = store.left_bulks(f.now(), 9).await.unwrap();
        assert_eq!(left, gone.then(|| work.clone()).into_iter().collect::<Vec<_>>(), "and its work");
        gone
    };
    assert!(!gone().await, "who has not joined knows of nobody");
    let joined = join(&store, &f).await;
    assert_ne!(joined, other);
    assert!(!gone().await, "the observer has only just come");
    let refused = store.commit(take_over(&f, &account, 1).into()).await;
    assert_eq!(refused, Err(StoreError::Conflict { what: "refresh" }));
    own("0").await;
    assert!(gone().await);

    beat(&format!("{now} - 15000000")).await;
    assert!(!gone().await, "it gave a sign of life not long ago");
    beat("0").await;
    let held = database.connect().await;
    held.execute("SELECT pg_advisory_lock(x'766c7432'::int, 7)", &[]).await.unwrap();
    assert!(!gone().await, "its session is there");
    held.execute("SELECT pg_advisory_unlock(x'766c7432'::int, 7)", &[]).await.unwrap();
    own(&format!("{now} - 15000000")).await;
    assert!(!gone().await, "the observer was away itself");
    own("0").await;
    assert!(gone().await);

    // The same number in another database, or another kind of lock, is somebody else's.
    let elsewhere = Database::create().await;
    let there = elsewhere.connect().await;
    there.execute("SELECT pg_advisory_lock(x'766c7432'::int, 7)", &[]).await.unwrap();
    held.execute("SELECT pg_advisory_lock((x'766c7432'::bigint << 32) | 7)", &[]).await.unwrap();
    assert!(gone().await);

    let running = f.execution(&account);
    f.commit(Change::InsertExecution(valetkey_domain::Execution {
        instance: Some(other),
        ..running.clone()
    }))
    .await
    .unwrap();
    let settled = Changes::from(take_over(&f, &account, 1))
        .and(Change::AbandonExecutions { instance: Some(other), at: f.now() })
        .and(Change::ForgetInstance(other));
    f.commit(settled).await.unwrap();
    let last = store.last_refresh(&account.id).await.unwrap().unwrap();
    assert_eq!(last.outcome, Some(RefreshOutcome::Unknown));
    assert_eq!(store.execution(&running.id).await.unwrap().unwrap().status, ExecutionStatus::Unknown);
    assert_eq!(store.gone_instances().await.unwrap(), []);
}

/// A process that dies is found, with what it left open; its number does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_that_died_is_found_and_settled_by_another() {
    let database = Database::create().await;
    let (dying, living) = (open_hasty(&database).await, open_hasty(&database).await);
    let f = Fixture::new(living.clone()).await;
    let account = with_credential(&f).await;
    let (dead, alive) = (join(&dying, &f).await, join(&living, &f).await);
    f.commit(leased(&f, &account, 1, dead)).await.unwrap();
    let client = database.connect().await;
    assert!(lock_holder(&client, dead).await.is_some() && lock_holder(&client, alive).await.is_some());
    dying.close();
    until("it is found to be gone", async || {
        let gone = living.gone_instances().await.unwrap();
        assert!(!gone.contains(&alive));
        if gone.is_empty() {
            return false;
        }
        assert_eq!(gone, [dead]);
        assert!(silence(&client, dead).await >= hasty().gone_after);
        assert_eq!(lock_holder(&client, dead).await, None);
        true
    })
    .await;
    assert!(is_stale(&living, &f, &account).await);
    f.commit(Changes::from(take_over(&f, &account, 1)).and(leased(&f, &account, 2, alive))).await.unwrap();
    f.commit(Change::ForgetInstance(dead)).await.unwrap();
    assert_eq!(living.gone_instances().await.unwrap(), []);
    let newcomer = open_hasty(&database).await;
    assert!(![dead, alive].contains(&join(&newcomer, &f).await));
}

/// R9: a process that is there but cannot write, or stands still, keeps its session: only its lease can run out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_that_is_silent_but_connected_is_not_gone() {
    let database = Database::create().await;
    let (silent, other) = (open_hasty(&database).await, open_hasty(&database).await);
    let f = Fixture::new(other.clone()).await;
    let account = with_credential(&f).await;
    let (still, observer) = (join(&silent, &f).await, join(&other, &f).await);
    f.commit(leased(&f, &account, 1, still)).await.unwrap();
    let blocker = database.connect().await;
    let holder = lock_holder(&blocker, still).await;
    assert!(holder.is_some());
    let block = format!("BEGIN; SELECT FROM valetkey.instances WHERE number = {} FOR UPDATE", still.0);
    blocker.batch_execute(&block).await.unwrap();
    let client = database.connect().await;
    until("it has been silent for long", async || silence(&client, still).await > 2 * hasty().gone_after)
        .await;
    assert!(silence(&client, observer).await < hasty().gone_after, "the observer goes on");
    assert_eq!(other.gone_instances().await.unwrap(), []);
    assert!(!is_stale(&other, &f, &account).await);
    let refused = other.commit(take_over(&f, &account, 1).into()).await;
    assert_eq!(refused, Err(StoreError::Conflict { what: "refresh" }));
    blocker.batch_execute("ROLLBACK").await.unwrap();
    until("it gives signs of life again", async || silence(&client, still).await < hasty().gone_after).await;
    assert_eq!(lock_holder(&client, still).await, holder, "in the same session");
    // The silence was not what kept it.
    silent.close();
    until("it is gone", async || other.gone_instances().await.unwrap() == [still]).await;
}

/// A session that is cut is made anew by itself, with the same number, before anybody takes the process for dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_whose_session_is_cut_takes_its_lock_again() {
    let database = Database::create().await;
    let (cut, other) = (open_hasty(&database).await, open_hasty(&database).await);
    let f = Fixture::new(other.clone()).await;
    let (number, _) = (join(&cut, &f).await, join(&other, &f).await);
    let client = database.connect().await;
    for _ in 0..5 {
        let before = lock_holder(&client, number).await.unwrap();
        client.execute("SELECT pg_terminate_backend($1)", &[&before]).await.unwrap();
        until("it holds the lock again", async || {
            assert_eq!(other.gone_instances().await.unwrap(), []);
            lock_holder(&client, number).await.is_some_and(|pid| pid != before)
        })
        .await;
        assert_eq!(join(&cut, &f).await, number);
    }
}

/// An instance that was given up comes back as itself: what it holds is its own again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_forgotten_that_comes_back_is_known_again() {
    let database = Database::create().await;
    let store = open_hasty(&database).await;
    let f = Fixture::new(store.clone()).await;
    let number = join(&store, &f).await;
    f.commit(Change::ForgetInstance(number)).await.unwrap();
    let client = database.connect().await;
    until("it is not forgotten any more", async || {
        let sql = "SELECT forgotten FROM valetkey.instances WHERE number = $1";
        !client.query_one(sql, &[&i64::from(number.0)]).await.unwrap().get::<_, bool>(0)
    })
    .await;
    assert_eq!(store.frozen().await.unwrap(), None);
}
