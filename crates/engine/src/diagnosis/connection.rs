//! Connections: what is wrong with them for all their accounts.

use std::sync::Arc;

use valetkey_domain::{
    AccountStatus, Caller, Connection, Diagnosis, Error, ErrorCode, Event, Evidence, Finding, PageRequest,
    Step, Time,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
    store::AccountFilter,
};
use valetkey_upstream::connector::{Connector, Place};

use super::{
    DiagnosisOptions, callback,
    case::{Case, counted, event_evidence},
    connection_fact, limits, redirect,
    said::{Said, code_word, of_reason},
    secret::{self, ClientHistory},
    subject_of,
};
use crate::Engine;

/// Which OAuth client the connection works with.
pub(super) fn client_evidence(connection: &Connection) -> Evidence {
    connection_fact(match (connection.use_shared_credentials, &connection.client_id) {
        (true, _) => "The connection uses the shared OAuth client of this server.".to_owned(),
        (false, Some(id)) => format!("The connection's own OAuth client is {id}."),
        (false, None) => "The connection has no OAuth client.".to_owned(),
    })
}

/// What is known of a connection, with or without an account.
struct About<'a> {
    connection: &'a Connection,
    connector: Option<&'a Arc<Connector>>,
    /// Newest first.
    events: &'a [Event],
    /// Whether anybody's access token still works nevertheless.
    still_works: bool,
    client: &'a ClientHistory,
    now: Time,
}

/// What the configuration of an account's connection says.
pub(super) fn of_configuration(engine: &Engine, case: &Case<'_>) -> Vec<Finding> {
    let still_works = case.account.status() == AccountStatus::Active && case.still_works();
    let about = About {
        connection: &case.connection,
        connector: case.connector.as_ref(),
        events: &case.of_connection,
        still_works,
        client: &case.client,
        now: case.now,
    };
    let mut findings = configuration(engine, &about);
    findings.extend(case.unregistered());
    if let Some(code) = case.unopened {
        findings.push(Finding::new(code).evidence(case.status_evidence()).catalogue_remedies());
    }
    findings
}

fn configuration(engine: &Engine, about: &About<'_>) -> Vec<Finding> {
    let connection = about.connection;
    let mut findings = Vec::new();
    let Some(connector) = about.connector else {
        return vec![
            Finding::new(ErrorCode::ConnectorNotFound)
                .message(format!(
                    "The connector \"{}\" of the connection \"{}\" is not installed.",
                    connection.connector, connection.name
                ))
                .actor(valetkey_domain::catalogue::Actor::Operator)
                .evidence(connection_fact(format!("connector: {}", connection.connector)))
                .catalogue_remedies(),
        ];
    };
    if !connection.enabled {
        findings.push(
            Finding::new(ErrorCode::ConnectionDisabled)
                .message(format!("The connection \"{}\" is disabled.", connection.name))
                .evidence(connection_fact("enabled: false").at(connection.updated_at))
                .remedy(
                    RemedyAction::ConfigureConnection,
                    format!("Enable the connection \"{}\".", connection.name),
                ),
        );
    }
    findings.extend(client_missing(engine, connection, connector));
    let ended = secret::of_end(connection, connector, about.client, about.now);
    match (fault(about, connector), ended) {
        // A date that was noted explains a refusal that says no more than that.
        (Some(fault), Some(ended)) if fault.code == ErrorCode::InvalidClient && secret::is_over(&ended) => {
            findings.push(
                ended.severity(fault.severity).confidence(Confidence::Certain).evidences(fault.evidence),
            );
        }
        (fault, ended) => {
            findings.extend(fault);
            findings.extend(ended.map(|ended| match (about.still_works, ended.severity) {
                (true, Verdict::Broken) => ended.severity(Verdict::Degraded),
                _ => ended,
            }));
        }
    }
    findings
}

