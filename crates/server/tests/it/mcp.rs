//! The tools for one user through MCP, message by message; the official client speaks with the binary end to end.

use axum::body::Body;
use http::{Method, Request, header};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{Permission, Permissions};

use crate::app::{Answer, App};

const FOR_USER: &str = "/mcp?identifier=user_123";

async fn ready() -> App {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_123").await;
    app
}

fn request(token: &str, path: &str, message: &Value) -> http::request::Builder {
    let version = message["params"]["protocolVersion"].as_str().unwrap_or("2025-06-18");
    Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", version)
        .header(header::HOST, "valetkey.example")
}

fn message(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// The error of an answer that is no result: whole beside the line that clients show.
fn refused(answer: &Answer) -> Value {
    let error = &answer.json()["error"];
    let (line, whole) = (error["message"].as_str().unwrap(), error["data"].clone());
    assert!(
        error["code"].is_i64() && line.contains(&format!("[{}]", whole["code"].as_str().unwrap())),
        "{answer:?}"
    );
    whole
}

async fn say(app: &App, path: &str, method: &str, params: Value) -> Answer {
    let message = message(method, params);
    let request = request(&app.token, path, &message).body(Body::from(message.to_string())).unwrap();
    app.send(request).await
}

/// The result of what must be answered.
async fn ask(app: &App, path: &str, method: &str, params: Value) -> Value {
    let answer = say(app, path, method, params).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = answer.json();
    assert!(said["error"].is_null(), "{said}");
    said["result"].clone()
}

async fn call(app: &App, path: &str, tool: &str, arguments: Value) -> Value {
    ask(app, path, "tools/call", json!({"name": tool, "arguments": arguments})).await
}

/// The text of a failed call, and its code.
fn failure(result: &Value) -> (&str, &str) {
    assert_eq!(result["isError"], true, "{result}");
    let code = result["structuredContent"]["error"]["code"].as_str().unwrap();
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains(&format!("[{code}]")), "{text}");
    (text, code)
}

