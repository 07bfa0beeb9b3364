//! Which indexes lists walk, what is found by them, and what is kept beside the tables for them.

use std::fs;

use rusqlite::params;
use valetkey_domain::{
    Account, AccountStatus, Change, ErrorCode, PageRequest,
    event::EventKind,
    execution::ExecutionStatus,
    store::{AccountFilter, ConnectionFilter, EventFilter, ExecutionFilter},
};
use valetkey_testkit::store_contract::Fixture;

use super::*;

/// No list walks a whole table or sorts: a million accounts must not make a page slow.
#[tokio::test]
async fn lists_with_any_filter_walk_an_index_in_order() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let f = Fixture::new(store.clone()).await;
    let (gmail, slack) = (f.stored_connection("gmail").await, f.stored_connection("slack").await);
    let account = f.stored_account(&gmail, "user_1").await;
    let text = |present: bool| present.then(|| "x".to_owned());
    let env = f.env.clone();
    let plans = store.readers.list(move |c| {
        let mut plans = Vec::new();
        for bits in 0..64_u32 {
            let on = |bit: u32| bits & 1 << bit != 0;
            let connections = match bits & 3 {
                0 => vec![],
                1 => vec![gmail.id.clone()],
                _ => vec![gmail.id.clone(), slack.id.clone()],
            };
            let filter = AccountFilter {
                connections,
                identifier: text(on(2)),
                organization_id: text(on(3)),
                user_id: text(on(4)),
                status: on(5).then_some(AccountStatus::Active),
                ..AccountFilter::default()
            };
            for scope in accounts::scopes(c, &env, &filter)? {
                plans.push((format!("{filter:?}"), list::plan(c, "accounts", &scope)));
            }
            let statuses = [None, Some(ExecutionStatus::Failed), Some(ExecutionStatus::Succeeded)];
            let filter = ExecutionFilter {
                account: on(0).then(|| account.id.clone()),
                connection: on(1).then(|| gmail.id.clone()),
                tool: text(on(2)),
                status: statuses[(bits >> 3) as usize % 3],
                ..ExecutionFilter::default()
            };
            plans.push((
                format!("{filter:?}"),
                list::plan(c, "executions", &executions::scope(c, &env, &filter)?),
            ));
            let at = Some(account.created_at);
            let filter = EventFilter {
                account: on(0).then(|| account.id.clone()),
                connection: on(1).then(|| gmail.id.clone()),
                kinds: if on(2) {
                    vec![EventKind::AccountCreated, EventKind::AccountExpired]
                } else {
                    vec![]
                },
                code: on(3).then_some(ErrorCode::UpstreamError),
                since: at.filter(|_| on(4)),
                until: at.filter(|_| on(5)),
                count_at_most: None,
            };
            for scope in events::scopes(c, &env, &filter)? {
                plans.push((format!("{filter:?}"), list::plan(c, "events", &scope)));
            }
            let of = on(0).then_some(&account.id);
            plans.push((format!("{of:?}"), list::plan(c, "revocations", &revocations::scope(&env, of))));
            plans.push(("attempts".into(), list::plan(c, "refreshes", &refreshes::scope(&account.id))));
            let filter = ConnectionFilter { connector: text(on(0)), query: text(on(1)) };
            plans.push((
                format!("{filter:?}"),
                list::plan(c, "connections", &connections::scope(&env, &filter)),
            ));
        }
        Ok(plans)
    });
    for (filter, plan) in plans.await.unwrap() {
        assert!(plan.starts_with("SEARCH") && !plan.contains("TEMP B-TREE"), "{filter}: {plan}");
    }
}

