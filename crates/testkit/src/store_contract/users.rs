//! People who use the dashboard, and what an overview counts.

use std::sync::Arc;

use time::Duration;
use valetkey_domain::{
    AccountStatus, Change, Changes, Connection, EnvironmentId, Execution, PageRequest, Role, Store, Time,
    User,
    execution::ExecutionStatus,
    overview::{AccountsInStatus, ConnectorUse, OverviewSpan, StatusCount},
    store::{AccountFilter, ConnectionFilter, ExecutionFilter, Prunable},
    user::SsoIdentity,
};

use super::fixture::{Fixture, assert_conflict, with};

/// Users read back whole, by every key they have.
pub async fn users_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let first = f.user("a@example.com");
    let sso = SsoIdentity { issuer: "https://id.example".into(), subject: "0".into() };
    let second = User {
        role: Role::Viewer,
        password_hash: None,
        sso: Some(sso.clone()),
        disabled_at: Some(f.now()),
        ..f.user("b@example.com")
    };
    for user in [&first, &second] {
        f.commit(Change::InsertUser(user.clone())).await.unwrap();
    }
    assert_eq!(f.store.users().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(f.store.user(&first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(f.store.user_by_email("a@example.com").await.unwrap().as_ref(), Some(&first));
    assert_eq!(f.store.user_by_email("A@example.com").await.unwrap(), None);
    assert_eq!(f.store.user_by_sso(&sso).await.unwrap().as_ref(), Some(&second));
    let other = SsoIdentity { subject: "1".into(), ..sso };
    assert_eq!(f.store.user_by_sso(&other).await.unwrap(), None);
    let changed = User { role: Role::Owner, name: "Renamed".into(), version: 2, ..first.clone() };
    f.commit(Change::UpdateUser(changed.clone())).await.unwrap();
    assert_eq!(f.store.user(&first.id).await.unwrap(), Some(changed));
}

/// One user per address; the second of two writers is told.
pub async fn users_stale_or_doubled_are_conflicts(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let user = f.user("a@example.com");
    f.commit(Change::InsertUser(user.clone())).await.unwrap();
    assert_conflict(f.commit(Change::InsertUser(f.user("a@example.com"))).await, "user.email");
    assert_conflict(f.commit(Change::UpdateUser(user.clone())).await, "user");
    let nobody = User { version: 2, ..f.user("b@example.com") };
    assert_conflict(f.commit(Change::UpdateUser(nobody)).await, "user");
}

/// A link works once, whoever is faster (S44).
pub async fn invitations_are_used_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let user = f.user("a@example.com");
    f.commit(Change::InsertUser(user.clone())).await.unwrap();
    let (of_user, of_nobody) = (f.invitation(Some(&user)), f.invitation(None));
    for invitation in [&of_user, &of_nobody] {
        f.commit(Change::InsertInvitation(invitation.clone())).await.unwrap();
        let found = f.store.invitation_by_link(&invitation.link_hash).await.unwrap();
        assert_eq!(found.as_ref(), Some(invitation));
    }
    assert_eq!(f.store.invitations().await.unwrap(), [of_user.clone(), of_nobody.clone()]);
    let at = f.now();
    let used = Change::UseInvitation { id: of_nobody.id.clone(), at };
    let (one, two) = tokio::join!(f.commit(used.clone()), f.commit(used.clone()));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_conflict(f.commit(used).await, "invitation");
    let found = f.store.invitation_by_link(&of_nobody.link_hash).await.unwrap().unwrap();
    assert_eq!(found.used_at, Some(at));
    for _ in 0..2 {
        f.commit(Change::DeleteInvitation(of_user.id.clone())).await.unwrap();
    }
    assert_eq!(f.store.invitation_by_link(&of_user.link_hash).await.unwrap(), None);
    let orphan = f.invitation(Some(&f.user("nobody@example.com")));
    assert_conflict(f.commit(Change::InsertInvitation(orphan)).await, "invitation.user");
}

/// Sessions end one by one, or all at once but the one that goes on.
pub async fn sessions_end_one_by_one_or_all_but_one(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (user, other) = (f.user("a@example.com"), f.user("b@example.com"));
    let mut changes = Changes::new();
    for user in [&user, &other] {
        changes = changes.and(Change::InsertUser(user.clone()));
    }
    f.commit(changes).await.unwrap();
    let sessions = [f.session(&user), f.session(&user), f.session(&user), f.session(&user)];
    let kept = f.session(&other);
    for session in sessions.iter().chain([&kept]) {
        f.commit(Change::InsertSession(session.clone())).await.unwrap();
        let found = f.store.session_by_token(&session.token_hash).await.unwrap();
        assert_eq!(found.as_ref(), Some(session));
    }
    let [first, second, third, fourth] = sessions;
    assert_eq!(f.store.sessions(&user.id).await.unwrap().len(), 4);
    let seen = f.now();
    for at in [seen, seen - Duration::hours(1)] {
        f.commit(Change::TouchSession { id: second.id.clone(), at }).await.unwrap();
    }
    let found = f.store.session_by_token(&second.token_hash).await.unwrap().unwrap();
    assert_eq!(found.seen_at, seen);
    f.commit(Change::DeleteSession(first.id.clone())).await.unwrap();
    f.commit(Change::DeleteSession(first.id.clone())).await.unwrap();
    f.commit(Change::TouchSession { id: first.id, at: seen }).await.unwrap();
    assert_eq!(f.store.session_by_token(&first.token_hash).await.unwrap(), None);
    let others = Change::DeleteSessionsOf { user: user.id.clone(), except: Some(third.id.clone()) };
    f.commit(others).await.unwrap();
    assert_eq!(f.store.sessions(&user.id).await.unwrap(), [third]);
    f.commit(Change::DeleteSessionsOf { user: user.id.clone(), except: None }).await.unwrap();
    assert_eq!(f.store.sessions(&user.id).await.unwrap(), []);
    assert_eq!(f.store.session_by_token(&fourth.token_hash).await.unwrap(), None);
    assert_eq!(f.store.sessions(&other.id).await.unwrap(), [kept]);
    let orphan = f.session(&f.user("nobody@example.com"));
    assert_conflict(f.commit(Change::InsertSession(orphan)).await, "session.user");
}

/// What has expired goes, what has not stays.
pub async fn sessions_and_invitations_pruned_by_expiry(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let user = f.user("a@example.com");
    f.commit(Change::InsertUser(user.clone())).await.unwrap();
    for _ in 0..3 {
        f.commit(Change::InsertSession(f.session(&user))).await.unwrap();
        f.commit(Change::InsertInvitation(f.invitation(None))).await.unwrap();
    }
    let last_session = f.store.sessions(&user.id).await.unwrap().pop().unwrap();
    let last_invitation = f.store.invitations().await.unwrap().pop().unwrap();
    assert_eq!(f.store.prune(Prunable::Sessions, last_session.expires_at, 1).await.unwrap(), 1);
    assert_eq!(f.store.prune(Prunable::Sessions, last_session.expires_at, 9).await.unwrap(), 1);
    assert_eq!(f.store.prune(Prunable::Invitations, last_invitation.expires_at, 9).await.unwrap(), 2);
    assert_eq!(f.store.sessions(&user.id).await.unwrap(), [last_session]);
    assert_eq!(f.store.invitations().await.unwrap(), [last_invitation]);
}

/// An overview counts what is in the environment and in the span, and nothing else.
pub async fn overview_counts_what_is_there(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let now = f.now();
    for (n, status) in
        [AccountStatus::Active, AccountStatus::Active, AccountStatus::Revoked].into_iter().enumerate()
    {
        let account = with(&f.account(&connection, &format!("user_{n}")), |account| {
            account.refresh_at = Some(now + Duration::hours(n as i64));
            account.degraded = (n > 0).then(|| f.degraded(1));
        });
        f.commit(Change::InsertAccount(account.restored(status))).await.unwrap();
    }
    let account = f.stored_account(&connection, "user_9").await;
    let since = f.now();
    let ended =
        |connector: &str, status| Execution { connector: connector.into(), status, ..f.execution(&account) };
    let executions = [
        Execution { started_at: since - Duration::hours(2), ..ended("slack", ExecutionStatus::Failed) },
        ended("github", ExecutionStatus::Succeeded),
        ended("gmail", ExecutionStatus::Succeeded),
        ended("gmail", ExecutionStatus::Failed),
        ended("gmail", ExecutionStatus::Unknown),
    ];
    for execution in executions {
        f.commit(Change::InsertExecution(execution)).await.unwrap();
    }
    let span = OverviewSpan { since, at_most: 100, due_by: now + Duration::minutes(30) };
    let mut found = f.store.overview(&f.env, &span).await.unwrap();
    found.accounts.sort_by_key(|(status, _)| status.as_str());
    let used = |connector: &str, executions, failed| ConnectorUse {
        connector: connector.into(),
        executions,
        failed,
    };
    assert_eq!(
        found.accounts,
        [(AccountStatus::Active, 2), (AccountStatus::Pending, 1), (AccountStatus::Revoked, 1)]
    );
    assert_eq!(found.executions, [used("github", 1, 0), used("gmail", 3, 2)]);
    assert_eq!((found.degraded, found.due), (1, 1));
    let narrow = OverviewSpan { at_most: 2, ..span.clone() };
    assert_eq!(f.store.overview(&f.env, &narrow).await.unwrap().executions, [used("gmail", 2, 2)]);
    let elsewhere = f.other_environment().await;
    assert_eq!(
        f.store.overview(&elsewhere, &span).await.unwrap(),
        valetkey_domain::overview::Overview::default()
    );
}

/// Counting a day again puts the new counts in the place of the old ones; what is too old is forgotten.
pub async fn statuses_counted_by_day(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let first_day = Time::UNIX_EPOCH + Duration::days(20_000);
    let count = async |at, keep_from| {
        let counts = f.store.accounts_by_status().await.unwrap();
        f.commit(Change::PutStatusCounts { at, keep_from, counts }).await.unwrap();
    };
    let counted =
        |days, status, accounts| StatusCount { day: first_day + Duration::days(days), status, accounts };
    let account = f.stored_account(&connection, "user_1").await;
    count(first_day + Duration::hours(23), first_day).await;
    let active = with(&account, |account| account.version += 1).restored(AccountStatus::Active);
    f.commit(Change::UpdateAccount(active)).await.unwrap();
    count(first_day + Duration::days(1), first_day).await;
    f.stored_account(&connection, "user_2").await;
    f.stored_account(&connection, "user_3").await;
    // A little before midnight, in another zone: the day is that of UTC.
    let zone = time::UtcOffset::from_hms(9, 0, 0).unwrap();
    let late = (first_day + Duration::hours(47)).to_offset(zone);
    count(late, first_day).await;
    assert_eq!(
        f.store.status_history(&f.env, first_day + Duration::hours(5)).await.unwrap(),
        [
            counted(0, AccountStatus::Pending, 1),
            counted(1, AccountStatus::Active, 1),
            counted(1, AccountStatus::Pending, 2),
        ]
    );
    count(first_day + Duration::days(2), first_day + Duration::days(2)).await;
    let left = f.store.status_history(&f.env, first_day).await.unwrap();
    assert_eq!(left, [counted(2, AccountStatus::Active, 1), counted(2, AccountStatus::Pending, 2)]);
    let elsewhere = f.other_environment().await;
    assert_eq!(f.store.status_history(&elsewhere, first_day).await.unwrap(), []);
    let foreign = Connection { environment: elsewhere.clone(), ..f.connection("slack") };
    f.commit(Change::InsertConnection(foreign.clone())).await.unwrap();
    f.stored_account(&foreign, "user_1").await;
    let in_status = |environment: &EnvironmentId, status, accounts| AccountsInStatus {
        environment: environment.clone(),
        status,
        accounts,
    };
    let mut now = f.store.accounts_by_status().await.unwrap();
    now.sort_by_key(|count| (count.environment != f.env, count.status.as_str()));
    assert_eq!(
        now,
        [
            in_status(&f.env, AccountStatus::Active, 1),
            in_status(&f.env, AccountStatus::Pending, 2),
            in_status(&elsewhere, AccountStatus::Pending, 1),
        ]
    );
    let nowhere = EnvironmentId::first_of(first_day);
    let counts = vec![in_status(&nowhere, AccountStatus::Active, 1)];
    let unknown = Change::PutStatusCounts { at: first_day, keep_from: first_day, counts };
    assert_conflict(f.commit(unknown).await, "status_count.environment");
}

/// Who only wants to know that there are many is not made to wait for how many.
pub async fn pages_counted_no_further_than_asked(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let page = PageRequest { size: 2, cursor: None };
    for name in ["gmail", "slack"] {
        let connection = f.stored_connection(name).await;
        for n in 0..3 {
            let account = with(&f.account(&connection, &format!("user_{n}")), |account| {
                account.degraded = (n == 0).then(|| f.degraded(1));
            });
            f.commit(Change::InsertAccount(account.clone())).await.unwrap();
            f.commit(Change::InsertExecution(f.execution(&account))).await.unwrap();
        }
    }
    let connections = f.store.connections(&f.env, &ConnectionFilter::default(), &page).await.unwrap().items;
    let connections: Vec<_> = connections.into_iter().map(|connection| connection.id).collect();
    for (count_at_most, total) in [(None, 6), (Some(0), 0), (Some(4), 4), (Some(7), 6)] {
        for connections in [Vec::new(), connections.clone()] {
            let filter = AccountFilter { connections, count_at_most, ..AccountFilter::default() };
            let found = f.store.accounts(&f.env, &filter, &page).await.unwrap();
            assert_eq!((found.items.len(), found.total, found.next.is_some()), (2, total, true));
        }
        let filter = ExecutionFilter { count_at_most, ..ExecutionFilter::default() };
        let found = f.store.executions(&f.env, &filter, &page).await.unwrap();
        assert_eq!((found.items.len(), found.total), (2, total));
    }
    let failing = AccountFilter { degraded: true, ..AccountFilter::default() };
    let failing = f.store.accounts(&f.env, &failing, &page).await.unwrap();
    assert_eq!(failing.total, 2);
    assert!(failing.items.iter().all(|account| account.degraded.is_some()));
}
