//! Which client is asking (RFC 6749 §2.3).

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::oauth_error::{OAuthError, Params};
use crate::{clients::Client, journal::Trace, state::State};

const WRONG_SECRET: &str = "the client id or the client secret is wrong";
/// A test provider may tell this apart from a wrong secret, as Microsoft and Slack do; a careful one would not.
const UNKNOWN_CLIENT: &str = "the client id is unknown, or the client secret is wrong";

/// Finds the client and checks its secret, taken from the header or the body.
pub(super) fn authenticate<'a>(
    state: &'a mut State,
    headers: &HeaderMap,
    params: &Params,
    trace: &mut Trace,
) -> Result<(String, &'a Client), OAuthError> {
    let (client_id, secret) = match presented(headers, params, trace) {
        Ok(found) => found,
        Err(error) => {
            state.counters.invalid_clients += u64::from(error.code() == "invalid_client");
            return Err(error);
        }
    };
    trace.client_id = Some(client_id.clone());
    match state.clients.get(&client_id) {
        Some(client) if client.accepts(secret.as_deref()) => Ok((client_id, client)),
        found => {
            let message = if found.is_some() { WRONG_SECRET } else { UNKNOWN_CLIENT };
            state.counters.invalid_clients += 1;
            Err(OAuthError::new("invalid_client", message))
        }
    }
}

fn presented(
    headers: &HeaderMap,
    params: &Params,
    trace: &mut Trace,
) -> Result<(String, Option<String>), OAuthError> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        let client_id = params.get("client_id").ok_or_else(|| no_client("client_id is missing"))?;
        let secret = params.get("client_secret").map(str::to_owned);
        trace.client_auth = Some(if secret.is_some() { "post" } else { "none" });
        return Ok((client_id.to_owned(), secret));
    };
    trace.client_auth = Some("basic");
    // RFC 6749 §2.3: not more than one method in one request.
    if params.get("client_secret").is_some() {
        return Err(OAuthError::new("invalid_request", "the client authenticates twice, by header and body"));
    }
    let decoded = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| no_client("the Authorization header is not HTTP Basic"))?;
    let (client_id, secret) =
        decoded.split_once(':').ok_or_else(|| no_client("the Authorization header holds no colon"))?;
    let (client_id, secret) = (form_decoded(client_id), form_decoded(secret));
    if params.get("client_id").is_some_and(|other| other != client_id) {
        return Err(OAuthError::new("invalid_request", "header and body name two clients"));
    }
    Ok((client_id, Some(secret)))
}

fn no_client(description: &str) -> OAuthError {
    OAuthError::new("invalid_client", description)
}

/// RFC 6749 §2.3.1: id and secret are form-encoded before they are joined.
fn form_decoded(text: &str) -> String {
    let encoded = format!("v={text}");
    url::form_urlencoded::parse(encoded.as_bytes()).next().map(|(_, v)| v.into_owned()).unwrap_or_default()
}
