//! Revocation (RFC 7009) and introspection (RFC 7662).

use axum::{body::Bytes, extract::State, http::HeaderMap, response::Response};
use serde_json::{Value, json};

use super::{
    client_auth::authenticate,
    oauth_error::{OAuthError, Params, answer},
};
use crate::{Ending, Simulator, grants::TokenKind, hash::Hashed, journal::Trace};

pub(super) async fn endpoint(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut trace = Trace::default();
    let result = revoke(&simulator, &headers, &body, &mut trace);
    simulator.touch();
    answer(result.map(|()| None), trace)
}

fn revoke(
    simulator: &Simulator,
    headers: &HeaderMap,
    body: &Bytes,
    trace: &mut Trace,
) -> Result<(), OAuthError> {
    let params = Params::read(headers, body)?;
    let mut state = simulator.state();
    let (client_id, _) = authenticate(&mut state, headers, &params, trace)?;
    let token = params.require("token")?;
    trace.token_fingerprint = Some(Hashed::of(token).fingerprint());
    // RFC 7009 §2.2: an unknown token is as good as revoked.
    let Some((found, grant)) = state.grants.find(token) else { return Ok(()) };
    // RFC 7009 §2.1: a client revokes its own tokens only.
    if grant.client_id != client_id {
        return Err(OAuthError::new("unauthorized_client", "the token was issued to another client"));
    }
    trace.user = Some(grant.user.clone());
    trace.grant = Some(found.grant);
    // RFC 7009 §2.1: with a refresh token the grant goes, and the access tokens with it.
    let (kind, id) = (found.kind, found.grant);
    match kind {
        TokenKind::Refresh => state.grants.end_grant(id, Ending::Client),
        TokenKind::Access => state.grants.revoke_token(token),
    }
    state.counters.revocations += 1;
    Ok(())
}

pub(super) async fn introspection(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut trace = Trace::default();
    let result = introspect(&simulator, &headers, &body, &mut trace);
    answer(result.map(Some), trace)
}

fn introspect(
    simulator: &Simulator,
    headers: &HeaderMap,
    body: &Bytes,
    trace: &mut Trace,
) -> Result<Value, OAuthError> {
    let params = Params::read(headers, body)?;
    let mut state = simulator.state();
    let (client_id, _) = authenticate(&mut state, headers, &params, trace)?;
    let token = params.require("token")?;
    trace.token_fingerprint = Some(Hashed::of(token).fingerprint());
    let found = state.grants.find(token).filter(|(token, grant)| {
        grant.client_id == client_id && state.grants.is_live(token, simulator.now())
    });
    // RFC 7662 §2.2: of a token that is not active, or not the caller's to know, nothing else is said.
    let Some((token, grant)) = found else { return Ok(json!({"active": false})) };
    let mut reply = json!({
        "active": true,
        "scope": token.scopes.join(" "),
        "client_id": grant.client_id,
        "username": grant.user,
        "sub": format!("user_{}", grant.user),
        "iat": token.issued_at.unix_timestamp(),
        "iss": state.settings.issuer,
    });
    if token.kind == TokenKind::Access {
        reply["token_type"] = json!("Bearer");
    }
    if let Some(at) = token.expires_at {
        reply["exp"] = json!(at.unix_timestamp());
    }
    Ok(reply)
}
