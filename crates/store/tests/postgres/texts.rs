//! Texts that a database may take for something else, and rows that no row may be.

use std::sync::Arc;

use valetkey_domain::{
    Change, PageRequest, Store, StoreError,
    page::Cursor,
    store::{AccountFilter, ConnectionFilter},
};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{empty_store, open};

/// Whatever stands in a value, a filter or a cursor stays a value.
#[tokio::test]
async fn texts_of_any_kind_are_stored_and_searched_as_they_are() {
    let (store, _database) = empty_store().await;
    let f = Fixture::new(store.clone()).await;
    let texts = [
        "'; DROP TABLE valetkey.accounts CASCADE; --",
        "$1 $$ ?1 :name",
        "\\x00 \\ E'\\''",
        "nul \0 inside",
        "\0",
        "\u{fdd0}",
        "😀 \u{202e}é\u{301}",
    ];
    for text in texts {
        let connection = f.stored_connection(text).await;
        let account = f.stored_account(&connection, text).await;
        assert_eq!(store.connection_by_name(&f.env, text).await.unwrap().as_ref(), Some(&connection));
        let found = store.accounts_of_identifier(&connection.id, text).await.unwrap();
        assert_eq!(found, [account.clone()], "{text:?}");
        let filter = ConnectionFilter { query: Some(text.into()), connector: None };
        let page = store.connections(&f.env, &filter, &PageRequest::default()).await.unwrap();
        assert_eq!(page.items[0], connection);
        let filter = AccountFilter { identifier: Some(text.into()), ..AccountFilter::default() };
        let page = store.accounts(&f.env, &filter, &PageRequest::default()).await.unwrap();
        assert_eq!((page.items, page.total), (vec![account], 1));
        for cursor in [Cursor::After(text.into()), Cursor::Before(text.into())] {
            let request = PageRequest { size: 5, cursor: Some(cursor) };
            store.accounts(&f.env, &AccountFilter::default(), &request).await.unwrap();
        }
    }
    let all = store.accounts(&f.env, &AccountFilter::default(), &PageRequest::default()).await.unwrap();
    assert_eq!(all.total, texts.len() as u64);
}

/// What no index can hold is refused as such and harms nothing else.
#[tokio::test]
async fn text_too_large_for_its_index_is_refused_as_unfit() {
    let (store, _database) = empty_store().await;
    let f = Fixture::new(store.clone()).await;
    // Not compressible: hashes.
    let text: String = (0..2000).flat_map(|_| f.hash()).map(|byte| char::from(b'a' + byte % 26)).collect();
    let refusal = f.commit(Change::InsertConnection(f.connection(&text))).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Inconsistent { table: "connections", .. }), "{refusal}");
    assert!(!refusal.to_string().contains(&text[..20]));
    f.stored_connection("gmail").await;
}

#[tokio::test]
async fn row_that_no_row_may_be_is_named() {
    let database = Database::create().await;
    let store = Arc::new(open(&database).await);
    let f = Fixture::new(store.clone()).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let client = database.connect().await;
    client
        .batch_execute("SET search_path TO valetkey; SET session_replication_role TO replica")
        .await
        .unwrap();
    for (column, value, good) in [
        ("status", "'FINE'", "'PENDING'".to_owned()),
        ("scopes", "'not json'", "'[]'".to_owned()),
        ("generation", "-1", "0".to_owned()),
        ("environment", "'somewhere'", format!("'{}'", f.env)),
        ("created_at", "9223372036854775807", "(SELECT updated_at)".to_owned()),
        ("cause", "'no_such_code'", "NULL".to_owned()),
    ] {
        client.batch_execute(&format!("UPDATE accounts SET {column} = {value}")).await.unwrap();
        match store.account(&account.id).await {
            Err(StoreError::Inconsistent { table: "accounts", column: found, row, .. }) => {
                assert_eq!((found, row.as_str()), (column, account.id.as_str()));
            }
            other => panic!("{column}: {other:?}"),
        }
        client.batch_execute(&format!("UPDATE accounts SET {column} = {good}")).await.unwrap();
    }
    assert_eq!(store.account(&account.id).await.unwrap(), Some(account));
}
