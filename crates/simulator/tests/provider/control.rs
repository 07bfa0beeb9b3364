//! The control API over HTTP, and what it must never say.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::{CLIENT, Provider, SECRET};

#[tokio::test]
async fn control_verbs_change_what_tokens_can_do() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let post = async |path: &str, body| provider.post_json(path, "", body).await;

    let dropped = post("/_sim/drop-scopes", json!({"user": "ada", "scopes": ["files.read"]})).await;
    assert_eq!(dropped.json()["affected"], 1);
    assert_eq!(provider.get("/api/v1/files", &tokens.access).await.error(), "insufficient_scope");

    assert_eq!(post("/_sim/expire-access-tokens", json!({"user": "grace"})).await.json()["affected"], 0);
    assert_eq!(post("/_sim/expire-access-tokens", json!({})).await.json()["affected"], 1);
    assert!(provider.get("/api/v1/me", &tokens.access).await.text.contains("expired"));
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK);

    assert_eq!(post("/_sim/revoke-grants", json!({"client_id": CLIENT})).await.json()["affected"], 1);
    let refused = provider.refresh(&tokens.refresh).await;
    assert!(refused.text.contains("revoked"), "{}", refused.text);
}

#[tokio::test]
async fn journal_tells_which_token_reached_which_path() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let before = provider.get("/_sim/journal", "").await.json()["last_seq"].as_u64().unwrap();
    provider.get("/api/v1/me?x=secret-in-query", &tokens.access).await;
    let journal = provider.get(&format!("/_sim/journal?after={before}"), "").await;
    let entries = journal.json()["entries"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0]["endpoint"], &entries[0]["path"], &entries[0]["status"], &entries[0]["user"]),
        (&json!("api"), &json!("/api/v1/me"), &json!(200), &json!("ada"))
    );
    assert_eq!(entries[0]["token_fingerprint"].as_str().unwrap().len(), 16);
    let (kept, _) = provider.simulator.journal(0);
    let exchange = kept.iter().find(|e| e.grant_type.as_deref() == Some("authorization_code")).unwrap();
    assert_eq!((exchange.client_auth, exchange.client_id.as_deref()), (Some("post"), Some(CLIENT)));
    provider.post_json("/_sim/journal/clear", "", json!({})).await;
    assert_eq!(provider.simulator.journal(0), (vec![], before + 1));
}

/// S56: whatever the simulator tells of itself, no token and no secret is in it.
#[tokio::test]
async fn control_answers_and_snapshot_hold_no_secret() {
    let provider = Provider::new();
    let code = provider.code(&[]).await;
    let answer = provider.exchange(&code, &[]).await;
    let access = answer.json()["access_token"].as_str().unwrap().to_owned();
    let refresh = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    provider.get("/api/v1/me", &access).await;
    provider.refresh(&refresh).await;
    let mut told = serde_json::to_string(&provider.simulator.snapshot()).unwrap();
    for path in ["journal", "counters", "grants", "settings", "faults", "clients"] {
        told += &provider.get(&format!("/_sim/{path}"), "").await.text;
    }
    for secret in [SECRET, &code, &access, &refresh] {
        assert!(!told.contains(secret));
    }
}

#[tokio::test]
async fn control_post_from_a_web_page_is_refused() {
    let provider = Provider::new();
    let request = Request::post("/_sim/reset").header("content-type", "text/plain").body(Body::from("{}"));
    assert_eq!(provider.send(request.unwrap()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn control_request_with_an_unknown_field_names_it() {
    let provider = Provider::new();
    for (path, body) in [
        ("/_sim/settings", json!({"colour": 1})),
        ("/_sim/revoke-grants", json!({"colour": 1})),
        ("/_sim/drop-scopes", json!({"scopes": [], "colour": 1})),
        ("/_sim/faults", json!({"endpoint": "api", "kind": "cut", "colour": 1})),
        ("/_sim/clients", json!({"client_id": "x", "colour": 1})),
        ("/_sim/reset", json!({"colour": 1})),
    ] {
        let answer = provider.post_json(path, "", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.text.contains("colour"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn client_registered_over_control_can_connect_and_survives_a_reset() {
    let provider = Provider::new();
    let client =
        json!({"client_id": "mine", "client_secret": "pw", "redirect_uris": ["https://me.example/cb"]});
    assert_eq!(provider.post_json("/_sim/clients", "", client).await.status, StatusCode::OK);
    let tokens = provider.connect().await;
    provider.post_json("/_sim/settings", "", json!({"code_ttl_s": 5})).await;
    provider.post_json("/_sim/reset", "", json!({})).await;
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.error(), "invalid_token");
    assert_eq!(provider.simulator.settings(), valetkey_simulator::Settings::default());
    let page = provider.authorize(&[("client_id", "mine"), ("redirect_uri", "https://me.example/cb")]).await;
    assert_eq!(page.status, StatusCode::OK);
    let bad = json!({"client_id": "x", "redirect_uris": ["https://me.example/#f"]});
    assert!(provider.post_json("/_sim/clients", "", bad).await.text.contains("redirect_uris"));
}
