//! Tool calls that are repeated, not waited for, or many at once.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, header};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{Permission, Permissions};

use crate::app::{Answer, App};

const EXECUTE: &str = "/v1/connect/tools/execute";

async fn ready() -> App {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_123").await;
    app
}

fn note(text: &str) -> Value {
    json!({"identifier": "user_123", "tool_name": "acme_create_note", "tool_input": {"text": text}})
}

async fn keyed(app: &App, key: &str, body: &Value) -> Answer {
    let request = Request::post(EXECUTE)
        .header(header::AUTHORIZATION, format!("Bearer {}", app.token))
        .header(header::CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", key);
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// Waits until the execution is over.
async fn ended(app: &App, token: &str, id: &str) -> Value {
    let over = async {
        loop {
            let path = format!("/v1/connect/executions/{id}");
            let record = app.call_as(token, Method::GET, &path, &Value::Null).await.json();
            if record["status"] != "RUNNING" {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), over).await.unwrap()
}

#[tokio::test]
async fn call_repeated_with_its_key_is_made_once() {
    let app = ready().await;
    let first = keyed(&app, "k-1", &note("hello")).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (200, ""), "{first:?}");
    let again = keyed(&app, "k-1", &note("hello")).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (200, "true"));
    assert_eq!(again.json(), first.json());
    let mut in_body = note("hello");
    in_body["idempotency_key"] = json!("k-1");
    assert_eq!(app.post(EXECUTE, &in_body).await.json(), first.json());
    assert_eq!(app.fixture.provider.requests_to("/api/notes").len(), 1);

    let other = keyed(&app, "k-1", &note("something else")).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "idempotency_key_reused"));
    for key in [String::new(), "a b".into(), "x".repeat(256)] {
        let refused = keyed(&app, &key, &note("hello")).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_argument"), "{key}");
    }
    in_body["idempotency_key"] = json!("k-2");
    assert_eq!(keyed(&app, "k-1", &in_body).await.json()["error"]["fields"][0]["field"], "idempotency_key");
    assert_eq!(app.fixture.provider.requests_to("/api/notes").len(), 1);
}

#[tokio::test]
async fn call_with_mode_async_is_taken_on_and_read_later() {
    let app = ready().await;
    let agent = app.token_for(Permissions::from_iter([Permission::ToolsExecute])).await;
    let mut call = note("later");
    call["mode"] = json!("async");
    let taken = app.call_as(&agent, Method::POST, EXECUTE, &call).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    let body = taken.json();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["execution_id", "status"]);
    assert_eq!(body["status"], "RUNNING");
    let id = body["execution_id"].as_str().unwrap();
    let record = ended(&app, &agent, id).await;
    assert_eq!((&record["status"], &record["data"]), (&json!("SUCCEEDED"), &json!({"created": true})));
    assert_eq!(record.get("error"), None);
    // Others see the record without the answer.
    let seen = app.ok(Method::GET, &format!("/v1/connect/executions/{id}"), &Value::Null).await;
    assert_eq!((&seen["status"], seen.get("data")), (&json!("SUCCEEDED"), None));

    app.fixture.provider.script(
        "/api/notes",
        [valetkey_testkit::fake_provider::Scripted::json(404, &json!({"error": "gone"}))],
    );
    let taken = app.call_as(&agent, Method::POST, EXECUTE, &call).await.json();
    let record = ended(&app, &agent, taken["execution_id"].as_str().unwrap()).await;
    assert_eq!(
        (&record["status"], &record["error"]["code"]),
        (&json!("FAILED"), &json!("upstream_not_found"))
    );
    assert_eq!(record["error"]["execution_id"], taken["execution_id"]);
    call["mode"] = json!("later");
    assert_eq!(app.post(EXECUTE, &call).await.json()["error"]["fields"][0]["field"], "mode");
}

