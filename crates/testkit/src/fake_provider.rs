//! A small, strict provider on loopback: token endpoint, userinfo, revocation and an API of two calls. It records
//! every request it gets and can be told to misbehave. Consent needs no browser: [`FakeProvider::consent`] reads the
//! authorization URL as a user's browser would carry it there.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

/// The client id that the provider knows.
pub const CLIENT_ID: &str = "acme-client";
/// Its secret. A marker to look for wherever no secret may be.
pub const CLIENT_SECRET: &str = "canary-client-secret-1f0c";
/// The API key that the provider accepts.
pub const API_KEY: &str = "canary-api-key-77aa";
/// The issuer that the provider names.
pub const ISSUER: &str = "https://acme.example";

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query as written.
    pub query: String,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl Recorded {
    /// A field of the form, or of the JSON object, in the body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        if let Ok(Value::Object(fields)) = serde_json::from_str(&self.body) {
            return fields.get(name)?.as_str().map(str::to_owned);
        }
        form_urlencoded::parse(self.body.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }
}

/// What a user's consent sends back to the redirect URI.
#[derive(Debug, Clone)]
pub struct Consent {
    /// The parameters of the callback: `code` and `state`.
    pub params: BTreeMap<String, String>,
    /// The redirect URI that was asked for.
    pub redirect_uri: String,
}

/// An answer in place of the regular one.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The content type.
    pub content_type: &'static str,
    /// How long to wait with it.
    pub delay: Duration,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
}

impl Scripted {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            body: body.to_string(),
            content_type: "application/json",
            delay: Duration::ZERO,
            retry_after: None,
        }
    }

    /// An OAuth error (RFC 6749 §5.2).
    #[must_use]
    pub fn error(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &json!({ "error": error, "error_description": description }))
    }
}

struct Code {
    challenge: Option<String>,
    redirect_uri: String,
    scope: String,
}

#[derive(Default)]
struct World {
    counter: u64,
    codes: HashMap<String, Code>,
    /// Access token to scope.
    access: HashMap<String, String>,
    /// Refresh token to scope.
    refresh: HashMap<String, String>,
    requests: Vec<Recorded>,
    scripted: HashMap<String, VecDeque<Scripted>>,
    granted_scope: Option<String>,
    expires_in: Option<u64>,
    user: String,
    delay: Duration,
}

/// The provider. It stops when dropped.
pub struct FakeProvider {
    base: Url,
    world: Arc<Mutex<World>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeProvider {
    /// Starts one on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let world =
            Arc::new(Mutex::new(World { expires_in: Some(3600), user: "user-1".into(), ..World::default() }));
        let app = Router::new().fallback(serve).with_state(world.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, world, task }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `http://127.0.0.1:…/`
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The address of one of its endpoints.
    ///
    /// # Panics
    /// When `path` makes no URL.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        self.base.join(path).unwrap()
    }

    /// The user consents to what the authorization URL asks for.
    ///
    /// # Panics
    /// When the URL lacks what RFC 6749 demands.
    #[must_use]
    pub fn consent(&self, authorize_url: &Url) -> Consent {
        let query: HashMap<String, String> = authorize_url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT_ID);
        if query.contains_key("code_challenge") {
            assert_eq!(query["code_challenge_method"], "S256");
        }
        let mut world = self.world();
        world.counter += 1;
        let code = format!("canary-code-{}", world.counter);
        let redirect_uri = query["redirect_uri"].clone();
        let granted = Code {
            challenge: query.get("code_challenge").cloned(),
            redirect_uri: redirect_uri.clone(),
            scope: query.get("scope").cloned().unwrap_or_default(),
        };
        world.codes.insert(code.clone(), granted);
        let state = query["state"].clone();
        Consent { params: BTreeMap::from([("code".into(), code), ("state".into(), state)]), redirect_uri }
    }

    /// The next answers of `path` in place of the regular ones.
    pub fn script(&self, path: &str, answers: impl IntoIterator<Item = Scripted>) {
        self.world().scripted.entry(path.to_owned()).or_default().extend(answers);
    }

    /// From now on every grant names this scope, whatever was asked for.
    pub fn grant_only(&self, scope: Option<&str>) {
        self.world().granted_scope = scope.map(str::to_owned);
    }

    /// From now on access tokens live so many seconds; `None` leaves `expires_in` out.
    pub fn set_expires_in(&self, seconds: Option<u64>) {
        self.world().expires_in = seconds;
    }

    /// Who is signed in at the provider from now on.
    pub fn sign_in(&self, user: &str) {
        self.world().user = user.to_owned();
    }

    /// From now on the token endpoint thinks so long.
    pub fn set_delay(&self, delay: Duration) {
        self.world().delay = delay;
    }

    /// Forgets every access token: each one is refused with 401 from now on.
    pub fn forget_access_tokens(&self) {
        self.world().access.clear();
    }

    /// Forgets every grant, as if the user had removed the app.
    pub fn forget_grants(&self) {
        let mut world = self.world();
        world.access.clear();
        world.refresh.clear();
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.world().requests.clone()
    }

    /// The requests that went to `path`.
    #[must_use]
    pub fn requests_to(&self, path: &str) -> Vec<Recorded> {
        self.world().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// The requests to the token endpoint with this grant type.
    #[must_use]
    pub fn token_requests(&self, grant_type: &str) -> Vec<Recorded> {
        let wanted = Some(grant_type.to_owned());
        self.requests_to("/token").into_iter().filter(|r| r.field("grant_type") == wanted).collect()
    }
}

