//! The cookie that names a browser, and what the browser says of itself.

use http::{HeaderMap, HeaderValue, header};
use valetkey_domain::{ExposeSecret, SecretString};

use crate::ServerOptions;

/// How long the cookie lasts: longer than any attempt.
const MAX_AGE_SECONDS: u32 = 24 * 3600;

/// Over TLS the prefix makes browsers refuse the cookie from anybody but this very host (RFC 6265bis §4.1.3.2). A
/// server that browsers reach in the clear cannot have it.
fn name(options: &ServerOptions) -> &'static str {
    if options.is_https() { "__Host-valetkey_browser" } else { "valetkey_browser" }
}

/// The browser's cookie, if it sent one.
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

/// The longest `User-Agent` that is looked at, in bytes.
const MAX_USER_AGENT: usize = 512;

/// What the browser says it is.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT).collect())
}

/// Hands `browser` to the browser.
pub(super) fn set(headers: &mut HeaderMap, browser: &SecretString, options: &ServerOptions) {
    let secure = if options.is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{}={}; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{secure}",
        name(options),
        browser.expose_secret(),
    );
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
