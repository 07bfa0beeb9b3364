//! What background work asks of a store: who is here, what is due, what may go; and revocations that wait.

use std::{collections::BTreeSet, sync::Arc, time::Duration as StdDuration};

use time::Duration;
use valetkey_domain::{
    AccountStatus, Change, Changes, ErrorCode, Execution, InstanceId, PageRequest, PendingRevocation,
    RefreshOutcome, Store,
    execution::ExecutionStatus,
    refresh::Frozen,
    store::{EventFilter, ExecutionFilter, Prunable},
};

use super::fixture::{Fixture, assert_conflict, with};

/// A process has one number, is not gone while it is here, and what is forgotten is forgotten.
pub async fn instances_join_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let joined = f.store.join(f.now()).await.unwrap();
    assert_eq!(joined.frozen, None);
    assert_ne!(joined.instance, InstanceId(0));
    for _ in 0..3 {
        assert_eq!(f.store.join(f.now()).await.unwrap(), joined);
    }
    assert!(!f.store.gone_instances().await.unwrap().contains(&joined.instance));
    f.commit(Change::ForgetInstance(InstanceId(4_000_000))).await.unwrap();
    assert_eq!(f.store.join(f.now()).await.unwrap(), joined);
}

/// The first mark stays until the operator takes it away; joining tells of it.
pub async fn frozen_store_stays_marked_until_it_is_thawed(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert_eq!(f.store.frozen().await.unwrap(), None);
    let first = Frozen { since: f.now(), reason: "the \"first\" é".into() };
    let second = Frozen { since: f.now(), reason: "the second".into() };
    for mark in [&first, &second] {
        f.commit(Change::Freeze(mark.clone())).await.unwrap();
        assert_eq!(f.store.frozen().await.unwrap().as_ref(), Some(&first));
    }
    for _ in 0..2 {
        assert_eq!(f.store.join(f.now()).await.unwrap().frozen.as_ref(), Some(&first));
    }
    for _ in 0..2 {
        f.commit(Change::Thaw).await.unwrap();
        assert_eq!(f.store.frozen().await.unwrap(), None);
    }
    assert_eq!(f.store.join(f.now()).await.unwrap().frozen, None);
    f.commit(Change::Freeze(second.clone())).await.unwrap();
    assert_eq!(f.store.frozen().await.unwrap(), Some(second));
}

/// Times of renewal and notes of failures are kept beside the version, for the credential that they are about.
pub async fn accounts_scheduled_or_degraded_keep_their_version(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = with(&f.account(&connection, "user_1"), |a| a.generation = 3);
    f.commit(Change::InsertAccount(account.clone())).await.unwrap();
    let schedule = |generation, at| Change::ScheduleRefresh { id: account.id.clone(), generation, at };
    let degrade =
        |generation, degraded| Change::DegradeAccount { id: account.id.clone(), generation, degraded };
    let (at, degraded) = (Some(f.now()), f.degraded(2));
    for generation in [0, 2, 4] {
        f.commit(schedule(generation, at)).await.unwrap();
        f.commit(degrade(generation, degraded.clone())).await.unwrap();
        assert_eq!(f.store.account(&account.id).await.unwrap().as_ref(), Some(&account));
    }
    f.commit(Changes::from(schedule(3, at)).and(degrade(3, degraded.clone()))).await.unwrap();
    let noted = with(&account, |a| (a.refresh_at, a.degraded) = (at, Some(degraded)));
    assert_eq!(f.store.account(&account.id).await.unwrap().as_ref(), Some(&noted));
    f.commit(schedule(3, None)).await.unwrap();
    let noted = with(&noted, |a| a.refresh_at = None);
    assert_eq!(f.store.account(&account.id).await.unwrap(), Some(noted));
    let recovered = with(&account, |a| a.version = 2);
    f.commit(Change::UpdateAccount(recovered.clone())).await.unwrap();
    assert_eq!(f.store.account(&account.id).await.unwrap(), Some(recovered));
    f.commit(Change::DeleteAccount(account.id.clone())).await.unwrap();
    f.commit(Changes::from(schedule(3, at)).and(degrade(3, f.degraded(1)))).await.unwrap();
    assert_eq!(f.store.account(&account.id).await.unwrap(), None);
}

