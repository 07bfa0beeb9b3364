//! An OAuth provider that forgives nothing and writes everything down: refresh tokens work once, the use of a spent one
//! kills the grant. It can be slow, cut the line, fail or be lenient on request. The trials judge by its journal, never
//! by what the server under test says of itself.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// When the line is cut at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// The request is read and not processed.
    Before,
    /// The request is processed; its answer never leaves.
    After,
}

/// How the provider behaves at the token endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Waits so long, then answers; processed right when the request arrives, as a slow answer is the worst case.
    pub(crate) delay: Duration,
    pub(crate) cut: Cut,
    /// How long a spent refresh token still gives the same successor.
    pub(crate) grace: Option<Duration>,
    pub(crate) access_ttl: Duration,
    /// Answers so instead of processing: status, `Retry-After`, body.
    pub(crate) refusal: Option<(u16, Option<String>, String)>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            cut: Cut::Never,
            grace: None,
            access_ttl: Duration::from_secs(3600),
            refusal: None,
        }
    }
}

/// What became of a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// New tokens.
    Granted,
    /// The same successor again, within the grace.
    Repeated,
    /// A spent token, which killed the grant.
    Reuse,
    /// The grant was dead already.
    Dead,
    /// Not processed.
    Refused,
}

/// One token request.
#[derive(Debug, Clone)]
pub(crate) struct TokenCall {
    pub(crate) grant: usize,
    pub(crate) verdict: Verdict,
    pub(crate) at: Instant,
    /// When the whole answer was handed to the operating system; `None` if it never was.
    pub(crate) answered: Option<Instant>,
}

#[derive(Debug)]
struct Grant {
    alive: bool,
    /// Counts the rotations; the live refresh token is `rt-{grant}-{rotation}`.
    rotation: u64,
    spent_at: Instant,
    revocations: u32,
}

#[derive(Debug, Default)]
struct State {
    rules: Rules,
    grants: Vec<Grant>,
    calls: Vec<TokenCall>,
    api_calls: u64,
    api_refused: u64,
    in_flight: usize,
    most_in_flight: usize,
}

/// The provider. It lives as long as the runtime of its test.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

type Reply = Result<Response<Full<Bytes>>, std::io::Error>;

fn reply(status: u16, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}

/// `rt-{grant}-{rotation}` and `at-{grant}-{rotation}` read back.
fn parsed(token: &str, kind: &str) -> Option<(usize, u64)> {
    let (grant, rotation) = token.strip_prefix(kind)?.strip_prefix('-')?.split_once('-')?;
    Some((grant.parse().ok()?, rotation.parse().ok()?))
}

