//! Proxied calls stay where they belong: S46, S50, S51.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

use std::{collections::BTreeSet, time::Duration};

use crate::support::{Server, answer, egress_to, read_request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use tokio::io::AsyncWriteExt;
use url::Url;
use valetkey_domain::{ErrorCode, SecretString};
use valetkey_upstream::{http::StreamLimits, proxy};

const TOKEN: &str = "at-canary-0123456789.abcdef";

fn base() -> Url {
    "https://api.acme.example:8443/v1".parse().unwrap()
}

/// Paths that some parser, proxy or server takes for another place.
fn confusions() -> BTreeSet<String> {
    let hosts = [
        "evil.example",
        "evil.example:8443",
        "169.254.169.254",
        "localhost",
        "api.acme.example.evil.example",
    ];
    let mut all = BTreeSet::new();
    for host in hosts {
        for form in [
            "https://H/x",
            "http://H/x",
            "HTTPS://H/x",
            "https:/H/x",
            "https:H/x",
            "https:\\\\H/x",
            "//H/x",
            "///H/x",
            "////H/x",
            "/\\H/x",
            "\\/H/x",
            "\\\\H\\x",
            "/%5cH/x",
            "/%2f/H/x",
            "//H%2f..",
            "@H/x",
            "/@H//x",
            ":80@H/x",
            ".H/x",
            "-H/x",
            "%40H/x",
            "%2eH/x",
            "%00H/x",
            "#@H/x",
            "/#@H/x",
            "?@H/x",
            "/?@H/x",
            ";@H/x",
            "/..//H/x",
            "/../H/../x",
            "/..;/H/x",
            "/.;/H",
            "/%2e%2e/H/x",
            "/.%2e/H",
            "/%2E./H",
            "/%252e%252e/H",
            "/%25252e%25252e/H",
            "/..%2fH",
            "/..%5cH",
            "/%2e%2e%2fH",
            "/a/%2e%2e/%2e%2e/H",
            "/a/..%00/H",
            "/\tH",
            "/\nH",
            "/\r\nHost: H",
            "/x HTTP/1.1\r\nHost: H\r\n\r\n",
            "/%0d%0aHost:%20H",
            "/%0aH",
            "/%00H",
            "/%c0%ae%c0%ae/H",
            "/%c0%afH",
            "/%e0%80%ae/H",
            "/%u002e%u002e/H",
            "/%/H",
            "/%2/H",
            "/%zz/H",
            "/．．/H",
            "/%ef%bc%8e%ef%bc%8e/H",
            "/‥/H",
            "/%e2%80%a5/H",
            "/..／H",
            "/%2e%2e%ef%bc%8fH",
            " /H",
            "/ H",
            "\u{feff}/H",
            "/\u{202e}/H",
            "wss://H/x",
            "file://H/x",
            "javascript:alert(1)//H",
            "data:,H",
            "gopher://H",
            "/./H",
            "/%2e/H",
        ] {
            all.insert(form.replace('H', host));
        }
    }
    all
}

/// S46: of ≥ 300 confusions none leaves scheme, host, port and path of the base.
#[test]
fn path_confusing_never_leaves_the_base() {
    let confusions = confusions();
    assert!(confusions.len() >= 300, "{}", confusions.len());
    let mut refused = 0;
    for path in &confusions {
        for query in [None, Some("x=https://evil.example/")] {
            match proxy::url(&base(), path, query) {
                Ok(url) => {
                    assert_eq!(
                        (url.scheme(), url.host_str(), url.port()),
                        ("https", Some("api.acme.example"), Some(8443)),
                        "{path}"
                    );
                    assert!(url.path().starts_with("/v1/"), "{path} -> {url}");
                    assert!(url.username().is_empty() && url.password().is_none(), "{path}");
                }
                Err(error) => {
                    assert_eq!(error.code(), ErrorCode::ProxyPathInvalid, "{path}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > confusions.len(), "{refused}");
}

/// S46, on the wire: a canary beside the API gets no connection.
#[tokio::test]
async fn path_confusing_reaches_no_foreign_host() {
    let foreign = Server::http(|_| answer(200, &[], "")).await;
    let api = Server::http(|_| answer(200, &[], "")).await;
    let egress = egress_to(&[&api, &foreign]);
    let (base, evil) = (api.url("/v1"), foreign.address.to_string());
    for path in confusions() {
        let Ok(url) = proxy::url(&base, &path.replace("evil.example", &evil), None) else { continue };
        let mut request = http::Request::get(url.as_str()).body(Full::new(Bytes::new())).unwrap();
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer canary"));
        egress.stream(request, StreamLimits::default()).await.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(foreign.connections(), 0);
    assert!(api.received().iter().all(|request| request.target.starts_with("/v1/")));
}

#[test]
fn path_honest_is_kept_as_written() {
    for (path, query, expected) in [
        ("/users/me", None, "https://api.acme.example:8443/v1/users/me"),
        ("/users/me/", Some("a=b&c=%20d"), "https://api.acme.example:8443/v1/users/me/?a=b&c=%20d"),
        ("/a%2Fb/c%20d", None, "https://api.acme.example:8443/v1/a%2Fb/c%20d"),
        (
            "/sites/https%3A%2F%2Fx.example%2F/q",
            None,
            "https://api.acme.example:8443/v1/sites/https%3A%2F%2Fx.example%2F/q",
        ),
        (
            "/users/a@b.c:send",
            Some("u=http://x/?y"),
            "https://api.acme.example:8443/v1/users/a@b.c:send?u=http://x/?y",
        ),
        (
            "/drive/root:/a.b/..c:/content",
            None,
            "https://api.acme.example:8443/v1/drive/root:/a.b/..c:/content",
        ),
        ("/100%25", None, "https://api.acme.example:8443/v1/100%25"),
        ("/", None, "https://api.acme.example:8443/v1/"),
        ("", None, "https://api.acme.example:8443/v1"),
    ] {
        assert_eq!(proxy::url(&base(), path, query).unwrap().as_str(), expected, "{path}");
    }
    let bare: Url = "https://api.acme.example".parse().unwrap();
    assert_eq!(proxy::url(&bare, "/x", None).unwrap().as_str(), "https://api.acme.example/x");
}

#[test]
fn query_with_forbidden_characters_is_refused() {
    for query in ["a b", "a\r\nb", "a\0", "a#b", "ü"] {
        assert!(proxy::url(&base(), "/x", Some(query)).is_err(), "{query}");
    }
    assert!(proxy::url(&base(), &"/x".repeat(20_000), None).is_err());
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).fold(
        HeaderMap::new(),
        |mut map, (name, value)| {
            map.append(name, value);
            map
        },
    )
}

/// S50.
#[test]
fn request_headers_private_or_of_one_leg_are_stripped() {
    let kept = [
        ("accept", "application/json"),
        ("content-type", "text/plain"),
        ("x-custom", "1"),
        ("if-match", "e"),
    ];
    let mut all = kept.to_vec();
    all.extend([
        ("connection", "keep-alive, X-Secret-Hop, close"),
        ("x-secret-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "x"),
        ("proxy-authorization", "x"),
        ("proxy-connection", "x"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("http2-settings", "x"),
        ("authorization", "Bearer ours"),
        ("cookie", "session=ours"),
        ("host", "evil.example"),
        ("content-length", "5"),
        ("forwarded", "for=1.2.3.4"),
        ("via", "1.1 x"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-host", "x"),
        ("x-forwarded-proto", "http"),
        ("x-real-ip", "1.2.3.4"),
        ("connection_name", "gmail"),
        ("connection-name", "gmail"),
        ("x-connection-name", "gmail"),
        ("x_connection_name", "gmail"),
        ("identifier", "user_1"),
        ("x-identifier", "user_1"),
        ("connected_account_id", "ca_1"),
        ("x-connected-account-id", "ca_1"),
        ("account-name", "work"),
        ("x-account_name", "work"),
        ("organization_id", "org_1"),
        ("x-user-id", "u_1"),
        ("x-valetkey-request-id", "1"),
        ("expect", "100-continue"),
        ("x-original-url", "/admin"),
        ("x-rewrite-url", "/"),
    ]);
    let mut outgoing = proxy::request_headers(&headers(&all));
    assert_eq!(outgoing.remove("accept-encoding").unwrap(), "identity");
    assert_eq!(outgoing, headers(&kept));
}

/// S51.
#[test]
fn response_headers_not_the_callers_are_stripped_and_echoes_masked() {
    let mut found = headers(&[
        ("content-type", "text/plain"),
        ("set-cookie", "a=b"),
        ("set-cookie", "c=d"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("alt-svc", "h3"),
        ("access-control-allow-origin", "*"),
        ("x-echo", "Bearer at-canary-0123456789.abcdef"),
        ("etag", "e"),
    ]);
    proxy::clean_response_headers(&mut found, &[&SecretString::from(TOKEN)]);
    let expected = headers(&[("content-type", "text/plain"), ("x-echo", "[redacted]"), ("etag", "e")]);
    assert_eq!(found, expected);
}

/// S51, on the wire: the marker is masked in headers and body, cut in two or not, and the length stays true.
#[tokio::test]
async fn response_echoing_the_bearer_is_masked() {
    let server = Server::raw(|mut stream| async move {
        while let Some(request) = read_request(&mut stream).await {
            let bearer = request.header("authorization").unwrap().to_owned();
            let (head, tail) = bearer.split_at(bearer.len() / 2);
            let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
            let start = format!("HTTP/1.1 200 OK\r\nX-Echo: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in [
                start,
                chunk(&format!("{{\"a\":\"{bearer}\",\"b\":\"{head}")),
                chunk(tail),
                chunk("\"}"),
                chunk(""),
            ] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    })
    .await;
    let request = http::Request::get(server.url("/").as_str())
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Full::new(Bytes::new()))
        .unwrap();
    let response = egress_to(&[&server]).stream(request, StreamLimits::default()).await.unwrap();
    let response = proxy::clean_response(response, &[&SecretString::from(TOKEN)]);
    assert_eq!(response.headers()["x-echo"], "[redacted]");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let stars = "*".repeat(TOKEN.len());
    assert_eq!(body, format!("{{\"a\":\"Bearer {stars}\",\"b\":\"Bearer {stars}\"}}"));
}

/// S50: whatever length the caller claims, one request goes out, framed once and true to its body.
#[tokio::test]
async fn request_claiming_another_length_is_framed_anew() {
    let server = Server::http(|_| answer(200, &[], "")).await;
    for claims in [
        &[("content-length", "0")][..],
        &[("content-length", "100"), ("transfer-encoding", "chunked")],
        &[("transfer-encoding", "chunked, identity")],
        &[("transfer-encoding", "xchunked")],
    ] {
        let mut request = http::Request::post(server.url("/x").as_str())
            .body(Full::new(Bytes::from_static(b"GET /smuggled HTTP/1.1\r\n\r\n")))
            .unwrap();
        *request.headers_mut() = proxy::request_headers(&headers(claims));
        let response = egress_to(&[&server]).stream(request, StreamLimits::default()).await.unwrap();
        response.into_body().collect().await.unwrap();
        let got = server.last();
        assert_eq!(got.target, "/x");
        assert_eq!((got.header("content-length"), got.header("transfer-encoding")), (Some("26"), None));
    }
    assert!(server.received().iter().all(|request| request.target == "/x"));
}
