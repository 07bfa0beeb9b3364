//! Resolving, vetting and dialling.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use http::{Uri, uri::Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tower::Service;

use super::{
    Direct, Fault, FaultKind,
    address::{Policy, Verdict},
    fault,
    proxy_tunnel::{self, EgressProxy},
};

/// Where the addresses of a name come from.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// Every address of `host`.
    ///
    /// # Errors
    /// When the name has none or could not be looked up.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// A connection of bytes.
pub trait Bytestream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytestream for T {}

/// Opens connections to addresses that have been vetted. There is one network outside of tests; a simulation brings its
/// own, for plain `http` alone.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// Connects to `address`.
    ///
    /// # Errors
    /// As the operating system tells them.
    async fn dial(&self, address: SocketAddr) -> io::Result<Box<dyn Bytestream>>;
}

/// How long an address may keep us waiting before the next one is tried beside it (RFC 8305 §5).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Opens the connections of the client: the only code that dials.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Arc<Dialer>);

pub(super) struct Dialer {
    pub policy: Policy,
    pub resolver: Arc<dyn Resolver>,
    /// Another network than the operating system's.
    pub network: Option<Arc<dyn Network>>,
    pub tls: Arc<ClientConfig>,
    pub proxy: Option<EgressProxy>,
    pub no_proxy: Vec<Direct>,
    pub timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Stream, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.0.clone();
        Box::pin(async move {
            match time::timeout(dialer.timeout, dialer.connect(&uri)).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    let proxy = dialer.proxy_for(&uri).ok().flatten();
                    let through =
                        proxy.map(|proxy| format!(" through the egress proxy {proxy}")).unwrap_or_default();
                    Err(Fault::unsent(
                        FaultKind::ConnectTimeout,
                        format!(
                            "No connection to {}{through} within {}",
                            host_of(&uri),
                            fault::waited(dialer.timeout)
                        ),
                    ))
                }
            }
        })
    }
}

fn host_of(uri: &Uri) -> &str {
    uri.host().unwrap_or_default()
}

/// Whether it is `https`, and the port.
fn way_of(uri: &Uri) -> (bool, u16) {
    let https = uri.scheme() == Some(&Scheme::HTTPS);
    (https, uri.port_u16().unwrap_or(if https { 443 } else { 80 }))
}

/// The addresses that a host stands for by itself, in any spelling that some resolver would understand: `127.1`,
/// `0x7f000001`, `[::ffff:127.0.0.1]`, `localhost`. No resolver is asked about those.
fn literal(host: &str) -> Option<Vec<IpAddr>> {
    match url::Host::parse(host) {
        Ok(url::Host::Ipv4(ip)) => Some(vec![ip.into()]),
        Ok(url::Host::Ipv6(ip)) => Some(vec![ip.into()]),
        Ok(url::Host::Domain(name)) => {
            // RFC 6761 §6.3: the name and all below it are loopback, whatever a resolver says.
            let name = name.trim_end_matches('.');
            (name == "localhost" || name.ends_with(".localhost"))
                .then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
        }
        Err(_) => None,
    }
}

impl Dialer {
    async fn connect(&self, uri: &Uri) -> Result<Stream, Fault> {
        let host = host_of(uri);
        let (https, port) = way_of(uri);
        let tcp = match self.proxy_for(uri)? {
            Some(proxy) => proxy_tunnel::open(proxy, host, port).await?,
            None => {
                let open = self.vetted(host, port, https).await?;
                if let Some(network) = &self.network {
                    return dial_other(&**network, host, &open).await;
                }
                dial(host, &open).await?
            }
        };
        if !https {
            return Ok(Stream::Plain(TokioIo::new(tcp)));
        }
        let name = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::unsent(FaultKind::Request, format!("{host} is not a host name")))?;
        let stream = TlsConnector::from(self.tls.clone())
            .connect(name, tcp)
            .await
            .map_err(|error| handshake_fault(host, &error))?;
        Ok(Stream::Tls(Box::new(TokioIo::new(stream))))
    }

    /// The egress proxy, if a call goes through it. A name is resolved, and so vetted, by the proxy; what is an address
    /// by itself is vetted here, and one that the operator opened is local and needs no proxy. What `no_proxy` names is
    /// resolved, vetted and dialled here, as without a proxy.
    pub(super) fn proxy_for(&self, uri: &Uri) -> Result<Option<&EgressProxy>, Fault> {
        let (host, (https, port)) = (host_of(uri), way_of(uri));
        let Some(proxy) = self.proxy.as_ref().filter(|_| https) else { return Ok(None) };
        let found = literal(host);
        if self.no_proxy.iter().any(|direct| direct.covers(host, found.as_deref(), port)) {
            return Ok(None);
        }
        let Some(found) = found else { return Ok(Some(proxy)) };
        let verdicts: Vec<_> = found.iter().map(|ip| self.policy.verdict(*ip, port)).collect();
        if verdicts.contains(&Verdict::Opened) {
            Ok(None)
        } else if verdicts.contains(&Verdict::Public) {
            Ok(Some(proxy))
        } else {
            Err(blocked(host))
        }
    }

    /// S47: the addresses that are vetted here are the ones that are dialled; nothing is looked up again.
    async fn vetted(&self, host: &str, port: u16, https: bool) -> Result<Vec<SocketAddr>, Fault> {
        let found = match literal(host) {
            Some(found) => found,
            None => self.resolver.resolve(host).await.map_err(|error| not_resolved(host, &error))?,
        };
        if found.is_empty() {
            return Err(Fault::unsent(FaultKind::Dns, format!("The name {host} has no address")));
        }
        let verdicts = found.iter().map(|ip| (SocketAddr::new(*ip, port), self.policy.verdict(*ip, port)));
        let (mut open, mut plain_text_refused) = (Vec::new(), false);
        for (address, verdict) in verdicts {
            match verdict {
                Verdict::Opened => open.push(address),
                Verdict::Public if https => open.push(address),
                // A credential crosses the internet in TLS or not at all.
                Verdict::Public => plain_text_refused = true,
                Verdict::Closed => {}
            }
        }
        if open.is_empty() {
            return Err(if plain_text_refused {
                Fault::unsent(FaultKind::Blocked, format!("Calls to {host} need https, not http"))
            } else {
                blocked(host)
            });
        }
        Ok(open)
    }
}

