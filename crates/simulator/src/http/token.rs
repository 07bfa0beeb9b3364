//! The token endpoint.

use axum::{body::Bytes, extract::State, http::HeaderMap, response::Response};
use serde_json::{Value, json};

use super::{
    client_auth::authenticate,
    oauth_error::{OAuthError, Params, answer, scopes},
};
use crate::{
    Ending, Profile, SCOPES, Settings, Simulator,
    grants::{Dead, Issued},
    hash::{Hashed, s256},
    journal::Trace,
    state,
    world::APP_USER,
};

pub(super) async fn endpoint(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut trace = Trace::default();
    let result = grant(&simulator, &headers, &body, &mut trace);
    if result.is_ok() {
        simulator.touch();
    }
    answer(result.map(Some), trace)
}

fn grant(
    simulator: &Simulator,
    headers: &HeaderMap,
    body: &Bytes,
    trace: &mut Trace,
) -> Result<Value, OAuthError> {
    let params = Params::read(headers, body)?;
    trace.grant_type = params.get("grant_type").map(str::to_owned);
    let mut state = simulator.state();
    let (client_id, client) = authenticate(&mut state, headers, &params, trace)?;
    let grant_type = params.require("grant_type")?;
    if !matches!(grant_type, "authorization_code" | "refresh_token" | "client_credentials") {
        return Err(OAuthError::new("unsupported_grant_type", format!("{grant_type} is not supported")));
    }
    // RFC 6749 §4.4: only a client that keeps a secret has something of its own.
    let public = client.secret.is_none();
    if !client.may_use(grant_type) || (public && grant_type == "client_credentials") {
        return Err(OAuthError::new("unauthorized_client", format!("the client may not use {grant_type}")));
    }
    let issued = match grant_type {
        "authorization_code" => exchange(simulator, &mut state, &client_id, &params)
            .inspect_err(|_| state.counters.exchanges_refused += 1)?,
        "refresh_token" => refresh(simulator, &mut state, &client_id, &params)
            .inspect_err(|_| state.counters.refreshes_refused += 1)?,
        _ => own(simulator, &mut state, &client_id, &params)?,
    };
    trace.user = Some(issued.user.clone());
    trace.grant = Some(issued.grant);
    trace.token_fingerprint = params.get("refresh_token").map(|t| Hashed::of(t).fingerprint());
    trace.issued_fingerprint = Some(Hashed::of(&issued.access_token).fingerprint());
    let tenant = state.world.people.get(&issued.user).map_or("", |person| person.tenant.as_str());
    Ok(reply(&issued, &state.settings, tenant))
}

/// RFC 6749 §4.1.3 with RFC 7636 §4.6.
fn exchange(
    simulator: &Simulator,
    state: &mut state::State,
    client_id: &str,
    params: &Params,
) -> Result<Issued, OAuthError> {
    let refuse = |description: &str| OAuthError::new("invalid_grant", description);
    let text = params.require("code")?;
    let now = simulator.now();
    let key = Hashed::of(text);
    let code = state.codes.get(&key).cloned().ok_or_else(|| refuse("code is unknown"))?;
    if code.ask.client_id != client_id {
        return Err(refuse("code was issued to another client"));
    }
    // RFC 6749 §4.1.2: a second use takes back what the first one brought (S20).
    if let Some(grant) = code.exchanged_for {
        state.counters.codes_replayed += 1;
        state.grants.end_grant(grant, Ending::CodeReplay);
        return Err(refuse("code has already been used"));
    }
    if code.expires_at <= now {
        return Err(refuse("code has expired"));
    }
    if params.get("redirect_uri") != Some(code.ask.redirect_uri.as_str()) {
        return Err(refuse("redirect_uri is not the one of the authorization request"));
    }
    match (&code.ask.code_challenge, params.get("code_verifier")) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) if is_verifier(verifier) && s256(verifier) == *challenge => {}
        (Some(_), Some(_)) => return Err(refuse("code_verifier does not match the code_challenge")),
        (Some(_), None) => return Err(refuse("code_verifier is missing")),
        // RFC 9700 §2.1.1: a verifier without a challenge tells of a downgrade.
        (None, Some(_)) => return Err(refuse("code_verifier came without a code_challenge")),
    }
    let grant = state.grants.add(client_id, &code.user, code.scopes.clone(), &state.settings, now);
    if let Some(kept) = state.codes.get_mut(&key) {
        kept.exchanged_for = Some(grant);
    }
    state.counters.codes_exchanged += 1;
    let may_refresh = state.clients.get(client_id).is_some_and(|client| client.may_use("refresh_token"));
    let with_refresh = state.settings.issue_refresh_tokens && may_refresh && code.ask.offline;
    state
        .grants
        .issue(grant, code.scopes, with_refresh, &state.settings, now, simulator.entropy())
        .ok_or_else(|| refuse("the grant is gone"))
}

