//! The OAuth client: whether the provider takes it, and how old its secret is.

use time::Duration;
use valetkey_domain::{
    Caller, Connection, Error, ErrorCode, PageRequest, Time,
    catalogue::RemedyAction,
    diagnosis::{Confidence, Evidence, EvidenceKind, Finding, Verdict},
    event::EventKind,
    store::EventFilter,
};
use valetkey_upstream::connector::Connector;

use super::{Report, in_console};
use crate::{ConnectionTest, Engine};

/// A secret of this age is worth a look, whatever the provider says.
const OLD: Duration = Duration::days(365);
/// So long before a secret must have ended it is told.
const SOON: Duration = Duration::days(30);

impl Engine {
    pub(super) async fn of_client(
        &self,
        caller: &Caller,
        connection: &Connection,
        connector: &Connector,
        report: &mut Report,
    ) -> Result<(), Error> {
        let test = self.test_connection(caller, connection.id.as_str()).await?;
        of_test(&test, connection, connector, report);
        if connection.client_secret.is_none() {
            report.skipped("client_secret_age", "The connection has no client secret of its own.");
            return Ok(());
        }
        let set = self.secret_set_at(connection).await?;
        of_age(connector, set, self.now(), report);
        Ok(())
    }

    /// When the client secret was last written: the history knows.
    async fn secret_set_at(&self, connection: &Connection) -> Result<Time, Error> {
        let filter = EventFilter {
            connection: Some(connection.id.clone()),
            kinds: vec![EventKind::ConnectionUpdated],
            ..EventFilter::default()
        };
        let page = PageRequest { size: 100, cursor: None };
        let events = self.0.store.events(&connection.environment, &filter, &page).await?;
        let changed = events.items.iter().find(|event| {
            let fields = event.event.data["changed"].as_array();
            fields.is_some_and(|fields| fields.iter().any(|field| field == "client_secret"))
        });
        Ok(changed.map_or(connection.created_at, |event| event.at))
    }
}

fn of_test(test: &ConnectionTest, connection: &Connection, connector: &Connector, report: &mut Report) {
    for check in &test.checked {
        let Some(code) = check.code.filter(|_| !check.ok) else {
            report.ok(check.item, check.detail.clone());
            continue;
        };
        let finding = Finding::new(code)
            .message(check.detail.clone())
            .evidence(
                Evidence::new(EvidenceKind::Probe, check.detail.clone()).reference(connection.id.as_str()),
            )
            .catalogue_remedies();
        let finding = match &connector.links.console {
            Some(url) if !code.as_str().starts_with("upstream_") => finding.remedy_with_url(
                RemedyAction::CheckProvider,
                "Open the OAuth app in the provider's console.",
                url,
            ),
            _ => finding,
        };
        let finding = match crate::status_page::remedy(connector, code) {
            Some(remedy) => {
                Finding { remedies: finding.remedies.into_iter().chain([remedy]).collect(), ..finding }
            }
            None => finding,
        };
        report.found(check.item, finding);
    }
    // What was told about the redirect URI and the scopes above is not repeated.
    let open = test.not_checked.iter().filter(|open| !matches!(open.item, "redirect_uri" | "scopes"));
    for open in open {
        report.skipped(open.item, open.reason.clone());
    }
}

fn of_age(connector: &Connector, set: Time, now: Time, report: &mut Report) {
    let age = now - set;
    let days = age.whole_days();
    let evidence =
        || Evidence::new(EvidenceKind::Event, format!("The client secret was set {days} days ago")).at(set);
    let longest = connector.auth.oauth().and_then(|profile| profile.lifetimes.client_secret_days);
    if let Some(longest) = longest.map(i64::from)
        && age > Duration::days(longest) - SOON
    {
        let finding = Finding::new(ErrorCode::ClientSecretExpiring)
            .severity(Verdict::Degraded)
            .confidence(Confidence::Likely)
            .message(format!(
                "The client secret was set {days} days ago, and the provider lets secrets live {longest} days at most."
            ))
            .evidence(evidence());
        let text = "Make a new secret there, update the connection, then delete the old one.".to_owned();
        report.found("client_secret_age", in_console(finding, connector, text).catalogue_remedies());
        return;
    }
    if age > OLD {
        let finding = Finding::new(ErrorCode::ClientSecretOld)
            .severity(Verdict::Degraded)
            .confidence(Confidence::Possible)
            .message(format!("The client secret was set {days} days ago."))
            .evidence(evidence());
        let text = "Look up there whether and when the secret expires.".to_owned();
        report.found("client_secret_age", in_console(finding, connector, text).catalogue_remedies());
        return;
    }
    let bound = longest.map_or_else(
        || "when it expires, the provider's console says".to_owned(),
        |longest| {
            format!("the provider lets secrets live {longest} days at most, and may have been told less")
        },
    );
    report.ok("client_secret_age", format!("The client secret was set {days} days ago; {bound}."));
}
