//! The native REST API, use by use.

use http::Method;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{Permission, Permissions};
use valetkey_testkit::fake_provider::{API_KEY, CLIENT_ID, CLIENT_SECRET};

use crate::app::App;

fn connection_body(app: &App, name: &str) -> Value {
    let overrides = serde_json::to_value(app.fixture.overrides()).unwrap();
    json!({"name": name, "connector": "acme", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "overrides": overrides})
}

#[tokio::test]
async fn connection_created_read_changed_and_deleted() {
    let app = App::start().await;
    let created = app.post("/v1/connect/connections", &connection_body(&app, "notes")).await;
    assert_eq!(created.status, 201);
    let connection = created.json();
    let id = connection["id"].as_str().unwrap();
    assert_eq!(connection["redirect_uri"], format!("https://valetkey.example/oauth/callback/{id}"));
    assert_eq!(
        (connection["has_client_secret"].clone(), connection["enabled"].clone()),
        (json!(true), json!(true))
    );

    for key in [id, "notes"] {
        assert_eq!(
            app.ok(Method::GET, &format!("/v1/connect/connections/{key}"), &Value::Null).await,
            connection
        );
    }
    let listed = app.ok(Method::GET, "/v1/connect/connections?query=NOTE&connector=acme", &Value::Null).await;
    assert_eq!((listed["items"][0].clone(), listed["total_size"].clone()), (connection.clone(), json!(1)));

    let change = json!({"scopes": ["read"], "client_secret": null, "enabled": false});
    let changed = app.ok(Method::PATCH, "/v1/connect/connections/notes", &change).await;
    assert_eq!(changed["scopes"], json!(["read"]));
    assert_eq!(
        (changed["has_client_secret"].clone(), changed["client_id"].clone()),
        (json!(false), json!(CLIENT_ID))
    );

    assert_eq!(app.call(Method::DELETE, "/v1/connect/connections/notes", &Value::Null).await.status, 204);
    assert_eq!(app.get("/v1/connect/connections/notes").await.code(), "connection_not_found");
}

#[tokio::test]
async fn connection_with_wrong_fields_refused_naming_them() {
    let app = App::start().await;
    let cases = [
        (json!({"connector": "acme", "colour": "red"}), "invalid_argument", "colour"),
        (json!({"name": "x"}), "invalid_argument", "connector"),
        (
            json!({"connector": "acme", "overrides": {"token_url": "not a url"}}),
            "invalid_argument",
            "overrides.token_url",
        ),
        (
            json!({"connector": "acme", "overrides": {"tokenurl": "https://a.example"}}),
            "invalid_argument",
            "overrides.tokenurl",
        ),
        (json!({"connector": "acme", "name": "no/slashes"}), "invalid_argument", "name"),
        (json!({"connector": "acme", "scopes": "read"}), "invalid_argument", "scopes"),
    ];
    for (body, code, field) in cases {
        let answer = app.post("/v1/connect/connections", &body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{body}: {answer:?}");
        assert_eq!(answer.json()["error"]["fields"][0]["field"], field, "{body}");
    }
    assert_eq!(
        app.post("/v1/connect/connections", &json!({"connector": "nothing"})).await.code(),
        "connector_not_found"
    );
    assert_eq!(app.get("/v1/connect/connections").await.json()["total_size"], 0, "nothing was written");
}

/// S28: written, never read back.
#[tokio::test]
async fn secrets_in_no_answer_and_no_event() {
    let app = App::start().await;
    app.post("/v1/connect/connections", &connection_body(&app, "notes")).await;
    app.fixture.authorize("notes", "user_123").await;
    let account = app.fixture.account("notes", "user_123").await.account.id.to_string();
    let call = json!({"identifier": "user_123", "tool_name": "acme_get_profile"});
    let mut answers = vec![app.post("/v1/connect/tools/execute", &call).await];
    for path in [
        "/v1/connect/connections".to_owned(),
        "/v1/connect/connections/notes/events".to_owned(),
        "/v1/connect/accounts".to_owned(),
        format!("/v1/connect/accounts/{account}"),
        format!("/v1/connect/accounts/{account}/events"),
        "/v1/connect/executions".to_owned(),
        "/v1/connect/clients".to_owned(),
        "/v1/connect/tokens".to_owned(),
    ] {
        answers.push(app.get(&path).await);
    }
    for answer in answers {
        assert!(answer.status.is_success(), "{answer:?}");
        assert!(!answer.text.contains("canary"), "{answer:?}");
        assert!(!answer.text.contains(&app.token) && !answer.text.contains(&app.client_secret));
    }
}

#[tokio::test]
async fn account_has_the_documented_fields() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let id = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    let account = app.ok(Method::GET, &format!("/v1/connect/accounts/{id}"), &Value::Null).await;
    let fixed = json!({
        "id": id, "status": "ACTIVE", "connection_name": "notes", "connector": "acme", "provider": "ACME",
        "identifier": "user_123", "auth_type": "OAUTH", "scopes": ["read", "write"],
        "label": "user-1@acme.example", "organization_id": null, "user_id": null, "api_config": {},
        "created_at": "2026-01-01T00:00:00Z", "token_expires_at": "2026-01-01T01:00:00Z", "last_used_at": null,
    });
    for (name, value) in fixed.as_object().unwrap() {
        assert_eq!(&account[name], value, "{name}");
    }
    assert!(account["connection_id"].as_str().unwrap().starts_with("conn_"));
    assert!(account["updated_at"].is_string());
}

