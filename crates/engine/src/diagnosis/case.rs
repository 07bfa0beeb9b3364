//! Everything that is known about an account, read once.

use std::sync::Arc;

use valetkey_domain::{
    Account, AuthRequest, AuthRequestId, Caller, Connection, Credential, Error, ErrorCode, Event, Evidence,
    Execution, PageRequest, Permission, RefreshAttempt, RefreshOutcome, Step, Time,
    diagnosis::{EvidenceKind, Subject, SubjectKind},
    event::EventKind,
    execution::ExecutionStatus,
    refresh::Frozen,
    store::{EventFilter, ExecutionFilter},
};
use valetkey_upstream::{connector::Connector, oauth::requested_scopes};

use super::{DiagnosisOptions, limits, secret::ClientHistory};
use crate::Engine;

/// How many records of each kind are looked at.
const EVENTS: u32 = 100;
const REFRESHES: u32 = 20;
const EXECUTIONS: u32 = 20;
/// How many limits that accounts of a connection met are looked at.
const LIMITS: u32 = 50;

/// What is known of the stored credential. Never the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CredentialFacts {
    /// Whether there is something to renew it with.
    pub(super) renewable: bool,
    /// When it was stored.
    pub(super) stored_at: Option<Time>,
}

/// An account with its history and everything around it.
pub(super) struct Case<'a> {
    pub(super) caller: &'a Caller,
    pub(super) now: Time,
    pub(super) account: Account,
    pub(super) connection: Connection,
    /// `None` if its file is gone.
    pub(super) connector: Option<Arc<Connector>>,
    pub(super) redirect_uri: String,
    /// Redirect URIs that the caller says are registered.
    pub(super) registered: Vec<String>,
    /// The account's history, newest first.
    pub(super) events: Vec<Event>,
    /// What the connection's history says of the connection itself, newest first.
    pub(super) of_connection: Vec<Event>,
    /// The limit of the connection's OAuth client that is not over, whichever account met it.
    pub(super) limit_of_client: Option<Event>,
    /// What is known of the connection's OAuth client.
    pub(super) client: ClientHistory,
    /// Newest first.
    pub(super) refreshes: Vec<RefreshAttempt>,
    /// Newest first; empty for callers who may not read them.
    pub(super) executions: Vec<Execution>,
    /// The newest attempt to authorize, if it is still there.
    pub(super) attempt: Option<AuthRequest>,
    /// `None` while nothing is stored.
    pub(super) credential: Option<CredentialFacts>,
    /// The code with which the stored credential did not open.
    pub(super) unopened: Option<ErrorCode>,
    pub(super) frozen: Option<Frozen>,
}

/// The id of the attempt that an event is about.
pub(super) fn attempt_of(event: &Event) -> Option<&str> {
    event.event.data["auth_request_id"].as_str()
}

/// An event as evidence.
pub(super) fn event_evidence(event: &Event, detail: impl Into<String>) -> Evidence {
    let kind = event.event.kind.as_str();
    let detail = detail.into();
    let text = if detail.is_empty() { kind.to_owned() } else { format!("{kind}: {detail}") };
    Evidence::new(EvidenceKind::Event, text).reference(event.id.as_str()).at(event.at)
}