/// Accounts whose time has come are given out once, the longest due first, and come back if nobody moves them on.
pub async fn accounts_due_are_taken_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let begun = f.now();
    let mut accounts = Vec::new();
    for n in 0..6_i64 {
        let mut account = f.account(&connection, &format!("user_{n}"));
        // The later they were made, the longer they are due.
        account.refresh_at = Some(begun - Duration::seconds(n));
        let status = if n == 1 { AccountStatus::Expired } else { AccountStatus::Active };
        if n == 2 {
            account.refresh_at = None;
        }
        accounts.push(account.restored(status));
        f.commit(Change::InsertAccount(accounts[n as usize].clone())).await.unwrap();
    }
    let ids = |picked: &[usize]| picked.iter().map(|n| accounts[*n].id.clone()).collect::<Vec<_>>();
    let hidden = begun + Duration::HOUR;
    let take = async |at, limit| f.store.take_due_refreshes(at, hidden, limit).await.unwrap();
    assert_eq!(take(begun - Duration::MINUTE, 10).await, []);
    assert_eq!(take(begun, 2).await, ids(&[5, 4]));
    assert_eq!(take(begun, 10).await, ids(&[3, 0]));
    assert_eq!(take(begun, 10).await, []);
    let stored = f.store.account(&accounts[5].id).await.unwrap().unwrap();
    assert_eq!(stored, with(&accounts[5], |a| a.refresh_at = Some(hidden)), "the version stays");
    f.commit(Change::ScheduleRefresh { id: accounts[0].id.clone(), generation: 0, at: None }).await.unwrap();
    let taken: BTreeSet<_> = take(hidden, 10).await.into_iter().collect();
    assert_eq!(taken, ids(&[3, 4, 5]).into_iter().collect());
}

/// Many that ask at the same time never get the same account or revocation.
pub async fn due_taken_at_the_same_time_goes_to_one(store: Arc<dyn Store>) {
    const RECORDS: usize = 60;
    let f = Arc::new(Fixture::new(store).await);
    let connection = f.stored_connection("gmail").await;
    let mut changes = Changes::new();
    for n in 0..RECORDS {
        let account = f.account(&connection, &format!("user_{n}")).restored(AccountStatus::Active);
        let account = with(&account, |a| a.refresh_at = Some(a.created_at));
        changes =
            changes.and(Change::InsertRevocation(f.revocation(&account))).and(Change::InsertAccount(account));
    }
    f.commit(changes).await.unwrap();
    let (at, hidden) = (f.now(), f.now() + Duration::HOUR);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let f = f.clone();
            tokio::spawn(async move {
                let (mut accounts, mut revocations) = (Vec::new(), Vec::new());
                loop {
                    let more = f.store.take_due_refreshes(at, hidden, 3).await.unwrap();
                    let others = f.store.take_due_revocations(at, hidden, 3).await.unwrap();
                    if more.is_empty() && others.is_empty() {
                        break (accounts, revocations);
                    }
                    accounts.extend(more);
                    revocations.extend(others.into_iter().map(|revocation| revocation.id));
                }
            })
        })
        .collect();
    let (mut accounts, mut revocations) = (Vec::new(), Vec::new());
    for task in tasks {
        let (more, others) = task.await.unwrap();
        accounts.extend(more);
        revocations.extend(others);
    }
    assert_eq!((accounts.len(), revocations.len()), (RECORDS, RECORDS));
    let distinct: BTreeSet<_> = accounts.into_iter().collect();
    let distinct_too: BTreeSet<_> = revocations.into_iter().collect();
    assert_eq!((distinct.len(), distinct_too.len()), (RECORDS, RECORDS));
}

