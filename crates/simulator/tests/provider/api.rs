//! Mail, calendar, files.

use axum::http::StatusCode;
use pretty_assertions::assert_eq;
use serde_json::json;
use time::Duration;

use crate::harness::Provider;

#[tokio::test]
async fn api_without_a_good_token_is_refused() {
    let provider = Provider::new();
    let tokens = provider.connect().await;
    assert_eq!(provider.get("/api/v1/me", "sat_invented").await.error(), "invalid_token");
    assert_eq!(provider.get("/api/v1/me", &tokens.refresh).await.error(), "invalid_token");
    provider.clock.advance(Duration::hours(1));
    let late = provider.get("/api/v1/me", &tokens.access).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    assert!(late.text.contains("expired"));
    assert!(late.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(provider.simulator.counters().api_unauthorized, 3);
}

#[tokio::test]
async fn messages_listed_in_pages_come_newest_first_and_once() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    let mut seen = Vec::new();
    let mut path = "/api/v1/messages?limit=3".to_owned();
    loop {
        let page = provider.get(&path, &token).await.json();
        seen.extend(
            page["messages"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/messages?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, ["msg_ada_4", "msg_ada_3", "msg_ada_2", "msg_ada_1"]);
    let found = provider.get("/api/v1/messages?query=BERNOULLI&unread=false", &token).await.json();
    assert_eq!(found["messages"][0]["id"], "msg_ada_2");
    assert_eq!(found["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn message_sent_is_kept_and_can_be_read() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    let draft = json!({"to": ["grace@example.com"], "subject": "Grüße", "body": "Bis morgen 🌱"});
    let sent = provider.post_json("/api/v1/messages", &token, draft).await;
    assert_eq!(sent.status, StatusCode::CREATED);
    let read =
        provider.get(&format!("/api/v1/messages/{}", sent.json()["id"].as_str().unwrap()), &token).await;
    assert_eq!(read.json(), sent.json());
    assert_eq!(read.json()["body"], "Bis morgen 🌱");
}

#[tokio::test]
async fn message_with_a_bad_field_names_it() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    for (body, named) in [
        (json!({"to": [], "subject": "", "body": ""}), "to"),
        (json!({"to": ["nobody"], "subject": "", "body": ""}), "to"),
        (json!({"to": ["a@b.c"], "subject": "", "body": "", "in_reply_to": "msg_ada_99"}), "in_reply_to"),
        (json!({"to": ["a@b.c"], "subject": "", "body": "", "colour": 1}), "colour"),
        (json!({"to": "a@b.c", "subject": "", "body": ""}), "sequence"),
        (json!({"to": ["a@b.c"], "body": ""}), "subject"),
    ] {
        let answer = provider.post_json("/api/v1/messages", &token, body).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"));
        assert!(answer.text.contains(named), "{named} in {}", answer.text);
    }
}

#[tokio::test]
async fn event_created_shows_up_between_its_neighbours() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    let event =
        json!({"title": "Tea", "start": "2026-01-02T10:00:00+01:00", "end": "2026-01-02T11:00:00+01:00"});
    let created = provider.post_json("/api/v1/events", &token, event).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let listed =
        provider.get("/api/v1/events?from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z", &token).await;
    let titles: Vec<_> =
        listed.json()["events"].as_array().unwrap().iter().map(|e| e["title"].clone()).collect();
    assert_eq!(titles, [json!("Tea")]);
    let backwards = json!({"title": "Tea", "start": "2026-01-02T11:00:00Z", "end": "2026-01-02T10:00:00Z"});
    assert_eq!(provider.post_json("/api/v1/events", &token, backwards).await.json()["error"]["field"], "end");
}

#[tokio::test]
async fn files_are_listed_without_and_read_with_content() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    let listed = provider.get("/api/v1/files?query=note", &token).await.json();
    assert_eq!(listed["files"][0]["name"], "note-g.md");
    assert!(listed["files"][0].get("content").is_none());
    let file = provider.get("/api/v1/files/file_ada_1", &token).await.json();
    assert_eq!(file["size"].as_u64().unwrap(), file["content"].as_str().unwrap().len() as u64);
    assert_eq!(provider.get("/api/v1/files/file_alan_1", &token).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn api_path_query_or_method_that_is_wrong_gets_json() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    assert_eq!(provider.get("/api/v1/nothing", &token).await.error(), "not_found");
    assert_eq!(provider.get("/api/v1/messages?limit=0", &token).await.json()["error"]["field"], "limit");
    assert_eq!(provider.get("/api/v1/messages?cursor=x", &token).await.json()["error"]["field"], "cursor");
    assert_eq!(provider.get("/api/v1/messages?colour=1", &token).await.error(), "invalid_request");
    assert_eq!(
        provider.post_json("/api/v1/me", &token, json!({})).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn userinfo_tells_more_with_the_profile_scope() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    let full = provider.get("/oauth/userinfo", &token).await.json();
    assert_eq!((&full["sub"], &full["email"]), (&json!("user_ada"), &json!("ada@example.com")));
    provider.simulator.drop_scopes(&valetkey_simulator::Selection::user("ada"), &["profile".to_owned()]);
    assert_eq!(provider.get("/oauth/userinfo", &token).await.json(), json!({"sub": "user_ada"}));
}

#[tokio::test]
async fn file_put_by_name_is_made_once_and_then_changed() {
    let provider = Provider::new();
    let token = provider.connect().await.access;
    let put = async |name: &str, body: serde_json::Value| {
        let request = axum::http::Request::put(format!("/api/v1/files/by-name/{name}"))
            .header("authorization", format!("Bearer {token}"));
        provider.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
    };
    let made = put("to%20do.txt", json!({"content": "one"})).await;
    assert_eq!((made.status, &made.json()["name"]), (StatusCode::CREATED, &json!("to do.txt")));
    let changed = put("to%20do.txt", json!({"content": "two", "mime_type": "text/markdown"})).await;
    assert_eq!((changed.status, &changed.json()["id"]), (StatusCode::OK, &made.json()["id"]));
    let read =
        provider.get(&format!("/api/v1/files/{}", made.json()["id"].as_str().unwrap()), &token).await.json();
    assert_eq!((&read["content"], &read["mime_type"]), (&json!("two"), &json!("text/markdown")));
    assert_eq!(put("%0A", json!({"content": ""})).await.json()["error"]["field"], "name");
    provider.simulator.drop_scopes(&valetkey_simulator::Selection::user("ada"), &["files.write".to_owned()]);
    assert_eq!(put("x", json!({"content": ""})).await.json()["error"]["required"], json!(["files.write"]));
}

#[tokio::test]
async fn people_of_another_tenant_are_not_seen() {
    let provider = Provider::new();
    let ada = provider.connect().await.access;
    let names = |body: serde_json::Value| -> Vec<String> {
        body["people"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["username"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(provider.get("/api/v1/people", &ada).await.json()), ["ada", "grace"]);
    let page = provider.authorize(&[]).await;
    let back = provider.decide(&page, &[("user", "alan"), ("decision", "allow")]).await;
    let alan = crate::harness::Tokens::of(&provider.exchange(&back.callback()["code"], &[]).await).access;
    assert_eq!(names(provider.get("/api/v1/people", &alan).await.json()), ["alan"]);
    assert_eq!(provider.get("/api/v1/messages/msg_ada_1", &alan).await.status, StatusCode::NOT_FOUND);
    assert_eq!(provider.get("/api/v1/me", &alan).await.json()["tenant"], "bletchley");
}
