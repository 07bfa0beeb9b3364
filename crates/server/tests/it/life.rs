//! The life of an account over REST: journal, degradation, ending it, names, scopes, history.

use std::{sync::Arc, time::Duration as StdDuration};

use http::Method;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use valetkey_domain::{Permission, Permissions};
use valetkey_engine::{Background, BackgroundSettings};
use valetkey_testkit::{engine_fixture::EngineFixture, fake_provider::Scripted};

use crate::app::App;

async fn connected(connector: &str) -> (App, String) {
    let app = App::start().await;
    app.fixture.connection("notes", connector).await;
    let id = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    (app, format!("/v1/connect/accounts/{id}"))
}

fn unavailable() -> Scripted {
    Scripted::json(503, &json!({}))
}

#[tokio::test]
async fn account_shows_when_it_is_renewed_and_that_it_is_degraded() {
    let (app, path) = connected("acme").await;
    let account = app.ok(Method::GET, &path, &Value::Null).await;
    assert_eq!(account["degraded"], Value::Null);
    let (refresh_at, expires_at) = (&account["refresh_at"], &account["token_expires_at"]);
    assert!(refresh_at.as_str().unwrap() < expires_at.as_str().unwrap(), "{refresh_at} {expires_at}");

    app.fixture.provider.script("/token", [unavailable()]);
    assert_eq!(app.post(&format!("{path}/refresh"), &Value::Null).await.status, 502);
    let account = app.ok(Method::GET, &path, &Value::Null).await;
    assert_eq!(account["status"], "ACTIVE");
    let degraded = &account["degraded"];
    assert_eq!((&degraded["code"], &degraded["failures"]), (&json!("upstream_error"), &json!(1)));
    assert_eq!((&degraded["since"], &degraded["asked_for"]), (&json!("2026-01-01T00:00:00Z"), &json!(false)));
    let retry_at = OffsetDateTime::parse(degraded["retry_at"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!(retry_at > app.fixture.now());

    app.fixture.clock.advance(time::Duration::minutes(5));
    let account = app.ok(Method::POST, &format!("{path}/refresh"), &Value::Null).await;
    assert_eq!(account["degraded"], Value::Null);
}

#[tokio::test]
async fn refreshes_are_listed_with_reason_outcome_and_time() {
    let (app, path) = connected("acme").await;
    assert_eq!(app.get(&format!("{path}/refreshes")).await.json()["total_size"], 0);
    app.ok(Method::POST, &format!("{path}/refresh"), &Value::Null).await;
    app.fixture.clock.advance(time::Duration::minutes(10));
    app.fixture.provider.script("/token", [unavailable()]);
    app.post(&format!("{path}/refresh"), &Value::Null).await;

    let list = app.ok(Method::GET, &format!("{path}/refreshes"), &Value::Null).await;
    let [second, first] = list["items"].as_array().unwrap().as_slice() else { panic!("{list}") };
    let of = |attempt: &Value, names: [&str; 6]| names.map(|name| attempt[name].clone());
    let names = ["number", "generation", "reason", "outcome", "code", "started_at"];
    assert_eq!(
        of(first, names),
        [json!(1), json!(1), json!("asked"), json!("renewed"), Value::Null, json!("2026-01-01T00:00:00Z")]
    );
    assert_eq!(
        of(second, names),
        [
            json!(2),
            json!(2),
            json!("asked"),
            json!("transient"),
            json!("upstream_error"),
            json!("2026-01-01T00:10:00Z")
        ]
    );
    assert_eq!(second["ended_at"], "2026-01-01T00:10:00Z");
    assert!(first["id"].as_str().unwrap().starts_with("rf_"));

    let page = app.ok(Method::GET, &format!("{path}/refreshes?page_size=1"), &Value::Null).await;
    assert_eq!((&page["items"][0], &page["total_size"]), (second, &json!(2)));
    let token = page["next_page_token"].as_str().unwrap();
    let page = app.ok(Method::GET, &format!("{path}/refreshes?page_token={token}"), &Value::Null).await;
    assert_eq!((&page["items"], &page["next_page_token"]), (&json!([first]), &Value::Null));
    assert_eq!(app.get(&format!("{path}/refreshes?page_token=x")).await.code(), "invalid_argument");
}

#[tokio::test]
async fn background_is_shown_to_operators_only() {
    let app = App::start().await;
    let idle = app.ok(Method::GET, "/v1/connect/background", &Value::Null).await;
    assert_eq!(idle, json!({"running": false, "jobs": []}));
    let others = Permission::ALL.iter().copied().filter(|p| *p != Permission::ServerManage);
    let token = app.token_for(others.collect()).await;
    let refused = app.call_as(&token, Method::GET, "/v1/connect/background", &Value::Null).await;
    assert_eq!(refused.code(), "permission_denied");

    let fixture = EngineFixture::start().await;
    fixture.engine.join().await.unwrap();
    let background = Arc::new(Background::start(&fixture.engine, BackgroundSettings::default()));
    let app = App::of(fixture, |options| options.background = Some(Arc::clone(&background))).await;
    let shown = async {
        loop {
            let status = app.ok(Method::GET, "/v1/connect/background", &Value::Null).await;
            assert_eq!(status["running"], true);
            let jobs = status["jobs"].as_array().unwrap().clone();
            if jobs.iter().any(|job| job["name"] == "refresh_ahead" && job["last_run_at"].is_string()) {
                return jobs;
            }
            tokio::time::sleep(StdDuration::from_millis(10)).await;
        }
    };
    let jobs = tokio::time::timeout(StdDuration::from_secs(20), shown).await.unwrap();
    assert!(jobs.iter().all(|job| job["last_error"].is_null() && job["done"].is_u64()), "{jobs:?}");
    background.stop().await;
}

/// S13: what became of the grant is in the answer; what failed can be seen until it is done.
#[tokio::test]
async fn disconnect_answers_with_a_receipt_and_lists_what_is_pending() {
    let (app, path) = connected("acme").await;
    let preview = app.ok(Method::GET, &format!("{path}/disconnect-preview"), &Value::Null).await;
    assert_eq!((&preview["offered"], &preview["label"]), (&json!(true), &json!("user-1@acme.example")));
    app.fixture.provider.script("/revoke", [unavailable(), unavailable()]);
    let ended = app.ok(Method::POST, &format!("{path}/disconnect"), &json!({})).await;
    assert_eq!(ended["status"], "DISCONNECTED");
    let receipt = &ended["revocation"];
    assert_eq!(
        (&receipt["outcome"], &receipt["code"]),
        (&json!("failed_will_retry"), &json!("upstream_error"))
    );
    let list = app.ok(Method::GET, "/v1/connect/revocations", &Value::Null).await;
    let row = &list["items"][0];
    assert_eq!(
        (&row["identifier"], &row["connection_name"], &row["attempts"], &row["next_at"]),
        (&json!("user_123"), &json!("notes"), &json!(1), &receipt["retry_at"])
    );
    assert_eq!(row["give_up_at"], "2026-01-02T00:00:00Z");
    assert!(!list.to_string().contains("canary"));
    let id = row["account_id"].as_str().unwrap();
    for (query, found) in [(id, 1), ("ca_00000000000000000000000000", 0)] {
        let list = app.get(&format!("/v1/connect/revocations?account_id={query}")).await.json();
        assert_eq!(list["total_size"], found);
    }
    let foreign = app.stranger().await;
    let list = app.call_as(&foreign, Method::GET, "/v1/connect/revocations", &Value::Null).await;
    assert_eq!(list.json()["total_size"], 0);
    // Disconnected again, there is nothing to take back.
    let again = app.ok(Method::POST, &format!("{path}/disconnect"), &json!({})).await;
    assert_eq!(again["revocation"], Value::Null);
}

#[tokio::test]
async fn delete_that_ends_siblings_asks_first() {
    let (app, path) = connected("acmewide").await;
    app.fixture.connection("files", "acmewide").await;
    let sibling = app.fixture.authorize("files", "user_123").await.account.id.to_string();
    let refused = app.call(Method::DELETE, &path, &Value::Null).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "revocation_reaches_siblings"));
    assert!(refused.text.contains(&sibling));
    let wrong = app.call(Method::DELETE, &format!("{path}?siblings=maybe"), &Value::Null).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (400, "invalid_argument"));
    let preview = app.ok(Method::GET, &format!("{path}/disconnect-preview"), &Value::Null).await;
    assert_eq!(
        (&preview["reach"], &preview["siblings"][0]["id"]),
        (&json!("user_and_client"), &json!(sibling))
    );
    let deleted = app.call(Method::DELETE, &format!("{path}?siblings=revoke"), &Value::Null).await;
    assert_eq!(deleted.status, 204);
    let after = app.ok(Method::GET, &format!("/v1/connect/accounts/{sibling}"), &Value::Null).await;
    assert_eq!(after["status"], "DISCONNECTED");
}

