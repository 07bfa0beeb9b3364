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

/// The same without effect: the connection is closed, and nothing was processed.
#[tokio::test]
async fn drop_fault_closes_the_connection_and_processes_nothing() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
    let router = provider.simulator.router();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    provider.simulator.add_fault(Fault::once(Endpoint::Token, FaultKind::Drop)).unwrap();
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
    assert_eq!((last.status, last.note.as_deref()), (None, Some("fault: drop")));
    assert_eq!(provider.simulator.counters().refreshes, 0);
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK, "the token was not spent");
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

/// The requests of one person go wrong, and nobody else's.
#[tokio::test]
async fn fault_for_a_user_hits_by_token_at_the_api_and_at_the_token_endpoint() {
    let provider = Provider::new();
    let ada = provider.connect().await;
    let page = provider.authorize(&[]).await;
    let back = provider.decide(&page, &[("user", "grace"), ("decision", "allow")]).await;
    let grace = Tokens::of(&provider.exchange(&back.callback()["code"], &[]).await);
    for (endpoint, kind) in [("api", "status"), ("token", "status")] {
        let fault = json!({"endpoint": endpoint, "kind": kind, "status": 503, "user": "ada"});
        assert_eq!(provider.post_json("/_sim/faults", "", fault).await.status, StatusCode::OK);
    }
    assert_eq!(provider.get("/api/v1/me", &grace.access).await.status, StatusCode::OK);
    assert_eq!(provider.get("/api/v1/me", &ada.access).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(provider.refresh(&grace.refresh).await.status, StatusCode::OK);
    assert_eq!(provider.refresh(&ada.refresh).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(provider.refresh(&ada.refresh).await.status, StatusCode::OK, "it was used up");
}

#[tokio::test]
async fn error_fault_by_name_is_answered_in_the_shape_asked_for() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let fault = async |fault: serde_json::Value| {
        let answer = provider.post_json("/_sim/faults", "", fault).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    };
    fault(json!({"endpoint": "api", "kind": "error", "error": "missing_scope", "shape": "slack", "needed": "chat:write"})).await;
    let slack = provider.get("/api/v1/me", &tokens.access).await;
    assert_eq!((slack.status, &slack.json()["needed"]), (StatusCode::OK, &json!("chat:write")));

    fault(json!({"endpoint": "api", "kind": "error", "error": "ratelimited", "shape": "slack", "retry_after_s": 30})).await;
    let limited = provider.get("/api/v1/me", &tokens.access).await;
    assert_eq!(
        (limited.status, limited.headers["retry-after"].to_str().unwrap()),
        (StatusCode::TOO_MANY_REQUESTS, "30")
    );

    fault(json!({"endpoint": "api", "kind": "error", "error": "rateLimitExceeded", "shape": "google"})).await;
    let google = provider.get("/api/v1/me", &tokens.access).await;
    assert_eq!(google.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(google.json()["error"]["errors"][0]["reason"], "rateLimitExceeded");

    fault(json!({"endpoint": "token", "kind": "error", "aadsts": 7_000_222})).await;
    let expired = provider.refresh(&tokens.refresh).await;
    assert_eq!((expired.status, expired.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert_eq!(expired.json()["error_codes"], json!([7_000_222]));

    fault(json!({"endpoint": "token", "kind": "error", "error": "invalid_client"})).await;
    let plain = provider.refresh(&tokens.refresh).await;
    assert_eq!((plain.status, plain.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK, "nothing was processed");
}

#[tokio::test]
async fn error_fault_at_the_authorize_step_sends_back_or_shows_a_page() {
    let provider = Provider::new();
    for (fault, error) in [
        (json!({"error": "access_denied"}), Some("access_denied")),
        (json!({"error": "invalid_scope"}), Some("invalid_scope")),
        (json!({"error": "server_error", "error_description": "try later"}), Some("server_error")),
        (json!({"aadsts": 53_003}), Some("access_denied")),
        (json!({"aadsts": 90_094}), Some("consent_required")),
        (json!({"aadsts": 700_016}), None),
        (
            json!({"error": "access_denied", "page": true, "shape": "google", "error_description": "not verified"}),
            None,
        ),
    ] {
        let mut fault = fault;
        fault["endpoint"] = json!("authorize");
        fault["kind"] = json!("error");
        assert_eq!(provider.post_json("/_sim/faults", "", fault.clone()).await.status, StatusCode::OK);
        let answer = provider.authorize(&[]).await;
        match error {
            Some(error) => assert_eq!(answer.callback()["error"], error, "{fault}"),
            None => assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fault}: {}", answer.text),
        }
        assert_eq!(provider.authorize(&[]).await.status, StatusCode::OK, "{fault} was used up");
    }
}

#[tokio::test]
async fn html_and_empty_answers_come_in_place_of_json() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let html = FaultKind::Html { status: 502 };
    provider.simulator.add_fault(Fault::once(Endpoint::Token, html)).unwrap();
    let page = provider.refresh(&tokens.refresh).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.text.contains("<html>"));
    provider.simulator.add_fault(Fault::once(Endpoint::Token, FaultKind::Empty)).unwrap();
    let empty = provider.refresh(&tokens.refresh).await;
    assert_eq!((empty.status, empty.text.as_str()), (StatusCode::OK, ""));
    assert_eq!(provider.refresh(&tokens.refresh).await.error(), "invalid_grant", "it was processed");
}

#[tokio::test]
async fn headers_of_rate_limits_come_with_good_and_with_refused_answers() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    for fault in [
        json!({"endpoint": "api", "kind": "headers", "headers": {"x-ratelimit-remaining": "1"}}),
        json!({"endpoint": "api", "kind": "status", "status": 429, "retry_after_s": 2, "skip": 1,
            "headers": {"x-ratelimit-remaining": "0"}}),
    ] {
        assert_eq!(provider.post_json("/_sim/faults", "", fault).await.status, StatusCode::OK);
    }
    for (status, remaining) in [(200, "1"), (429, "0")] {
        let answer = provider.get("/api/v1/me", &tokens.access).await;
        assert_eq!(
            (answer.status.as_u16(), answer.headers["x-ratelimit-remaining"].to_str().unwrap()),
            (status, remaining)
        );
    }
}

#[tokio::test]
async fn trickle_fault_ends_the_answer_late_and_whole() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.simulator.add_fault(Fault::once(Endpoint::Api, FaultKind::Trickle { delay_ms: 50 })).unwrap();
    let begun = Instant::now();
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.json()["username"], "ada");
    assert!(begun.elapsed() >= Duration::from_millis(50));
}
