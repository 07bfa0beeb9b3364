//! The ledger of refreshes.
//!
//! Storage judges a lease by its own clock, which may be another than the fixture's: the tests use leases that are over
//! at once or last for an hour.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use valetkey_domain::{
    Account, Change, Changes, ErrorCode, InstanceId, PageRequest, RefreshAttempt, RefreshOutcome,
    RefreshReason, Store, StoreError,
};

use super::fixture::{Fixture, assert_conflict};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An account with a credential of generation 1, and the number of this process.
async fn account_and_holder(f: &Fixture) -> (Account, InstanceId) {
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    f.commit(f.credential(&account, 1)).await.unwrap();
    let joined = f.store.join(f.now()).await.unwrap();
    (account, joined.instance)
}

fn begin(attempt: &RefreshAttempt, lease: Duration) -> Change {
    Change::BeginRefresh { attempt: attempt.clone(), lease }
}

fn end(f: &Fixture, account: &Account, fence: u64, outcome: RefreshOutcome) -> Change {
    Change::EndRefresh { account: account.id.clone(), fence, outcome, code: None, at: f.now() }
}

fn take_over(f: &Fixture, account: &Account, fence: u64) -> Change {
    Change::TakeOverRefresh { account: account.id.clone(), fence, at: f.now() }
}

/// The attempt as stored, with the end of its lease as the fixture knows it.
pub(super) async fn last(f: &Fixture, account: &Account) -> Option<RefreshAttempt> {
    let last = f.store.last_refresh(&account.id).await.unwrap()?;
    Some(RefreshAttempt { lease_until: last.started_at, ..last })
}

/// Every field survives, for every reason and outcome; the history is there newest first, page by page.
pub async fn refreshes_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    assert_eq!(last(&f, &account).await, None);
    let mut history = Vec::new();
    for (n, outcome) in RefreshOutcome::ALL.into_iter().enumerate() {
        let fence = n as u64 + 1;
        let reason = RefreshReason::ALL[n % RefreshReason::ALL.len()];
        let mut attempt = RefreshAttempt { reason, ..f.attempt(&account, fence, 1, holder) };
        f.commit(begin(&attempt, HOUR)).await.unwrap();
        assert_eq!(last(&f, &account).await.as_ref(), Some(&attempt));
        attempt.outcome = Some(outcome);
        attempt.code = (n % 2 == 0).then_some(ErrorCode::UpstreamError);
        attempt.ended_at = Some(f.now());
        let end = Change::EndRefresh {
            account: account.id.clone(),
            fence,
            outcome,
            code: attempt.code,
            at: attempt.ended_at.unwrap(),
        };
        f.commit(end).await.unwrap();
        assert_eq!(last(&f, &account).await.as_ref(), Some(&attempt));
        history.insert(0, attempt);
    }
    let mut token = String::new();
    let mut seen = Vec::new();
    loop {
        let page = f.store.refreshes(&account.id, &PageRequest::from_wire(3, &token)).await.unwrap();
        assert_eq!(page.total, history.len() as u64);
        seen.extend(page.items.into_iter().map(|a| RefreshAttempt { lease_until: a.started_at, ..a }));
        match page.next {
            Some(next) => token = next,
            None => break,
        }
    }
    assert_eq!(seen, history);
}

/// The lease is as long as it was asked for, by whatever clock.
pub async fn refreshes_begun_have_a_lease_of_the_asked_length(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    let mut ends = Vec::new();
    for (fence, lease) in (1..).zip([Duration::ZERO, HOUR]) {
        f.commit(begin(&f.attempt(&account, fence, 1, holder), lease)).await.unwrap();
        ends.push(f.store.last_refresh(&account.id).await.unwrap().unwrap().lease_until);
        f.commit(end(&f, &account, fence, RefreshOutcome::NotSent)).await.unwrap();
    }
    let longer = ends[1] - ends[0];
    assert!((HOUR..HOUR + PATIENCE).contains(&longer.unsigned_abs()), "{longer}");
}