fn names(result: &Value) -> Vec<&str> {
    result["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn client_that_begins_is_told_who_answers_and_how_to_read_failures() {
    let app = ready().await;
    let client = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let begun = ask(&app, FOR_USER, "initialize", client).await;
    assert_eq!(begun["protocolVersion"], "2025-06-18");
    assert_eq!(begun["serverInfo"]["name"], "valetkey");
    assert!(begun["capabilities"]["tools"].is_object());
    assert!(begun["instructions"].as_str().unwrap().contains("whose move it is"));
    let answer = say(&app, FOR_USER, "notifications/initialized", json!({})).await;
    assert!(answer.header("mcp-session-id").is_empty(), "there are no sessions: {answer:?}");
}

#[tokio::test]
async fn tools_of_enabled_connections_are_listed_with_schema_and_hints() {
    let app = ready().await;
    let listed = ask(&app, FOR_USER, "tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    assert!(tools.iter().all(|tool| tool["name"].as_str().unwrap().starts_with("acme_")), "{listed}");
    let read = tools.iter().find(|tool| tool["name"] == "acme_get_profile").unwrap();
    assert_eq!(read["inputSchema"]["type"], "object");
    assert_eq!(read["annotations"]["readOnlyHint"], true);
    assert!(!read["description"].as_str().unwrap().is_empty());
    // A user who has connected nothing yet is offered the same: the call says what is missing.
    let other = ask(&app, "/mcp?identifier=nobody", "tools/list", json!({})).await;
    assert_eq!(names(&other), names(&listed));
    let (one, two) = ("acme_get_profile", "acme_create_note");
    let path = format!("{FOR_USER}&tool_name={one}&tool_name={two}");
    let mut few = names(&ask(&app, &path, "tools/list", json!({})).await)
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    few.sort();
    assert_eq!(few, [two, one]);
    // The connection goes, and its tools with it.
    app.ok(Method::PATCH, "/v1/connect/connections/notes", &json!({"enabled": false})).await;
    assert_eq!(names(&ask(&app, FOR_USER, "tools/list", json!({})).await), Vec::<&str>::new());
}

#[tokio::test]
async fn call_acts_in_the_users_account_and_is_recorded_as_one_by_mcp() {
    let app = ready().await;
    let result = call(&app, FOR_USER, "acme_create_note", json!({"text": "hello"})).await;
    assert_ne!(result["isError"], true, "{result}");
    let data: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(result["structuredContent"], data);
    let listed = app.get("/v1/connect/executions").await.json();
    let record = &listed["items"][0];
    assert_eq!((&record["source"], &record["tool_name"]), (&json!("mcp"), &json!("acme_create_note")));
    // S17: what the caller shows to us never goes on.
    for seen in app.fixture.provider.requests_to("/api/notes") {
        assert!(!format!("{seen:?}").contains(&app.token));
    }
}

#[tokio::test]
async fn call_that_fails_says_what_happened_and_whose_move_it_is() {
    let app = ready().await;
    let result = call(&app, FOR_USER, "acme_create_note", json!({})).await;
    let (text, code) = failure(&result);
    assert_eq!(code, "tool_input_invalid");
    assert!(text.contains("- tool_input.text: is required") && text.contains("has to mend it"), "{text}");

    let result = call(&app, "/mcp?identifier=nobody", "acme_get_profile", json!({})).await;
    let (text, code) = failure(&result);
    assert_eq!(code, "account_not_found", "{text}");

    let body = json!({"connection_name": "notes", "identifier": "newcomer"});
    app.ok(Method::POST, "/v1/connect/accounts", &body).await;
    let result = call(&app, "/mcp?identifier=newcomer", "acme_get_profile", json!({})).await;
    let (text, code) = failure(&result);
    assert_eq!(code, "account_pending");
    assert!(text.contains("The user has to act.") && text.contains("/docs/errors/account_pending"), "{text}");

    let result = call(&app, FOR_USER, "acme_no_such_tool", json!({})).await;
    let (_, code) = failure(&result);
    assert_eq!(code, "tool_not_found");
    // What the URL leaves out is not offered.
    let path = format!("{FOR_USER}&tool_name=acme_get_profile");
    let result = call(&app, &path, "acme_create_note", json!({"text": "x"})).await;
    let (text, code) = failure(&result);
    assert_eq!(code, "tool_not_found", "{text}");
    assert!(text.contains("not among those offered here"), "{text}");
}

#[tokio::test]
async fn url_that_says_too_little_or_too_much_is_refused_at_once() {
    let app = ready().await;
    app.fixture.connection("more-notes", "acme").await;
    for (path, status, code, field) in [
        ("/mcp", 400, "invalid_argument", "identifier"),
        ("/mcp?identifer=user_123", 400, "invalid_argument", "identifer"),
        ("/mcp?identifier=u&connection_name=nowhere", 404, "connection_not_found", ""),
        (
            "/mcp?identifier=u&connection_name=notes&connection_name=more-notes",
            400,
            "invalid_argument",
            "connection_name",
        ),
        ("/mcp?identifier=u&tool_name=acme_get_profil", 404, "tool_not_found", ""),
    ] {
        let answer = say(&app, path, "tools/list", json!({})).await;
        let error = refused(&answer);
        assert_eq!((answer.status.as_u16(), &error["code"]), (status, &json!(code)), "{path}");
        assert_eq!(error["fields"][0]["field"].as_str().unwrap_or_default(), field, "{path}");
    }
    // With one of the two named there is no doubt.
    let path = "/mcp?identifier=user_123&connection_name=more-notes";
    let result = call(&app, path, "acme_get_profile", json!({})).await;
    let (_, code) = failure(&result);
    assert_eq!(code, "account_not_found", "the account is on the other connection");
}

/// S41: who may find tools may not thereby call them.
#[tokio::test]
async fn token_without_a_permission_lists_or_calls_nothing() {
    let mut app = ready().await;
    app.token = app.token_for(Permissions::from_iter([Permission::ToolsRead])).await;
    assert!(!names(&ask(&app, FOR_USER, "tools/list", json!({})).await).is_empty());
    let result = call(&app, FOR_USER, "acme_get_profile", json!({})).await;
    let (_, code) = failure(&result);
    assert_eq!(code, "permission_denied");
    app.token = app.token_for(Permissions::from_iter([Permission::AccountsRead])).await;
    let answer = say(&app, FOR_USER, "tools/list", json!({})).await;
    assert_eq!((answer.status.as_u16(), &refused(&answer)["code"]), (403, &json!("permission_denied")));
}

/// S39: a connection of another environment is as unknown as one that is nowhere.
#[tokio::test]
async fn foreign_connection_answered_exactly_like_an_unknown_one() {
    let mut app = ready().await;
    let id = app.get("/v1/connect/connections/notes").await.json()["id"].as_str().unwrap().to_owned();
    app.token = app.stranger().await;
    let mut said = Vec::new();
    for name in [id.as_str(), "conn_00000000000000000000000000", "notes", "nothing"] {
        let answer = say(&app, &format!("{FOR_USER}&connection_name={name}"), "tools/list", json!({})).await;
        let mut body = answer.json();
        body["error"]["data"]["request_id"] = Value::Null;
        said.push((answer.status, body.to_string().replace(name, "NAME")));
    }
    assert_eq!(said[0].0, 404, "{said:?}");
    assert!(said.iter().all(|it| *it == said[0]), "{said:?}");
    assert_eq!(names(&ask(&app, FOR_USER, "tools/list", json!({})).await), Vec::<&str>::new());
}

/// S44: DNS rebinding, and pages of other sites.
#[tokio::test]
async fn page_of_another_site_is_refused() {
    let app = ready().await;
    let message = message("tools/list", json!({}));
    for (origin, status) in [
        ("https://evil.example", 403),
        ("null", 403),
        ("http://localhost.evil.example", 403),
        ("https://valetkey.example", 200),
    ] {
        let request = request(&app.token, FOR_USER, &message).header(header::ORIGIN, origin);
        let answer = app.send(request.body(Body::from(message.to_string())).unwrap()).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
    }
}

/// What is wrong with a message is said as JSON-RPC says it, and what is no message gets a code of the catalogue.
#[tokio::test]
async fn message_that_is_none_is_refused_and_never_a_fault_of_ours() {
    let app = ready().await;
    let long = "x".repeat(10_000);
    for body in
        ["", "{", "[]", "7", r#"{"jsonrpc":"2.0"}"#, r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#, &long]
    {
        let request = request(&app.token, FOR_USER, &Value::Null).body(Body::from(body.to_owned())).unwrap();
        let answer = app.send(request).await;
        assert!(!answer.status.is_server_error(), "{body}: {answer:?}");
        assert!(answer.json()["error"]["code"].is_i64(), "{body}: {answer:?}");
    }
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = app.call(method.clone(), FOR_USER, &Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{method}");
    }
    let odd = Request::post(FOR_USER).header(header::AUTHORIZATION, format!("Bearer {}", app.token));
    let answer = app.send(odd.body(Body::from("{}")).unwrap()).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    assert_eq!(refused(&answer)["code"], "invalid_request");
}