impl Engine {
    /// Reads everything about an account. Changes nothing.
    pub(super) async fn case<'a>(
        &self,
        caller: &'a Caller,
        account: Account,
        connection: Connection,
        options: &DiagnosisOptions,
    ) -> Result<Case<'a>, Error> {
        let store = &self.0.store;
        let environment = &account.environment;
        let filter = EventFilter {
            account: Some(account.id.clone()),
            count_at_most: Some(0),
            ..EventFilter::default()
        };
        let page = |size| PageRequest { size, cursor: None };
        let events = store.events(environment, &filter, &page(EVENTS)).await?.items;
        let of_connection = self.events_of_connection(&connection).await?;
        let limit_of_client = self.limit_of_client(&connection).await?;
        let client = self.client_history(&connection).await?;
        let refreshes = store.refreshes(&account.id, &page(REFRESHES)).await?.items;
        let executions = if caller.permissions.allows(Permission::ExecutionsRead) {
            let filter = ExecutionFilter {
                account: Some(account.id.clone()),
                count_at_most: Some(0),
                ..ExecutionFilter::default()
            };
            store.executions(environment, &filter, &page(EXECUTIONS)).await?.items
        } else {
            Vec::new()
        };
        let connector = self.connector_of(&connection).ok().cloned();
        let (credential, unopened) = match self.stored_credential(&account).await {
            Ok((credential, stored)) => {
                let renewable = match (&credential, &connector) {
                    (Credential::OAuth(tokens), Some(connector)) => {
                        crate::refresh::is_renewable(connector, tokens)
                    }
                    _ => false,
                };
                let facts = stored
                    .map(|stored| CredentialFacts { renewable, stored_at: Some(stored.created_at) })
                    .filter(|_| account.generation > 0);
                (facts, None)
            }
            Err(error) if error.code() == ErrorCode::SealRefused => (None, Some(error.code())),
            Err(error) if error.code() == ErrorCode::StorageUnavailable => return Err(error),
            Err(_) => (None, None),
        };
        let mut case = Case {
            caller,
            now: self.now(),
            redirect_uri: self.redirect_uri(&connection),
            registered: options.registered_redirect_uris.clone(),
            account,
            connection,
            connector,
            events,
            of_connection,
            limit_of_client,
            client,
            refreshes,
            executions,
            attempt: None,
            credential,
            unopened,
            frozen: store.frozen().await?,
        };
        if let Some(id) = case.newest_attempt().and_then(|id| id.parse::<AuthRequestId>().ok()) {
            case.attempt = store.auth_request(&id).await?;
        }
        Ok(case)
    }

    /// The limit of a connection's OAuth client that is not over.
    pub(super) async fn limit_of_client(&self, connection: &Connection) -> Result<Option<Event>, Error> {
        let filter = EventFilter {
            connection: Some(connection.id.clone()),
            kinds: vec![EventKind::RateLimited],
            count_at_most: Some(0),
            ..EventFilter::default()
        };
        let page = PageRequest { size: LIMITS, cursor: None };
        let events = self.0.store.events(&connection.environment, &filter, &page).await?.items;
        Ok(limits::of_client(&events, self.now()).cloned())
    }

    /// What happened to a connection itself, newest first.
    pub(super) async fn events_of_connection(&self, connection: &Connection) -> Result<Vec<Event>, Error> {
        let filter = EventFilter {
            connection: Some(connection.id.clone()),
            kinds: vec![
                EventKind::ConnectionFaulted,
                EventKind::ConnectionRecovered,
                EventKind::ConnectionUpdated,
                EventKind::CallbackRefused,
            ],
            count_at_most: Some(0),
            ..EventFilter::default()
        };
        let page = PageRequest { size: EVENTS, cursor: None };
        let found = self.0.store.events(&connection.environment, &filter, &page).await?;
        Ok(found.items.into_iter().filter(|event| event.event.account.is_none()).collect())
    }
}

