//! The real router over a whole engine, asked without a socket.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;
use valetkey_domain::{Caller, ExposeSecret, Permissions};
use valetkey_engine::{EngineSettings, NewApiClient, NewApiToken};
use valetkey_server::{ServerOptions, router};
use valetkey_testkit::engine_fixture::EngineFixture;

/// An application under test, with an API client that may do everything.
pub(crate) struct App {
    pub(crate) fixture: EngineFixture,
    pub(crate) router: Router,
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text))
    }

    /// The code of the error, or nothing.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    pub(crate) async fn with(
        engine: impl FnOnce(&mut EngineSettings),
        server: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        Self::of(EngineFixture::with(engine).await, server).await
    }

    /// The router over an engine that is there already.
    pub(crate) async fn of(fixture: EngineFixture, server: impl FnOnce(&mut ServerOptions)) -> Self {
        let url = fixture.engine.settings().public_url.clone();
        let mut options =
            ServerOptions::new(url, Arc::clone(&fixture.clock) as _, Arc::clone(&fixture.entropy) as _);
        server(&mut options);
        let router = router(fixture.engine.clone(), options);
        let (client_id, client_secret, token) =
            client_of(&fixture, &fixture.caller, Permissions::all()).await;
        Self { fixture, router, token, client_id, client_secret }
    }

    /// A token of an API client in an environment of its own.
    pub(crate) async fn stranger(&self) -> String {
        let caller = self.fixture.stranger().await;
        client_of(&self.fixture, &caller, Permissions::all()).await.2
    }

    /// A token that may do only this.
    pub(crate) async fn token_for(&self, permissions: Permissions) -> String {
        client_of(&self.fixture, &self.fixture.caller, permissions).await.2
    }

    /// An answer whose body is still to come.
    pub(crate) async fn open(&self, request: Request<Body>) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A call of the native API with `token`; `Null` sends no body.
    pub(crate) async fn call_as(&self, token: &str, method: Method, path: &str, body: &Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut bytes = Body::empty();
        if !body.is_null() {
            request = request.header(header::CONTENT_TYPE, "application/json");
            bytes = Body::from(body.to_string());
        }
        self.send(request.body(bytes).unwrap()).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.call_as(&self.token, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    /// A good answer's JSON.
    pub(crate) async fn ok(&self, method: Method, path: &str, body: &Value) -> Value {
        let answer = self.call(method, path, body).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }
}

/// An API client with these permissions, its secret, and a token of it.
pub(crate) async fn client_of(
    fixture: &EngineFixture,
    caller: &Caller,
    permissions: Permissions,
) -> (String, String, String) {
    let new = NewApiClient { name: "test".into(), permissions: Some(permissions) };
    let client = fixture.engine.create_api_client(caller, new).await.unwrap();
    let id = client.client.id.to_string();
    let new = NewApiToken { name: "test".into(), client: Some(id.clone()), ..NewApiToken::default() };
    let token = fixture.engine.create_api_token(caller, new).await.unwrap();
    (id, client.secret.expose_secret().to_owned(), token.secret.expose_secret().to_owned())
}
