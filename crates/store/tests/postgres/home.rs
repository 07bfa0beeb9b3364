//! S13: a database that was restored or copied is recognized.

use valetkey_domain::{Change, Store, refresh::Frozen};
use valetkey_store::PostgresStore;
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{
    instances::{hasty, join, open_hasty},
    open, until,
};

/// The mark of a database after somebody has joined it anew.
async fn joined(database: &Database) -> Option<Frozen> {
    let store = open(database).await;
    let clock = valetkey_domain::ManualClock::default();
    let joined = store.join(valetkey_domain::Clock::now(&clock)).await.unwrap();
    assert_eq!(store.frozen().await.unwrap(), joined.frozen);
    store.close();
    joined.frozen
}

async fn run(database: &Database, sql: &str) {
    database.connect().await.batch_execute(sql).await.unwrap();
}

#[tokio::test]
async fn database_joined_again_and_again_is_at_home() {
    let database = Database::create().await;
    for _ in 0..3 {
        assert_eq!(joined(&database).await, None);
    }
}

/// Neither one that nobody has ever joined: it may be a new database, or one of the version before.
#[tokio::test]
async fn database_copied_is_frozen_until_it_is_thawed() {
    let database = Database::create().await;
    drop(open(&database).await);
    let fresh = database.copy().await;
    assert_eq!(joined(&fresh).await, None);

    assert_eq!(joined(&database).await, None);
    let copy = database.copy().await;
    let mark = joined(&copy).await.unwrap();
    assert!(mark.reason.contains("another one"), "{}", mark.reason);
    assert_eq!(joined(&copy).await, Some(mark), "the first mark stays");
    let store = open(&copy).await;
    store.commit(Change::Thaw.into()).await.unwrap();
    store.close();
    assert_eq!(joined(&copy).await, None, "the copy is at home by now");
    assert_eq!(joined(&database).await, None, "the one it was copied from is what it was");
    let copy_of_copy = copy.copy().await;
    assert!(joined(&copy_of_copy).await.is_some());
}

/// A dump that is read in again makes the tables anew, in whatever database.
#[tokio::test]
async fn database_read_in_from_a_dump_is_frozen() {
    let database = Database::create().await;
    assert_eq!(joined(&database).await, None);
    let anew = "SET search_path TO valetkey; ALTER TABLE store_home RENAME TO dumped;
        CREATE TABLE store_home (LIKE dumped INCLUDING ALL); INSERT INTO store_home SELECT * FROM dumped;
        DROP TABLE dumped";
    run(&database, anew).await;
    let mark = joined(&database).await.unwrap();
    assert!(mark.reason.contains("dump"), "{}", mark.reason);
}

#[tokio::test]
async fn database_on_another_server_is_frozen() {
    let database = Database::create().await;
    assert_eq!(joined(&database).await, None);
    run(&database, "UPDATE valetkey.store_home SET system = '1' || system").await;
    let mark = joined(&database).await.unwrap();
    assert!(mark.reason.contains("another server"), "{}", mark.reason);
}

/// A role that may not ask for the server's identifier goes by the rest; asking becomes allowed or forbidden later, which
/// is no sign of a copy.
#[tokio::test]
async fn role_that_may_not_ask_for_the_server_recognizes_copies_all_the_same() {
    let database = Database::create().await;
    let role = format!("{}_role", database.name());
    run(
        &database,
        &format!("CREATE ROLE {role}; GRANT CREATE, CONNECT ON DATABASE {} TO {role}", database.name()),
    )
    .await;
    let as_role = |database: &Database| {
        let url = database.url();
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}options=-crole%3D{role}")
    };
    let joined_as_role = async |database: &Database| {
        let store = PostgresStore::open_with(&as_role(database).into(), hasty()).await.unwrap();
        let clock = valetkey_domain::ManualClock::default();
        let joined = store.join(valetkey_domain::Clock::now(&clock)).await.unwrap();
        store.close();
        joined.frozen
    };
    let forbid = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC";
    run(&database, forbid).await;
    assert_eq!(joined_as_role(&database).await, None);
    let system = "SELECT system IS NULL FROM valetkey.store_home";
    let client = database.connect().await;
    assert!(client.query_one(system, &[]).await.unwrap().get::<_, bool>(0));
    assert_eq!(joined_as_role(&database).await, None);
    // The owner of the server may ask.
    assert_eq!(joined(&database).await, None);
    assert!(!client.query_one(system, &[]).await.unwrap().get::<_, bool>(0));
    assert_eq!(joined_as_role(&database).await, None);
    assert!(!client.query_one(system, &[]).await.unwrap().get::<_, bool>(0), "what is known stays known");
    drop(client);
    let copy = database.copy().await;
    run(&copy, forbid).await;
    run(&copy, &format!("GRANT CREATE, CONNECT ON DATABASE {} TO {role}", copy.name())).await;
    assert!(joined_as_role(&copy).await.is_some());
    for database in [&copy, &database] {
        run(database, &format!("DROP OWNED BY {role} CASCADE")).await;
    }
    run(&database, &format!("DROP ROLE {role}")).await;
}

/// A server whose data were put back as they were, while processes went on: they notice that what they wrote, and the
/// database had acknowledged, is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_put_back_under_a_running_process_is_frozen() {
    for (put_back, frozen) in [
        // The last moments may be missing after a failover.
        ("UPDATE valetkey.instances SET beats = 0, heartbeat_at = heartbeat_at - 30 * 1000000", false),
        ("UPDATE valetkey.instances SET beats = 0, heartbeat_at = heartbeat_at - 300 * 1000000", true),
        ("DELETE FROM valetkey.instances", true),
    ] {
        let database = Database::create().await;
        let store = open_hasty(&database).await;
        let f = Fixture::new(store.clone()).await;
        let number = i64::from(join(&store, &f).await.0);
        let client = database.connect().await;
        let beats = async || {
            let sql = "SELECT beats FROM valetkey.instances WHERE number = $1";
            let row = client.query_opt(sql, &[&number]).await.unwrap();
            row.map_or(0, |row| row.get::<_, i64>(0))
        };
        until("it has given signs of life", async || beats().await >= 3).await;
        assert_eq!(store.frozen().await.unwrap(), None);
        client.batch_execute(put_back).await.unwrap();
        // Counted from zero it would not be there for two more signs of life; it goes on from where it was.
        until("it has noticed", async || beats().await >= 3).await;
        let mark = store.frozen().await.unwrap();
        assert_eq!(mark.is_some(), frozen, "{put_back}: {mark:?}");
        if let Some(mark) = mark {
            assert!(mark.reason.contains("earlier state"), "{}", mark.reason);
        }
        // Told once: it does not come again by itself after the operator has thawed it.
        store.commit(Change::Thaw.into()).await.unwrap();
        let now = beats().await;
        until("it goes on", async || beats().await >= now + 3).await;
        assert_eq!(store.frozen().await.unwrap(), None);
        assert_eq!(i64::from(join(&store, &f).await.0), number);
    }
}
