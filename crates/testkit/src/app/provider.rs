//! The provider behind the connector `stub`: answers plain JSON and remembers what reached it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// A request that reached the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: String,
}

/// A provider on loopback. Cheap to clone; it lives as long as the test's runtime.
#[derive(Debug, Clone)]
pub struct Provider {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Provider {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let provider = Self { address: listener.local_addr().expect("its address"), seen: Arc::default() };
        let router = Router::new()
            .route("/me", get(me))
            .route("/items", get(items).post(create))
            .route("/revoke", post(async || StatusCode::OK))
            .route("/fail/{status}", get(fail))
            .route("/large", get(async || Json(json!({"text": "x".repeat(5_000_000)}))))
            .route("/wait", get(std::future::pending::<StatusCode>))
            .layer(from_fn_with_state(provider.clone(), remember));
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// Its base URL.
    ///
    /// # Panics
    /// Never: an address is a host.
    #[must_use]
    pub fn url(&self) -> Url {
        format!("http://{}/", self.address).parse().expect("an address is a host")
    }

    /// What reached it so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.list().clone()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn remember(State(provider): State<Provider>, request: Request, next: Next) -> Response {
    let seen = Seen {
        method: request.method().to_string(),
        path: request.uri().path_and_query().map_or_else(String::new, ToString::to_string),
        authorization: authorization(request.headers()),
    };
    provider.list().push(seen);
    next.run(request).await
}

fn authorization(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

async fn me(headers: HeaderMap) -> Response {
    match authorization(&headers).as_str() {
        "" | "Bearer wrong" => {
            (StatusCode::UNAUTHORIZED, Json(json!({"error": "bad token"}))).into_response()
        }
        _ => Json(json!({"id": 7, "name": "Ada", "sub": "ada"})).into_response(),
    }
}

async fn items() -> Json<Value> {
    Json(json!([{"id": 1_234_567_890_123_456_789_i64, "name": "pen"}, {"id": 2, "name": "cup"}]))
}

async fn create(Json(item): Json<Value>) -> (StatusCode, Json<Value>) {
    (StatusCode::CREATED, Json(item))
}

async fn fail(Path(status): Path<u16>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = Json(json!({"message": "as asked"}));
    match status {
        StatusCode::TOO_MANY_REQUESTS => (status, [(header::RETRY_AFTER, "7")], body).into_response(),
        _ => (status, body).into_response(),
    }
}
