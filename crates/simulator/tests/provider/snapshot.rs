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

/// One seed, one start, the same requests: the same bytes, refusals with their made-up ids included.
#[tokio::test]
async fn simulators_with_equal_seeds_refuse_with_the_same_bytes() {
    let story = async || {
        let provider = Provider::new();
        provider.post_json("/_sim/settings", "", serde_json::json!({"profile": "microsoft"})).await;
        let code = provider.code(&[("scope", "offline_access Mail.Read")]).await;
        let tokens = crate::harness::Tokens::of(&provider.exchange(&code, &[]).await);
        provider.post_json("/_sim/change-password", "", serde_json::json!({"user": "ada"})).await;
        let refused = provider.refresh(&tokens.refresh).await;
        (code, tokens.access, refused.text, provider.get("/_sim/journal", "").await.text)
    };
    assert_eq!(story().await, story().await);
}

#[tokio::test]
async fn snapshot_keeps_the_clock_and_reads_what_older_versions_wrote() {
    let before = Provider::new();
    let tokens = before.connect().await;
    before.simulator.move_clock(&valetkey_simulator::ClockMove::days(2)).unwrap();
    let mut text = serde_json::to_value(before.simulator.snapshot()).unwrap();
    let restored = |text: &serde_json::Value| {
        let simulator = Simulator::new(before.clock.clone(), Arc::new(SeededEntropy::new(99)));
        simulator.restore(serde_json::from_value::<Snapshot>(text.clone()).unwrap());
        Provider { simulator, clock: before.clock.clone() }
    };
    assert_eq!(restored(&text).simulator.clock().ahead_s, 2 * 86_400);
    text.as_object_mut().unwrap().remove("ahead_s");
    for grant in text["grants"]["grants"].as_object_mut().unwrap().values_mut() {
        for field in ["ending", "ends_at", "refreshed_at"] {
            grant.as_object_mut().unwrap().remove(field);
        }
    }
    for person in text["world"]["people"].as_object_mut().unwrap().values_mut() {
        person.as_object_mut().unwrap().remove("tenant");
        person.as_object_mut().unwrap().remove("suspended");
    }
    for client in text["clients"].as_object_mut().unwrap().values_mut() {
        client.as_object_mut().unwrap().remove("tenant");
    }
    let settings = text["settings"].as_object_mut().unwrap();
    for field in ["profile", "test_mode", "refresh_idle_s", "max_grants_per_user", "admin_consent_required"] {
        settings.remove(field);
    }
    assert_eq!(restored(&text).get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
}

#[tokio::test]
async fn change_wakes_whoever_keeps_snapshots() {
    let provider = Provider::new();
    provider.simulator.changed().await;
    provider.connect().await;
    let woken = tokio::time::timeout(std::time::Duration::from_secs(5), provider.simulator.changed()).await;
    assert!(woken.is_ok());
}
