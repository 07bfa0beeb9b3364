//! The guarded HTTP client.
//!
//! It is built on hyper's pooled client with a connector of our own, because the guard has to sit where the address
//! is dialled: only there are the host, the port and the resolved addresses known together, so that a single
//! `ip:port` can be opened (S52) and an address can not change between the check and the call (S47).

mod address;
mod body;
mod clock_watch;
mod connect;
mod direct;
mod egress;
mod fault;
mod mask;
mod proxy_tunnel;
mod tls;
mod trust;

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::Url;

pub use body::{BodyError, ResponseBody};
pub use clock_watch::ClockSkew;
pub use connect::{Bytestream, Network, Resolver, SystemResolver};
pub use direct::{Direct, NotDirect};
pub use egress::{Egress, EgressSettings};
pub use fault::{Fault, FaultKind, ProxyFault, TlsFault, waited};

/// A request that is ready to leave but for the credential.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// Where it goes: `https`, or `http` to an allowed private address.
    pub url: Url,
    /// The headers; `Host`, `Content-Length` and `User-Agent` are added on sending.
    pub headers: HeaderMap,
    /// The whole body; empty for none.
    pub body: Bytes,
}

impl OutboundRequest {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// The query and the headers may hold a key: neither is printed.
impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}://{}{} ({} bytes)",
            self.method,
            self.url.scheme(),
            self.url.host_str().unwrap_or_default(),
            self.url.path(),
            self.body.len()
        )
    }
}

/// What one call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// From the first look-up to the last byte of the answer.
    pub deadline: Duration,
    /// The largest body of an answer, in bytes, counted after decompression.
    pub max_response_bytes: usize,
}

impl Default for CallLimits {
    /// 30 seconds and 8 MiB.
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30), max_response_bytes: 8 << 20 }
    }
}

/// What one streamed call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// From the first look-up to the head of the answer.
    pub head_deadline: Duration,
    /// From the first look-up to the last byte of the answer; `None` lets a stream run.
    pub deadline: Option<Duration>,
    /// The longest silence between two pieces of the answer.
    pub idle: Duration,
    /// The largest body of an answer, in bytes, as sent by the provider.
    pub max_response_bytes: u64,
}

impl Default for StreamLimits {
    /// 30 seconds to the head, 30 seconds of silence, 15 minutes and 1 GiB altogether.
    fn default() -> Self {
        Self {
            head_deadline: Duration::from_secs(30),
            deadline: Some(Duration::from_secs(900)),
            idle: Duration::from_secs(30),
            max_response_bytes: 1 << 30,
        }
    }
}

/// A whole answer.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, `Date` included: it tells of clock skew.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
}

impl Response {
    /// A header as text, if it is there and is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// When the provider says that it answered (RFC 9110 §6.6.1): its own clock.
    #[must_use]
    pub fn date(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(self.header(&http::header::DATE)?.trim(), &Rfc2822).ok()
    }
}

/// Bodies of token endpoints are secrets and bodies of APIs are private: only the frame is printed.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}