/// An OAuth connector without a client.
fn client_missing(engine: &Engine, connection: &Connection, connector: &Connector) -> Option<Finding> {
    connector.auth.oauth()?;
    let shared = connection.use_shared_credentials;
    let known = engine.settings().shared_credentials.contains_key(&connection.connector);
    let code = match (shared, connection.client_id.is_some()) {
        (true, _) if !known => ErrorCode::SharedCredentialsUnavailable,
        (false, false) => ErrorCode::ConnectionNotConfigured,
        _ => return None,
    };
    let finding = Finding::new(code).evidence(client_evidence(connection));
    Some(match connector.links.console.clone().filter(|_| code == ErrorCode::ConnectionNotConfigured) {
        Some(console) => finding.remedy_with_url(
            RemedyAction::ConfigureConnection,
            format!(
                "Make an OAuth client at {} and set its client_id and client_secret.",
                connector.display_name
            ),
            console,
        ),
        None => finding.catalogue_remedies(),
    })
}

/// The provider refuses the connection's client.
fn fault(about: &About<'_>, connector: &Connector) -> Option<Finding> {
    let fault = about.connection.fault.as_ref()?;
    let told = about.events.iter().find(|event| event.event.kind == EventKind::ConnectionFaulted);
    let said = told.map(Said::of_event).unwrap_or_default();
    let reason = connector.reasons.find(Place::Token, said.code.as_deref(), said.message.as_deref());
    let finding = match reason {
        Some(reason) => of_reason(reason),
        None => Finding::new(fault.code).catalogue_remedies(),
    };
    let severity = if about.still_works { Verdict::Degraded } else { Verdict::Broken };
    let mut finding = finding
        .severity(severity)
        .evidence(
            connection_fact(format!(
                "{} refuses the connection: {}",
                connector.display_name,
                fault.code.as_str()
            ))
            .at(fault.since),
        )
        .evidences(told.map(|event| event_evidence(event, code_word(event))))
        .evidences(said.evidence(Place::Token))
        .evidence(client_evidence(about.connection));
    finding = secret::with_history(finding, about.client, about.now);
    if about.connection.use_shared_credentials {
        finding = finding.actor(valetkey_domain::catalogue::Actor::Operator);
    }
    Some(finding)
}

/// Tools that need scopes which the connection does not ask for.
fn scopes_missing(connection: &Connection, connector: &Connector) -> Option<Finding> {
    // Who leaves the scopes to the connector gets those that its tools need.
    if connection.scopes.is_empty() {
        return None;
    }
    let profile = connector.auth.oauth()?;
    let asked = valetkey_upstream::oauth::requested_scopes(profile, &connection.scopes);
    let lacking: Vec<(String, Vec<String>)> = connector
        .tools
        .iter()
        .map(|tool| (tool.name.clone(), tool.missing_scopes(&asked)))
        .filter(|(_, missing)| !missing.is_empty())
        .collect();
    if lacking.is_empty() {
        return None;
    }
    let mut wanted: Vec<String> = lacking.iter().flat_map(|(_, missing)| missing.clone()).collect();
    wanted.sort();
    wanted.dedup();
    Some(
        Finding::new(ErrorCode::ConnectionScopesMissing)
            .severity(Verdict::Degraded)
            .message(format!(
                "{} of {} tools cannot be used: the connection \"{}\" does not ask for their scopes.",
                lacking.len(),
                connector.tools.len(),
                connection.name
            ))
            .evidences(lacking.iter().take(10).map(|(tool, missing)| {
                Evidence::new(EvidenceKind::Connector, format!("{tool} needs {}", missing.join(" ")))
            }))
            .remedy(
                RemedyAction::ConfigureConnection,
                format!("If these tools are wanted, add to the connection's scopes: {}", wanted.join(" ")),
            )
            .remedy(RemedyAction::Reauthorize, "Then have the users authorize again."),
    )
}

/// Nothing speaks against the connection, but nothing for it either.
fn untried(connection: &Connection, well: &mut Vec<Evidence>) -> Finding {
    let name = &connection.name;
    Finding::new(ErrorCode::Healthy)
        .severity(Verdict::Healthy)
        .confidence(Confidence::Possible)
        .message(format!("Nothing is known to be wrong with the connection \"{name}\", but it has not been tried yet."))
        .cause("The provider has not been seen to accept its OAuth client, nor the redirect URI.")
        .evidences(std::mem::take(well))
        .remedy(
            RemedyAction::ConfigureConnection,
            format!("Have the client tried and look at the rest before launch: valetkey doctor connection {name} --preflight"),
        )
        .remedy(RemedyAction::Authorize, "Register the redirect URI at the provider, then open an authorization link yourself.")
}

