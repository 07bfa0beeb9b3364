//! Diagnoses over the native API.

use http::Method;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{Permission, Permissions};

use crate::app::App;

#[tokio::test]
async fn diagnosis_of_a_pending_account_has_every_field() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.link("notes", "user_1").await;
    let id = app.fixture.account("notes", "user_1").await.account.id.to_string();
    let by_id = app.ok(Method::GET, &format!("/v1/connect/accounts/{id}/diagnosis"), &Value::Null).await;
    assert_eq!(by_id["verdict"], "broken");
    assert_eq!(by_id["subject"]["account_id"], id);
    assert_eq!(by_id["subject"]["status"], "PENDING");
    let finding = &by_id["findings"][0];
    assert_eq!(finding["code"], "link_never_opened");
    assert_eq!(
        (finding["severity"].as_str(), finding["confidence"].as_str(), finding["actor"].as_str()),
        (Some("broken"), Some("certain"), Some("end_user"))
    );
    assert_eq!(finding["docs"], "https://valetkey.example/docs/errors/link_never_opened");
    let link = finding["remedies"][0]["url"].as_str().unwrap();
    assert!(link.starts_with("https://valetkey.example/connect/"), "{link}");
    let event = finding["evidence"].as_array().unwrap().iter().find(|e| e["kind"] == "event").unwrap();
    assert!(event["ref"].as_str().unwrap().starts_with("ev_") && event["at"].is_string(), "{event}");
    assert_eq!(by_id["steps"][0]["name"], "status");
    // The same by identifier and connection; the page of the code is there.
    let body = json!({"identifier": "user_1", "connection_name": "notes"});
    let by_name = app.ok(Method::POST, "/v1/connect/diagnoses", &body).await;
    assert_eq!(by_name["findings"], by_id["findings"]);
    assert_eq!(app.get("/docs/errors/link_never_opened").await.status, 200);
    assert_eq!(app.get("/docs/errors/healthy").await.status, 200);
}

#[tokio::test]
async fn diagnosis_of_a_failing_call_is_attached_to_it_and_to_its_record() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_1").await;
    app.fixture.provider.forget_grants();
    let call = json!({"connection_name": "notes", "identifier": "user_1", "tool_name": "acme_get_profile"});
    let failed = app.post("/v1/connect/tools/execute", &call).await;
    assert_eq!(failed.code(), "account_revoked");
    let error = &failed.json()["error"];
    let short = &error["diagnosis"];
    assert_eq!(
        (short["verdict"].as_str(), short["code"].as_str(), short["actor"].as_str()),
        (Some("broken"), Some("access_revoked_by_user"), Some("end_user"))
    );
    let execution = error["execution_id"].as_str().unwrap();
    let record = app.ok(Method::GET, &format!("/v1/connect/executions/{execution}"), &Value::Null).await;
    assert_eq!(record["diagnosis"]["code"], "access_revoked_by_user");
    let diagnosis =
        app.ok(Method::POST, "/v1/connect/diagnoses", &json!({ "execution_id": execution })).await;
    assert_eq!(diagnosis["subject"]["kind"], "execution");
    assert_eq!(diagnosis["findings"][0]["code"], "access_revoked_by_user");
}

#[tokio::test]
async fn diagnosis_compares_registered_redirect_uris() {
    let app = App::start().await;
    let uri = app.fixture.connection("notes", "acme").await.redirect_uri;
    let body = json!({"connection_name": "notes", "registered_redirect_uris": [format!("{uri}/")]});
    let diagnosis = app.ok(Method::POST, "/v1/connect/diagnoses", &body).await;
    assert_eq!(diagnosis["subject"]["kind"], "connection");
    let finding = &diagnosis["findings"][0];
    assert_eq!(finding["code"], "redirect_uri_mismatch");
    assert!(finding["message"].as_str().unwrap().contains("a slash at the end"), "{finding}");
}

#[tokio::test]
async fn diagnosis_needs_a_subject_and_the_right_permissions() {
    let app = App::start().await;
    let refused = app.post("/v1/connect/diagnoses", &json!({})).await;
    assert_eq!(refused.json()["error"]["fields"][0]["field"], "account_id");
    let both = json!({"execution_id": "ex_1", "connection_name": "notes"});
    let refused = app.post("/v1/connect/diagnoses", &both).await;
    assert_eq!(refused.json()["error"]["fields"][0]["field"], "execution_id");
    app.fixture.connection("notes", "acme").await;
    app.fixture.link("notes", "user_1").await;
    let id = app.fixture.account("notes", "user_1").await.account.id.to_string();
    let reader = app.token_for(Permissions::from_iter([Permission::AccountsRead])).await;
    let path = format!("/v1/connect/accounts/{id}/diagnosis");
    let read = app.call_as(&reader, Method::GET, &path, &Value::Null).await;
    assert_eq!(read.status, 200);
    assert!(read.json()["findings"][0]["remedies"][0].get("url").is_none(), "{}", read.text);
    let probed = app.call_as(&reader, Method::GET, &format!("{path}?probe=true"), &Value::Null).await;
    assert_eq!(probed.code(), "permission_denied");
}

/// When a client secret ends is taken as an instant or as RFC 7591 writes it, shown, and told before it is too late.
#[tokio::test]
async fn end_of_a_client_secret_is_taken_shown_and_told() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let path = "/v1/connect/connections/notes";
    let fresh = app.ok(Method::GET, path, &Value::Null).await;
    assert_eq!(fresh["client_secret_expires_at"], Value::Null);
    let end = app.fixture.now() + time::Duration::days(12);
    let seconds = json!({"client_secret_expires_at": end.unix_timestamp()});
    let text = end.format(&time::format_description::well_known::Rfc3339).unwrap();
    for body in [seconds, json!({ "client_secret_expires_at": &text })] {
        let changed = app.ok(Method::PATCH, path, &body).await;
        assert_eq!(changed["client_secret_expires_at"], text);
    }
    assert_eq!(app.ok(Method::GET, path, &Value::Null).await["client_secret_expires_at"], text);
    let diagnosis = app.ok(Method::POST, "/v1/connect/diagnoses", &json!({"connection_name": "notes"})).await;
    let finding = &diagnosis["findings"][0];
    assert_eq!(
        (finding["code"].as_str(), finding["actor"].as_str()),
        (Some("client_secret_expiring"), Some("developer"))
    );
    assert!(finding["message"].as_str().unwrap().contains("in 12 days"), "{finding}");
    // It does not end after all: zero, and null.
    for never in [json!(0), Value::Null] {
        app.ok(Method::PATCH, path, &json!({ "client_secret_expires_at": &text })).await;
        let changed = app.ok(Method::PATCH, path, &json!({ "client_secret_expires_at": never })).await;
        assert_eq!(changed["client_secret_expires_at"], Value::Null);
    }
    let refused = app.call(Method::PATCH, path, &json!({"client_secret_expires_at": "soon"})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"]["fields"][0]["field"], "client_secret_expires_at");
    let new = json!({
        "name": "later", "connector": "acme", "client_id": "id", "client_secret": "canary-secret",
        "client_secret_expires_at": &text,
    });
    let made = app.ok(Method::POST, "/v1/connect/connections", &new).await;
    assert_eq!(made["client_secret_expires_at"], text);
    let bare = json!({"name": "bare", "connector": "acme", "client_secret_expires_at": &text});
    let refused = app.post("/v1/connect/connections", &bare).await;
    assert_eq!(refused.json()["error"]["fields"][0]["field"], "client_secret_expires_at");
}
