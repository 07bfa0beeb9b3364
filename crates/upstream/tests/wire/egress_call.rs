//! What calls may take, and how their failures are told apart: S45, S49, R8, R9.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use crate::support::{Identity, Odd, Server, answer, egress_to, get, limits, read_request, settings_for};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncWriteExt;
use url::Url;
use valetkey_domain::{Error, ErrorCode};
use valetkey_upstream::http::{CallLimits, Egress, EgressSettings, FaultKind, StreamLimits};

fn short() -> CallLimits {
    CallLimits { deadline: Duration::from_millis(400), max_response_bytes: 1 << 20 }
}

#[tokio::test]
async fn call_plain_carries_our_name_and_comes_back_whole() {
    let server =
        Server::http(|_| answer(201, &[("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("X-Y", "z")], "hello"))
            .await;
    let egress = egress_to(&[&server]);
    let mut request = get(server.url("/a?b=c#fragment"));
    request.method = http::Method::POST;
    request.body = Bytes::from_static(b"body");
    request.headers.insert("host", "evil.example".parse().unwrap());
    for _ in 0..3 {
        let response = egress.send(request.clone(), limits()).await.unwrap();
        assert_eq!((response.status.as_u16(), &response.body[..]), (201, &b"hello"[..]));
        assert_eq!(response.header(&http::header::DATE), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    }
    let got = server.last();
    assert_eq!((got.method.as_str(), got.target.as_str(), got.text().as_str()), ("POST", "/a?b=c", "body"));
    assert_eq!(got.header("user-agent"), Some(concat!("valetkey/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(got.header("host"), Some(server.address.to_string().as_str()));
    assert_eq!(server.connections(), 1, "connections are kept");
}

/// S49.
#[tokio::test]
async fn redirect_any_is_not_followed() {
    let elsewhere = Server::http(|_| answer(200, &[], "stolen")).await;
    let location = elsewhere.url("/").to_string();
    let server = Server::http(move |request| {
        let status = request.target[1..].parse().unwrap();
        answer(status, &[("Location", &location)], "")
    })
    .await;
    let egress = egress_to(&[&server, &elsewhere]);
    for status in [301, 302, 303, 307, 308] {
        let url = server.url(&format!("/{status}"));
        let fault = egress.send(get(url.clone()), limits()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Redirected);
        assert_eq!(Error::from(fault).code(), ErrorCode::UpstreamRedirected);
        let raw = egress.send_raw(get(url), limits()).await.unwrap();
        assert_eq!(raw.status.as_u16(), status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// R8: one byte at a time, in the head or in the body, ends at the deadline.
#[tokio::test]
async fn answer_dripping_ends_at_the_deadline() {
    for head in [&b"HTTP/1.1 200 OK\r\n"[..], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
        let server = Server::raw(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(head).await;
            loop {
                let drip: &[u8] = if head.ends_with(b"\r\n\r\n") { b"1\r\nx\r\n" } else { b"x" };
                if stream.write_all(drip).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let egress = egress_to(&[&server]);
        let begun = Instant::now();
        let fault = egress.send(get(server.url("/")), short()).await.unwrap_err();
        assert_eq!((fault.kind, fault.sent), (FaultKind::Timeout, true));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn connection_cut_is_a_reset_that_may_have_been_sent() {
    let in_head = Server::raw(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let in_body = Server::raw(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").await;
    })
    .await;
    for server in [in_head, in_body] {
        let fault = egress_to(&[&server]).send(get(server.url("/")), limits()).await.unwrap_err();
        assert_eq!((fault.kind, fault.sent), (FaultKind::Reset, true));
        let error = Error::from(fault);
        assert_eq!(error.code(), ErrorCode::UpstreamUnreachable);
        // It was reached: what is said must not deny it, since the call may have had its effect.
        assert!(!error.details().message.contains("could not be reached"), "{}", error.details().message);
        assert!(error.details().message.contains("broke before the answer"), "{}", error.details().message);
    }
}

#[tokio::test]
async fn port_closed_is_refused_and_not_sent() {
    let server = Server::http(|_| answer(200, &[], "")).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let settings = EgressSettings { allow: vec![address], ..settings_for(&[&server]) };
    let url: Url = format!("http://{address}/").parse().unwrap();
    let fault = Egress::new(settings).unwrap().send(get(url), limits()).await.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Refused, false));
}

#[tokio::test]
async fn handshake_hanging_is_a_connect_timeout() {
    let server = Server::raw(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let settings = EgressSettings { connect_timeout: Duration::from_millis(200), ..settings_for(&[&server]) };
    let url: Url = format!("https://{}/", server.address).parse().unwrap();
    let egress = Egress::new(settings).unwrap();
    let fault = egress.send(get(url.clone()), limits()).await.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::ConnectTimeout, false));
    // The call's own deadline may come first; nothing was sent then either.
    let limits = CallLimits { deadline: Duration::from_millis(50), ..limits() };
    let fault = egress.send(get(url), limits).await.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::ConnectTimeout, false));
}

#[tokio::test]
async fn answer_not_http_is_invalid() {
    for bytes in
        [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n"]
    {
        let server = Server::raw(move |mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(bytes).await;
            // Held open until the client has judged.
            tokio::time::sleep(Duration::from_secs(5)).await;
        })
        .await;
        let fault = egress_to(&[&server]).send(get(server.url("/")), limits()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Invalid, "{fault:?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// S45, R9: bounded before and after decompression, announced or not.
#[tokio::test]
async fn body_too_large_is_cut_off_however_it_comes() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    let server = Server::http(move |request| match request.target.as_str() {
        "/bomb" => answer(200, &[("Content-Encoding", "gzip")], &bomb),
        "/announced" => b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n".to_vec(),
        "/chunked" => {
            let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for _ in 0..200 {
                bytes.extend_from_slice(b"4000\r\n");
                bytes.extend_from_slice(&[b'x'; 0x4000]);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes
        }
        _ => answer(200, &[], vec![b'x'; (1 << 20) + 1]),
    })
    .await;
    let egress = egress_to(&[&server]);
    for path in ["/bomb", "/announced", "/chunked", "/one-more"] {
        let fault = egress.send(get(server.url(path)), limits()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooLarge, "{path}");
        assert_eq!(Error::from(fault).code(), ErrorCode::UpstreamResponseTooLarge);
    }
}

#[tokio::test]
async fn body_packed_comes_unpacked() {
    let packed = gzip(b"{\"a\":1}");
    let server = Server::http(move |request| match request.target.as_str() {
        "/good" => answer(200, &[("Content-Encoding", "GZIP")], &packed),
        "/broken" => answer(200, &[("Content-Encoding", "gzip")], "not gzip"),
        "/unasked" => answer(200, &[("Content-Encoding", "zstd")], "???"),
        _ => answer(204, &[("Content-Encoding", "gzip")], ""),
    })
    .await;
    let egress = egress_to(&[&server]);
    let response = egress.send(get(server.url("/good")), limits()).await.unwrap();
    assert_eq!(&response.body[..], b"{\"a\":1}");
    assert!(!response.headers.contains_key("content-encoding"));
    assert_eq!(server.last().header("accept-encoding"), Some("gzip"));
    assert!(egress.send(get(server.url("/empty")), limits()).await.unwrap().body.is_empty());
    for path in ["/broken", "/unasked"] {
        let fault = egress.send(get(server.url(path)), limits()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Invalid, "{path}");
    }
}

#[tokio::test]
async fn certificate_of_extra_authority_is_trusted() {
    let identity = Identity::new("localhost", Odd::default());
    let ca = identity.ca_pem.clone().into_bytes();
    let server = Server::https(identity, |_| answer(200, &[], "trusted")).await;
    let settings = EgressSettings { extra_ca_pem: Some(ca), ..settings_for(&[&server]) };
    let url: Url = format!("https://localhost:{}/", server.address.port()).parse().unwrap();
    let response = Egress::new(settings).unwrap().send(get(url), limits()).await.unwrap();
    assert_eq!(&response.body[..], b"trusted");
}

#[test]
fn ca_file_unusable_names_the_setting() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let settings = EgressSettings { extra_ca_pem: Some(pem.into()), ..EgressSettings::default() };
        let error = Egress::new(settings).err().unwrap();
        assert_eq!(error.details().fields[0].field, "upstream_ca_file", "{pem}");
    }
}

fn streamed(url: &Url, body: &'static str) -> http::Request<Full<Bytes>> {
    http::Request::post(url.as_str()).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

#[tokio::test]
async fn stream_passes_bodies_both_ways_and_hands_on_redirects() {
    let server =
        Server::http(|request| answer(302, &[("Location", "https://x.example/")], &request.body)).await;
    let response = egress_to(&[&server])
        .stream(streamed(&server.url("/"), "ping"), StreamLimits::default())
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 302);
    assert_eq!(&response.into_body().collect().await.unwrap().to_bytes()[..], b"ping");
    assert_eq!(server.last().header("content-length"), Some("4"));
}

#[tokio::test]
async fn stream_beyond_its_limits_ends_with_a_fault() {
    let server = Server::raw(|mut stream| async move {
        let Some(request) = read_request(&mut stream).await else { return };
        if request.target == "/silent-head" {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        let _ =
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
        if request.target == "/silent" {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        while stream.write_all(b"5\r\nhello\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let egress = egress_to(&[&server]);
    let limits = StreamLimits {
        head_deadline: Duration::from_millis(300),
        deadline: None,
        idle: Duration::from_millis(300),
        max_response_bytes: 50,
    };
    let head = egress.stream(streamed(&server.url("/silent-head"), ""), limits).await.err().unwrap();
    assert_eq!((head.kind, head.sent), (FaultKind::Timeout, true));
    for (path, limits, expected) in [
        ("/silent", limits, FaultKind::Timeout),
        ("/endless", limits, FaultKind::TooLarge),
        (
            "/endless",
            StreamLimits { deadline: Some(Duration::from_millis(100)), ..limits },
            FaultKind::Timeout,
        ),
    ] {
        let response = egress.stream(streamed(&server.url(path), ""), limits).await.unwrap();
        let fault = response.into_body().collect().await.unwrap_err();
        assert_eq!(fault.kind, expected, "{path}");
    }
}
