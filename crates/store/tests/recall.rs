//! What is remembered is never older than the last commit of this process, and soon as new as those of others.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use valetkey_domain::{Change, Store};
use valetkey_store::{RECALL_LIFE, Recall, SqliteStore};
use valetkey_testkit::store_contract::Fixture;

fn stores() -> (Arc<dyn Store>, Arc<Recall>) {
    let plain: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
    let recall = Arc::new(Recall::new(Arc::clone(&plain)));
    (plain, recall)
}

#[tokio::test]
async fn token_revoked_here_is_revoked_at_once() {
    let (_, recall) = stores();
    let fixture = Fixture::new(recall.clone()).await;
    let client = fixture.api_client("vkc_one");
    fixture.commit(Change::InsertApiClient(client.clone())).await.unwrap();
    let mut token = fixture.api_token(&client);
    fixture.commit(Change::InsertApiToken(token.clone())).await.unwrap();
    for _ in 0..3 {
        let found = recall.api_token_by_hash(&token.token_hash).await.unwrap().unwrap();
        assert_eq!(found.revoked_at, None);
    }
    token.revoked_at = Some(fixture.now());
    fixture.commit(Change::UpdateApiToken(token.clone())).await.unwrap();
    let found = recall.api_token_by_hash(&token.token_hash).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, token.revoked_at);
}

#[tokio::test]
async fn connection_changed_or_deleted_here_is_seen_at_once() {
    let (_, recall) = stores();
    let fixture = Fixture::new(recall.clone()).await;
    let mut connection = fixture.stored_connection("gmail").await;
    let (id, env) = (connection.id.clone(), connection.environment.clone());
    assert!(recall.connection(&id).await.unwrap().unwrap().enabled);
    assert!(recall.connection_by_name(&env, "gmail").await.unwrap().unwrap().enabled);
    connection.enabled = false;
    connection.version += 1;
    fixture.commit(Change::UpdateConnection(connection)).await.unwrap();
    assert!(!recall.connection(&id).await.unwrap().unwrap().enabled);
    assert!(!recall.connection_by_name(&env, "gmail").await.unwrap().unwrap().enabled);
    fixture.commit(Change::DeleteConnection(id.clone())).await.unwrap();
    assert_eq!(recall.connection(&id).await.unwrap(), None);
    assert_eq!(recall.connection_by_name(&env, "gmail").await.unwrap(), None);
}

/// S42: a revocation elsewhere is effective within two seconds.
#[tokio::test]
async fn client_disabled_by_another_process_is_noticed_in_time() {
    let (plain, recall) = stores();
    let fixture = Fixture::new(plain.clone()).await;
    let mut client = fixture.api_client("vkc_one");
    fixture.commit(Change::InsertApiClient(client.clone())).await.unwrap();
    assert_eq!(recall.api_client(&client.id).await.unwrap().unwrap().disabled_at, None);
    client.disabled_at = Some(fixture.now());
    fixture.commit(Change::UpdateApiClient(client.clone())).await.unwrap();
    assert!(RECALL_LIFE <= Duration::from_secs(1));
    let deadline = Instant::now() + 2 * RECALL_LIFE;
    while recall.api_client(&client.id).await.unwrap().unwrap().disabled_at.is_none() {
        assert!(Instant::now() < deadline, "still enabled after {:?}", 2 * RECALL_LIFE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
