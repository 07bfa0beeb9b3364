//! Going on after a restart, and repeating from a seed.

use std::sync::Arc;

use axum::http::StatusCode;
use pretty_assertions::assert_eq;
use valetkey_simulator::{SeededEntropy, Simulator, Snapshot};

use crate::harness::Provider;

#[tokio::test]
async fn snapshot_restored_elsewhere_knows_clients_and_tokens() {
    let before = Provider::new();
    let tokens = before.connect().await;
    let text = serde_json::to_string(&before.simulator.snapshot()).unwrap();
    let simulator = Simulator::new(before.clock.clone(), Arc::new(SeededEntropy::new(99)));
    simulator.restore(serde_json::from_str::<Snapshot>(&text).unwrap());
    let after = Provider { simulator, clock: before.clock.clone() };
    assert_eq!(after.get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
    assert_eq!(after.refresh(&tokens.refresh).await.status, StatusCode::OK);
    assert_eq!(after.refresh(&tokens.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn simulators_with_equal_seeds_answer_equally() {
    let (one, two) = (Provider::new(), Provider::new());
    let (first, second) = (one.connect().await, two.connect().await);
    assert_eq!((first.access, first.refresh), (second.access, second.refresh));
    assert_eq!(one.simulator.grants(), two.simulator.grants());
    assert_eq!(one.simulator.journal(0), two.simulator.journal(0));
}

#[tokio::test]
async fn change_wakes_whoever_keeps_snapshots() {
    let provider = Provider::new();
    provider.simulator.changed().await;
    provider.connect().await;
    let woken = tokio::time::timeout(std::time::Duration::from_secs(5), provider.simulator.changed()).await;
    assert!(woken.is_ok());
}