/// What keeps an attempt from being opened. The account is looked for first, then its attempts, then its credential.
pub async fn refreshes_out_of_turn_are_conflicts(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    let connection = f.store.connection(&account.connection).await.unwrap().unwrap();
    let bare = f.stored_account(&connection, "user_2").await;
    let nobody = f.account(&connection, "user_3");
    let refused = async |account: &Account, fence, generation, what| {
        let attempt = f.attempt(account, fence, generation, holder);
        assert_conflict(f.commit(begin(&attempt, HOUR)).await, what);
    };
    refused(&nobody, 1, 1, "refresh.account").await;
    refused(&nobody, 2, 1, "refresh.account").await;
    refused(&bare, 1, 0, "refresh.generation").await;
    refused(&bare, 1, 1, "refresh.generation").await;
    for fence in [0, 2] {
        refused(&account, fence, 1, "refresh").await;
        refused(&account, fence, 2, "refresh").await;
    }
    for generation in [0, 2] {
        refused(&account, 1, generation, "refresh.generation").await;
    }
    f.commit(f.credential(&account, 2)).await.unwrap();
    refused(&account, 1, 1, "refresh.generation").await;
    let first = f.attempt(&account, 1, 2, holder);
    f.commit(begin(&first, HOUR)).await.unwrap();
    for fence in [1, 2, 3] {
        refused(&account, fence, 2, "refresh").await;
    }
    f.commit(end(&f, &account, 1, RefreshOutcome::Transient)).await.unwrap();
    for fence in [1, 3] {
        refused(&account, fence, 2, "refresh").await;
    }
    f.commit(f.credential(&bare, 1)).await.unwrap();
    let same_id = RefreshAttempt { id: first.id, ..f.attempt(&bare, 1, 1, holder) };
    assert_conflict(f.commit(begin(&same_id, HOUR)).await, "refresh");
    f.commit(begin(&f.attempt(&account, 2, 2, holder), HOUR)).await.unwrap();
}

/// R1: of many that want to renew a credential at the same time, one may.
pub async fn refreshes_begun_at_the_same_time_are_one(store: Arc<dyn Store>) {
    const TASKS: usize = 32;
    let f = Arc::new(Fixture::new(store).await);
    let (account, holder) = account_and_holder(&f).await;
    for fence in 1..4 {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (f, attempt) = (f.clone(), f.attempt(&account, fence, 1, holder));
                tokio::spawn(async move { f.commit(begin(&attempt, HOUR)).await.map(|()| attempt) })
            })
            .collect();
        let mut won = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                Ok(attempt) => won.push(attempt),
                Err(refusal) => assert_conflict(Err(refusal), "refresh"),
            }
        }
        assert_eq!(last(&f, &account).await.as_ref(), Some(&won[0]));
        assert_eq!(won.len(), 1);
        f.commit(end(&f, &account, fence, RefreshOutcome::NotSent)).await.unwrap();
    }
}

/// An attempt is opened for the credential that is there, also while another is being stored.
pub async fn refreshes_begun_while_a_credential_is_stored_are_of_the_newest(store: Arc<dyn Store>) {
    let f = Arc::new(Fixture::new(store).await);
    let (account, holder) = account_and_holder(&f).await;
    for generation in 1..20 {
        let (put, asking) = (f.credential(&account, generation + 1), f.clone());
        let attempt = f.attempt(&account, generation, generation, holder);
        let storing = tokio::spawn(async move { asking.commit(put).await });
        let outcome = f.commit(begin(&attempt, HOUR)).await;
        storing.await.unwrap().unwrap();
        match outcome {
            // Before the other was stored.
            Ok(()) => {}
            Err(StoreError::Conflict { what: "refresh.generation" }) => {
                let attempt = f.attempt(&account, generation, generation + 1, holder);
                f.commit(begin(&attempt, HOUR)).await.unwrap();
            }
            Err(other) => panic!("{other}"),
        }
        f.commit(end(&f, &account, generation, RefreshOutcome::NotSent)).await.unwrap();
    }
}

