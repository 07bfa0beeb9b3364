//! The token endpoint: codes, rotation, clients, revocation, introspection.

use axum::http::StatusCode;
use pretty_assertions::assert_eq;
use serde_json::json;
use time::Duration;
use valetkey_simulator::ClientSetup;

use crate::harness::{CLIENT, Provider, SECRET, Tokens};

#[tokio::test]
async fn code_exchanged_gives_tokens_that_work() {
    let provider = Provider::new();
    let code = provider.code(&[]).await;
    let answer = provider.exchange(&code, &[]).await;
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(body["scope"], "profile messages.read");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let me = provider.get("/api/v1/me", &Tokens::of(&answer).access).await;
    assert_eq!(me.json()["email"], "ada@example.com");
}

/// S20: a second use is refused and takes back what the first one brought.
#[tokio::test]
async fn code_replayed_kills_the_grant() {
    let provider = Provider::new();
    let code = provider.code(&[]).await;
    let tokens = Tokens::of(&provider.exchange(&code, &[]).await);
    assert_eq!(provider.exchange(&code, &[]).await.error(), "invalid_grant");
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.error(), "invalid_token");
    assert_eq!(provider.refresh(&tokens.refresh).await.error(), "invalid_grant");
    assert_eq!(provider.simulator.counters().codes_replayed, 1);
}

#[tokio::test]
async fn code_older_than_a_minute_is_refused() {
    let provider = Provider::new();
    let code = provider.code(&[]).await;
    provider.clock.advance(Duration::seconds(60));
    let answer = provider.exchange(&code, &[]).await;
    assert_eq!(answer.error(), "invalid_grant");
    assert!(answer.text.contains("expired"));
}

