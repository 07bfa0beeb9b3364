//! Databases of one kind made from databases of the other one.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use valetkey_domain::{Store as _, Time, refresh::Frozen};
use valetkey_store::{Arrival, DumpError, PostgresStore, Purpose, RowCounts, SqliteStore};
use valetkey_testkit::{
    postgres::Database,
    store_contract::{Fixture, everything},
};

use crate::{open, options};

fn frozen() -> Arrival {
    Arrival::Frozen(Frozen { since: Time::UNIX_EPOCH, reason: "a test".into() })
}

async fn from_postgres(database: &Database, purpose: Purpose) -> Result<(Vec<u8>, RowCounts), DumpError> {
    let mut written = Vec::new();
    let finish = |out| {
        written = out;
        Ok(())
    };
    let url = database.url().into();
    let begin = |_: &_| Ok(Vec::new());
    let (_, rows) = PostgresStore::dump(&url, purpose, Time::UNIX_EPOCH, begin, finish).await?;
    Ok((written, rows))
}

fn from_sqlite(path: &Path) -> (Vec<u8>, RowCounts) {
    let mut written = Vec::new();
    let finish = |out| {
        written = out;
        Ok(())
    };
    let begin = |_: &_| Ok(Vec::new());
    let (_, rows) = SqliteStore::dump(path, Purpose::Export, Time::UNIX_EPOCH, begin, finish).unwrap();
    (written, rows)
}

/// Every row of every table that comes along, as JSON, in one order.
async fn content_of_postgres(database: &Database, rows: &RowCounts) -> BTreeMap<String, Vec<String>> {
    let client = database.connect().await;
    let mut content = BTreeMap::new();
    for table in rows.keys() {
        let columns = if table == "instances" { "number, joined_at" } else { "*" };
        let sql =
            format!("SELECT to_jsonb(r)::text FROM (SELECT {columns} FROM valetkey.{table}) r ORDER BY 1");
        let rows = client.query(&sql, &[]).await.unwrap();
        content.insert(table.clone(), rows.iter().map(|row| row.get(0)).collect());
    }
    content
}

/// The numbers of the processes that a database knows.
async fn numbers(database: &Database) -> Vec<i64> {
    let client = database.connect().await;
    let rows = client.query("SELECT number FROM valetkey.instances", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn database_exported_to_the_other_kind_and_back_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Database::create().await, Database::create().await);
    let store = Arc::new(open(&first).await);
    everything(&Fixture::new(Arc::clone(&store) as _).await).await;

    let (written, rows) = from_postgres(&first, Purpose::Export).await.unwrap();
    assert!(rows.values().all(|rows| *rows > 0), "{rows:?}");
    let file = folder.path().join("valetkey.db");
    assert_eq!(SqliteStore::load(&file, written.as_slice(), &frozen()).unwrap().rows, rows);
    let (written, again) = from_sqlite(&file);
    assert_eq!(again, rows);
    let url = second.url().into();
    assert_eq!(PostgresStore::load(&url, written.as_slice(), &frozen()).await.unwrap().rows, rows);
    assert_eq!(content_of_postgres(&second, &rows).await, content_of_postgres(&first, &rows).await);

    // Both are copies, and give no number again that was given before. PostgreSQL draws numbers, and none that is there.
    let old = store.join(Time::UNIX_EPOCH).await.unwrap().instance;
    let known = numbers(&second).await;
    assert!(known.contains(&i64::from(old.0)), "{old} of {known:?}");
    let joined = open(&second).await.join(Time::UNIX_EPOCH).await.unwrap();
    assert_eq!(joined.frozen.unwrap().reason, "a test");
    assert!(!known.contains(&i64::from(joined.instance.0)), "{} beside {known:?}", joined.instance);
    assert_eq!(numbers(&second).await.len(), known.len() + 1);
    // SQLite counts on.
    let joined = SqliteStore::open(&file).unwrap().join(Time::UNIX_EPOCH).await.unwrap();
    assert_eq!(joined.frozen.unwrap().reason, "a test");
    assert!(joined.instance > old, "{} after {old}", joined.instance);
}

#[tokio::test]
async fn database_moved_is_left_frozen_and_goes_on_in_the_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create().await;
    let store = Arc::new(open(&database).await);
    everything(&Fixture::new(Arc::clone(&store) as _).await).await;
    let refused = from_postgres(&database, Purpose::Move).await;
    assert!(matches!(refused, Err(DumpError::InUse { .. })), "{refused:?}");
    assert_eq!(store.frozen().await.unwrap(), None);

    store.close();
    drop(store);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let written = loop {
        match from_postgres(&database, Purpose::Move).await {
            Ok((written, _)) => break written,
            Err(DumpError::InUse { .. }) if std::time::Instant::now() < deadline => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    let left = open(&database).await;
    assert!(left.frozen().await.unwrap().unwrap().reason.contains("moved"));
    let file = folder.path().join("valetkey.db");
    SqliteStore::load(&file, written.as_slice(), &Arrival::GoesOn).unwrap();
    let next = SqliteStore::open(&file).unwrap();
    assert_eq!(next.join(Time::UNIX_EPOCH).await.unwrap().frozen, None);
}

#[tokio::test]
async fn load_into_a_database_that_was_worked_on_or_of_half_a_dump_changes_nothing() {
    let (source, target) = (Database::create().await, Database::create().await);
    let store = Arc::new(open(&source).await);
    everything(&Fixture::new(Arc::clone(&store) as _).await).await;
    let (written, rows) = from_postgres(&source, Purpose::Backup).await.unwrap();
    let url = target.url().into();
    for part in [1, 2, 3] {
        let half = &written[..written.len() * part / 4];
        assert!(PostgresStore::load(&url, half, &frozen()).await.is_err());
        let schemas = "SELECT FROM pg_namespace WHERE nspname = 'valetkey'";
        assert!(target.connect().await.query(schemas, &[]).await.unwrap().is_empty(), "{part}");
    }
    let refused = PostgresStore::load(&source.url().into(), written.as_slice(), &frozen()).await;
    assert!(matches!(refused, Err(DumpError::NotEmpty { .. })), "{refused:?}");
    assert_eq!(PostgresStore::load(&url, written.as_slice(), &frozen()).await.unwrap().rows, rows);
}

/// Servers go on writing while a dump is taken, and it is of one instant: the rows of a commit are all in it or none.
#[tokio::test(flavor = "multi_thread")]
async fn dump_taken_while_others_write_is_of_one_instant() {
    let database = Database::create().await;
    let store = Arc::new(PostgresStore::open_with(&database.url().into(), options()).await.unwrap());
    let fixture = Fixture::new(Arc::clone(&store) as _).await;
    let connection = fixture.stored_connection("load").await;
    let writer = tokio::spawn(async move {
        for n in 0..300 {
            let account = fixture.account(&connection, &format!("u{n}"));
            let event = fixture.event(&account);
            let changes = valetkey_domain::Changes::new()
                .and(valetkey_domain::Change::InsertAccount(account))
                .and(valetkey_domain::Change::AppendEvent(event));
            fixture.commit(changes).await.unwrap();
        }
    });
    let mut before = 0;
    while !writer.is_finished() {
        let (_, rows) = from_postgres(&database, Purpose::Backup).await.unwrap();
        assert_eq!(rows["accounts"], rows["events"]);
        assert!(rows["accounts"] >= before);
        before = rows["accounts"];
    }
    writer.await.unwrap();
    assert_eq!(from_postgres(&database, Purpose::Backup).await.unwrap().1["accounts"], 300);
}
