//! What can go wrong between us and a provider, sorted by whose it is.

use std::{error::Error as StdError, fmt, io};

use valetkey_domain::{Error, ErrorCode, catalogue::RemedyAction};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Of which kind.
    pub kind: FaultKind,
    /// Whether the request may have reached the provider. `false` is a promise: a repeat is safe.
    pub sent: bool,
    /// In words, for the log and the operator. Holds no query, header or body.
    pub detail: String,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The name has no address.
    Dns,
    /// Nobody listens there, or no route leads there.
    Refused,
    /// The connection broke.
    Reset,
    /// No connection in time.
    ConnectTimeout,
    /// No (complete) answer in time.
    Timeout,
    /// No trusted TLS connection.
    Tls(TlsFault),
    /// The egress proxy did not let us through.
    Proxy,
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

impl Fault {
    pub(crate) fn unsent(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, sent: false, detail: detail.into() }
    }

    pub(crate) fn sent(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, sent: true, detail: detail.into() }
    }

    /// The code of the catalogue.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self.kind {
            FaultKind::Dns => ErrorCode::UpstreamDnsFailed,
            FaultKind::Refused | FaultKind::Reset | FaultKind::Proxy => ErrorCode::UpstreamUnreachable,
            FaultKind::ConnectTimeout | FaultKind::Timeout => ErrorCode::UpstreamTimeout,
            FaultKind::Tls(_) => ErrorCode::UpstreamTlsFailed,
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
        let error = match fault.kind {
            FaultKind::Tls(tls) => with_tls_remedy(error, tls),
            FaultKind::ConnectTimeout => error.cause("No connection came about in time.").remedy(
                RemedyAction::CheckNetwork,
                "Check the network, firewall and proxy settings between this server and the provider.",
            ),
            FaultKind::Proxy => error
                .cause("The egress proxy did not open a tunnel to the provider.")
                .remedy(RemedyAction::CheckNetwork, "Check https_proxy and what the proxy allows."),
            _ => error,
        };
        error.because(if fault.sent { "the request may have been sent" } else { "the request was not sent" })
    }
}

fn with_tls_remedy(error: Error, tls: TlsFault) -> Error {
    match tls {
        TlsFault::Expired => error.cause("The provider's certificate has expired.").remedy(
            RemedyAction::CheckNetwork,
            "Check this server's clock; if it is right, the provider must renew its certificate.",
        ),
        TlsFault::NotYetValid => error
            .cause("The provider's certificate is not valid yet.")
            .remedy(RemedyAction::CheckNetwork, "Check this server's clock: it is probably behind."),
        TlsFault::UnknownIssuer => error
            .cause("The provider's certificate is signed by an authority that this server does not know.")
            .remedy(
                RemedyAction::ConfigureServer,
                "Behind a TLS-inspecting proxy or with a private CA, set upstream_ca_file to its certificate.",
            ),
        TlsFault::HostMismatch => error.cause("The provider's certificate is for another host name.").remedy(
            RemedyAction::ConfigureConnection,
            "Check the host name in the connection's overrides.",
        ),
        TlsFault::Revoked => error
            .cause("The provider's certificate is revoked.")
            .remedy(RemedyAction::CheckNetwork, "Check who answers at this address."),
        TlsFault::Other => error,
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
            _ => TlsFault::Other,
        },
        _ => TlsFault::Other,
    }
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
            return Fault {
                kind: FaultKind::Tls(tls_fault(tls)),
                sent: !connecting,
                detail: tls.to_string(),
            };
        }
        if let Some(io) = link.downcast_ref::<io::Error>() {
            kind = kind.or(Some(match io.kind() {
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable => FaultKind::Refused,
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
        _ => "The connection broke before the answer was complete",
    };
    Fault { kind: kind.unwrap_or(FaultKind::Reset), sent: !connecting, detail: detail.into() }
}
