//! What to look at before a connection meets its first user: everything that otherwise shows when a user stands at a
//! provider's error page.
//!
//! What can be found out is found out; what the provider only tells a user is told as a step that was skipped, with where to
//! look. Risks that this server cannot see (an app in testing) are findings of low confidence, unless an account shows
//! that they are none.

mod client;
mod redirect_uri;
mod scopes;

use valetkey_domain::{
    Caller, Connection, Error, ErrorCode, Permission,
    catalogue::RemedyAction,
    diagnosis::{Diagnosis, Evidence, EvidenceKind, Finding, Step, Subject, SubjectKind, Verdict},
};
use valetkey_upstream::{
    connector::{Auth, Connector, OAuthProfile, Pkce},
    oauth::requested_scopes,
};

use crate::Engine;

/// What was found so far.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<Finding>,
    steps: Vec<Step>,
    /// What shows that all is well.
    well: Vec<Evidence>,
}

impl Report {
    fn ok(&mut self, step: &'static str, detail: impl Into<String>) {
        let detail = detail.into();
        self.well.push(Evidence::new(EvidenceKind::Connection, detail.clone()).reference(step));
        self.steps.push(Step::ok(step, detail));
    }

    fn skipped(&mut self, step: &'static str, why: impl Into<String>) {
        self.steps.push(Step::skipped(step, why));
    }

    /// A step that brought a finding. It fails unless the finding only warns.
    fn found(&mut self, step: &'static str, finding: Finding) {
        let detail = format!("{}: {}", finding.code.as_str(), finding.message);
        self.steps.push(match finding.severity {
            Verdict::Broken => Step::failed(step, detail),
            Verdict::Degraded | Verdict::Healthy => Step::ok(step, format!("with a warning: {detail}")),
        });
        self.findings.push(finding);
    }
}

/// A remedy in the provider's console, with its address if the connector knows it.
fn in_console(finding: Finding, connector: &Connector, text: String) -> Finding {
    match &connector.links.console {
        Some(url) => finding.remedy_with_url(RemedyAction::CheckProvider, text, url),
        None => finding.remedy(RemedyAction::CheckProvider, text),
    }
}

impl Engine {
    /// Checks a connection before launch: redirect URI, scopes and what tools need, lasting access, PKCE, the client's
    /// credentials and their age, and what the provider may want of the app. Asks the provider about the client, as
    /// [`Engine::test_connection`] does. Needs `connections:write`.
    ///
    /// # Errors
    /// `connection_not_found`, `connector_not_found`.
    pub async fn preflight(&self, caller: &Caller, id_or_name: &str) -> Result<Diagnosis, Error> {
        caller.require(Permission::ConnectionsWrite)?;
        let connection = self.resolve_connection(&caller.environment, id_or_name).await?;
        let connector = self.connector_of(&connection)?.clone();
        let mut report = Report::default();
        if connection.enabled {
            report.ok("enabled", "The connection is enabled.");
        } else {
            let finding = Finding::new(ErrorCode::ConnectionDisabled).evidence(
                Evidence::new(EvidenceKind::Connection, "enabled is false").reference(connection.id.as_str()),
            );
            report.found("enabled", finding);
        }
        match &connector.auth {
            Auth::OAuth(profile) => {
                self.of_redirect_uri(&connection, &connector, &mut report).await;
                self.of_scopes(caller, &connection, &connector, profile, &mut report).await?;
                of_pkce(profile, connection.client_secret.is_some(), &mut report);
            }
            Auth::ClientCredentials(profile) => {
                self.of_scopes(caller, &connection, &connector, profile, &mut report).await?;
            }
            Auth::Static(..) | Auth::None => {
                report.skipped(
                    "oauth",
                    "This connector has no OAuth client: every account enters its own credential.",
                );
            }
        }
        self.of_client(caller, &connection, &connector, &mut report).await?;
        let Report { findings, steps, well } = report;
        Ok(Diagnosis::of(subject(&connection), findings, steps, well))
    }
}

fn subject(connection: &Connection) -> Subject {
    Subject {
        kind: SubjectKind::Connection,
        connection_id: Some(connection.id.clone()),
        connection_name: Some(connection.name.clone()),
        connector: Some(connection.connector.clone()),
        ..Subject::default()
    }
}

/// RFC 9700 §2.1.1: clients should use PKCE; without a secret nothing else binds the code to us.
fn of_pkce(profile: &OAuthProfile, has_secret: bool, report: &mut Report) {
    let is_used = profile.authorize.as_ref().is_none_or(|authorize| authorize.pkce == Pkce::S256);
    match (is_used, has_secret) {
        (true, _) => report.ok("pkce", "Codes are bound to this server by PKCE (S256)."),
        (false, true) => report.ok(
            "pkce",
            "The provider does not take PKCE; codes are bound to this server by the client secret.",
        ),
        (false, false) => report.found(
            "pkce",
            Finding::new(ErrorCode::PkceMissing)
                .severity(Verdict::Degraded)
                .message("Neither PKCE nor a client secret binds authorization codes to this server.")
                .evidence(Evidence::new(EvidenceKind::Connector, "authorize.pkce is off"))
                .remedy(
                    RemedyAction::ConfigureConnection,
                    "Give the connection the client secret of its OAuth app.",
                )
                .catalogue_remedies(),
        ),
    }
}

/// The scopes that the connection asks for.
fn asked(profile: &OAuthProfile, connection: &Connection) -> Vec<String> {
    requested_scopes(profile, &connection.scopes)
}