/// Every pair of the filters of executions and the index that it walks: a connection may have most of the executions and
/// hardly one that fits the other filter, and whoever walks its index looks at all of them.
#[tokio::test]
async fn list_of_executions_by_two_filters_walks_an_index_of_both() {
    use ExecutionStatus as S;
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let env = f.env.clone();
    let cases = [
        ("a", None, "executions_by_account "),
        ("c", None, "executions_by_connection "),
        ("t", None, "executions_by_tool "),
        ("", Some(S::Running), "executions_running "),
        ("", Some(S::Succeeded), "executions_by_environment "),
        ("", Some(S::Failed), "executions_failed "),
        ("", Some(S::Unknown), "executions_unknown "),
        ("ac", None, "executions_by_account "),
        ("at", None, "executions_by_account "),
        ("ct", None, "executions_by_connection_and_tool "),
        ("a", Some(S::Running), "executions_running "),
        ("a", Some(S::Succeeded), "executions_by_account "),
        ("a", Some(S::Failed), "executions_failed_by_account "),
        ("a", Some(S::Unknown), "executions_unknown "),
        ("c", Some(S::Running), "executions_running "),
        ("c", Some(S::Succeeded), "executions_by_connection "),
        ("c", Some(S::Failed), "executions_failed_by_connection "),
        ("c", Some(S::Unknown), "executions_unknown "),
        ("t", Some(S::Running), "executions_running "),
        ("t", Some(S::Succeeded), "executions_by_tool "),
        ("t", Some(S::Failed), "executions_failed_by_tool "),
        ("t", Some(S::Unknown), "executions_unknown "),
        ("ct", Some(S::Failed), "executions_failed_by_connection "),
        ("ct", Some(S::Succeeded), "executions_by_connection_and_tool "),
    ];
    let plans = store.readers.list(move |c| {
        let mut plans = Vec::new();
        for (named, status, index) in cases {
            let filter = ExecutionFilter {
                account: named.contains('a').then(|| account.id.clone()),
                connection: named.contains('c').then(|| connection.id.clone()),
                tool: named.contains('t').then(|| "tool".to_owned()),
                status,
                count_at_most: None,
            };
            let plan = list::plan(c, "executions", &executions::scope(c, &env, &filter)?);
            plans.push((named, status, plan, index));
        }
        Ok(plans)
    });
    for (named, status, plan, index) in plans.await.unwrap() {
        assert!(plan.contains(&format!("INDEX {index}")), "{named} {status:?}: {plan}");
    }
}

/// Where each of two filters has an index, the one with fewer rows is walked.
#[tokio::test]
async fn list_by_two_filters_walks_the_shorter_index() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    for n in 0..9 {
        let status = if n == 0 { AccountStatus::Revoked } else { AccountStatus::Active };
        let mut account = f.account(&connection, &format!("user_{n}")).restored(status);
        account.organization_id = Some(if n < 8 { "large" } else { "small" }.into());
        account.user_id = Some(if n < 7 { "busy" } else { "idle" }.into());
        f.commit(Change::InsertAccount(account)).await.unwrap();
    }
    let of = |organization: Option<&str>, user: Option<&str>, status| AccountFilter {
        organization_id: organization.map(Into::into),
        user_id: user.map(Into::into),
        status: Some(status),
        ..AccountFilter::default()
    };
    let within = |filter: AccountFilter| AccountFilter { connections: vec![connection.id.clone()], ..filter };
    let (active, revoked) = (AccountStatus::Active, AccountStatus::Revoked);
    let failing = AccountFilter { degraded: true, ..of(Some("large"), None, active) };
    let cases = vec![
        (of(Some("large"), None, revoked), "accounts_by_status "),
        (of(Some("small"), None, active), "accounts_by_organization "),
        (of(None, Some("busy"), revoked), "accounts_by_status "),
        (of(None, Some("idle"), active), "accounts_by_user "),
        (of(Some("small"), Some("busy"), active), "accounts_by_organization "),
        (within(of(Some("large"), None, revoked)), "accounts_by_connection_and_status "),
        (within(of(Some("small"), None, active)), "accounts_by_organization "),
        (failing, "accounts_degraded "),
    ];
    let env = f.env.clone();
    let plans = store.readers.list(move |c| {
        let mut plans = Vec::new();
        for (filter, index) in cases {
            for scope in accounts::scopes(c, &env, &filter)? {
                plans.push((list::plan(c, "accounts", &scope), index));
            }
        }
        Ok(plans)
    });
    let plans = plans.await.unwrap();
    assert_eq!(plans.len(), 8);
    for (plan, index) in plans {
        assert!(plan.contains(&format!("INDEX {index}")), "{index}: {plan}");
    }
}

