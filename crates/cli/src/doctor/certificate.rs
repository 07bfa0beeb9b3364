//! The certificate of our own listener.

use rustls::{
    client::verify_server_name,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    server::ParsedCertificate,
};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;
use valetkey_domain::{
    ErrorCode, Time,
    diagnosis::{Evidence, EvidenceKind, Finding, Verdict},
};
use x509_cert::{Certificate, der::Decode as _};

use super::Report;
use crate::settings::Settings;

/// From when on its end is told: time enough for whoever renews by hand.
const SOON: Duration = Duration::days(21);

pub(super) fn look(settings: &Settings, now: Time, report: &mut Report) {
    let Some(tls) = &settings.network.tls else {
        report.skipped("certificate", "This server ends no TLS itself.");
        return;
    };
    let first = CertificateDer::pem_slice_iter(&tls.certificates).next().and_then(Result::ok);
    let Some((der, lived)) = first.and_then(|der| lifetime(&der).map(|lived| (der, lived))) else {
        // What cannot be read is among the problems of the settings.
        report.skipped("certificate", "The certificate in tls_cert cannot be read.");
        return;
    };
    let mismatch = settings.network.public_url.as_ref().and_then(|url| mismatch(&der, url));
    match out_of_time(lived, now) {
        Some(finding) => report.found("certificate", finding),
        None if mismatch.is_none() => report.ok(
            "certificate",
            EvidenceKind::Setting,
            format!("The certificate in tls_cert is valid until {}.", date(lived.1)),
        ),
        None => {}
    }
    if let Some(finding) = mismatch {
        report.found("certificate_name", finding);
    }
}

fn lifetime(der: &CertificateDer<'_>) -> Option<(Time, Time)> {
    let validity = Certificate::from_der(der).ok()?.tbs_certificate.validity;
    let at = |time: x509_cert::time::Time| {
        let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    };
    Some((at(validity.not_before)?, at(validity.not_after)?))
}

fn date(at: Time) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

fn out_of_time((from, until): (Time, Time), now: Time) -> Option<Finding> {
    let evidence = Evidence::new(
        EvidenceKind::Setting,
        format!("It is valid from {} until {}; the clock shows {}", date(from), date(until), date(now)),
    )
    .reference("tls_cert");
    let (code, severity, message) = if now > until {
        let message = format!("The certificate in tls_cert expired at {}.", date(until));
        (ErrorCode::ListenerCertificateExpired, Verdict::Broken, message)
    } else if now < from {
        let message = format!("The certificate in tls_cert is not valid before {}.", date(from));
        (ErrorCode::ListenerCertificateExpired, Verdict::Broken, message)
    } else if until - now < SOON {
        let message = format!("The certificate in tls_cert expires at {}.", date(until));
        (ErrorCode::ListenerCertificateExpiring, Verdict::Degraded, message)
    } else {
        return None;
    };
    Some(Finding::new(code).severity(severity).message(message).evidence(evidence))
}

fn mismatch(der: &CertificateDer<'_>, public_url: &Url) -> Option<Finding> {
    let host = public_url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host.clone()).ok()?;
    let parsed = ParsedCertificate::try_from(der).ok()?;
    let error = verify_server_name(&parsed, &name).err()?;
    Some(
        Finding::new(ErrorCode::ListenerCertificateMismatch)
            .message(format!("The certificate in tls_cert is not for {host}, the host of public_url."))
            .evidence(Evidence::new(EvidenceKind::Setting, error.to_string()).reference("tls_cert")),
    )
}