#[tokio::test]
async fn account_created_found_changed_and_deleted() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let new = json!({"connection_name": "notes", "identifier": "user_123", "organization_id": "org", "api_config": {"a": 1}});
    let created = app.post("/v1/connect/accounts", &new).await;
    assert_eq!((created.status.as_u16(), created.json()["status"].clone()), (201, json!("PENDING")));
    assert_eq!(app.post("/v1/connect/accounts", &new).await.code(), "account_already_exists");
    let id = created.json()["id"].as_str().unwrap().to_owned();

    let found = app
        .ok(Method::GET, "/v1/connect/accounts?connection_name=notes&identifier=user_123", &Value::Null)
        .await;
    assert_eq!(found["items"][0]["id"], id);
    for (query, expected) in [
        ("status=PENDING", 1),
        ("status=ACTIVE", 0),
        ("organization_id=org", 1),
        ("query=USER_1", 1),
        ("connector=acme", 1),
        ("connection_name=other", 0),
    ] {
        let found = app.ok(Method::GET, &format!("/v1/connect/accounts?{query}"), &Value::Null).await;
        assert_eq!(found["total_size"], expected, "{query}");
    }
    app.fixture.clock.advance(time::Duration::seconds(1));
    let changed = app
        .ok(
            Method::PATCH,
            &format!("/v1/connect/accounts/{id}"),
            &json!({"organization_id": null, "user_id": "u"}),
        )
        .await;
    assert_eq!((changed["organization_id"].clone(), changed["user_id"].clone()), (Value::Null, json!("u")));
    assert_eq!(changed["api_config"], json!({"a": 1}));

    let history = app.ok(Method::GET, &format!("/v1/connect/accounts/{id}/events"), &Value::Null).await;
    let kinds: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["account.updated", "account.created"]);
    assert_eq!(
        app.call(Method::DELETE, &format!("/v1/connect/accounts/{id}"), &Value::Null).await.status,
        204
    );
    assert_eq!(app.get(&format!("/v1/connect/accounts/{id}")).await.code(), "account_not_found");
}

#[tokio::test]
async fn account_with_an_imported_credential_is_tried_out() {
    let app = App::start().await;
    app.fixture.connection("keyed", "acmekey").await;
    let new = |identifier: &str, key: &str| json!({"connection_name": "keyed", "identifier": identifier, "credential": {"fields": {"api_key": key}}});
    let refused = app.post("/v1/connect/accounts", &new("a", "wrong-key-wrong-key")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "credential_rejected"));
    let created = app.post("/v1/connect/accounts", &new("b", API_KEY)).await;
    assert_eq!(created.json()["status"], "ACTIVE");
    let both = json!({"connection_name": "keyed", "identifier": "c", "credential": {"fields": {}, "oauth": {"access_token": "canary"}}});
    let answer = app.post("/v1/connect/accounts", &both).await;
    assert_eq!(answer.status, 400);
    assert!(!answer.text.contains("canary"));
}

#[tokio::test]
async fn account_refreshed_and_disconnected() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let id = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    let refreshed = app.ok(Method::POST, &format!("/v1/connect/accounts/{id}/refresh"), &Value::Null).await;
    assert_eq!(refreshed["status"], "ACTIVE");
    assert_eq!(app.fixture.provider.token_requests("refresh_token").len(), 1);
    let gone = app.ok(Method::POST, &format!("/v1/connect/accounts/{id}/disconnect"), &Value::Null).await;
    assert_eq!(gone["status"], "DISCONNECTED");
    let call = json!({"connected_account_id": id, "tool_name": "acme_get_profile"});
    let answer = app.post("/v1/connect/tools/execute", &call).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "account_disconnected"));
    assert_eq!(answer.json()["error"]["account_id"], id);
}

