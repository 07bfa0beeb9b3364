//! The cookie that names a browser, the one that keeps a chosen language, and what the browser says of itself.

use http::{HeaderMap, HeaderValue, header};
use valetkey_domain::{ExposeSecret, Language, SecretString};

use crate::ServerOptions;

/// How long the cookie lasts: longer than any attempt.
const MAX_AGE_SECONDS: u32 = 24 * 3600;

/// Over TLS the prefix makes browsers refuse the cookie from anybody but this very host (RFC 6265bis §4.1.3.2). A
/// server that browsers reach in the clear cannot have it.
fn name(options: &ServerOptions) -> &'static str {
    if options.is_https() { "__Host-valetkey_browser" } else { "valetkey_browser" }
}

/// The same for the language that was chosen: it names a language and nobody.
fn language_name(options: &ServerOptions) -> &'static str {
    if options.is_https() { "__Host-valetkey_language" } else { "valetkey_language" }
}

/// The browser's cookie, if it sent one.
pub(super) fn read(headers: &HeaderMap, options: &ServerOptions) -> Option<SecretString> {
    value(headers, name(options)).map(|value| value.to_owned().into())
}

/// The language that was chosen in this browser.
pub(super) fn language(headers: &HeaderMap, options: &ServerOptions) -> Option<Language> {
    let value = value(headers, language_name(options))?;
    Language::ALL.into_iter().find(|language| language.as_str() == value)
}

fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, value)| *found == name && !value.is_empty())
        .map(|(_, value)| value)
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
    put(headers, name(options), browser.expose_secret(), options);
}

/// Keeps the language that was chosen for the pages that follow: a provider sends its user back without our query.
pub(super) fn set_language(headers: &mut HeaderMap, language: Language, options: &ServerOptions) {
    put(headers, language_name(options), language.as_str(), options);
}

fn put(headers: &mut HeaderMap, name: &str, value: &str, options: &ServerOptions) {
    let secure = if options.is_https() { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; Max-Age={MAX_AGE_SECONDS}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(mut value) = HeaderValue::from_str(&cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
