//! Remedies with what the reader needs filled in.

use valetkey_domain::{
    Finding, Remedy,
    catalogue::{Actor, RemedyAction},
};

use super::{case::Case, pending::may_link};
use crate::Engine;

impl Engine {
    /// Fills in links: a fresh authorization link where one is called for and the caller may make one, the provider's
    /// console, its status page.
    pub(super) async fn fill_in(&self, case: &Case<'_>, findings: &mut [Finding]) {
        for finding in findings.iter_mut() {
            if finding.remedies.is_empty() {
                *finding = finding.clone().catalogue_remedies();
            }
        }
        if findings.iter().any(calls_for_a_link)
            && case.connection.enabled
            && may_link(case.caller)
            && let Some(url) = self.link_for(case.caller, &case.account).await
        {
            for finding in findings.iter_mut().filter(|finding| calls_for_a_link(finding)) {
                fill(finding, is_link, &url);
            }
        }
        let Some(links) = case.connector.as_ref().map(|connector| &connector.links) else { return };
        for finding in findings {
            let by_developer = finding.actor == Actor::Developer;
            if let Some(console) = &links.console {
                fill(finding, |remedy| remedy.action == RemedyAction::RegisterRedirectUri, console);
                if by_developer {
                    fill(finding, |remedy| remedy.action == RemedyAction::CheckProvider, console);
                }
            }
            if let Some(status) = links.status.as_ref().filter(|_| finding.actor == Actor::Nobody) {
                fill(finding, |remedy| remedy.action == RemedyAction::CheckProvider, status);
            }
        }
    }
}

fn is_link(remedy: &Remedy) -> bool {
    matches!(remedy.action, RemedyAction::Authorize | RemedyAction::Reauthorize)
}

/// Whether a link helps now. One that is made before the connection is mended would not ask for what is missing.
fn calls_for_a_link(finding: &Finding) -> bool {
    let mends = [RemedyAction::ConfigureConnection, RemedyAction::RegisterRedirectUri];
    let first = finding.remedies.iter().find(|remedy| is_link(remedy) || mends.contains(&remedy.action));
    first.is_some_and(|remedy| is_link(remedy) && remedy.url.is_none())
}

fn fill(finding: &mut Finding, which: impl Fn(&Remedy) -> bool, url: &str) {
    for remedy in finding.remedies.iter_mut().filter(|remedy| which(remedy) && remedy.url.is_none()) {
        remedy.url = Some(url.to_owned());
    }
}
