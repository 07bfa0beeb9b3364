//! Tunnels through an HTTP proxy (RFC 9110 §9.3.6).

use std::{fmt, io};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;
use valetkey_domain::{Error, ExposeSecret as _, SecretString};

use super::{Fault, FaultKind, ProxyFault};

/// The operator's proxy. Its own address is the operator's choice and not vetted.
pub(super) struct EgressProxy {
    host: String,
    port: u16,
    authorization: Option<SecretString>,
}

/// Host and port; never with the password.
impl fmt::Display for EgressProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
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
    let io_fault = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it hung up".to_owned(),
            // Look-ups have no kind of their own; their words name no secret.
            io::ErrorKind::Other => error.to_string(),
            kind if kind.to_string() == "uncategorized error" => error.to_string(),
            kind => kind.to_string(),
        };
        Fault::unsent(
            FaultKind::Proxy(ProxyFault::Unreachable),
            format!("No connection through the egress proxy {proxy}: {why}"),
        )
    };
    let refused = |what: String| Fault::unsent(FaultKind::Proxy(ProxyFault::Refused), what);
    let mut stream = TcpStream::connect((proxy.host.as_str(), proxy.port)).await.map_err(io_fault)?;
    stream.set_nodelay(true).map_err(io_fault)?;
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(authorization) = &proxy.authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization.expose_secret());
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.map_err(io_fault)?;

    let mut answer = Vec::with_capacity(256);
    // Byte by byte at the end would be wasteful, but the server behind the tunnel stays silent until we speak:
    // whatever follows the head is not TLS and means a confused proxy.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= MAX_HEAD || answer.windows(4).any(|w| w == b"\r\n\r\n") {
            break;
        }
        if stream.read_buf(&mut answer).await.map_err(io_fault)? == 0 {
            return Err(io_fault(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    match status(&answer) {
        Some(200..=299) if answer.ends_with(b"\r\n\r\n") => Ok(stream),
        // RFC 9110 §15.5.8.
        Some(407) => Err(Fault::unsent(
            FaultKind::Proxy(ProxyFault::AuthRequired),
            match proxy.authorization {
                Some(_) => format!("The egress proxy {proxy} refuses the credentials of https_proxy (407)"),
                None => {
                    format!("The egress proxy {proxy} asks for credentials (407), and https_proxy has none")
                }
            },
        )),
        Some(status @ 300..) => {
            Err(refused(format!("The egress proxy {proxy} refused a tunnel to {host}:{port} ({status})")))
        }
        _ => {
            Err(refused(format!("What the egress proxy {proxy} answers is not the answer of an HTTP proxy")))
        }
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|b| *b == b'\r').next()?;
    let text = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    text.split(' ').nth(1)?.parse().ok()
}
