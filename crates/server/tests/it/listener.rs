//! The listener over real sockets: both protocols, with and without TLS, and what it refuses.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Request, response::IntoResponse, routing::get};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use valetkey_server::{Drained, ListenerSettings, serve, server_config};

/// Long enough for any machine; nothing here waits for it to pass unless the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    port: u16,
    certificate: Option<String>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

impl Server {
    async fn start(tls: bool, settings: ListenerSettings, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let pair = tls.then(|| rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap());
        let config = pair.as_ref().map(|pair| {
            server_config(pair.cert.pem().as_bytes(), pair.signing_key.serialize_pem().as_bytes()).unwrap()
        });
        let shutdown = async {
            let _ = stopped.await;
        };
        let ended = tokio::spawn(serve(listener, config, router, settings, shutdown));
        Self { port, certificate: pair.map(|pair| pair.cert.pem()), stop, ended }
    }

    fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}/version", self.port)
    }

    fn client(&self) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder().no_proxy();
        match &self.certificate {
            Some(pem) => builder.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]),
            None => builder,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn stop(self) -> Drained {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.ended).await.unwrap().unwrap()
    }
}

/// Answers with the protocol it was asked in.
fn echo_version() -> Router {
    Router::new().route("/version", get(|request: Request| async move { format!("{:?}", request.version()) }))
}

async fn read_all(mut stream: impl AsyncRead + Unpin) -> String {
    let mut answer = Vec::new();
    // A connection that is cut counts as ended.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection ends");
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &[u8] = b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn tls_alpn_h2_answers_in_http2() {
    let server = Server::start(true, ListenerSettings::default(), echo_version()).await;
    let client = server.client().build().unwrap();
    let answer = client.get(server.url()).send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "HTTP/2.0");
}

#[tokio::test]
async fn tls_alpn_http1_answers_in_http1() {
    let server = Server::start(true, ListenerSettings::default(), echo_version()).await;
    let client = server.client().http1_only().build().unwrap();
    let answer = client.get(server.url()).send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "HTTP/1.1");
}

async fn tls_without_alpn(server: &Server) -> impl AsyncRead + AsyncWrite + Unpin {
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    let mut roots = RootCertStore::empty();
    let pem = server.certificate.as_deref().unwrap();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await.unwrap()
}

#[tokio::test]
async fn tls_no_alpn_answers_in_http1() {
    let server = Server::start(true, ListenerSettings::default(), echo_version()).await;
    let mut stream = tls_without_alpn(&server).await;
    stream.write_all(GET).await.unwrap();
    let answer = read_all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("HTTP/1.1"), "{answer}");
}

#[tokio::test]
async fn plain_http1_and_h2c_on_one_port() {
    let server = Server::start(false, ListenerSettings::default(), echo_version()).await;
    let http1 = server.client().build().unwrap().get(server.url()).send().await.unwrap();
    assert_eq!(http1.text().await.unwrap(), "HTTP/1.1");
    let h2c =
        server.client().http2_prior_knowledge().build().unwrap().get(server.url()).send().await.unwrap();
    assert_eq!(h2c.text().await.unwrap(), "HTTP/2.0");
}

