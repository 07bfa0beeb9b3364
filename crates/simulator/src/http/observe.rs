//! Around every provider endpoint: faults strike, refusals get the profile's words, the journal is written.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    MAX_BODY, mishap,
    shape::{profile_at, shaped},
    who::{Who, who},
};
use crate::{Endpoint, Entry, FaultKind, Simulator, fault::Asked, hash::Hashed, journal::Trace};

/// The bearer of a request (RFC 6750 §2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// An error that the authorization endpoint is to send the user back with, or to show.
#[derive(Clone)]
pub(super) struct Forced(pub(super) FaultKind);

pub(super) async fn observe(State(simulator): State<Simulator>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let Some(endpoint) = Endpoint::of_path(&path) else { return next.run(request).await };
    let method = request.method().as_str().to_owned();
    let (parts, body) = request.into_parts();
    // Whom a request is about may be said in its body. What is too large to be read is refused here as it would be
    // later.
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let token = bearer(&parts.headers).map(str::to_owned);
    let who = who(&simulator, &parts, endpoint, &body);
    let faults = simulator.state().faults.take(endpoint, &asked(&path, &method, &who));
    let mut request = Request::from_parts(parts, Body::from(body));

    let profile = profile_at(&path, simulator.settings().profile);
    let mut refusal = None;
    for fault in &faults {
        match fault {
            FaultKind::Delay { delay_ms } => tokio::time::sleep(Duration::from_millis(*delay_ms)).await,
            FaultKind::CallbackError { .. } => {
                request.extensions_mut().insert(Forced(fault.clone()));
            }
            FaultKind::Error(_) if endpoint == Endpoint::Authorize => {
                request.extensions_mut().insert(Forced(fault.clone()));
            }
            _ => refusal = mishap::refusal(&simulator, fault, endpoint, profile).or(refusal),
        }
    }
    let mut response = match refusal {
        Some(response) => response,
        None => shaped(&simulator, profile, next.run(request).await),
    };
    for fault in &faults {
        response = mishap::spoil(fault, response, token.as_deref()).await;
    }
    let cut = faults.iter().any(|fault| matches!(fault, FaultKind::Cut | FaultKind::Drop));
    let arrived = Arrived { endpoint, method, path, token, who };
    record(&simulator, arrived, &response, cut, &faults);
    if cut { mishap::hang_up(response) } else { response }
}

fn asked<'a>(path: &'a str, method: &'a str, who: &'a Who) -> Asked<'a> {
    Asked {
        path,
        method,
        user: who.user.as_deref(),
        client_id: who.client_id.as_deref(),
        grant: who.grant,
        grant_type: who.grant_type.as_deref(),
    }
}

/// A request, as the journal tells of it.
struct Arrived {
    endpoint: Endpoint,
    method: String,
    path: String,
    token: Option<String>,
    who: Who,
}

fn record(simulator: &Simulator, arrived: Arrived, response: &Response, cut: bool, faults: &[FaultKind]) {
    let Arrived { endpoint, method, path, token, who } = arrived;
    let mut trace = response.extensions().get::<Trace>().cloned().unwrap_or_default();
    let at = simulator.now();
    if let Some(token) = token {
        trace.token_fingerprint = Some(Hashed::of(&token).fingerprint());
    }
    if !faults.is_empty() {
        let told: Vec<_> = faults.iter().map(FaultKind::name).collect();
        trace.note =
            Some(trace.note.map_or_else(String::new, |note| note + "; ") + "fault: " + &told.join(", "));
    }
    simulator.state().journal.push(Entry {
        seq: 0,
        at,
        method,
        path,
        endpoint,
        status: (!cut).then(|| response.status().as_u16()),
        grant_type: trace.grant_type.or(who.grant_type),
        client_auth: trace.client_auth,
        client_id: trace.client_id.or(who.client_id),
        user: trace.user.or(who.user),
        grant: trace.grant.or(who.grant),
        token_fingerprint: trace.token_fingerprint.or(who.token_fingerprint),
        issued_fingerprint: trace.issued_fingerprint,
        note: trace.note,
    });
}