/// The official API cannot ask, so its delete never ends another account.
#[tokio::test]
async fn delete_over_the_compatible_api_keeps_siblings() {
    let (app, path) = connected("acmewide").await;
    app.fixture.connection("files", "acmewide").await;
    let sibling = app.fixture.authorize("files", "user_123").await.account;
    let id = path.rsplit('/').next().unwrap();
    let deleted = app.post("/api/v1/connected_accounts:delete", &json!({"id": id})).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(app.get(&path).await.code(), "account_not_found");
    assert_eq!(app.fixture.provider.requests_to("/revoke").len(), 0);
    assert_eq!(app.fixture.account("files", "user_123").await.account, sibling);
    let events = app.ok(Method::GET, &format!("{path}/events"), &Value::Null).await;
    let receipt =
        events["items"].as_array().unwrap().iter().find(|e| e["kind"] == "account.revocation_receipt");
    assert_eq!(receipt.unwrap()["data"]["outcome"], "kept_for_siblings");
}

#[tokio::test]
async fn accounts_with_names_are_told_apart() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let tokens = json!({"oauth": {"access_token": "canary-a", "scopes": ["read", "write"]}});
    for name in ["work", "private"] {
        let new = json!({"connection_name": "notes", "identifier": "user_123", "account_name": name, "credential": tokens});
        let created = app.post("/v1/connect/accounts", &new).await;
        assert_eq!((created.status.as_u16(), &created.json()["account_name"]), (201, &json!(name)));
    }
    let call = json!({"connection_name": "notes", "identifier": "user_123", "tool_name": "acme_get_profile"});
    let ambiguous = app.post("/v1/connect/tools/execute", &call).await;
    assert_eq!((ambiguous.status.as_u16(), ambiguous.code().as_str()), (409, "ambiguous_account"));
    assert!(ambiguous.text.contains("work") && ambiguous.text.contains("private"), "{ambiguous:?}");
    let link = json!({"connection_name": "notes", "identifier": "user_123"});
    assert_eq!(app.post("/v1/connect/authorization-links", &link).await.code(), "ambiguous_account");

    // The compatible API knows no names. It says so in its own shape, and takes the unnamed one once there is one.
    let details = "/api/v1/connected_accounts/details?connector=notes&identifier=user_123";
    let answer = app.get(details).await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.text.contains("ambiguous_account"), "{answer:?}");
    let new = json!({"connection_name": "notes", "identifier": "user_123"});
    let unnamed = app.ok(Method::POST, "/v1/connect/accounts", &new).await;
    assert_eq!(unnamed["account_name"], Value::Null);
    assert_eq!(app.get(details).await.json()["connected_account"]["id"], unnamed["id"]);

    let listed = app.get("/v1/connect/accounts?identifier=user_123&account_name=work").await.json();
    assert_eq!((&listed["total_size"], &listed["items"][0]["account_name"]), (&json!(1), &json!("work")));
    let call = json!({"connection_name": "notes", "identifier": "user_123", "account_name": "work", "tool_name": "acme_create_note", "tool_input": {"text": "x"}});
    let answer = app.post("/v1/connect/tools/execute", &call).await;
    assert_eq!(answer.json()["error"]["account_id"], listed["items"][0]["id"], "{answer:?}");
}