impl Provider {
    pub(crate) async fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = Self { state: Arc::new(Mutex::new(State { rules, ..State::default() })), address };
        let serving = provider.clone();
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let provider = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let provider = provider.clone();
                        async move { provider.answer(request).await }
                    });
                    // An error is a line that was cut, by us or by the server under test.
                    let _cut = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        provider
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn rule(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.state().rules);
    }

    /// A new grant: its number, access token and refresh token.
    pub(crate) fn grant(&self) -> (usize, String, String) {
        let mut state = self.state();
        let id = state.grants.len();
        state.grants.push(Grant { alive: true, rotation: 0, spent_at: Instant::now(), revocations: 0 });
        (id, format!("at-{id}-0"), format!("rt-{id}-0"))
    }

    /// The user takes the access away.
    pub(crate) fn revoke(&self, grant: usize) {
        self.state().grants[grant].alive = false;
    }

    /// What arrived at the token endpoint so far.
    pub(crate) fn calls(&self) -> Vec<TokenCall> {
        self.state().calls.clone()
    }

    /// How many token requests ended so.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.state().calls.iter().filter(|call| call.verdict == verdict).count()
    }

    /// Grants that do not work any more.
    pub(crate) fn dead(&self) -> Vec<usize> {
        let state = self.state();
        (0..state.grants.len()).filter(|id| !state.grants[*id].alive).collect()
    }

    /// API calls, and how many of them were refused for their token.
    pub(crate) fn api_calls(&self) -> (u64, u64) {
        let state = self.state();
        (state.api_calls, state.api_refused)
    }

    /// The most token requests that were being answered at the same time.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.state().most_in_flight
    }

    /// How many token requests are being answered now.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    /// How often a revocation named each grant.
    pub(crate) fn revocations(&self) -> BTreeMap<usize, u32> {
        let state = self.state();
        let named = state.grants.iter().enumerate().filter(|(_, grant)| grant.revocations > 0);
        named.map(|(id, grant)| (id, grant.revocations)).collect()
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let path = request.uri().path().to_owned();
        let bearer = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .map(str::to_owned);
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
        match path.as_str() {
            "/token" => self.token(&form).await,
            "/revoke" => Ok(self.revoked(&form)),
            path if path.starts_with("/api") => Ok(self.api(bearer.as_deref())),
            _ => Ok(reply(404, &json!({"error": "not_found"}))),
        }
    }

    async fn token(&self, form: &BTreeMap<String, String>) -> Reply {
        let (rules, index) = {
            let mut state = self.state();
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            let grant = form.get("refresh_token").and_then(|t| parsed(t, "rt")).map_or(usize::MAX, |t| t.0);
            state.calls.push(TokenCall {
                grant,
                verdict: Verdict::Refused,
                at: Instant::now(),
                answered: None,
            });
            (state.rules.clone(), state.calls.len() - 1)
        };
        let _landed = Landed(self.clone());
        if rules.cut == Cut::Before {
            return Err(std::io::Error::other("cut"));
        }
        if let Some((status, retry_after, body)) = rules.refusal {
            tokio::time::sleep(rules.delay).await;
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            if let Some(after) = retry_after {
                response = response.header(header::RETRY_AFTER, after);
            }
            return Ok(response.body(Full::new(Bytes::from(body))).unwrap());
        }
        let (verdict, response) = self.refresh(form, &rules);
        self.state().calls[index].verdict = verdict;
        tokio::time::sleep(rules.delay).await;
        if rules.cut == Cut::After {
            return Err(std::io::Error::other("cut"));
        }
        self.state().calls[index].answered = Some(Instant::now());
        Ok(response)
    }

    fn refresh(&self, form: &BTreeMap<String, String>, rules: &Rules) -> (Verdict, Response<Full<Bytes>>) {
        let dead = |words: &str| reply(400, &json!({"error": "invalid_grant", "error_description": words}));
        let Some((id, rotation)) = form.get("refresh_token").and_then(|token| parsed(token, "rt")) else {
            return (Verdict::Refused, reply(400, &json!({"error": "invalid_request"})));
        };
        let mut state = self.state();
        let Some(grant) = state.grants.get_mut(id) else {
            return (Verdict::Dead, dead("grant request is invalid"));
        };
        if !grant.alive {
            return (Verdict::Dead, dead("grant request is invalid"));
        }
        let verdict = if rotation == grant.rotation {
            grant.rotation += 1;
            grant.spent_at = Instant::now();
            Verdict::Granted
        } else if rotation + 1 == grant.rotation
            && rules.grace.is_some_and(|grace| grant.spent_at.elapsed() < grace)
        {
            Verdict::Repeated
        } else {
            // RFC 9700 §4.14.2: whoever else holds the token, the grant is not safe any more.
            grant.alive = false;
            return (Verdict::Reuse, dead("grant request is invalid"));
        };
        let body = json!({
            "access_token": format!("at-{id}-{}", grant.rotation),
            "refresh_token": format!("rt-{id}-{}", grant.rotation),
            "token_type": "Bearer",
            "expires_in": rules.access_ttl.as_secs(),
        });
        (verdict, reply(200, &body))
    }

    fn revoked(&self, form: &BTreeMap<String, String>) -> Response<Full<Bytes>> {
        let token = form.get("token").map(String::as_str).unwrap_or_default();
        if let Some((id, _)) = parsed(token, "rt").or_else(|| parsed(token, "at"))
            && let Some(grant) = self.state().grants.get_mut(id)
        {
            grant.alive = false;
            grant.revocations += 1;
        }
        reply(200, &json!({}))
    }

    fn api(&self, bearer: Option<&str>) -> Response<Full<Bytes>> {
        let mut state = self.state();
        state.api_calls += 1;
        let token = bearer.and_then(|bearer| parsed(bearer, "at"));
        let good = token.filter(|(id, rotation)| {
            state.grants.get(*id).is_some_and(|grant| grant.alive && *rotation <= grant.rotation)
        });
        match good {
            Some((id, rotation)) => reply(200, &json!({"grant": id, "rotation": rotation})),
            None => {
                state.api_refused += 1;
                reply(401, &json!({"error": "invalid_token"}))
            }
        }
    }
}

/// Counts a token request as answered however it ends.
struct Landed(Provider);

impl Drop for Landed {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}
