//! What a commit is: all or nothing, one after the other, kept.

use std::sync::Arc;

use valetkey_domain::{
    Change, Changes, PageRequest, Store, StoreError,
    store::{AccountFilter, EventFilter},
};

use super::fixture::{Fixture, assert_conflict, with};

/// One conflict among many changes, at any place: nothing of the commit is there.
pub async fn commit_with_a_conflict_leaves_nothing(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let good = || {
        let new = f.account(&connection, "user_2");
        vec![
            Change::InsertConnection(f.connection("slack")),
            Change::InsertAccount(new.clone()),
            f.credential(&new, 1),
            Change::AppendEvent(f.event(&new)),
            Change::UpdateAccount(with(&account, |a| {
                a.version = 2;
                a.label = Some("x".into());
            })),
            f.credential(&account, 1),
        ]
    };
    let bad = Change::UpdateAccount(with(&account, |a| a.version = 9));
    for place in 0..=good().len() {
        let mut changes = good();
        changes.insert(place, bad.clone());
        assert_conflict(f.commit(Changes(changes)).await, "account");
        assert_eq!(f.store.account(&account.id).await.unwrap().as_ref(), Some(&account));
        assert_eq!(f.store.connection_by_name(&f.env, "slack").await.unwrap(), None);
        assert!(f.store.accounts_of_identifier(&connection.id, "user_2").await.unwrap().is_empty());
        assert_eq!(f.store.credential(&account.id).await.unwrap(), None);
        let events = f.store.events(&f.env, &EventFilter::default(), &PageRequest::default()).await.unwrap();
        assert_eq!(events.total, 0);
    }
    f.commit(Changes(good())).await.unwrap();
}

/// An empty list of changes is done at once.
pub async fn commit_of_nothing_succeeds(store: Arc<dyn Store>) {
    store.commit(Changes::new()).await.unwrap();
}

/// 64 tasks count one account up by read and commit: each version is taken by exactly one of them.
pub async fn commits_at_the_same_time_count_every_version_once(store: Arc<dyn Store>) {
    const TASKS: usize = 64;
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (store, id) = (f.store.clone(), account.id.clone());
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
    let stored = f.store.account(&account.id).await.unwrap().unwrap();
    assert_eq!(stored.version, 1 + TASKS as u64);
}

/// 64 tasks insert; some of what they insert is wanted by two of them. Whoever was told yes finds it there.
pub async fn commits_in_parallel_are_all_kept(store: Arc<dyn Store>) {
    const TASKS: usize = 64;
    const EACH: usize = 10;
    let f = Arc::new(Fixture::new(store).await);
    let connection = Arc::new(f.stored_connection("gmail").await);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (f, connection) = (f.clone(), connection.clone());
            tokio::spawn(async move {
                let mut kept = Vec::new();
                for n in 0..EACH {
                    // Two neighbours want the same identifiers.
                    let account = f.account(&connection, &format!("user_{}_{n}", task / 2));
                    let changes = Changes::from(Change::InsertAccount(account.clone()))
                        .and(f.credential(&account, 1))
                        .and(Change::AppendEvent(f.event(&account)));
                    match f.commit(changes).await {
                        Ok(()) => {
                            // What was acknowledged is read at once, by any connection.
                            assert_eq!(f.store.account(&account.id).await.unwrap().as_ref(), Some(&account));
                            kept.push(account);
                        }
                        Err(refusal) => assert_conflict(Err(refusal), "account.identifier"),
                    }
                }
                kept
            })
        })
        .collect();
    let mut kept = 0;
    for task in tasks {
        for account in task.await.unwrap() {
            assert_eq!(f.store.account(&account.id).await.unwrap().as_ref(), Some(&account));
            assert!(f.store.credential(&account.id).await.unwrap().is_some());
            kept += 1;
        }
    }
    assert_eq!(kept, TASKS / 2 * EACH);
    let request = PageRequest::default();
    let accounts = f.store.accounts(&f.env, &AccountFilter::default(), &request).await.unwrap();
    let events = f.store.events(&f.env, &EventFilter::default(), &request).await.unwrap();
    assert_eq!((accounts.total, events.total), (kept as u64, kept as u64));
}

/// The health check says yes.
pub async fn store_checked_accepts_writes(store: Arc<dyn Store>) {
    store.check().await.unwrap();
    store.check().await.unwrap();
}
