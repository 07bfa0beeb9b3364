//! Calls that failed: what the answer means.

use std::sync::Arc;

use valetkey_domain::{
    Account, Caller, Connection, Diagnosis, Error, ErrorCode, Evidence, Execution, Finding, Remedy, Step,
    Time,
    catalogue::RemedyAction,
    diagnosis::{EvidenceKind, Subject, SubjectKind},
    execution::ExecutionStatus,
};
use valetkey_upstream::{
    connector::{Connector, Place},
    oauth::requested_scopes,
};

use super::{
    DiagnosisOptions,
    case::Case,
    limits,
    said::{Said, of_reason},
};
use crate::Engine;

/// How many accounts that lack a scope are named.
const NAMED: usize = 10;

/// Where a call was made.
pub(super) struct Scene<'a> {
    pub(super) account: &'a Account,
    pub(super) connection: &'a Connection,
    pub(super) connector: Option<&'a Arc<Connector>>,
    pub(super) now: Time,
}

/// A call that failed, as far as it is known.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) code: ErrorCode,
    /// Our own message.
    pub(super) message: Option<String>,
    /// Our own words about why, where more is known than the catalogue says.
    pub(super) cause: Option<String>,
    pub(super) said: Said,
    pub(super) tool: Option<String>,
    pub(super) execution: Option<String>,
    pub(super) at: Option<Time>,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) retry_at: Option<Time>,
    pub(super) remedies: Vec<Remedy>,
    /// Whether a request left for the provider, where that is known.
    pub(super) left: Option<bool>,
}

impl Seen {
    pub(super) fn of_code(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            cause: None,
            said: Said::default(),
            tool: None,
            execution: None,
            at: None,
            retry_after_ms: None,
            retry_at: None,
            remedies: Vec::new(),
            left: None,
        }
    }

    /// From an error that is just leaving.
    pub(super) fn of_error(error: &Error) -> Self {
        let details = error.details();
        Self {
            message: Some(details.message.clone()),
            cause: details.cause.clone(),
            said: Said::of_provider(details.provider.as_ref()),
            execution: details.execution.as_ref().map(ToString::to_string),
            retry_after_ms: details.retry_after_ms,
            remedies: details.remedies.clone(),
            ..Self::of_code(error.code())
        }
    }

    /// From a record. It holds the message that the caller got, in which the provider's words stand.
    pub(super) fn of_execution(execution: &Execution) -> Self {
        let code = match execution.status {
            ExecutionStatus::Unknown => ErrorCode::ExecutionOutcomeUnknown,
            _ => execution.error_code.unwrap_or(ErrorCode::Internal),
        };
        let is_upstream = execution.upstream_status.is_some();
        Self {
            message: execution.error_message.clone(),
            said: Said {
                status: execution.upstream_status.map(u64::from),
                code: None,
                message: execution.error_message.clone().filter(|_| is_upstream),
            },
            tool: execution.tool.clone(),
            execution: Some(execution.id.to_string()),
            at: Some(execution.started_at),
            left: Some(execution.upstream_request.is_some()),
            ..Self::of_code(code)
        }
    }

    pub(super) fn evidence(&self) -> Option<Evidence> {
        let id = self.execution.as_ref()?;
        let what = self.tool.as_deref().unwrap_or("a call");
        let evidence =
            Evidence::new(EvidenceKind::Execution, format!("{what} failed with {}", self.code.as_str()))
                .reference(id);
        Some(match self.at {
            Some(at) => evidence.at(at),
            None => evidence,
        })
    }
}

/// Whether a record tells of nothing that went wrong.
pub(super) fn is_fine(execution: &Execution) -> bool {
    matches!(execution.status, ExecutionStatus::Succeeded | ExecutionStatus::Running)
}

/// Whether the account's own findings say more than the call's.
pub(super) fn is_about_the_account(code: ErrorCode) -> bool {
    use ErrorCode as C;
    code.is_account_status()
        || matches!(
            code,
            C::GrantFrozen
                | C::RefreshOutcomeLost
                | C::RefreshRefused
                | C::ConnectionDisabled
                | C::ConnectionNotConfigured
                | C::SharedCredentialsUnavailable
                | C::InvalidClient
                | C::UnauthorizedClient
                | C::ConnectorNotFound
                | C::SealRefused
        )
}

