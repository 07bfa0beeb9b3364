//! S41: tokens that agents hold are bounded to connectors, tools, users and reading, the same at every door.

use axum::body::Body;
use http::{Request, header};
use prost_types::{Struct, value::Kind};
use serde_json::{Value, json};
use valetkey_api::proto::tools::{ExecuteToolRequest, ListToolsRequest};
use valetkey_domain::{Bounds, ExposeSecret};
use valetkey_engine::NewApiToken;
use valetkey_testkit::app::{Tenant, TestApp};

use crate::support::{info, send, start, tools};

/// Whom and what a call is for.
#[derive(Clone, Copy)]
struct Call {
    tool: &'static str,
    identifier: &'static str,
}

const READS: Call = Call { tool: "stub_get_me", identifier: "u1" };
const LISTS: Call = Call { tool: "stub_list_items", identifier: "u1" };
const WRITES: Call = Call { tool: "stub_create_item", identifier: "u1" };
const OTHERS: Call = Call { tool: "stub_get_me", identifier: "u2" };
const NOBODYS: Call = Call { tool: "stub_get_me", identifier: "nobody" };

fn names(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn bounded(app: &TestApp, tenant: &Tenant, bounds: Bounds) -> String {
    let new = NewApiToken {
        name: "agent".into(),
        client: Some(tenant.client_id.clone()),
        bounds,
        ..NewApiToken::default()
    };
    app.engine.create_api_token(&tenant.operator, new).await.unwrap().secret.expose_secret().to_owned()
}

async fn http(app: &TestApp, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let mut request =
        Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let mut bytes = Body::empty();
    if !body.is_null() {
        request = request.header(header::CONTENT_TYPE, "application/json");
        bytes = Body::from(body.to_string());
    }
    let answer = send(app, request.body(bytes).unwrap()).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

fn input(call: Call) -> Value {
    if call.tool == WRITES.tool { json!({"name": "pen"}) } else { json!({}) }
}

/// What each door says of a call: `ok`, or the code of the error. One answer, since they must agree.
async fn decision(app: &TestApp, token: &str, call: Call) -> String {
    let input = input(call);
    let body = json!({"tool_name": call.tool, "identifier": call.identifier, "tool_input": input});
    let (status, answer) = http(app, token, "POST", "/v1/connect/tools/execute", body.clone()).await;
    let word = |status: u16, code: &Value| match status {
        200 => "ok".to_owned(),
        _ => code.as_str().unwrap_or("no code").to_owned(),
    };
    let rest = word(status, &answer["error"]["code"]);

    let batch = json!({"calls": [body]});
    let (status, answer) = http(app, token, "POST", "/v1/connect/tools/execute/batch", batch).await;
    assert_eq!(status, 200, "{answer}");
    let item = &answer["results"][0];
    let batched = if item["error"].is_null() { "ok".to_owned() } else { word(0, &item["error"]["code"]) };

    let asynchronous =
        json!({"tool_name": call.tool, "identifier": call.identifier, "tool_input": input, "mode": "async"});
    let (status, answer) = http(app, token, "POST", "/v1/connect/tools/execute", asynchronous).await;
    let detached = if status == 202 { "ok".to_owned() } else { word(status, &answer["error"]["code"]) };

    let body = json!({"tool_name": call.tool, "identifier": call.identifier, "params": input});
    let (status, answer) = http(app, token, "POST", "/api/v1/execute_tool", body).await;
    let compatible = word(status, &answer["details"][0]["error_code"]);

    let fields = input.as_object().unwrap().iter().map(|(name, value)| {
        let kind = Kind::StringValue(value.as_str().unwrap().to_owned());
        (name.clone(), prost_types::Value { kind: Some(kind) })
    });
    let request = ExecuteToolRequest {
        tool_name: call.tool.to_owned(),
        identifier: Some(call.identifier.to_owned()),
        params: Some(Struct { fields: fields.collect() }),
        ..Default::default()
    };
    let grpc = match tools(app, token).execute_tool(request).await {
        Ok(_) => "ok".to_owned(),
        Err(status) => info(&status).error_code,
    };
    let mcp = through_mcp(app, token, call).await;
    assert!(
        [&batched, &detached, &compatible, &grpc, &mcp].iter().all(|it| **it == rest),
        "{}, {}: {rest}, {batched}, {detached}, {compatible}, {grpc}, {mcp}",
        call.tool,
        call.identifier
    );
    rest
}

/// The same by MCP, where whom a call is for is in the URL and refused there already.
async fn through_mcp(app: &TestApp, token: &str, call: Call) -> String {
    let message = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": call.tool, "arguments": input(call)}
    });
    let (status, answer) = mcp(app, token, call.identifier, &message).await;
    let result = &answer["result"];
    match status {
        200 if result["isError"] == true => result["structuredContent"]["error"]["code"].clone(),
        200 => json!("ok"),
        _ => answer["error"]["data"]["code"].clone(),
    }
    .as_str()
    .unwrap_or("no code")
    .to_owned()
}

