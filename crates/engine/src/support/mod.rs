//! What somebody who helps needs to know of an account, a connection or a call, and nothing that they must not.
//!
//! Three things keep secrets out (I4). Only records that hold none are gathered; the diagnosis is made for a caller who
//! may not make authorization links; and what was gathered is cleaned of the account's credentials and the client's
//! secret, letter by letter, and of whatever looks like a secret ([`Redactor`]).

mod redact;

use std::collections::BTreeMap;

use valetkey_domain::{
    Account, Caller, Connection, Credential, Diagnosis, Error, Event, Execution, PageRequest, Permission,
    RefreshAttempt, SecretString,
    store::{EventFilter, ExecutionFilter},
};
use valetkey_upstream::{connector::Connector, tool::Mask};

use crate::{AccountView, ConnectionView, DiagnosisOf, DiagnosisOptions, Engine};

pub use redact::Redactor;

/// How many events, renewals and calls are told, the newest first.
const EVENTS: u32 = 50;
const REFRESHES: u32 = 20;
const EXECUTIONS: u32 = 20;

/// What was gathered; not cleaned yet.
pub struct SupportFacts {
    /// The connection that it is about, or that the account is on.
    pub connection: Option<ConnectionView>,
    /// The connector's name for people, its documentation and its status page.
    pub connector: Option<SupportConnector>,
    /// The account.
    pub account: Option<AccountView>,
    /// The call that it is about.
    pub execution: Option<Execution>,
    /// The diagnosis, as far as what is known here tells; nobody was asked.
    pub diagnosis: Diagnosis,
    /// The history, newest first.
    pub events: Vec<Event>,
    /// The attempts to renew the account's credential, newest first.
    pub refreshes: Vec<RefreshAttempt>,
    /// The calls, newest first.
    pub executions: Vec<Execution>,
    /// Cleans all of it.
    pub redactor: Redactor,
}

/// A connector as a helper needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportConnector {
    /// Its name in the API.
    pub slug: String,
    /// Its name for people.
    pub display_name: String,
    /// The documentation of its API.
    pub docs: Option<String>,
    /// The provider's status page.
    pub status_page: Option<String>,
}

impl SupportConnector {
    fn of(connector: &Connector) -> Self {
        Self {
            slug: connector.slug.clone(),
            display_name: connector.display_name.clone(),
            docs: connector.links.docs.clone(),
            status_page: connector.links.status.clone(),
        }
    }
}

/// What a bundle is about.
#[derive(Default)]
struct Records {
    connection: Option<Connection>,
    account: Option<Account>,
    execution: Option<Execution>,
}

impl Engine {
    /// Gathers what a helper needs. Nobody is asked and nothing changes. Needs `connected_accounts:read`,
    /// `connections:read` and `agent_logs:read`.
    ///
    /// # Errors
    /// As [`Engine::diagnose`].
    pub async fn support_facts(&self, caller: &Caller, of: &DiagnosisOf) -> Result<SupportFacts, Error> {
        for permission in [Permission::AccountsRead, Permission::ConnectionsRead, Permission::ExecutionsRead]
        {
            caller.require(permission)?;
        }
        let records = self.records_of(caller, of).await?;
        let diagnosis = self.diagnose(&without_links(caller), of, &DiagnosisOptions::default()).await?;
        let redactor = Redactor::new(self.masks_of(&records).await, &self.0.settings.public_url);
        let Records { connection, account, execution } = records;
        let page = |size| PageRequest { size, cursor: None };
        let (of_account, of_connection) = (
            account.as_ref().map(|account| account.id.clone()),
            connection.as_ref().filter(|_| account.is_none()).map(|connection| connection.id.clone()),
        );
        let filter = EventFilter {
            account: of_account.clone(),
            connection: of_connection.clone(),
            count_at_most: Some(0),
            ..EventFilter::default()
        };
        let events = self.list_events(caller, &filter, &page(EVENTS)).await?.items;
        let filter = ExecutionFilter {
            account: of_account,
            connection: of_connection,
            count_at_most: Some(0),
            ..ExecutionFilter::default()
        };
        let executions = self.list_executions(caller, &filter, &page(EXECUTIONS)).await?.items;
        let refreshes = match &account {
            Some(account) => self.0.store.refreshes(&account.id, &page(REFRESHES)).await?.items,
            None => Vec::new(),
        };
        let connector = connection.as_ref().and_then(|connection| self.connector_of(connection).ok());
        Ok(SupportFacts {
            connector: connector.map(|connector| SupportConnector::of(connector)),
            account: account.zip(connection.as_ref()).map(|(a, connection)| self.account_view(a, connection)),
            connection: connection.map(|connection| self.view_connection(connection)),
            execution,
            diagnosis,
            events,
            refreshes,
            executions,
            redactor,
        })
    }

    async fn records_of(&self, caller: &Caller, of: &DiagnosisOf) -> Result<Records, Error> {
        let environment = &caller.environment;
        Ok(match of {
            DiagnosisOf::Account(wanted) => {
                let (account, connection) = self.resolve_account(environment, wanted, None).await?;
                Records { connection: Some(connection), account: Some(account), execution: None }
            }
            DiagnosisOf::Connection(name) => {
                let connection = self.resolve_connection(environment, name).await?;
                Records { connection: Some(connection), ..Records::default() }
            }
            DiagnosisOf::Execution(id) => {
                let execution = self.get_execution(caller, id).await?;
                Records {
                    // Both may be gone since.
                    connection: self.0.store.connection(&execution.connection).await?,
                    account: self.0.store.account(&execution.account).await?,
                    execution: Some(execution),
                }
            }
        })
    }

    /// The secrets that are behind these records, as masks. What does not open cannot have been told either.
    async fn masks_of(&self, records: &Records) -> Vec<Mask> {
        let mut masks = Vec::new();
        if let Some(account) = &records.account {
            if let Ok((credential, _)) = self.stored_credential(account).await {
                masks.push(Mask::of(&credential));
            }
            if let Ok(Some(previous)) = self.0.store.previous_credential(&account.id).await
                && let Ok(credential) = self.open_previous(account, &previous).await
            {
                masks.push(Mask::of(&credential));
            }
        }
        if let Some(connection) = &records.connection
            && let Ok(client) = self.oauth_client(connection).await
            && let Some(secret) = client.secret
        {
            masks.push(mask_of(secret));
        }
        masks
    }
}

fn mask_of(secret: SecretString) -> Mask {
    Mask::of(&Credential::Static(BTreeMap::from([("client_secret".to_owned(), secret)])))
}

/// A caller for whom no authorization link is made: a link is a secret, and making one leaves a trace.
pub(crate) fn without_links(caller: &Caller) -> Caller {
    let permissions =
        caller.permissions.iter().filter(|permission| *permission != Permission::AccountsAccess);
    Caller { permissions: permissions.collect(), ..caller.clone() }
}
