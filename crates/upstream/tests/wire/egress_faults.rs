//! What a failed call says: which of the many ways a network fails it was, who must act, and what to do (R8, S52).
//! Every situation is made for real: closed ports, silent servers, proxies that refuse, certificates that are wrong.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use time::{Duration as Days, OffsetDateTime};
use tokio::io::AsyncWriteExt as _;
use url::Url;
use valetkey_domain::{
    Clock as _, Error, ErrorCode, ManualClock, SystemClock,
    catalogue::{Actor, RemedyAction},
};
use valetkey_upstream::http::{CallLimits, Egress, EgressSettings, Fault, FaultKind, Resolver};

use crate::{
    egress_address::{Fixed, connect_proxy},
    support::{Identity, Odd, Server, answer, get, limits, read_request, settings_for},
};

/// Asserts what every such fault must have: nothing was sent, the code, whose move it is, and a remedy of this kind.
fn told(fault: Fault, code: ErrorCode, remedy: RemedyAction) -> Error {
    assert!(!fault.sent, "{fault:?}");
    let error = Error::from(fault);
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(code.entry().actor, Actor::Operator);
    assert!(error.remedies().iter().any(|found| found.action == remedy), "{error}: {:?}", error.remedies());
    error
}

async fn closed_port() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn fault_of(settings: EgressSettings, url: &str) -> Fault {
    let url: Url = url.parse().unwrap();
    Egress::new(settings).unwrap().send(get(url), limits()).await.unwrap_err()
}

/// A resolver that gives an error of this kind, in these words.
struct Failing(io::ErrorKind, &'static str);

#[async_trait::async_trait]
impl Resolver for Failing {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Err(io::Error::new(self.0, self.1))
    }
}

#[tokio::test]
async fn name_unknown_and_resolver_down_are_told_apart() {
    let unknown = "failed to lookup address information: Name or service not known";
    let down = "failed to lookup address information: Temporary failure in name resolution";
    for (failing, code) in [
        (Failing(io::ErrorKind::Other, unknown), ErrorCode::UpstreamDnsFailed),
        (Failing(io::ErrorKind::Other, down), ErrorCode::UpstreamResolverFailed),
        (Failing(io::ErrorKind::Other, "Try again"), ErrorCode::UpstreamResolverFailed),
        (Failing(io::ErrorKind::TimedOut, "timed out"), ErrorCode::UpstreamResolverFailed),
    ] {
        let egress = Egress::with_resolver(EgressSettings::default(), Arc::new(failing)).unwrap();
        let url = "https://api.nowhere.example/".parse().unwrap();
        let fault = egress.send(get(url), limits()).await.unwrap_err();
        let error = told(fault, code, RemedyAction::CheckNetwork);
        assert!(error.details().message.contains("api.nowhere.example"), "{error}");
    }
}

#[tokio::test]
async fn port_closed_is_a_refusal() {
    let address = closed_port().await;
    let settings = EgressSettings { allow: vec![address], ..EgressSettings::default() };
    let fault = fault_of(settings, &format!("http://{address}/")).await;
    assert_eq!(fault.kind, FaultKind::Refused);
    told(fault, ErrorCode::UpstreamRefused, RemedyAction::CheckNetwork);
}