/// S13: what is still to be revoked is kept whole, outlives its account, and goes for good.
pub async fn revocations_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let (one, two) =
        (f.stored_account(&connection, "user_1").await, f.stored_account(&connection, "user_2").await);
    let mut revocations = [f.revocation(&one), f.revocation(&two), f.revocation(&one)];
    revocations[2].last_code = Some(ErrorCode::UpstreamError);
    revocations[2].metadata.clear();
    for revocation in &revocations {
        f.commit(Change::InsertRevocation(revocation.clone())).await.unwrap();
    }
    assert_conflict(f.commit(Change::InsertRevocation(revocations[0].clone())).await, "revocation");
    f.commit(Change::DeleteAccount(one.id.clone())).await.unwrap();
    let list = async |env, account: Option<&valetkey_domain::Account>, size| {
        let request = PageRequest { size, cursor: None };
        let page = f.store.revocations(env, account.map(|a| &a.id), &request).await.unwrap();
        (page.items, page.total)
    };
    let newest_first: Vec<_> = revocations.iter().rev().cloned().collect();
    assert_eq!(list(&f.env, None, 20).await, (newest_first.clone(), 3));
    assert_eq!(list(&f.env, None, 2).await, (newest_first[..2].to_vec(), 3));
    let of_one = vec![revocations[2].clone(), revocations[0].clone()];
    assert_eq!(list(&f.env, Some(&one), 20).await, (of_one, 2));
    let other = f.other_environment().await;
    assert_eq!(list(&other, None, 20).await, (vec![], 0));
    assert_eq!(list(&other, Some(&one), 20).await, (vec![], 0));

    let tried = PendingRevocation {
        attempts: 2,
        last_code: Some(ErrorCode::UpstreamTimeout),
        next_at: f.now() + Duration::HOUR,
        ..revocations[0].clone()
    };
    f.commit(Change::UpdateRevocation(tried.clone())).await.unwrap();
    assert_eq!(list(&f.env, Some(&one), 20).await.0[1], tried);
    for _ in 0..2 {
        f.commit(Change::DeleteRevocation(tried.id.clone())).await.unwrap();
        assert_eq!(list(&f.env, None, 20).await.1, 2);
    }
    assert_conflict(f.commit(Change::UpdateRevocation(tried)).await, "revocation");
}

/// Revocations whose time has come are given out once, as they are stored now, and come back.
pub async fn revocations_due_are_taken_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.account(&connection, "user_1");
    let begun = f.now();
    let mut revocations = Vec::new();
    for n in 0..4 {
        let next_at = begun + Duration::seconds(n);
        revocations.push(PendingRevocation { next_at, ..f.revocation(&account) });
        f.commit(Change::InsertRevocation(revocations[n as usize].clone())).await.unwrap();
    }
    let hidden = begun + Duration::HOUR;
    let take = async |at, limit| f.store.take_due_revocations(at, hidden, limit).await.unwrap();
    let put_off = |n: usize| PendingRevocation { next_at: hidden, ..revocations[n].clone() };
    assert_eq!(take(begun - Duration::SECOND, 9).await, []);
    assert_eq!(take(begun + Duration::seconds(2), 1).await, [put_off(0)]);
    assert_eq!(take(begun + Duration::seconds(2), 9).await, [put_off(1), put_off(2)]);
    assert_eq!(take(begun + Duration::seconds(2), 9).await, []);
    assert_eq!(take(begun + Duration::seconds(3), 9).await, [put_off(3)]);
    assert_eq!(take(hidden, 9).await.len(), 4);
}

