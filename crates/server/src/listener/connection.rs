//! One connection, once it is known how to read it.

use std::{io, net::SocketAddr, pin::pin};

use axum::{Router, extract::ConnectInfo};
use http::Request;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::TcpStream,
};
use tower::ServiceExt;

use super::Shared;

/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often an HTTP/2 connection is asked whether its client is still there, and how long the answer may take.
const PING_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
const PING_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A connection in the clear: its first bytes tell the protocol.
pub(super) async fn plain(stream: TcpStream, peer: SocketAddr, shared: &Shared) {
    let (mut reader, writer) = stream.into_split();
    let head = tokio::select! {
        head = tokio::time::timeout(shared.settings.header_read_timeout, sniff(&mut reader)) => head,
        // Nothing was asked yet, so nothing is owed.
        () = shared.closing.cancelled() => return,
    };
    match head {
        Ok(Ok((protocol, head))) => {
            let stream = tokio::io::join(io::Cursor::new(head).chain(reader), writer);
            speak(stream, protocol, peer, shared).await;
        }
        Ok(Err(error)) => tracing::debug!(%peer, %error, "connection ended before its first request"),
        Err(_) => tracing::debug!(%peer, "no request in time"),
    }
}

/// Reads until the bytes are the HTTP/2 preface or cannot become it.
async fn sniff(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<(Protocol, Vec<u8>)> {
    let mut head = Vec::with_capacity(PREFACE.len());
    while head.len() < PREFACE.len() {
        let mut rest = (&mut *reader).take((PREFACE.len() - head.len()) as u64);
        if rest.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&head) {
            return Ok((Protocol::Http1, head));
        }
    }
    Ok((Protocol::Http2, head))
}

/// Answers requests on `stream` until it ends or the server shuts down.
pub(super) async fn speak<S>(stream: S, protocol: Protocol, peer: SocketAddr, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = shared.router.clone();
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let settings = &shared.settings;
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(settings.header_read_timeout)
                .max_buf_size(settings.max_header_bytes)
                .serve_connection(TokioIo::new(stream), service);
            drive(connection, peer, shared).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(u32::try_from(settings.max_header_bytes).unwrap_or(u32::MAX))
                .max_concurrent_streams(settings.max_concurrent_streams)
                .keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            drive(connection, peer, shared).await;
        }
    }
}

/// Runs a connection to its end; on shutdown it stops taking requests and finishes those it has.
async fn drive<C>(connection: C, peer: SocketAddr, shared: &Shared)
where
    C: GracefulConnection<Error = hyper::Error>,
{
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shared.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    let mut request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}
