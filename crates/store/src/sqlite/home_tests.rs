//! Which databases are taken for restored or copied, and which are not.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use tempfile::TempDir;
use valetkey_domain::{
    AccountId, Change, Clock as _, InstanceId, ManualClock, RefreshAttempt, Store, bulk::BulkWork,
    refresh::Frozen,
};
use valetkey_testkit::store_contract::Fixture;

use super::*;

/// A folder with a database in it.
struct Place {
    _folder: TempDir,
    database: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("valetkey.db");
    Place { _folder: folder, database }
}

fn now() -> Time {
    ManualClock::default().now()
}

impl Place {
    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.database).unwrap()
    }

    fn witness(&self) -> PathBuf {
        self.database.with_extension("db.home")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.database.with_file_name(name)
    }

    /// A process that joins, works and ends as it should.
    async fn visit(&self) -> Option<Frozen> {
        let store = self.open();
        let joined = store.join(now()).await.unwrap();
        store.check().await.unwrap();
        store.close().await.unwrap();
        joined.frozen
    }

    /// A process that joins and dies: what is on the disk is what it left.
    async fn crash(&self) -> Option<Frozen> {
        let store = self.open();
        let joined = store.join(now()).await.unwrap();
        store.check().await.unwrap();
        drop(store);
        self.let_go().await;
        joined.frozen
    }

    /// Waits until the writer of a store that was dropped, not closed, has let go of the file: SQLite folds the journal
    /// in and removes it then.
    async fn let_go(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.beside("valetkey.db-wal").exists() {
            assert!(Instant::now() < deadline, "the file is still open");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn reason(&self) -> String {
        self.visit().await.expect("the database is frozen").reason
    }
}

/// The content of one file into another that stays the same file, as `cp` does it.
fn copy_into(from: &Path, to: &Path) {
    fs::write(to, fs::read(from).unwrap()).unwrap();
}

#[tokio::test]
async fn database_that_stays_where_it_is_is_not_frozen() {
    let place = place();
    for _ in 0..3 {
        assert_eq!(place.visit().await, None);
        assert_eq!(place.crash().await, None);
        assert_eq!(place.crash().await, None);
    }
    assert_eq!(fs::metadata(place.witness()).unwrap().permissions().mode() & 0o777, 0o600);
    // Somebody who only looks does not join.
    let store = place.open();
    store.check().await.unwrap();
    store.close().await.unwrap();
    assert_eq!(place.visit().await, None);
}

/// R18: an older content put back into the same file, whatever ended the process before.
#[tokio::test]
async fn content_older_than_the_witness_is_frozen() {
    for clean in [true, false] {
        let place = place();
        place.visit().await;
        let backup = place.beside("backup.db");
        fs::copy(&place.database, &backup).unwrap();
        if clean {
            place.visit().await
        } else {
            place.crash().await
        };
        copy_into(&backup, &place.database);
        assert!(place.reason().await.contains("older"));
        // It stays so until the operator says otherwise, and is sound from then on.
        let store = place.open();
        assert!(store.join(now()).await.unwrap().frozen.is_some());
        store.commit(Change::Thaw.into()).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(place.visit().await, None);
    }
}

/// A copy that was made while the server worked, put back after it ended.
#[tokio::test]
async fn content_of_the_same_run_is_frozen_once_the_token_was_renewed() {
    let place = place();
    let options = SqliteOptions { renew_home: Duration::ZERO, ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&place.database, options).unwrap();
    assert_eq!(store.join(now()).await.unwrap().frozen, None);
    store.check().await.unwrap();
    let backup = place.beside("backup.db");
    store
        .readers
        .get(|c| c.execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).map_err(row::unavailable))
        .unwrap();
    for _ in 0..3 {
        store.check().await.unwrap();
    }
    // It dies here: nothing is renewed by its end.
    drop(store);
    place.let_go().await;
    copy_into(&backup, &place.database);
    assert!(place.reason().await.contains("older"));
}

#[tokio::test]
async fn database_in_another_file_is_frozen() {
    let place = place();
    place.visit().await;
    // Copied aside with its witness: the original and the copy look the same but for the file.
    let copy = Place { database: place.beside("copy.db"), _folder: tempfile::tempdir().unwrap() };
    fs::copy(&place.database, &copy.database).unwrap();
    fs::copy(place.witness(), copy.witness()).unwrap();
    assert!(copy.reason().await.contains("another file"));
    assert_eq!(place.visit().await, None, "the original goes on");
    // Taken away and put back from a copy.
    fs::copy(&place.database, place.beside("third.db")).unwrap();
    fs::rename(place.beside("third.db"), &place.database).unwrap();
    assert!(place.reason().await.contains("another file"));
}

