//! The client itself.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body::Body;
use url::Url;
use valetkey_domain::Error;

use super::{
    BodyError, CallLimits, Fault, FaultKind, OutboundRequest, Resolver, Response, ResponseBody, StreamLimits,
};

/// How calls leave.
#[derive(Debug, Clone)]
pub struct EgressSettings {
    /// Opens private (RFC 1918, `fc00::/7`) and loopback addresses. Link-local, multicast and every other special
    /// range stay closed.
    pub allow_private: bool,
    /// Opens single special addresses, each at one port.
    pub allow: Vec<SocketAddr>,
    /// Certificates in PEM to trust beside the system's.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// An HTTP proxy that `https` calls are tunnelled through (CONNECT).
    pub https_proxy: Option<Url>,
    /// For name look-up, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            allow: Vec::new(),
            extra_ca_pem: None,
            https_proxy: None,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// The only way out. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Egress(Arc<()>);

impl Egress {
    /// A client with these settings.
    ///
    /// # Errors
    /// `invalid_argument` naming `upstream_ca_file` or `https_proxy`.
    pub fn new(settings: EgressSettings) -> Result<Self, Error> {
        let _ = settings;
        Ok(Self(Arc::new(())))
    }

    /// The same with another source of addresses.
    ///
    /// # Errors
    /// As [`Egress::new`].
    pub fn with_resolver(settings: EgressSettings, resolver: Arc<dyn Resolver>) -> Result<Self, Error> {
        let _ = resolver;
        Self::new(settings)
    }

    /// Sends a request and reads the whole answer. A redirect is a fault.
    ///
    /// # Errors
    /// See [`FaultKind`].
    pub async fn send(&self, request: OutboundRequest, limits: CallLimits) -> Result<Response, Fault> {
        self.send_raw(request, limits).await
    }

    /// Sends a request and reads the whole answer, a redirect included.
    ///
    /// # Errors
    /// See [`FaultKind`].
    pub async fn send_raw(&self, request: OutboundRequest, limits: CallLimits) -> Result<Response, Fault> {
        let _ = (request, limits);
        Err(Fault::unsent(FaultKind::Request, "in the making"))
    }

    /// Sends a request whose body comes in pieces and hands on the answer as it comes. Redirects are handed on too.
    ///
    /// # Errors
    /// See [`FaultKind`].
    pub async fn stream<B>(
        &self,
        request: http::Request<B>,
        limits: StreamLimits,
    ) -> Result<http::Response<ResponseBody>, Fault>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let _ = (request, limits);
        Err(Fault::unsent(FaultKind::Request, "in the making"))
    }
}
