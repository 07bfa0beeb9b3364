//! Work on many accounts.

use std::sync::Arc;

use time::Duration;
use valetkey_domain::{
    AccountStatus, Change, ErrorCode, Store,
    bulk::{BulkFailure, BulkPlan, BulkProgress, BulkWork},
    store::{AccountFilter, Prunable},
};

use super::fixture::{Fixture, assert_conflict};

/// Every field, and what changes while it goes on.
pub async fn bulk_work_written_reads_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let new = f.bulk("work-1", "user:a");
    assert_eq!(f.store.bulk("work-1").await.unwrap(), None);
    f.commit(Change::InsertBulk(new.clone())).await.unwrap();
    assert_conflict(f.commit(Change::InsertBulk(new.clone())).await, "bulk");
    assert_eq!(f.store.bulk("work-1").await.unwrap(), Some(new.clone()));
    let connection = f.stored_connection("gmail").await;
    let failure = BulkFailure {
        account: f.account(&connection, "user_1").id,
        identifier: "user_1".into(),
        code: ErrorCode::AccountPending,
        message: "It waits.".into(),
    };
    let progress = BulkProgress {
        done: 3,
        failed: 1,
        after: Some(failure.account.clone()),
        under_way: vec![failure.account.clone()],
        failures: vec![failure],
        stop: true,
        broken_off: true,
        ..new.progress.clone()
    };
    let holder = Some(f.store.join(f.now()).await.unwrap().instance);
    let ended = BulkWork { progress, holder, version: 2, ended_at: Some(f.now()), ..new };
    f.commit(Change::UpdateBulk(ended.clone())).await.unwrap();
    assert_eq!(f.store.bulk("work-1").await.unwrap(), Some(ended.clone()));
    let again = BulkWork { version: 3, ..ended };
    assert_conflict(f.commit(Change::UpdateBulk(again)).await, "bulk");
}

/// Of two that go on with the same work, one is first; work that somebody is at is left to them.
pub async fn bulk_work_left_is_taken_by_one(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let now = f.now();
    let free = BulkWork { lease_until: now, ..f.bulk("free", "user:a") };
    let held = BulkWork { lease_until: now + Duration::seconds(1), ..f.bulk("held", "user:a") };
    let ended = BulkWork { lease_until: now, ended_at: Some(now), ..f.bulk("ended", "user:b") };
    for work in [&free, &held, &ended] {
        f.commit(Change::InsertBulk(work.clone())).await.unwrap();
    }
    assert_eq!(f.store.left_bulks(now, 9).await.unwrap(), std::slice::from_ref(&free));
    let own: Vec<_> =
        f.store.bulks_of(&f.env, "user:a", 9).await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(own, ["held", "free"]);
    assert_eq!(f.store.bulks_of(&f.env, "user:a", 1).await.unwrap().len(), 1);
    let taken = BulkWork { lease_until: now + Duration::minutes(1), version: 2, ..free };
    f.commit(Change::UpdateBulk(taken.clone())).await.unwrap();
    assert_conflict(f.commit(Change::UpdateBulk(taken)).await, "bulk");
    assert_eq!(f.store.left_bulks(now, 9).await.unwrap(), []);
    assert_eq!(f.store.prune(Prunable::Bulks, now, 9).await.unwrap(), 0);
    assert_eq!(f.store.prune(Prunable::Bulks, now + Duration::seconds(1), 9).await.unwrap(), 1);
    assert_eq!(f.store.bulk("ended").await.unwrap(), None);
    assert!(f.store.bulk("held").await.unwrap().is_some());
}

impl Fixture {
    /// Work that was just begun, with everything in it.
    pub fn bulk(&self, id: &str, actor: &str) -> BulkWork {
        let filter = AccountFilter {
            status: Some(AccountStatus::Active),
            query: Some("o'brien %".into()),
            degraded: true,
            ..AccountFilter::default()
        };
        let plan = BulkPlan {
            action: "refresh".into(),
            siblings: "keep".into(),
            accounts: None,
            connections: vec!["gmail".into()],
            filter,
        };
        BulkWork {
            id: id.into(),
            environment: self.env.clone(),
            actor: actor.into(),
            user: Some(self.user("bulk@example.com").id),
            plan,
            progress: BulkProgress { total: 7, ..BulkProgress::default() },
            holder: None,
            lease_until: self.now() + Duration::minutes(3),
            version: 1,
            began_at: self.now(),
            ended_at: None,
        }
    }
}
