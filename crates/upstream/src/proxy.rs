//! Proxied calls: the caller's request, confined to the connector's API.
//!
//! The caller chooses method, path below the API base, query, headers and body. It never chooses the host, and what
//! belongs to one leg of the way (RFC 9110 §7.6.1) stays on that leg. Bodies stream both ways. Echoes of the
//! credential are masked in headers, and in bodies that come unpacked; so that they do, the provider is asked for
//! unpacked ones.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use memchr::memmem;
use percent_encoding::percent_decode_str;
use url::Url;
use valetkey_domain::{Error, ErrorCode, ExposeSecret as _, SecretString};

use crate::http::ResponseBody;

/// The longest path and query.
const MAX_TARGET: usize = 16 << 10;
/// Unpacked this many times, a path must have come to rest.
const MAX_DECODINGS: usize = 4;
/// Shorter secrets (a user name, say) occur by chance and are not looked for.
pub(crate) const SHORTEST_MASKED: usize = 8;

/// The URL of a proxied call: `path` and `query` as the caller wrote them (percent-encoded), below `base` and nowhere
/// else (S46).
///
/// # Errors
/// `proxy_path_invalid`.
pub fn url(base: &Url, path: &str, query: Option<&str>) -> Result<Url, Error> {
    check_path(path)?;
    let query = query.filter(|query| !query.is_empty());
    if query.is_some_and(|query| !query.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b'#')) {
        return Err(invalid("its query holds characters that a query cannot hold; percent-encode them"));
    }
    if path.len() + query.map_or(0, str::len) > MAX_TARGET {
        return Err(invalid("it is too long"));
    }
    let prefix = base.path().trim_end_matches('/');
    let mut url = base.clone();
    url.set_path(&[prefix, path].concat());
    url.set_query(query);
    url.set_fragment(None);

    // The rules above should leave no way out; this holds whatever they overlook.
    let same_place = url.scheme() == base.scheme() && url.host() == base.host() && url.port() == base.port();
    let below = url.path().strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let nobody = url.username().is_empty() && url.password().is_none();
    if same_place && below && nobody { Ok(url) } else { Err(invalid("it leaves the connector's API")) }
}

fn invalid(why: &str) -> Error {
    Error::new(ErrorCode::ProxyPathInvalid)
        .message(format!("The path of the proxied call is not acceptable: {why}."))
}

fn check_path(path: &str) -> Result<(), Error> {
    if !path.is_empty() && !path.starts_with('/') {
        return Err(invalid("it does not begin with `/`"));
    }
    if path.contains("//") {
        return Err(invalid("it holds `//`"));
    }
    if !path.bytes().all(|b| matches!(b, 0x21..=0x7e) && !matches!(b, b'\\' | b'#' | b'?')) {
        return Err(invalid("it holds characters that a path cannot hold; percent-encode them"));
    }
    check_segments(path)?;
    if path.contains('%') { check_decoded(path) } else { Ok(()) }
}

/// Looks at the path as a server sees it that decodes once, twice, …
fn check_decoded(path: &str) -> Result<(), Error> {
    let well_formed = |at: usize| {
        let digits = path.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !path.match_indices('%').all(|(at, _)| well_formed(at)) {
        return Err(invalid("a `%` in it is not followed by two hexadecimal digits"));
    }
    let mut text = Cow::Borrowed(path);
    for _ in 0..MAX_DECODINGS {
        let decoded = percent_decode_str(&text)
            .decode_utf8()
            .map_err(|_| invalid("its percent-encoding is not UTF-8"))?
            .into_owned();
        if decoded.chars().any(|c| c.is_control() || c == '\\') {
            return Err(invalid("it holds an encoded control character or backslash"));
        }
        check_segments(&decoded)?;
        if decoded == text {
            return Ok(());
        }
        text = Cow::Owned(decoded);
    }
    Err(invalid("it is percent-encoded too many times"))
}

/// No segment may be `.` or `..`, with or without a parameter (`..;x`), in full-width or one-dot-leader letters either:
/// some servers fold them.
fn check_segments(path: &str) -> Result<(), Error> {
    let is_slash = |c: char| matches!(c, '/' | '\\' | '\u{ff0f}' | '\u{ff3c}' | '\u{2215}' | '\u{2044}');
    let is_dot = |c: char| matches!(c, '.' | '\u{ff0e}' | '\u{2024}' | '\u{fe52}');
    let is_relative = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        matches!(name.chars().count(), 1 | 2) && name.chars().all(is_dot) || name == "\u{2025}"
    };
    if path.split(is_slash).any(is_relative) { Err(invalid("it holds `.` or `..`")) } else { Ok(()) }
}

