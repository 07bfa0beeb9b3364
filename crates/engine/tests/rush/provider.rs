//! A provider on a network of its own, inside the test: it answers after a while, can fail, and counts.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::time::Instant;
use valetkey_upstream::http::{Bytestream, Network};

#[derive(Default)]
struct State {
    fails: bool,
    rotations: HashMap<usize, u64>,
    granted: usize,
    asked: usize,
    reuses: usize,
    at_once: usize,
    most_at_once: usize,
    /// Token requests by the second of their arrival.
    by_second: BTreeMap<u64, usize>,
}

/// The provider.
#[derive(Clone)]
pub(crate) struct Provider {
    state: Arc<Mutex<State>>,
    takes: Duration,
    began: Instant,
}

impl Provider {
    pub(crate) fn new(takes: Duration) -> Self {
        Self { state: Arc::default(), takes, began: Instant::now() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.state().fails = fails;
    }

    pub(crate) fn granted(&self) -> usize {
        self.state().granted
    }

    pub(crate) fn asked(&self) -> usize {
        self.state().asked
    }

    pub(crate) fn reuses(&self) -> usize {
        self.state().reuses
    }

    /// The most token requests at the same time and in one second.
    pub(crate) fn most(&self) -> (usize, usize) {
        let state = self.state();
        (state.most_at_once, state.by_second.values().copied().max().unwrap_or(0))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != "/token" {
            return reply(200, &json!({"ok": true}));
        }
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let fails = {
            let second = self.began.elapsed().as_secs();
            let mut state = self.state();
            state.asked += 1;
            *state.by_second.entry(second).or_default() += 1;
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
            state.fails
        };
        tokio::time::sleep(self.takes).await;
        let mut state = self.state();
        state.at_once -= 1;
        if fails {
            return reply(503, &json!({"error": "temporarily_unavailable"}));
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
        let token = form["refresh_token"].strip_prefix("rt-").unwrap();
        let (account, rotation) = token.split_once('-').unwrap();
        let (account, rotation): (usize, u64) = (account.parse().unwrap(), rotation.parse().unwrap());
        let current = state.rotations.entry(account).or_default();
        if *current != rotation {
            state.reuses += 1;
            return reply(400, &json!({"error": "invalid_grant"}));
        }
        *current += 1;
        let next = *current;
        state.granted += 1;
        reply(
            200,
            &json!({
                "access_token": format!("at-{account}-{next}"), "refresh_token": format!("rt-{account}-{next}"),
                "token_type": "Bearer", "expires_in": 36_000,
            }),
        )
    }
}

fn reply(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    response
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

#[async_trait]
impl Network for Provider {
    async fn dial(&self, _address: SocketAddr) -> io::Result<Box<dyn Bytestream>> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let provider = self.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let provider = provider.clone();
                async move { Ok::<_, io::Error>(provider.answer(request).await) }
            });
            // Whoever called may have hung up.
            let _closed = http1::Builder::new().serve_connection(TokioIo::new(theirs), service).await;
        });
        Ok(Box::new(ours))
    }
}