/// S01, S21: the verifier must be there, must match, and must not come without a challenge.
#[tokio::test]
async fn code_with_a_wrong_verifier_is_refused_and_stays_good() {
    let provider = Provider::new();
    let code = provider.code(&[]).await;
    for verifier in ["", "x", &"a".repeat(43)] {
        assert_eq!(provider.exchange(&code, &[("code_verifier", verifier)]).await.error(), "invalid_grant");
    }
    assert_eq!(provider.exchange(&code, &[]).await.status, StatusCode::OK);
    let plain = provider.code(&[("code_challenge", ""), ("code_challenge_method", "")]).await;
    assert_eq!(provider.exchange(&plain, &[]).await.error(), "invalid_grant");
    assert_eq!(provider.exchange(&plain, &[("code_verifier", "")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn code_with_another_redirect_uri_or_client_is_refused() {
    let provider = Provider::new();
    provider.simulator.register_client(ClientSetup::web("other", "pw", "https://other.example/cb")).unwrap();
    let code = provider.code(&[]).await;
    for changes in [
        vec![("redirect_uri", "https://app.example/callback/")],
        vec![("redirect_uri", "")],
        vec![("client_id", "other"), ("client_secret", "pw")],
    ] {
        assert_eq!(provider.exchange(&code, &changes).await.error(), "invalid_grant", "{changes:?}");
    }
}

#[tokio::test]
async fn client_by_basic_or_post_is_accepted_and_anything_else_refused() {
    let provider = Provider::new();
    let fields = [("grant_type", "client_credentials")];
    let good = provider.post_form_bare("/oauth/token", &fields, Some((CLIENT, SECRET))).await;
    assert_eq!(good.status, StatusCode::OK);
    for (fields, basic) in [
        (vec![], Some((CLIENT, "wrong"))),
        (vec![], Some(("nobody", SECRET))),
        (vec![("client_id", CLIENT), ("client_secret", "wrong")], None),
        (vec![("client_id", CLIENT)], None),
        (vec![], None),
    ] {
        let fields = [&fields[..], &[("grant_type", "client_credentials")]].concat();
        let answer = provider.post_form_bare("/oauth/token", &fields, basic).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::UNAUTHORIZED, "invalid_client"));
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    assert_eq!(provider.simulator.counters().invalid_clients, 5);
    let both = [("grant_type", "client_credentials"), ("client_secret", SECRET)];
    let twice = provider.post_form_bare("/oauth/token", &both, Some((CLIENT, SECRET))).await;
    assert_eq!((twice.status, twice.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
}

/// RFC 6749 §2.3.1: the parts of HTTP Basic are form-encoded first.
#[tokio::test]
async fn client_secret_with_special_characters_works_by_basic() {
    let provider = Provider::new();
    provider.simulator.register_client(ClientSetup::web("odd:id", "a:b+c%/d", "https://o.example/")).unwrap();
    let fields = [("grant_type", "client_credentials")];
    let answer =
        provider.post_form_bare("/oauth/token", &fields, Some(("odd%3Aid", "a%3Ab%2Bc%25%2Fd"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn client_credentials_act_as_the_app() {
    let provider = Provider::new();
    let fields = [("grant_type", "client_credentials"), ("scope", "profile")];
    let answer = provider.post_form("/oauth/token", &fields).await;
    assert!(answer.json().get("refresh_token").is_none());
    let me = provider.get("/api/v1/me", &Tokens::of(&answer).access).await;
    assert_eq!(me.json()["username"], "app");
    let again = provider.post_form("/oauth/token", &fields).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(provider.simulator.grants().len(), 1, "one standing grant per client");
}

#[tokio::test]
async fn client_without_a_grant_type_may_not_use_it() {
    let provider = Provider::new();
    let mut setup = ClientSetup::web("narrow", "pw", "https://n.example/");
    setup.grant_types = vec!["authorization_code".into()];
    provider.simulator.register_client(setup).unwrap();
    let fields = [("grant_type", "client_credentials"), ("client_id", "narrow"), ("client_secret", "pw")];
    assert_eq!(provider.post_form("/oauth/token", &fields).await.error(), "unauthorized_client");
    let public = ClientSetup { client_secret: None, ..ClientSetup::web("public", "", "https://p.example/") };
    provider.simulator.register_client(public).unwrap();
    let fields = [("grant_type", "client_credentials"), ("client_id", "public")];
    let answer = provider.post_form_bare("/oauth/token", &fields, None).await;
    assert_eq!(answer.error(), "unauthorized_client");
}

#[tokio::test]
async fn refresh_rotates_and_reuse_kills_the_whole_grant() {
    let provider = Provider::new();
    let first = provider.connect().await;
    let second = Tokens::of(&provider.refresh(&first.refresh).await);
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(provider.get("/api/v1/me", &second.access).await.status, StatusCode::OK);
    let reused = provider.refresh(&first.refresh).await;
    assert_eq!(reused.error(), "invalid_grant");
    assert!(reused.text.contains("already been used"));
    assert_eq!(provider.get("/api/v1/me", &second.access).await.error(), "invalid_token");
    assert_eq!(provider.refresh(&second.refresh).await.error(), "invalid_grant");
    let counters = provider.simulator.counters();
    assert_eq!((counters.refreshes, counters.refresh_reuses, counters.grants_killed_by_reuse), (1, 1, 1));
}

#[tokio::test]
async fn refresh_within_the_grace_gives_a_second_working_pair() {
    let provider = Provider::new();
    provider.simulator.configure(&json!({"refresh_grace_s": 30})).unwrap();
    let first = provider.connect().await;
    let lost = Tokens::of(&provider.refresh(&first.refresh).await);
    provider.clock.advance(Duration::seconds(29));
    let repeated = Tokens::of(&provider.refresh(&first.refresh).await);
    for tokens in [&lost, &repeated] {
        assert_eq!(provider.get("/api/v1/me", &tokens.access).await.status, StatusCode::OK);
    }
    provider.clock.advance(Duration::seconds(1));
    assert_eq!(provider.refresh(&first.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn refresh_without_rotation_keeps_the_refresh_token() {
    let provider = Provider::new();
    provider.simulator.configure(&json!({"rotate_refresh_tokens": false, "send_expires_in": false})).unwrap();
    let first = provider.connect().await;
    for _ in 0..3 {
        let answer = provider.refresh(&first.refresh).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.json().get("refresh_token").is_none() && answer.json().get("expires_in").is_none());
    }
}

#[tokio::test]
async fn refresh_with_fewer_scopes_narrows_only_the_access_token() {
    let provider = Provider::new();
    let first = provider.connect().await;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &first.refresh), ("scope", "profile")];
    let narrowed = provider.post_form("/oauth/token", &fields).await;
    assert_eq!(narrowed.json()["scope"], "profile");
    let wide = provider.refresh(&Tokens::of(&narrowed).refresh).await;
    assert!(wide.json()["scope"].as_str().unwrap().contains("files.read"));
    let refresh = Tokens::of(&wide).refresh;
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &refresh), ("scope", "admin")];
    assert_eq!(provider.post_form("/oauth/token", &fields).await.error(), "invalid_scope");
    assert_eq!(provider.refresh(&refresh).await.status, StatusCode::OK, "a refused refresh spends nothing");
}

#[tokio::test]
async fn revocation_of_a_refresh_token_takes_the_grant_along() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    assert_eq!(
        provider.post_form("/oauth/revoke", &[("token", "srt_never_seen")]).await.status,
        StatusCode::OK
    );
    assert_eq!(
        provider.post_form("/oauth/revoke", &[("token", &tokens.refresh)]).await.status,
        StatusCode::OK
    );
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.error(), "invalid_token");
    assert_eq!(provider.simulator.counters().revocations, 1);
}

#[tokio::test]
async fn revocation_of_an_access_token_leaves_the_refresh_token() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    provider.post_form("/oauth/revoke", &[("token", &tokens.access)]).await;
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.error(), "invalid_token");
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn revocation_by_another_client_is_refused() {
    let provider = Provider::new();
    provider.simulator.register_client(ClientSetup::web("other", "pw", "https://other.example/cb")).unwrap();
    let tokens = provider.connect().await;
    let fields = [("token", tokens.refresh.as_str()), ("client_id", "other"), ("client_secret", "pw")];
    assert_eq!(provider.post_form("/oauth/revoke", &fields).await.error(), "unauthorized_client");
    let seen = provider.post_form("/oauth/introspect", &fields).await;
    assert_eq!(seen.json(), json!({"active": false}));
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn introspection_tells_live_from_dead() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    let live = provider.post_form("/oauth/introspect", &[("token", &tokens.access)]).await.json();
    assert_eq!(
        (&live["active"], &live["username"], &live["client_id"]),
        (&json!(true), &json!("ada"), &json!(CLIENT))
    );
    assert_eq!(live["exp"].as_i64().unwrap() - live["iat"].as_i64().unwrap(), 3600);
    provider.clock.advance(Duration::hours(1));
    let dead = provider.post_form("/oauth/introspect", &[("token", &tokens.access)]).await.json();
    assert_eq!(dead, json!({"active": false}));
}

#[tokio::test]
async fn form_that_is_malformed_is_refused_without_effect() {
    let provider = Provider::new();
    let repeated = [("grant_type", "client_credentials"), ("grant_type", "refresh_token")];
    assert_eq!(provider.post_form("/oauth/token", &repeated).await.error(), "invalid_request");
    assert_eq!(provider.post_form("/oauth/token", &[]).await.error(), "invalid_request");
    let unknown = [("grant_type", "password")];
    assert_eq!(provider.post_form("/oauth/token", &unknown).await.error(), "unsupported_grant_type");
    let json_body = provider.post_json("/oauth/token", "x", json!({})).await;
    assert_eq!(json_body.error(), "invalid_request");
}
