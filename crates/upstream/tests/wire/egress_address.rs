//! Where calls may go: S47, S48, S52.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::{Server, answer, egress_to, get, limits, read_request, settings_for};
use bytes::Bytes;
use http_body_util::Full;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use url::Url;
use valetkey_upstream::http::{Egress, EgressSettings, FaultKind, Resolver, StreamLimits};

/// A listener on every local address: whatever reaches this machine at this port is counted.
async fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = match tokio::net::TcpListener::bind("[::]:0").await {
        Ok(listener) => listener,
        Err(_) => tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap(),
    };
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, connections)
}

/// Every way to write special addresses that comes to mind.
fn spellings() -> BTreeSet<String> {
    let special = [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.254",
        "100.64.0.1",
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.254",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.254",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
    ];
    let mut all = BTreeSet::new();
    for text in special {
        let ip: Ipv4Addr = text.parse().unwrap();
        let [a, b, c, d] = ip.octets();
        let bits = ip.to_bits();
        let (high, low) = (bits >> 16, bits & 0xffff);
        all.extend([
            text.to_owned(),
            format!("{text}."),
            format!("{bits}"),
            format!("0x{bits:x}"),
            format!("0X{bits:X}"),
            format!("0{bits:o}"),
            format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
            format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
            format!("{a}.{b}.{}", bits & 0xffff),
            format!("{a}.{}", bits & 0xff_ffff),
            format!("000{a:o}.{b}.{c}.{d}"),
            format!("{a}%2e{b}%2E{c}.{d}"),
            format!("{a}。{b}。{c}。{d}"),
            format!("[::ffff:{text}]"),
            format!("[::ffff:{high:x}:{low:x}]"),
            format!("[0:0:0:0:0:ffff:{high:x}:{low:x}]"),
            format!("[::{text}]"),
            format!("[::ffff:0:{text}]"),
            format!("[64:ff9b::{text}]"),
            format!("[64:ff9b:1::{high:x}:{low:x}]"),
            format!("[2002:{high:x}:{low:x}::1]"),
            format!("[2001:0:{high:x}:{low:x}::1]"),
        ]);
    }
    all.extend(
        [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "０x7f.1",
            "１２７.0.0.1",
            "①②⑦.0.0.1",
            "0",
            "00",
            "0x0",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[0000::0001]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[ff05::2]",
            "[100::1]",
            "[2001:db8::1]",
            "[2001:2::1]",
            "[2001:10::1]",
            "[3fff::1]",
            "[5f00::1]",
            "[64:ff9b::1]",
            "[2620:4f:8000::1]",
            "[4000::1]",
            "[::2]",
        ]
        .map(str::to_owned),
    );
    all
}

