//! The OAuth client: whether the provider takes it, and how old its secret is.

use time::Duration;
use valetkey_domain::{
    Caller, Connection, Error, ErrorCode, Time,
    catalogue::RemedyAction,
    diagnosis::{Confidence, Evidence, EvidenceKind, Finding, Verdict},
};
use valetkey_upstream::connector::Connector;

use super::{Report, in_console};
use crate::{ConnectionTest, Engine, diagnosis::secret};

/// A secret of this age is worth a look, whatever the provider says.
const OLD: Duration = Duration::days(365);

impl Engine {
    pub(super) async fn of_client(
        &self,
        caller: &Caller,
        connection: &Connection,
        connector: &Connector,
        report: &mut Report,
    ) -> Result<(), Error> {
        let test = self.test_connection(caller, connection.id.as_str()).await?;
        let mut history = self.client_history(connection).await?;
        if test.accepts_the_client() {
            history.seen_to_work(self.now());
        }
        let now = self.now();
        let ended = secret::of_end(connection, connector, &history, now);
        let explains = ended.clone().filter(secret::is_over);
        let refused = |finding: Finding| match &explains {
            Some(ended) if finding.code == ErrorCode::InvalidClient => {
                ended.clone().confidence(Confidence::Certain).evidences(finding.evidence)
            }
            _ => secret::with_history(finding, &history, now),
        };
        of_test(&test, connection, connector, refused, report);
        if connection.client_secret.is_none() {
            report.skipped("client_secret_age", "The connection has no client secret of its own.");
            return Ok(());
        }
        match connection.client_secret_expires_at {
            Some(end) => match ended {
                Some(finding) => report.found("client_secret_age", finding),
                None => report.ok("client_secret_age", format!("The client secret ends on {}.", end.date())),
            },
            None => of_age(connector, history.secret_set_at, now, report),
        }
        Ok(())
    }
}

fn of_test(
    test: &ConnectionTest,
    connection: &Connection,
    connector: &Connector,
    refused: impl Fn(Finding) -> Finding,
    report: &mut Report,
) {
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
        let finding = refused(finding);
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
        && age > Duration::days(longest) - secret::SOON
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
        let text = "Look up there whether and when the secret expires, and set client_secret_expires_at of the connection.".to_owned();
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