/// Events, executions and attempts to authorize go by age, a few at a time; what runs and what is new stays.
pub async fn records_pruned_by_age_are_gone(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let mut changes = Changes::new();
    let mut made = Vec::new();
    for n in 0..6 {
        let status = if n == 1 { ExecutionStatus::Running } else { ExecutionStatus::Failed };
        let (event, request) = (f.event(&account), f.auth_request(&account));
        let execution = Execution { status, ..f.execution(&account) };
        changes = changes
            .and(Change::AppendEvent(event.clone()))
            .and(Change::InsertExecution(execution.clone()))
            .and(Change::InsertAuthRequest(request.clone()));
        made.push((event, execution, request));
    }
    f.commit(changes).await.unwrap();
    let ancient = made[0].0.at - Duration::days(400);
    for what in [
        Prunable::Events,
        Prunable::Executions,
        Prunable::AuthRequests,
        Prunable::Refreshes,
        Prunable::Answers,
    ] {
        assert_eq!(f.store.prune(what, ancient, 100).await.unwrap(), 0, "{what:?}");
        assert_eq!(f.store.prune(what, f.now() + Duration::days(9), 0).await.unwrap(), 0, "{what:?}");
    }
    let (event, execution, request) = &made[4];
    for (what, before, removed) in [
        (Prunable::Events, event.at, [3, 1, 0]),
        (Prunable::Executions, execution.started_at, [3, 0, 0]),
        (Prunable::AuthRequests, request.expires_at, [3, 1, 0]),
    ] {
        for expected in removed {
            assert_eq!(f.store.prune(what, before, 3).await.unwrap(), expected, "{what:?}");
        }
    }
    let page = PageRequest::default();
    let events = f.store.events(&f.env, &EventFilter::default(), &page).await.unwrap();
    assert_eq!((events.items, events.total), (vec![made[5].0.clone(), made[4].0.clone()], 2));
    let executions = f.store.executions(&f.env, &ExecutionFilter::default(), &page).await.unwrap();
    assert_eq!(executions.items, [made[5].1.clone(), made[4].1.clone(), made[1].1.clone()]);
    for (n, (.., request)) in made.iter().enumerate() {
        let kept = f.store.auth_request(&request.id).await.unwrap();
        assert_eq!(kept.is_some(), n > 3, "{n}");
    }
}

/// The ledger goes by age, but for the last attempt of each account, whose fence the next one counts on, and what is
/// open.
pub async fn refreshes_pruned_leave_the_last_one(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let holder = f.store.join(f.now()).await.unwrap().instance;
    let mut accounts = Vec::new();
    for n in 0..3 {
        let account = f.stored_account(&connection, &format!("user_{n}")).await;
        f.commit(f.credential(&account, 1)).await.unwrap();
        for fence in 1..=4 {
            let attempt = f.attempt(&account, fence, 1, holder);
            let begin = Change::BeginRefresh { attempt, lease: StdDuration::from_secs(3600) };
            let end = Change::EndRefresh {
                account: account.id.clone(),
                fence,
                outcome: RefreshOutcome::Renewed,
                code: None,
                at: f.now(),
            };
            // The last one of the second account is open.
            let open = n == 1 && fence == 4;
            f.commit(Changes::from(begin).and_maybe((!open).then_some(end))).await.unwrap();
        }
        accounts.push(account);
    }
    let fences = async |account: &valetkey_domain::Account| {
        let page = f.store.refreshes(&account.id, &PageRequest::default()).await.unwrap();
        page.items.iter().map(|attempt| attempt.fence).collect::<Vec<_>>()
    };
    let history = f.store.refreshes(&accounts[0].id, &PageRequest::default()).await.unwrap().items;
    let third_ended = history[1].ended_at.unwrap();
    assert_eq!(f.store.prune(Prunable::Refreshes, third_ended, 100).await.unwrap(), 2);
    assert_eq!(fences(&accounts[0]).await, [4, 3]);
    let all = f.now();
    assert_eq!(f.store.prune(Prunable::Refreshes, all, 3).await.unwrap(), 3);
    assert_eq!(f.store.prune(Prunable::Refreshes, all, 100).await.unwrap(), 4);
    assert_eq!(f.store.prune(Prunable::Refreshes, all, 100).await.unwrap(), 0);
    for account in &accounts {
        assert_eq!(fences(account).await, [4]);
    }
    let attempt = f.attempt(&accounts[0], 5, 1, holder);
    f.commit(Change::BeginRefresh { attempt, lease: StdDuration::from_secs(3600) }).await.unwrap();
}