#[tokio::test]
async fn scopes_are_shown_and_stepped_up() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.provider.grant_only(Some("read"));
    let id = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    app.fixture.provider.grant_only(None);
    let path = format!("/v1/connect/accounts/{id}");
    let scopes = app.ok(Method::GET, &format!("{path}/scopes"), &Value::Null).await;
    assert_eq!(
        (&scopes["asked"], &scopes["granted"], &scopes["missing"]),
        (&json!(["read", "write"]), &json!(["read"]), &json!(["write"]))
    );
    let gaps = app.ok(Method::GET, "/v1/connect/connections/notes/scope-gaps", &Value::Null).await;
    assert_eq!(
        (&gaps["items"][0]["account"]["id"], &gaps["items"][0]["missing"], &gaps["accounts"]),
        (&json!(id), &json!(["write"]), &json!(1))
    );
    let step_up = json!({"add_scopes": ["write"]});
    assert_eq!(app.post(&format!("{path}/authorization-link"), &step_up).await.status, 201);
    let unknown = app.post(&format!("{path}/authorization-link"), &json!({"add_scopes": ["admin"]})).await;
    assert_eq!(unknown.json()["error"]["fields"][0]["field"], "add_scopes[0]");
    let token = app.token_for(Permissions::from_iter([Permission::AccountsRead])).await;
    let gaps =
        app.call_as(&token, Method::GET, "/v1/connect/connections/notes/scope-gaps", &Value::Null).await;
    assert_eq!(gaps.code(), "permission_denied", "the connections too");
}

#[tokio::test]
async fn events_are_filtered() {
    let (app, path) = connected("acme").await;
    app.fixture.clock.advance(time::Duration::hours(1));
    app.ok(Method::POST, &format!("{path}/refresh"), &Value::Null).await;
    for (query, found) in [
        ("kind=account.activated", 1),
        ("kind=account.activated,%20credential.refreshed", 2),
        ("kind=", 6),
        ("since=2026-01-01T01:00:00Z", 1),
        ("until=2026-01-01T01:00:00Z", 5),
        ("code=refresh_refused", 0),
    ] {
        let list = app.ok(Method::GET, &format!("{path}/events?{query}"), &Value::Null).await;
        assert_eq!(list["total_size"], found, "{query}: {list}");
    }
    for (query, field) in [
        ("kind=nothing", "kind"),
        ("code=nothing", "code"),
        ("since=yesterday", "since"),
        ("until=1", "until"),
    ] {
        let refused = app.get(&format!("{path}/events?{query}")).await;
        assert_eq!(refused.json()["error"]["fields"][0]["field"], field, "{query}");
    }
}