#[tokio::test]
async fn lists_walked_page_by_page() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    for number in 0..5 {
        app.fixture.clock.advance(time::Duration::seconds(1));
        let new = json!({"connection_name": "notes", "identifier": format!("user_{number}")});
        app.ok(Method::POST, "/v1/connect/accounts", &new).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/connect/accounts?page_size=2".to_owned();
    loop {
        let page = app.ok(Method::GET, &path, &Value::Null).await;
        assert_eq!(page["total_size"], 5);
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|a| a["identifier"].as_str().unwrap().to_owned()),
        );
        let Some(token) = page["next_page_token"].as_str() else { break };
        path = format!("/v1/connect/accounts?page_size=2&page_token={token}");
    }
    assert_eq!(seen, ["user_4", "user_3", "user_2", "user_1", "user_0"]);
    for token in ["rubbish", "~", "conn_00000000000000000000000000", "ca_' OR 1=1"] {
        let answer = app.get(&format!("/v1/connect/accounts?page_token={}", token.replace(' ', "+"))).await;
        assert_eq!(answer.json()["error"]["fields"][0]["field"], "page_token", "{token}");
    }
}

/// The guide's three calls.
#[tokio::test]
async fn tool_executed_as_the_guide_shows() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let id = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    for whose in [
        json!({"connected_account_id": id}),
        json!({"identifier": "user_123"}),
        json!({"identifier": "user_123", "connection_name": "notes"}),
    ] {
        let mut call = whose.clone();
        call["tool_name"] = json!("acme_get_profile");
        call["tool_input"] = json!({});
        let outcome = app.ok(Method::POST, "/v1/connect/tools/execute", &call).await;
        assert_eq!(outcome["data"]["email"], "user-1@acme.example", "{whose}");
        assert_eq!(outcome["connected_account_id"], id);
        let execution = outcome["execution_id"].as_str().unwrap();
        let record = app.ok(Method::GET, &format!("/v1/connect/executions/{execution}"), &Value::Null).await;
        assert_eq!((record["status"].clone(), record["source"].clone()), (json!("SUCCEEDED"), json!("rest")));
        assert!(record["request_id"].as_str().unwrap().starts_with("req_"));
    }
    let all = app
        .ok(
            Method::GET,
            &format!("/v1/connect/executions?connected_account_id={id}&status=SUCCEEDED"),
            &Value::Null,
        )
        .await;
    assert_eq!(all["total_size"], 3);
}

#[tokio::test]
async fn tool_called_wrongly_refused_before_anything_is_sent() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_123").await;
    let cases = [
        (
            json!({"identifier": "user_123", "tool_name": "acme_create_note", "tool_input": {}}),
            400,
            "tool_input_invalid",
        ),
        (
            json!({"identifier": "user_123", "tool_name": "acme_create_note", "tool_input": {"text": 1}}),
            400,
            "tool_input_invalid",
        ),
        (
            json!({"identifier": "user_123", "tool_name": "acme_create_note", "tool_input": []}),
            400,
            "invalid_argument",
        ),
        (json!({"identifier": "user_123", "tool_name": "nothing"}), 404, "tool_not_found"),
        (json!({"identifier": "nobody", "tool_name": "acme_get_profile"}), 404, "account_not_found"),
        (json!({"tool_name": "acme_get_profile"}), 400, "invalid_argument"),
        (json!({"identifier": "user_123"}), 400, "invalid_argument"),
        (
            json!({"identifier": "user_123", "tool_name": "acme_get_profile", "colour": 1}),
            400,
            "invalid_argument",
        ),
    ];
    for (call, status, code) in cases {
        let answer = app.post("/v1/connect/tools/execute", &call).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{call}");
    }
    assert!(app.fixture.provider.requests_to("/api/notes").is_empty());
}

