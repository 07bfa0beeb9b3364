//! Whether the server runs, and whether its public URL leads to it and to no other.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{Method, header};
use serde_json::Value;
use url::Url;
use valetkey_domain::{
    Error, ErrorCode,
    diagnosis::{Confidence, Evidence, EvidenceKind, Finding, Verdict},
};
use valetkey_upstream::http::{CallLimits, Egress, EgressSettings, OutboundRequest, Response};

use super::{Report, database::Known, setting_invalid};
use crate::{serve::own_url, settings::Settings};

/// For a look at a server that should answer at once.
const LIMITS: CallLimits = CallLimits { deadline: Duration::from_secs(10), max_response_bytes: 64 << 10 };
const CONNECT: Duration = Duration::from_secs(5);

pub(super) async fn look(settings: &Settings, known: &Known, report: &mut Report) {
    let listens = listens(settings.network.listen).await;
    if listens {
        let detail = format!("Something listens at {}.", settings.network.listen);
        report.ok("listener", EvidenceKind::Network, detail);
    } else {
        let detail = format!(
            "Nothing listens at {}: the server does not run on this machine.",
            settings.network.listen
        );
        report.skipped("listener", detail);
    }
    let own = own_url(settings.network.listen, settings.network.tls.is_some()).ok();
    let Some(url) = settings.network.public_url.clone().or(own) else {
        report.skipped("public_url", "There is no public_url to look at.");
        return;
    };
    // The server's own address is the operator's choice; what leads there may be private.
    let egress = Egress::new(EgressSettings {
        allow_private: true,
        extra_ca_pem: settings.upstreams.ca_pem.clone(),
        connect_timeout: CONNECT,
        ..EgressSettings::default()
    });
    let egress = match egress {
        Ok(egress) => egress,
        Err(error) => {
            let field = error.details().fields.first().cloned();
            let (name, what) = field.map_or_else(
                || ("upstream_ca_file".to_owned(), error.to_string()),
                |field| (field.field, field.message),
            );
            report.found("upstream_ca_file", setting_invalid(&name, &what));
            return;
        }
    };
    let address = format!("{}/readyz", url.as_str().trim_end_matches('/'));
    let Ok(address) = Url::parse(&address) else { return };
    match egress.send_raw(OutboundRequest::new(Method::GET, address.clone()), LIMITS).await {
        Ok(answer) => judge(&answer, &address, known, settings, report),
        Err(fault) => {
            // The catalogue's words are about providers; this address is the operator's own.
            let met = format!("{}.", fault.detail.trim_end_matches('.'));
            let error = Error::from(fault);
            let finding = Finding::new(ErrorCode::PublicUrlUnreachable)
                .message(match listens {
                    true => format!("The server cannot be reached at its public URL {url}."),
                    false => format!("No server runs here, and none answers at {url}."),
                })
                .cause(met.clone())
                .evidence(Evidence::new(EvidenceKind::Network, met).reference(error.code().as_str()))
                .catalogue_remedies();
            let more = match error.code() {
                ErrorCode::UpstreamResolverFailed
                | ErrorCode::UpstreamTlsUnknownIssuer
                | ErrorCode::ServerClockWrong => error.remedies(),
                _ => Vec::new(),
            };
            let remedies = finding.remedies.into_iter().chain(more).collect();
            report.found("public_url", Finding { remedies, ..finding });
        }
    }
}

/// Whether anybody accepts connections there, asked from this machine.
async fn listens(address: SocketAddr) -> bool {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let tried = tokio::net::TcpStream::connect((ip, address.port()));
    matches!(tokio::time::timeout(CONNECT, tried).await, Ok(Ok(_)))
}

/// What an answer says about who gave it.
fn judge(answer: &Response, address: &Url, known: &Known, settings: &Settings, report: &mut Report) {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let status = answer.status.as_u16();
    let said = Evidence::new(EvidenceKind::Probe, format!("GET {address} answered {status}"))
        .reference(status.to_string());
    let ours = body.as_ref().and_then(|body| body["server"].as_str());
    let code = body.as_ref().and_then(|body| body["error"]["code"].as_str());
    match (answer.status.is_success(), ours, &known.mark) {
        (true, Some(server), Some(mark)) if server != mark => {
            let finding = Finding::new(ErrorCode::PublicUrlElsewhere)
                .message("Another Valetkey server answers at the public URL: it works on another database.")
                .evidence(said)
                .evidence(Evidence::new(
                    EvidenceKind::Probe,
                    format!("It shows the mark {server:.16}; the one of this database is {mark}"),
                ));
            report.found("public_url", finding);
        }
        (true, Some(_), _) => {
            let which = if known.mark.is_some() { "this very server" } else { "a Valetkey server" };
            report.ok(
                "public_url",
                EvidenceKind::Probe,
                format!("At {address} answers {which}, and it is ready."),
            );
            background(body.as_ref().and_then(|body| body["background"].as_str()), settings, report);
        }
        (false, _, _) if code.is_some_and(|code| ErrorCode::parse(code).is_some()) => {
            let finding = Finding::new(ErrorCode::ServerNotReady)
                .message(format!(
                    "The server at {address} says that it is not ready: {}.",
                    code.unwrap_or_default()
                ))
                .evidence(said.reference(code.unwrap_or_default()));
            report.found("public_url", finding);
        }
        // RFC 9110 §15.6.3 to 15.6.5: what stands in front found nobody behind it.
        (false, _, _) if matches!(status, 502..=504) => {
            let finding = Finding::new(ErrorCode::PublicUrlUnreachable)
                .message(format!(
                    "What stands in front of the server answers {status}: it does not reach the server."
                ))
                .evidence(said);
            report.found("public_url", finding);
        }
        _ => {
            let to = answer.header(&header::LOCATION).and_then(|to| address.join(to).ok());
            let to = to.and_then(|to| to.host_str().map(|host| format!(" and points to {host}")));
            let finding = Finding::new(ErrorCode::PublicUrlElsewhere)
                .confidence(Confidence::Likely)
                .message(format!(
                    "What answers at {address} is no Valetkey server: it answered {status}{}.",
                    to.unwrap_or_default()
                ))
                .evidence(said);
            report.found("public_url", finding);
        }
    }
}

fn background(state: Option<&str>, settings: &Settings, report: &mut Report) {
    match state {
        Some("alive") => report.ok("background", EvidenceKind::Probe, "The background of the server works."),
        Some("failing") => report.found(
            "background",
            Finding::new(ErrorCode::BackgroundFailing)
                .severity(Verdict::Degraded)
                .evidence(Evidence::new(EvidenceKind::Probe, "/readyz says that its last run failed")),
        ),
        // A file has one process: if that does not do the work, nobody does.
        Some("off") if settings.storage.server.is_none() => report.found(
            "background",
            Finding::new(ErrorCode::WorkerMissing).severity(Verdict::Degraded).evidence(Evidence::new(
                EvidenceKind::Probe,
                "/readyz says that this process does not do it",
            )),
        ),
        _ => report
            .skipped("background", "The process that answered does not do the background's work itself."),
    }
}