async fn mcp(app: &TestApp, token: &str, identifier: &str, message: &Value) -> (u16, Value) {
    let request = Request::post(format!("/mcp?identifier={identifier}"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::HOST, "valetkey.test")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream");
    let answer = send(app, request.body(Body::from(message.to_string())).unwrap()).await;
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

async fn ready() -> (TestApp, Tenant) {
    let (app, tenant) = start().await;
    app.stub_connection(&tenant, "stub").await;
    for user in ["u1", "u2"] {
        app.stub_account(&tenant, "stub", user, "key").await;
    }
    (app, tenant)
}

#[tokio::test]
async fn token_with_bounds_gets_the_same_decision_at_every_door() {
    let (app, tenant) = ready().await;
    let denied = "permission_denied";
    let policies = [
        (Bounds { connectors: names(&["stub"]), ..Bounds::default() }, ["ok", "ok", "ok", "ok"]),
        (Bounds { connectors: names(&["gmail"]), ..Bounds::default() }, [denied; 4]),
        (Bounds { tools: names(&["stub_get_me"]), ..Bounds::default() }, ["ok", denied, denied, "ok"]),
        (Bounds { identifiers: names(&["u1"]), ..Bounds::default() }, ["ok", "ok", "ok", denied]),
        (Bounds { read_only: true, ..Bounds::default() }, ["ok", "ok", denied, "ok"]),
        (
            Bounds { identifiers: names(&["u1"]), read_only: true, ..Bounds::default() },
            ["ok", "ok", denied, denied],
        ),
    ];
    for (bounds, expected) in policies {
        let token = bounded(&app, &tenant, bounds.clone()).await;
        let mut decisions = Vec::new();
        for call in [READS, LISTS, WRITES, OTHERS] {
            decisions.push(decision(&app, &token, call).await);
        }
        assert_eq!(decisions, expected, "{}", bounds.in_words());
    }
}

/// A user out of reach and one that there is not are answered alike, and so are their accounts' ids.
#[tokio::test]
async fn token_bounded_to_a_user_learns_nothing_of_others() {
    let (app, tenant) = ready().await;
    let token = bounded(&app, &tenant, Bounds { identifiers: names(&["u1"]), ..Bounds::default() }).await;
    assert_eq!(decision(&app, &token, OTHERS).await, decision(&app, &token, NOBODYS).await);
    let mut said = Vec::new();
    let other = app.stub_account(&tenant, "stub", "u3", "key").await.account.id;
    for id in [other.as_str(), "ca_00000000000000000000000000"] {
        let body = json!({"tool_name": "stub_get_me", "connected_account_id": id, "tool_input": {}});
        let (status, mut answer) = http(&app, &token, "POST", "/v1/connect/tools/execute", body).await;
        answer["error"]["request_id"] = Value::Null;
        let proxied = Request::get("/proxy/me")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header("connected_account_id", id)
            .body(Body::empty())
            .unwrap();
        said.push((status, answer, send(&app, proxied).await.status()));
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0].0, 404, "{said:?}");
    // Whom the call is for has to be said.
    let (status, answer) =
        http(&app, &token, "POST", "/v1/connect/tools/execute", json!({"tool_name": "stub_get_me"})).await;
    assert_eq!((status, &answer["error"]["fields"][0]["field"]), (400, &json!("identifier")), "{answer}");
    // What another token of the same client called for another user is none of its business.
    let body = json!({"tool_name": "stub_get_me", "identifier": "u2", "tool_input": {}, "mode": "async"});
    let (_, taken) = http(&app, &tenant.token, "POST", "/v1/connect/tools/execute", body).await;
    let path = format!("/v1/connect/executions/{}", taken["execution_id"].as_str().unwrap());
    assert_eq!(http(&app, &tenant.token, "GET", &path, Value::Null).await.0, 200);
    assert_eq!(http(&app, &token, "GET", &path, Value::Null).await.0, 404);
}

/// What an agent may not call it does not find, and nothing but finding and calling is open to it.
#[tokio::test]
async fn token_with_bounds_finds_its_tools_and_manages_nothing() {
    let (app, tenant) = ready().await;
    let token = bounded(&app, &tenant, Bounds { tools: names(&["stub_get_me"]), ..Bounds::default() }).await;
    let listed = tools(&app, &token).list_tools(ListToolsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.total_size, 1, "{listed:?}");
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let (_, offered) = mcp(&app, &token, "u1", &message).await;
    assert_eq!(offered["result"]["tools"].as_array().map(Vec::len), Some(1), "{offered}");
    let (_, found) =
        http(&app, &token, "POST", "/v1/connect/tools/search", json!({"query": "items", "identifier": "u1"}))
            .await;
    assert!(!found.to_string().contains("stub_list_items"), "{found}");
    for (method, path) in [
        ("GET", "/v1/connect/accounts"),
        ("GET", "/v1/connect/connections"),
        ("GET", "/v1/connect/executions"),
        ("GET", "/v1/connect/tokens"),
        ("GET", "/v1/connect/webhooks"),
    ] {
        assert_eq!(http(&app, &token, method, path, Value::Null).await.0, 403, "{path}");
    }
    // A path is no tool.
    let proxied = Request::get("/proxy/me")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header("identifier", "u1")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&app, proxied).await.status(), 403);
    assert!(app.provider.seen().is_empty());
}

