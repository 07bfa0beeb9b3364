//! The way to the providers of the connections that exist: DNS, the egress proxy, trust; and their clocks against ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::future::join_all;
use http::Method;
use url::Url;
use valetkey_domain::{
    Connection,
    catalogue::RemedyAction,
    diagnosis::{Evidence, EvidenceKind, Finding, Verdict},
};
use valetkey_upstream::{
    connector::{Connectors, Target},
    http::{CallLimits, ClockSkew, Egress, EgressSettings, FaultKind, OutboundRequest},
};

use super::{Report, database::Known, of_clocks, of_fault, setting_invalid};
use crate::{settings::Settings, wiring};

const LIMITS: CallLimits = CallLimits { deadline: Duration::from_secs(10), max_response_bytes: 1 << 20 };
const CONNECT: Duration = Duration::from_secs(5);
/// How many hosts are asked.
const HOSTS: usize = 5;
/// From this difference on, certificates and tokens are refused for it.
const GRAVE: time::Duration = time::Duration::minutes(5);

pub(super) async fn look(settings: &Settings, known: &Known, report: &mut Report) {
    let connectors = match wiring::open_connectors(settings.upstreams.connectors_dir.as_deref()) {
        Ok(connectors) => connectors,
        Err(failure) => {
            let told = failure.text.lines().find_map(|line| line.strip_prefix("  "));
            let told = told.unwrap_or(&failure.text);
            let told = told.strip_prefix("connectors_dir: ").unwrap_or(told);
            report.found("connectors", setting_invalid("connectors_dir", told));
            return;
        }
    };
    let egress = Egress::new(EgressSettings {
        allow_private: settings.upstreams.allow_private,
        allow: settings.upstreams.allow.clone(),
        extra_ca_pem: settings.upstreams.ca_pem.clone(),
        https_proxy: settings.upstreams.https_proxy.clone(),
        no_proxy: settings.upstreams.no_proxy.clone(),
        connect_timeout: CONNECT,
    });
    let egress = match egress {
        Ok(egress) => egress,
        Err(error) => {
            // What `upstream_ca_file` holds was told with the public URL.
            report.skipped("providers", error.to_string());
            return;
        }
    };
    let origins = origins(&known.connections, &connectors);
    of_proxy(settings, &egress, &origins, report);
    if origins.is_empty() {
        report.skipped("providers", "No connection names a provider yet.");
        return;
    }
    ask(&egress, &origins, &connectors_of(&known.connections, &connectors), report).await;
    match egress.clock_skew() {
        None => report.skipped("clock", "No provider answered with a date."),
        Some(skew) if skew.is_wrong() => report.found("clock", of_skew(&skew)),
        Some(skew) => {
            let detail = format!("The clock agrees with the dates in answers of {}.", skew.hosts.join(", "));
            report.ok("clock", EvidenceKind::Clock, detail);
        }
    }
}

/// Which way calls leave: an egress proxy that is passed by unnoticed is as puzzling as one that is not.
fn of_proxy(settings: &Settings, egress: &Egress, origins: &[Url], report: &mut Report) {
    let entries: Vec<_> = settings.upstreams.no_proxy.iter().map(ToString::to_string).collect();
    let Some(proxy) = settings.upstreams.https_proxy.as_ref().and_then(place) else {
        if !entries.is_empty() {
            let why = format!("no_proxy names {}, but there is no https_proxy.", entries.join(", "));
            report.skipped("egress_proxy", why);
        }
        return;
    };
    let mut detail = format!("Calls to providers over https go through the egress proxy {proxy}");
    if !entries.is_empty() {
        detail += &format!(", but for what no_proxy names: {}", entries.join(", "));
    }
    let direct: Vec<_> = origins.iter().filter(|origin| egress.proxy_for(origin).is_none()).collect();
    let direct: Vec<_> = direct.into_iter().filter_map(|origin| origin.host_str()).collect();
    detail += &match direct.is_empty() {
        true => ".".to_owned(),
        false => format!(". Called directly: {}.", direct.join(", ")),
    };
    report.ok("egress_proxy", EvidenceKind::Setting, detail);
}

/// Host and port of a proxy; its URL may hold a password.
fn place(url: &Url) -> Option<String> {
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

fn of_skew(skew: &ClockSkew) -> Finding {
    let evidence = Evidence::new(EvidenceKind::Clock, skew.to_string()).at(skew.measured_at);
    let severity = if skew.behind.abs() >= GRAVE { Verdict::Broken } else { Verdict::Degraded };
    of_clocks(skew.to_string(), evidence, skew.hosts.len())
        .severity(severity)
        .cause("Certificates, tokens, links and states are judged by this clock.")
}

/// The origins of the APIs, each once, without path: nothing is to be found out there but that somebody answers.
fn origins(connections: &[Connection], connectors: &Connectors) -> Vec<Url> {
    let nothing = BTreeMap::new();
    let origins: BTreeSet<Url> = connections
        .iter()
        .filter(|connection| connection.enabled)
        .filter_map(|connection| {
            let connector = connectors.get(&connection.connector)?;
            let target = Target {
                connector,
                overrides: &connection.overrides,
                variables: &connection.variables,
                metadata: &nothing,
            };
            let mut url = target.api_base().ok()?;
            url.set_path("/");
            url.set_query(None);
            Some(url)
        })
        .collect();
    origins.into_iter().take(HOSTS).collect()
}

/// Host names to status pages.
fn connectors_of(connections: &[Connection], connectors: &Connectors) -> BTreeMap<String, (String, String)> {
    connections
        .iter()
        .filter_map(|connection| {
            let connector = connectors.get(&connection.connector)?;
            let origin = origins(std::slice::from_ref(connection), connectors).pop()?;
            let status = connector.links.status.clone()?;
            Some((origin.host_str()?.to_owned(), (connector.display_name.clone(), status)))
        })
        .collect()
}

async fn ask(
    egress: &Egress,
    origins: &[Url],
    pages: &BTreeMap<String, (String, String)>,
    report: &mut Report,
) {
    let answers = join_all(origins.iter().map(|origin| async move {
        let answer = egress.send_raw(OutboundRequest::new(Method::GET, origin.clone()), LIMITS).await;
        (origin.host_str().unwrap_or_default(), answer)
    }))
    .await;
    let total = answers.len();
    let mut failed = Vec::new();
    for (host, answer) in answers {
        match answer {
            // Any answer will do; what is too large or odd was one.
            Ok(_) => {}
            Err(fault) if matches!(fault.kind, FaultKind::TooLarge | FaultKind::Invalid) => {}
            Err(fault) => failed.push((host, fault)),
        }
    }
    if failed.is_empty() {
        report.ok(
            "providers",
            EvidenceKind::Network,
            format!("{total} of {total} hosts of providers answer."),
        );
        return;
    }
    // One provider may be down; all of them are not.
    let severity = if failed.len() == total { Verdict::Broken } else { Verdict::Degraded };
    for (host, fault) in failed {
        let mut finding = of_fault(fault, host).severity(severity);
        if let Some((name, page)) = pages.get(host) {
            let text = format!("Look at the status page of {name} for an outage.");
            finding = finding.remedy_with_url(RemedyAction::CheckProvider, text, page);
        }
        report.found("providers", finding);
    }
}
