//! What can go wrong between us and a provider, sorted by whose it is.

use std::{error::Error as StdError, fmt, io};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use valetkey_domain::{Error, ErrorCode, catalogue::RemedyAction};

use super::{ClockSkew, trust::Untrusted};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Of which kind.
    pub kind: FaultKind,
    /// Whether the request may have reached the provider. `false` is a promise: a repeat is safe.
    pub sent: bool,
    /// In words, for the log and the operator. Holds no query, header or body.
    pub detail: String,
    /// How far our clock was from those of providers, if that explains the fault.
    pub skew: Option<ClockSkew>,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The name has no address.
    Dns,
    /// The resolver did not answer: nothing is known about the name.
    Resolver,
    /// Nobody listens there, or a firewall rejects the connection.
    Refused,
    /// No route leads there.
    NoRoute,
    /// The connection broke.
    Reset,
    /// No connection in time.
    ConnectTimeout,
    /// No (complete) answer in time.
    Timeout,
    /// No trusted TLS connection.
    Tls(TlsFault),
    /// The egress proxy did not let us through.
    Proxy(ProxyFault),
    /// The address is not one that may be called.
    Blocked,
    /// The answer is too large.
    TooLarge,
    /// The answer is not HTTP, or its encoding is broken.
    Invalid,
    /// The answer points elsewhere; redirects are not followed.
    Redirected,
    /// The request cannot be sent as it is.
    Request,
    /// The caller's own request body ended early.
    RequestBody,
}

/// Why TLS was not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFault {
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet: often our own clock.
    NotYetValid,
    /// Signed by nobody we know.
    UnknownIssuer,
    /// For another host.
    HostMismatch,
    /// Revoked by its issuer.
    Revoked,
    /// Any other fault of certificate or protocol.
    Other,
}

/// What the egress proxy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyFault {
    /// It cannot be found, refuses the connection or hangs up.
    Unreachable,
    /// It wants credentials, or others: 407.
    AuthRequired,
    /// It does not open a tunnel to this host, or answers what is not HTTP.
    Refused,
}

impl Fault {
    pub(crate) fn unsent(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, sent: false, detail: detail.into(), skew: None }
    }

    pub(crate) fn sent(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, sent: true, detail: detail.into(), skew: None }
    }

    /// The code of the catalogue.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self.kind {
            FaultKind::Tls(_) if self.skew.is_some() => ErrorCode::ServerClockWrong,
            FaultKind::Dns => ErrorCode::UpstreamDnsFailed,
            FaultKind::Resolver => ErrorCode::UpstreamResolverFailed,
            FaultKind::Refused => ErrorCode::UpstreamRefused,
            FaultKind::Reset | FaultKind::NoRoute => ErrorCode::UpstreamUnreachable,
            FaultKind::ConnectTimeout => ErrorCode::UpstreamConnectTimeout,
            FaultKind::Timeout => ErrorCode::UpstreamTimeout,
            FaultKind::Tls(TlsFault::Expired) => ErrorCode::UpstreamTlsExpired,
            FaultKind::Tls(TlsFault::NotYetValid) => ErrorCode::UpstreamTlsNotYetValid,
            FaultKind::Tls(TlsFault::UnknownIssuer) => ErrorCode::UpstreamTlsUnknownIssuer,
            FaultKind::Tls(TlsFault::HostMismatch) => ErrorCode::UpstreamTlsHostMismatch,
            FaultKind::Tls(TlsFault::Revoked | TlsFault::Other) => ErrorCode::UpstreamTlsFailed,
            FaultKind::Proxy(ProxyFault::Unreachable) => ErrorCode::UpstreamProxyUnreachable,
            FaultKind::Proxy(ProxyFault::AuthRequired) => ErrorCode::UpstreamProxyAuthRequired,
            FaultKind::Proxy(ProxyFault::Refused) => ErrorCode::UpstreamProxyRefused,
            FaultKind::Blocked => ErrorCode::UpstreamAddressBlocked,
            FaultKind::TooLarge => ErrorCode::UpstreamResponseTooLarge,
            FaultKind::Invalid => ErrorCode::UpstreamResponseInvalid,
            FaultKind::Redirected => ErrorCode::UpstreamRedirected,
            FaultKind::Request | FaultKind::RequestBody => ErrorCode::InvalidRequest,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl StdError for Fault {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let error = Self::new(fault.code());
        let meaning = error.code().entry().meaning;
        let error = error.message(format!("{meaning} {}.", fault.detail.trim_end_matches('.')));
        let error = match (&fault.skew, fault.kind) {
            (Some(skew), _) => error.cause(format!("{skew} So the certificate seemed not to be valid.")),
            (None, FaultKind::Tls(TlsFault::Revoked)) => error
                .cause("The provider's certificate is revoked.")
                .remedy(RemedyAction::CheckNetwork, "Check who answers at this address."),
            // What broke on the way had been reached.
            (None, FaultKind::Reset) if fault.sent => error
                .message(format!("{}.", fault.detail.trim_end_matches('.')))
                .cause("The provider, or something on the way to it, ended the connection; what it did before is not known."),
            _ => error,
        };
        error.because(if fault.sent { "the request may have been sent" } else { "the request was not sent" })
    }
}

