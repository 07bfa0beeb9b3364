//! A provider whose answers are scripted, and that notes every request.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
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

/// A grant whose refresh tokens work once.
#[derive(Debug, Clone)]
struct Rotating {
    current: String,
    spent: Vec<String>,
    dead: bool,
}

/// What became of refresh tokens, as the provider saw it.
#[derive(Debug, Default)]
struct Rotation {
    on: bool,
    /// Whether the refresh token before the current one still works.
    grace: bool,
    grants: Vec<Rotating>,
    accepted: u32,
    reuses: u32,
    /// Answers to lose on their way: done, but never told.
    losing: u32,
}

impl Rotation {
    /// The next refresh token of the grant of `token`; `None` if it is refused. The first one of a grant is believed.
    fn rotate(&mut self, token: &str, next: &str) -> Option<()> {
        let known = |grant: &&mut Rotating| grant.current == token || grant.spent.iter().any(|t| t == token);
        let Some(grant) = self.grants.iter_mut().find(known) else {
            self.grants.push(Rotating { current: next.into(), spent: vec![token.into()], dead: false });
            self.accepted += 1;
            return Some(());
        };
        let is_last = grant.spent.last().is_some_and(|last| last == token);
        if grant.dead || (grant.current != token && !(self.grace && is_last)) {
            self.reuses += u32::from(!grant.dead);
            grant.dead = true;
            return None;
        }
        if grant.current == token {
            grant.spent.push(token.into());
        }
        grant.current = next.into();
        self.accepted += 1;
        Some(())
    }
}

/// Which token requests are answered.
#[derive(Debug, Clone, Default)]
struct Gate {
    held: bool,
    released: BTreeSet<u64>,
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
    rotation: Mutex<Rotation>,
    /// Counts the token requests.
    tickets: AtomicU64,
    token_gate: watch::Sender<Gate>,
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
            rotation: Mutex::default(),
            tickets: AtomicU64::new(0),
            token_gate: watch::Sender::new(Gate::default()),
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
        self.0.token_gate.send_replace(Gate { held, ..Gate::default() });
    }

    /// Lets one held token request go on: the one that came as number `ticket`, counted from 0.
    pub(crate) fn release_token(&self, ticket: u64) {
        self.0.token_gate.send_modify(|gate| {
            gate.released.insert(ticket);
        });
    }

    /// From now on refresh tokens work once. With `grace` the one before the current one still works; any other reuse
    /// ends the grant.
    pub(crate) fn rotates(&self, grace: bool) {
        let mut rotation = self.0.rotation.lock().unwrap();
        rotation.on = true;
        rotation.grace = grace;
    }

    /// Spends a refresh token as a renewal would whose answer nobody got.
    pub(crate) fn spend(&self, token: &str) {
        self.0.rotation.lock().unwrap().rotate(token, "canary-rt-lost").unwrap();
    }

    /// Does what is asked the next `count` times, but loses its answer on the way.
    pub(crate) fn lose_answers(&self, count: u32) {
        self.0.rotation.lock().unwrap().losing = count;
    }

    /// How many renewals it accepted, and how often a spent token was used again.
    pub(crate) fn renewals(&self) -> (u32, u32) {
        let rotation = self.0.rotation.lock().unwrap();
        (rotation.accepted, rotation.reuses)
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

    /// Answers a token request by the rules.
    fn token_answer(&self, seen: &Seen) -> Answer {
        let answer = self.new_tokens();
        let mut rotation = self.0.rotation.lock().unwrap();
        if rotation.on
            && let Some(token) = seen.form("refresh_token")
        {
            let fresh: Value = serde_json::from_str(&answer.body).unwrap();
            if rotation.rotate(&token, fresh["refresh_token"].as_str().unwrap()).is_none() {
                return token_error(400, "invalid_grant", "The refresh token is not good.");
            }
        }
        if rotation.losing > 0 {
            rotation.losing -= 1;
            return Answer { body: answer.body[..20].into(), ..answer };
        }
        answer
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
    let script = if seen.path == "/token" {
        let ticket = provider.0.tickets.fetch_add(1, Ordering::SeqCst);
        let mut gate = provider.0.token_gate.subscribe();
        gate.wait_for(|gate| !gate.held || gate.released.contains(&ticket)).await.unwrap();
        &provider.0.token_script
    } else {
        provider.0.api_gate.subscribe().wait_for(|open| *open).await.unwrap();
        &provider.0.api_script
    };
    let scripted = script.lock().unwrap().as_mut().map(|script| script(&seen));
    let answer = scripted.unwrap_or_else(|| match seen.path.as_str() {
        "/token" => provider.token_answer(&seen),
        "/revoke" => Answer::json(200, &json!({})),
        _ => provider.api_answer(&seen),
    });
    let mut response = axum::response::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(answer.body.into()).unwrap()
}
