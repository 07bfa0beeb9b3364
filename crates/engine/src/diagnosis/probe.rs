//! The steps that ask the provider: refresh, compare scopes, the cheapest read call.

use valetkey_domain::{
    AccountStatus, Error, ErrorCode, Evidence, Finding, Step, Time,
    diagnosis::{EvidenceKind, Verdict},
};

use super::{
    DiagnosisOptions, active,
    case::Case,
    execution::{self, Seen},
};
use crate::{AccountRef, Engine};

/// Less is the time that messages take, or what no certificate and no token suffers from.
const CLOCKS_AGREE_WITHIN: time::Duration = time::Duration::seconds(60);

/// What the probing brought.
#[derive(Default)]
pub(super) struct Probed {
    /// Whether the account may have changed by it.
    pub(super) changed: bool,
    /// Whether the cheapest read call succeeded.
    pub(super) works: bool,
    pub(super) findings: Vec<Finding>,
}

impl Engine {
    /// Does what a person would: status, refresh, scopes, read. Each is a step; the later ones are done even if an
    /// earlier one failed, unless they cannot tell anything then.
    pub(super) async fn probe_account<'a>(
        &self,
        case: Case<'a>,
        steps: &mut Vec<Step>,
    ) -> Result<(Case<'a>, Probed), Error> {
        let mut probed = Probed::default();
        steps.push(self.refresh_step(&case, &mut probed).await?);
        let account = self.0.store.account(&case.account.id).await?;
        let Some(account) = account else { return Ok((case, probed)) };
        let options = DiagnosisOptions { probe: true, registered_redirect_uris: case.registered.clone() };
        let case = self.case(case.caller, account, case.connection, &options).await?;
        steps.push(scopes_step(&case));
        steps.push(self.read_step(&case, &mut probed).await?);
        Ok((case, probed))
    }

    async fn refresh_step(&self, case: &Case<'_>, probed: &mut Probed) -> Result<Step, Error> {
        let status = case.account.status();
        if !matches!(status, AccountStatus::Active | AccountStatus::Expired) {
            return Ok(Step::skipped(
                "refresh",
                format!("an account that is {} has nothing to refresh", status.as_str()),
            ));
        }
        if !case.credential.is_some_and(|facts| facts.renewable) {
            return Ok(Step::skipped("refresh", "there is nothing to renew the credential with"));
        }
        let wanted = AccountRef::id(case.account.id.as_str());
        let refreshed = self.refresh_account(case.caller, &wanted).await;
        probed.changed = true;
        let error = match refreshed {
            Ok(view) => {
                return Ok(Step::ok("refresh", format!("renewed; generation {}", view.account.generation)));
            }
            Err(error) if error.code() == ErrorCode::StorageUnavailable => return Err(error),
            Err(error) => error,
        };
        if error.code() == ErrorCode::RefreshTooEarly {
            return Ok(Step::skipped("refresh", "the credential was renewed a moment ago"));
        }
        // What the refusal means, the history tells now. What says nothing there is told here.
        if !is_told_by_history(error.code()) {
            probed.findings.extend(execution::of_call(&case.scene(), &Seen::of_error(&error)));
        }
        Ok(Step::failed("refresh", format!("{}: {}", error.code().as_str(), error.code().entry().meaning)))
    }

    async fn read_step(&self, case: &Case<'_>, probed: &mut Probed) -> Result<Step, Error> {
        let Some(connector) = &case.connector else {
            return Ok(Step::skipped("read", "the connector is not installed"));
        };
        if case.account.status() != AccountStatus::Active || !case.connection.enabled {
            return Ok(Step::skipped("read", "the account cannot be used now"));
        }
        let Some(tool) = connector.probe.as_deref() else {
            return Ok(Step::skipped(
                "read",
                "the connector names no call that only reads and needs no input",
            ));
        };
        let ready = self.ready(&case.account, &case.connection, self.deadline(None)).await;
        let answer = match ready {
            Ok(ready) => self.read_once(&case.connection, &ready.account.metadata, &ready.credential).await,
            Err(error) if error.code() == ErrorCode::StorageUnavailable => return Err(error),
            Err(error) => Err(error),
        };
        let error = match answer {
            Ok(date) => {
                probed.works = true;
                probed.findings.extend(date.and_then(|date| clock_of_provider(case, date)));
                return Ok(Step::ok("read", format!("{tool} succeeded")));
            }
            Err(error) => error,
        };
        let seen = Seen { tool: Some(tool.to_owned()), at: Some(case.now), ..Seen::of_error(&error) };
        let probe =
            Evidence::new(EvidenceKind::Probe, format!("{tool} failed with {}", error.code().as_str()))
                .at(case.now);
        let findings = execution::of_call(&case.scene(), &seen);
        probed.findings.extend(findings.into_iter().map(|finding| finding.evidence(probe.clone())));
        Ok(Step::failed(
            "read",
            format!("{tool}: {}: {}", error.code().as_str(), error.code().entry().meaning),
        ))
    }
}

/// Whether the engine keeps such a failure of a renewal with the account or connection, where the diagnosis finds it.
fn is_told_by_history(code: ErrorCode) -> bool {
    use ErrorCode as C;
    execution::is_about_the_account(code)
        || code.as_str().starts_with("upstream_")
        || matches!(code, C::RenewalsPaused | C::ProviderIdentityChanged)
}

/// Compares what was granted with what is asked for and with what the tools need.
fn scopes_step(case: &Case<'_>) -> Step {
    let granted = &case.account.scopes;
    if granted.is_empty() {
        return Step::skipped("scopes", "the provider does not tell which scopes it granted");
    }
    match active::not_granted(case) {
        Some(finding) => Step::failed("scopes", finding.message),
        None => {
            Step::ok("scopes", format!("everything that is asked for was granted: {}", granted.join(" ")))
        }
    }
}

/// The difference between our clock and the provider's, measured by the answer's `Date` (RFC 9110 §6.6.1).
fn clock_of_provider(case: &Case<'_>, date: Time) -> Option<Finding> {
    let off = case.now - date;
    if off.abs() < CLOCKS_AGREE_WITHIN {
        return None;
    }
    let seconds = off.whole_seconds();
    let which = if seconds > 0 { "ahead of" } else { "behind" };
    Some(
        Finding::new(ErrorCode::ClockSkew)
            .severity(Verdict::Degraded)
            .message(format!(
                "This server's clock is {} seconds {which} the clock of {}.",
                seconds.unsigned_abs(),
                case.provider()
            ))
            .cause("Tokens are taken for expired too early or too late, and states and links with them.")
            .evidence(
                Evidence::new(
                    EvidenceKind::Clock,
                    format!("measured: {seconds} seconds against the Date of an answer"),
                )
                .at(case.now),
            )
            .catalogue_remedies(),
    )
}