#[tokio::test]
async fn database_that_was_moved_whole_is_not_frozen() {
    let place = place();
    place.visit().await;
    let moved = Place { database: place.beside("moved.db"), _folder: tempfile::tempdir().unwrap() };
    fs::rename(&place.database, &moved.database).unwrap();
    fs::rename(place.witness(), moved.witness()).unwrap();
    assert_eq!(moved.visit().await, None);
}

#[tokio::test]
async fn database_without_its_witness_is_frozen() {
    let place = place();
    place.visit().await;
    fs::remove_file(place.witness()).unwrap();
    assert!(place.reason().await.contains("missing"));

    let place = self::place();
    place.visit().await;
    fs::write(place.witness(), b"{").unwrap();
    assert!(place.reason().await.contains("damaged"));
}

/// A crash between the two writes of a renewal, in either direction of the order that is kept.
#[tokio::test]
async fn crash_between_witness_and_database_is_no_mismatch() {
    let place = place();
    place.visit().await;
    for _ in 0..2 {
        // The witness is written; the database is not.
        let store = place.open();
        let database = place.database.clone();
        store.readers.get(|c| home::arrive(c, &database).map(drop)).unwrap();
        drop(store);
    }
    assert_eq!(place.visit().await, None);
    // So it is at the first start of all, with credentials of a version before the witness.
    let first = self::place();
    let store = Arc::new(first.open());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    f.commit(f.credential(&account, 1)).await.unwrap();
    let database = first.database.clone();
    store.readers.get(|c| home::arrive(c, &database).map(drop)).unwrap();
    drop((f, store));
    assert_eq!(first.visit().await, None);

    let held = |place: &Place| fs::read_to_string(place.witness()).unwrap();
    let before = held(&place);
    place.visit().await;
    assert_ne!(before, held(&place));
}

/// A crash while a restored database was being marked: it is marked by the next one.
#[tokio::test]
async fn crash_before_the_mark_leaves_the_suspicion() {
    let place = place();
    place.visit().await;
    fs::remove_file(place.witness()).unwrap();
    let store = place.open();
    let database = place.database.clone();
    store.readers.get(|c| home::arrive(c, &database).map(drop)).unwrap();
    drop(store);
    assert!(place.visit().await.is_some());
}

#[tokio::test]
async fn witness_that_cannot_be_written_refuses_to_join_and_spares_commits() {
    let place = place();
    let store = place.open();
    // A folder in the place of the file.
    fs::create_dir(place.witness()).unwrap();
    let refusal = store.join(now()).await.unwrap_err();
    assert!(matches!(&refusal, StoreError::Unavailable(reason) if reason.contains("db.home")), "{refusal}");
    store.check().await.unwrap();
    fs::remove_dir(place.witness()).unwrap();
    assert_eq!(store.join(now()).await.unwrap().frozen, None);
}

#[tokio::test]
async fn database_that_never_joined_is_not_frozen() {
    let place = place();
    let store = Arc::new(place.open());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    f.commit(f.credential(&account, 1)).await.unwrap();
    store.close().await.unwrap();
    drop((f, store));
    let copy = Place { database: place.beside("copy.db"), _folder: tempfile::tempdir().unwrap() };
    fs::copy(&place.database, &copy.database).unwrap();
    assert_eq!(copy.visit().await, None);
    let fresh = self::place();
    fs::copy(copy.witness(), fresh.witness()).unwrap();
    assert_eq!(fresh.visit().await, None, "a new database beside an old witness holds nothing");
}

/// A backup from before the upgrade that brought the witness, put back after it.
#[tokio::test]
async fn database_from_before_the_witness_is_frozen_if_it_holds_credentials() {
    let place = place();
    let store = Arc::new(place.open());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    f.commit(f.credential(&account, 1)).await.unwrap();
    store.close().await.unwrap();
    drop((f, store));
    let backup = place.beside("backup.db");
    fs::copy(&place.database, &backup).unwrap();
    assert_eq!(place.visit().await, None);
    copy_into(&backup, &place.database);
    assert!(place.reason().await.contains("before"));
}

