//! The consent page and what it refuses.

use axum::http::StatusCode;
use pretty_assertions::assert_eq;
use valetkey_simulator::{Endpoint, Fault, FaultKind, ISSUER};

use crate::harness::{Provider, REDIRECT, Tokens};

#[tokio::test]
async fn consent_page_asked_properly_shows_people_scopes_and_no_foreign_frame() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in ["ada@example.com", "grace@example.com", "Read your messages", "app.example"] {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    assert!(!page.text.contains("Send messages"), "only what was asked for");
    assert!(!page.text.contains("The app itself"), "the app is nobody's choice");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("frame-ancestors 'none'")
            && policy.contains("form-action 'self' https://app.example;")
    );
}

#[tokio::test]
async fn consent_given_sends_code_state_and_issuer() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    let back = provider.decide(&page, &[("user", "grace"), ("decision", "allow")]).await;
    assert_eq!(back.status, StatusCode::FOUND);
    assert!(back.location().as_str().starts_with(REDIRECT));
    let callback = back.callback();
    assert_eq!((callback["state"].as_str(), callback["iss"].as_str()), ("st4te", ISSUER));
    let tokens = Tokens::of(&provider.exchange(&callback["code"], &[]).await);
    assert_eq!(provider.get("/api/v1/me", &tokens.access).await.json()["username"], "grace");
}

#[tokio::test]
async fn consent_denied_sends_access_denied_and_no_code() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    let callback = provider.decide(&page, &[("user", "ada"), ("decision", "deny")]).await.callback();
    assert_eq!(callback["error"], "access_denied");
    assert_eq!((callback["state"].as_str(), callback["iss"].as_str()), ("st4te", ISSUER));
    assert!(!callback.contains_key("code"));
}

/// S09: a user may grant less than was asked for.
#[tokio::test]
async fn consent_with_unticked_boxes_grants_fewer_scopes() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    let form = [("user", "ada"), ("decision", "allow"), ("scopes_shown", "1"), ("scope.profile", "1")];
    let code = provider.decide(&page, &form).await.callback()["code"].clone();
    let answer = provider.exchange(&code, &[]).await;
    assert_eq!(answer.json()["scope"], "profile");
    let refused = provider.get("/api/v1/messages", &Tokens::of(&answer).access).await;
    assert_eq!((refused.status, refused.error().as_str()), (StatusCode::FORBIDDEN, "insufficient_scope"));
    assert_eq!(refused.json()["error"]["required"][0], "messages.read");
}

#[tokio::test]
async fn consent_page_sent_twice_works_once() {
    let provider = Provider::new();
    let page = provider.authorize(&[]).await;
    let form = [("user", "ada"), ("decision", "allow")];
    assert_eq!(provider.decide(&page, &form).await.status, StatusCode::FOUND);
    assert_eq!(provider.decide(&page, &form).await.status, StatusCode::BAD_REQUEST);
}

/// S06, S22: redirect URIs are compared as strings; a wrong one never gets a redirect.
#[tokio::test]
async fn redirect_uri_that_differs_is_never_followed() {
    let provider = Provider::new();
    for uri in [
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example:443/callback",
        "https://APP.example/callback",
        "http://app.example/callback",
        "https://app.example/callback#f",
        "https://evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://app.example/%63allback",
        "//app.example/callback",
    ] {
        let answer = provider.authorize(&[("redirect_uri", uri)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        assert!(!answer.headers.contains_key("location"), "{uri}");
    }
    let answer = provider.authorize(&[("client_id", "<script>")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!answer.text.contains("<script>"));
}

#[tokio::test]
async fn request_that_is_wrong_goes_back_with_the_error() {
    let provider = Provider::new();
    provider.simulator.configure(&serde_json::json!({"require_pkce": true})).unwrap();
    for (changes, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "")], "invalid_request"),
        (vec![("scope", "profile everything")], "invalid_scope"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
    ] {
        let answer = provider.authorize(&changes).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{changes:?}");
        assert_eq!(answer.callback()["error"], error, "{changes:?}");
        assert_eq!(answer.callback()["state"], "st4te");
    }
}

#[tokio::test]
async fn fault_of_the_callback_sends_its_error_once() {
    let provider = Provider::new();
    let kind =
        FaultKind::CallbackError { error: "server_error".into(), error_description: Some("oops".into()) };
    provider.simulator.add_fault(Fault::once(Endpoint::Authorize, kind)).unwrap();
    let callback = provider.authorize(&[]).await.callback();
    assert_eq!(
        (callback["error"].as_str(), callback["error_description"].as_str()),
        ("server_error", "oops")
    );
    assert_eq!(provider.authorize(&[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn issuer_switched_off_or_changed_shows_in_the_callback() {
    let provider = Provider::new();
    for (patch, expected) in [
        (serde_json::json!({"issuer": "https://other.example"}), Some("https://other.example")),
        (serde_json::json!({"send_iss": false}), None),
    ] {
        provider.simulator.configure(&patch).unwrap();
        let page = provider.authorize(&[]).await;
        let callback = provider.decide(&page, &[("decision", "allow")]).await.callback();
        assert_eq!(callback.get("iss").map(String::as_str), expected);
    }
}