/// Bounds name what there is, and a token with bounds is given nothing that does not look at them.
#[tokio::test]
async fn token_with_bounds_that_mean_nothing_is_refused() {
    let (app, tenant) = ready().await;
    let make = async |bounds: Value, permissions: Value| {
        let body = json!({"name": "agent", "bounds": bounds, "permissions": permissions});
        http(&app, &tenant.token, "POST", "/v1/connect/tokens", body).await
    };
    for (bounds, permissions, field) in [
        (json!({"tools": ["stub_nothing"]}), Value::Null, "bounds.tools"),
        (json!({"connectors": ["nowhere"]}), Value::Null, "bounds.connectors"),
        (json!({"identifiers": [""]}), Value::Null, "bounds.identifiers"),
        (json!({"read_only": true}), json!(["connected_accounts:read"]), "permissions"),
    ] {
        let (status, answer) = make(bounds, permissions).await;
        assert_eq!((status, &answer["error"]["fields"][0]["field"]), (400, &json!(field)), "{answer}");
    }
    let (status, answer) = make(json!({"identifiers": ["u1"], "read_only": true}), Value::Null).await;
    assert_eq!(status, 201, "{answer}");
    let token = &answer["api_token"];
    assert_eq!(token["permissions"], json!(["agent_connectors:read", "agent_connectors:execute"]));
    assert_eq!(token["bounds"]["identifiers"], json!(["u1"]));
    let (_, listed) = http(&app, &tenant.token, "GET", "/v1/connect/tokens", Value::Null).await;
    assert!(listed["items"].as_array().unwrap().iter().any(|it| it == token), "{listed}");
}
