use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use time::Duration;
use valetkey_domain::{Account, AccountStatus, Error, ErrorCode, execution::ExecutionStatus};
use valetkey_engine::{AccountRef, ProxyCall, ProxyReply};

use crate::{
    provider::{Answer, refused, token_error},
    world::{FIRST_ACCESS, World},
};

pub(crate) fn proxied(account: &Account, method: &str, path: &str, body: Body) -> ProxyCall<Body> {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (path.to_owned(), None),
    };
    ProxyCall {
        account: AccountRef::id(account.id.as_str()),
        method: method.parse().unwrap(),
        path,
        query,
        headers: http::HeaderMap::new(),
        body,
        agent_run_id: None,
        request_id: "req_1".into(),
        deadline: None,
    }
}

async fn hand_on(world: &World, account: &Account, method: &str, path: &str) -> Result<ProxyReply, Error> {
    world.engine.proxy_call(&world.caller, proxied(account, method, path, Body::empty())).await
}

async fn text(reply: ProxyReply) -> String {
    let body = reply.response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn request_is_handed_on_with_the_accounts_credential_and_recorded() {
    let (world, account) = World::ready().await;
    let mut call = proxied(&account, "POST", "/v2/things?a=1&b=%20x", Body::from("{\"n\":1}"));
    for (name, value) in [
        ("authorization", "Bearer canary-inbound"),
        ("cookie", "s=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("connection_name", "fake"),
        ("content-type", "application/json"),
        ("x-custom", "kept"),
    ] {
        call.headers.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    let reply = world.engine.proxy_call(&world.caller, call).await.unwrap();
    let id = reply.execution_id.clone();
    assert_eq!(reply.response.status(), 200);
    assert_eq!(text(reply).await, json!({"id": "u-1", "path": "/api/v2/things"}).to_string());

    let seen = &world.provider.seen("/api")[0];
    assert_eq!(seen.method, "POST");
    assert_eq!((seen.query.as_str(), seen.body.as_str()), ("a=1&b=%20x", "{\"n\":1}"));
    assert_eq!(seen.authorization, format!("Bearer {FIRST_ACCESS}"));
    assert_eq!(seen.headers["x-custom"], "kept");
    // S17, S50: nothing of the caller's own credentials and connection goes on.
    for name in ["cookie", "x-forwarded-for", "connection_name"] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
    let record = world.engine.get_execution(&world.caller, id.as_str()).await.unwrap();
    assert_eq!((record.status, record.upstream_status), (ExecutionStatus::Succeeded, Some(200)));
    assert_eq!(record.upstream_request.as_deref(), Some("POST /api/v2/things"));
    assert_eq!((record.tool, record.source.as_str()), (None, "proxy"));
}

#[tokio::test]
async fn answers_of_the_provider_come_back_untouched_errors_too() {
    let (world, account) = World::ready().await;
    for status in [201, 302, 400, 403, 404, 429, 500] {
        world.provider.on_api(move |_| Answer {
            status,
            headers: vec![("x-theirs", "1".into()), ("set-cookie", "a=b".into())],
            body: "as it is".into(),
        });
        let reply = hand_on(&world, &account, "GET", "/x").await.unwrap();
        assert_eq!(reply.response.status().as_u16(), status);
        assert_eq!(reply.response.headers()["x-theirs"], "1");
        assert!(!reply.response.headers().contains_key("set-cookie"));
        assert_eq!(text(reply).await, "as it is");
    }
    let failed: Vec<_> =
        world.executions().await.into_iter().filter(|e| e.status == ExecutionStatus::Failed).collect();
    assert_eq!(failed.len(), 5);
    assert!(failed.iter().any(|e| e.error_code == Some(ErrorCode::UpstreamRateLimited)));
}

#[tokio::test]
async fn refused_get_is_repeated_once_with_a_renewed_credential() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    let reply = hand_on(&world, &account, "GET", "/me").await.unwrap();
    assert_eq!(reply.response.status(), 200);
    assert_eq!((world.provider.seen("/api").len(), world.provider.seen("/token").len()), (2, 1));
    assert_eq!(world.executions().await.len(), 1);
}

/// The official SDK repeats whatever gets a 401: a POST that the provider refused must not look like one.
#[tokio::test]
async fn refused_post_is_not_repeated_and_is_no_401() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| refused());
    let call = proxied(&account, "POST", "/things", Body::from("once"));
    let failed = world.engine.proxy_call(&world.caller, call).await.err().unwrap();
    assert_eq!(failed.code(), ErrorCode::UpstreamUnauthorized);
    assert_ne!(failed.code().entry().http_status, 401);
    assert!(failed.details().execution.is_some());
    let said = failed.details().provider.clone().unwrap();
    assert_eq!(said.status, Some(401));
    assert!(said.message.unwrap().contains("The token is not good."));
    assert_eq!((world.provider.seen("/api").len(), world.provider.seen("/token").len()), (1, 1));
    let record = &world.executions().await[0];
    assert_eq!((record.status, record.upstream_status), (ExecutionStatus::Failed, Some(401)));
}