/// Nothing answers the handshake: the connection was not made in time, and so nothing was sent.
#[tokio::test]
async fn connection_not_made_in_time_is_not_a_late_answer() {
    let silent = Server::raw(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let settings = EgressSettings { connect_timeout: Duration::from_millis(100), ..settings_for(&[&silent]) };
    let fault = fault_of(settings, &format!("https://{}/", silent.address)).await;
    let error = told(fault, ErrorCode::UpstreamConnectTimeout, RemedyAction::CheckNetwork);
    assert!(error.details().message.contains("127.0.0.1"), "{error}");

    let egress = Egress::new(settings_for(&[&silent])).unwrap();
    let short = CallLimits { deadline: Duration::from_millis(100), ..limits() };
    let late = egress.send(get(silent.url("/")), short).await.unwrap_err();
    assert!(late.sent);
    assert_eq!(Error::from(late).code(), ErrorCode::UpstreamTimeout);
}

fn through(proxy: &str) -> EgressSettings {
    EgressSettings { https_proxy: Some(proxy.parse().unwrap()), ..EgressSettings::default() }
}

#[tokio::test]
async fn proxy_not_there_is_told_with_its_address() {
    let address = closed_port().await;
    let fault = fault_of(through(&format!("http://u:hunter2@{address}")), "https://api.example/").await;
    let error = told(fault, ErrorCode::UpstreamProxyUnreachable, RemedyAction::ConfigureServer);
    let message = &error.details().message;
    assert!(message.contains(&address.to_string()) && message.contains("refused"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    let nowhere = fault_of(through("http://proxy.invalid:3128"), "https://api.example/").await;
    told(nowhere, ErrorCode::UpstreamProxyUnreachable, RemedyAction::ConfigureServer);
    let mute = Server::raw(|mut stream| async move {
        read_request(&mut stream).await;
    })
    .await;
    let hung_up = fault_of(through(&format!("http://{}", mute.address)), "https://api.example/").await;
    told(hung_up, ErrorCode::UpstreamProxyUnreachable, RemedyAction::ConfigureServer);
}

#[tokio::test]
async fn proxy_asking_for_credentials_is_told_with_whether_there_are_any() {
    let upstream = Server::http(|_| answer(200, &[], "no")).await;
    for (user, words) in [("", "has none"), ("u:hunter2@", "refuses the credentials")] {
        let (proxy, _) = connect_proxy(upstream.address, 407).await;
        let fault =
            fault_of(through(&format!("http://{user}{}", proxy.address)), "https://api.example/").await;
        let error = told(fault, ErrorCode::UpstreamProxyAuthRequired, RemedyAction::ConfigureServer);
        let message = &error.details().message;
        assert!(message.contains("407") && message.contains(words), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn proxy_refusing_the_host_names_host_and_status() {
    let upstream = Server::http(|_| answer(200, &[], "no")).await;
    for status in [403, 502] {
        let (proxy, _) = connect_proxy(upstream.address, status).await;
        let fault = fault_of(through(&format!("http://{}", proxy.address)), "https://api.example/").await;
        let error = told(fault, ErrorCode::UpstreamProxyRefused, RemedyAction::CheckNetwork);
        let message = &error.details().message;
        assert!(message.contains("api.example:443") && message.contains(&status.to_string()), "{message}");
    }
    let ssh = Server::raw(|mut stream| async move {
        read_request(&mut stream).await;
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    })
    .await;
    let fault = fault_of(through(&format!("http://{}", ssh.address)), "https://api.example/").await;
    told(fault, ErrorCode::UpstreamProxyRefused, RemedyAction::CheckNetwork);
}

/// A proxy that takes the connection and then says nothing: it may wait for the provider, so it is not blamed alone.
#[tokio::test]
async fn proxy_that_never_answers_is_a_connect_timeout_that_names_it() {
    let mute = Server::raw(|mut stream| async move {
        read_request(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let settings = EgressSettings {
        connect_timeout: Duration::from_millis(200),
        ..through(&format!("http://{}", mute.address))
    };
    let fault = fault_of(settings, "https://api.example/").await;
    let error = told(fault, ErrorCode::UpstreamConnectTimeout, RemedyAction::CheckNetwork);
    let message = &error.details().message;
    assert!(message.contains("api.example") && message.contains(&mute.address.to_string()), "{message}");
}

async fn server_of(identity: Identity) -> (Server, Vec<u8>) {
    let ca = identity.ca_pem.clone().into_bytes();
    (Server::https(identity, |_| answer(200, &[], "secret")).await, ca)
}

async fn tls_fault(identity: Identity, trust: bool, host: &str) -> Fault {
    let (server, ca) = server_of(identity).await;
    let settings = EgressSettings { extra_ca_pem: trust.then_some(ca), ..settings_for(&[&server]) };
    let fault = fault_of(settings, &format!("https://{host}:{}/", server.address.port())).await;
    assert!(server.received().is_empty());
    fault
}

fn lived(from: Days, to: Days) -> Identity {
    let now = SystemClock.now();
    Identity::new("localhost", Odd { not_before: Some(now + from), not_after: Some(now + to) })
}

#[tokio::test]
async fn certificate_out_of_its_time_is_told_with_its_dates() {
    let expired = tls_fault(lived(Days::days(-900), Days::days(-800)), true, "localhost").await;
    let error = told(expired, ErrorCode::UpstreamTlsExpired, RemedyAction::CheckNetwork);
    let until = (SystemClock.now() - Days::days(800)).date().to_string();
    assert!(error.details().message.contains(&until), "{error}");
    let early = tls_fault(lived(Days::days(800), Days::days(900)), true, "localhost").await;
    let error = told(early, ErrorCode::UpstreamTlsNotYetValid, RemedyAction::CheckNetwork);
    let from = (SystemClock.now() + Days::days(800)).date().to_string();
    assert!(error.details().message.contains(&from), "{error}");
}

/// What a proxy that inspects TLS looks like from here: its name says whose it is.
#[tokio::test]
async fn certificate_of_an_unknown_authority_names_it() {
    let fault = tls_fault(Identity::new("localhost", Odd::default()), false, "localhost").await;
    let error = told(fault, ErrorCode::UpstreamTlsUnknownIssuer, RemedyAction::ConfigureServer);
    let message = &error.details().message;
    assert!(message.contains("\"Test authority\"") && message.contains("inspects TLS"), "{message}");
    assert!(error.remedies()[0].text.contains("upstream_ca_file"));
    // A trusted authority of the same name has another key.
    let other = Identity::new("other.example", Odd::default()).ca_pem.into_bytes();
    let (server, _) = server_of(Identity::new("localhost", Odd::default())).await;
    let settings = EgressSettings { extra_ca_pem: Some(other), ..settings_for(&[&server]) };
    let fault = fault_of(settings, &format!("https://localhost:{}/", server.address.port())).await;
    let error = told(fault, ErrorCode::UpstreamTlsUnknownIssuer, RemedyAction::ConfigureServer);
    assert!(error.details().message.contains("\"Test authority\", but not with the key"), "{error}");
}

#[tokio::test]
async fn certificate_for_another_host_names_both() {
    for (identity, host) in [
        (Identity::new("other.example", Odd::default()), "localhost"),
        (Identity::new("other.example", Odd::default()), "127.0.0.1"),
    ] {
        let fault = tls_fault(identity, true, host).await;
        let error = told(fault, ErrorCode::UpstreamTlsHostMismatch, RemedyAction::ConfigureConnection);
        let message = &error.details().message;
        assert!(message.contains("other.example") && message.contains(host), "{message}");
    }
}

#[tokio::test]
async fn server_without_tls_is_a_failed_handshake() {
    let plain = Server::raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    })
    .await;
    let fault = fault_of(settings_for(&[&plain]), &format!("https://{}/", plain.address)).await;
    told(fault, ErrorCode::UpstreamTlsFailed, RemedyAction::CheckNetwork);
}

fn dated(date: OffsetDateTime) -> String {
    // IMF-fixdate (RFC 9110 §5.6.7).
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    date.format(&format).unwrap()
}

/// Two providers agree on a date that is not ours. The clock is told to be wrong by so much, and a certificate that only
/// seems out of its time is not blamed on its owner; one that is, stays so.
#[tokio::test]
async fn clock_of_our_own_wrong_is_measured_and_explains_the_certificate() {
    let now = SystemClock.now();
    let dates = |date: OffsetDateTime| {
        move |_: &crate::support::Received| answer(200, &[("Date", &dated(date))], "ok")
    };
    let (one, two) = (Server::http(dates(now)).await, Server::http(dates(now)).await);
    let (expired, ca) = server_of(lived(Days::days(-900), Days::days(-800))).await;
    let settings = EgressSettings { extra_ca_pem: Some(ca), ..settings_for(&[&one, &two, &expired]) };
    for (ahead, code) in [
        (Days::days(40), ErrorCode::ServerClockWrong),
        (Days::days(-40), ErrorCode::UpstreamTlsExpired),
        (Days::seconds(5), ErrorCode::UpstreamTlsExpired),
    ] {
        let clock = Arc::new(ManualClock::new(now + ahead));
        let resolver = Arc::new(Fixed(vec![Ipv4Addr::LOCALHOST.into()]));
        let egress = Egress::with_resolver(settings.clone(), resolver).unwrap().with_clock(clock);
        assert_eq!(egress.clock_skew(), None);
        egress.send(get(one.url("/")), limits()).await.unwrap();
        let named = format!("http://provider.example:{}/", two.address.port()).parse().unwrap();
        egress.send(get(named), limits()).await.unwrap();
        let skew = egress.clock_skew().unwrap();
        assert_eq!(skew.is_wrong(), ahead.abs() > Days::minutes(1), "{skew:?}");
        assert!((skew.behind + ahead).abs() < Days::seconds(20), "{skew:?}");
        assert_eq!(skew.hosts, ["127.0.0.1", "provider.example"]);
        let url = format!("https://localhost:{}/", expired.address.port()).parse().unwrap();
        let fault = egress.send(get(url), limits()).await.unwrap_err();
        let error = Error::from(fault);
        assert_eq!(error.code(), code, "{ahead}");
        if code == ErrorCode::ServerClockWrong {
            assert!(error.cause_text().contains("40 days ahead of"), "{}", error.cause_text());
            assert!(error.remedies()[0].text.contains("NTP"));
        }
    }
}
