use std::{collections::BTreeSet, io, sync::Arc};

use proptest::prelude::*;
use valetkey_domain::{EnvironmentId, Store as _, Time};
use valetkey_testkit::store_contract::{Fixture, everything};

use super::*;
use crate::SqliteStore;

fn dumped(path: &std::path::Path, purpose: Purpose) -> (Vec<u8>, DumpHead, RowCounts) {
    let mut written = Vec::new();
    let finish = |out| {
        written = out;
        Ok(())
    };
    let (head, rows) =
        SqliteStore::dump(path, purpose, Time::UNIX_EPOCH, |_| Ok(Vec::new()), finish).unwrap();
    (written, head, rows)
}

fn frozen() -> Arrival {
    Arrival::Frozen(Frozen { since: Time::UNIX_EPOCH, reason: "a test".into() })
}

/// A database with at least one row in every table, and its folder.
async fn filled() -> (tempfile::TempDir, std::path::PathBuf, Arc<SqliteStore>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let fixture = Fixture::new(Arc::clone(&store) as _).await;
    everything(&fixture).await;
    (folder, path, store)
}

/// A table that is added and not named here would be missing in every backup.
#[tokio::test]
async fn tables_of_a_dump_are_all_there_are() {
    let (_folder, path, _store) = filled().await;
    let connection = rusqlite::Connection::open(&path).unwrap();
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let mut statement = connection.prepare(sql).unwrap();
    let there: BTreeSet<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let named = TABLES.iter().chain(LEFT_BEHIND).chain(DERIVED);
    let named = named.filter(|name| !["store_home", "account_count_changes"].contains(name));
    assert_eq!(there, named.map(|name| (*name).to_owned()).collect());
}

#[tokio::test]
async fn database_made_from_a_dump_has_every_row_and_goes_on_from_it() {
    let (folder, path, store) = filled().await;
    let (written, _, rows) = dumped(&path, Purpose::Export);
    assert!(TABLES.iter().all(|table| rows[*table] > 0), "every table has rows: {rows:?}");
    let copy = folder.path().join("copy.db");
    let loaded = SqliteStore::load(&copy, written.as_slice(), &frozen()).unwrap();
    assert_eq!(loaded.rows, rows);
    assert_eq!(rows_of(&dumped(&copy, Purpose::Export).0), rows_of(&written));
    // It is a copy, and gives no number again that was given before.
    let old = store.join(Time::UNIX_EPOCH).await.unwrap().instance;
    let opened = SqliteStore::open(&copy).unwrap();
    let joined = opened.join(Time::UNIX_EPOCH).await.unwrap();
    assert_eq!(joined.frozen.unwrap().reason, "a test");
    assert!(joined.instance >= old, "{} after {old}", joined.instance);
    opened.verify().await.unwrap();
}

/// Everything after the head, part by part.
fn rows_of(written: &[u8]) -> Vec<Part> {
    let (mut reader, _) = DumpReader::begin(written).unwrap();
    let mut parts = Vec::new();
    while parts.last() != Some(&Part::End) {
        parts.push(reader.next().unwrap());
    }
    parts
}

#[tokio::test]
async fn database_that_was_left_is_frozen_and_the_next_one_is_not() {
    let (folder, path, store) = filled().await;
    let (written, ..) = dumped(&path, Purpose::Move);
    assert!(store.frozen().await.unwrap().unwrap().reason.contains("moved"));
    // Once more, after the file was lost: the mark says that this one was left, and does not come along.
    let (again, ..) = dumped(&path, Purpose::Move);
    for (name, written) in [("one.db", written), ("two.db", again)] {
        let next = folder.path().join(name);
        SqliteStore::load(&next, written.as_slice(), &Arrival::GoesOn).unwrap();
        let opened = SqliteStore::open(&next).unwrap();
        assert_eq!(opened.join(Time::UNIX_EPOCH).await.unwrap().frozen, None);
    }
}

/// A copy that was never confirmed stays one, wherever it is moved to.
#[tokio::test]
async fn copy_that_is_moved_stays_frozen() {
    let (folder, path, _store) = filled().await;
    let copy = folder.path().join("copy.db");
    SqliteStore::load(&copy, dumped(&path, Purpose::Backup).0.as_slice(), &frozen()).unwrap();
    let next = folder.path().join("next.db");
    SqliteStore::load(&next, dumped(&copy, Purpose::Move).0.as_slice(), &Arrival::GoesOn).unwrap();
    let opened = SqliteStore::open(&next).unwrap();
    assert_eq!(opened.join(Time::UNIX_EPOCH).await.unwrap().frozen.unwrap().reason, "a test");
}

#[tokio::test]
async fn dump_that_could_not_be_finished_leaves_no_mark() {
    let (_folder, path, store) = filled().await;
    let full = |_| Err(io::Error::other("the disk is full"));
    let failed = SqliteStore::dump(&path, Purpose::Move, Time::UNIX_EPOCH, |_| Ok(Vec::new()), full);
    assert!(matches!(failed, Err(DumpError::Stream(_))));
    assert_eq!(store.frozen().await.unwrap(), None);
}

