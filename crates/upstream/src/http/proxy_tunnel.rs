//! Tunnels through an HTTP proxy (RFC 9110 §9.3.6).

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;
use valetkey_domain::{Error, ExposeSecret as _, SecretString};

use super::{Fault, FaultKind};

/// The operator's proxy. Its own address is the operator's choice and not vetted.
pub(super) struct EgressProxy {
    host: String,
    port: u16,
    authorization: Option<SecretString>,
}

/// The longest head of an answer to CONNECT.
const MAX_HEAD: usize = 8 << 10;

impl EgressProxy {
    pub(super) fn from_url(url: &Url) -> Result<Self, Error> {
        if url.scheme() != "http" {
            return Err(Error::invalid(
                "https_proxy",
                "must be an http:// URL: the tunnel itself carries TLS",
            ));
        }
        let host = url.host_str().ok_or_else(|| Error::invalid("https_proxy", "names no host"))?;
        let authorization = (!url.username().is_empty()).then(|| {
            let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
            pair.push(b':');
            pair.extend(percent_decode_str(url.password().unwrap_or_default()));
            SecretString::from(format!("Basic {}", STANDARD.encode(pair)))
        });
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
            authorization,
        })
    }
}

/// Opens a tunnel to `host:port`.
pub(super) async fn open(proxy: &EgressProxy, host: &str, port: u16) -> Result<TcpStream, Fault> {
    let mut stream = TcpStream::connect((proxy.host.as_str(), proxy.port)).await.map_err(|e| io_fault(&e))?;
    stream.set_nodelay(true).map_err(|e| io_fault(&e))?;
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(authorization) = &proxy.authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization.expose_secret());
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.map_err(|e| io_fault(&e))?;

    let mut answer = Vec::with_capacity(256);
    // Byte by byte at the end would be wasteful, but the server behind the tunnel stays silent until we speak:
    // whatever follows the head is not TLS and means a confused proxy.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_HEAD || answer.windows(4).any(|w| w == b"\r\n\r\n") {
            return Err(Fault::unsent(FaultKind::Proxy, "The egress proxy's answer could not be read"));
        }
        if stream.read_buf(&mut answer).await.map_err(|e| io_fault(&e))? == 0 {
            return Err(Fault::unsent(FaultKind::Proxy, "The egress proxy hung up"));
        }
    }
    match status(&answer) {
        Some(200..=299) => Ok(stream),
        Some(407) => {
            Err(Fault::unsent(FaultKind::Proxy, "The egress proxy asks for other credentials (407)"))
        }
        Some(status) => {
            Err(Fault::unsent(FaultKind::Proxy, format!("The egress proxy refused the tunnel ({status})")))
        }
        None => Err(Fault::unsent(FaultKind::Proxy, "The egress proxy's answer could not be read")),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|b| *b == b'\r').next()?;
    let text = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    text.split(' ').nth(1)?.parse().ok()
}

fn io_fault(error: &io::Error) -> Fault {
    Fault::unsent(FaultKind::Proxy, format!("No connection through the egress proxy: {}", error.kind()))
}
