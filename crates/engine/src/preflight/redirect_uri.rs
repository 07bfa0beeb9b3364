//! The redirect URI: whether providers take it, and whether it leads here.

use std::{net::IpAddr, time::Duration};

use http::Method;
use serde_json::Value;
use url::{Host, Url};
use valetkey_domain::{
    Connection, Error, ErrorCode,
    catalogue::RemedyAction,
    diagnosis::{Confidence, Evidence, EvidenceKind, Finding, Verdict},
};
use valetkey_upstream::{
    connector::Connector,
    http::{CallLimits, FaultKind, OutboundRequest},
};

use super::Report;
use crate::Engine;

/// For a look at ourselves.
const LIMITS: CallLimits = CallLimits { deadline: Duration::from_secs(8), max_response_bytes: 64 << 10 };

/// Where a redirect URI leads, as far as its looks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Browsers anywhere.
    Public,
    /// This machine alone: for development.
    Loopback,
    /// A network of its own: an address or a name that the internet does not know.
    Private,
}

fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Ipv4(ip)) if ip.is_loopback() => Reach::Loopback,
        Some(Host::Ipv6(ip)) if ip.is_loopback() => Reach::Loopback,
        Some(Host::Ipv4(ip)) if is_private(ip.into()) => Reach::Private,
        Some(Host::Ipv6(ip)) if is_private(ip.into()) => Reach::Private,
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            // RFC 6761 and 6762, and names without a dot, which no public name is.
            let private = [".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid", ".example"];
            if name == "localhost" || name.ends_with(".localhost") {
                Reach::Loopback
            } else if !name.contains('.') || private.iter().any(|end| name.ends_with(end)) {
                Reach::Private
            } else {
                Reach::Public
            }
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => Reach::Public,
        None => Reach::Private,
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

/// What a provider will say to a redirect URI by its looks.
fn shape(text: &str) -> Option<Finding> {
    let evidence =
        Evidence::new(EvidenceKind::Setting, format!("The redirect URI is {text}")).reference("public_url");
    let finding = Finding::new(ErrorCode::RedirectUriUnsuitable).evidence(evidence);
    let Ok(url) = Url::parse(text) else {
        return Some(finding.message(format!("The redirect URI {text} is not a URL.")));
    };
    match (url.scheme(), reach(&url)) {
        ("https", Reach::Public) => None,
        (_, Reach::Loopback) => Some(finding.severity(Verdict::Degraded).message(format!(
            "The redirect URI {text} leads to this machine alone: it works for development, and some providers refuse it."
        ))),
        ("https", Reach::Private) => Some(finding.severity(Verdict::Degraded).message(format!(
            "The redirect URI {text} leads into a private network: some providers refuse it, and users elsewhere do not \
             come back."
        ))),
        _ => Some(finding.message(format!(
            "The redirect URI {text} is not https: providers refuse it, and codes would cross the network in the clear."
        ))),
    }
}

impl Engine {
    /// Shape, agreement with the public URL, and whether that leads here.
    pub(super) async fn of_redirect_uri(
        &self,
        connection: &Connection,
        connector: &Connector,
        report: &mut Report,
    ) {
        let text = self.redirect_uri(connection);
        match shape(&text) {
            None => report.ok("redirect_uri", format!("The redirect URI is {text}.")),
            Some(finding) => {
                let finding = finding.catalogue_remedies();
                report.found("redirect_uri", finding);
            }
        }
        self.leads_here(report).await;
        let console = connector.links.console.as_deref().map(|url| format!(" ({url})")).unwrap_or_default();
        report.skipped(
            "redirect_uri_registered",
            format!(
                "Providers check it on their own pages only. Register exactly {text} in the provider's console{console}."
            ),
        );
    }

    /// Whether the public URL leads to this deployment, seen from here.
    async fn leads_here(&self, report: &mut Report) {
        let address = self.public_address("/readyz");
        let Ok(url) = Url::parse(&address) else {
            report.skipped("public_url", "The public URL cannot be called.");
            return;
        };
        let answer = self.0.egress.send_raw(OutboundRequest::new(Method::GET, url), LIMITS).await;
        let answer = match answer {
            Ok(answer) => answer,
            // This server may not call private addresses: browsers may all the same.
            Err(fault) if fault.kind == FaultKind::Blocked => {
                report.skipped(
                    "public_url",
                    "This server may not call its own address; open the URL in a browser.",
                );
                return;
            }
            Err(fault) => {
                let met = format!("{}.", fault.detail.trim_end_matches('.'));
                let error = Error::from(fault);
                let finding = Finding::new(ErrorCode::PublicUrlUnreachable)
                    // Behind some networks a server does not reach itself by its public name, while everybody else does.
                    .confidence(Confidence::Likely)
                    .message(format!("{address} cannot be reached from this server."))
                    .cause(met.clone())
                    .evidence(Evidence::new(EvidenceKind::Network, met).reference(error.code().as_str()))
                    .catalogue_remedies();
                report.found("public_url", finding);
                return;
            }
        };
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let server = body.as_ref().and_then(|body| body["server"].as_str());
        match (server, self.server_mark().await.ok()) {
            (Some(server), Some(own)) if server == own => {
                report.ok("public_url", format!("{address} leads to this very server."));
            }
            (_, None) => report.skipped("public_url", "The database does not say which server this is."),
            (server, Some(_)) => {
                let what = if server.is_some() { "another Valetkey server" } else { "no Valetkey server" };
                let said = format!("GET {address} answered {}", answer.status.as_u16());
                let finding = Finding::new(ErrorCode::PublicUrlElsewhere)
                    .message(format!("{address} leads to {what}: callbacks of the provider would not arrive here."))
                    .evidence(Evidence::new(EvidenceKind::Probe, said))
                    .remedy(
                        RemedyAction::ConfigureServer,
                        "Correct public_url, or the route in front of the server; then register the redirect URI again.",
                    );
                report.found("public_url", finding);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uri_is_judged_by_scheme_and_host() {
        let judged = |text| shape(text).map(|finding| finding.severity);
        assert_eq!(judged("https://connect.acme.com/oauth/callback/conn_1"), None);
        assert_eq!(judged("https://203.0.113.9/oauth/callback/conn_1"), None);
        for text in ["http://localhost:7077/x", "http://127.0.0.1:7077/x", "https://[::1]/x"] {
            assert_eq!(judged(text), Some(Verdict::Degraded), "{text}");
        }
        for text in
            ["https://10.0.0.5/x", "https://valetkey/x", "https://connect.internal/x", "https://[fd00::1]/x"]
        {
            assert_eq!(judged(text), Some(Verdict::Degraded), "{text}");
        }
        for text in ["http://connect.acme.com/x", "http://10.0.0.5/x", "nonsense"] {
            assert_eq!(judged(text), Some(Verdict::Broken), "{text}");
        }
    }
}
