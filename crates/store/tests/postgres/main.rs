//! The storage contract on PostgreSQL, and what is particular to it. Needs a server: see
//! `valetkey_testkit::postgres`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod concurrency;
mod dump;
mod home;
mod inspect;
mod instances;
mod leases;
mod lists;
mod opening;
mod outages;
mod restarts;
mod server;
mod texts;
mod upgrade;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;
use valetkey_domain::Store;
use valetkey_store::{PostgresOptions, PostgresStore, SqliteStore};
use valetkey_testkit::postgres::Database;

/// Few connections and little patience: many tests share the server.
fn options() -> PostgresOptions {
    PostgresOptions {
        max_connections: 8,
        acquire_timeout: Duration::from_secs(30),
        ..PostgresOptions::default()
    }
}

async fn open(database: &Database) -> PostgresStore {
    PostgresStore::open_with(&database.url().into(), options()).await.unwrap()
}

/// Tries until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn empty_store() -> (Arc<dyn Store>, Database) {
    let database = Database::create().await;
    (Arc::new(open(&database).await), database)
}

valetkey_testkit::store_contract_tests!(empty_store, without random operations);

/// One database that is emptied again and again: making hundreds would take minutes.
#[derive(Default)]
struct Emptied(OnceCell<(Database, Arc<dyn Store>, tokio_postgres::Client)>);

impl Emptied {
    async fn again(&self) -> Arc<dyn Store> {
        let make = async || {
            let (store, database) = empty_store().await;
            let client = database.connect().await;
            (database, store, client)
        };
        let (_, store, client) = self.0.get_or_init(make).await;
        // What refers to others comes first.
        for table in [
            "webhook_bodies",
            "webhook_deliveries",
            "webhook_secrets",
            "webhooks",
            "sessions",
            "invitations",
            "users",
            "audit",
            "audit_head",
            "branding",
            "branding_logos",
            "bulk_works",
            "status_counts",
            "answers",
            "credentials",
            "refreshes",
            "auth_requests",
            "accounts",
            "connections",
            "revocations",
            "events",
            "executions",
            "api_tokens",
            "api_clients",
            "environments",
            "key_terms",
            "signing_keys",
        ] {
            client.batch_execute(&format!("DELETE FROM valetkey.{table}")).await.unwrap();
        }
        Arc::clone(store)
    }
}

#[test]
fn random_operations_agree_with_the_model() {
    let emptied = Emptied::default();
    valetkey_testkit::store_contract::random_operations_agree_with_the_model(|| async {
        (emptied.again().await, ())
    });
}

#[test]
fn random_operations_agree_with_sqlite() {
    let emptied = Emptied::default();
    valetkey_testkit::store_contract::random_operations_agree_in_both_stores(|| async {
        let sqlite: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        (sqlite, emptied.again().await, ())
    });
}