#[tokio::test]
async fn plain_request_in_single_bytes_answered() {
    let server = Server::start(false, ListenerSettings::default(), echo_version()).await;
    let mut stream = server.connect().await;
    stream.set_nodelay(true).unwrap();
    for byte in GET {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert!(read_all(stream).await.starts_with("HTTP/1.1 200"));
}

/// S45
#[tokio::test]
async fn header_above_16_kib_refused() {
    let server = Server::start(false, ListenerSettings::default(), echo_version()).await;
    let mut stream = server.connect().await;
    let head =
        format!("GET /version HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(17 * 1024));
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(read_all(stream).await.starts_with("HTTP/1.1 431"));
}

/// S45
#[tokio::test]
async fn header_above_16_kib_refused_over_http2() {
    let server = Server::start(false, ListenerSettings::default(), echo_version()).await;
    let client = server.client().http2_prior_knowledge().build().unwrap();
    let request = client.get(server.url()).header("x-long", "x".repeat(17 * 1024));
    match request.send().await {
        Ok(answer) => assert_eq!(answer.status(), 431),
        Err(error) => assert!(!error.is_timeout(), "{error}"),
    }
    let next = client.get(server.url()).send().await.unwrap();
    assert_eq!(next.status(), 200);
}

/// S45
#[tokio::test]
async fn header_that_never_ends_cut() {
    let settings = ListenerSettings { header_read_timeout: Duration::from_millis(100), ..Default::default() };
    let server = Server::start(false, settings, echo_version()).await;
    for beginning in [&b""[..], b"P", b"PRI * HTTP", b"GET /version HTTP/1.1\r\nHost: lo"] {
        let mut stream = server.connect().await;
        stream.write_all(beginning).await.unwrap();
        let answer = read_all(stream).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn handshake_that_never_ends_cut() {
    let settings = ListenerSettings { handshake_timeout: Duration::from_millis(100), ..Default::default() };
    let server = Server::start(true, settings, echo_version()).await;
    assert_eq!(read_all(server.connect().await).await, "");
}

#[tokio::test]
async fn connections_above_the_cap_wait_for_a_free_slot() {
    let settings = ListenerSettings { max_connections: 1, ..Default::default() };
    let server = Server::start(false, settings, echo_version()).await;
    let first = server.connect().await;
    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    drop(first);
    assert!(read_all(second).await.starts_with("HTTP/1.1 200"));
}

/// A route that says when it is reached and answers when told to.
fn held(reached: Arc<Notify>, go_on: Arc<Notify>) -> Router {
    let handler = move || async move {
        reached.notify_one();
        go_on.notified().await;
        "finished".into_response()
    };
    Router::new().route("/version", get(handler))
}

#[tokio::test]
async fn shutdown_with_requests_in_flight_finishes_them() {
    for http2 in [false, true] {
        let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = held(Arc::clone(&reached), Arc::clone(&go_on));
        let server = Server::start(false, ListenerSettings::default(), router).await;
        let client = if http2 { server.client().http2_prior_knowledge() } else { server.client() };
        let call = tokio::spawn(client.build().unwrap().get(server.url()).send());
        timeout(PATIENCE, reached.notified()).await.unwrap();
        let port = server.port;
        server.stop.send(()).unwrap();
        // The port closes while the request is still being worked on.
        let closed = async { while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {} };
        timeout(PATIENCE, closed).await.unwrap();
        go_on.notify_one();
        let answer = timeout(PATIENCE, call).await.unwrap().unwrap().unwrap();
        assert_eq!(answer.text().await.unwrap(), "finished");
        assert_eq!(timeout(PATIENCE, server.ended).await.unwrap().unwrap(), Drained::Complete);
    }
}

#[tokio::test]
async fn shutdown_with_a_request_that_hangs_cuts_it_in_time() {
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let settings = ListenerSettings { drain_timeout: Duration::from_millis(100), ..Default::default() };
    let server = Server::start(false, settings, held(Arc::clone(&reached), go_on)).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    timeout(PATIENCE, reached.notified()).await.unwrap();
    assert_eq!(server.stop().await, Drained::Cut { connections: 1 });
}

#[tokio::test]
async fn shutdown_with_idle_connections_ends_them() {
    let server = Server::start(false, ListenerSettings::default(), echo_version()).await;
    let silent = server.connect().await;
    let mut kept = server.connect().await;
    kept.write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 8];
    kept.read_exact(&mut first).await.unwrap();
    assert_eq!(server.stop().await, Drained::Complete);
    drop(silent);
}

#[test]
fn server_config_unfit_files_refused_without_quoting_them() {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    let other_key = other.signing_key.serialize_pem();
    for (certificate, key) in
        [("", key.as_str()), ("rubbish", &key), (&certificate, "canary"), (&certificate, &other_key)]
    {
        let error = server_config(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }
}