#[tokio::test]
async fn load_where_something_is_refuses_and_changes_nothing() {
    let (folder, path, _store) = filled().await;
    let (written, ..) = dumped(&path, Purpose::Backup);
    for name in ["there.db", "there.db-wal"] {
        let there = folder.path().join(name);
        std::fs::write(&there, b"something").unwrap();
        let refused = SqliteStore::load(folder.path().join("there.db"), written.as_slice(), &frozen());
        assert!(matches!(refused, Err(DumpError::NotEmpty { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&there).unwrap(), b"something");
        std::fs::remove_file(&there).unwrap();
    }
}

#[tokio::test]
async fn dump_cut_off_or_in_disorder_makes_no_database() {
    let (folder, path, _store) = filled().await;
    let (written, ..) = dumped(&path, Purpose::Backup);
    let target = folder.path().join("new.db");
    let refused = |bytes: &[u8]| {
        assert!(SqliteStore::load(&target, bytes, &frozen()).is_err());
        let left = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("new.db")).collect();
        assert!(left.is_empty(), "{left:?}");
    };
    for cut in (0..written.len()).step_by(written.len() / 20) {
        refused(&written[..cut]);
    }
    refused(&[&written[..], b"x"].concat());
    refused(b"another file altogether");
}

/// A name that is not a name would become a part of a statement.
#[test]
fn dump_with_a_statement_for_a_table_is_refused() {
    for (table, column) in
        [("accounts; DROP TABLE events", "id"), ("accounts", "id FROM events --"), ("", "id")]
    {
        let mut writer = DumpWriter::begin(Vec::new(), &head()).unwrap();
        assert!(matches!(writer.table(table, &[column]), Err(DumpError::Malformed(_))));
    }
}

#[test]
fn dump_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let written = |migrations| {
        let writer = DumpWriter::begin(Vec::new(), &DumpHead { migrations, ..head() }).unwrap();
        writer.end().unwrap().0
    };
    let load = |bytes: Vec<u8>| SqliteStore::load(folder.path().join("new.db"), bytes.as_slice(), &frozen());
    assert!(matches!(load(written(99)), Err(DumpError::Newer { found: 99, .. })));
    assert!(matches!(load(written(0)), Err(DumpError::Malformed(_))));
}

/// A database is made where the old one stood, and brought up to date with the rows in it.
#[tokio::test]
async fn dump_of_an_older_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    let mut writer = DumpWriter::begin(Vec::new(), &DumpHead { migrations: 1, ..head() }).unwrap();
    let text = |text: &str| Cell::Text(text.into());
    writer.table("environments", &["id", "name", "created_at"]).unwrap();
    writer.row(&[text("env_00000000000000000000000000"), text("default"), Cell::Number(1)]).unwrap();
    writer.end_table().unwrap();
    let (written, rows) = writer.end().unwrap();
    assert_eq!(SqliteStore::load(&path, written.as_slice(), &frozen()).unwrap().rows, rows);
    let store = SqliteStore::open(&path).unwrap();
    let environment: EnvironmentId = "env_00000000000000000000000000".parse().unwrap();
    assert_eq!(store.environments().await.unwrap(), [(environment, "default".to_owned())]);
}

fn head() -> DumpHead {
    DumpHead {
        purpose: Purpose::Backup,
        made_at: Time::UNIX_EPOCH,
        database: "sqlite".into(),
        migrations: 2,
        frozen: None,
        last_instance: 0,
        key_terms: Vec::new(),
    }
}

fn any_cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Null),
        any::<i64>().prop_map(Cell::Number),
        any::<String>().prop_map(Cell::Text),
        any::<Vec<u8>>().prop_map(Cell::Bytes),
    ]
}

proptest! {
    #[test]
    fn rows_written_are_the_rows_read(rows in proptest::collection::vec([any_cell(), any_cell()], 0..20)) {
        let mut writer = DumpWriter::begin(Vec::new(), &head()).unwrap();
        writer.table("events", &["id", "at"]).unwrap();
        for row in &rows {
            writer.row(row).unwrap();
        }
        writer.end_table().unwrap();
        let parts = rows_of(&writer.end().unwrap().0);
        let read: Vec<_> = parts.into_iter().filter_map(|part| match part {
            Part::Row(cells) => Some(cells),
            _ => None,
        }).collect();
        prop_assert_eq!(read, rows.into_iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn bytes_that_are_no_dump_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut written = DumpWriter::begin(Vec::new(), &head()).unwrap().end().unwrap().0;
        written.truncate(written.len() - 9);
        written.extend(bytes);
        if let Ok((mut reader, _)) = DumpReader::begin(written.as_slice()) {
            while !matches!(reader.next(), Err(_) | Ok(Part::End)) {}
        }
    }
}
