//! What the authorization server says of itself (RFC 8414).

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use serde_json::{Value, json};

use crate::{SCOPES, Simulator};

pub(super) async fn document(State(simulator): State<Simulator>, headers: HeaderMap) -> Json<Value> {
    // The simulator does not know under which name and port it is reached; the Host header does.
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("localhost");
    let scheme = if simulator.0.plain_http { "http" } else { "https" };
    let at = |path: &str| format!("{scheme}://{host}{path}");
    Json(json!({
        "issuer": simulator.settings().issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "introspection_endpoint": at("/oauth/introspect"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    }))
}
