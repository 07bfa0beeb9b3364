//! The audit log's chain (S57).

use std::sync::Arc;

use valetkey_domain::{
    Change, Changes, Store,
    audit::{AuditEntry, AuditFilter, AuditHead, GENESIS, NewAuditEntry},
};

use super::fixture::{Fixture, assert_conflict};

/// The chain from its beginning, each entry linked to the one before it and the last one named by the head.
#[track_caller]
fn assert_chain(entries: &[AuditEntry], head: Option<AuditHead>) {
    let mut former = GENESIS;
    let mut hashes = Vec::new();
    for (number, entry) in (1..).zip(entries) {
        assert_eq!((entry.number, entry.former), (number, former));
        former = entry.hash;
        assert!(!hashes.contains(&former), "a hash came twice");
        hashes.push(former);
    }
    let last = entries.last().map(|entry| AuditHead { number: entry.number, hash: entry.hash });
    assert_eq!(head, last);
}

/// Entries read back whole, in order, each with the hash of the one before it.
pub async fn audit_entries_are_linked_in_order(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    assert_eq!(f.store.audit_head().await.unwrap(), None);
    let mut bare = f.audit_entry("user.login");
    (bare.environment, bare.subject, bare.request_id) = (None, None, None);
    let entries = [f.audit_entry("account.disconnected"), bare, f.audit_entry("account.disconnected")];
    // Two of them in one commit.
    f.commit(Change::AppendAudit(entries[0].clone())).await.unwrap();
    let rest = entries[1..].iter().cloned().map(Change::AppendAudit).collect();
    f.commit(Changes(rest)).await.unwrap();
    let stored = f.store.audit_above(0, 10).await.unwrap();
    assert_chain(&stored, f.store.audit_head().await.unwrap());
    let read: Vec<NewAuditEntry> = stored.iter().map(|stored| stored.entry.clone()).collect();
    assert_eq!(read, entries);
    assert_eq!(f.store.audit_above(1, 1).await.unwrap(), stored[1..2]);
    assert_eq!(f.store.audit_above(3, 9).await.unwrap(), []);
}

/// Whoever adds at the same time as others still adds to the end of one chain.
pub async fn audit_entries_at_the_same_time_are_one_chain(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let entries = (0..20).map(|n| f.audit_entry(&format!("test.{n}")));
    let commits = entries.map(|entry| {
        let store = Arc::clone(&f.store);
        tokio::spawn(async move { store.commit(Change::AppendAudit(entry).into()).await })
    });
    for commit in commits.collect::<Vec<_>>() {
        commit.await.unwrap().unwrap();
    }
    let stored = f.store.audit_above(0, 100).await.unwrap();
    assert_eq!(stored.len(), 20);
    assert_chain(&stored, f.store.audit_head().await.unwrap());
}

/// Every filter alone, and a page at a time.
pub async fn audit_entries_filtered_by_every_field(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let mut other = f.audit_entry("user.login");
    (other.actor, other.subject) = ("client:agent".into(), Some("us_2".into()));
    for entry in [f.audit_entry("account.deleted"), other, f.audit_entry("accounting.odd")] {
        f.commit(Change::AppendAudit(entry)).await.unwrap();
    }
    let numbers = async |filter: AuditFilter, below, limit| -> Vec<u64> {
        let found = f.store.audit(&filter, below, limit).await.unwrap();
        found.iter().map(|entry| entry.number).collect()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(numbers(AuditFilter::default(), None, 9).await, [3, 2, 1]);
    assert_eq!(numbers(AuditFilter::default(), Some(3), 1).await, [2]);
    let by_actor = AuditFilter { actor: text("client:agent"), ..AuditFilter::default() };
    assert_eq!(numbers(by_actor, None, 9).await, [2]);
    let by_action = |action| AuditFilter { action: text(action), ..AuditFilter::default() };
    assert_eq!(numbers(by_action("account"), None, 9).await, [1]);
    assert_eq!(numbers(by_action("account.deleted"), None, 9).await, [1]);
    assert_eq!(numbers(by_action("account."), None, 9).await, Vec::<u64>::new());
    let by_subject = AuditFilter { subject: text("ca_1"), ..AuditFilter::default() };
    assert_eq!(numbers(by_subject, None, 9).await, [3, 1]);
}

/// An entry stands or falls with the commit that it tells of.
pub async fn audit_entry_of_a_refused_commit_leaves_no_gap(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    f.commit(Change::AppendAudit(f.audit_entry("test.one"))).await.unwrap();
    let user = f.user("a@example.com");
    let refused =
        Changes::new().and(Change::AppendAudit(f.audit_entry("test.refused"))).and(Change::UpdateUser(user));
    assert_conflict(f.commit(refused).await, "user");
    f.commit(Change::AppendAudit(f.audit_entry("test.two"))).await.unwrap();
    let stored = f.store.audit_above(0, 10).await.unwrap();
    let actions: Vec<_> = stored.iter().map(|entry| entry.entry.action.as_str()).collect();
    assert_eq!(actions, ["test.one", "test.two"]);
    assert_chain(&stored, f.store.audit_head().await.unwrap());
}

/// Two replicas that seal the same window, or note the same removal: one of them is first, and the other leaves nothing.
/// Entries of any other kind may say the same twice.
pub async fn audit_seals_of_one_window_are_one(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let entry = |action: &str, subject: &str| {
        let mut entry = f.audit_entry(action);
        entry.subject = Some(subject.to_owned());
        Change::AppendAudit(entry)
    };
    for action in ["executions.sealed", "executions.removed"] {
        f.commit(entry(action, "a")).await.unwrap();
        assert_conflict(f.commit(entry(action, "a")).await, "audit");
        f.commit(entry(action, "b")).await.unwrap();
    }
    f.commit(entry("user.updated", "a")).await.unwrap();
    f.commit(entry("user.updated", "a")).await.unwrap();
    assert_chain(&f.store.audit_above(0, 100).await.unwrap(), f.store.audit_head().await.unwrap());
}