/// Whether the failure is of this one request and says nothing about the account.
pub(super) fn is_about_the_request(code: ErrorCode) -> bool {
    use ErrorCode as C;
    matches!(
        code,
        C::ToolInputInvalid
            | C::UpstreamInvalidRequest
            | C::UpstreamNotFound
            | C::UpstreamConflict
            | C::UpstreamResponseTooLarge
            | C::InvalidArgument
            | C::ProxyPathInvalid
            | C::ToolNotFound
    )
}

/// What a failed call means.
pub(super) fn of_call(scene: &Scene<'_>, seen: &Seen) -> Vec<Finding> {
    use ErrorCode as C;
    if is_about_the_account(seen.code) {
        return Vec::new();
    }
    let provider = scene.provider();
    let finding = match seen.code {
        C::InsufficientScope => return vec![scope(scene, seen)],
        C::UpstreamRateLimited => return limits::limited(scene, seen),
        C::UpstreamUnauthorized => scene.explained(seen).unwrap_or_else(|| {
            Finding::new(C::ActiveButRefused)
                .message(format!(
                    "The account is {}, yet {provider} refused its credential.",
                    scene.account.status().as_str()
                ))
                .catalogue_remedies()
        }),
        C::ToolInputInvalid => input(seen),
        C::Overloaded => limits::queue_full(seen),
        C::UpstreamNotFound => scene.explained(seen).unwrap_or_else(|| {
            Finding::new(C::UpstreamNotFound)
                .message(format!("{provider} does not know the resource that the call names."))
                .cause("It does not exist, was removed, or is not visible to this user. The account itself works.")
                .catalogue_remedies()
        }),
        C::UpstreamForbidden | C::UpstreamInvalidRequest | C::UpstreamConflict => {
            scene.explained(seen).unwrap_or_else(|| scene.plain(seen))
        }
        C::UpstreamError => scene
            .explained(seen)
            .map_or_else(|| scene.plain(seen), |finding| scene.with_status_page(finding)),
        C::UpstreamTimeout if seen.left == Some(false) => limits::in_line(seen),
        code if is_on_the_way(code) => on_the_way(scene, seen),
        _ => scene.plain(seen),
    };
    vec![finding.evidences(seen.evidence()).evidences(seen.said.evidence(Place::Api))]
}

impl Scene<'_> {
    pub(super) fn provider(&self) -> &str {
        self.connector.map_or(self.connection.connector.as_str(), |connector| connector.display_name.as_str())
    }

    /// What the provider's own table makes of its words.
    pub(super) fn explained(&self, seen: &Seen) -> Option<Finding> {
        let reasons = &self.connector?.reasons;
        let (code, message) = (seen.said.code.as_deref(), seen.said.message.as_deref());
        Some(of_reason(reasons.find(Place::Api, code, message)?))
    }

    /// The code as it is, with the provider's status page where it is the provider's trouble.
    fn plain(&self, seen: &Seen) -> Finding {
        let mut finding = Finding::new(seen.code);
        if let Some(cause) = &seen.cause {
            finding = finding.cause(cause);
        }
        for remedy in &seen.remedies {
            finding.remedies.push(remedy.clone());
        }
        if finding.remedies.is_empty() {
            finding = finding.catalogue_remedies();
        }
        if let Some(millis) = seen.retry_after_ms {
            finding = finding.remedy(RemedyAction::Wait, format!("Wait {} seconds.", millis.div_ceil(1000)));
        }
        let of_provider =
            seen.code.as_str().starts_with("upstream_") || seen.code == ErrorCode::RenewalsPaused;
        if of_provider { self.with_status_page(finding) } else { finding }
    }

    /// The provider's status page among the remedies, if it has one.
    fn with_status_page(&self, finding: Finding) -> Finding {
        match self.connector.and_then(|connector| connector.links.status.clone()) {
            Some(url) => finding.remedy_with_url(
                RemedyAction::CheckProvider,
                format!("Look at the status page of {}.", self.provider()),
                url,
            ),
            None => finding,
        }
    }
}

