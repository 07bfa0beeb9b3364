//! URLs, trust, and databases that are refused.

use valetkey_domain::Store;
use valetkey_store::{PostgresOpenError, PostgresStore};
use valetkey_testkit::postgres::Database;

use crate::{open, options};

async fn refusal(url: String) -> PostgresOpenError {
    PostgresStore::open_with(&url.into(), options()).await.unwrap_err()
}

#[tokio::test]
async fn database_opened_again_is_as_it_was() {
    let database = Database::create().await;
    let store = open(&database).await;
    assert!(store.place().contains("/valetkey_test_") && !store.place().contains('@'), "{}", store.place());
    store.check().await.unwrap();
    store.close();
    let again = open(&database).await;
    again.check().await.unwrap();
    let probes = "SELECT probes FROM valetkey.store_info";
    assert_eq!(database.connect().await.query_one(probes, &[]).await.unwrap().get::<_, i64>(0), 2);
}

/// Neither the reason nor the place holds the password.
#[tokio::test]
async fn database_out_of_reach_is_refused_without_its_password() {
    let database = Database::create().await;
    let url = database.url();
    let password = url.split_once("://").unwrap().1.split(['@', ':']).nth(1).unwrap().to_owned();
    let port = url.split('@').nth(1).unwrap().split(['/', ':']).nth(1).unwrap().to_owned();
    for (wrong, expected) in [
        (url.replace(&password, "hunter2"), "password authentication failed"),
        (url.replace("/valetkey_test_", "/no_such_"), "does not exist"),
        (url.replace(&format!(":{port}/"), ":1/"), "refused"),
    ] {
        let refusal = refusal(wrong).await;
        assert!(matches!(refusal, PostgresOpenError::Unusable { .. }), "{refusal:?}");
        let words = format!("{refusal} {refusal:?}");
        assert!(words.contains(expected), "{words}");
        assert!(!words.contains("hunter2") && !words.contains(&password), "{words}");
    }
    let store = open(&database).await;
    assert!(!format!("{store:?}").contains(&password));
    assert!(matches!(refusal("sqlite:///x".into()).await, PostgresOpenError::Url { .. }));
}

#[tokio::test]
async fn database_of_a_newer_version_is_refused_by_name() {
    let database = Database::create().await;
    drop(open(&database).await);
    let newer = "INSERT INTO valetkey.schema_migrations VALUES (999, '0999_future', 0)";
    database.connect().await.batch_execute(newer).await.unwrap();
    let refusal = refusal(database.url()).await;
    assert!(matches!(refusal, PostgresOpenError::Newer { found: 999, .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("newer version of Valetkey"));
}

#[tokio::test]
async fn schema_of_something_else_is_refused_and_left_alone() {
    for made in [
        "CREATE TABLE valetkey.accounts (x int)",
        "CREATE TABLE valetkey.schema_migrations (version text)",
        "CREATE TABLE valetkey.schema_migrations (number bigint, name text);
         INSERT INTO valetkey.schema_migrations VALUES (1, '0001_of_something_else')",
    ] {
        let database = Database::create().await;
        let client = database.connect().await;
        client.batch_execute(&format!("CREATE SCHEMA valetkey; {made}")).await.unwrap();
        let refusal = refusal(database.url()).await;
        assert!(matches!(refusal, PostgresOpenError::Foreign { .. }), "{made}: {refusal:?}");
        let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'valetkey'";
        assert_eq!(client.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 1);
    }
}

/// A database may be shared: other tables, of the same names too, are somewhere else. A schema that an administrator
/// has made is used.
#[tokio::test]
async fn database_of_others_is_shared_by_schema() {
    let database = Database::create().await;
    let client = database.connect().await;
    let others = "CREATE TABLE public.accounts (x int); CREATE TABLE public.schema_migrations (version text);
        INSERT INTO public.schema_migrations VALUES ('20200101'); CREATE SCHEMA valetkey";
    client.batch_execute(others).await.unwrap();
    open(&database).await.check().await.unwrap();
    assert_eq!(
        client
            .query_one("SELECT version FROM public.schema_migrations", &[])
            .await
            .unwrap()
            .get::<_, String>(0),
        "20200101"
    );
}

#[tokio::test]
async fn database_of_another_encoding_is_refused() {
    let database = Database::create().await;
    let name = database.url().split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let other = format!("{name}_latin1");
    let client = database.connect().await;
    client
        .batch_execute(&format!("CREATE DATABASE {other} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"))
        .await
        .unwrap();
    let refusal = refusal(database.url().replace(&name, &other)).await;
    assert!(refusal.to_string().contains("UTF8"), "{refusal}");
    client.batch_execute(&format!("DROP DATABASE {other} WITH (FORCE)")).await.unwrap();
}

/// The server of the tests has a certificate for localhost and 127.0.0.1 of an authority of its own.
#[tokio::test]
async fn connections_with_tls_trust_the_given_authority_alone() {
    let database = Database::create().await;
    let url = database.url();
    assert!(
        url.contains("sslrootcert="),
        "the URL of the server must name its authority (sslrootcert), as that of scripts/postgres.sh does"
    );
    let count = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE datname = current_database() AND application_name = 'valetkey' AND ssl";
    let client = database.connect().await;
    let encrypted = async || client.query_one(count, &[]).await.unwrap().get::<_, i64>(0);
    let plain = open(&database).await;
    plain.check().await.unwrap();
    assert_eq!(encrypted().await, 0);
    for mode in ["require", "verify-ca", "verify-full"] {
        let store =
            PostgresStore::open_with(&format!("{url}&sslmode={mode}").into(), options()).await.unwrap();
        store.check().await.unwrap();
        assert!(encrypted().await > 0);
        // Whose certificate is of another authority is not talked to.
        let (base, _) = url.split_once('?').unwrap();
        let refusal = refusal(format!("{base}?sslmode={mode}&sslrootcert=system")).await;
        assert!(matches!(refusal, PostgresOpenError::Unusable { .. } | PostgresOpenError::Url { .. }));
        assert!(refusal.to_string().contains("certificate"), "{refusal}");
    }
}