/// The first outcome that is known stays; one that was unknown may still become known. The end goes with the new
/// credential, both or neither.
pub async fn refreshes_end_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    let outcome = async || last(&f, &account).await.and_then(|attempt| attempt.outcome);
    f.commit(end(&f, &account, 1, RefreshOutcome::Renewed)).await.unwrap();
    f.commit(begin(&f.attempt(&account, 1, 1, holder), HOUR)).await.unwrap();
    f.commit(end(&f, &account, 2, RefreshOutcome::Dead)).await.unwrap();
    assert_eq!(outcome().await, None, "of another fence");
    let torn = Changes::from(end(&f, &account, 1, RefreshOutcome::Renewed)).and(f.credential(&account, 1));
    assert_conflict(f.commit(torn).await, "credential");
    assert_eq!(outcome().await, None);
    f.commit(end(&f, &account, 1, RefreshOutcome::Unknown)).await.unwrap();
    let both = Changes::from(f.credential(&account, 2)).and(end(&f, &account, 1, RefreshOutcome::Renewed));
    f.commit(both).await.unwrap();
    let ended = last(&f, &account).await;
    assert_eq!(outcome().await, Some(RefreshOutcome::Renewed));
    for late in RefreshOutcome::ALL {
        f.commit(end(&f, &account, 1, late)).await.unwrap();
        assert_eq!(last(&f, &account).await, ended);
    }
}

/// A lease that runs is nobody else's; one that is over is taken over by one, who begins the next attempt with it.
pub async fn refreshes_taken_over_when_their_lease_is_over(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    let stale = async || f.store.stale_refreshes(f.now(), 10).await.unwrap();
    assert_conflict(f.commit(take_over(&f, &account, 1)).await, "refresh");
    f.commit(begin(&f.attempt(&account, 1, 1, holder), HOUR)).await.unwrap();
    assert_eq!(stale().await, []);
    for fence in [0, 1, 2] {
        assert_conflict(f.commit(take_over(&f, &account, fence)).await, "refresh");
    }
    f.commit(end(&f, &account, 1, RefreshOutcome::Transient)).await.unwrap();
    assert_conflict(f.commit(take_over(&f, &account, 1)).await, "refresh");

    f.commit(begin(&f.attempt(&account, 2, 1, holder), Duration::ZERO)).await.unwrap();
    assert_eq!(stale().await.iter().map(|attempt| attempt.fence).collect::<Vec<_>>(), [2]);
    let recovery = |lease| {
        let attempt = RefreshAttempt { reason: RefreshReason::Recovery, ..f.attempt(&account, 3, 1, holder) };
        Changes::from(take_over(&f, &account, 2)).and(begin(&attempt, lease))
    };
    f.commit(recovery(HOUR)).await.unwrap();
    assert_conflict(f.commit(recovery(HOUR)).await, "refresh");
    assert_eq!(stale().await, []);
    let page = f.store.refreshes(&account.id, &PageRequest::default()).await.unwrap();
    let outcomes: Vec<_> = page.items.iter().map(|attempt| (attempt.fence, attempt.outcome)).collect();
    let (unknown, transient) = (Some(RefreshOutcome::Unknown), Some(RefreshOutcome::Transient));
    assert_eq!(outcomes, [(3, None), (2, unknown), (1, transient)]);
    assert_eq!(page.items[0].reason, RefreshReason::Recovery);
    assert!(page.items[1].ended_at.is_some());

    // The one who lost it answers late.
    f.commit(end(&f, &account, 2, RefreshOutcome::Overtaken)).await.unwrap();
    let page = f.store.refreshes(&account.id, &PageRequest::default()).await.unwrap();
    assert_eq!(page.items[1].outcome, Some(RefreshOutcome::Overtaken));
    assert_eq!(page.items[0].outcome, None);
}

