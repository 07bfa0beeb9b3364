//! A provider whose answers are scripted, and that notes every request.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http::Request};
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) authorization: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    /// A parameter of a form body.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        let base = Url::parse(&format!("http://form/?{}", self.body)).unwrap();
        base.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".into())], body: body.to_string() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Script = Box<dyn FnMut(&Seen) -> Answer + Send>;

/// How many tokens were made, and which access token the API takes at present.
#[derive(Debug, Default)]
struct Tokens {
    made: u32,
    accepted: Option<String>,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Inner {
    base: Url,
    seen: watch::Sender<Vec<Seen>>,
    tokens: Mutex<Tokens>,
    token_script: Mutex<Option<Script>>,
    api_script: Mutex<Option<Script>>,
    /// Token requests are answered only while this is open.
    token_gate: watch::Sender<bool>,
    api_gate: watch::Sender<bool>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let provider = Self(Arc::new(Inner {
            base,
            seen: watch::Sender::new(Vec::new()),
            tokens: Mutex::default(),
            token_script: Mutex::new(None),
            api_script: Mutex::new(None),
            token_gate: watch::Sender::new(true),
            api_gate: watch::Sender::new(true),
        }));
        let router = Router::new().fallback(answer).with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        self.0.base.join(path).unwrap()
    }

    /// Answers token requests this way from now on.
    pub(crate) fn on_token(&self, script: impl FnMut(&Seen) -> Answer + Send + 'static) {
        *self.0.token_script.lock().unwrap() = Some(Box::new(script));
    }

    /// Answers API requests this way from now on.
    pub(crate) fn on_api(&self, script: impl FnMut(&Seen) -> Answer + Send + 'static) {
        *self.0.api_script.lock().unwrap() = Some(Box::new(script));
    }

    /// Answers as at the beginning: token requests with new tokens, API requests if the token is the accepted one.
    pub(crate) fn behave(&self) {
        *self.0.token_script.lock().unwrap() = None;
        *self.0.api_script.lock().unwrap() = None;
    }

    /// The access token that the API takes; `None` takes every one.
    pub(crate) fn accept(&self, token: Option<&str>) {
        self.0.tokens.lock().unwrap().accepted = token.map(str::to_owned);
    }

    pub(crate) fn hold_tokens(&self, held: bool) {
        self.0.token_gate.send_replace(!held);
    }

    pub(crate) fn hold_api(&self, held: bool) {
        self.0.api_gate.send_replace(!held);
    }

    /// What arrived at paths that begin with `path`.
    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        self.0.seen.borrow().iter().filter(|seen| seen.path.starts_with(path)).cloned().collect()
    }

    /// Waits until `count` requests have arrived below `path`.
    pub(crate) async fn wait_for(&self, path: &str, count: usize) {
        let mut seen = self.0.seen.subscribe();
        let arrived = seen.wait_for(|seen| seen.iter().filter(|s| s.path.starts_with(path)).count() >= count);
        tokio::time::timeout(std::time::Duration::from_secs(10), arrived).await.unwrap().unwrap();
    }

    /// New tokens, numbered; the new access token is the accepted one.
    fn new_tokens(&self) -> Answer {
        let mut tokens = self.0.tokens.lock().unwrap();
        tokens.made += 1;
        let access_token = format!("canary-at-{}", tokens.made);
        if tokens.accepted.is_some() {
            tokens.accepted = Some(access_token.clone());
        }
        let refresh_token = format!("canary-rt-{}", tokens.made);
        Answer::json(
            200,
            &json!({"access_token": access_token, "refresh_token": refresh_token, "expires_in": 3600}),
        )
    }

    fn api_answer(&self, seen: &Seen) -> Answer {
        let accepted = self.0.tokens.lock().unwrap().accepted.clone();
        match accepted {
            Some(token) if seen.authorization != format!("Bearer {token}") => refused(),
            _ => Answer::json(200, &json!({"id": "u-1", "path": seen.path})),
        }
    }
}

/// The API's 401.
pub(crate) fn refused() -> Answer {
    Answer::json(401, &json!({"error": {"code": "invalid_token", "message": "The token is not good."}}))
}

/// An error of the token endpoint (RFC 6749 §5.2).
pub(crate) fn token_error(status: u16, code: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": code, "error_description": description}))
}

async fn answer(
    State(provider): State<Provider>,
    request: Request<axum::body::Body>,
) -> axum::response::Response {
    let (head, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<String, String> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        authorization: headers.get("authorization").cloned().unwrap_or_default(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    provider.0.seen.send_modify(|all| all.push(seen.clone()));
    let (gate, script) = match seen.path.as_str() {
        "/token" => (&provider.0.token_gate, &provider.0.token_script),
        _ => (&provider.0.api_gate, &provider.0.api_script),
    };
    gate.subscribe().wait_for(|open| *open).await.unwrap();
    let scripted = script.lock().unwrap().as_mut().map(|script| script(&seen));
    let answer = scripted.unwrap_or_else(|| match seen.path.as_str() {
        "/token" => provider.new_tokens(),
        "/revoke" => Answer::json(200, &json!({})),
        _ => provider.api_answer(&seen),
    });
    let mut response = axum::response::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.into()).unwrap()
}
