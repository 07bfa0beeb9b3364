//! What is particular to SQLite: files, the writer's queue, failures of the disk, indexes. The rest is the contract.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::mpsc::{Sender, channel},
};

use tempfile::TempDir;
use valetkey_domain::{Change, Changes, SealedBlob, Store};
use valetkey_testkit::store_contract::Fixture;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &TempDir) -> SqliteStore {
    SqliteStore::open(folder.path().join("valetkey.db")).unwrap()
}

/// Keeps the writer busy until the returned sender is dropped or used. Returns once the writer is there.
fn hold(store: &SqliteStore) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (arrived, waiting) = channel();
    store.writer.run(move |_| {
        arrived.send(()).unwrap();
        let _ = released.recv();
    });
    waiting.recv().unwrap();
    release
}

fn environment(n: usize) -> Changes {
    let id = format!("env_{n:026}").parse().unwrap();
    let at = valetkey_domain::Clock::now(&valetkey_domain::ManualClock::default());
    Change::InsertEnvironment { id, name: format!("environment {n}"), at }.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_share_one_durable_write() {
    let folder = folder();
    let store = Arc::new(open(&folder));
    let release = hold(&store);
    let before = store.commit_stats();
    let mut tasks = Vec::new();
    for n in 0..100 {
        // Every tenth is a conflict: the name is taken by the one before.
        let changes = match environment(n).0.remove(0) {
            Change::InsertEnvironment { id, at, .. } if n % 10 == 9 => {
                Change::InsertEnvironment { id, name: format!("environment {}", n - 1), at }.into()
            }
            other => Changes::from(other),
        };
        let store = store.clone();
        tasks.push(Box::pin(async move { store.commit(changes).await }));
    }
    // Polled once in order, so that all of them are in the queue before the writer goes on.
    let mut tasks: Vec<_> = tasks.into_iter().map(|task| tokio::spawn(task)).collect();
    tokio::task::yield_now().await;
    while store.writer.waiting() < 100 {
        tokio::task::yield_now().await;
    }
    drop(release);
    let mut refused = 0;
    for task in tasks.drain(..) {
        refused += usize::from(task.await.unwrap().is_err());
    }
    let after = store.commit_stats();
    assert_eq!(after.batches - before.batches, 1);
    assert_eq!(
        (after.commits - before.commits, after.conflicts - before.conflicts),
        (100 - refused as u64, refused as u64)
    );
    assert_eq!(store.environments().await.unwrap().len(), 100 - refused);
}

#[tokio::test]
async fn queue_that_is_full_refuses_and_recovers() {
    let folder = folder();
    let options = SqliteOptions { queue: 2, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open_with(folder.path().join("valetkey.db"), options).unwrap());
    let release = hold(&store);
    let waiting: Vec<_> = (0..2)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(environment(n)).await })
        })
        .collect();
    while store.writer.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(store.commit(environment(2)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.check().await, Err(StoreError::Unavailable(_))));
    drop(release);
    for task in waiting {
        task.await.unwrap().unwrap();
    }
    store.commit(environment(2)).await.unwrap();
    assert_eq!(store.environments().await.unwrap().len(), 3);
}

#[tokio::test]
async fn commit_whose_caller_hangs_up_is_carried_out() {
    let folder = folder();
    let store = Arc::new(open(&folder));
    let release = hold(&store);
    let asking = store.clone();
    let caller = tokio::spawn(async move { asking.commit(environment(1)).await });
    while store.writer.waiting() < 1 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    drop(release);
    store.check().await.unwrap();
    assert_eq!(store.environments().await.unwrap().len(), 1);
}

/// R4a in small: tokens that were just received are in the file, where a crash of the process leaves them, while the disk
/// is still at work on what came before. Nobody hears of them before the disk has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_just_received_do_not_wait_for_the_disk() {
    let folder = folder();
    let f = Fixture::new(Arc::new(open(&folder))).await;
    let store = Arc::new(open(&folder));
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let progress = store.writer.progress.clone();
    progress.slow_down(true);
    let commit = |changes: Changes| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(changes).await })
    };
    let first = commit(environment(1));
    while progress.unsynced() < 1 {
        tokio::task::yield_now().await;
    }
    let second = commit(environment(2));
    let tokens = Change::PutCredential {
        account: account.id.clone(),
        generation: 1,
        sealed: SealedBlob(vec![1; 64]),
        at: account.created_at,
    };
    let tokens = commit(tokens.into());
    // Seen by another connection to the file: it would be there after a crash.
    while f.store.credential(&account.id).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished() && !second.is_finished() && !tokens.is_finished());
    progress.slow_down(false);
    for task in [first, second, tokens] {
        task.await.unwrap().unwrap();
    }
}

