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
    for path in
        ["journal", "journal/tokens", "users", "clock", "counters", "grants", "settings", "faults", "clients"]
    {
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
        ("/_sim/clock", json!({"colour": 1})),
        ("/_sim/expire-grants", json!({"colour": 1})),
        ("/_sim/change-password", json!({"user": "ada", "colour": 1})),
        ("/_sim/suspend-user", json!({"user": "ada", "colour": 1})),
        ("/_sim/clients/remove", json!({"client_id": "x", "colour": 1})),
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

#[tokio::test]
async fn journal_filtered_and_by_token_answers_which_token_reached_which_path() {
    let provider = Provider::new();
    let old = provider.connect().await;
    provider.get("/api/v1/me", &old.access).await;
    provider.simulator.expire_access_tokens(&valetkey_simulator::Selection::default());
    provider.get("/api/v1/me", &old.access).await;
    let new = crate::harness::Tokens::of(&provider.refresh(&old.refresh).await);
    provider.get("/api/v1/files", &new.access).await;
    let tokens = provider.get("/_sim/journal/tokens?path_prefix=/api/", "").await.json();
    let tokens = tokens["tokens"].as_array().unwrap().clone();
    assert_eq!(tokens.len(), 2);
    assert_eq!((&tokens[0]["paths"], &tokens[0]["refused"]), (&json!({"/api/v1/me": 2}), &json!(1)));
    assert_eq!((&tokens[1]["paths"], &tokens[1]["user"]), (&json!({"/api/v1/files": 1}), &json!("ada")));
    // The refresh names the token that it gave out, so the newer one is known to be its.
    let refreshes = provider.get("/_sim/journal?endpoint=token&limit=1", "").await.json();
    assert_eq!(refreshes["entries"][0]["issued_fingerprint"], tokens[1]["token_fingerprint"]);
    let refused = provider.get("/_sim/journal?status=401&user=ada&method=get", "").await.json();
    assert_eq!(refused["entries"].as_array().unwrap().len(), 1);
    let wrong = provider.get("/_sim/journal?colour=1", "").await;
    assert_eq!((wrong.status, wrong.text.contains("colour")), (StatusCode::BAD_REQUEST, true));
}

#[tokio::test]
async fn grants_told_to_expire_are_over_and_say_so() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let grant = provider.simulator.grants()[0].id;
    let other = provider.post_json("/_sim/expire-grants", "", json!({"grant": grant + 1})).await;
    assert_eq!(other.json()["affected"], 0);
    assert_eq!(
        provider.post_json("/_sim/expire-grants", "", json!({"grant": grant})).await.json()["affected"],
        1
    );
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.status, StatusCode::UNAUTHORIZED);
    assert!(provider.refresh(&tokens.refresh).await.text.contains("refresh token has expired"));
}

#[tokio::test]
async fn grants_taken_away_by_an_admin_or_a_new_password_say_by_whom() {
    for (path, body, words) in [
        ("/_sim/revoke-grants", json!({"user": "ada", "by": "admin"}), "revoked by an administrator"),
        ("/_sim/change-password", json!({"user": "ada"}), "because the password was changed"),
    ] {
        let provider = Provider::new();
        let tokens = provider.connect().await;
        assert_eq!(provider.post_json(path, "", body).await.json()["affected"], 1);
        let refused = provider.refresh(&tokens.refresh).await;
        assert!(refused.text.contains(words), "{}", refused.text);
    }
    let nobody = Provider::new().post_json("/_sim/change-password", "", json!({"user": "eve"})).await;
    assert!(nobody.text.contains("ada"), "the names there are: {}", nobody.text);
}

#[tokio::test]
async fn user_suspended_can_do_nothing_until_enabled_again() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.post_json("/_sim/suspend-user", "", json!({"user": "ada"})).await;
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.error(), "account_suspended");
    assert_eq!(provider.refresh(&tokens.refresh).await.error(), "invalid_grant");
    let page = provider.authorize(&[]).await;
    let refused = provider.decide(&page, &[("user", "ada"), ("decision", "allow")]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    provider.post_json("/_sim/suspend-user", "", json!({"user": "ada", "suspended": false})).await;
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK, "the token was not spent");
}

#[tokio::test]
async fn clock_moved_ends_tokens_and_a_reset_brings_it_back() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.post_json("/_sim/clock", "", json!({"hours": 1})).await;
    assert!(provider.get("/api/v1/me", &tokens.access).await.text.contains("expired"));
    provider.post_json("/_sim/clock", "", json!({"hours": -1})).await;
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
    let far = provider.post_json("/_sim/clock", "", json!({"days": 99_999})).await;
    assert_eq!(far.status, StatusCode::BAD_REQUEST);
    provider.post_json("/_sim/clock", "", json!({"days": 3, "frozen": true})).await;
    provider.post_json("/_sim/reset", "", json!({})).await;
    let clock = provider.get("/_sim/clock", "").await.json();
    assert_eq!((&clock["ahead_s"], &clock["frozen"]), (&json!(0), &json!(false)));
}

#[tokio::test]
async fn client_removed_is_unknown() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    assert_eq!(
        provider.post_json("/_sim/clients/remove", "", json!({"client_id": CLIENT})).await.json()["affected"],
        1
    );
    let refused = provider.refresh(&tokens.refresh).await;
    assert_eq!((refused.status, refused.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
    assert_eq!(provider.authorize(&[]).await.status, StatusCode::BAD_REQUEST);
}
