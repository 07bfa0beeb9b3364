//! Who signed what is not trusted.
//!
//! The library's verdict on a certificate is final here: nothing is accepted that it refuses. Only its words are
//! completed while the certificate is at hand, since the name of an unknown issuer tells at once whether it is the
//! company's proxy that inspects TLS.

use std::{error::Error as StdError, fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_cert::{Certificate, der::Decode as _, name::Name};

/// The verifier of the library, with better words.
#[derive(Debug)]
pub(super) struct Verifier(pub(super) Arc<WebPkiServerVerifier>);

/// A certificate whose issuer is not among the trusted authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Untrusted {
    /// The authority at the end of the chain that was shown, as far as it can be read.
    issuer: Option<String>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It vouches for itself.
    SelfSigned,
    /// Its issuer is not among the authorities.
    Unknown,
    /// An authority of this name is known, but it has another key: as a rule a private one that was made anew.
    OtherKey,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.issuer, self.kind) {
            (Some(issuer), Kind::SelfSigned) => {
                write!(f, "its certificate is signed by itself (\"{issuer}\")")
            }
            (Some(issuer), Kind::Unknown) => write!(
                f,
                "its certificate was issued by \"{issuer}\", which is not a known authority: perhaps a proxy in \
                 between that inspects TLS"
            ),
            (Some(issuer), Kind::OtherKey) => write!(
                f,
                "its certificate was issued by \"{issuer}\", but not with the key of the authority that is known by \
                 this name: perhaps it was made anew, perhaps a proxy in between inspects TLS"
            ),
            (None, _) => f.write_str("its certificate was issued by an authority that is not known"),
        }
    }
}

impl StdError for Untrusted {}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|error| match error {
            Error::InvalidCertificate(
                reason @ (CertificateError::UnknownIssuer | CertificateError::BadSignature),
            ) => {
                let known = reason == CertificateError::BadSignature;
                let untrusted = untrusted(end_entity, intermediates, known);
                Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(untrusted))))
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }
}

fn untrusted(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name_is_known: bool,
) -> Untrusted {
    let last = intermediates.last().unwrap_or(end_entity);
    let read = Certificate::from_der(last).ok().map(|read| read.tbs_certificate);
    let vouches_for_itself =
        intermediates.is_empty() && read.as_ref().is_some_and(|read| read.issuer == read.subject);
    let kind = match (vouches_for_itself, name_is_known) {
        (_, true) => Kind::OtherKey,
        (true, false) => Kind::SelfSigned,
        (false, false) => Kind::Unknown,
    };
    Untrusted { kind, issuer: read.and_then(|read| short_name(&read.issuer)) }
}

/// The longest name that is repeated: whoever shows a certificate chooses it.
const MAX_NAME: usize = 120;

/// What people call an issuer: its common name, else its organization, else all of it.
fn short_name(name: &Name) -> Option<String> {
    let attribute = |kind: &str| {
        let prefix = format!("{kind}=");
        name.0
            .iter()
            .flat_map(|set| set.0.iter())
            .find_map(|attribute| attribute.to_string().strip_prefix(&prefix).map(str::to_owned))
    };
    let text = attribute("CN").or_else(|| attribute("O")).unwrap_or_else(|| name.to_string());
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_NAME).collect();
    (!text.trim().is_empty()).then_some(text)
}
