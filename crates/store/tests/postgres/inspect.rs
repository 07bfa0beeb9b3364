//! A look at a database changes nothing in it.

use valetkey_domain::{Clock as _, SystemClock};
use valetkey_store::{PostgresOpenError, PostgresStore};
use valetkey_testkit::postgres::Database;

use crate::open;

#[tokio::test]
async fn database_new_current_and_older_are_told_apart_and_left_alone() {
    let database = Database::create().await;
    let url = database.url().into();
    let client = database.connect().await;
    let tables = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = 'valetkey'";
    let empty = PostgresStore::inspect(&url).await.unwrap();
    assert_eq!(empty.applied, None);
    assert!(empty.pending.contains(&"0001_initial"));
    assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0, "nothing is made");

    open(&database).await.close();
    let current = PostgresStore::inspect(&url).await.unwrap();
    assert!(current.pending.is_empty() && current.applied.is_some());
    let (at, took) = current.clock.unwrap();
    let apart: time::Duration = SystemClock.now() - at;
    assert!(apart.abs() < time::Duration::seconds(60) && took.as_secs() < 30, "{apart}");
    assert!(!current.place.contains(':') || !current.place.contains('@'), "{}", current.place);

    let last = "DELETE FROM valetkey.schema_migrations
        WHERE number = (SELECT max(number) FROM valetkey.schema_migrations) RETURNING name";
    let name: String = client.query_one(last, &[]).await.unwrap().get(0);
    let older = PostgresStore::inspect(&url).await.unwrap();
    assert_eq!(older.pending, [name.as_str()]);
    assert_eq!(older.applied, current.applied.map(|number| number - 1));
    assert_eq!(PostgresStore::inspect(&url).await.unwrap().pending, [name.as_str()], "and is still so");
}

#[tokio::test]
async fn database_that_is_not_there_is_unusable_without_its_password() {
    let url = "postgres://u:hunter2@127.0.0.1:1/none".to_owned().into();
    let refusal = PostgresStore::inspect(&url).await.unwrap_err();
    assert!(matches!(refusal, PostgresOpenError::Unusable { .. }), "{refusal}");
    assert!(!refusal.to_string().contains("hunter2"), "{refusal}");
}