/// S48: over both doors, in both schemes, none of ≥ 120 spellings gets a connection.
#[tokio::test]
async fn address_special_in_any_spelling_is_never_dialled() {
    let (port, connections) = canary().await;
    let egress = Egress::new(EgressSettings {
        connect_timeout: Duration::from_secs(2),
        // Another port of the same machine is open: that must not help.
        allow: vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port.wrapping_add(1))],
        ..EgressSettings::default()
    })
    .unwrap();
    let spellings = spellings();
    assert!(spellings.len() >= 120, "{}", spellings.len());
    for host in &spellings {
        for scheme in ["https", "http"] {
            let text = format!("{scheme}://{host}:{port}/");
            if let Ok(url) = Url::parse(&text) {
                let fault = egress.send(get(url), limits()).await.unwrap_err();
                assert_eq!(fault.kind, FaultKind::Blocked, "{text}: {fault}");
                assert!(!fault.sent, "{text}");
            }
            // The door of the proxy takes URIs that nobody has normalised.
            if let Ok(uri) = text.parse::<http::Uri>() {
                let request = http::Request::get(uri).body(Full::new(Bytes::new())).unwrap();
                let fault = egress.stream(request, StreamLimits::default()).await.err().unwrap();
                assert!(matches!(fault.kind, FaultKind::Blocked | FaultKind::Dns), "{text}: {fault:?}");
            }
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

/// First a public address, then a private one, then both.
struct Flipping(AtomicUsize);

#[async_trait::async_trait]
impl Resolver for Flipping {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let public: IpAddr = "2d00::1".parse().unwrap(); // unallocated
        let private: IpAddr = "127.0.0.2".parse().unwrap();
        Ok(match self.0.fetch_add(1, Ordering::SeqCst) % 3 {
            0 => vec![public],
            1 => vec![private],
            _ => vec![public, private],
        })
    }
}

/// S47: 1,000 tries against a name that changes its mind; one look-up each, no connection.
#[tokio::test]
async fn name_flipping_to_loopback_is_never_dialled() {
    let (port, connections) = canary().await;
    let resolver = Arc::new(Flipping(AtomicUsize::new(0)));
    let settings =
        EgressSettings { connect_timeout: Duration::from_millis(100), ..EgressSettings::default() };
    let egress = Egress::with_resolver(settings, resolver.clone()).unwrap();
    let calls = (0..1000).map(|n| {
        let egress = egress.clone();
        async move {
            let url = format!("https://rebind-{n}.example:{port}/").parse().unwrap();
            egress.send(get(url), limits()).await.unwrap_err()
        }
    });
    let faults = futures::future::join_all(calls).await;
    assert!(faults.iter().all(|fault| !fault.sent));
    let blocked = faults.iter().filter(|fault| fault.kind == FaultKind::Blocked).count();
    assert_eq!(blocked, 333);
    assert_eq!(resolver.0.load(Ordering::SeqCst), 1000);
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

pub(crate) struct Fixed(pub(crate) Vec<IpAddr>);

#[async_trait::async_trait]
impl Resolver for Fixed {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        if self.0.is_empty() { Err(io::Error::other("no such name")) } else { Ok(self.0.clone()) }
    }
}

/// S52.
#[tokio::test]
async fn entry_allowed_opens_its_port_and_no_other() {
    let open = Server::http(|_| answer(200, &[], "ok")).await;
    let closed = Server::http(|_| answer(200, &[], "ok")).await;
    let resolver = Arc::new(Fixed(vec![Ipv4Addr::LOCALHOST.into()]));
    let egress = Egress::with_resolver(settings_for(&[&open]), resolver).unwrap();
    for host in ["127.0.0.1", "internal.example"] {
        let url = |server: &Server| format!("http://{host}:{}/", server.address.port()).parse().unwrap();
        let response = egress.send(get(url(&open)), limits()).await.unwrap();
        assert_eq!(&response.body[..], b"ok");
        let fault = egress.send(get(url(&closed)), limits()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Blocked, "{host}");
    }
    assert_eq!(closed.connections(), 0);
}

/// S52.
#[tokio::test]
async fn private_upstreams_allowed_opens_loopback_but_not_link_local() {
    let server = Server::http(|_| answer(200, &[], "ok")).await;
    let settings = EgressSettings { allow_private: true, ..EgressSettings::default() };
    let egress = Egress::new(settings).unwrap();
    assert!(egress.send(get(server.url("/")), limits()).await.is_ok());
    let metadata = get("http://169.254.169.254/latest".parse().unwrap());
    assert_eq!(egress.send(metadata, limits()).await.unwrap_err().kind, FaultKind::Blocked);
}

#[tokio::test]
async fn plain_http_to_public_address_is_refused() {
    let egress = Egress::with_resolver(
        EgressSettings { allow_private: true, ..EgressSettings::default() },
        Arc::new(Fixed(vec!["8.8.8.8".parse().unwrap()])),
    )
    .unwrap();
    let fault = egress.send(get("http://api.example/".parse().unwrap()), limits()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Blocked);
    assert!(fault.detail.contains("https"), "{fault}");
}

#[tokio::test]
async fn url_unfit_to_send_is_refused() {
    let server = Server::http(|_| answer(200, &[], "ok")).await;
    let egress = egress_to(&[&server]);
    let port = server.address.port();
    for text in [
        "ftp://127.0.0.1/".to_owned(),
        "file:///etc/passwd".into(),
        "unix:/run/x.sock".into(),
        "data:text/plain,x".into(),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://user:pass@127.0.0.1:{port}/"),
    ] {
        let fault = egress.send(get(text.parse().unwrap()), limits()).await.unwrap_err();
        assert_eq!((fault.kind, fault.sent), (FaultKind::Request, false), "{text}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn name_without_address_is_a_dns_fault() {
    let egress = Egress::with_resolver(EgressSettings::default(), Arc::new(Fixed(Vec::new()))).unwrap();
    let fault = egress.send(get("https://nowhere.example/".parse().unwrap()), limits()).await.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Dns, false));
}

/// A CONNECT proxy that resolves every name to `target`.
pub(crate) async fn connect_proxy(
    target: SocketAddr,
    status: u16,
) -> (Server, Arc<std::sync::Mutex<Vec<crate::support::Received>>>) {
    let seen: Arc<std::sync::Mutex<Vec<crate::support::Received>>> = Arc::default();
    let log = seen.clone();
    let server = Server::raw(move |mut stream| {
        let log = log.clone();
        async move {
            let Some(request) = read_request(&mut stream).await else { return };
            log.lock().unwrap().push(request);
            if status != 200 {
                let refusal = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(refusal.as_bytes()).await;
                return;
            }
            let mut upstream = tokio::net::TcpStream::connect(target).await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await;
            let _ = copy_bidirectional(&mut stream, &mut upstream).await;
        }
    })
    .await;
    (server, seen)
}

/// S52: names go through the tunnel, TLS is end to end, and literal special addresses are refused all the same.
#[tokio::test]
async fn call_through_connect_proxy_is_tunnelled() {
    let identity = crate::support::Identity::new("api.example", crate::support::Odd::default());
    let ca = identity.ca_pem.clone().into_bytes();
    let upstream = Server::https(identity, |_| answer(200, &[], "through")).await;
    let (proxy, seen) = connect_proxy(upstream.address, 200).await;
    let settings = EgressSettings {
        https_proxy: Some(format!("http://us%40er:pa%3Ass@{}", proxy.address).parse().unwrap()),
        extra_ca_pem: Some(ca),
        ..EgressSettings::default()
    };
    let egress = Egress::with_resolver(settings, Arc::new(Fixed(Vec::new()))).unwrap();
    let response = egress.send(get("https://api.example/x".parse().unwrap()), limits()).await.unwrap();
    assert_eq!(&response.body[..], b"through");
    assert_eq!(upstream.last().target, "/x");
    {
        let seen = seen.lock().unwrap();
        assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("CONNECT", "api.example:443"));
        assert_eq!(seen[0].header("proxy-authorization"), Some("Basic dXNAZXI6cGE6c3M="));
    }
    assert!(upstream.last().header("proxy-authorization").is_none());

    for host in [
        "127.0.0.1",
        "169.254.169.254",
        "[::1]",
        "2130706433",
        "localhost",
        "x.localhost",
        "[::ffff:10.0.0.1]",
    ] {
        let fault =
            egress.send(get(format!("https://{host}/").parse().unwrap()), limits()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Blocked, "{host}");
    }
    assert_eq!(proxy.connections(), 1);
}

