//! The cookie of a session.

use http::{HeaderMap, HeaderValue, header};
use valetkey_domain::{ExposeSecret, SecretString};

use crate::ServerOptions;

/// Over TLS the prefix makes browsers refuse the cookie from anybody but this very host (RFC 6265bis §4.1.3.2). A
/// server that browsers reach in the clear, on loopback, cannot have it.
fn name(options: &ServerOptions) -> &'static str {
    if options.is_https() { "__Host-valetkey_session" } else { "valetkey_session" }
}

/// The token of the session, if the browser sent one.
pub(super) fn read(headers: &HeaderMap, options: &ServerOptions) -> Option<SecretString> {
    let name = name(options);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, value)| *found == name && !value.is_empty())
        .map(|(_, value)| value.to_owned().into())
}

/// Hands the token to the browser, until it is closed; the session itself ends earlier.
pub(super) fn set(headers: &mut HeaderMap, token: &SecretString, options: &ServerOptions) {
    write(headers, token.expose_secret(), "", options);
}

/// Takes the token from the browser.
pub(super) fn clear(headers: &mut HeaderMap, options: &ServerOptions) {
    write(headers, "", "; Max-Age=0", options);
}

fn write(headers: &mut HeaderMap, value: &str, life: &str, options: &ServerOptions) {
    let secure = if options.is_https() { "; Secure" } else { "" };
    let cookie = format!("{}={value}; Path=/{life}; HttpOnly; SameSite=Lax{secure}", name(options));
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