/// Whether the failure is of the way to the provider and back: DNS, proxy, TLS, sockets, time.
fn is_on_the_way(code: ErrorCode) -> bool {
    use ErrorCode as C;
    let name = code.as_str();
    name.starts_with("upstream_tls_")
        || name.starts_with("upstream_proxy_")
        || matches!(
            code,
            C::UpstreamDnsFailed
                | C::UpstreamResolverFailed
                | C::UpstreamRefused
                | C::UpstreamUnreachable
                | C::UpstreamConnectTimeout
                | C::UpstreamTimeout
                | C::UpstreamAddressBlocked
                | C::ServerClockWrong
        )
}

/// What happened on the way, in the words of whoever met it: they name the host, the issuer of a certificate, the proxy.
fn on_the_way(scene: &Scene<'_>, seen: &Seen) -> Finding {
    let finding = scene.plain(seen);
    match &seen.message {
        Some(met) => finding
            .message(met)
            .evidence(Evidence::new(EvidenceKind::Network, met.clone()).reference(seen.code.as_str())),
        None => finding,
    }
}

/// Which scope is missing, whether the connection asks for it, and who must act.
fn scope(scene: &Scene<'_>, seen: &Seen) -> Finding {
    let tool = scene.connector.zip(seen.tool.as_deref()).and_then(|(connector, name)| connector.tool(name));
    let missing = tool.map(|tool| tool.missing_scopes(&scene.account.scopes)).unwrap_or_default();
    let profile = scene.connector.and_then(|connector| connector.auth.oauth());
    let asked =
        profile.map(|profile| requested_scopes(profile, &scene.connection.scopes)).unwrap_or_default();
    let of_tool: Vec<&str> = tool
        .map(|tool| tool.scopes.iter().filter_map(|group| group.first().map(String::as_str)).collect())
        .unwrap_or_default();
    let list = match (missing.is_empty(), of_tool.is_empty()) {
        (false, _) => missing.join(" "),
        (true, false) => of_tool.join(" "),
        (true, true) => "a scope".to_owned(),
    };
    let not_asked = tool.is_some_and(|tool| !tool.missing_scopes(&asked).is_empty());
    let name = seen.tool.as_deref().unwrap_or("The call");
    // Granted by our record, and refused by the provider all the same.
    let lost = missing.is_empty() && !of_tool.is_empty() && !scene.account.scopes.is_empty();
    let has_not =
        if lost { "which the provider says the token lacks" } else { "which the account does not have" };
    let base = |code| {
        Finding::new(code)
            .message(format!("{name} needs {list}, {has_not}."))
            .evidences(seen.evidence())
            .evidences(seen.said.evidence(Place::Api))
            .evidence(Evidence::new(
                EvidenceKind::Credential,
                format!("granted: {}", scene.account.scopes.join(" ")),
            ))
            .evidence(super::connection_fact(format!("asked for: {}", asked.join(" "))))
    };
    if not_asked {
        return base(ErrorCode::ConnectionScopesMissing)
            .cause(format!("The connection \"{}\" does not ask for {list}.", scene.connection.name))
            .remedy(
                RemedyAction::ConfigureConnection,
                format!("Add {list} to the scopes of the connection \"{}\".", scene.connection.name),
            )
            .remedy(RemedyAction::Reauthorize, "Then send the user a new authorization link.");
    }
    let finding = base(ErrorCode::InsufficientScope);
    if missing.is_empty() {
        let own = seen.remedies.iter().map(|remedy| remedy.text.clone()).next();
        let finding = match scene.explained(seen) {
            Some(explained) => finding.cause(explained.cause).actor(explained.actor),
            None => finding.cause("The provider says that the token does not reach this part of its API."),
        };
        return match own {
            Some(text) => finding.remedy(RemedyAction::Reauthorize, text),
            None if lost => finding.remedy(
                RemedyAction::Reauthorize,
                format!("The connection asks for {list}: send the user a new authorization link and ask them to grant it."),
            ),
            None => finding.catalogue_remedies(),
        };
    }
    finding
        .cause("The connection asks for it, but the user did not grant it, or authorized before it was asked for.")
        .remedy(
            RemedyAction::Reauthorize,
            format!("Send the user a new authorization link and ask them to grant {list}."),
        )
}

