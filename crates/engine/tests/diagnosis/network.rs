//! The way to the provider: sockets, proxies, TLS, time, and our own queue before all of it.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use valetkey_domain::{
    Clock as _, Error, ErrorCode, SystemClock,
    catalogue::{Actor, RemedyAction},
    diagnosis::EvidenceKind,
};
use valetkey_engine::{ConnectionUpdate, Engine};
use valetkey_testkit::fake_provider::Scripted;
use valetkey_upstream::http::{Egress, EgressSettings, Resolver};

use crate::*;

/// Long enough on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// An authority and a server below it, which shows this certificate to whoever comes.
struct Shown {
    port: u16,
    ca_pem: String,
}

impl Shown {
    async fn start(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "Example Corp Inspection CA");
        let issuer = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(acceptor.accept(stream));
            }
        });
        Self { port, ca_pem: issuer.pem() }
    }

    fn trusted(&self) -> EgressSettings {
        EgressSettings { extra_ca_pem: Some(self.ca_pem.clone().into_bytes()), ..open() }
    }
}

fn open() -> EgressSettings {
    EgressSettings { allow_private: true, ..EgressSettings::default() }
}

/// An egress proxy that answers every request for a tunnel like this.
async fn proxy(answer: &'static str) -> EgressSettings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                let mut piece = [0; 1024];
                while !asked.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => asked.extend_from_slice(&piece[..read]),
                    }
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    EgressSettings { https_proxy: Some(format!("http://{address}").parse().unwrap()), ..open() }
}

struct Silent;

#[async_trait::async_trait]
impl Resolver for Silent {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Leads the connection's API there.
async fn leads_to(fixture: &EngineFixture, api: &str) {
    let mut overrides = fixture.overrides();
    overrides.api_base_url = Some(api.parse().unwrap());
    let update = ConnectionUpdate { overrides: Some(overrides), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "limits", update).await.unwrap();
}

async fn fails_through(fixture: &EngineFixture, engine: &Engine) -> Error {
    let call = ExecuteTool::new(AccountRef::named("limits", "user_1"), "limits_get_profile", json!({}));
    engine.execute_tool(&fixture.caller, ExecuteTool { deadline: Some(PATIENCE), ..call }).await.unwrap_err()
}

/// What is found about the call and about its account, and what the failing call itself carried.
async fn is_told(fixture: &EngineFixture, failure: &Error, code: ErrorCode, actor: Actor) -> Finding {
    assert_eq!(failure.code(), code, "{failure:?}");
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.code, short.actor), (code, actor));
    let id = failure.details().execution.clone().unwrap().to_string();
    let diagnosis =
        diagnose_with(fixture, &DiagnosisOf::Execution(id.clone()), DiagnosisOptions::default()).await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, code).clone();
    assert_eq!(finding.actor, actor);
    rests_on(&finding, EvidenceKind::Execution, &id);
    let of_account = diagnose(fixture, "limits", "user_1").await;
    is_degraded(&of_account);
    first(&of_account, code);
    finding
}

#[tokio::test]
async fn certificates_out_of_their_time_are_told_with_their_dates() {
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 5, 1);
    let early = |params: &mut CertificateParams| {
        params.not_before = SystemClock.now() + time::Duration::days(20);
    };
    let both: [(fn(&mut CertificateParams), _, _, _); 2] = [
        (expired, ErrorCode::UpstreamTlsExpired, "valid until 2020-05-01", "renew its certificate"),
        (early, ErrorCode::UpstreamTlsNotYetValid, "not valid yet", "clock"),
    ];
    for (change, code, words, remedy) in both {
        let fixture = authorized("limits").await;
        let shown = Shown::start("localhost", change).await;
        leads_to(&fixture, &format!("https://localhost:{}/api", shown.port)).await;
        let engine = fixture.engine_behind(Egress::new(shown.trusted()).unwrap()).await;
        let failure = fails_through(&fixture, &engine).await;
        let finding = is_told(&fixture, &failure, code, Actor::Operator).await;
        rests_on(&finding, EvidenceKind::Network, words);
        assert_eq!(finding.remedies[0].action, RemedyAction::CheckNetwork);
        assert!(todo(&finding).contains(remedy), "{}", todo(&finding));
    }
}

