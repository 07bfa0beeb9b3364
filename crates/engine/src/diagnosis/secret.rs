//! OAuth clients: whether the provider ever took the client id and secret, and whether the secret has ended or soon will.

use time::Duration;
use valetkey_domain::{
    Connection, Error, ErrorCode, Event, Evidence, Finding, PageRequest, Time,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
    store::EventFilter,
};
use valetkey_upstream::connector::Connector;

use super::case::{ago_words, duration_words, event_evidence};
use crate::Engine;

/// So long before a secret ends it is told.
pub(crate) const SOON: Duration = Duration::days(30);

/// How many events of a connection are looked through.
const EVENTS: u32 = 100;

/// What the history knows of a connection's OAuth client.
#[derive(Debug, Clone)]
pub(crate) struct ClientHistory {
    /// When the client secret was last written.
    pub(crate) secret_set_at: Time,
    /// When the client id or the secret was last written, or another client chosen.
    pub(crate) set_at: Time,
    /// When the provider was last seen to accept the client.
    pub(crate) accepted_at: Option<Time>,
    /// How that is known.
    accepted: Option<Event>,
}

impl ClientHistory {
    /// The provider has just accepted the client.
    pub(crate) fn seen_to_work(&mut self, now: Time) {
        self.accepted_at = Some(now);
        self.accepted = None;
    }

    /// Whether the provider has been seen to accept the client that is set now.
    pub(crate) fn has_worked(&self) -> bool {
        self.worked_at().is_some()
    }

    /// When the provider accepted the client that is set now.
    fn worked_at(&self) -> Option<Time> {
        self.accepted_at.filter(|at| *at >= self.set_at)
    }
}

impl Engine {
    /// What the history knows of a connection's OAuth client.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub(crate) async fn client_history(&self, connection: &Connection) -> Result<ClientHistory, Error> {
        let page = PageRequest { size: EVENTS, cursor: None };
        let filter = |kinds: &[EventKind]| EventFilter {
            connection: Some(connection.id.clone()),
            kinds: kinds.to_vec(),
            count_at_most: Some(0),
            ..EventFilter::default()
        };
        let store = &self.0.store;
        let updates = filter(&[EventKind::ConnectionUpdated]);
        let updates = store.events(&connection.environment, &updates, &page).await?.items;
        let set = |fields: &[&str]| {
            let changed = |event: &&Event| {
                let changed = event.event.data["changed"].as_array();
                changed.is_some_and(|all| {
                    all.iter().filter_map(|field| field.as_str()).any(|field| fields.contains(&field))
                })
            };
            updates.iter().find(changed).map_or(connection.created_at, |event| event.at)
        };
        let accepting = filter(&[
            EventKind::AccountActivated,
            EventKind::AccountAwaitsVerification,
            EventKind::CredentialRefreshed,
            EventKind::ConnectionRecovered,
        ]);
        let accepting = store.events(&connection.environment, &accepting, &page).await?.items;
        // Nobody asked the provider about a token that a caller brought along.
        let accepted = accepting.into_iter().find(|event| event.event.data["source"] != "imported");
        Ok(ClientHistory {
            secret_set_at: set(&["client_secret"]),
            set_at: set(&["client_id", "client_secret", "use_shared_credentials"]),
            accepted_at: accepted.as_ref().map(|event| event.at),
            accepted,
        })
    }
}

/// A client secret whose end is known, and near or past.
pub(crate) fn of_end(
    connection: &Connection,
    connector: &Connector,
    history: &ClientHistory,
    now: Time,
) -> Option<Finding> {
    let end = connection.client_secret_expires_at.filter(|_| !connection.use_shared_credentials)?;
    let left = end - now;
    if left > SOON {
        return None;
    }
    let (secret, words, day) = (
        format!("The client secret of the connection \"{}\"", connection.name),
        duration_words(left),
        end.date(),
    );
    let fact = super::connection_fact("client_secret_expires_at of the connection")
        .reference("client_secret_expires_at");
    let finding = if left.is_positive() {
        Finding::new(ErrorCode::ClientSecretExpiring)
            .severity(Verdict::Degraded)
            .message(format!("{secret} ends in {words}, on {day}."))
            .evidence(fact.at(end))
    } else {
        Finding::new(ErrorCode::ClientSecretExpired)
            .confidence(Confidence::Likely)
            .message(format!("{secret} ended {words} ago, on {day}."))
            .evidence(fact.at(end))
    };
    if let Some(at) = history.worked_at().filter(|at| *at >= end) {
        let text = format!(
            "Look up in the console of {} when the secret ends, and correct client_secret_expires_at of the connection.",
            connector.display_name
        );
        return Some(with_console(
            finding
                .severity(Verdict::Degraded)
                .confidence(Confidence::Possible)
                .cause("The provider has accepted the secret since: the end that is noted is wrong, or not enforced yet.")
                .evidence(worked(history, at)),
            connector,
            text,
        ));
    }
    let when = if left.is_positive() { format!(" before {day}") } else { String::new() };
    let text = format!(
        "Make a new secret in the console of {}{when}, set it on the connection \"{}\" together with its \
         client_secret_expires_at, then delete the old one there.",
        connector.display_name, connection.name
    );
    Some(with_console(finding, connector, text))
}

/// Whether the end of a secret is past, and nothing speaks against it.
pub(crate) fn is_over(ended: &Finding) -> bool {
    ended.code == ErrorCode::ClientSecretExpired && ended.confidence != Confidence::Possible
}

fn with_console(finding: Finding, connector: &Connector, text: String) -> Finding {
    match &connector.links.console {
        Some(url) => finding.remedy_with_url(RemedyAction::ConfigureConnection, text, url),
        None => finding.remedy(RemedyAction::ConfigureConnection, text),
    }
}

fn worked(history: &ClientHistory, at: Time) -> Evidence {
    match &history.accepted {
        Some(event) => event_evidence(event, "the provider accepted the client"),
        None => Evidence::new(EvidenceKind::Probe, "The provider accepts the client.").at(at),
    }
}

/// What a refusal of the client means, when one knows whether it was ever accepted: a secret that worked before was
/// regenerated; one that never did was not the right one to begin with.
pub(crate) fn with_history(finding: Finding, history: &ClientHistory, now: Time) -> Finding {
    if !matches!(finding.code, ErrorCode::InvalidClient | ErrorCode::ClientSecretWrong) {
        return finding;
    }
    let ago = |at: Time| ago_words(now - at);
    // What the provider itself says comes first.
    let said = Some(finding.cause.clone()).filter(|cause| cause.as_str() != finding.code.entry().cause);
    if let Some(at) = history.worked_at() {
        let accepted = format!("The provider accepted this client id and secret until {}", ago(at));
        let cause = match said {
            Some(said) => format!("{said} {accepted}."),
            None => format!(
                "{accepted}: since then the secret was regenerated, or the app deleted, in the provider's console."
            ),
        };
        return finding.cause(cause).evidence(worked(history, at));
    }
    let since = Evidence::new(
        EvidenceKind::Connection,
        "The provider has not accepted the client that was set then.",
    );
    let finding = match said {
        Some(_) => finding,
        None => finding.cause(format!(
            "The client id and secret were set {}, and the provider has not accepted them since: they are mistyped, or \
             belong to another app.",
            ago(history.set_at)
        )),
    };
    finding.evidence(since.at(history.set_at))
}
