//! Proxied calls: the caller's request, confined to the connector's API.

use http::HeaderMap;
use url::Url;
use valetkey_domain::{Error, SecretString};

/// The URL of a proxied call: `path` and `query` as the caller wrote them (percent-encoded), below `base` and nowhere
/// else (S46).
///
/// # Errors
/// `proxy_path_invalid`.
pub fn url(base: &Url, path: &str, query: Option<&str>) -> Result<Url, Error> {
    let _ = (base, path, query);
    Err(Error::internal("in the making"))
}

/// What of the caller's headers goes to the provider (S50): no hop-by-hop headers, no credentials, nothing about the
/// caller's connection, none of our own.
#[must_use]
pub fn request_headers(incoming: &HeaderMap) -> HeaderMap {
    let _ = incoming;
    HeaderMap::new()
}

/// Takes out of the provider's headers what is not the caller's: hop-by-hop headers, cookies, and every echo of one of
/// `secrets` (S51).
pub fn clean_response_headers(headers: &mut HeaderMap, secrets: &[&SecretString]) {
    let _ = (headers, secrets);
}
