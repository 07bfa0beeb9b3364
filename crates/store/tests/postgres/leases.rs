//! Leases between several processes: who gets them, and who hears that they ended.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use tokio_postgres::Client;
use valetkey_domain::{
    Account, AccountStatus, Change, Changes, RefreshOutcome, SealedBlob, Store, StoreError,
};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{
    instances::{join, leased, open_hasty, with_credential},
    open, until,
};

pub(crate) fn end(f: &Fixture, account: &Account, fence: u64) -> Change {
    let (outcome, at) = (RefreshOutcome::Renewed, f.now());
    Change::EndRefresh { account: account.id.clone(), fence, outcome, code: None, at }
}

/// Far longer than anything here may take: who returns was woken.
const FLOOR: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn is_listened_to(client: &Client) -> bool {
    let sql = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'";
    client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 1
}

/// Ends an attempt while `waiting` waits for it, which must return soon; `false` if it returned before, as it may.
pub(crate) async fn end_wakes(f: &Fixture, account: &Account, fence: u64, waiting: &dyn Store) -> bool {
    let mut waits = pin!(waiting.refresh_ended(&account.id, FLOOR));
    let early = tokio::select! {
        biased;
        () = &mut waits => true,
        ended = f.commit(end(f, account, fence)) => {
            ended.unwrap();
            false
        }
    };
    if !early {
        tokio::time::timeout(SOON, waits).await.unwrap();
        return true;
    }
    // The news may be faster than the answer to the commit.
    let told = waiting.last_refresh(&account.id).await.unwrap().is_some_and(|last| last.outcome.is_some());
    f.commit(end(f, account, fence)).await.unwrap();
    told
}

/// Who waits in one process hears of the end in another at once, not when it would look again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refresh_ended_in_one_process_wakes_waiters_of_another() {
    const ROUNDS: u64 = 10;
    let database = Database::create().await;
    let (ending, waiting) = (open_hasty(&database).await, open_hasty(&database).await);
    let f = Fixture::new(ending.clone()).await;
    let account = with_credential(&f).await;
    let holder = join(&ending, &f).await;
    waiting.refresh_ended(&account.id, Duration::ZERO).await;
    let client = database.connect().await;
    until("it listens", async || is_listened_to(&client).await).await;
    let mut woken = 0_u32;
    for fence in 1..=ROUNDS {
        f.commit(leased(&f, &account, fence, holder)).await.unwrap();
        woken += u32::from(end_wakes(&f, &account, fence, &*waiting).await);
    }
    // It says so once when it begins to listen.
    assert!(u64::from(woken) >= ROUNDS - 1, "{woken}");

    // Another account's end is not theirs.
    let other = f.stored_account(&f.stored_connection("other").await, "user_2").await;
    f.commit(f.credential(&other, 1)).await.unwrap();
    f.commit(leased(&f, &account, ROUNDS + 1, holder)).await.unwrap();
    let mut waits = pin!(waiting.refresh_ended(&account.id, FLOOR));
    f.commit(leased(&f, &other, 1, holder)).await.unwrap();
    f.commit(end(&f, &other, 1)).await.unwrap();
    let unmoved = tokio::time::timeout(Duration::from_millis(200), &mut waits).await;
    assert!(unmoved.is_err(), "another account's end wakes nobody here");
    f.commit(end(&f, &account, ROUNDS + 1)).await.unwrap();
    tokio::time::timeout(SOON, waits).await.unwrap();
}

/// R4: of many in two processes that ask for the lease at the same time, one gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lease_raced_for_by_two_pools_goes_to_one() {
    let database = Database::create().await;
    let stores = [Arc::new(open(&database).await), Arc::new(open(&database).await)];
    let f = Arc::new(Fixture::new(stores[0].clone()).await);
    let account = with_credential(&f).await;
    let holders = [join(&stores[0], &f).await, join(&stores[1], &f).await];
    for fence in 1..=10 {
        let asking: Vec<_> = (0..8)
            .map(|n| {
                let store = stores[n % 2].clone();
                let change = leased(&f, &account, fence, holders[n % 2]);
                tokio::spawn(async move { (n % 2, store.commit(change.into()).await) })
            })
            .collect();
        let mut got = Vec::new();
        for asked in asking {
            match asked.await.unwrap() {
                (n, Ok(())) => got.push(holders[n]),
                (_, refused) => assert_eq!(refused, Err(StoreError::Conflict { what: "refresh" })),
            }
        }
        let last = stores[0].last_refresh(&account.id).await.unwrap().unwrap();
        assert_eq!((got, last.fence), (vec![last.holder], fence));
        f.commit(end(&f, &account, fence)).await.unwrap();
    }
}