/// R1: of many that see a lease run out, one takes it over.
pub async fn refreshes_taken_over_at_the_same_time_go_to_one(store: Arc<dyn Store>) {
    const TASKS: usize = 16;
    let f = Arc::new(Fixture::new(store).await);
    let (account, holder) = account_and_holder(&f).await;
    f.commit(begin(&f.attempt(&account, 1, 1, holder), Duration::ZERO)).await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let f = f.clone();
            let next = begin(&f.attempt(&account, 2, 1, holder), HOUR);
            let changes = Changes::from(take_over(&f, &account, 1)).and(next);
            tokio::spawn(async move { f.commit(changes).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => won += 1,
            Err(refusal) => assert_conflict(Err(refusal), "refresh"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(f.store.refreshes(&account.id, &PageRequest::default()).await.unwrap().total, 2);
}

/// What may be taken over, oldest first and no more than asked for.
pub async fn refreshes_stale_listed_oldest_first(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (first, holder) = account_and_holder(&f).await;
    let connection = f.store.connection(&first.connection).await.unwrap().unwrap();
    let mut expected = Vec::new();
    for n in 0..6 {
        let account = f.stored_account(&connection, &format!("other_{n}")).await;
        f.commit(f.credential(&account, 1)).await.unwrap();
        let lease = if n % 3 == 2 { HOUR } else { Duration::ZERO };
        f.commit(begin(&f.attempt(&account, 1, 1, holder), lease)).await.unwrap();
        if n == 0 {
            f.commit(end(&f, &account, 1, RefreshOutcome::Unknown)).await.unwrap();
        } else if lease.is_zero() {
            expected.push(account.id);
        }
    }
    for limit in [1, 2, 10] {
        let stale = f.store.stale_refreshes(f.now(), limit).await.unwrap();
        let accounts: Vec<_> = stale.into_iter().map(|attempt| attempt.account).collect();
        assert_eq!(accounts, expected.iter().take(limit as usize).cloned().collect::<Vec<_>>());
    }
}

/// Who waits for an attempt is woken by its end, and never waits longer than it wants to.
pub async fn refreshes_ended_wake_who_waits(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    let begun = Instant::now();
    f.store.refresh_ended(&account.id, Duration::from_millis(20)).await;
    assert!(begun.elapsed() < PATIENCE);
    let (store, id) = (f.store.clone(), account.id.clone());
    let waiting = tokio::spawn(async move { store.refresh_ended(&id, 2 * PATIENCE).await });
    // An end that came before it waited is none of its: until it is woken there is always another.
    let begun = Instant::now();
    for fence in 1.. {
        f.commit(begin(&f.attempt(&account, fence, 1, holder), HOUR)).await.unwrap();
        f.commit(end(&f, &account, fence, RefreshOutcome::NotSent)).await.unwrap();
        let woken = Instant::now() + Duration::from_millis(100);
        while Instant::now() < woken && !waiting.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if waiting.is_finished() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody woke it");
    }
    waiting.await.unwrap();
}

/// The ledger of an account goes with it, also while a lease runs.
pub async fn refreshes_of_a_deleted_account_are_gone(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (account, holder) = account_and_holder(&f).await;
    f.commit(begin(&f.attempt(&account, 1, 1, holder), Duration::ZERO)).await.unwrap();
    f.commit(Change::DeleteAccount(account.id.clone())).await.unwrap();
    assert_eq!(f.store.last_refresh(&account.id).await.unwrap(), None);
    assert_eq!(f.store.refreshes(&account.id, &PageRequest::default()).await.unwrap().total, 0);
    assert_eq!(f.store.stale_refreshes(f.now(), 10).await.unwrap(), []);
    f.commit(end(&f, &account, 1, RefreshOutcome::Renewed)).await.unwrap();
    assert_conflict(f.commit(take_over(&f, &account, 1)).await, "refresh");
}
