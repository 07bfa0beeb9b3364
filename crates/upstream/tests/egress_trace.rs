//! S56: with every library logging at its finest level, nothing that we send or get in secret is logged. Over HTTP/2
//! with TLS, as with real providers.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

#[expect(dead_code, reason = "the other tests of the way out use the rest")]
#[path = "wire/support/mod.rs"]
mod support;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use support::{
    Identity, Odd,
    acme::{Acme, CLIENT_SECRET},
};
use time::macros::datetime;
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;
use valetkey_domain::{Credential, ExposeSecret, SecretString, credential::OAuthTokens};
use valetkey_upstream::{
    http::{Egress, EgressSettings, StreamLimits},
    oauth,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A token endpoint and API that speaks HTTP/2 and quotes what it gets.
async fn http2_provider(identity: &Identity) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = identity.acceptor_offering(&["h2"]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
                let service = hyper::service::service_fn(
                    async |request: http::Request<hyper::body::Incoming>| {
                        assert_eq!(request.version(), http::Version::HTTP_2);
                        let quoted = format!("{:?}", request.headers().get("authorization"));
                        let body =
                            String::from_utf8(request.collect().await.unwrap().to_bytes().to_vec()).unwrap();
                        let (status, answer) = if body.contains("refresh_token=") {
                            (
                                400,
                                format!(r#"{{"error":"invalid_grant","error_description":"no: {}"}}"#, body),
                            )
                        } else {
                            (
                                200,
                                format!(
                                    r#"{{"access_token":"at-canary-new-000","refresh_token":"rt-canary-new-000","sub":{quoted:?}}}"#
                                ),
                            )
                        };
                        let answer = http::Response::builder()
                            .status(status)
                            .header("x-echo", "at-canary-echoed-00")
                            .body(Full::new(Bytes::from(answer)));
                        Ok::<_, Infallible>(answer.unwrap())
                    },
                );
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn log_at_trace_level_holds_no_secret() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).init();

    let identity = Identity::new("localhost", Odd::default());
    let port = http2_provider(&identity).await;
    let egress = Egress::new(EgressSettings {
        allow_private: true,
        extra_ca_pem: Some(identity.ca_pem.clone().into_bytes()),
        ..EgressSettings::default()
    })
    .unwrap();
    let mut acme = Acme::new("    userinfo: {url: /me}\n", None);
    acme.overrides.token_url = Some(format!("https://localhost:{port}/token").parse().unwrap());
    acme.overrides.api_base_url = Some(format!("https://localhost:{port}/api").parse().unwrap());
    let now = datetime!(2026-01-01 12:00 UTC);
    let code = SecretString::from("code-canary-00000000");
    let verifier = SecretString::from("verifier-canary-0000");
    let reply = oauth::exchange_code(&egress, &acme.config(), &code, Some(&verifier), &BTreeMap::new(), now)
        .await
        .unwrap();
    let tokens = OAuthTokens { ..reply.tokens };
    assert_eq!(tokens.access_token.expose_secret(), "at-canary-new-000");
    let failure =
        oauth::refresh(&egress, &acme.config(), &tokens, &[], oauth::LIMITS.deadline, now).await.unwrap_err();
    let credential = Credential::OAuth(tokens);
    oauth::identity(&egress, &acme.target(), &credential).await.unwrap();
    let request = http::Request::post(format!("https://localhost:{port}/api/x"))
        .header("authorization", "Bearer at-canary-streamed-0")
        .body(Full::new(Bytes::from_static(b"body-canary-00000000")))
        .unwrap();
    let response = egress.stream(request, StreamLimits::default()).await.unwrap();
    response.into_body().collect().await.unwrap();
    tracing::info!(?failure, ?credential, "what a careless caller might log");

    let written = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(written.contains("h2::") && written.contains("careless"), "the log was not caught");
    let encoded: String = url::form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    for secret in ["canary", CLIENT_SECRET, &encoded] {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
