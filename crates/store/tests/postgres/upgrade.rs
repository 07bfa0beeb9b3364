//! R12: a database of an earlier version, with everything in it, is upgraded without loss, and the version before goes on
//! working on it.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::Client;
use valetkey_domain::{Change, ErrorCode, Store, connection::IdentityPolicy};
use valetkey_testkit::postgres::Database;

use crate::open;

/// Makes the database as the first version made it.
async fn first_version(client: &Client) {
    let migrations = "CREATE SCHEMA valetkey; SET search_path TO valetkey;
        CREATE TABLE schema_migrations (number bigint PRIMARY KEY NOT NULL, name text NOT NULL, applied_at bigint NOT NULL);
        INSERT INTO schema_migrations VALUES (1, '0001_initial', 0)";
    client.batch_execute(migrations).await.unwrap();
    client.batch_execute(include_str!("../../migrations/postgres/0001_initial.sql")).await.unwrap();
}

/// What the first version wrote into accounts.
const ACCOUNT: &str = "INSERT INTO accounts (id, environment, connection, identifier, organization_id, user_id, auth_type,
    status, scopes, provider_subject, label, metadata, api_config, token_expires_at, last_used_at, generation, cause,
    version, created_at, updated_at, search_text) VALUES ";

/// Fills every table, and every column of some row.
async fn fill(client: &Client) {
    let hash = format!("'\\x{}'", "00".repeat(32));
    let sql = format!(
        "INSERT INTO environments VALUES ('env_00000000000000000000000000', 'default', 1);
        INSERT INTO connections VALUES ('conn_00000000000000000000000000', 'env_00000000000000000000000000', 'gmail',
            'gmail', 'id', '\\x01', false, '[\"a\"]', '{{}}', '{{}}', true, NULL, 4, 2, 3);
        {ACCOUNT} ('ca_00000000000000000000000001', 'env_00000000000000000000000000',
            'conn_00000000000000000000000000', 'user_1', 'org', 'usr', 'OAUTH', 'ACTIVE', '[\"a\"]', 'sub', 'label',
            '{{\"a\": \"b\"}}', '{{}}', 11, 12, 2, 'upstream_error', 7, 13, 14, 'text');
        {ACCOUNT} ('ca_00000000000000000000000002', 'env_00000000000000000000000000',
            'conn_00000000000000000000000000', 'user_2', NULL, NULL, 'API_KEY', 'PENDING', '[]', NULL, NULL,
            '{{}}', '{{}}', NULL, NULL, 0, NULL, 1, 13, 14, 'text');
        INSERT INTO credentials VALUES ('ca_00000000000000000000000001', 1, '\\x0102', 15);
        INSERT INTO credentials VALUES ('ca_00000000000000000000000001', 2, '\\x0304', 16);
        INSERT INTO auth_requests VALUES ('ar_00000000000000000000000000', 'env_00000000000000000000000000',
            'ca_00000000000000000000000002', 'conn_00000000000000000000000000', {hash}, NULL, NULL, '\\x09', '[]',
            NULL, NULL, 'CREATED', NULL, 0, 1, 17, 18, NULL);
        INSERT INTO events VALUES ('ev_00000000000000000000000000', 'env_00000000000000000000000000',
            'ca_00000000000000000000000001', NULL, 'account.created', 'system', NULL, '{{}}', 19);
        INSERT INTO executions VALUES ('ex_00000000000000000000000000', 'env_00000000000000000000000000', 'tool',
            'gmail', 'conn_00000000000000000000000000', 'ca_00000000000000000000000001', 'user_1', NULL, 'agent', 'rest',
            'req', NULL, NULL, 'RUNNING', NULL, NULL, 20, NULL);
        INSERT INTO api_clients VALUES ('agent', 'env_00000000000000000000000000', 'An agent', {hash}, '[]', 21, NULL);
        INSERT INTO api_tokens VALUES ('tok_00000000000000000000000000', 'env_00000000000000000000000000', 'agent',
            'A token', {hash}, 'vk_', '[]', 22, NULL, NULL);
        INSERT INTO key_terms VALUES (1, '\\x07', 8, 23);
        INSERT INTO signing_keys VALUES ('kid', '\\x08', '{{}}', 24);"
    );
    client.batch_execute(&sql).await.unwrap();
}

