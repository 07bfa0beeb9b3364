//! Every route of the API description: closed without a token (S40), and blind to other environments (S39).

use std::collections::BTreeMap;

use axum::body::Body;
use http::{Method, Request, header};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::app::{Answer, App};

/// One operation of the description.
struct Operation {
    id: String,
    method: Method,
    path: String,
    public: bool,
    has_body: bool,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(valetkey_server::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_ascii_uppercase().parse().unwrap(),
                path: path.clone(),
                public: operation["security"] == json!([{}]),
                has_body: operation["requestBody"].is_object(),
            });
        }
    }
    assert!(operations.len() > 30, "the description is nearly empty");
    operations
}

async fn ask(app: &App, method: Method, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(value) = authorization {
        request = request.header(header::AUTHORIZATION, value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

/// S40
#[tokio::test]
async fn every_route_but_the_public_ones_needs_a_token() {
    let app = App::start().await;
    let bad = [
        None,
        Some("Bearer"),
        Some("Bearer vk_wrong"),
        Some("Bearer eyJhbGciOiJub25lIn0.e30."),
        Some("Basic dTpw"),
    ];
    let mut closed: Vec<(Method, String)> = operations()
        .into_iter()
        .filter(|operation| !operation.public)
        .map(|operation| (operation.method, operation.path.replace(['{', '}'], "")))
        .collect();
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        closed.push((method, "/proxy/anything".into()));
    }
    closed.push((Method::POST, "/mcp".into()));
    for (method, path) in closed {
        for authorization in bad {
            let answer = ask(&app, method.clone(), &path, authorization).await;
            assert_eq!(answer.status, 401, "{method} {path} with {authorization:?}");
            let error = &answer.json()["error"];
            let code = if path == "/mcp" { &error["data"]["code"] } else { &error["code"] };
            assert_eq!(code, "unauthenticated", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
}

/// S40: the whole list; it may only shrink.
#[tokio::test]
async fn public_routes_are_these_and_no_others() {
    let app = App::start().await;
    let described: Vec<_> = operations()
        .into_iter()
        .filter(|operation| operation.public)
        .map(|operation| operation.path)
        .collect();
    assert_eq!(described, ["/keys", "/oauth/token"]);
    let pages = [
        "/healthz",
        "/readyz",
        "/keys",
        "/openapi.json",
        // The documentation: the same for everybody, nothing of anybody.
        "/docs",
        "/docs/errors",
        "/docs/errors/internal",
        "/docs/search",
        "/docs/skill.md",
        "/llms.txt",
        "/llms-full.txt",
    ];
    for path in pages {
        assert_eq!(ask(&app, Method::GET, path, None).await.status, 200, "{path}");
    }
    for path in ["/connect/x", "/oauth/callback/x"] {
        let answer = ask(&app, Method::GET, path, None).await;
        assert!(answer.text.starts_with("<!doctype html>"), "{path}: {}", answer.text);
    }
}

/// Ids of one kind: one that exists elsewhere, and one that exists nowhere.
struct Pair {
    foreign: String,
    unknown: String,
}

impl Pair {
    fn of(foreign: &str) -> Self {
        // Another id of the same kind and length.
        let (prefix, rest) = foreign.rsplit_once('_').unwrap();
        Self { foreign: foreign.into(), unknown: format!("{prefix}_{}", "0".repeat(rest.len())) }
    }
}

/// What the first environment has of every kind, by the name of the path parameter.
async fn belongings(app: &App) -> BTreeMap<&'static str, Pair> {
    let connection = app.fixture.connection("notes", "acme").await.connection.id.to_string();
    let account = app.fixture.authorize("notes", "user_123").await.account.id.to_string();
    let call = json!({"connected_account_id": account, "tool_name": "acme_get_profile"});
    let executed = app.ok(Method::POST, "/v1/connect/tools/execute", &call).await;
    let token = app.ok(Method::POST, "/v1/connect/tokens", &json!({"name": "another"})).await;
    let verify = json!({"connection_name": "notes", "identifier": "user_123", "user_verify_url": "https://app.example/verify"});
    app.ok(Method::POST, "/v1/connect/authorization-links", &verify).await;
    let hook = json!({"url": "https://app.example/hooks"});
    let webhook = app.ok(Method::POST, "/v1/connect/webhooks", &hook).await;
    BTreeMap::from([
        ("webhook_id", Pair::of(webhook["webhook"]["id"].as_str().unwrap())),
        ("connection", Pair::of(&connection)),
        ("account_id", Pair::of(&account)),
        ("execution_id", Pair::of(executed["execution_id"].as_str().unwrap())),
        ("client_id", Pair::of(&app.client_id)),
        ("token_id", Pair::of(token["api_token"]["id"].as_str().unwrap())),
    ])
}

/// A body that the operation accepts.
fn body_of(operation: &str) -> Value {
    match operation {
        "updateConnection" => json!({"enabled": true}),
        "updateWebhook" => json!({"enabled": true}),
        "updateAccount" => json!({"user_id": "u"}),
        "createAccountAuthorizationLink" | "disconnectAccount" => json!({}),
        other => panic!("say what {other} accepts"),
    }
}

/// What the caller can see of an answer, with the id asked for and the request id blacked out.
fn visible(answer: &Answer, id: &str) -> (u16, String) {
    let mut text = answer.text.replace(id, "ID");
    if let Ok(json) = serde_json::from_str::<Value>(&answer.text)
        && let Some(request_id) = json["error"]["request_id"].as_str()
    {
        text = text.replace(request_id, "REQUEST");
    }
    (answer.status.as_u16(), text)
}

/// S39: generated from the description; an operation with an id in its path that is not covered fails the test.
#[tokio::test]
async fn foreign_ids_in_paths_answered_exactly_like_unknown_ones() {
    let app = App::start().await;
    let belongings = belongings(&app).await;
    let stranger = app.stranger().await;
    // Connectors, tools and the keyring are the same for everybody.
    let shared = ["getConnector", "getTool", "retireKeyTerm"];
    let mut covered = 0;
    for operation in operations() {
        let Some(parameter) = operation.path.split(['{', '}']).nth(1) else { continue };
        if shared.contains(&operation.id.as_str()) {
            continue;
        }
        let pair = &belongings[parameter];
        let body = if operation.has_body { body_of(&operation.id) } else { Value::Null };
        let mut seen = Vec::new();
        for id in [&pair.foreign, &pair.unknown] {
            let path = operation.path.replace(&format!("{{{parameter}}}"), id);
            let answer = app.call_as(&stranger, operation.method.clone(), &path, &body).await;
            // The history of a deleted account stays readable, so an unknown id just has none.
            let expected = if operation.id == "listAccountEvents" { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{}: {answer:?}", operation.id);
            seen.push(visible(&answer, id));
        }
        assert_eq!(seen[0], seen[1], "{}", operation.id);
        covered += 1;
    }
    assert!(covered >= 14, "only {covered} operations take an id");
    let account = app.get(&format!("/v1/connect/accounts/{}", belongings["account_id"].foreign)).await;
    assert_eq!(account.json()["status"], "ACTIVE", "nothing was changed");
}

/// The kind of id, method, path and body of a request that names one; `ID` in the path stands for it.
type Case = (&'static str, Method, &'static str, fn(&str) -> Value);

/// S39: ids in bodies and queries.
#[tokio::test]
async fn foreign_ids_elsewhere_answered_exactly_like_unknown_ones() {
    let app = App::start().await;
    let belongings = belongings(&app).await;
    let stranger = app.stranger().await;
    let cases: [Case; 11] = [
        (
            "account_id",
            Method::POST,
            "/v1/connect/tools/execute",
            |id| json!({"connected_account_id": id, "tool_name": "acme_get_profile"}),
        ),
        (
            "connection",
            Method::POST,
            "/v1/connect/tools/execute",
            |id| json!({"connection_name": id, "identifier": "user_123", "tool_name": "acme_get_profile"}),
        ),
        (
            "connection",
            Method::POST,
            "/v1/connect/accounts",
            |id| json!({"connection_name": id, "identifier": "user_123"}),
        ),
        (
            "connection",
            Method::POST,
            "/v1/connect/authorization-links",
            |id| json!({"connection_name": id, "identifier": "user_123"}),
        ),
        ("client_id", Method::POST, "/v1/connect/tokens", |id| json!({"name": "n", "client_id": id})),
        ("connection", Method::GET, "/v1/connect/accounts?connection_name=ID", |_| Value::Null),
        ("account_id", Method::GET, "/v1/connect/executions?connected_account_id=ID", |_| Value::Null),
        ("connection", Method::GET, "/v1/connect/executions?connection_id=ID", |_| Value::Null),
        ("account_id", Method::POST, "/v1/connect/diagnoses", |id| json!({"account_id": id, "probe": true})),
        ("connection", Method::POST, "/v1/connect/diagnoses", |id| json!({"connection_name": id})),
        ("execution_id", Method::POST, "/v1/connect/diagnoses", |id| json!({"execution_id": id})),
    ];
    for (kind, method, path, body) in cases {
        let pair = &belongings[kind];
        let mut seen = Vec::new();
        for id in [&pair.foreign, &pair.unknown] {
            let path = path.replace("ID", id);
            let answer = app.call_as(&stranger, method.clone(), &path, &body(id)).await;
            assert!(!answer.status.is_server_error(), "{path}: {answer:?}");
            seen.push(visible(&answer, id));
        }
        assert_eq!(seen[0], seen[1], "{method} {path}");
    }
    // By its name too, which anybody may guess.
    for (name, other) in [("notes", "nothing")] {
        let own = app
            .call_as(&stranger, Method::GET, &format!("/v1/connect/connections/{name}"), &Value::Null)
            .await;
        let none = app
            .call_as(&stranger, Method::GET, &format!("/v1/connect/connections/{other}"), &Value::Null)
            .await;
        assert_eq!(visible(&own, name), visible(&none, other));
    }
}

/// S39: how long the answer takes does not tell a foreign id from an unknown one. What would is measured beside it: a fifth
/// of what it takes longer to answer with an account of one's own, which is found and read. Reading a row before looking whose
/// it is takes more than that of an account, a connection or an execution, and a tenth of it of a webhook, which is small.
#[tokio::test]
async fn foreign_ids_answered_as_fast_as_unknown_ones() {
    const ROUNDS: usize = 15;
    const TURNS: usize = 40;
    let app = App::start().await;
    let belongings = belongings(&app).await;
    let stranger = app.stranger().await;
    let mut gaps = Vec::new();
    for (kind, path) in [
        ("account_id", "accounts"),
        ("connection", "connections"),
        ("execution_id", "executions"),
        ("webhook_id", "webhooks"),
    ] {
        let pair = &belongings[kind];
        let own = &belongings["account_id"].foreign;
        let asked = [
            (&stranger, format!("/v1/connect/{path}/{}", pair.foreign)),
            (&stranger, format!("/v1/connect/{path}/{}", pair.unknown)),
            (&app.token, format!("/v1/connect/accounts/{own}")),
        ];
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let mut took = [const { Vec::new() }; 3];
            for turn in 0..TURNS * asked.len() {
                let which = (turn + turn / asked.len()) % asked.len();
                let (token, path) = &asked[which];
                let began = std::time::Instant::now();
                app.call_as(token, Method::GET, path, &Value::Null).await;
                took[which].push(began.elapsed().as_nanos() as f64);
            }
            let [foreign, unknown, own] = took.map(median);
            rounds.push((foreign - unknown) / (own - unknown));
        }
        gaps.push((kind, median(rounds)));
    }
    assert!(gaps.iter().all(|(_, gap)| gap.abs() < 0.2), "{gaps:?}");
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// S39: the second id of a path counts only below the first: a message belongs to one webhook.
#[tokio::test]
async fn message_to_another_webhook_answered_exactly_like_an_unknown_one() {
    let app = App::start().await;
    let stranger = app.stranger().await;
    let hook = json!({"url": "http://127.0.0.1:9/hooks"});
    let mine = app.ok(Method::POST, "/v1/connect/webhooks", &hook).await["webhook"]["id"].clone();
    let mine = mine.as_str().unwrap();
    let message = app.ok(Method::POST, &format!("/v1/connect/webhooks/{mine}/test"), &Value::Null).await;
    let pair = Pair::of(message["id"].as_str().unwrap());
    let path = |webhook: &str, id: &str| format!("/v1/connect/webhooks/{webhook}/deliveries/{id}/redeliver");
    // Another environment's message, and one to a neighbour in the same environment.
    for token in [&stranger, &app.token] {
        let other = app.call_as(token, Method::POST, "/v1/connect/webhooks", &hook).await.json();
        let other = other["webhook"]["id"].as_str().unwrap();
        let mut seen = Vec::new();
        for id in [&pair.foreign, &pair.unknown] {
            let answer = app.call_as(token, Method::POST, &path(other, id), &Value::Null).await;
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "delivery_not_found"));
            seen.push(visible(&answer, id));
        }
        assert_eq!(seen[0], seen[1]);
    }
    let own = app.post(&path(mine, &pair.foreign), &Value::Null).await;
    assert_eq!(own.status, 200, "{own:?}");
}

#[tokio::test]
async fn unknown_paths_and_methods_told_in_json() {
    let app = App::start().await;
    for path in ["/v1/connect/nothing", "/v1", "/connect", "/metrics", "/.env", "/v1/connect/accounts/"] {
        let answer = ask(&app, Method::GET, path, None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "route_not_found"), "{path}");
    }
    let answer = ask(&app, Method::PUT, "/oauth/token", None).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
}
