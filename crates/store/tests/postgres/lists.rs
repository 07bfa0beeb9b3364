//! Which indexes serve lists and searches, and databases whose role may not add an extension.

use valetkey_domain::{Change, PageRequest, Store, store::AccountFilter};
use valetkey_testkit::{postgres::Database, store_contract::Fixture};

use crate::{open, options};

/// With so many rows that walking an index pays, and statistics on them.
const ROWS: &str = "
    SET search_path TO valetkey;
    INSERT INTO executions (id, environment, tool, connector, connection, account, identifier, client, source,
        request_id, status, started_at)
    SELECT 'ex_' || lpad(n::text, 26, '0'), 'env', 'tool_' || n % 3, 'gmail', 'conn_' || n % 3, 'ca_' || n % 5,
        'user', 'agent', 'rest', 'req', CASE n % 50 WHEN 0 THEN 'FAILED' ELSE 'SUCCEEDED' END, n
    FROM generate_series(1, 30000) AS n;
    INSERT INTO events (id, environment, account, connection, kind, actor, code, data, at)
    SELECT 'ev_' || lpad(n::text, 26, '0'), 'env', 'ca_' || n % 100, 'conn_' || n % 3, 'kind_' || n % 3, 'system',
        CASE n % 500 WHEN 0 THEN 'upstream_error' END, '{}', n
    FROM generate_series(1, 30000) AS n;
    ANALYZE executions; ANALYZE events;";

async fn plan(client: &tokio_postgres::Client, sql: &str) -> String {
    let rows = client.query(&format!("EXPLAIN {sql}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

/// Filters of which few rows fit both, though many fit each.
#[tokio::test]
async fn lists_by_two_filters_walk_an_index_of_both() {
    let database = Database::create().await;
    let _store = open(&database).await;
    let client = database.connect().await;
    client.batch_execute(ROWS).await.unwrap();
    for (table, filter, index) in [
        ("executions", "connection = 'conn_1' AND tool = 'tool_2'", "executions_by_connection_and_tool"),
        ("executions", "connection = 'conn_1' AND status = 'FAILED'", "executions_failed_by_connection"),
        ("executions", "account = 'ca_0' AND status = 'FAILED'", "executions_failed_by_account"),
        ("events", "connection = 'conn_1' AND kind = ANY('{kind_2}')", "events_by_connection_and_kind"),
        ("events", "connection = 'conn_1' AND code = 'upstream_error'", "events_by_connection_and_code"),
    ] {
        let rest = "ORDER BY id DESC LIMIT 21";
        let of_environment =
            if filter.contains("account") { "environment = 'env'" } else { "environment || '' = 'env'" };
        let sql = format!("SELECT * FROM {table} WHERE {of_environment} AND {filter} {rest}");
        let plan = plan(&client, &sql).await;
        assert!(plan.contains(index), "{filter}: {plan}");
    }
}

/// A part of a text is found through the index of letters.
#[tokio::test]
async fn search_walks_the_index_of_letters() {
    let database = Database::create().await;
    let f = Fixture::new(std::sync::Arc::new(open(&database).await)).await;
    let connection = f.stored_connection("gmail").await;
    f.stored_account(&connection, "user_1").await;
    let client = database.connect().await;
    client.batch_execute("SET search_path TO valetkey; SET enable_seqscan TO off").await.unwrap();
    let plan = plan(&client, "SELECT id FROM accounts WHERE search_text LIKE '%user\\_1%'").await;
    assert!(plan.contains("accounts_by_text"), "{plan}");
}

/// A role that may not create anything in the database but a schema of ours that is there: everything works, searches look
/// at every account.
#[tokio::test]
async fn search_finds_the_same_without_the_extension() {
    let database = Database::create().await;
    let client = database.connect().await;
    let role = format!("{}_role", database.name());
    let forbid = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; CREATE SCHEMA valetkey AUTHORIZATION {role};
         REVOKE ALL ON DATABASE {} FROM PUBLIC; GRANT CONNECT ON DATABASE {} TO {role}",
        database.name(),
        database.name()
    );
    client.batch_execute(&forbid).await.unwrap();
    let url = database.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let url = format!("{scheme}://{role}:secret@{}", rest.split_once('@').unwrap().1);
    let store = valetkey_store::PostgresStore::open_with(&url.into(), options()).await.unwrap();
    let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(store);
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    for n in 0..3 {
        f.commit(Change::InsertAccount(f.account(&connection, &format!("user_{n}")))).await.unwrap();
    }
    let sql = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    let filter = AccountFilter { query: Some("SER_1".into()), ..AccountFilter::default() };
    let found = f.store.accounts(&f.env, &filter, &PageRequest::default()).await.unwrap();
    assert_eq!(found.items.iter().map(|it| it.identifier.as_str()).collect::<Vec<_>>(), ["user_1"]);
    drop(f);
    let tidy = format!("DROP SCHEMA valetkey CASCADE; DROP OWNED BY {role}; DROP ROLE {role}");
    client.batch_execute(&tidy).await.unwrap();
}