/// How many migrations there are.
fn migrations() -> usize {
    std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres")).unwrap().count()
}

/// Every row of every table, by the names of its columns.
async fn content(client: &Client) -> BTreeMap<String, Vec<Value>> {
    let mut content = BTreeMap::new();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'valetkey'";
    for row in client.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let rows = format!("SELECT to_jsonb(t)::text FROM valetkey.{table} t ORDER BY t::text COLLATE \"C\"");
        let rows = client.query(&rows, &[]).await.unwrap();
        let rows = rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect();
        content.insert(table, rows);
    }
    content
}

#[tokio::test]
async fn database_of_the_first_version_is_upgraded_without_loss() {
    let database = Database::create().await;
    let client = database.connect().await;
    first_version(&client).await;
    fill(&client).await;
    let before = content(&client).await;
    assert!(before.values().all(|rows| !rows.is_empty()), "every table is filled");

    let store = open(&database).await;
    let after = content(&client).await;
    for (table, rows) in &before {
        let kept = &after[table];
        let new = if table == "schema_migrations" { migrations() - 1 } else { 0 };
        assert_eq!(kept.len(), rows.len() + new, "{table}");
        for (old, new) in rows.iter().zip(kept) {
            for (column, value) in old.as_object().unwrap() {
                assert_eq!(new.get(column), Some(value), "{table}.{column}");
            }
        }
    }

    let id = "ca_00000000000000000000000001".parse().unwrap();
    let account = store.account(&id).await.unwrap().unwrap();
    assert_eq!((account.name.as_str(), account.refresh_at, account.degraded), ("", None, None));
    assert_eq!((account.version, account.cause), (7, Some(ErrorCode::UpstreamError)));
    assert_eq!(store.credential(&id).await.unwrap().map(|c| c.generation), Some(2));
    assert_eq!(store.previous_credential(&id).await.unwrap().map(|c| c.generation), Some(1));
    let connection = store.connection(&account.connection).await.unwrap().unwrap();
    assert_eq!(connection.identity_policy, IdentityPolicy::Flag);
    // What ran when the version before ended has no instance.
    let execution = "ex_00000000000000000000000000".parse().unwrap();
    assert_eq!(store.execution(&execution).await.unwrap().unwrap().instance, None);
    assert_eq!(store.join(account.created_at).await.unwrap().frozen, None);
    store.commit(Change::DeleteAccount(id.clone()).into()).await.unwrap();
    assert_eq!(store.credential(&id).await.unwrap(), None);
}

/// Replicas of both versions at the same time: the old one knows nothing of the new columns and tables.
#[tokio::test]
async fn version_before_goes_on_working_on_an_upgraded_database() {
    let database = Database::create().await;
    let old = database.connect().await;
    first_version(&old).await;
    fill(&old).await;
    let new = open(&database).await;
    let third = format!(
        "{ACCOUNT} ('ca_00000000000000000000000003', 'env_00000000000000000000000000',
            'conn_00000000000000000000000000', 'user_3', NULL, NULL, 'API_KEY', 'PENDING', '[]', NULL, NULL,
            '{{}}', '{{}}', NULL, NULL, 0, NULL, 1, 13, 14, 'text')"
    );
    old.batch_execute(&third).await.unwrap();
    let id = "ca_00000000000000000000000003".parse().unwrap();
    let mut account = new.account(&id).await.unwrap().unwrap();
    account.version += 1;
    account.refresh_at = Some(account.created_at);
    new.commit(Change::UpdateAccount(account.clone()).into()).await.unwrap();
    // It writes what it knows; what it does not know stays.
    let update = "UPDATE accounts SET label = 'old', version = version + 1 WHERE id = $1 AND version = 2";
    assert_eq!(old.execute(update, &[&id.as_str()]).await.unwrap(), 1);
    let again = new.account(&id).await.unwrap().unwrap();
    assert_eq!((again.label.as_deref(), again.version), (Some("old"), 3));
    assert_eq!(again.refresh_at, account.refresh_at);
    // It makes no second account of an identifier.
    let twice = third.replace("ca_00000000000000000000000003", "ca_00000000000000000000000004");
    let refusal = old.batch_execute(&twice).await.unwrap_err();
    assert_eq!(refusal.code(), Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION));
}