impl Case<'_> {
    /// The newest event of one of these kinds.
    pub(super) fn newest(&self, kinds: &[EventKind]) -> Option<&Event> {
        self.events.iter().find(|event| kinds.contains(&event.event.kind))
    }

    /// The provider refused the credential, and nothing has worked since.
    pub(super) fn refusal(&self) -> Option<&Event> {
        let event = self.newest(&[EventKind::CredentialRefused])?;
        let mended =
            [EventKind::AccountActivated, EventKind::CredentialRefreshed, EventKind::AccountVerified];
        let since = self.newest(&mended).is_some_and(|mended| mended.id > event.id);
        let worked = self.executions.iter().any(|execution| {
            execution.status == ExecutionStatus::Succeeded && execution.started_at > event.at
        });
        (!since && !worked).then_some(event)
    }

    /// Whether calls can go on with the access token that there is.
    pub(super) fn still_works(&self) -> bool {
        self.account.token_expires_at.is_none_or(|at| at > self.now) && self.refusal().is_none()
    }

    /// The newest event of one of these kinds before `at`, which may be of the same moment.
    pub(super) fn newest_before(&self, kinds: &[EventKind], before: &Event) -> Option<&Event> {
        self.events.iter().find(|event| event.id < before.id && kinds.contains(&event.event.kind))
    }

    /// The newest link that somebody made for the user: those that were made for a remedy and never opened are none.
    pub(super) fn newest_link(&self) -> Option<&Event> {
        self.events.iter().find(|event| {
            event.event.kind == EventKind::LinkCreated
                && (event.event.data["remedy"] != true || self.was_opened(event))
        })
    }

    fn was_opened(&self, link: &Event) -> bool {
        self.events
            .iter()
            .any(|event| event.event.kind == EventKind::LinkOpened && attempt_of(event) == attempt_of(link))
    }

    /// The attempt that the newest step of an authorization belongs to.
    fn newest_attempt(&self) -> Option<String> {
        let steps =
            [EventKind::LinkOpened, EventKind::AuthorizationStarted, EventKind::AccountAwaitsVerification];
        let step = self.newest(&steps);
        let newest = match (step, self.newest_link()) {
            (Some(step), Some(link)) => Some(if step.id > link.id { step } else { link }),
            (step, link) => step.or(link),
        };
        newest.and_then(attempt_of).map(str::to_owned)
    }

    /// The authorization or import that brought the grant which ended with `end` (or lives now).
    pub(super) fn consent(&self, end: Option<&Event>) -> Option<&Event> {
        let kinds = [EventKind::AccountActivated, EventKind::AccountAwaitsVerification];
        match end {
            Some(end) => self.newest_before(&kinds, end),
            None => self.newest(&kinds),
        }
    }

    /// When the refresh token was last used with success before `end`.
    pub(super) fn last_renewal(&self, end: &Event) -> Option<Time> {
        let of_events = self.newest_before(&[EventKind::CredentialRefreshed], end).map(|event| event.at);
        let renewed = |attempt: &&RefreshAttempt| attempt.outcome == Some(RefreshOutcome::Renewed);
        let of_ledger = self.refreshes.iter().find(renewed).and_then(|attempt| attempt.ended_at);
        of_events.max(of_ledger.filter(|at| *at <= end.at))
    }

    /// The scopes that the connection asks for now.
    pub(super) fn asked(&self) -> Vec<String> {
        let profile = self.connector.as_ref().and_then(|connector| connector.auth.oauth());
        profile.map(|profile| requested_scopes(profile, &self.connection.scopes)).unwrap_or_default()
    }

    /// The provider's name for people.
    pub(super) fn provider(&self) -> &str {
        self.connector.as_ref().map_or(self.connection.connector.as_str(), |c| c.display_name.as_str())
    }

    /// Who the account is, in words.
    pub(super) fn who(&self) -> String {
        format!(
            "The account of {} on the connection \"{}\"",
            crate::execute::resolve::described(&self.account),
            self.connection.name
        )
    }

    /// How long ago, in words.
    pub(super) fn ago(&self, at: Time) -> String {
        ago_words(self.now - at)
    }

    pub(super) fn subject(&self, kind: SubjectKind) -> Subject {
        Subject {
            kind,
            account_id: Some(self.account.id.clone()),
            identifier: Some(self.account.identifier.clone()),
            connection_id: Some(self.connection.id.clone()),
            connection_name: Some(self.connection.name.clone()),
            connector: Some(self.connection.connector.clone()),
            execution_id: None,
            status: Some(self.account.status().as_str().to_owned()),
        }
    }

    /// The status as a step: what is not `ACTIVE` has failed.
    pub(super) fn status_step(&self) -> Step {
        let status = self.account.status();
        let cause = self.account.cause.map(|cause| format!(", cause {}", cause.as_str())).unwrap_or_default();
        let detail =
            format!("{}{cause}, last changed {}", status.as_str(), self.ago(self.account.updated_at));
        match status.refusal() {
            None => Step::ok("status", detail),
            Some(_) => Step::failed("status", detail),
        }
    }

    pub(super) fn history_detail(&self) -> String {
        format!(
            "read {}, {} to renew, {}",
            counted(self.events.len(), "event"),
            counted(self.refreshes.len(), "attempt"),
            counted(self.executions.len(), "execution")
        )
    }

    /// The status as evidence.
    pub(super) fn status_evidence(&self) -> Evidence {
        Evidence::new(EvidenceKind::Status, format!("The account is {}.", self.account.status().as_str()))
            .at(self.account.updated_at)
    }

    /// What shows that nothing is wrong.
    pub(super) fn signs_of_health(&self) -> Vec<Evidence> {
        let mut signs = vec![self.status_evidence()];
        if let Some(expires_at) = self.account.token_expires_at {
            let left = duration_words(expires_at - self.now);
            let renewable = self.credential.is_some_and(|facts| facts.renewable);
            let then = if renewable { "; it is renewed before that" } else { "" };
            let detail = if expires_at > self.now {
                format!("The access token works for {left} more{then}.")
            } else {
                "The access token has run out; the next call renews it.".to_owned()
            };
            signs.push(Evidence::new(EvidenceKind::Credential, detail).at(expires_at));
        }
        let worked = |event: &&Event| {
            matches!(event.event.kind, EventKind::CredentialRefreshed | EventKind::AccountActivated)
        };
        if let Some(event) = self.events.iter().find(worked) {
            signs.push(event_evidence(event, self.ago(event.at)));
        }
        let succeeded = |execution: &&Execution| super::execution::is_fine(execution);
        if let Some(execution) = self.executions.iter().find(succeeded) {
            let what = execution.tool.as_deref().unwrap_or("a proxied call");
            signs.push(
                Evidence::new(EvidenceKind::Execution, format!("{what} succeeded."))
                    .reference(execution.id.as_str())
                    .at(execution.started_at),
            );
        }
        signs
    }
}

/// A length of time as people say it.
pub(super) fn duration_words(duration: time::Duration) -> String {
    let seconds = duration.whole_seconds().unsigned_abs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// How long ago something was, as people say it.
pub(super) fn ago_words(duration: time::Duration) -> String {
    match duration.whole_seconds() {
        0 => "just now".to_owned(),
        _ => format!("{} ago", duration_words(duration)),
    }
}

/// `1 event`, `2 events`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