async fn serve(
    State(world): State<Arc<Mutex<World>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let recorded = Recorded {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (scripted, delay) = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.requests.push(recorded.clone());
        let scripted = world.scripted.get_mut(uri.path()).and_then(VecDeque::pop_front);
        (scripted, if uri.path() == "/token" { world.delay } else { Duration::ZERO })
    };
    if let Some(answer) = scripted {
        tokio::time::sleep(answer.delay).await;
        let status = StatusCode::from_u16(answer.status).unwrap();
        let mut response =
            (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body).into_response();
        if let Some(seconds) = answer.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        return response;
    }
    tokio::time::sleep(delay).await;
    let (status, body) = {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        match uri.path() {
            "/token" => world.token(&recorded),
            "/userinfo" => world.with_bearer(&recorded, |world, _| {
                json!({ "sub": world.user, "email": format!("{}@acme.example", world.user) })
            }),
            "/revoke" => world.revoke(&recorded),
            "/api/profile" => world.with_bearer(&recorded, |world, scope| {
                json!({ "id": world.user, "email": format!("{}@acme.example", world.user), "scope": scope })
            }),
            "/api/keyed" => keyed(&recorded),
            "/api/notes" => world.with_bearer(&recorded, |_, _| json!({ "created": true })),
            _ => (404, json!({ "error": "no such path" })),
        }
    };
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

fn error(status: u16, error: &str) -> (u16, Value) {
    (status, json!({ "error": error, "error_description": format!("{error} by the fake provider") }))
}

fn keyed(request: &Recorded) -> (u16, Value) {
    match request.headers.get("x-api-key") {
        Some(key) if key == API_KEY => (200, json!({ "ok": true })),
        _ => (401, json!({ "error": "bad key" })),
    }
}

impl World {
    fn token(&mut self, request: &Recorded) -> (u16, Value) {
        let client = (request.field("client_id"), request.field("client_secret"));
        if client != (Some(CLIENT_ID.into()), Some(CLIENT_SECRET.into())) {
            return error(401, "invalid_client");
        }
        match request.field("grant_type").as_deref() {
            Some("authorization_code") => self.redeem(request),
            Some("refresh_token") => {
                let token = request.field("refresh_token").unwrap_or_default();
                match self.refresh.remove(&token) {
                    Some(scope) => self.issue(&scope, true),
                    None => error(400, "invalid_grant"),
                }
            }
            Some("client_credentials") => {
                let scope = request.field("scope").unwrap_or_default();
                self.issue(&scope, false)
            }
            _ => error(400, "unsupported_grant_type"),
        }
    }

    fn redeem(&mut self, request: &Recorded) -> (u16, Value) {
        // One-time: gone whether it fits or not (RFC 6749 §4.1.2).
        let Some(code) = request.field("code").and_then(|code| self.codes.remove(&code)) else {
            return error(400, "invalid_grant");
        };
        if request.field("redirect_uri").as_deref() != Some(code.redirect_uri.as_str()) {
            return error(400, "invalid_grant");
        }
        if let Some(challenge) = &code.challenge {
            let verifier = request.field("code_verifier").unwrap_or_default();
            let computed = valetkey_upstream::oauth::pkce::challenge(&verifier.into());
            if computed != *challenge {
                return error(400, "invalid_grant");
            }
        }
        self.issue(&code.scope, true)
    }

    fn issue(&mut self, scope: &str, with_refresh: bool) -> (u16, Value) {
        self.counter += 1;
        let n = self.counter;
        let scope = self.granted_scope.clone().unwrap_or_else(|| scope.to_owned());
        let (access, refresh) = (format!("canary-access-{n}"), format!("canary-refresh-{n}"));
        self.access.insert(access.clone(), scope.clone());
        let mut reply = json!({ "access_token": access, "token_type": "Bearer", "scope": scope });
        if let Some(seconds) = self.expires_in {
            reply["expires_in"] = json!(seconds);
        }
        if with_refresh {
            self.refresh.insert(refresh.clone(), scope);
            reply["refresh_token"] = json!(refresh);
        }
        (200, reply)
    }

    fn with_bearer(&self, request: &Recorded, answer: impl Fn(&Self, &str) -> Value) -> (u16, Value) {
        let bearer = request.headers.get("authorization").and_then(|h| h.strip_prefix("Bearer "));
        match bearer.and_then(|token| self.access.get(token)) {
            Some(scope) => (200, answer(self, scope)),
            None => (401, json!({ "error": "invalid_token" })),
        }
    }

    fn revoke(&mut self, request: &Recorded) -> (u16, Value) {
        let token = request.field("token").unwrap_or_default();
        self.access.remove(&token);
        self.refresh.remove(&token);
        (200, json!({}))
    }
}
