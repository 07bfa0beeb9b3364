//! The same RPCs over plain HTTP.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::{Value, json};
use valetkey_api::Descriptors;
use valetkey_domain::Permissions;
use valetkey_testkit::app::TestApp;

use crate::support::{header_text, send, start};

struct Http<'a> {
    app: &'a TestApp,
    token: &'a str,
}

impl Http<'_> {
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.raw(method, path, body.map(|b| b.to_string()), "application/json").await;
        assert_eq!(header_text(response.headers(), "content-type"), "application/json", "{path}");
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    async fn raw(&self, method: &str, path: &str, body: Option<String>, kind: &str) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        send(self.app, request.body(Body::from(body.unwrap_or_default())).unwrap()).await
    }
}

#[tokio::test]
async fn account_lives_its_life_over_http() {
    let (app, tenant) = start().await;
    app.oauth_connection(&tenant, "sandbox-1").await;
    let http = Http { app: &app, token: &tenant.token };
    let base = "/api/v1/connected_accounts";

    let by_name = "connector=sandbox-1&identifier=u1";
    let (status, error) = http.call("GET", &format!("{base}/auth?{by_name}"), None).await;
    assert_eq!((status, &error["code"]), (404, &json!(5)));
    assert_eq!(error["details"][0]["error_code"], "account_not_found");
    assert_eq!(error["details"][0]["@type"], "type.googleapis.com/scalekit.v1.errdetails.ErrorInfo");

    let body = json!({"connector": "sandbox-1", "identifier": "u1", "connected_account": {}});
    let (status, created) = http.call("POST", base, Some(body.clone())).await;
    assert_eq!(status, 200, "{created}");
    let account = &created["connected_account"];
    assert_eq!(
        (&account["status"], &account["authorization_type"]),
        (&json!("PENDING_AUTH"), &json!("OAUTH"))
    );
    let id = account["id"].as_str().unwrap();
    assert_eq!(http.call("POST", base, Some(body)).await.0, 409);

    // Both spellings of fields.
    let update = json!({
        "connector": "sandbox-1",
        "identifier": "u1",
        "connectedAccount": {
            "authorizationDetails": {"oauthToken": {"accessToken": "a", "refresh_token": "r", "scopes": ["profile"]}},
            "api_config": {"n": 5},
        },
    });
    let (status, updated) = http.call("PUT", base, Some(update)).await;
    assert_eq!(status, 200, "{updated}");
    assert_eq!(updated["connected_account"]["status"], "ACTIVE");
    assert_eq!(updated["connected_account"]["api_config"], json!({"n": 5}));

    let (_, listed) =
        http.call("GET", &format!("{base}?identifier=u1&page_size=1&connection_names=sandbox-1"), None).await;
    assert_eq!((&listed["total_size"], &listed["next_page_token"]), (&json!(1), &json!("")));
    assert_eq!(listed["connected_accounts"][0]["id"], id);
    let (_, empty) = http.call("GET", &format!("{base}?identifier=nobody"), None).await;
    assert_eq!(empty["connected_accounts"], json!([]), "empty fields are shown");

    for path in [format!("{base}/{id}"), format!("{base}/this?id={id}"), format!("{base}/details?{by_name}")]
    {
        let (status, got) = http.call("GET", &path, None).await;
        assert_eq!((status, &got["connected_account"]["id"]), (200, &json!(id)), "{path}");
        assert!(got["connected_account"].get("authorization_details").is_none());
    }
    let (_, got) = http.call("GET", &format!("{base}/auth?{by_name}"), None).await;
    let token = &got["connected_account"]["authorization_details"]["oauth_token"];
    assert_eq!((&token["access_token"], &token["scopes"]), (&json!(""), &json!(["profile"])));
    let (_, found) = http.call("GET", &format!("{base}:search?query=u1x"), None).await;
    assert_eq!(found["total_size"], 0);

    let link = json!({"connector": "sandbox-1", "identifier": "u1"});
    let (status, link) = http.call("POST", &format!("{base}/magic_link"), Some(link)).await;
    assert_eq!(status, 200, "{link}");
    assert!(link["link"].as_str().unwrap().starts_with("https://valetkey.test/connect/"));
    assert!(link["expiry"].as_str().unwrap().ends_with('Z'));

    let (status, ended) = http.call("POST", &format!("{base}/{id}:disconnect"), None).await;
    assert_eq!((status, &ended["connected_account"]["status"]), (200, &json!("DISCONNECTED")));
    assert_eq!(http.call("POST", &format!("{base}:delete"), Some(json!({"id": id}))).await, (200, json!({})));
    assert_eq!(http.call("GET", &format!("{base}/{id}"), None).await.0, 404);
}

