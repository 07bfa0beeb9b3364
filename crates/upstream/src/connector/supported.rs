//! What the schema can say but nothing here carries out yet. A file that says it is refused when it is loaded: a rule
//! that is silently ignored would fail later, in front of an end user.

use super::{Auth, BodyFormat, ClientAuth, Connector, TokenRequest};

/// Where, and what.
type Refusal = (String, String);

/// Refuses what cannot be carried out.
pub(super) fn check(connector: &Connector) -> Result<(), Refusal> {
    let (Auth::OAuth(profile) | Auth::ClientCredentials(profile)) = &connector.auth else { return Ok(()) };
    let root =
        if matches!(connector.auth, Auth::OAuth(_)) { "auth.oauth" } else { "auth.client_credentials" };
    let mut requests = vec![("token.request", &profile.token.request)];
    requests.extend(profile.refresh.request.as_ref().map(|request| ("refresh.request", request)));
    requests.extend(profile.exchange.as_ref().map(|exchange| ("exchange.request", &exchange.request)));
    for (place, request) in requests {
        if let Some((field, message)) = unsupported_request(request) {
            return Err((format!("{root}.{place}.{field}"), message));
        }
    }
    if profile.revoke.as_ref().is_some_and(|revoke| revoke.body == BodyFormat::Xml) {
        return Err((format!("{root}.revoke.body"), "xml is not supported yet".into()));
    }
    Ok(())
}

fn unsupported_request(request: &TokenRequest) -> Option<(&'static str, String)> {
    let auth = match request.auth {
        ClientAuth::PrivateKeyJwt => Some("private_key_jwt"),
        ClientAuth::TlsClientAuth => Some("tls_client_auth"),
        ClientAuth::SamlBearer => Some("saml_bearer"),
        _ => None,
    };
    if let Some(auth) = auth {
        return Some(("auth", format!("{auth} is not supported yet")));
    }
    (request.body == BodyFormat::Xml).then(|| ("body", "xml is not supported yet".into()))
}