/// A proxy that inspects TLS signs with an authority of its own: its name tells at once whose it is.
#[tokio::test]
async fn certificate_of_an_unknown_authority_is_told_with_its_name() {
    let fixture = authorized("limits").await;
    let shown = Shown::start("localhost", |_| {}).await;
    leads_to(&fixture, &format!("https://localhost:{}/api", shown.port)).await;
    let engine = fixture.engine_behind(Egress::new(open()).unwrap()).await;
    let failure = fails_through(&fixture, &engine).await;
    let finding = is_told(&fixture, &failure, ErrorCode::UpstreamTlsUnknownIssuer, Actor::Operator).await;
    rests_on(&finding, EvidenceKind::Network, "Example Corp Inspection CA");
    rests_on(&finding, EvidenceKind::Network, "proxy in between that inspects TLS");
    assert_eq!(finding.remedies[0].action, RemedyAction::ConfigureServer);
    assert!(todo(&finding).contains("upstream_ca_file"), "{}", todo(&finding));
    let short = failure.details().diagnosis.clone().unwrap();
    assert!(short.summary.contains("Example Corp Inspection CA"), "{}", short.summary);
}

#[tokio::test]
async fn certificate_for_another_host_is_told_with_both_names() {
    let fixture = authorized("limits").await;
    let shown = Shown::start("other.example", |_| {}).await;
    leads_to(&fixture, &format!("https://localhost:{}/api", shown.port)).await;
    let engine = fixture.engine_behind(Egress::new(shown.trusted()).unwrap()).await;
    let failure = fails_through(&fixture, &engine).await;
    let finding = is_told(&fixture, &failure, ErrorCode::UpstreamTlsHostMismatch, Actor::Operator).await;
    rests_on(&finding, EvidenceKind::Network, "not for localhost but for other.example");
    assert_eq!(finding.remedies[0].action, RemedyAction::ConfigureConnection);
    assert!(todo(&finding).contains("overrides"), "{}", todo(&finding));
}

/// The dates in the provider's answers show that it is our clock that is wrong, not its certificate.
#[tokio::test]
async fn certificate_that_only_our_clock_finds_too_early_is_our_clocks_fault() {
    let fixture = authorized("limits").await;
    let shown = Shown::start("localhost", |params| {
        params.not_before = SystemClock.now() + time::Duration::days(20);
    })
    .await;
    // The fixture's clock stands in the past of every provider.
    let egress = Egress::new(shown.trusted()).unwrap().with_clock(fixture.clock.clone());
    let engine = fixture.engine_behind(egress).await;
    let call = ExecuteTool::new(AccountRef::named("limits", "user_1"), "limits_get_profile", json!({}));
    engine.execute_tool(&fixture.caller, call).await.unwrap();
    fixture.clock.advance(time::Duration::seconds(1));
    leads_to(&fixture, &format!("https://localhost:{}/api", shown.port)).await;
    let failure = fails_through(&fixture, &engine).await;
    let finding = is_told(&fixture, &failure, ErrorCode::ServerClockWrong, Actor::Operator).await;
    assert_eq!(finding.remedies[0].action, RemedyAction::ConfigureServer);
    assert!(todo(&finding).contains("NTP"), "{}", todo(&finding));
    rests_on(&finding, EvidenceKind::Network, "this server's clock shows");
    let short = failure.details().diagnosis.clone().unwrap();
    assert!(short.summary.contains("behind"), "{}", short.summary);
}

#[tokio::test]
async fn egress_proxies_that_do_not_let_calls_through_are_told_apart() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        EgressSettings { https_proxy: Some(format!("http://{address}").parse().unwrap()), ..open() }
    };
    let wants = "HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"p\"\r\ncontent-length: 0\r\n\r\n";
    let refuses = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    for (settings, code, action, remedy) in [
        (gone, ErrorCode::UpstreamProxyUnreachable, RemedyAction::ConfigureServer, "https_proxy"),
        (
            proxy(wants).await,
            ErrorCode::UpstreamProxyAuthRequired,
            RemedyAction::ConfigureServer,
            "user:password@",
        ),
        (
            proxy(refuses).await,
            ErrorCode::UpstreamProxyRefused,
            RemedyAction::CheckNetwork,
            "allowed on the proxy",
        ),
    ] {
        let fixture = authorized("limits").await;
        leads_to(&fixture, "https://api.limits.example/api").await;
        let engine = fixture.engine_behind(Egress::new(settings).unwrap()).await;
        let failure = fails_through(&fixture, &engine).await;
        let finding = is_told(&fixture, &failure, code, Actor::Operator).await;
        rests_on(&finding, EvidenceKind::Network, code.as_str());
        assert_eq!(finding.remedies[0].action, action, "{}", code.as_str());
        assert!(todo(&finding).contains(remedy), "{}", todo(&finding));
    }
}