/// RFC 7636 §4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// RFC 6749 §6, with rotation as RFC 9700 §4.14.2 describes it.
fn refresh(
    simulator: &Simulator,
    state: &mut state::State,
    client_id: &str,
    params: &Params,
) -> Result<Issued, OAuthError> {
    let text = params.require("refresh_token")?;
    let now = simulator.now();
    let foreign = || OAuthError::new("invalid_grant", "refresh token was issued to another client");
    if state.grants.find(text).is_some_and(|(_, grant)| grant.client_id != client_id) {
        return Err(foreign());
    }
    let (grant, granted) = match state.grants.refreshable(text, &state.settings, now) {
        Ok((id, grant)) => (id, grant.scopes.clone()),
        Err(dead) => {
            punish_reuse(state, text, dead);
            return Err(OAuthError::dead(dead));
        }
    };
    if let Some(refusal) = suspended(state, state.grants.get(grant).map(|grant| grant.user.as_str())) {
        return Err(refusal);
    }
    let scopes = granted_scopes(params, state.settings.profile, &granted)?;
    let rotate = state.settings.rotate_refresh_tokens;
    if rotate {
        state.grants.spend(text, now);
    }
    state.grants.note_refresh(grant, now);
    state.counters.refreshes += 1;
    state
        .grants
        .issue(grant, scopes, rotate, &state.settings, now, simulator.entropy())
        .ok_or_else(|| OAuthError::new("invalid_grant", "the grant is gone"))
}

/// The scopes of a refresh, which may be fewer than were granted (RFC 6749 §6).
fn granted_scopes(params: &Params, profile: Profile, granted: &[String]) -> Result<Vec<String>, OAuthError> {
    let asked = params.get("scope");
    let all = || granted.iter().map(String::as_str);
    if profile == Profile::Plain {
        return scopes(asked, profile.separator(), all(), |scope| granted.iter().any(|g| g == scope));
    }
    // These providers answer with what was granted, whatever is asked.
    Ok(all().map(str::to_owned).collect())
}

/// The refusal for a user who is suspended.
fn suspended(state: &state::State, user: Option<&str>) -> Option<OAuthError> {
    let suspended = user.and_then(|user| state.world.people.get(user)).is_some_and(|person| person.suspended);
    let refusal = || match state.settings.profile {
        Profile::Microsoft => OAuthError::new("invalid_grant", "the user is disabled").numbered(Some(50_057)),
        Profile::Google => OAuthError::new("invalid_grant", "Account has been disabled; account not found"),
        Profile::Slack => OAuthError::new("account_inactive", "the user is deactivated"),
        Profile::Plain => OAuthError::new("invalid_grant", "the user's account is suspended"),
    };
    suspended.then(refusal)
}

/// A spent refresh token that comes again is in two hands; nobody can tell which is the thief's.
fn punish_reuse(state: &mut state::State, text: &str, dead: Dead) {
    if dead != Dead::Spent {
        return;
    }
    state.counters.refresh_reuses += 1;
    let grant = state.grants.find(text).map(|(token, _)| token.grant);
    if let (true, Some(grant)) = (state.settings.reuse_kills_grant, grant) {
        state.grants.end_grant(grant, Ending::Reuse);
        state.counters.grants_killed_by_reuse += 1;
    }
}

/// RFC 6749 §4.4.
fn own(
    simulator: &Simulator,
    state: &mut state::State,
    client_id: &str,
    params: &Params,
) -> Result<Issued, OAuthError> {
    let profile = state.settings.profile;
    let scopes = scopes(params.get("scope"), profile.separator(), SCOPES, |scope| profile.knows(scope))?;
    let standing = state.own_grants.get(client_id).copied();
    let grant = match standing.filter(|id| state.grants.get(*id).is_some_and(|grant| !grant.revoked)) {
        Some(grant) => grant,
        None => {
            let grant = state.grants.add(
                client_id,
                APP_USER,
                SCOPES.map(str::to_owned).to_vec(),
                &state.settings,
                simulator.now(),
            );
            state.own_grants.insert(client_id.to_owned(), grant);
            grant
        }
    };
    state.counters.client_credentials += 1;
    state
        .grants
        .issue(grant, scopes, false, &state.settings, simulator.now(), simulator.entropy())
        .ok_or_else(|| OAuthError::new("invalid_grant", "the grant is gone"))
}

/// The id of a workspace, in Slack's manner.
pub(super) fn team_id(tenant: &str) -> String {
    format!("T_{tenant}")
}

/// RFC 6749 §5.1.
fn reply(issued: &Issued, settings: &Settings, tenant: &str) -> Value {
    let mut reply = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "scope": issued.scopes.join(settings.profile.separator()),
    });
    if settings.profile == Profile::Slack {
        reply["ok"] = json!(true);
        reply["token_type"] = json!("bot");
        reply["app_id"] = json!("A0SANDBOX");
        reply["bot_user_id"] = json!("U0SANDBOXBOT");
        reply["team"] = json!({"id": team_id(tenant), "name": tenant});
        reply["enterprise"] = Value::Null;
        reply["authed_user"] = json!({"id": format!("U_{}", issued.user)});
    }
    if settings.send_expires_in {
        reply["expires_in"] = json!(settings.access_token_ttl_s);
    }
    if let Some(refresh_token) = &issued.refresh_token {
        reply["refresh_token"] = json!(refresh_token);
    }
    reply
}