/// Sorts a TLS error.
pub(super) fn tls_fault(error: &rustls::Error) -> TlsFault {
    use rustls::{CertificateError as C, Error as E};
    match error {
        E::InvalidCertificate(reason) => match reason {
            C::Expired | C::ExpiredContext { .. } => TlsFault::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => TlsFault::NotYetValid,
            C::UnknownIssuer => TlsFault::UnknownIssuer,
            C::NotValidForName | C::NotValidForNameContext { .. } => TlsFault::HostMismatch,
            C::Revoked => TlsFault::Revoked,
            C::Other(other) if other.0.is::<Untrusted>() => TlsFault::UnknownIssuer,
            _ => TlsFault::Other,
        },
        _ => TlsFault::Other,
    }
}

/// What a TLS error says, in our words where the library's are for programmers.
pub(super) fn tls_words(error: &rustls::Error) -> String {
    use rustls::CertificateError as C;
    let rustls::Error::InvalidCertificate(reason) = error else { return error.to_string() };
    match reason {
        C::Other(other) => other.0.to_string(),
        C::ExpiredContext { time, not_after } => format!(
            "its certificate has expired: it was valid until {}, and this server's clock shows {}",
            date(*not_after),
            date(*time)
        ),
        C::NotValidYetContext { time, not_before } => format!(
            "its certificate is not valid yet: it is from {} on, and this server's clock shows {}",
            date(*not_before),
            date(*time)
        ),
        C::NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for {} but for {}",
            expected.to_str(),
            if presented.is_empty() { "no host at all".to_owned() } else { names(presented) }
        ),
        other => other.to_string(),
    }
}

fn date(at: rustls::pki_types::UnixTime) -> String {
    let at = i64::try_from(at.as_secs()).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| "an impossible date".to_owned())
}

/// The names in a certificate, as the library writes them: `DnsName("a.example")`. A few are enough.
fn names(presented: &[String]) -> String {
    let shown: Vec<_> = presented
        .iter()
        .take(3)
        .map(|name| name.split('"').nth(1).unwrap_or(name).chars().take(100).collect::<String>())
        .collect();
    let more = if presented.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The chain of an error's sources, itself first; looks into `io::Error`s, whose inner error is not a source.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |link: &&'a (dyn StdError + 'static)| {
        let error = *link;
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return Some(inner);
        }
        error.source()
    })
    // A chain is as long as its layers; the bound guards against one that bites its tail.
    .take(32)
}

/// Sorts what hyper and the layers below it report of a request.
pub(super) fn from_chain(error: &(dyn StdError + 'static), connecting: bool) -> Fault {
    let mut kind = None;
    for link in chain(error) {
        if let Some(fault) = link.downcast_ref::<Fault>() {
            return fault.clone();
        }
        if let Some(tls) = link.downcast_ref::<rustls::Error>() {
            let fault = Fault::sent(FaultKind::Tls(tls_fault(tls)), tls_words(tls));
            return Fault { sent: !connecting, ..fault };
        }
        if let Some(io) = link.downcast_ref::<io::Error>() {
            kind = kind.or(Some(match io.kind() {
                io::ErrorKind::ConnectionRefused => FaultKind::Refused,
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => FaultKind::NoRoute,
                io::ErrorKind::TimedOut => FaultKind::Timeout,
                _ => FaultKind::Reset,
            }));
        }
        if let Some(hyper) = link.downcast_ref::<hyper::Error>() {
            if hyper.is_parse() {
                kind = kind.or(Some(FaultKind::Invalid));
            } else if hyper.is_timeout() {
                kind = kind.or(Some(FaultKind::Timeout));
            } else if hyper.is_user() {
                kind = kind.or(Some(FaultKind::RequestBody));
            }
        }
    }
    let detail = match kind {
        Some(FaultKind::Invalid) => "The answer is not HTTP",
        Some(FaultKind::Timeout) => "The connection timed out",
        Some(FaultKind::RequestBody) => "The request body ended early",
        Some(FaultKind::Refused) => "The connection was refused",
        Some(FaultKind::NoRoute) => "No route leads there",
        _ => "The connection broke before the answer was complete",
    };
    let fault = Fault::sent(kind.unwrap_or(FaultKind::Reset), detail);
    Fault { sent: !connecting, ..fault }
}

/// How long somebody waited, for people: to a millisecond below a second, to a tenth above.
#[must_use]
pub fn waited(time: std::time::Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}