#[tokio::test]
async fn refused_delete_without_a_body_is_not_repeated_either() {
    let (world, account) = World::ready().await;
    world.provider.accept(Some("another"));
    let failed = hand_on(&world, &account, "DELETE", "/things/1").await.err().unwrap();
    assert_eq!(failed.code(), ErrorCode::UpstreamUnauthorized);
    assert_eq!(world.provider.seen("/api").len(), 1);
    // The credential has been renewed for the caller's own repetition.
    assert_eq!(hand_on(&world, &account, "DELETE", "/things/1").await.unwrap().response.status(), 200);
    assert_eq!(world.provider.seen("/token").len(), 1);
}

#[tokio::test]
async fn refused_get_of_a_dead_grant_tells_the_accounts_new_status() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| refused());
    world.provider.on_token(|_| token_error(400, "invalid_grant", "no"));
    let failed = hand_on(&world, &account, "GET", "/me").await.err().unwrap();
    assert_eq!(failed.code(), ErrorCode::AccountRevoked);
    assert_eq!(world.again(&account).await.status(), AccountStatus::Revoked);
    let failed = hand_on(&world, &account, "GET", "/me").await.err().unwrap();
    assert_eq!(failed.code(), ErrorCode::AccountRevoked);
    assert_eq!(world.provider.seen("/api").len(), 1);
}

#[tokio::test]
async fn credential_about_to_expire_is_renewed_first() {
    let (world, account) = World::ready().await;
    world.advance(Duration::hours(2));
    hand_on(&world, &account, "GET", "/me").await.unwrap();
    assert_eq!(world.provider.seen("/api")[0].authorization, "Bearer canary-at-1");
}

/// S46: whatever path the caller writes, the credential reaches the connector's API or nobody.
#[tokio::test]
async fn s46_path_confusions_lead_nowhere_else() {
    let (world, account) = World::ready().await;
    let mut tried = Vec::new();
    for outside in ["evil.example", "127.0.0.1:1", "evil.example:443", "user@evil.example", "[::1]"] {
        for form in [
            "//{}/x",
            "/\\{}/x",
            "\\\\{}/x",
            "/..//{}/x",
            "@{}/x",
            ":@{}/",
            "/x@{}/..",
            "http://{}/x",
            "https:{}",
            "/%2f%2f{}/x",
            "/%5c{}/x",
            "/..%2f..%2f{}",
            "/.%2e/{}",
            "/a/%2e%2e/%2e%2e/{}",
            "?{}",
            "#@{}",
            "/;@{}",
            "/x//{}",
            "/\t{}",
            "/x\r\nHost: {}",
            "/%0d%0aHost:{}",
            "/..;/{}",
            "/%252e%252e/{}",
            "/\u{ff0e}\u{ff0e}/{}",
            "/x/../../{}",
            "/./{}",
            " /{}",
        ] {
            tried.push(form.replace("{}", outside));
        }
    }
    assert!(tried.len() > 100);
    for path in &tried {
        let mut call = proxied(&account, "GET", "/", Body::empty());
        call.path.clone_from(path);
        match world.engine.proxy_call(&world.caller, call).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.code(), ErrorCode::ProxyPathInvalid, "{path}"),
        }
    }
    let seen = world.provider.seen("/");
    assert!(seen.iter().all(|seen| seen.path.starts_with("/api")), "{seen:?}");
}

/// S51: an echoed credential is masked on its way to the caller.
#[tokio::test]
async fn s51_echo_of_the_credential_is_masked() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|seen| {
        Answer::json(200, &json!({"you sent": seen.authorization})).header("x-echo", &seen.authorization)
    });
    let reply = hand_on(&world, &account, "GET", "/echo").await.unwrap();
    assert_eq!(reply.response.headers()["x-echo"], "[redacted]");
    let body: Value = serde_json::from_str(&text(reply).await).unwrap();
    assert!(!body.to_string().contains(FIRST_ACCESS), "{body}");
}

#[tokio::test]
async fn post_is_on_record_before_it_leaves() {
    let (world, account) = World::ready().await;
    let world = std::sync::Arc::new(world);
    world.provider.hold_api(true);
    let (caller, sender) = (world.clone(), account.clone());
    let call = tokio::spawn(async move {
        let call = proxied(&sender, "POST", "/things", Body::from("x"));
        caller.engine.proxy_call(&caller.caller, call).await.map(|reply| reply.execution_id)
    });
    world.provider.wait_for("/api/things", 1).await;
    assert_eq!(world.executions().await[0].status, ExecutionStatus::Running);
    world.provider.hold_api(false);
    let id = call.await.unwrap().unwrap();
    let record = world.engine.get_execution(&world.caller, id.as_str()).await.unwrap();
    assert_eq!(record.status, ExecutionStatus::Succeeded);
}