#[tokio::test]
async fn resolver_that_does_not_answer_is_not_taken_for_a_wrong_name() {
    let fixture = authorized("limits").await;
    leads_to(&fixture, "https://api.limits.example/api").await;
    let egress = Egress::with_resolver(open(), Arc::new(Silent)).unwrap();
    let engine = fixture.engine_behind(egress).await;
    let failure = fails_through(&fixture, &engine).await;
    let finding = is_told(&fixture, &failure, ErrorCode::UpstreamResolverFailed, Actor::Operator).await;
    rests_on(&finding, EvidenceKind::Network, "api.limits.example");
    assert!(todo(&finding).contains("resolv.conf"), "{}", todo(&finding));
}

/// Somebody takes the connection and says nothing: no TLS comes about, and nothing was sent.
#[tokio::test]
async fn connection_that_does_not_come_about_in_time_is_the_operators() {
    let fixture = authorized("limits").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    leads_to(&fixture, &format!("https://localhost:{port}/api")).await;
    let settings = EgressSettings { connect_timeout: Duration::from_millis(300), ..open() };
    let engine = fixture.engine_behind(Egress::new(settings).unwrap()).await;
    let failure = fails_through(&fixture, &engine).await;
    let finding = is_told(&fixture, &failure, ErrorCode::UpstreamConnectTimeout, Actor::Operator).await;
    rests_on(&finding, EvidenceKind::Network, "No connection to localhost");
    assert!(todo(&finding).contains("Nothing was sent"), "{}", todo(&finding));
    drop(listener);
}

/// The connection stands and the answer does not come: that is the provider's slowness, and the call may have happened.
#[tokio::test]
async fn answer_that_does_not_come_in_time_is_nobodys_move() {
    let fixture = authorized("limits").await;
    let slow = Scripted { delay: PATIENCE, ..Scripted::json(200, &json!({})) };
    fixture.provider.script("/api/profile", [slow]);
    let call = ExecuteTool::new(AccountRef::named("limits", "user_1"), "limits_get_profile", json!({}));
    let call = ExecuteTool { deadline: Some(Duration::from_secs(2)), ..call };
    let failure = fixture.engine.execute_tool(&fixture.caller, call).await.unwrap_err();
    let finding = is_told(&fixture, &failure, ErrorCode::UpstreamTimeout, Actor::Nobody).await;
    rests_on(&finding, EvidenceKind::Network, "upstream_timeout");
    let pages = finding.remedies.iter().filter_map(|remedy| remedy.url.as_deref());
    assert_eq!(pages.collect::<Vec<_>>(), ["https://limits.example/status"]);
}

/// The shortest time-out ends a call, whether the connector, the connection or the caller set it; the failing call says
/// which one it was.
#[tokio::test]
async fn time_out_that_ended_a_call_is_named_whoever_set_it() {
    let text = LIMITS.replace(
        "base_url: \"https://limits.example/api\"",
        "base_url: \"https://limits.example/api\", timeout_ms: 900",
    );
    let fixture = EngineFixture::with_all_connectors(&[("limits.yaml", &text)], |_| {}).await;
    fixture.connection("limits", "limits").await;
    fixture.authorize("limits", "user_1").await;
    let slow = Scripted { delay: PATIENCE, ..Scripted::json(200, &json!({})) };
    fixture.provider.script("/api/profile", vec![slow; 3]);
    let told = async |deadline: Option<Duration>| {
        let call = ExecuteTool::new(AccountRef::named("limits", "user_1"), "limits_get_profile", json!({}));
        let failure =
            fixture.engine.execute_tool(&fixture.caller, ExecuteTool { deadline, ..call }).await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::UpstreamTimeout, "{failure:?}");
        failure.details().diagnosis.clone().unwrap().summary
    };
    let summary = told(None).await;
    assert!(summary.contains("The connector allows a call 900 ms (timeout_ms of its file)"), "{summary}");
    let update = ConnectionUpdate { call_timeout_ms: Some(Some(700)), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "limits", update).await.unwrap();
    let summary = told(None).await;
    assert!(summary.contains("The connection allows a call 700 ms (call_timeout_ms)"), "{summary}");
    let summary = told(Some(Duration::from_millis(500))).await;
    assert!(summary.contains("The caller allowed the call 500 ms"), "{summary}");
}

