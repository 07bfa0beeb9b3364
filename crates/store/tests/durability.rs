//! What was acknowledged survives kill -9: a child process commits until it is killed, then everything it was told is
//! looked for.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use valetkey_domain::{AccountId, Change, Changes, PageRequest, Store, store::EventFilter};
use valetkey_store::SqliteStore;
use valetkey_testkit::store_contract::Fixture;

const DATABASE: &str = "VALETKEY_TEST_COMMIT_INTO";
const MARK: &str = "acknowledged ";
const ROUNDS: usize = 5;
const ACKNOWLEDGED: usize = 150;

/// The child: does nothing unless the parent below has set the variable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_commits_until_it_is_killed() {
    let Some(path) = std::env::var_os(DATABASE).map(PathBuf::from) else { return };
    let round: usize = path.extension().unwrap().to_str().unwrap().parse().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path.with_extension("db")).unwrap());
    let f = Arc::new(Fixture::with_seed(store, round as u64).await);
    let connection = Arc::new(f.stored_connection(&format!("connection {round}")).await);
    let out = Arc::new(Mutex::new(std::io::stdout()));
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let (f, connection, out) = (f.clone(), connection.clone(), out.clone());
            tokio::spawn(async move {
                for n in 0.. {
                    let account = f.account(&connection, &format!("user_{task}_{n}"));
                    let changes = Changes::from(Change::InsertAccount(account.clone()))
                        .and(f.credential(&account, 1))
                        .and(Change::AppendEvent(f.event(&account)));
                    f.commit(changes).await.unwrap();
                    writeln!(out.lock().unwrap(), "\n{MARK}{}", account.id).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn commits_acknowledged_before_a_kill_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("valetkey.db");
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_commits_until_it_is_killed", "--nocapture", "--test-threads", "1"])
            .env(DATABASE, database.with_extension(round.to_string()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = 0;
        while told < ACKNOWLEDGED {
            let line = lines.next().expect("the child goes on until it is killed").unwrap();
            if let Some(id) = line.strip_prefix(MARK) {
                acknowledged.insert(id.parse::<AccountId>().unwrap());
                told += 1;
            }
        }
        child.kill().unwrap();
        // What was in the pipe when it died was acknowledged as well; the last line may be cut.
        let rest = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix(MARK)?.parse().ok());
        acknowledged.extend(rest);
        child.wait().unwrap();

        let store = SqliteStore::open(&database).unwrap();
        for id in &acknowledged {
            let account = store.account(id).await.unwrap();
            let account = account.unwrap_or_else(|| panic!("{id} is gone after round {round}"));
            assert!(store.credential(id).await.unwrap().is_some(), "{id} has lost its credential");
            let filter = EventFilter { account: Some(id.clone()), ..EventFilter::default() };
            let events = store.events(&account.environment, &filter, &PageRequest::default()).await.unwrap();
            assert_eq!(events.total, 1);
        }
        store.verify().await.unwrap();
        store.close().await.unwrap();
    }
    assert!(acknowledged.len() >= ROUNDS * ACKNOWLEDGED);
}