/// R4: a lease is never given for a token that another process has replaced: either the lease is refused or it was there
/// first, and then the token it is for was the current one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lease_raced_with_a_new_credential_is_for_the_current_one() {
    let database = Database::create().await;
    let stores = [Arc::new(open(&database).await), Arc::new(open(&database).await)];
    let f = Arc::new(Fixture::new(stores[0].clone()).await);
    let connection = f.stored_connection("gmail").await;
    let holder = join(&stores[0], &f).await;
    let (mut leases, mut refusals) = (0, 0);
    for n in 0..40 {
        let account = f.stored_account(&connection, &format!("user_{n}")).await;
        f.commit(f.credential(&account, 1)).await.unwrap();
        let begin = stores[0].commit(leased(&f, &account, 1, holder).into());
        // With the account, as a new authorization writes it.
        let mut changed = account.clone();
        (changed.version, changed.generation) = (2, 2);
        let put = Change::PutCredential {
            account: account.id.clone(),
            generation: 2,
            sealed: SealedBlob(vec![2]),
            at: f.now(),
        };
        let put = stores[1].commit(Changes::from(Change::UpdateAccount(changed)).and(put));
        let (begun, put) = match n % 2 {
            0 => tokio::join!(begin, put),
            _ => {
                let (put, begun) = tokio::join!(put, begin);
                (begun, put)
            }
        };
        put.unwrap();
        match begun {
            Ok(()) => leases += 1,
            Err(StoreError::Conflict { what: "refresh.generation" }) => refusals += 1,
            Err(other) => panic!("{other}"),
        }
        // From here on the old generation gets none.
        if is_leased(&*stores[0], &account).await {
            f.commit(end(&f, &account, 1)).await.unwrap();
        }
        let fence = stores[0].last_refresh(&account.id).await.unwrap().map_or(0, |last| last.fence) + 1;
        let late = f.commit(leased(&f, &account, fence, holder)).await;
        assert_eq!(late, Err(StoreError::Conflict { what: "refresh.generation" }));
    }
    assert_eq!(leases + refusals, 40);
}

async fn is_leased(store: &dyn Store, account: &Account) -> bool {
    store.last_refresh(&account.id).await.unwrap().is_some_and(|last| last.outcome.is_none())
}

/// A lost attempt is recovered by one process: taking it over and the new attempt are one commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempt_taken_over_by_two_pools_is_recovered_once() {
    let database = Database::create().await;
    let stores = [Arc::new(open(&database).await), Arc::new(open(&database).await)];
    let f = Arc::new(Fixture::new(stores[0].clone()).await);
    let account = with_credential(&f).await;
    let holders = [join(&stores[0], &f).await, join(&stores[1], &f).await];
    let attempt = f.attempt(&account, 1, 1, holders[0]);
    f.commit(Change::BeginRefresh { attempt, lease: Duration::ZERO }).await.unwrap();
    let asking: Vec<_> = (0..8)
        .map(|n| {
            let store = stores[n % 2].clone();
            let taken = Change::TakeOverRefresh { account: account.id.clone(), fence: 1, at: f.now() };
            let recovery = Changes::from(taken).and(leased(&f, &account, 2, holders[n % 2]));
            tokio::spawn(async move { store.commit(recovery).await })
        })
        .collect();
    let mut recovered = 0;
    for asked in asking {
        match asked.await.unwrap() {
            Ok(()) => recovered += 1,
            refused => assert_eq!(refused, Err(StoreError::Conflict { what: "refresh" })),
        }
    }
    assert_eq!(recovered, 1);
}

