//! Where the server listens and how it is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::{Host, Url};

use super::{Mode, read::Reader};

/// Port 7077 on loopback.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7077);

/// Where the server listens and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// The address to bind.
    pub(crate) listen: SocketAddr,
    /// Where browsers and callers reach the server; `None` until the port is known.
    pub(crate) public_url: Option<Url>,
    /// Certificate chain and private key, both PEM.
    pub(crate) tls: Option<Tls>,
    /// Whether something in front ends TLS.
    pub(crate) behind_proxy: bool,
}

/// Certificate chain and private key, both PEM.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) certificates: Vec<u8>,
    pub(crate) key: zeroize::Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls([redacted])")
    }
}

impl Network {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let listen = reader.address("listen").unwrap_or(DEFAULT);
        let public_url = public_url(reader);
        let tls = tls(reader);
        let behind_proxy = reader.flag("behind_proxy").unwrap_or(false);
        if reader.mode == Mode::Serve {
            require_protection(reader, listen, tls.is_some(), behind_proxy);
            require_reachable(reader, listen, public_url.as_ref(), tls.is_some(), behind_proxy);
        }
        Self { listen, public_url, tls, behind_proxy }
    }
}

fn public_url(reader: &mut Reader) -> Option<Url> {
    let url = reader.url("public_url", &["https", "http"])?;
    let clean = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if url.host().is_none() || !clean || url.password().is_some() {
        reader.refuse("public_url", "must be scheme, host, port and perhaps a path, and nothing else");
        return None;
    }
    // Browsers keep cookies of plain http to other machines from nobody.
    if url.scheme() == "http" && !is_loopback(&url) {
        reader.refuse("public_url", "must begin with https://, since it is not this machine");
        return None;
    }
    Some(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

fn tls(reader: &mut Reader) -> Option<Tls> {
    let certificates = reader.file("tls_cert");
    let key = reader.file("tls_key");
    match (reader.is_set("tls_cert"), reader.is_set("tls_key")) {
        (true, false) => reader.refuse("tls_key", "is missing beside tls_cert"),
        (false, true) => reader.refuse("tls_cert", "is missing beside tls_key"),
        _ => {}
    }
    let tls = Tls { certificates: certificates?, key: key?.into() };
    if let Err(error) = valetkey_server::server_config(&tls.certificates, &tls.key) {
        let setting = if matches!(error, valetkey_server::TlsError::Key) { "tls_key" } else { "tls_cert" };
        reader.refuse(setting, error);
    }
    Some(tls)
}

/// S58: what other machines can reach speaks TLS, here or in front.
fn require_protection(reader: &mut Reader, listen: SocketAddr, tls: bool, behind_proxy: bool) {
    if !tls && !behind_proxy && !listen.ip().is_loopback() {
        reader.refuse(
            "listen",
            format!(
                "{listen} can be reached from other machines, but there is no TLS: set tls_cert and tls_key, \
                 or listen on 127.0.0.1, or set behind_proxy = true if something in front ends TLS"
            ),
        );
    }
}

fn require_reachable(
    reader: &mut Reader,
    listen: SocketAddr,
    public_url: Option<&Url>,
    tls: bool,
    behind_proxy: bool,
) {
    let Some(url) = public_url else {
        if !reader.is_set("public_url") && (behind_proxy || !listen.ip().is_loopback()) {
            reader.refuse(
                "public_url",
                "is required: the address under which browsers reach this server, such as https://connect.example.com",
            );
        }
        return;
    };
    if tls && url.scheme() != "https" {
        reader.refuse("public_url", "must begin with https://, since tls_cert is set");
    }
    if behind_proxy && url.scheme() != "https" {
        reader
            .refuse("public_url", "must begin with https://, since behind_proxy says that TLS ends in front");
    }
    if !tls && !behind_proxy && url.scheme() == "https" {
        reader.refuse(
            "public_url",
            "begins with https://, but nothing ends TLS: set tls_cert and tls_key, or behind_proxy = true",
        );
    }
}
