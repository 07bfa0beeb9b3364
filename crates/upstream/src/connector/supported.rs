//! What the schema can say but nothing here carries out yet. A file that says it is refused when it is loaded: a rule
//! that is silently ignored would fail later, in front of an end user.

use super::{
    Auth, BodyFormat, ClientAuth, CodeArrival, Connector, OAuthProfile, TokenRequest, load::Refusal,
};

fn refuse(place: impl Into<String>, what: &str) -> Result<(), Refusal> {
    Err((place.into(), format!("{what} cannot be carried out yet")))
}

/// Refuses what cannot be carried out.
pub(super) fn check(connector: &Connector) -> Result<(), Refusal> {
    if connector.api.signing.is_some() {
        return refuse("api.signing", "signing requests");
    }
    if connector.webhooks.is_some() {
        return refuse("webhooks", "receiving webhooks");
    }
    match &connector.auth {
        Auth::OAuth(profile) => oauth("auth.oauth", profile),
        Auth::ClientCredentials(profile) => oauth("auth.client_credentials", profile),
        Auth::Static(..) | Auth::None => Ok(()),
    }
}

/// Refuses kinds of authorization that no [`Auth`] stands for.
pub(super) fn check_auth(session: bool, mcp: bool) -> Result<(), Refusal> {
    if session {
        return refuse("auth.session", "a login in several steps");
    }
    if mcp { refuse("auth.mcp_oauth", "discovery from an MCP server") } else { Ok(()) }
}

fn oauth(root: &str, profile: &OAuthProfile) -> Result<(), Refusal> {
    let mut requests = vec![("token.request", &profile.token.request)];
    requests.extend(profile.refresh.request.as_ref().map(|request| ("refresh.request", request)));
    requests.extend(profile.exchange.as_ref().map(|exchange| ("exchange.request", &exchange.request)));
    for (place, request) in requests {
        token_request(&format!("{root}.{place}"), request)?;
    }
    if profile.revoke.as_ref().is_some_and(|revoke| revoke.body == BodyFormat::Xml) {
        return refuse(format!("{root}.revoke.body"), "XML");
    }
    if profile.authorize.as_ref().is_some_and(|authorize| authorize.code_from == CodeArrival::Webhook) {
        return refuse(format!("{root}.authorize.code_from"), "a code that comes by webhook");
    }
    Ok(())
}

fn token_request(place: &str, request: &TokenRequest) -> Result<(), Refusal> {
    let place_of_auth = format!("{place}.auth");
    match request.auth {
        ClientAuth::PrivateKeyJwt => refuse(place_of_auth, "private_key_jwt")?,
        ClientAuth::TlsClientAuth => refuse(place_of_auth, "tls_client_auth")?,
        ClientAuth::SamlBearer => refuse(place_of_auth, "saml_bearer")?,
        _ => {}
    }
    if request.body == BodyFormat::Xml { refuse(format!("{place}.body"), "XML") } else { Ok(()) }
}