/// `max_age`: the answer from memory says that it is one and how old; one that is too old is not given.
#[tokio::test]
async fn answer_given_before_says_its_age_until_it_is_too_old() {
    let app = ready().await;
    let asked = || app.fixture.provider.requests_to("/api/profile").len();
    let call =
        |max_age: u64| json!({"identifier": "user_123", "tool_name": "acme_get_profile", "max_age": max_age});
    let before = asked();
    let first = app.ok(Method::POST, EXECUTE, &call(60)).await;
    assert_eq!((first.get("cached"), first.get("age")), (None, None), "{first}");
    app.fixture.clock.advance(time::Duration::seconds(59));
    let again = app.ok(Method::POST, EXECUTE, &call(60)).await;
    assert_eq!((&again["cached"], &again["age"], &again["data"]), (&json!(true), &json!(59), &first["data"]));
    assert_ne!(again["execution_id"], first["execution_id"], "each has its record");
    assert_eq!(asked(), before + 1);
    // The caller says how old it may be: the same answer is too old for another one.
    let younger = app.ok(Method::POST, EXECUTE, &call(58)).await;
    assert_eq!((younger.get("cached"), asked()), (None, before + 2));
    app.fixture.clock.advance(time::Duration::seconds(61));
    let expired = app.ok(Method::POST, EXECUTE, &call(60)).await;
    assert_eq!((expired.get("cached"), asked()), (None, before + 3));
    let in_batch = app.ok(Method::POST, &format!("{EXECUTE}/batch"), &json!({"calls": [call(60)]})).await;
    assert_eq!(
        (&in_batch["results"][0]["cached"], &in_batch["results"][0]["age"]),
        (&json!(true), &json!(0))
    );

    let mut writing = note("hello");
    writing["max_age"] = json!(60);
    let mut keyed = call(60);
    keyed["idempotency_key"] = json!("k");
    let mut detached = call(60);
    detached["mode"] = json!("async");
    for (what, body) in
        [("not cacheable", writing), ("3600", call(3601)), ("key", keyed), ("async", detached)]
    {
        let refused = app.post(EXECUTE, &body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "invalid_argument"), "{what}");
        let field = &refused.json()["error"]["fields"][0];
        assert_eq!(field["field"], "max_age", "{what}");
        assert!(field["message"].as_str().unwrap().contains(what), "{what}: {field}");
    }
    assert_eq!(asked(), before + 3);
    assert!(app.fixture.provider.requests_to("/api/notes").is_empty());
    let tools = app.ok(Method::GET, "/v1/connect/tools?connector=acme", &Value::Null).await;
    let cacheable = |name: &str| {
        let tools = tools["items"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == name).map(|tool| tool["cacheable"].clone())
    };
    assert_eq!(cacheable("acme_get_profile"), Some(json!(true)));
    assert_eq!(cacheable("acme_create_note"), Some(json!(false)));
}

#[tokio::test]
async fn batch_answers_each_call_for_itself() {
    let app = ready().await;
    let mut keyed = note("keyed");
    keyed["idempotency_key"] = json!("k");
    let mut detached = note("later");
    detached["mode"] = json!("async");
    let calls = json!([
        note("one"), {"tool_name": "acme_get_profile", "identifier": "nobody"}, {"tool_nme": "x"}, keyed, detached,
        {"identifier": "user_123", "tool_name": "acme_get_profile", "timeout_ms": 0},
        {"identifier": "user_123", "tool_name": "acme_get_profile"},
    ]);
    let path = format!("{EXECUTE}/batch");
    let answer = app.ok(Method::POST, &path, &json!({"calls": calls})).await;
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 7);
    for n in [0, 3] {
        assert_eq!(results[n]["data"], json!({"created": true}), "{n}");
    }
    assert_eq!(results[1]["error"]["code"], "account_not_found");
    assert_eq!((&results[1]["http_status"], &results[2]["http_status"]), (&json!(404), &json!(400)));
    assert_eq!(results[2]["error"]["fields"][0]["field"], "tool_nme");
    assert_eq!(results[4]["status"], "RUNNING");
    assert_eq!(results[5]["error"]["fields"][0]["field"], "timeout_ms");
    assert_eq!(results[6]["data"]["email"], "user-1@acme.example");
    assert!(results[1]["error"]["request_id"].as_str().unwrap().starts_with("req_"));
    ended(&app, &app.token, results[4]["execution_id"].as_str().unwrap()).await;
    let again = app.ok(Method::POST, &path, &json!({"calls": [calls[3]], "mode": "sync"})).await;
    assert_eq!(again["results"][0]["execution_id"], results[3]["execution_id"]);
    assert_eq!(app.fixture.provider.requests_to("/api/notes").len(), 3);
    let all = app.ok(Method::POST, &path, &json!({"calls": [note("a"), note("b")], "mode": "async"})).await;
    assert!(all["results"].as_array().unwrap().iter().all(|result| result["status"] == "RUNNING"));
    for calls in [json!([]), json!(vec![note("x"); 51])] {
        let refused = app.post(&path, &json!({"calls": calls})).await;
        assert_eq!(refused.json()["error"]["fields"][0]["field"], "calls");
    }
    let refused = app.post(&path, &json!({"calls": [note("x")], "modes": 1})).await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn connection_says_how_long_a_call_may_take() {
    let app = ready().await;
    let path = "/v1/connect/connections/notes";
    let changed = app.ok(Method::PATCH, path, &json!({"call_timeout_ms": 1500})).await;
    assert_eq!(changed["call_timeout_ms"], 1500);
    let kept = app.ok(Method::PATCH, path, &json!({"enabled": true})).await;
    assert_eq!(kept["call_timeout_ms"], 1500);
    let reset = app.ok(Method::PATCH, path, &json!({"call_timeout_ms": null})).await;
    assert_eq!(reset["call_timeout_ms"], Value::Null);
    let refused = app.call(Method::PATCH, path, &json!({"call_timeout_ms": 0})).await;
    assert_eq!(refused.json()["error"]["fields"][0]["field"], "call_timeout_ms");
}
