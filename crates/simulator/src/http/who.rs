//! Whom a request is about, as far as it says so itself. Nothing is believed here: it only tells faults and journal
//! entries apart.

use axum::{
    body::Bytes,
    http::{header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::form_urlencoded;

use super::observe::bearer;
use crate::{Endpoint, Simulator, hash::Hashed};

#[derive(Debug, Default)]
pub(super) struct Who {
    pub(super) user: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) grant: Option<u64>,
    pub(super) grant_type: Option<String>,
    pub(super) token_fingerprint: Option<String>,
}

pub(super) fn who(simulator: &Simulator, parts: &Parts, endpoint: Endpoint, body: &Bytes) -> Who {
    let form: Vec<(String, String)> = match endpoint {
        Endpoint::Authorize => pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        Endpoint::Api | Endpoint::Userinfo | Endpoint::Any => Vec::new(),
        _ => pairs(body),
    };
    let field = |name: &str| form.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.clone());
    let mut who = Who {
        user: field("user").or_else(|| field("login_hint")),
        client_id: field("client_id").or_else(|| basic_user(parts)),
        grant_type: field("grant_type"),
        ..Who::default()
    };
    let token = bearer(&parts.headers).map(str::to_owned);
    let token = token.or_else(|| field("refresh_token")).or_else(|| field("token"));
    let state = simulator.state();
    if let Some(token) = token {
        who.token_fingerprint = Some(Hashed::of(&token).fingerprint());
        if let Some((found, grant)) = state.grants.find(&token) {
            who.client_id = Some(grant.client_id.clone());
            who.user = Some(grant.user.clone());
            who.grant = Some(found.grant);
        }
    } else if let Some(code) = field("code").and_then(|code| state.codes.get(&Hashed::of(&code))) {
        who.user = Some(code.user.clone());
    } else if let Some(ask) = field("request").and_then(|ticket| state.asks.get(&Hashed::of(&ticket))) {
        who.client_id = Some(ask.client_id.clone());
    }
    who
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The client id of HTTP Basic (RFC 6749 §2.3.1).
fn basic_user(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
    let text = String::from_utf8(decoded).ok()?;
    let (id, _) = text.split_once(':')?;
    pairs(format!("v={id}").as_bytes()).pop().map(|(_, value)| value)
}
