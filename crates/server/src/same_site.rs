//! Whether a request comes from a page of this server's own, where a browser sent it (S44).

use http::{HeaderMap, Uri, header};
use url::{Host, Origin, Url};

/// Whether the request names this server. A page of another name that resolves to this machine is that other site's: DNS
/// rebinding. That is looked at on a machine of one's own; behind a proxy the name is the proxy's business.
pub(crate) fn is_host_ours(headers: &HeaderMap, uri: &Uri, public_url: &Url) -> bool {
    if !is_loopback(public_url) {
        return true;
    }
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let named = named.or_else(|| uri.authority().map(|authority| authority.as_str()));
    named.is_none_or(|named| names_us(named, public_url))
}

/// Whether the page that sent the request is this server's own; `None` if the request does not say, as those that no
/// page sent.
pub(crate) fn is_origin_ours(headers: &HeaderMap, public_url: &Url) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
    Some(Url::parse(origin).is_ok_and(|url| same_origin(&url.origin(), public_url)))
}

fn same_origin(origin: &Origin, public_url: &Url) -> bool {
    *origin == public_url.origin() && matches!(origin, Origin::Tuple(..))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether a `Host` header names the public address, or the machine itself: health checks and tools say 127.0.0.1.
fn names_us(named: &str, public_url: &Url) -> bool {
    Url::parse(&format!("{}://{named}", public_url.scheme()))
        .is_ok_and(|url| is_loopback(&url) || url.host() == public_url.host())
}