/// R13 in small: a full disk refuses, loses nothing, leaves reads alone and is used again without a restart.
#[tokio::test]
async fn disk_that_is_full_refuses_and_recovers() {
    let folder = folder();
    let f = Fixture::new(Arc::new(open(&folder))).await;
    let store = open(&folder);
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    // SQLite answers exactly as for a full disk once the file would outgrow this.
    store.writer.run(|connection| {
        connection.pragma_update(None, "max_page_count", 1).unwrap();
    });
    let large = Change::PutCredential {
        account: account.id.clone(),
        generation: 1,
        sealed: SealedBlob(vec![1; 1 << 20]),
        at: account.created_at,
    };
    let refusal = store.commit(large.clone().into()).await.unwrap_err();
    assert!(matches!(&refusal, StoreError::Unavailable(reason) if reason.contains("full")), "{refusal}");
    assert_eq!(store.credential(&account.id).await.unwrap(), None);
    assert_eq!(store.account(&account.id).await.unwrap(), Some(account.clone()));
    store.commit(large.into()).await.unwrap();
    assert!(store.credential(&account.id).await.unwrap().is_some());
}

#[tokio::test]
async fn lock_of_another_process_refuses_and_recovers() {
    let folder = folder();
    let path = folder.path().join("valetkey.db");
    let options = SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&path, options).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.commit(environment(1)).await, Err(StoreError::Unavailable(_))));
    assert!(store.environments().await.unwrap().is_empty(), "reads do not wait for it");
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(environment(1)).await.unwrap();
}

#[tokio::test]
async fn database_that_vanished_refuses_and_is_not_made_anew() {
    let folder = folder();
    let store = open(&folder);
    store.commit(environment(1)).await.unwrap();
    // The next write fails, and so does every attempt to open the file again.
    store.writer.run(|connection| connection.pragma_update(None, "query_only", true).unwrap());
    for name in ["valetkey.db", "valetkey.db-wal", "valetkey.db-shm"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    for _ in 0..3 {
        assert!(matches!(store.commit(environment(2)).await, Err(StoreError::Unavailable(_))));
    }
    assert!(!folder.path().join("valetkey.db").exists());
}

#[tokio::test]
async fn store_closed_has_written_everything_and_refuses_more() {
    let folder = folder();
    let store = open(&folder);
    let release = hold(&store);
    let waiting = store.commit(environment(1));
    let closing = store.close();
    drop(release);
    let (written, closed) = tokio::join!(waiting, closing);
    written.and(closed).unwrap();
    let journal = fs::metadata(folder.path().join("valetkey.db-wal")).map_or(0, |journal| journal.len());
    assert_eq!(journal, 0, "the journal is folded in");
    assert!(matches!(store.commit(environment(2)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.close().await, Err(StoreError::Unavailable(_))));
    assert_eq!(store.environments().await.unwrap().len(), 1);
    drop(store);
    assert_eq!(open(&folder).environments().await.unwrap().len(), 1);
}

/// S37: what was erased is not in the file any more, nor in its journal.
#[tokio::test]
async fn credential_erased_leaves_no_bytes_behind() {
    let folder = folder();
    let store = Arc::new(open(&folder));
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let sealed = SealedBlob(b"ciphertext-canary-".repeat(400));
    let at = account.created_at;
    let put = Change::PutCredential { account: account.id.clone(), generation: 1, sealed, at };
    f.commit(put).await.unwrap();
    f.commit(Change::EraseCredentials(account.id)).await.unwrap();
    store.close().await.unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(18).any(|w| w == b"ciphertext-canary-"));
    }
}

