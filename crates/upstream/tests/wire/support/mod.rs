//! Small servers that behave, and some that do not.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test helper that fails fails the test")]

pub(crate) mod acme;

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use url::Url;
use valetkey_upstream::http::{CallLimits, Egress, EgressSettings, OutboundRequest};

/// What arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form().into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

/// A server on loopback that counts its connections and keeps what it got.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    async fn bind() -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, Self { address, connections: Arc::default(), received: Arc::default() })
    }

    /// Every connection goes to `serve`.
    pub(crate) async fn raw<F, R>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let (listener, server) = Self::bind().await;
        let connections = server.connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        server
    }

    /// HTTP/1.1 with keep-alive; `answer` gives the raw bytes of each answer.
    pub(crate) async fn http<F>(answer: F) -> Self
    where
        F: Fn(&Received) -> Vec<u8> + Send + Sync + 'static,
    {
        let (listener, server) = Self::bind().await;
        let (this, answer) = (server.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.connections.fetch_add(1, Ordering::SeqCst);
                let (this, answer) = (this.clone(), answer.clone());
                tokio::spawn(async move { this.converse(stream, &*answer).await });
            }
        });
        server
    }

    /// The same over TLS.
    pub(crate) async fn https<F>(identity: Identity, answer: F) -> Self
    where
        F: Fn(&Received) -> Vec<u8> + Send + Sync + 'static,
    {
        let (listener, server) = Self::bind().await;
        let (this, answer) = (server.clone(), Arc::new(answer));
        let acceptor = identity.acceptor();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                this.connections.fetch_add(1, Ordering::SeqCst);
                let (this, answer, acceptor) = (this.clone(), answer.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        this.converse(stream, &*answer).await;
                    }
                });
            }
        });
        server
    }

    async fn converse<S>(&self, mut stream: S, answer: &(dyn Fn(&Received) -> Vec<u8> + Send + Sync))
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        while let Some(request) = read_request(&mut stream).await {
            let bytes = answer(&request);
            self.received.lock().unwrap().push(request);
            if stream.write_all(&bytes).await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Received {
        self.received().pop().expect("nothing arrived")
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }
}

pub(crate) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut start = lines.next()?.split(' ');
    let mut request = Received {
        method: start.next()?.into(),
        target: start.next()?.into(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: bytes.split_off(end + 4),
    };
    if request.header("transfer-encoding").is_some() {
        while !request.body.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut request.body).await.ok()? == 0 {
                return None;
            }
        }
        return Some(request);
    }
    let length: usize = request.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    while request.body.len() < length {
        if stream.read_buf(&mut request.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

pub(crate) fn json(status: u16, body: impl AsRef<[u8]>) -> Vec<u8> {
    answer(status, &[("Content-Type", "application/json")], body)
}

/// A certificate with its key, and the authority that signed it.
pub(crate) struct Identity {
    pub(crate) ca_pem: String,
    chain_pem: String,
    key_pem: String,
}

#[derive(Default)]
pub(crate) struct Odd {
    pub(crate) not_before: Option<time::OffsetDateTime>,
    pub(crate) not_after: Option<time::OffsetDateTime>,
}

impl Identity {
    pub(crate) fn new(name: &str, odd: Odd) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if let Some(at) = odd.not_before {
            params.not_before = at;
        }
        if let Some(at) = odd.not_after {
            params.not_after = at;
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Self { ca_pem: issuer.pem(), chain_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_offering(&["http/1.1"])
    }

    pub(crate) fn acceptor_offering(&self, protocols: &[&str]) -> TlsAcceptor {
        let chain = rustls::pki_types::CertificateDer::pem_slice_iter(self.chain_pem.as_bytes())
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A client that may call these servers and nothing else that is special.
pub(crate) fn egress_to(servers: &[&Server]) -> Egress {
    Egress::new(settings_for(servers)).unwrap()
}

pub(crate) fn settings_for(servers: &[&Server]) -> EgressSettings {
    EgressSettings {
        allow: servers.iter().map(|server| server.address).collect(),
        connect_timeout: Duration::from_secs(5),
        ..EgressSettings::default()
    }
}

pub(crate) fn get(url: Url) -> OutboundRequest {
    OutboundRequest::new(http::Method::GET, url)
}

pub(crate) fn limits() -> CallLimits {
    CallLimits { deadline: Duration::from_secs(10), max_response_bytes: 1 << 20 }
}