#[tokio::test]
async fn tools_are_listed_and_executed_over_http() {
    let (app, tenant) = start().await;
    app.stub_connection(&tenant, "stub").await;
    app.stub_account(&tenant, "stub", "u1", "key").await;
    let http = Http { app: &app, token: &tenant.token };

    let (_, tools) = http.call("GET", "/api/v1/tools?filter.connector=stub&pageSize=2", None).await;
    assert_eq!((&tools["total_size"], tools["tools"].as_array().unwrap().len()), (&json!(6), 2));
    assert_eq!(tools["tools"][0]["definition"]["input_schema"]["type"], "object");
    let (_, scoped) = http.call("GET", "/api/v1/tools/scoped?identifier=u1", None).await;
    assert_eq!(scoped["total_size"], 6);
    let (_, found) =
        http.call("POST", "/api/v1/tools:search", Some(json!({"query": "create an item"}))).await;
    assert_eq!(found["tools"][0]["name"], "stub_create_item");

    let call =
        json!({"tool_name": "stub_create_item", "identifier": "u1", "params": {"name": "pen", "count": 3}});
    let (status, answer) = http.call("POST", "/api/v1/execute_tool", Some(call)).await;
    assert_eq!((status, &answer["data"]), (200, &json!({"name": "pen", "count": 3})));
    let id = answer["execution_id"].as_str().unwrap();
    let execution = app.engine.get_execution(&tenant.operator, id).await.unwrap();
    assert_eq!(execution.source.as_str(), "compat_rest");

    let call = json!({"tool_name": "stub_fail", "identifier": "u1", "params": {"status": 429}});
    let response = http.raw("POST", "/api/v1/execute_tool", Some(call.to_string()), "application/json").await;
    assert_eq!((response.status().as_u16(), header_text(response.headers(), "retry-after")), (429, "7"));
    let error: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(error["details"][0]["error_code"], "TOOL_ERROR");
    assert_eq!(error["details"][0]["tool_error_info"]["tool_error_code"], "upstream_rate_limited");
}

#[tokio::test]
async fn input_wrong_is_refused_naming_the_field() {
    let (app, tenant) = start().await;
    let http = Http { app: &app, token: &tenant.token };
    let execute = "/api/v1/execute_tool";
    let cases = [
        ("POST", execute, Some(json!({"tool_name": "t", "bogus": 1})), "bogus"),
        ("POST", execute, Some(json!({"tool_name": ["t"]})), "tool_name"),
        ("POST", execute, Some(json!({})), "tool_name"),
        ("GET", "/api/v1/tools?bogus=1", None, "bogus"),
        ("GET", "/api/v1/connected_accounts?page_size=100", None, "page_size"),
        ("GET", "/api/v1/connected_accounts?connector=a%2F..%2Fb", None, "connector"),
    ];
    for (method, path, body, field) in cases {
        let (status, error) = http.call(method, path, body).await;
        assert_eq!((status, &error["code"]), (400, &json!(3)), "{path}: {error}");
        let violations = &error["details"][0]["validation_error_info"]["field_violations"];
        assert_eq!(violations[0]["field"], field, "{path}: {error}");
        assert!(error["message"].as_str().unwrap().starts_with(field), "{error}");
    }
    let (status, error) = http.call("POST", execute, Some(json!([]))).await;
    assert_eq!((status, &error["details"][0]["error_code"]), (400, &json!("invalid_request")));
    let form =
        http.raw("POST", execute, Some("tool_name=t".into()), "application/x-www-form-urlencoded").await;
    assert_eq!(form.status(), 415);
    let large = http.raw("POST", execute, Some("x".repeat(5 << 20)), "application/json").await;
    assert_eq!(large.status(), 413);
    let error: Value = serde_json::from_slice(large.body()).unwrap();
    assert_eq!(error["details"][0]["error_code"], "payload_too_large", "the shape of this API: {error}");
}

#[tokio::test]
async fn path_unknown_is_not_found_and_method_wrong_not_allowed() {
    let (app, tenant) = start().await;
    let http = Http { app: &app, token: &tenant.token };
    let (status, error) = http.call("GET", "/api/v1/bogus", None).await;
    assert_eq!((status, &error["details"][0]["error_code"]), (404, &json!("route_not_found")));
    assert_eq!(http.call("GET", "/api/v1/connections/app", None).await.0, 404);
    let (status, error) = http.call("DELETE", "/api/v1/tools", None).await;
    assert_eq!((status, &error["details"][0]["error_code"]), (405, &json!("method_not_allowed")));
    let (status, error) = http.call("POST", "/api/v1/tools:refresh", Some(json!({}))).await;
    assert_eq!((status, &error["code"]), (501, &json!(12)));
}

/// S40: every route of the transcoding wants a caller.
#[tokio::test]
async fn routes_without_a_caller_are_unauthenticated() {
    let (app, _) = start().await;
    for token in ["", "vk_bogus"] {
        let http = Http { app: &app, token };
        for rpc in Descriptors::embedded().unwrap().rpcs() {
            for route in &rpc.routes {
                let response = http.raw(route.method, &route.example("x"), None, "").await;
                assert_eq!(response.status(), 401, "{} {}", route.method, route.template);
                assert_eq!(header_text(response.headers(), "www-authenticate"), "Bearer");
            }
        }
    }
}

/// S39 over HTTP: the routes with an id in the path.
#[tokio::test]
async fn routes_with_foreign_ids_answer_like_unknown_ones() {
    let (app, owner) = start().await;
    app.stub_connection(&owner, "owned").await;
    let foreign = app.stub_account(&owner, "owned", "u1", "key").await.account.id.to_string();
    let stranger = app.tenant("two").await;
    let token = app.token(&stranger, Permissions::all()).await;
    let http = Http { app: &app, token: &token };
    let unknown = "ca_01k0p9zq3v8x6m5n4c2b1a0s9d";
    for rpc in Descriptors::embedded().unwrap().rpcs() {
        for route in rpc.routes.iter().filter(|route| route.template.contains("{id}")) {
            let of = async |id: &str| {
                let (status, mut error) = http.call(route.method, &route.example(id), None).await;
                let request = error["details"][0]["request_info"]["request_id"].take();
                (status, error.to_string().replace(request.as_str().unwrap(), "").replace(id, ""))
            };
            assert_eq!(of(&foreign).await, of(unknown).await, "{}", route.template);
        }
    }
}
