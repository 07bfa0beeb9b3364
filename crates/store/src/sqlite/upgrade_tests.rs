//! Databases of earlier versions, with everything in them, are upgraded without loss.

use std::{collections::BTreeMap, path::Path};

use rusqlite::types::Value;
use valetkey_domain::{
    AccountStatus, Change, ErrorCode, PageRequest, Store, connection::IdentityPolicy, store::AccountFilter,
};
use valetkey_testkit::store_contract::Fixture;

use super::*;

/// A database as the first version made it.
fn first_version(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    connection.pragma_update(None, "application_id", 0x766c_746b).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE schema_migrations (
                 number INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, applied_at INTEGER NOT NULL
             ) STRICT;
             INSERT INTO schema_migrations VALUES (1, '0001_initial', 0);",
        )
        .unwrap();
    connection.execute_batch(include_str!("../../migrations/sqlite/0001_initial.sql")).unwrap();
    connection
}

/// Every table with every column filled in, and a second account that refers to the same connection.
fn fill(connection: &Connection) {
    let sql = "
        INSERT INTO environments VALUES ('env_00000000000000000000000000', 'default', 1);
        INSERT INTO connections VALUES ('conn_00000000000000000000000000', 'env_00000000000000000000000000', 'gmail',
            'gmail', 'id', x'01', 0, '[\"a\"]', '{}', '{}', 1, NULL, 4, 2, 3);
        INSERT INTO accounts VALUES ('ca_00000000000000000000000001', 'env_00000000000000000000000000',
            'conn_00000000000000000000000000', 'user_1', 'org', 'usr', 'OAUTH', 'ACTIVE', '[\"a\"]', 'sub', 'label',
            '{\"a\": \"b\"}', '{}', 11, 12, 2, 'upstream_error', 7, 13, 14, 'text');
        INSERT INTO accounts VALUES ('ca_00000000000000000000000002', 'env_00000000000000000000000000',
            'conn_00000000000000000000000000', 'user_2', NULL, NULL, 'API_KEY', 'PENDING', '[]', NULL, NULL,
            '{}', '{}', NULL, NULL, 0, NULL, 1, 13, 14, 'text');
        INSERT INTO credentials VALUES ('ca_00000000000000000000000001', 1, x'0102', 15);
        INSERT INTO credentials VALUES ('ca_00000000000000000000000001', 2, x'0304', 16);
        INSERT INTO auth_requests VALUES ('ar_00000000000000000000000000', 'env_00000000000000000000000000',
            'ca_00000000000000000000000002', 'conn_00000000000000000000000000', zeroblob(32), NULL, NULL, x'09', '[]',
            NULL, NULL, 'CREATED', NULL, 0, 1, 17, 18, NULL);
        INSERT INTO events VALUES ('ev_00000000000000000000000000', 'env_00000000000000000000000000',
            'ca_00000000000000000000000001', NULL, 'account.created', 'system', NULL, '{}', 19);
        INSERT INTO executions VALUES ('ex_00000000000000000000000000', 'env_00000000000000000000000000', 'tool', 'gmail',
            'conn_00000000000000000000000000', 'ca_00000000000000000000000001', 'user_1', NULL, 'agent', 'rest', 'req',
            NULL, NULL, 'RUNNING', NULL, NULL, 20, NULL);
        INSERT INTO api_clients VALUES ('agent', 'env_00000000000000000000000000', 'An agent', zeroblob(32), '[]', 21, NULL);
        INSERT INTO api_tokens VALUES ('tok_00000000000000000000000000', 'env_00000000000000000000000000', 'agent', 'A token',
            zeroblob(32), 'vk_', '[]', 22, NULL, NULL);
        INSERT INTO key_terms VALUES (1, x'07', 8, 23);
        INSERT INTO signing_keys VALUES ('kid', x'08', '{}', 24);";
    connection.execute_batch(sql).unwrap();
}

/// Every row of every table, by the names of its columns.
fn content(connection: &Connection) -> BTreeMap<String, Vec<BTreeMap<String, Value>>> {
    let mut tables = connection
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%'",
        )
        .unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let rows = |table: &String| {
        let mut all = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns: Vec<String> = all.column_names().into_iter().map(Into::into).collect();
        let read = |row: &rusqlite::Row<'_>| {
            columns.iter().enumerate().map(|(n, name)| Ok((name.clone(), row.get(n)?))).collect()
        };
        all.query_map([], read).unwrap().map(Result::unwrap).collect()
    };
    tables.iter().map(|table| (table.clone(), rows(table))).collect()
}

#[tokio::test]
async fn database_of_the_first_version_is_upgraded_without_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.db");
    let old = first_version(&path);
    fill(&old);
    let before = content(&old);
    assert!(before.values().all(|rows| !rows.is_empty()), "every table is filled");
    drop(old);

    let store = SqliteStore::open(&path).unwrap();
    store.verify().await.unwrap();
    let after = store.readers.get(|c| Ok(content(c))).unwrap();
    for (table, rows) in &before {
        let kept = &after[table];
        let new = if table == "schema_migrations" { open::MIGRATIONS.len() - 1 } else { 0 };
        assert_eq!(kept.len(), rows.len() + new, "{table}");
        for (old, new) in rows.iter().zip(kept) {
            for (column, value) in old {
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

    // What is kept beside the accounts has been made from them.
    let filter = AccountFilter { query: Some("EXT".into()), ..AccountFilter::default() };
    let page = PageRequest { size: 1, cursor: None };
    let found = store.accounts(&account.environment, &filter, &page).await.unwrap();
    assert_eq!((found.items.len(), found.total), (1, 2));
    let counts = store.accounts_by_status().await.unwrap();
    let counts: Vec<_> = counts.iter().map(|count| (count.status, count.accounts)).collect();
    assert_eq!(counts, [(AccountStatus::Active, 1), (AccountStatus::Pending, 1)]);

    // What refers to accounts refers to the new table.
    store.commit(Change::DeleteAccount(id.clone()).into()).await.unwrap();
    assert_eq!(store.credential(&id).await.unwrap(), None);
    let orphan = Connection::open(&path).unwrap();
    orphan.pragma_update(None, "foreign_keys", true).unwrap();
    let refused = orphan.execute("INSERT INTO credentials VALUES ('ca_nobody', 1, x'00', 0)", []);
    assert!(refused.unwrap_err().to_string().contains("FOREIGN KEY"));
}

/// A row that refers to nothing: the upgrade refuses instead of carrying it along, and changes nothing.
#[test]
fn database_with_a_row_astray_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.db");
    let old = first_version(&path);
    fill(&old);
    old.pragma_update(None, "foreign_keys", false).unwrap();
    old.execute("INSERT INTO credentials VALUES ('ca_nobody', 1, x'00', 0)", []).unwrap();
    let before = content(&old);
    drop(old);
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Damaged { .. })));
    assert_eq!(content(&Connection::open(&path).unwrap()), before);
}

/// The setting that the upgrade switches off is on again afterwards.
#[tokio::test]
async fn database_just_upgraded_keeps_its_references() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("valetkey.db");
    drop(first_version(&path));
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.account(&connection, "user_1");
    let refused = f.commit(f.credential(&account, 1)).await;
    assert_eq!(refused, Err(StoreError::Conflict { what: "credential.account" }));
}
