//! Single mishaps, as a client on the network meets them.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use pretty_assertions::assert_eq;
use serde_json::json;
use valetkey_simulator::{Endpoint, Fault, FaultKind};

use crate::harness::{Provider, Tokens};

#[tokio::test]
async fn status_fault_answers_without_processing() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let kind =
        FaultKind::Status { status: 429, retry_after_s: Some(7), headers: std::collections::BTreeMap::new() };
    provider.simulator.add_fault(Fault::once(Endpoint::Token, kind).times(2)).unwrap();
    for _ in 0..2 {
        let answer = provider.refresh(&tokens.refresh).await;
        assert_eq!(
            (answer.status, &answer.headers["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"7".parse().unwrap())
        );
    }
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK, "the token was not spent");
}

#[tokio::test]
async fn malformed_fault_processes_and_answers_half() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.simulator.add_fault(Fault::once(Endpoint::Token, FaultKind::Malformed)).unwrap();
    let answer = provider.refresh(&tokens.refresh).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.text).is_err());
    assert!(!answer.text.is_empty());
    assert_eq!(provider.refresh(&tokens.refresh).await.error(), "invalid_grant", "the token was spent");
}

#[tokio::test]
async fn echo_fault_repeats_the_bearer_in_header_and_body() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.simulator.add_fault(Fault::once(Endpoint::Api, FaultKind::EchoBearer)).unwrap();
    let answer = provider.get("/api/v1/me", &tokens.access).await;
    assert_eq!(answer.json()["echo"], format!("Bearer {}", tokens.access));
    assert_eq!(answer.headers["x-echo-authorization"], format!("Bearer {}", tokens.access));
    assert_eq!(answer.json()["username"], "ada");
}

#[tokio::test]
async fn fault_with_a_path_prefix_leaves_other_paths_alone() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let fault = json!({"endpoint": "api", "kind": "status", "status": 503, "path_prefix": "/api/v1/files"});
    provider.post_json("/_sim/faults", "", fault).await;
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
    assert_eq!(provider.get("/api/v1/files", &tokens.access).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(provider.get("/api/v1/files", &tokens.access).await.status, StatusCode::OK);
}

#[tokio::test]
async fn delay_fault_answers_late_and_rightly() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.simulator.add_fault(Fault::once(Endpoint::Api, FaultKind::Delay { delay_ms: 50 })).unwrap();
    let begun = Instant::now();
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

/// Over a real connection, since that is what breaks.
#[tokio::test]
async fn cut_fault_processes_and_closes_the_connection_unanswered() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
    let router = provider.simulator.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    provider.simulator.add_fault(Fault::once(Endpoint::Token, FaultKind::Cut)).unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh),
        ("client_id", crate::harness::CLIENT),
        ("client_secret", crate::harness::SECRET),
    ];
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let failure = client.post(url).form(&form).send().await.unwrap_err();
    assert!(failure.is_request(), "no head of an answer may arrive: {failure:?}");
    server.abort();
    let (entries, _) = provider.simulator.journal(0);
    let last = entries.last().unwrap();
    assert_eq!((last.status, last.note.as_deref()), (None, Some("fault: cut")));
    assert_eq!(provider.simulator.counters().refreshes, 1);
    assert_eq!(provider.refresh(&tokens.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn faults_called_off_do_not_strike() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.simulator.add_fault(Fault::once(Endpoint::Any, FaultKind::Malformed).times(9)).unwrap();
    assert_eq!(provider.get("/_sim/faults", "").await.json()["faults"][0]["kind"], "malformed");
    provider.post_json("/_sim/faults/clear", "", json!({})).await;
    Tokens::of(&provider.refresh(&tokens.refresh).await);
}
