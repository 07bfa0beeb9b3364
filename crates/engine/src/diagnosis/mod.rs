//! Why something does not work: what happened, how that is known, whose move it is, what to do.
//!
//! A diagnosis first reads what is there (status, history, renewals, executions, connection, connector) and asks nobody.
//! Only if it is asked to probe does it do what a person would: look at the status, refresh, compare scopes, make the
//! cheapest read call; each is a step of the answer. What was found is ranked, and "healthy" is a finding like any other.

mod active;
mod callback;
mod case;
mod connection;
mod execution;
mod expired;
mod identity;
mod limits;
mod pending;
mod probe;
mod redirect;
mod remedy;
mod revoked;
mod said;
pub(crate) mod secret;
mod siblings;

use valetkey_domain::{
    Account, AccountStatus, Caller, Connection, Diagnosis, Error, ErrorCode, Evidence, Execution, Finding,
    Permission, Step,
    diagnosis::{EvidenceKind, ShortDiagnosis, Subject, SubjectKind},
};

use self::case::Case;
use crate::{AccountRef, Engine};

/// What a diagnosis is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiagnosisOf {
    /// A connected account.
    Account(AccountRef),
    /// A connection, by name or id.
    Connection(String),
    /// A tool or proxied call, by id.
    Execution(String),
}

/// How far a diagnosis goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiagnosisOptions {
    /// Whether the provider is asked too: a refresh and the cheapest read call for an account, a trial of the client
    /// credentials for a connection.
    pub probe: bool,
    /// The redirect URIs that are registered at the provider, as its console shows them: compared with ours.
    pub registered_redirect_uris: Vec<String>,
}

/// How many redirect URIs can be compared, and how long each may be.
const MAX_REGISTERED: usize = 50;
const MAX_URI: usize = 2048;

impl Engine {
    /// Finds out why an account, a connection or a call does not work. Needs `connected_accounts:read`, for an execution
    /// `agent_logs:read` too, for a connection `connections:read` instead; to probe, `connected_accounts:write` (of a
    /// connection: `connections:write`). Remedies hold an authorization link if the caller may make links.
    ///
    /// # Errors
    /// `permission_denied`, `account_not_found`, `connection_not_found`, `execution_not_found`, `ambiguous_account`,
    /// `ambiguous_connection`, `invalid_argument`.
    pub async fn diagnose(
        &self,
        caller: &Caller,
        of: &DiagnosisOf,
        options: &DiagnosisOptions,
    ) -> Result<Diagnosis, Error> {
        check_options(options)?;
        match of {
            DiagnosisOf::Account(wanted) => {
                caller.require(Permission::AccountsRead)?;
                if options.probe {
                    caller.require(Permission::AccountsWrite)?;
                }
                let (account, connection) = self.resolve_account(&caller.environment, wanted, None).await?;
                let mut steps = Vec::new();
                let case = self.case(caller, account, connection, options).await?;
                let (case, mut findings) = self.account_findings(case, options, &mut steps).await?;
                self.fill_in(&case, &mut findings).await;
                Ok(Diagnosis::of(case.subject(SubjectKind::Account), findings, steps, case.signs_of_health()))
            }
            DiagnosisOf::Connection(name) => {
                caller.require(Permission::ConnectionsRead)?;
                if options.probe {
                    caller.require(Permission::ConnectionsWrite)?;
                }
                let connection = self.resolve_connection(&caller.environment, name).await?;
                self.diagnose_connection(caller, connection, options).await
            }
            DiagnosisOf::Execution(id) => {
                let execution = self.get_execution(caller, id).await?;
                caller.require(Permission::AccountsRead)?;
                if options.probe {
                    caller.require(Permission::AccountsWrite)?;
                }
                self.diagnose_execution(caller, execution, options, true).await
            }
        }
    }

