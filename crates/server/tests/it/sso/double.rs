//! A small OpenID Connect provider on loopback that checks what a real one checks, and can be told to misbehave.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use url::Url;

pub(super) const CLIENT_ID: &str = "valetkey-dashboard";
pub(super) const CLIENT_SECRET: &str = "canary-sso-secret-9d3f";

/// What the provider says next, and what it has seen.
pub(super) struct World {
    key: EcdsaKeyPair,
    /// Code to challenge, redirect URI and nonce.
    codes: HashMap<String, (String, String, String)>,
    /// The claims of the person who signs in.
    pub(super) claims: Value,
    /// Claims that only userinfo has.
    pub(super) userinfo: Value,
    /// Claims of the ID token that are set to something wrong.
    pub(super) wrong: Value,
    /// Parts of the discovery document that are set to something else.
    pub(super) document: Value,
    /// An answer of the token endpoint in place of tokens.
    pub(super) refusal: Option<(u16, Value)>,
    /// The instant by which tokens are made, in seconds.
    pub(super) now: i64,
    pub(super) discoveries: u32,
}

pub(super) struct Double {
    pub(super) issuer: String,
    world: Arc<Mutex<World>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

impl Double {
    pub(super) async fn start(now: i64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let world = Arc::new(Mutex::new(World {
            key: new_key(),
            codes: HashMap::new(),
            claims: json!({ "sub": "sub-ada", "email": "ada@example.com", "email_verified": true, "name": "Ada" }),
            userinfo: json!({}),
            wrong: json!({}),
            document: json!({}),
            refusal: None,
            now,
            discoveries: 0,
        }));
        let shared = (issuer.clone(), Arc::clone(&world));
        let app = Router::new().fallback(serve).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { issuer, world, task }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    /// New keys: those that were published before sign nothing any more.
    pub(super) fn rotate(&self) {
        self.change(|world| world.key = new_key());
    }

    pub(super) fn discoveries(&self) -> u32 {
        self.world.lock().unwrap().discoveries
    }

    /// What the browser brings back after the person agreed: the query of the callback.
    pub(super) fn consent(&self, url: &Url) -> Vec<(String, String)> {
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(url.path(), "/authorize");
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT_ID);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{asked:?}");
        let mut world = self.world.lock().unwrap();
        let code = format!("code-{}", world.codes.len());
        let kept = (asked["code_challenge"].clone(), asked["redirect_uri"].clone(), asked["nonce"].clone());
        world.codes.insert(code.clone(), kept);
        vec![
            ("code".into(), code),
            ("state".into(), asked["state"].clone()),
            ("iss".into(), self.issuer.clone()),
        ]
    }
}

type Shared = (String, Arc<Mutex<World>>);

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn merged(mut base: Value, over: &Value) -> Value {
    for (name, value) in over.as_object().unwrap() {
        match value {
            Value::Null => base.as_object_mut().unwrap().remove(name),
            value => base.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    base
}

async fn serve(State((issuer, world)): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut world = world.lock().unwrap();
    match uri.path() {
        "/.well-known/openid-configuration" => {
            world.discoveries += 1;
            let at = |path: &str| format!("{issuer}{path}");
            let document = json!({
                "issuer": issuer,
                "authorization_endpoint": at("/authorize"),
                "token_endpoint": at("/token"),
                "userinfo_endpoint": at("/me"),
                "jwks_uri": at("/keys"),
                "end_session_endpoint": at("/end"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256", "RS256"],
                "authorization_response_iss_parameter_supported": true,
            });
            answer(200, &merged(document, &world.document))
        }
        "/keys" => {
            let point = world.key.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            let key = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid(&world), "x": x, "y": y });
            answer(200, &json!({ "keys": [key] }))
        }
        "/token" => token(&issuer, &mut world, &headers, &body),
        "/me" => {
            assert_eq!(headers[header::AUTHORIZATION], "Bearer access-token-canary");
            answer(200, &merged(json!({ "sub": world.claims["sub"] }), &world.userinfo))
        }
        _ => answer(404, &json!({})),
    }
}

/// A key is named by what it is.
fn kid(world: &World) -> String {
    URL_SAFE_NO_PAD.encode(&world.key.public_key().as_ref()[1..9])
}

fn token(issuer: &str, world: &mut World, headers: &HeaderMap, body: &[u8]) -> Response {
    if let Some((status, refusal)) = &world.refusal {
        return answer(*status, refusal);
    }
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    if headers.get(header::AUTHORIZATION).is_none_or(|sent| *sent != basic) {
        return answer(401, &json!({ "error": "invalid_client" }));
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let refused = || answer(400, &json!({ "error": "invalid_grant" }));
    let Some((challenge, redirect_uri, nonce)) = world.codes.remove(&form["code"]) else { return refused() };
    let verifier = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if verifier != challenge || form["redirect_uri"] != redirect_uri {
        return refused();
    }
    let claims = json!({
        "iss": issuer, "aud": CLIENT_ID, "iat": world.now, "exp": world.now + 300, "nonce": nonce,
    });
    let claims = merged(merged(claims, &world.claims), &world.wrong);
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let head = json!({ "alg": "ES256", "kid": kid(world), "typ": "JWT" });
    let signed = format!("{}.{}", encode(&head), encode(&claims));
    let signature = world.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let id_token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let tokens = json!({
        "access_token": "access-token-canary", "token_type": "Bearer", "expires_in": 60, "id_token": id_token,
    });
    answer(200, &tokens)
}