/// The history of a connection or an account by kind or by cause.
#[tokio::test]
async fn history_walks_an_index_of_its_filter() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let (env, of) = (f.env.clone(), Some(connection.id.clone()));
    let plans = store.readers.list(move |c| {
        let mut plans = Vec::new();
        let kinds = || vec![EventKind::AccountExpired];
        let code = Some(ErrorCode::UpstreamError);
        for (by_account, kinds, code, index) in [
            (false, kinds(), None, "events_by_connection_and_kind "),
            (false, vec![], code, "events_by_connection_and_code "),
            (true, kinds(), None, "events_by_account_and_kind "),
            (true, vec![], code, "events_by_account_and_code "),
        ] {
            let filter = EventFilter {
                account: by_account.then(|| account.id.clone()),
                connection: of.clone().filter(|_| !by_account),
                kinds,
                code,
                ..EventFilter::default()
            };
            for scope in events::scopes(c, &env, &filter)? {
                plans.push((list::plan(c, "events", &scope), index));
            }
        }
        Ok(plans)
    });
    let plans = plans.await.unwrap();
    assert_eq!(plans.len(), 4);
    for (plan, index) in plans {
        assert!(plan.contains(&format!("INDEX {index}")), "{index}: {plan}");
    }
}

async fn found(f: &Fixture, query: &str) -> Vec<String> {
    let filter = AccountFilter { query: Some(query.into()), ..AccountFilter::default() };
    let page = PageRequest { size: 100, cursor: None };
    let found = f.store.accounts(&f.env, &filter, &page).await.unwrap();
    assert_eq!(found.total, found.items.len() as u64, "{query}");
    found.items.into_iter().map(|account| account.identifier).collect()
}

async fn labelled(f: &Fixture, connection: &valetkey_domain::Connection, name: &str, label: &str) -> Account {
    let mut account = f.account(connection, name);
    account.label = Some(label.into());
    f.commit(Change::InsertAccount(account.clone())).await.unwrap();
    account
}

/// S37: what was deleted is not in the index of letters any more either, and what is there is what the index says.
#[tokio::test]
async fn account_deleted_leaves_no_letters_in_the_search() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    for n in 0..50 {
        labelled(&f, &connection, &format!("user_{n}"), "somebody").await;
    }
    let gone = labelled(&f, &connection, "gone", "\u{a4d0}\u{a4d1}\u{a4d2}\u{a4d3}").await;
    let mut changed = labelled(&f, &connection, "changed", "\u{a4d0}\u{a4d4}\u{a4d5}").await;
    assert_eq!(found(&f, "\u{a4d0}\u{a4d1}\u{a4d2}").await, ["gone"]);
    changed.label = Some("plain".into());
    changed.version += 1;
    f.commit(Change::UpdateAccount(changed)).await.unwrap();
    f.commit(Change::DeleteAccount(gone.id)).await.unwrap();
    assert!(found(&f, "\u{a4d0}").await.is_empty());
    let check = "INSERT INTO account_search (account_search, rank) VALUES ('integrity-check', 1)";
    store.writer.work(|c| c.execute(check, []).map_err(row::unavailable)).await.unwrap();
    store.verify().await.unwrap();
    store.close().await.unwrap();
    let letter = "\u{a4d0}".as_bytes();
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(letter.len()).any(|there| there == letter));
    }
}

/// A copy that SQLite packs anew may number the rows of its tables anew.
#[tokio::test]
async fn search_finds_the_same_in_a_packed_copy() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("valetkey.db")).unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let mut accounts = Vec::new();
    for n in 0..20 {
        accounts.push(labelled(&f, &connection, &format!("user_{n}"), "somebody").await);
    }
    for account in accounts.drain(..9) {
        f.commit(Change::DeleteAccount(account.id)).await.unwrap();
    }
    let copy = folder.path().join("copy.db");
    let into = copy.to_str().unwrap().to_owned();
    store.readers.get(|c| c.execute("VACUUM INTO ?1", [into]).map_err(row::unavailable)).unwrap();
    let packed = Connection::open(&copy).unwrap();
    let sql = "SELECT account FROM account_search JOIN account_numbers ON number = account_search.rowid
        WHERE account_search MATCH ?1 ORDER BY account";
    let mut statement = packed.prepare(sql).unwrap();
    let ids = |text: &str, statement: &mut rusqlite::Statement<'_>| -> Vec<String> {
        statement.query_map(params![text], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let all: Vec<_> = accounts.iter().map(|account| account.id.to_string()).collect();
    assert_eq!(ids("\"som\"", &mut statement), all);
    assert_eq!(ids("\"_19\"", &mut statement), all[10..]);
}
