//! The client itself.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, Version, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Either, Full, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{CaptureConnection, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::Instant;
use url::Url;
use valetkey_domain::{Clock, Error, SystemClock};

use super::{
    BodyError, CallLimits, ClockSkew, Direct, Fault, FaultKind, Network, OutboundRequest, Resolver, Response,
    ResponseBody, StreamLimits, SystemResolver, TlsFault,
    address::Policy,
    body::{collect, decode, too_large},
    clock_watch::ClockWatch,
    connect::{Connector, Dialer},
    fault,
    proxy_tunnel::EgressProxy,
    tls,
};

/// How calls leave.
#[derive(Clone)]
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
    /// Hosts that are called directly all the same.
    pub no_proxy: Vec<Direct>,
    /// For name look-up, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
}

/// The proxy's URL may hold a password.
impl fmt::Debug for EgressSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressSettings")
            .field("allow_private", &self.allow_private)
            .field("allow", &self.allow)
            .field("extra_ca_pem", &self.extra_ca_pem.as_ref().map(Vec::len))
            .field("https_proxy", &self.https_proxy.as_ref().and_then(Url::host_str))
            .field("no_proxy", &self.no_proxy)
            .field("connect_timeout", &self.connect_timeout)
            .finish()
    }
}

impl Default for EgressSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            allow: Vec::new(),
            extra_ca_pem: None,
            https_proxy: None,
            no_proxy: Vec::new(),
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// The only way out. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Egress {
    client: Arc<Client<Connector, OutboundBody>>,
    dialer: Arc<Dialer>,
    watch: Arc<ClockWatch>,
}

type OutboundBody = Either<Full<Bytes>, UnsyncBoxBody<Bytes, BodyError>>;

/// How long an idle connection is kept: less than the 60 s after which common balancers close theirs.
const KEEP_IDLE: Duration = Duration::from_secs(50);
/// Idle connections kept per provider host.
const MAX_IDLE_PER_HOST: usize = 256;
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("valetkey/", env!("CARGO_PKG_VERSION")));

impl Egress {
    /// A client with these settings.
    ///
    /// # Errors
    /// `invalid_argument` naming `upstream_ca_file` or `https_proxy`.
    pub fn new(settings: EgressSettings) -> Result<Self, Error> {
        Self::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// The same with another source of addresses.
    ///
    /// # Errors
    /// As [`Egress::new`].
    pub fn with_resolver(settings: EgressSettings, resolver: Arc<dyn Resolver>) -> Result<Self, Error> {
        Self::made_of(settings, resolver, None)
    }

    /// The same on another network: calls over plain `http` go there, and to no real address. For simulations.
    ///
    /// # Errors
    /// As [`Egress::new`].
    pub fn on_network(settings: EgressSettings, network: Arc<dyn Network>) -> Result<Self, Error> {
        Self::made_of(settings, Arc::new(SystemResolver), Some(network))
    }

    fn made_of(
        settings: EgressSettings,
        resolver: Arc<dyn Resolver>,
        network: Option<Arc<dyn Network>>,
    ) -> Result<Self, Error> {
        let dialer = Arc::new(Dialer {
            policy: Policy { allow_private: settings.allow_private, allow: settings.allow },
            resolver,
            network,
            tls: tls::client_config(settings.extra_ca_pem.as_deref())?,
            proxy: settings.https_proxy.as_ref().map(EgressProxy::from_url).transpose()?,
            no_proxy: settings.no_proxy,
            timeout: settings.connect_timeout,
        });
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .http2_adaptive_window(true)
            .build(Connector(dialer.clone()));
        let watch = Arc::new(ClockWatch::new(Arc::new(SystemClock)));
        Ok(Self { client: Arc::new(client), dialer, watch })
    }

    /// The same way out, with `clock` as the one that providers' dates are compared with.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { watch: Arc::new(ClockWatch::new(clock)), ..self }
    }

    /// Host and port of the egress proxy that calls to `url` go through; `None` for those that leave directly.
    #[must_use]
    pub fn proxy_for(&self, url: &Url) -> Option<String> {
        let uri = uri_of(url).ok()?;
        self.dialer.proxy_for(&uri).ok().flatten().map(ToString::to_string)
    }

    /// How far our clock is from those of the providers that answered within the last hour; `None` if none did.
    #[must_use]
    pub fn clock_skew(&self) -> Option<ClockSkew> {
        self.watch.skew()
    }

    /// A certificate that seems out of its time because our clock is wrong is no fault of the provider.
    fn judged(&self, mut fault: Fault) -> Fault {
        let skew = || self.watch.skew().filter(ClockSkew::is_wrong);
        fault.skew = match fault.kind {
            FaultKind::Tls(TlsFault::Expired) => skew().filter(|skew| skew.behind.is_negative()),
            FaultKind::Tls(TlsFault::NotYetValid) => skew().filter(|skew| skew.behind.is_positive()),
            _ => None,
        };
        fault
    }

