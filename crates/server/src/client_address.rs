//! Which network address a request came from, for limits.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use http::{HeaderMap, request::Parts};

use crate::RequestContext;

/// The address, for handlers; none if the server is not on a network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<RequestContext>().and_then(RequestContext::address)))
    }
}

/// The address that a request came from.
pub(crate) fn of(request: &Request, behind_proxy: bool) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let forwarded = behind_proxy.then(|| forwarded(request.headers())).flatten();
    forwarded.or(peer)
}

/// What the proxy in front appended to `X-Forwarded-For`. Whatever stands before it came from outside and is not believed.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    // Some proxies write the port too.
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S43: only what the proxy itself wrote counts, so that nobody takes another address for every try.
    #[test]
    fn forwarded_address_is_the_last_one() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("x-forwarded-for", http::HeaderValue::from_static(value));
            }
            forwarded(&headers).map(|address| address.to_string())
        };
        assert_eq!(of(&["203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(of(&["1.1.1.1, 203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(of(&["1.1.1.1", "203.0.113.7:4711"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(of(&["9.9.9.9, [2001:db8::1]:80"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(of(&["9.9.9.9, unknown"]), None);
        assert_eq!(of(&[]), None);
    }
}
