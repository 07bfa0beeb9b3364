//! A provider with one registered client, and the steps of the code flow.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the failure")]

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tower::ServiceExt;
use url::{Url, form_urlencoded};
use valetkey_domain::ManualClock;
use valetkey_simulator::{ClientSetup, SeededEntropy, Simulator};

pub(crate) const CLIENT: &str = "app";
pub(crate) const SECRET: &str = "app-secret";
pub(crate) const REDIRECT: &str = "https://app.example/callback";
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) struct Provider {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn location(&self) -> Url {
        Url::parse(self.headers[header::LOCATION].to_str().unwrap()).unwrap()
    }

    pub(crate) fn callback(&self) -> BTreeMap<String, String> {
        self.location().query_pairs().into_owned().collect()
    }

    /// The OAuth or API error code.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let code = body["error"].as_str().or(body["error"]["code"].as_str());
        code.unwrap_or_else(|| panic!("no error in {body}")).to_owned()
    }
}

/// The tokens of one grant.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let body = answer.json();
        Self {
            access: body["access_token"].as_str().unwrap().to_owned(),
            refresh: body["refresh_token"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Provider {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let simulator = Simulator::new(clock.clone(), Arc::new(SeededEntropy::new(7)));
        simulator.register_client(ClientSetup::web(CLIENT, SECRET, REDIRECT)).unwrap();
        Self { simulator, clock }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.simulator.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, token: &str, body: Value) -> Answer {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Posts a form with the client's credentials in the body.
    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut fields = fields.to_vec();
        for (name, value) in [("client_id", CLIENT), ("client_secret", SECRET)] {
            if !fields.iter().any(|(n, _)| *n == name) {
                fields.push((name, value));
            }
        }
        self.post_form_bare(path, &fields, None).await
    }

    /// Posts a form as it is, with HTTP Basic if given.
    pub(crate) async fn post_form_bare(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Answer {
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some((id, secret)) = basic {
            let encoded = STANDARD.encode(format!("{id}:{secret}"));
            request = request.header(header::AUTHORIZATION, format!("Basic {encoded}"));
        }
        self.send(request.body(Body::from(form(fields))).unwrap()).await
    }

    /// Opens the consent page with the usual request, some parameters replaced or (empty) left out.
    pub(crate) async fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        let mut query = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "profile messages.read"),
            ("state", "st4te"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        query.extend(changes.iter().copied());
        let query: Vec<_> = query.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let request = Request::get(format!("/oauth/authorize?{}", form(&query)));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn decide(&self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let ticket = page.text.split("name=\"request\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let mut all = vec![("request", ticket)];
        all.extend_from_slice(fields);
        self.post_form_bare("/oauth/authorize/decision", &all, None).await
    }

    /// A code that `ada` consented to.
    pub(crate) async fn code(&self, changes: &[(&str, &str)]) -> String {
        let page = self.authorize(changes).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let back = self.decide(&page, &[("user", "ada"), ("decision", "allow")]).await;
        back.callback()["code"].clone()
    }

    pub(crate) async fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut fields = BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        fields.extend(changes.iter().copied());
        let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        self.post_form("/oauth/token", &fields).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post_form("/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// A whole code flow for all scopes.
    pub(crate) async fn connect(&self) -> Tokens {
        let code = self.code(&[("scope", &valetkey_simulator::SCOPES.join(" "))]).await;
        Tokens::of(&self.exchange(&code, &[]).await)
    }
}