    /// Sends a request and reads the whole answer. A redirect is a fault.
    ///
    /// # Errors
    /// See [`FaultKind`].
    pub async fn send(&self, request: OutboundRequest, limits: CallLimits) -> Result<Response, Fault> {
        let response = self.send_raw(request, limits).await?;
        // S49: the credential goes where it was meant to go and nowhere else.
        if response.status.is_redirection() && response.headers.contains_key(header::LOCATION) {
            return Err(Fault::sent(
                FaultKind::Redirected,
                format!("It answered {} and pointed elsewhere", response.status.as_u16()),
            ));
        }
        Ok(response)
    }

    /// Sends a request and reads the whole answer, a redirect included.
    ///
    /// # Errors
    /// See [`FaultKind`].
    pub async fn send_raw(&self, request: OutboundRequest, limits: CallLimits) -> Result<Response, Fault> {
        let mut outbound = http::Request::new(Either::Left(Full::new(request.body)));
        *outbound.method_mut() = request.method;
        *outbound.uri_mut() = uri_of(&request.url)?;
        *outbound.headers_mut() = request.headers;
        outbound.headers_mut().entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        check(&outbound)?;
        let connection = prepare(&mut outbound);
        let host = request.url.host_str().unwrap_or_default();
        let call = async {
            let sent = self.watch.now();
            let answer = self
                .client
                .request(outbound)
                .await
                .map_err(|e| self.judged(fault::from_chain(&e, e.is_connect())))?;
            let (mut head, body) = answer.into_parts();
            self.watch.note(host, &head.headers, sent);
            let body = collect(body, limits.max_response_bytes).await?;
            let body = decode(&mut head.headers, body, limits.max_response_bytes).await?;
            Ok(Response { status: head.status, headers: head.headers, body })
        };
        tokio::time::timeout(limits.deadline, call)
            .await
            .unwrap_or_else(|_| Err(late(&connection, limits.deadline)))
    }

    /// Sends a request whose body comes in pieces and hands on the answer as it comes, packed as the provider packed
    /// it. Redirects are handed on too.
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
        let mut outbound = request.map(|body| Either::Right(UnsyncBoxBody::new(body.map_err(Into::into))));
        check(&outbound)?;
        let connection = prepare(&mut outbound);
        let deadline = limits.deadline.map(|after| Instant::now() + after);
        let host = outbound.uri().host().unwrap_or_default().to_owned();
        // A body of the caller's may take its time; what was sent before it says nothing about the clock.
        let sent = self.watch.now();
        let answer = match tokio::time::timeout(limits.head_deadline, self.client.request(outbound)).await {
            Ok(outcome) => outcome.map_err(|e| self.judged(fault::from_chain(&e, e.is_connect())))?,
            Err(_) => return Err(late(&connection, limits.head_deadline)),
        };
        self.watch.note(&host, answer.headers(), sent);
        if answer.body().size_hint().lower() > limits.max_response_bytes {
            return Err(too_large());
        }
        Ok(answer.map(|body| ResponseBody::new(body, limits.max_response_bytes, limits.idle, deadline)))
    }
}

fn uri_of(url: &Url) -> Result<Uri, Fault> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::unsent(FaultKind::Request, "The URL holds a user name or password"));
    }
    url.as_str().parse().map_err(|_| Fault::unsent(FaultKind::Request, "The URL cannot be sent"))
}

/// Refuses what may not leave in this form.
fn check<B>(request: &http::Request<B>) -> Result<(), Fault> {
    let uri = request.uri();
    if !matches!(uri.scheme_str(), Some("https" | "http")) {
        return Err(Fault::unsent(FaultKind::Request, "The URL is neither https nor http"));
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(Fault::unsent(FaultKind::Request, "The URL names no host, or a user"));
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Fault::unsent(FaultKind::Request, format!("{} is not sent", request.method())));
    }
    Ok(())
}

/// What every request gets: our name, a `Host` from its URL alone, and a watch on whether it found a connection.
fn prepare<B>(request: &mut http::Request<B>) -> CaptureConnection {
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().remove(header::HOST);
    request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
    capture_connection(request)
}

fn late(connection: &CaptureConnection, after: Duration) -> Fault {
    let connected = connection.connection_metadata().is_some();
    let (kind, what) = if connected {
        (FaultKind::Timeout, "No complete answer")
    } else {
        (FaultKind::ConnectTimeout, "No connection")
    };
    let fault = Fault::sent(kind, format!("{what} within {}", fault::waited(after)));
    Fault { sent: connected, ..fault }
}