/// Headers of one leg (RFC 9110 §7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection" | "http2-settings")
}

/// The headers by which a caller says whose account is meant.
const OURS: [&str; 6] =
    ["connected_account_id", "connection_name", "identifier", "account_name", "organization_id", "user_id"];

/// Whether a header is one of [`OURS`] in any of its spellings: with underscores or dashes, with or without `x-`.
fn is_ours(name: &str) -> bool {
    let name = name.strip_prefix("x-").or_else(|| name.strip_prefix("x_")).unwrap_or(name);
    let same = |a: u8, b: u8| a == b || (a == b'-' && b == b'_');
    OURS.iter()
        .any(|ours| ours.len() == name.len() && name.bytes().zip(ours.bytes()).all(|(a, b)| same(a, b)))
}

/// Headers that would tell the provider about the caller, or about us.
fn is_private(name: &HeaderName) -> bool {
    // The length is stated anew from the body itself, so that two readings of it cannot differ (S50).
    if matches!(
        *name,
        header::AUTHORIZATION
            | header::COOKIE
            | header::HOST
            | header::CONTENT_LENGTH
            | header::EXPECT
            | header::FORWARDED
            | header::VIA
            | header::ACCEPT_ENCODING
    ) {
        return true;
    }
    let name = name.as_str();
    is_ours(name)
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-valetkey-")
        || matches!(
            name,
            "x-forwarded"
                | "x-real-ip"
                | "x-client-ip"
                | "true-client-ip"
                | "cf-connecting-ip"
                | "fly-client-ip"
                | "x-cluster-client-ip"
                | "x-original-url"
                | "x-rewrite-url"
                | "x-original-host"
                | "x-host"
                | "x-http-method-override"
                | "cookie2"
        )
}

/// The names that `Connection` lists. Most requests have none, and cost nothing here.
fn named_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

/// What of the caller's headers goes to the provider (S50): no hop-by-hop headers, no credentials, nothing about the
/// caller's connection, none of our own.
#[must_use]
pub fn request_headers(incoming: &HeaderMap) -> HeaderMap {
    let named = named_in_connection(incoming);
    let mut outgoing = HeaderMap::with_capacity(incoming.len() + 4);
    for (name, value) in incoming {
        if !is_hop_by_hop(name) && !is_private(name) && !named.contains(name) {
            outgoing.append(name.clone(), value.clone());
        }
    }
    outgoing.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    outgoing
}

/// Takes out of the provider's headers what is not the caller's: hop-by-hop headers, cookies, rules that a browser
/// would apply to our own origin, and every echo of one of `secrets` (S51).
pub fn clean_response_headers(headers: &mut HeaderMap, secrets: &[&SecretString]) {
    for name in named_in_connection(headers) {
        headers.remove(name);
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    for name in [
        "keep-alive",
        "proxy-connection",
        "set-cookie",
        "set-cookie2",
        "alt-svc",
        "clear-site-data",
        "strict-transport-security",
        "public-key-pins",
        "service-worker-allowed",
        "via",
        "server",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-expose-headers",
        "access-control-max-age",
    ] {
        headers.remove(name);
    }
    for secret in secrets.iter().map(|secret| secret.expose_secret()).filter(|s| s.len() >= SHORTEST_MASKED) {
        let finder = memmem::Finder::new(secret);
        for value in headers.values_mut() {
            if finder.find(value.as_bytes()).is_some() {
                *value = HeaderValue::from_static("[redacted]");
            }
        }
    }
}

/// Cleans the headers, and masks echoes of `secrets` in the body as it streams by: each byte of one becomes `*`, so
/// that the length stays true. A body that the provider packed although it was asked not to is handed on as it is.
#[must_use]
pub fn clean_response(
    response: http::Response<ResponseBody>,
    secrets: &[&SecretString],
) -> http::Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    clean_response_headers(&mut head.headers, secrets);
    let packed = head.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let body = if packed { body } else { body.masking(secrets) };
    http::Response::from_parts(head, body)
}
