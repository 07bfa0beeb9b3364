//! `valetkey doctor system` on PostgreSQL: what the server itself says is told with our words, evidence and remedy.

use serde_json::Value;
use valetkey_testkit::postgres::Database;

use crate::{
    doctor_system::{codes, diagnosis, finding, step, told},
    harness::folder,
    serve::{KEY, started},
};

async fn sql(database: &Database, text: &str) {
    database.connect().await.batch_execute(text).await.unwrap();
}

/// What the doctor says about a database, which never is its password.
fn look(url: &str) -> Value {
    let place = folder();
    let found = diagnosis(place.path(), &[("MASTER_KEY", KEY), ("DATABASE_URL", url)]);
    let (_, rest) = url.split_once("://").unwrap();
    let (who, _) = rest.split_once('@').unwrap();
    let (_, password) = who.split_once(':').unwrap();
    assert!(!found.to_string().contains(password), "{found:#}");
    found
}

/// A database in which a server has worked once, and its URL.
async fn used() -> (Database, String) {
    let database = Database::create().await;
    let (place, url) = (folder(), database.url());
    let (server, _) = started(place.path(), &[("MASTER_KEY", KEY), ("DATABASE_URL", &url)]);
    server.stop("-TERM");
    (database, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn database_server_that_lets_nobody_in_is_told_in_its_own_words() {
    let database = Database::create().await;
    let url = database.url();
    let (head, rest) = url.split_once("://").unwrap();
    let (user, after) = rest.split_once(':').unwrap();
    let (_, after) = after.split_once('@').unwrap();
    let found = look(&format!("{head}://{user}:canary-wrong@{after}"));
    told(finding(&found, "database_unreachable"), "password authentication failed", "Check database_url");
    let found = look(&url.replace(database.name(), "valetkey_nowhere"));
    told(finding(&found, "database_unreachable"), "does not exist", "Check database_url");
    // It is there, and nothing is in it yet: nothing is made.
    let found = look(&url);
    let missing = finding(&found, "database_missing");
    told(missing, database.name(), "start the server");
    assert_eq!(missing["severity"], "degraded");
    let tables = "SELECT count(*) FROM pg_class
                  WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_)'";
    let count: i64 = database.connect().await.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn database_server_without_room_or_right_to_write_is_told_apart() {
    let (database, url) = used().await;
    let found = look(&url);
    for name in ["database", "migrations", "clock_of_database", "writes", "master_key"] {
        assert_eq!(step(&found, name), "ok", "{name}: {found:#}");
    }
    assert!(codes(&found).iter().all(|code| !code.starts_with("database_")), "{found:#}");
    // A disk without room: the server answers the next write with 53100.
    sql(
        &database,
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device' USING ERRCODE = '53100';
         END $$;
         DO $$ DECLARE t text; BEGIN
           FOR t IN SELECT oid::regclass::text FROM pg_class
                    WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_)' LOOP
             EXECUTE format('CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON %s
                             FOR EACH STATEMENT EXECUTE FUNCTION no_room()', t);
           END LOOP;
         END $$;",
    )
    .await;
    let found = look(&url);
    told(finding(&found, "database_full"), "53100", "Make room");
    assert_eq!((step(&found, "writes"), step(&found, "master_key")), ("failed", "ok"), "{found:#}");
    sql(&database, "DROP FUNCTION no_room() CASCADE").await;
    let name = database.name();
    sql(&database, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let found = look(&url);
    told(finding(&found, "database_read_only"), "does not allow writes", "primary in database_url");
    assert!(!codes(&found).contains(&"database_unreachable"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn database_server_of_an_older_version_is_not_migrated_by_a_look() {
    let (database, url) = used().await;
    let newest = "SELECT max(number)::bigint FROM schema_migrations";
    sql(&database, &format!("DELETE FROM schema_migrations WHERE number = ({newest})")).await;
    let of = async || -> i64 { database.connect().await.query_one(newest, &[]).await.unwrap().get(0) };
    let before = of().await;
    let pending = look(&url);
    told(finding(&pending, "migrations_pending"), "pending: ", "Make a backup");
    assert_eq!(of().await, before);
}