impl Engine {
    /// Finds out what is wrong with a connection for all its accounts.
    pub(super) async fn diagnose_connection(
        &self,
        caller: &Caller,
        connection: Connection,
        options: &DiagnosisOptions,
    ) -> Result<Diagnosis, Error> {
        let mut steps = Vec::new();
        let mut tried = Vec::new();
        let mut accepted = false;
        let connection = match options.probe {
            true => {
                let test = self.test_connection(caller, connection.id.as_str()).await?;
                accepted = test.accepts_the_client();
                for check in test.checked {
                    steps.push(match check.ok {
                        true => Step::ok(check.item, check.detail),
                        false => {
                            tried.extend(check.code.map(|code| (code, check.detail.clone())));
                            Step::failed(check.item, check.detail)
                        }
                    });
                }
                steps.extend(test.not_checked.into_iter().map(|item| Step::skipped(item.item, item.reason)));
                self.resolve_connection(&caller.environment, connection.id.as_str()).await?
            }
            false => connection,
        };
        let events = self.events_of_connection(&connection).await?;
        steps.insert(
            0,
            Step::ok("history", format!("read {} of the connection", counted(events.len(), "event"))),
        );
        let mut client = self.client_history(&connection).await?;
        if accepted {
            client.seen_to_work(self.now());
        }
        let connector = self.connector_of(&connection).ok().cloned();
        let about = About {
            connection: &connection,
            connector: connector.as_ref(),
            events: &events,
            still_works: false,
            client: &client,
            now: self.now(),
        };
        let mut findings = configuration(self, &about);
        let uri = self.redirect_uri(&connection);
        if let Some(connector) = &connector {
            findings.extend(scopes_missing(&connection, connector));
            if let Some(event) = self.limit_of_client(&connection).await? {
                findings.extend(limits::of_connection(&connection, connector, &event, self.now()));
            }
            let registered = &options.registered_redirect_uris;
            if !registered.is_empty() && !registered.contains(&uri) {
                let name = connector.display_name.as_str();
                findings.push(redirect::redirect_finding_of(&uri, registered, "is registered", name));
            }
        }
        findings.extend(callback::strays(&events));
        for (code, detail) in tried {
            // A fault that was noted just now has been explained already, by the provider's table.
            if connection.fault.as_ref().is_none_or(|fault| fault.code != code) {
                findings.push(
                    Finding::new(code)
                        .evidence(Evidence::new(EvidenceKind::Probe, detail))
                        .catalogue_remedies(),
                );
            }
        }
        let mut well = vec![
            connection_fact(format!("The connection is enabled; its redirect URI is {uri}")),
            client_evidence(&connection),
        ];
        well.push(self.accounts_by_status(&connection).await?);
        if findings.is_empty()
            && connector.as_ref().is_some_and(|it| it.auth.oauth().is_some())
            && !client.has_worked()
        {
            findings.push(untried(&connection, &mut well));
        }
        Ok(Diagnosis::of(subject_of(&connection), findings, steps, well))
    }

    /// How the connection's accounts stand, as evidence.
    async fn accounts_by_status(&self, connection: &Connection) -> Result<Evidence, Error> {
        let mut parts = Vec::new();
        for status in AccountStatus::ALL {
            let filter = AccountFilter {
                connections: vec![connection.id.clone()],
                status: Some(status),
                ..AccountFilter::default()
            };
            let page = PageRequest { size: 1, cursor: None };
            let count = self.0.store.accounts(&connection.environment, &filter, &page).await?.total;
            if count > 0 {
                parts.push(format!("{count} {}", status.as_str()));
            }
        }
        let text = if parts.is_empty() { "none yet".to_owned() } else { parts.join(", ") };
        Ok(connection_fact(format!("Accounts: {text}")))
    }
}