/// S37: nor while the database is in use and never comes to rest.
#[tokio::test]
async fn credential_erased_in_the_midst_of_work_leaves_no_bytes_behind() {
    let folder = folder();
    let options = SqliteOptions { fold_journal: Duration::ZERO, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open_with(folder.path().join("valetkey.db"), options).unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let canary = b"ciphertext-canary-";
    let holds_it = || {
        let files = fs::read_dir(folder.path()).unwrap();
        files.map(|file| fs::read(file.unwrap().path()).unwrap()).any(|b| b.windows(18).any(|w| w == canary))
    };
    let sealed = SealedBlob(canary.repeat(400));
    let at = account.created_at;
    let put = Change::PutCredential { account: account.id.clone(), generation: 1, sealed, at };
    f.commit(put).await.unwrap();
    assert!(holds_it());
    f.commit(Change::EraseCredentials(account.id)).await.unwrap();
    // A commit is answered before the journal is folded; the next one is taken after that.
    store.check().await.unwrap();
    assert!(!holds_it());
}

/// With commits and reads coming all the time the journal neither grows without end nor keeps anybody from working.
#[tokio::test(flavor = "multi_thread")]
async fn journal_stays_short_in_the_midst_of_work() {
    const LONGEST: u64 = 1 << 20;
    let folder = folder();
    let options = SqliteOptions { longest_journal: LONGEST, ..SqliteOptions::default() };
    let store = Arc::new(SqliteStore::open_with(folder.path().join("valetkey.db"), options).unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let (reading, id) = (store.clone(), account.id.clone());
    let reader = tokio::spawn(async move {
        loop {
            reading.account(&id).await.unwrap();
            // Reads do not wait for anything: without this the task could not be ended.
            tokio::task::yield_now().await;
        }
    });
    let mut longest = 0;
    for n in 1..=64_u8 {
        let sealed = SealedBlob(vec![n; 256 << 10]);
        let at = account.created_at;
        let put = Change::PutCredential { account: account.id.clone(), generation: u64::from(n), sealed, at };
        f.commit(put).await.unwrap();
        longest = longest.max(fs::metadata(folder.path().join("valetkey.db-wal")).unwrap().len());
    }
    reader.abort();
    assert!(longest < 8 * LONGEST, "{longest} bytes");
}

#[tokio::test]
async fn database_files_are_readable_by_their_owner_only() {
    let folder = folder();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    let store = open(&folder);
    store.commit(environment(1)).await.unwrap();
    for name in ["valetkey.db", "valetkey.db-wal", "valetkey.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    store.close().await.unwrap();
    drop(store);
    fs::set_permissions(folder.path().join("valetkey.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let _store = open(&folder);
    assert_eq!(mode("valetkey.db"), 0o600);
}

fn refusal(path: &Path) -> OpenError {
    SqliteStore::open(path).unwrap_err()
}

#[test]
fn database_of_something_else_is_refused_and_left_alone() {
    let folder = folder();
    let text = folder.path().join("notes.txt");
    fs::write(
        &text,
        "These are notes, and long enough to be more than a header of a database file. ".repeat(20),
    )
    .unwrap();
    let other = folder.path().join("other.db");
    let foreign = Connection::open(&other).unwrap();
    foreign.execute_batch("CREATE TABLE accounts (x); INSERT INTO accounts VALUES (1)").unwrap();
    drop(foreign);
    for path in [text, other] {
        let before = fs::read(&path).unwrap();
        assert!(matches!(refusal(&path), OpenError::Foreign { .. }), "{}", path.display());
        assert_eq!(before.len(), fs::read(&path).unwrap().len());
    }
    let nowhere = folder.path().join("no/such/folder/valetkey.db");
    assert!(matches!(refusal(&nowhere), OpenError::Unusable { .. }));
    assert!(matches!(refusal(folder.path()), OpenError::Unusable { .. }));
}

#[test]
fn database_of_a_newer_version_is_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("valetkey.db");
    drop(open(&folder));
    let newer = Connection::open(&path).unwrap();
    newer.execute("INSERT INTO schema_migrations VALUES (999, '0999_future', 0)", []).unwrap();
    drop(newer);
    let refusal = refusal(&path);
    assert!(matches!(refusal, OpenError::Newer { found: 999, .. }));
    assert!(refusal.to_string().contains("newer version of Valetkey"));
}

#[tokio::test]
async fn database_that_is_damaged_is_refused_at_start() {
    let folder = folder();
    let path = folder.path().join("valetkey.db");
    let store = open(&folder);
    for n in 0..200 {
        store.commit(environment(n)).await.unwrap();
    }
    store.verify().await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(11).position(|w| w == b"environment").unwrap() / 4096 * 4096;
    bytes[at..at + 64].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refusal(&path), OpenError::Damaged { .. }));
}

#[tokio::test]
async fn row_that_no_row_may_be_is_named() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    for (column, value) in [
        ("status", "'FINE'"),
        ("scopes", "'not json'"),
        ("generation", "-1"),
        ("environment", "'somewhere'"),
        ("created_at", "9223372036854775807"),
        ("cause", "'no_such_code'"),
    ] {
        let sql = format!("PRAGMA foreign_keys = OFF; SAVEPOINT s; UPDATE accounts SET {column} = {value}");
        store.writer.run(move |c| c.execute_batch(&sql).unwrap());
        // The writer takes the next step only after this one: wait for it through its queue.
        let (done, waiting) = channel();
        store.writer.run(move |_| done.send(()).unwrap());
        waiting.recv().unwrap();
        match store.account(&account.id).await {
            Err(StoreError::Inconsistent { table: "accounts", column: found, row, .. }) => {
                assert_eq!((found, row.as_str()), (column, account.id.as_str()));
            }
            other => panic!("{column}: {other:?}"),
        }
        store.writer.run(|c| c.execute_batch("ROLLBACK TO s; RELEASE s").unwrap());
    }
    store.check().await.unwrap();
    assert_eq!(store.account(&account.id).await.unwrap(), Some(account));
}

/// What background work looks for, every few seconds, is found without walking a table.
#[tokio::test]
async fn looks_of_the_background_walk_an_index() {
    let store = SqliteStore::in_memory().unwrap();
    let plans = store.readers.list(|c| {
        let mut plans = Vec::new();
        for (sql, index) in [
            (
                "SELECT id FROM accounts WHERE status = 'ACTIVE' AND refresh_at IS NOT NULL AND refresh_at <= 1
                    ORDER BY refresh_at, id LIMIT 1"
                    .to_owned(),
                "accounts_due",
            ),
            ("SELECT id FROM revocations WHERE next_at <= 1 ORDER BY next_at, id LIMIT 1".into(), "revocations_due"),
            (format!("SELECT id FROM refreshes WHERE {}", refreshes::STALE), "refreshes_stale"),
            (
                format!("SELECT tool, count(*) FROM executions WHERE {}", executions::TOOLS_USED),
                "executions_by_account",
            ),
            ("UPDATE executions SET status = 'UNKNOWN' WHERE status = 'RUNNING' AND instance IS 1".into(), "executions_running"),
            ("SELECT id FROM auth_requests WHERE expires_at < 1 ORDER BY expires_at LIMIT 1".into(), "auth_requests_by_expiry"),
        ] {
            let mut statement = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).map_err(row::unavailable)?;
            let steps: Result<Vec<String>, _> =
                statement.raw_query().mapped(|row| row.get(3)).collect();
            plans.push((index, steps.unwrap().join("; ")));
        }
        Ok(plans)
    });
    for (index, plan) in plans.await.unwrap() {
        assert!(plan.contains(index), "{index}: {plan}");
        let sorts = plan.contains("TEMP B-TREE") && index != "executions_by_account";
        assert!(!sorts, "{index}: {plan}");
    }
}

