//! The cookies of a session and of a sign-in that is under way.

use http::{HeaderMap, HeaderValue, header};
use valetkey_domain::{ExposeSecret, SecretString};

use crate::ServerOptions;

/// Over TLS the prefix makes browsers refuse the cookie from anybody but this very host (RFC 6265bis §4.1.3.2). A
/// server that browsers reach in the clear, on loopback, cannot have it.
fn name(options: &ServerOptions) -> &'static str {
    if options.is_https() { "__Host-valetkey_session" } else { "valetkey_session" }
}

/// The same for what a browser keeps while a person is at the identity provider.
fn ticket_name(options: &ServerOptions) -> &'static str {
    if options.is_https() { "__Host-valetkey_sso" } else { "valetkey_sso" }
}

/// The token of the session, if the browser sent one.
pub(super) fn read(headers: &HeaderMap, options: &ServerOptions) -> Option<SecretString> {
    find(headers, name(options))
}

/// What the browser kept of a sign-in.
pub(super) fn read_ticket(headers: &HeaderMap, options: &ServerOptions) -> Option<SecretString> {
    find(headers, ticket_name(options))
}

fn find(headers: &HeaderMap, name: &str) -> Option<SecretString> {
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
    write(headers, name(options), token.expose_secret(), "", options);
}

/// Has the browser keep a sign-in that is under way. `Lax` lets it come back with the redirect of the provider, which is
/// another site.
pub(super) fn set_ticket(headers: &mut HeaderMap, ticket: &SecretString, options: &ServerOptions) {
    write(headers, ticket_name(options), ticket.expose_secret(), "; Max-Age=600", options);
}

/// Ends a sign-in in the browser.
pub(super) fn clear_ticket(headers: &mut HeaderMap, options: &ServerOptions) {
    write(headers, ticket_name(options), "", "; Max-Age=0", options);
}

/// Takes the token from the browser.
pub(super) fn clear(headers: &mut HeaderMap, options: &ServerOptions) {
    write(headers, name(options), "", "; Max-Age=0", options);
}

fn write(headers: &mut HeaderMap, name: &str, value: &str, life: &str, options: &ServerOptions) {
    let secure = if options.is_https() { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/{life}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
