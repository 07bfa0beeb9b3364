//! One port for everything: TLS or plain, HTTP/1.1 and HTTP/2.
//!
//! Over TLS the protocol is the one that ALPN agreed on; a client that offers none gets HTTP/1.1. In the clear, a
//! connection that begins with the HTTP/2 preface speaks HTTP/2 (prior knowledge), any other one HTTP/1.1.

mod connection;
mod tls;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use connection::Protocol;
pub use tls::{TlsError, server_config};

/// What a listener bounds.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Open connections; more wait in the kernel's queue until one ends.
    pub max_connections: usize,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Time for a whole request head, counted from the end of the request before: it also ends idle HTTP/1.1
    /// connections.
    pub header_read_timeout: Duration,
    /// Bytes of a request head.
    pub max_header_bytes: usize,
    /// Requests at once on one HTTP/2 connection.
    pub max_concurrent_streams: u32,
    /// Time that requests in flight get to finish once shutdown begins.
    pub drain_timeout: Duration,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(30),
            max_header_bytes: 16 * 1024,
            max_concurrent_streams: 250,
            drain_timeout: Duration::from_secs(25),
        }
    }
}

/// How a listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    Complete,
    /// Connections were still busy when the time was up and were cut.
    Cut {
        /// How many.
        connections: usize,
    },
}

/// Serves `router` on `listener` until `shutdown` completes, then finishes what is in flight.
///
/// On shutdown the listener closes first, HTTP/2 connections get GOAWAY, idle HTTP/1.1 connections end, and requests
/// in flight have [`ListenerSettings::drain_timeout`] to finish.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    settings: ListenerSettings,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let shared = Arc::new(Shared {
        acceptor: tls.map(TlsAcceptor::from),
        router,
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
        settings,
    });
    let tracker = TaskTracker::new();

    tokio::select! {
        () = accept(listener, &shared, &tracker) => {}
        () = shutdown => {}
    }

    shared.closing.cancel();
    tracker.close();
    if tokio::time::timeout(shared.settings.drain_timeout, tracker.wait()).await.is_ok() {
        return Drained::Complete;
    }
    let connections = tracker.len();
    shared.cut.cancel();
    tracker.wait().await;
    Drained::Cut { connections }
}

struct Shared {
    acceptor: Option<TlsAcceptor>,
    router: Router,
    /// Begins the graceful end of every connection.
    closing: CancellationToken,
    /// Ends every connection at once.
    cut: CancellationToken,
    settings: ListenerSettings,
}

/// Takes in connections for ever. The listener is dropped with this future, so that nothing is accepted afterwards.
async fn accept(listener: TcpListener, shared: &Arc<Shared>, tracker: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(shared.settings.max_connections));
    loop {
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY not set");
        }
        let shared = Arc::clone(shared);
        tracker.spawn(async move {
            let cut = shared.cut.clone();
            tokio::select! {
                () = converse(stream, peer, &shared) => {}
                () = cut.cancelled() => {}
            }
            drop(slot);
        });
    }
}

/// A connection that was reset before it was accepted is its own affair; everything else (out of file descriptors,
/// out of memory) needs a moment before the next try.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "accepting connections failed, trying again in a moment");
    tokio::time::sleep(Duration::from_millis(500)).await;
}

async fn converse(stream: TcpStream, peer: std::net::SocketAddr, shared: &Shared) {
    let Some(acceptor) = &shared.acceptor else {
        connection::plain(stream, peer, shared).await;
        return;
    };
    match tokio::time::timeout(shared.settings.handshake_timeout, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            // RFC 7301 §3.2: the protocol is the agreed one; without ALPN, HTTP/1.1.
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            connection::speak(stream, protocol, peer, shared).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
    }
}