/// Nobody's place in a line outlives the wait, also of those who hang up.
#[tokio::test]
async fn lines_of_those_who_wait_are_forgotten_with_the_last_one() {
    let store = Arc::new(SqliteStore::in_memory().unwrap());
    let account: valetkey_domain::AccountId = format!("ca_{}", "0".repeat(26)).parse().unwrap();
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (store, account) = (store.clone(), account.clone());
            tokio::spawn(async move { store.refresh_ended(&account, Duration::from_secs(60)).await })
        })
        .collect();
    while store.shared.waiters.lines_open() == 0 {
        tokio::task::yield_now().await;
    }
    store.refresh_ended(&account, Duration::ZERO).await;
    assert_eq!(store.shared.waiters.lines_open(), 1);
    for task in tasks {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(store.shared.waiters.lines_open(), 0);
}

/// A batch with work that fails writes nothing of it and answers the others.
#[tokio::test]
async fn work_that_is_refused_leaves_nothing() {
    let store = SqliteStore::in_memory().unwrap();
    let refused: Result<(), _> = store
        .writer
        .work(|c| {
            c.execute("UPDATE store_info SET probes = 99", []).map_err(row::unavailable)?;
            Err(StoreError::Conflict { what: "work" })
        })
        .await;
    assert_eq!(refused, Err(StoreError::Conflict { what: "work" }));
    let probes = |c: &Connection| {
        c.query_row("SELECT probes FROM store_info", [], |row| row.get::<_, i64>(0)).map_err(row::unavailable)
    };
    assert_eq!(store.writer.work(probes).await, Ok(0));
}
