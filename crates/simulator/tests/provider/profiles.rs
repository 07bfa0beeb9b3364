//! The same situations in the words of Google, Microsoft and Slack.

use axum::http::StatusCode;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_simulator::{ClockMove, Ending, Selection};

use crate::harness::{CLIENT, Provider, Tokens};

const GMAIL_READ: &str = "https://www.googleapis.com/auth/gmail.readonly";

impl Provider {
    async fn profile(&self, name: &str) {
        let answer = self.post_json("/_sim/settings", "", json!({"profile": name})).await;
        assert_eq!(answer.json()["profile"], name, "{}", answer.text);
    }

    async fn connect_with(&self, changes: &[(&str, &str)]) -> Tokens {
        let code = self.code(changes).await;
        Tokens::of(&self.exchange(&code, &[]).await)
    }
}

#[tokio::test]
async fn google_gives_a_refresh_token_only_for_offline_access_and_keeps_it() {
    let provider = Provider::new();
    provider.profile("google").await;
    let online = provider.connect_with(&[("scope", GMAIL_READ)]).await;
    assert_eq!(online.refresh, "");
    let offline = provider.connect_with(&[("scope", GMAIL_READ), ("access_type", "offline")]).await;
    let again = Tokens::of(&provider.refresh(&offline.refresh).await);
    assert_eq!(again.refresh, "", "no other refresh token comes with a refresh");
    assert_eq!(provider.refresh(&offline.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn google_says_the_same_of_every_dead_grant() {
    for ending in [Ending::User, Ending::Admin, Ending::PasswordChange] {
        let provider = Provider::new();
        provider.profile("google").await;
        let tokens = provider.connect_with(&[("scope", GMAIL_READ), ("access_type", "offline")]).await;
        provider.simulator.end_grants(&Selection::user("ada"), ending);
        let refused = provider.refresh(&tokens.refresh).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        let expected =
            json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
        assert_eq!(refused.json(), expected);
        assert_eq!(provider.simulator.grants()[0].ending, Some(ending));
    }
}

#[tokio::test]
async fn google_app_in_testing_loses_its_grants_after_seven_days() {
    let provider = Provider::new();
    provider.profile("google").await;
    provider.post_json("/_sim/settings", "", json!({"test_mode": true})).await;
    let tokens = provider.connect_with(&[("scope", GMAIL_READ), ("access_type", "offline")]).await;
    provider.simulator.move_clock(&ClockMove::days(6)).unwrap();
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK);
    let moved = provider.post_json("/_sim/clock", "", json!({"days": 1})).await;
    assert_eq!(moved.json()["ahead_s"], 7 * 86_400);
    assert_eq!(provider.refresh(&tokens.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn gmail_paths_answer_in_their_own_shape_whatever_the_profile() {
    let provider = Provider::new();
    provider.profile("google").await;
    let token = provider.connect_with(&[("scope", GMAIL_READ)]).await.access;
    let at = |path: &str| format!("/gmail/v1/users/me/{path}");
    assert_eq!(provider.get(&at("profile"), &token).await.json()["emailAddress"], "ada@example.com");
    let listed = provider.get(&at("messages?q=bernoulli"), &token).await.json();
    assert_eq!(listed["messages"], json!([{"id": "msg_ada_2", "threadId": "thr_ada_2"}]));
    let read = provider.get(&at("messages/msg_ada_2"), &token).await.json();
    assert_eq!(read["payload"]["headers"][3], json!({"name": "Subject", "value": "Bernoulli numbers"}));

    let raw = "VG86IEdyYWNlIDxncmFjZUBleGFtcGxlLmNvbT4NClN1YmplY3Q6IEhpDQoNClRlYT8";
    let refused = provider.post_json(&at("messages/send"), &token, json!({"raw": raw})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let error = &refused.json()["error"];
    assert_eq!(
        (&error["errors"][0]["reason"], &error["details"][0]["reason"], &error["code"]),
        (&json!("insufficientPermissions"), &json!("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), &json!(403))
    );

    let send = "https://www.googleapis.com/auth/gmail.send";
    let sender = provider.connect_with(&[("scope", send)]).await.access;
    let sent = provider.post_json(&at("messages/send"), &sender, json!({"raw": raw})).await;
    assert_eq!(sent.json()["labelIds"], json!(["SENT"]), "{}", sent.text);

    provider.profile("plain").await;
    let gone = provider.get(&at("messages/nothing"), &token).await;
    assert_eq!(gone.json()["error"]["errors"][0]["reason"], "notFound");
    let bad = provider.get(&at("profile"), "sat_invented").await;
    assert_eq!(
        (bad.status, &bad.json()["error"]["status"]),
        (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED"))
    );
}

#[tokio::test]
async fn google_calendar_keeps_an_event_between_the_times_asked_for() {
    let provider = Provider::new();
    provider.profile("google").await;
    let token =
        provider.connect_with(&[("scope", "https://www.googleapis.com/auth/calendar.events")]).await.access;
    let events = "/calendar/v3/calendars/primary/events";
    let event = json!({"summary": "Tea", "start": {"dateTime": "2026-03-02T09:00:00Z"},
        "end": {"dateTime": "2026-03-02T09:30:00Z"}, "attendees": [{"email": "grace@example.com"}]});
    let created = provider.post_json(events, &token, event).await;
    assert_eq!(created.json()["attendees"][0]["email"], "grace@example.com", "{}", created.text);
    let listed = provider
        .get(&format!("{events}?timeMin=2026-03-02T00:00:00Z&timeMax=2026-03-03T00:00:00Z"), &token)
        .await;
    assert_eq!(listed.json()["items"], json!([created.json()]));
    assert_eq!(
        provider.get("/calendar/v3/calendars/other/events", &token).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn microsoft_numbers_every_refusal_of_the_token_endpoint() {
    let provider = Provider::new();
    provider.profile("microsoft").await;
    let scope = [("scope", "offline_access User.Read Mail.Read")];
    let number = |body: &Value| body["error_codes"][0].as_u64().unwrap();
    for (ending, expected) in
        [(Ending::User, 65_001), (Ending::Admin, 50_173), (Ending::PasswordChange, 50_173)]
    {
        let tokens = provider.connect_with(&scope).await;
        provider.simulator.end_grants(&Selection::user("ada"), ending);
        let body = provider.refresh(&tokens.refresh).await.json();
        assert_eq!((number(&body), body["error"].as_str()), (expected, Some("invalid_grant")));
        let text = body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{expected}: ")) && text.contains("Trace ID: "), "{text}");
    }
    let tokens = provider.connect_with(&scope).await;
    provider.post_json("/_sim/clock", "", json!({"days": 90})).await;
    assert_eq!(number(&provider.refresh(&tokens.refresh).await.json()), 700_082);
    provider.post_json("/_sim/clock", "", json!({"reset": true})).await;
    provider.simulator.suspend("ada", true).unwrap();
    assert_eq!(number(&provider.refresh(&tokens.refresh).await.json()), 50_057);
    provider.simulator.suspend("ada", false).unwrap();

    let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    for (client, secret, expected) in [(CLIENT, "wrong", 7_000_215), ("nobody", "x", 700_016)] {
        let fields = [&refresh[..], &[("client_id", client), ("client_secret", secret)]].concat();
        assert_eq!(number(&provider.post_form("/oauth/token", &fields).await.json()), expected);
    }
}

#[tokio::test]
async fn microsoft_refresh_tokens_stay_good_and_come_only_with_offline_access() {
    let provider = Provider::new();
    provider.profile("microsoft").await;
    assert_eq!(provider.connect_with(&[("scope", "User.Read")]).await.refresh, "");
    let tokens = provider.connect_with(&[("scope", "offline_access User.Read")]).await;
    let newer = Tokens::of(&provider.refresh(&tokens.refresh).await);
    assert_ne!(newer.refresh, tokens.refresh);
    assert_eq!(provider.refresh(&tokens.refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn graph_paths_enforce_tokens_and_scopes() {
    let provider = Provider::new();
    provider.profile("microsoft").await;
    let token = provider.connect_with(&[("scope", "User.Read Mail.Read")]).await.access;
    assert_eq!(provider.get("/v1.0/me", &token).await.json()["userPrincipalName"], "ada@example.com");
    let listed = provider.get("/v1.0/me/messages?$top=1", &token).await.json();
    assert_eq!(listed["value"][0]["id"], "msg_ada_4");
    let code = |body: Value| body["error"]["code"].clone();
    assert_eq!(code(provider.get("/v1.0/me/messages/x", &token).await.json()), "ErrorItemNotFound");
    let denied = provider.get("/v1.0/me/calendarView?startDateTime=2026-01-01T00:00:00Z", &token).await;
    assert_eq!((denied.status, code(denied.json())), (StatusCode::FORBIDDEN, json!("ErrorAccessDenied")));
    provider.simulator.expire_access_tokens(&Selection::default());
    let late = provider.get("/v1.0/me", &token).await.json();
    assert_eq!(code(late.clone()), "InvalidAuthenticationToken");
    assert!(late["error"]["message"].as_str().unwrap().contains("expired"));
}

#[tokio::test]
async fn slack_says_no_with_200() {
    let provider = Provider::new();
    provider.profile("slack").await;
    let code = provider.code(&[("scope", "channels:read,users:read")]).await;
    let answer = provider.exchange(&code, &[]).await;
    let body = answer.json();
    assert_eq!(
        (&body["ok"], &body["team"]["id"], &body["scope"], body.get("expires_in"), body.get("refresh_token")),
        (&json!(true), &json!("T_example"), &json!("channels:read,users:read"), None, None)
    );
    let token = body["access_token"].as_str().unwrap();
    let call = async |method: &str, body| {
        let answer = provider.post_json(&format!("/slack/api/{method}"), token, body).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    };
    assert_eq!(call("auth.test", json!({})).await["user"], "ada");
    assert_eq!(call("conversations.list", json!({})).await["channels"][0]["name"], "general");
    let refused = call("chat.postMessage", json!({"channel": "C_general", "text": "Hi"})).await;
    let expected = json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "channels:read,users:read"});
    assert_eq!(refused, expected);
    assert_eq!(call("no.method", json!({})).await["error"], "unknown_method");
    provider.simulator.suspend("ada", true).unwrap();
    assert_eq!(call("auth.test", json!({})).await["error"], "account_inactive");
    provider.simulator.suspend("ada", false).unwrap();
    provider.simulator.revoke_grants(&Selection::user("ada"));
    assert_eq!(call("auth.test", json!({})).await["error"], "token_revoked");
}

#[tokio::test]
async fn slack_channel_takes_a_message_and_shows_it() {
    let provider = Provider::new();
    provider.profile("slack").await;
    let code = provider.code(&[("scope", "chat:write,channels:history")]).await;
    let answer = provider.exchange(&code, &[]).await.json();
    let token = answer["access_token"].as_str().unwrap();
    let call = async |method: &str, body| {
        provider.post_json(&format!("/slack/api/{method}"), token, body).await.json()
    };
    let sent = call("chat.postMessage", json!({"channel": "C_general", "text": "Tea?"})).await;
    let history = call("conversations.history", json!({"channel": "C_general"})).await;
    assert_eq!(history["messages"][0]["ts"], sent["ts"]);
    assert_eq!(history["messages"][0]["text"], "Tea?");
    let lost = call("conversations.history", json!({"channel": "C_other"})).await;
    assert_eq!(lost["error"], "channel_not_found");
}

#[tokio::test]
async fn slack_with_rotation_switched_on_refuses_a_used_refresh_token() {
    let provider = Provider::new();
    let rotation = json!({"profile": "slack", "issue_refresh_tokens": true, "send_expires_in": true,
        "access_token_ttl_s": 43_200});
    provider.post_json("/_sim/settings", "", rotation).await;
    let tokens = provider.connect_with(&[("scope", "users:read")]).await;
    assert_eq!(provider.refresh(&tokens.refresh).await.json()["expires_in"], 43_200);
    let again = provider.refresh(&tokens.refresh).await;
    assert_eq!(
        (again.status, again.json()),
        (StatusCode::OK, json!({"ok": false, "error": "invalid_refresh_token"}))
    );
}

#[tokio::test]
async fn admin_consent_turns_users_away_in_each_providers_way() {
    for (profile, error, text) in [
        ("plain", Some("consent_required"), "administrator"),
        ("microsoft", Some("consent_required"), "AADSTS90094"),
        ("google", None, "admin_policy_enforced"),
        ("slack", None, "approved by an administrator"),
    ] {
        let provider = Provider::new();
        let settings = json!({"profile": profile, "admin_consent_required": true});
        provider.post_json("/_sim/settings", "", settings).await;
        let answer = provider.authorize(&[]).await;
        match error {
            Some(error) => {
                let callback = answer.callback();
                assert_eq!(callback["error"], error, "{profile}");
                assert!(callback["error_description"].contains(text), "{profile}: {callback:?}");
                assert!(!callback.contains_key("code"));
            }
            None => {
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{profile}");
                assert!(answer.text.contains(text), "{profile}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn app_of_one_tenant_takes_nobody_from_another() {
    let provider = Provider::new();
    let client = json!({"client_id": CLIENT, "client_secret": crate::harness::SECRET, "tenant": "example",
        "redirect_uris": [crate::harness::REDIRECT]});
    assert_eq!(provider.post_json("/_sim/clients", "", client).await.json()["tenant"], "example");
    let page = provider.authorize(&[]).await;
    let back = provider.decide(&page, &[("user", "alan"), ("decision", "allow")]).await.callback();
    assert_eq!((back["error"].as_str(), back.contains_key("code")), ("access_denied", false));
    provider.profile("microsoft").await;
    let page = provider.authorize(&[("scope", "User.Read")]).await;
    let shown = provider.decide(&page, &[("user", "alan"), ("decision", "allow")]).await;
    assert!(shown.text.contains("AADSTS50020"), "{}", shown.text);
    let page = provider.authorize(&[("scope", "User.Read")]).await;
    let back = provider.decide(&page, &[("user", "grace"), ("decision", "allow")]).await;
    assert!(back.callback().contains_key("code"));
}

#[tokio::test]
async fn redirect_uri_mismatch_shows_what_is_registered() {
    for (profile, word) in
        [("plain", "not registered"), ("google", "redirect_uri_mismatch"), ("microsoft", "AADSTS50011")]
    {
        let provider = Provider::new();
        provider.profile(profile).await;
        let wrong = format!("{}/", crate::harness::REDIRECT);
        let page = provider.authorize(&[("redirect_uri", &wrong)]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text.contains(word) && page.text.contains(&wrong), "{}", page.text);
        assert!(page.text.contains(&format!("Registered: {}.", crate::harness::REDIRECT)), "{}", page.text);
    }
}