/// A connection that lets one call through at a time and so many wait, with a call at the provider that does not end.
async fn crowded(waiting: usize) -> (EngineFixture, tokio::task::JoinHandle<()>) {
    let fixture = EngineFixture::with_all_connectors(&[("limits.yaml", LIMITS)], |settings| {
        settings.calls_per_connection = 1;
        settings.calls_waiting = waiting;
    })
    .await;
    fixture.connection("limits", "limits").await;
    fixture.authorize("limits", "user_1").await;
    let slow = Scripted { delay: PATIENCE * 2, ..Scripted::json(200, &json!({})) };
    fixture.provider.script("/api/profile", [slow]);
    let first = {
        let (engine, caller) = (fixture.engine.clone(), fixture.caller.clone());
        tokio::spawn(async move {
            let wanted = AccountRef::named("limits", "user_1");
            let call = ExecuteTool::new(wanted, "limits_get_profile", json!({}));
            let call = ExecuteTool { deadline: Some(PATIENCE * 2), ..call };
            let _aborted_before = engine.execute_tool(&caller, call).await;
        })
    };
    let under_way = async {
        while fixture.provider.requests_to("/api/profile").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.unwrap();
    (fixture, first)
}

/// A call that was still in line when its deadline passed never left: the provider is not suspected.
#[tokio::test]
async fn call_that_waited_too_long_in_line_is_told_as_never_sent() {
    let (fixture, first_call) = crowded(5).await;
    let call = ExecuteTool::new(AccountRef::named("limits", "user_1"), "limits_get_profile", json!({}));
    let call = ExecuteTool { deadline: Some(Duration::from_millis(300)), ..call };
    let failure = fixture.engine.execute_tool(&fixture.caller, call).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::UpstreamTimeout);
    let short = failure.details().diagnosis.clone().unwrap();
    assert!(short.summary.contains("in line before it"), "{}", short.summary);
    let id = failure.details().execution.clone().unwrap().to_string();
    let of = DiagnosisOf::Execution(id.clone());
    let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
    let finding = first(&diagnosis, ErrorCode::UpstreamTimeout);
    assert_eq!(finding.actor, Actor::Nobody);
    assert!(finding.cause.contains("provider was not asked"), "{}", finding.cause);
    rests_on(finding, EvidenceKind::Setting, "calls_per_connection");
    rests_on(finding, EvidenceKind::Execution, &id);
    assert_eq!(finding.remedies[0].action, RemedyAction::Retry);
    assert!(finding.remedies.iter().all(|remedy| remedy.url.is_none()), "{:?}", finding.remedies);
    first_call.abort();
}

/// S43: our own queue is bounded; that it is full is told as ours, and the provider is not suspected.
#[tokio::test]
async fn queue_of_this_server_that_is_full_is_told_as_its_own() {
    let (fixture, first_call) = crowded(0).await;
    let failure = call(&fixture, "limits", "limits_get_profile", json!({})).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::Overloaded);
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.code, short.actor), (ErrorCode::Overloaded, Actor::Nobody));
    assert!(short.summary.contains("Wait 1 seconds"), "{}", short.summary);
    let id = failure.details().execution.clone().unwrap().to_string();
    let diagnosis =
        diagnose_with(&fixture, &DiagnosisOf::Execution(id.clone()), DiagnosisOptions::default()).await;
    let finding = first(&diagnosis, ErrorCode::Overloaded);
    assert_eq!(finding.actor, Actor::Nobody);
    assert!(finding.message.contains("connection \"limits\""), "{}", finding.message);
    assert!(finding.cause.contains("the provider was not asked"), "{}", finding.cause);
    rests_on(finding, EvidenceKind::Execution, &id);
    rests_on(finding, EvidenceKind::Setting, "calls_waiting");
    assert_eq!(finding.remedies[0].action, RemedyAction::Retry);
    assert!(finding.remedies.iter().all(|remedy| remedy.url.is_none()), "{:?}", finding.remedies);
    assert_eq!(fixture.provider.requests_to("/api/profile").len(), 1);
    first_call.abort();
}