/// Due accounts and revocations that several processes take at the same time: each goes to one of them, and all go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_taken_by_two_pools_overlaps_nowhere_and_loses_none() {
    const RECORDS: usize = 300;
    let database = Database::create().await;
    let stores = [Arc::new(open(&database).await), Arc::new(open(&database).await)];
    let f = Fixture::new(stores[0].clone()).await;
    let connection = f.stored_connection("gmail").await;
    let mut changes = Changes::new();
    for n in 0..RECORDS {
        let mut account = f.account(&connection, &format!("user_{n}")).restored(AccountStatus::Active);
        account.refresh_at = Some(account.created_at);
        let revocation = Change::InsertRevocation(f.revocation(&account));
        changes = changes.and(revocation).and(Change::InsertAccount(account));
    }
    f.commit(changes).await.unwrap();
    let (at, hidden) = (f.now(), f.now() + time::Duration::HOUR);
    let taking: Vec<_> = (0..8)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let due = store.take_due_refreshes(at, hidden, 7).await.unwrap();
                    let revocations = store.take_due_revocations(at, hidden, 7).await.unwrap();
                    if due.is_empty() && revocations.is_empty() {
                        break taken;
                    }
                    taken.extend(due.into_iter().map(|id| id.to_string()));
                    taken.extend(revocations.into_iter().map(|it| it.id.to_string()));
                }
            })
        })
        .collect();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let mut takers = 0;
    for taken in taking {
        let taken = taken.await.unwrap();
        takers += usize::from(!taken.is_empty());
        for id in taken {
            *times.entry(id).or_default() += 1;
        }
    }
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(times.len(), 2 * RECORDS);
    assert!(takers > 1, "one took everything: nothing was tried");
}

/// Messages to one webhook that several processes take at the same time: each goes to one of them, and all go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_taken_by_two_pools_overlap_nowhere_and_lose_none() {
    const MESSAGES: usize = 300;
    let database = Database::create().await;
    let stores = [Arc::new(open(&database).await), Arc::new(open(&database).await)];
    let f = Fixture::new(stores[0].clone()).await;
    let webhook = f.stored_webhook(&[]).await;
    let messages: Changes =
        (0..MESSAGES).fold(Changes::new(), |all, _| all.and(Change::InsertDelivery(f.delivery(&webhook))));
    f.commit(messages).await.unwrap();
    let (at, hidden) = (f.now(), f.now() + time::Duration::HOUR);
    let taking: Vec<_> = (0..8)
        .map(|n| {
            let (store, webhook) = (stores[n % 2].clone(), webhook.id.clone());
            tokio::spawn(async move {
                let mut taken = Vec::new();
                loop {
                    let due = store.take_due_deliveries(&webhook, at, hidden, 4).await.unwrap();
                    if due.is_empty() {
                        break taken;
                    }
                    taken.extend(due.into_iter().map(|it| it.id.to_string()));
                }
            })
        })
        .collect();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let mut takers = 0;
    for taken in taking {
        let taken = taken.await.unwrap();
        takers += usize::from(!taken.is_empty());
        for id in taken {
            *times.entry(id).or_default() += 1;
        }
    }
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(times.len(), MESSAGES);
    assert!(takers > 1, "one took everything: nothing was tried");
}

/// An account that somebody is changing at this moment is left for the next time, not lost.
#[tokio::test]
async fn due_account_held_by_another_is_taken_the_next_time() {
    let database = Database::create().await;
    let store = Arc::new(open(&database).await);
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let mut account = f.account(&connection, &format!("user_{n}")).restored(AccountStatus::Active);
        account.refresh_at = Some(account.created_at);
        f.commit(Change::InsertAccount(account.clone())).await.unwrap();
        ids.push(account.id);
    }
    let other = database.connect().await;
    let hold = format!("BEGIN; UPDATE valetkey.accounts SET version = version WHERE id = '{}'", ids[0]);
    other.batch_execute(&hold).await.unwrap();
    let (at, hidden) = (f.now(), f.now() + time::Duration::HOUR);
    assert_eq!(store.take_due_refreshes(at, hidden, 2).await.unwrap(), ids[1..]);
    assert_eq!(store.take_due_refreshes(at, hidden, 2).await.unwrap(), []);
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(store.take_due_refreshes(at, hidden, 2).await.unwrap(), ids[..1]);
}