/// What `no_proxy` names is dialled directly, and vetted here as without a proxy; everything else goes on through it.
#[tokio::test]
async fn call_to_a_host_of_no_proxy_leaves_the_proxy_alone() {
    let identity = crate::support::Identity::new("api.example", crate::support::Odd::default());
    let ca = identity.ca_pem.clone().into_bytes();
    let upstream = Server::https(identity, |_| answer(200, &[], "answered")).await;
    let (proxy, seen) = connect_proxy(upstream.address, 200).await;
    let port = upstream.address.port();
    let egress = |no_proxy: &[&str], allow: Vec<SocketAddr>| {
        let settings = EgressSettings {
            https_proxy: Some(format!("http://{}", proxy.address).parse().unwrap()),
            no_proxy: no_proxy.iter().map(|entry| entry.parse().unwrap()).collect(),
            extra_ca_pem: Some(ca.clone()),
            allow,
            ..EgressSettings::default()
        };
        Egress::with_resolver(settings, Arc::new(Fixed(vec!["127.0.0.1".parse().unwrap()]))).unwrap()
    };
    let url: url::Url = format!("https://api.example:{port}/x").parse().unwrap();
    let through = async |egress: &Egress| {
        let answered = egress.send(get(url.clone()), limits()).await.unwrap();
        assert_eq!(&answered.body[..], b"answered");
        seen.lock().unwrap().len()
    };
    let open = vec![upstream.address];
    for entry in ["api.example", "example", ".example", "*", &format!("api.example:{port}")] {
        let egress = egress(&["10.0.0.0/8", entry], open.clone());
        assert_eq!(through(&egress).await, 0, "{entry}");
        assert_eq!(egress.proxy_for(&url), None, "{entry}");
    }
    // The address of a name is nobody's business here.
    for (count, entry) in ["127.0.0.0/8", "api.example:1", "other.example"].into_iter().enumerate() {
        let egress = egress(&[entry], open.clone());
        assert_eq!(through(&egress).await, count + 1, "{entry}");
        assert_eq!(egress.proxy_for(&url), Some(proxy.address.to_string()), "{entry}");
    }
    // S47: to be reached directly is not to be open.
    let fault = egress(&["*"], Vec::new()).send(get(url.clone()), limits()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Blocked);
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[test]
fn proxy_url_unusable_names_the_setting() {
    for text in ["socks5://127.0.0.1:1080", "https://proxy.example"] {
        let settings =
            EgressSettings { https_proxy: Some(text.parse().unwrap()), ..EgressSettings::default() };
        let error = Egress::new(settings).err().unwrap();
        assert_eq!(error.details().fields[0].field, "https_proxy", "{text}");
    }
}