#[tokio::test]
async fn backup_that_is_marked_is_frozen_wherever_it_is_joined() {
    let place = place();
    let store = place.open();
    store.check().await.unwrap();
    let backup = Place { database: place.beside("backup.db"), _folder: tempfile::tempdir().unwrap() };
    store
        .readers
        .get(|c| c.execute("VACUUM INTO ?1", [backup.database.to_str().unwrap()]).map_err(row::unavailable))
        .unwrap();
    SqliteStore::mark_as_copy(&backup.database).unwrap();
    let left: Vec<_> = fs::read_dir(place.database.parent().unwrap())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("backup"))
        .collect();
    assert_eq!(left, ["backup.db"], "a backup is one file");
    assert!(backup.reason().await.contains("backup"));
    let store = backup.open();
    store.join(now()).await.unwrap();
    store.commit(Change::Thaw.into()).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(backup.visit().await, None, "the mark is used up");
    let elsewhere = place.beside("notes.txt");
    fs::write(&elsewhere, "x".repeat(4096)).unwrap();
    assert!(matches!(SqliteStore::mark_as_copy(&elsewhere), Err(OpenError::Foreign { .. })));
}

#[tokio::test]
async fn database_in_memory_joins_and_is_never_frozen() {
    let store = SqliteStore::in_memory().unwrap();
    let joined = store.join(now()).await.unwrap();
    assert_eq!((joined.instance, joined.frozen), (InstanceId(1), None));
}

/// One process works on a file at a time: whoever joined before is gone, and what it held may be taken over at once.
#[tokio::test]
async fn instance_before_this_one_is_gone_with_its_leases() {
    let place = place();
    let store = Arc::new(place.open());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    f.commit(f.credential(&account, 1)).await.unwrap();
    let first = store.join(f.now()).await.unwrap().instance;
    let attempt = f.attempt(&account, 1, 1, first);
    f.commit(Change::BeginRefresh { attempt, lease: Duration::from_secs(3600) }).await.unwrap();
    let work = BulkWork {
        holder: Some(first),
        lease_until: f.now() + time::Duration::HOUR,
        ..f.bulk("work", "user:a")
    };
    f.commit(Change::InsertBulk(work.clone())).await.unwrap();
    assert_eq!(store.gone_instances().await.unwrap(), []);
    assert_eq!(store.left_bulks(f.now(), 9).await.unwrap(), []);
    // It dies.
    drop((f, store));

    let store = place.open();
    let at = now() + time::Duration::MINUTE;
    let fences = |stale: Vec<RefreshAttempt>| stale.iter().map(|attempt| attempt.fence).collect::<Vec<_>>();
    let take_over = |id: &AccountId| Change::TakeOverRefresh { account: id.clone(), fence: 1, at };
    // Who has not joined takes nobody for gone.
    assert_eq!(store.gone_instances().await.unwrap(), []);
    assert!(fences(store.stale_refreshes(at, 9).await.unwrap()).is_empty());
    assert_eq!(store.left_bulks(at, 9).await.unwrap(), []);
    let refused = store.commit(take_over(&account.id).into()).await;
    assert_eq!(refused, Err(StoreError::Conflict { what: "refresh" }));
    let second = store.join(at).await.unwrap().instance;
    assert_ne!(first, second);
    assert_eq!(store.gone_instances().await.unwrap(), [first]);
    assert_eq!(fences(store.stale_refreshes(at, 9).await.unwrap()), [1]);
    // Forgotten it is not there either.
    store.commit(Change::ForgetInstance(first).into()).await.unwrap();
    assert_eq!(store.gone_instances().await.unwrap(), []);
    assert_eq!(fences(store.stale_refreshes(at, 9).await.unwrap()), [1]);
    assert_eq!(store.left_bulks(at, 9).await.unwrap(), std::slice::from_ref(&work));
    let taken = BulkWork { holder: Some(second), version: 2, ..work };
    store.commit(Change::UpdateBulk(taken).into()).await.unwrap();
    assert_eq!(store.left_bulks(at, 9).await.unwrap(), []);
    store.commit(take_over(&account.id).into()).await.unwrap();
    assert!(fences(store.stale_refreshes(at, 9).await.unwrap()).is_empty());
    store.commit(Change::ForgetInstance(second).into()).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    // A number is never given twice, even if nobody remembers it.
    let third = place.open().join(at).await.unwrap().instance;
    assert!(third > second, "{third} after {second}");
}