/// Another network than the operating system's: the first address, without TLS.
async fn dial_other(network: &dyn Network, host: &str, addresses: &[SocketAddr]) -> Result<Stream, Fault> {
    let address = addresses.first().ok_or_else(|| blocked(host))?;
    let stream = network.dial(*address).await.map_err(|error| refused(host, &error))?;
    Ok(Stream::Other(TokioIo::new(stream)))
}

/// The address itself is not told: what a name resolves to inside is nobody's business outside.
fn blocked(host: &str) -> Fault {
    Fault::unsent(FaultKind::Blocked, format!("{host} leads to no address that may be called"))
}

/// Dials in order, the next address beside the one before it when that fails or hesitates; the first one wins.
async fn dial(host: &str, addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let mut waiting = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut last = None;
    loop {
        if let Some(address) = waiting.next() {
            attempts.push(TcpStream::connect(*address));
        } else if attempts.is_empty() {
            break;
        }
        let outcome = if waiting.len() == 0 {
            attempts.next().await
        } else {
            match time::timeout(NEXT_ADDRESS_AFTER, attempts.next()).await {
                Ok(outcome) => outcome,
                Err(_) => continue,
            }
        };
        match outcome {
            Some(Ok(stream)) => {
                stream.set_nodelay(true).map_err(|e| refused(host, &e))?;
                return Ok(stream);
            }
            Some(Err(error)) => last = Some(error),
            None => {}
        }
    }
    Err(last.map_or_else(
        || Fault::unsent(FaultKind::Refused, format!("{host} could not be dialled")),
        |error| refused(host, &error),
    ))
}

fn refused(host: &str, error: &io::Error) -> Fault {
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => FaultKind::ConnectTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => FaultKind::Reset,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => FaultKind::NoRoute,
        _ => FaultKind::Refused,
    };
    Fault::unsent(kind, format!("No connection to {host}: {}", error.kind()))
}

/// A name that does not exist is the connection's matter, a resolver that does not answer is this machine's. The system's
/// resolver gives both without a kind: only its words differ (`EAI_AGAIN` of getaddrinfo, RFC 3493 §6.1).
fn not_resolved(host: &str, error: &io::Error) -> Fault {
    let words = error.to_string();
    let failed = matches!(
        error.kind(),
        io::ErrorKind::TimedOut
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    ) || ["temporary failure", "try again", "system error"]
        .iter()
        .any(|sign| words.to_ascii_lowercase().contains(sign));
    if failed {
        Fault::unsent(FaultKind::Resolver, format!("The resolver did not answer for {host}: {words}"))
    } else {
        Fault::unsent(FaultKind::Dns, format!("The name {host} could not be resolved: {words}"))
    }
}

fn handshake_fault(host: &str, error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => Fault::unsent(
            FaultKind::Tls(fault::tls_fault(tls)),
            format!("No trusted connection to {host}: {}", fault::tls_words(tls)),
        ),
        None => Fault::unsent(
            FaultKind::Reset,
            format!("The connection to {host} broke during the TLS handshake: {}", error.kind()),
        ),
    }
}

/// An open connection.
pub(super) enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
    Other(TokioIo<Box<dyn Bytestream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(stream) if stream.inner().get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            _ => Connected::new(),
        }
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Other(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, pieces),
            Self::Other(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }
}