#[tokio::test]
async fn tools_and_connectors_listed_and_found() {
    let app = App::start().await;
    let tools = app.ok(Method::GET, "/v1/connect/tools?connector=acme", &Value::Null).await;
    let names: Vec<_> =
        tools["items"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme_get_profile", "acme_create_note"]);
    let tool = app.ok(Method::GET, "/v1/connect/tools/acme_get_profile", &Value::Null).await;
    assert_eq!(tool["definition"]["name"], "acme_get_profile");
    assert!(tool["definition"]["input_schema"].is_object());
    let found = app.ok(Method::POST, "/v1/connect/tools/search", &json!({"query": "write a note"})).await;
    assert_eq!(found["items"][0]["tool"]["name"], "acme_create_note");
    let connectors = app.ok(Method::GET, "/v1/connect/connectors", &Value::Null).await;
    assert_eq!(connectors["items"].as_array().unwrap().len(), 6);
    let connector = app.ok(Method::GET, "/v1/connect/connectors/ACMEKEY", &Value::Null).await;
    assert_eq!(connector["fields"][0]["name"], "api_key");
    assert_eq!(app.get("/v1/connect/connectors/nothing").await.code(), "connector_not_found");
}

#[tokio::test]
async fn connection_test_says_what_it_could_not_check() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let tested = app.ok(Method::POST, "/v1/connect/connections/notes/test", &json!({})).await;
    assert!(tested["ok"].is_boolean() && tested["checked"].is_array());
    assert!(!tested["not_checked"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn link_made_for_an_account_and_for_an_identifier() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let made = app
        .post(
            "/v1/connect/authorization-links",
            &json!({"connection_name": "notes", "identifier": "user_123"}),
        )
        .await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert!(made["link"].as_str().unwrap().starts_with("https://valetkey.example/connect/"));
    assert_eq!(made["expires_at"], "2026-01-02T00:00:00Z");
    let id = made["account"]["id"].as_str().unwrap();
    let path = format!("/v1/connect/accounts/{id}/authorization-link");
    assert_eq!(app.post(&path, &Value::Null).await.status, 201);
    assert_eq!(app.post(&path, &json!({"user_verify_url": "not a url"})).await.code(), "invalid_argument");
    assert_eq!(app.post(&path, &json!({"colour": 1})).await.code(), "invalid_argument");
}

#[tokio::test]
async fn clients_and_tokens_made_listed_and_ended() {
    let app = App::start().await;
    let client = app
        .ok(
            Method::POST,
            "/v1/connect/clients",
            &json!({"name": "agent", "permissions": ["connections:read", "api_clients:manage"]}),
        )
        .await;
    let client_id = client["client"]["id"].as_str().unwrap();
    assert!(!client["client_secret"].as_str().unwrap().is_empty());
    let token = app
        .ok(
            Method::POST,
            "/v1/connect/tokens",
            &json!({"name": "t", "client_id": client_id, "permissions": ["connections:read"]}),
        )
        .await;
    let secret = token["token"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("vk_"));
    assert_eq!(app.call_as(&secret, Method::GET, "/v1/connect/connections", &Value::Null).await.status, 200);
    assert_eq!(
        app.call_as(&secret, Method::GET, "/v1/connect/accounts", &Value::Null).await.code(),
        "permission_denied"
    );

    let listed = app.get("/v1/connect/tokens").await;
    assert!(!listed.text.contains(&secret));
    let id = token["api_token"]["id"].as_str().unwrap();
    let revoked = app.ok(Method::DELETE, &format!("/v1/connect/tokens/{id}"), &Value::Null).await;
    assert!(revoked["revoked_at"].is_string());
    assert_eq!(app.call_as(&secret, Method::GET, "/v1/connect/connections", &Value::Null).await.status, 401);

    let wrong = app
        .post("/v1/connect/clients", &json!({"name": "x", "permissions": ["connections:read", "everything"]}))
        .await;
    assert_eq!(wrong.json()["error"]["fields"][0]["field"], "permissions[1]");
    let disabled =
        app.ok(Method::POST, &format!("/v1/connect/clients/{client_id}/disable"), &Value::Null).await;
    assert!(disabled["disabled_at"].is_string());
}

#[tokio::test]
async fn permissions_kept_on_every_endpoint() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let id = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    let token = app.token_for(Permissions::from_iter([Permission::AccountsRead])).await;
    let own = app.call_as(&token, Method::GET, &format!("/v1/connect/accounts/{id}"), &Value::Null).await;
    assert_eq!(own.status, 200);
    for path in ["connections", "tools", "connectors", "executions", "clients", "tokens"] {
        let answer = app.call_as(&token, Method::GET, &format!("/v1/connect/{path}"), &Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "permission_denied"), "{path}");
    }
    for (path, body) in [
        (format!("accounts/{id}/refresh"), Value::Null),
        (format!("accounts/{id}/disconnect"), Value::Null),
        (format!("accounts/{id}/authorization-link"), Value::Null),
        ("authorization-links".into(), json!({"connection_name": "notes", "identifier": "a"})),
        ("tools/execute".into(), json!({"connected_account_id": id, "tool_name": "acme_get_profile"})),
        ("accounts".into(), json!({"connection_name": "notes", "identifier": "b"})),
        ("connections".into(), json!({"connector": "acme"})),
    ] {
        let answer = app.call_as(&token, Method::POST, &format!("/v1/connect/{path}"), &body).await;
        assert_eq!(answer.code(), "permission_denied", "{path}");
    }
}