/// The input does not fit the tool.
fn input(seen: &Seen) -> Finding {
    let finding = Finding::new(ErrorCode::ToolInputInvalid);
    let finding = match &seen.message {
        Some(message) => finding.message(format!("The tool's input is wrong: {message}")),
        None => finding,
    };
    match &seen.tool {
        Some(tool) => finding.remedy(
            RemedyAction::FixRequest,
            format!("Correct the input; GET /v1/connect/tools/{tool} has its input_schema and an example. Do not repeat it as it is."),
        ),
        None => finding.catalogue_remedies(),
    }
}

impl Case<'_> {
    /// Where the account's calls are made.
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            account: &self.account,
            connection: &self.connection,
            connector: self.connector.as_ref(),
            now: self.now,
        }
    }
}

impl Engine {
    /// Finds out why a recorded call failed. With `links` the remedies hold what can be clicked.
    pub(super) async fn diagnose_execution(
        &self,
        caller: &Caller,
        execution: Execution,
        options: &DiagnosisOptions,
        links: bool,
    ) -> Result<Diagnosis, Error> {
        let subject = Subject {
            kind: SubjectKind::Execution,
            account_id: Some(execution.account.clone()),
            identifier: Some(execution.identifier.clone()),
            connection_id: Some(execution.connection.clone()),
            connector: Some(execution.connector.clone()),
            execution_id: Some(execution.id.clone()),
            ..Subject::default()
        };
        let how = match execution.error_code {
            Some(code) => format!("{} with {}", execution.status.as_str(), code.as_str()),
            None => execution.status.as_str().to_owned(),
        };
        let step =
            if is_fine(&execution) { Step::ok("execution", how) } else { Step::failed("execution", how) };
        let mut steps = vec![step];
        let account = self.0.store.account(&execution.account).await?;
        let connection = self.0.store.connection(&execution.connection).await?;
        let Some((account, connection)) = account.zip(connection) else {
            let gone = Finding::new(ErrorCode::AccountNotFound)
                .message("The account of this call, or its connection, has been deleted since.")
                .evidences(Seen::of_execution(&execution).evidence());
            return Ok(Diagnosis::of(subject, vec![gone], steps, Vec::new()));
        };
        let case = self.case(caller, account, connection, options).await?;
        let subject =
            Subject { execution_id: Some(execution.id.clone()), ..case.subject(SubjectKind::Execution) };
        if is_fine(&execution) && !options.probe {
            let well =
                Evidence::new(EvidenceKind::Execution, format!("It is {}.", execution.status.as_str()))
                    .reference(execution.id.as_str())
                    .at(execution.started_at);
            return Ok(Diagnosis::of(subject, Vec::new(), steps, vec![well]));
        }
        let seen = limits::remembered(Seen::of_execution(&execution), &case.events);
        let mut findings = if is_fine(&execution) { Vec::new() } else { of_call(&case.scene(), &seen) };
        if let Some(tool) = execution.tool.as_deref().filter(|_| seen.code == ErrorCode::InsufficientScope) {
            let lacking = self.accounts_lacking(&case, tool, NAMED).await?;
            let told = match lacking.is_empty() {
                true => "By our records no active account lacks it.".to_owned(),
                false => format!("Active accounts that lack it: {}", lacking.join(", ")),
            };
            for finding in &mut findings {
                finding.evidence.push(Evidence::new(EvidenceKind::Connection, told.clone()));
            }
        }
        let (case, of_account) = self.account_findings(case, options, &mut steps).await?;
        // What one request did wrong says nothing about the account, and the other way round.
        if !is_about_the_request(seen.code) {
            findings.extend(of_account);
        }
        if links {
            self.fill_in(&case, &mut findings).await;
        }
        let well = case.signs_of_health();
        Ok(Diagnosis::of(subject, findings, steps, well))
    }
}