    /// What is found out about an account: from what is there, then, if asked, from the provider. Gives the case as it
    /// is afterwards, since probing may change it.
    async fn account_findings<'a>(
        &self,
        case: Case<'a>,
        options: &DiagnosisOptions,
        steps: &mut Vec<Step>,
    ) -> Result<(Case<'a>, Vec<Finding>), Error> {
        steps.push(case.status_step());
        let mut findings = self.findings_of(&case).await?;
        steps.push(Step::ok("history", case.history_detail()));
        if !options.probe {
            return Ok((case, findings));
        }
        let (case, probed) = self.probe_account(case, steps).await?;
        if probed.changed {
            findings = self.findings_of(&case).await?;
        }
        // What was just seen to work does not fail any more, whatever the history says.
        if probed.works {
            findings.retain(|finding| !is_overtaken(finding.code));
        }
        findings.extend(probed.findings);
        Ok((case, findings))
    }

    /// What the history and the configuration say.
    async fn findings_of(&self, case: &Case<'_>) -> Result<Vec<Finding>, Error> {
        let mut findings = connection::of_configuration(self, case);
        findings.extend(match case.account.status() {
            AccountStatus::Pending => pending::of_pending(case),
            AccountStatus::PendingVerification => pending::of_verification(case),
            AccountStatus::Active => active::of_active(case),
            AccountStatus::Expired => self.expired(case).await?,
            AccountStatus::Revoked => self.revoked(case).await?,
            AccountStatus::Error => pending::of_error(case),
            AccountStatus::Disconnected => revoked::of_disconnected(case),
        });
        findings.extend(callback::clock_skew(case));
        // A pending account's own findings tell it.
        if case.account.status() != AccountStatus::Pending {
            findings.extend(identity::changed(case));
        }
        Ok(findings)
    }

    /// The short answer about a call that fails, from what is known here: nobody is asked for it, and for a failure of the
    /// call itself nothing is read.
    pub(crate) async fn short_diagnosis(
        &self,
        caller: &Caller,
        account: &Account,
        connection: &Connection,
        tool: Option<&str>,
        error: &Error,
    ) -> Option<ShortDiagnosis> {
        let seen = execution::Seen { tool: tool.map(str::to_owned), ..execution::Seen::of_error(error) };
        let findings = if execution::is_about_the_account(error.code()) {
            // The failure may have changed both.
            let account = self.0.store.account(&account.id).await.ok().flatten()?;
            let connection = self.0.store.connection(&connection.id).await.ok().flatten()?;
            let case = self.case(caller, account, connection, &DiagnosisOptions::default()).await.ok()?;
            self.findings_of(&case).await.ok()?
        } else {
            let connector = self.connector_of(connection).ok();
            execution::of_call(&execution::Scene { account, connection, connector, now: self.now() }, &seen)
        };
        // A call that fails is not healthy, whatever else is.
        if findings.is_empty() {
            return None;
        }
        Some(Diagnosis::of(Subject::default(), findings, Vec::new(), Vec::new()).short())
    }

    /// The short answer about a recorded call that failed; `None` for one that did not.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn short_diagnosis_of(
        &self,
        caller: &Caller,
        execution: &Execution,
    ) -> Result<Option<ShortDiagnosis>, Error> {
        if execution::is_fine(execution) {
            return Ok(None);
        }
        let options = DiagnosisOptions::default();
        let found = self.diagnose_execution(caller, execution.clone(), &options, false).await;
        match found {
            Ok(diagnosis) => Ok(Some(diagnosis.short())),
            // The account or connection of an old record may be gone.
            Err(error) if error.code() == ErrorCode::StorageUnavailable => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// Findings from the history that a call which works now refutes: trouble of the provider or on the way to it. What one
/// call was not allowed to do is not refuted by another one.
fn is_overtaken(code: ErrorCode) -> bool {
    use ErrorCode as C;
    matches!(code, C::RenewalsFailing | C::ActiveButRefused | C::SharedClientLimited)
        || (code.as_str().starts_with("upstream_") && code != C::UpstreamForbidden)
}

fn check_options(options: &DiagnosisOptions) -> Result<(), Error> {
    let registered = &options.registered_redirect_uris;
    if registered.len() > MAX_REGISTERED {
        return Err(Error::invalid(
            "registered_redirect_uris",
            format!("has more than {MAX_REGISTERED} items"),
        ));
    }
    match registered.iter().position(|uri| uri.len() > MAX_URI) {
        Some(at) => Err(Error::invalid(
            format!("registered_redirect_uris[{at}]"),
            format!("is longer than {MAX_URI} characters"),
        )),
        None => Ok(()),
    }
}

/// The subject of a diagnosis about a connection alone.
fn subject_of(connection: &Connection) -> Subject {
    Subject {
        kind: SubjectKind::Connection,
        connection_id: Some(connection.id.clone()),
        connection_name: Some(connection.name.clone()),
        connector: Some(connection.connector.clone()),
        ..Subject::default()
    }
}

/// A fact about the connection.
fn connection_fact(detail: impl Into<String>) -> Evidence {
    Evidence::new(EvidenceKind::Connection, detail)
}
