//! `valetkey doctor system`: this server's own troubles. It reads the settings of `valetkey serve` and looks for itself, so
//! it also works where the server cannot start; of a server that runs it asks what it says about itself.
//!
//! Nothing is changed: no migration, no joining, no refresh. The providers of connections that exist are called once,
//! without any credential, since their answers tell how the network, the egress proxy and the clock are.

mod certificate;
mod database;
mod files;
mod providers;
mod public_url;
mod sso;

use std::ffi::OsString;

use clap::Args;
use serde_json::Value;
use valetkey_domain::{
    ErrorCode, SystemClock, Time,
    catalogue::RemedyAction,
    diagnosis::{
        Confidence, Diagnosis, Evidence, EvidenceKind, Finding, Step, Subject, SubjectKind, Verdict,
    },
};
use valetkey_upstream::http::Fault;

use crate::settings::{Flags, Mode, Problem, Settings};

/// What `valetkey doctor system` accepts: the settings of `valetkey serve`.
#[derive(Debug, Clone, Args)]
pub(crate) struct System {
    /// Do not call the providers of the connections
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    flags: Flags,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Report {
    findings: Vec<Finding>,
    steps: Vec<Step>,
    /// What shows that all is well.
    well: Vec<Evidence>,
}

impl Report {
    fn ok(&mut self, step: &'static str, kind: EvidenceKind, detail: impl Into<String>) {
        let detail = detail.into();
        self.well.push(Evidence::new(kind, detail.clone()));
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
            Verdict::Degraded | Verdict::Healthy => Step::ok(step, detail),
        });
        self.findings.push(finding);
    }
}

/// A fault of a call that was only made to look, as a finding.
fn of_fault(fault: Fault, host: &str) -> Finding {
    let error = valetkey_domain::Error::from(fault);
    let finding = Finding::new(error.code())
        .message(error.details().message.clone())
        .cause(error.cause_text())
        .evidence(Evidence::new(EvidenceKind::Network, &error.details().message).reference(host));
    Finding { remedies: error.remedies(), ..finding }
}

/// Two clocks that do not agree.
fn of_clocks(message: String, evidence: Evidence, hosts: usize) -> Finding {
    Finding::new(ErrorCode::ClockSkew)
        .confidence(if hosts > 1 { Confidence::Certain } else { Confidence::Likely })
        .message(message)
        .evidence(evidence)
        .remedy(
            RemedyAction::ConfigureServer,
            "Set this machine's clock and keep it right with NTP: `timedatectl` or `chronyc tracking` shows how it is.",
        )
}

/// Looks at everything and makes a diagnosis of it.
pub(crate) async fn diagnose(system: &System) -> (Diagnosis, Option<url::Url>) {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let (settings, problems) = Settings::read(Mode::Serve, &system.flags, environment);
    let mut report = Report::default();
    of_settings(&problems, &mut report);
    files::look(&settings, &mut report);
    let database = database::look(&settings, &mut report).await;
    certificate::look(&settings, now(), &mut report);
    public_url::look(&settings, &database, &mut report).await;
    if system.offline {
        report.skipped("providers", "--offline was given");
        report.skipped("single_sign_on", "--offline was given");
    } else {
        providers::look(&settings, &database, &mut report).await;
        sso::look(&settings, &mut report).await;
    }
    let Report { findings, steps, well } = report;
    let subject = Subject { kind: SubjectKind::System, ..Subject::default() };
    (Diagnosis::of(subject, findings, steps, well), settings.network.public_url)
}

fn now() -> Time {
    use valetkey_domain::Clock as _;
    SystemClock.now()
}

/// As the server gives it: with a page for every finding, where the address of the server is known.
pub(crate) fn as_json(diagnosis: &Diagnosis, public_url: Option<&url::Url>) -> Value {
    let mut value = serde_json::to_value(diagnosis).unwrap_or_default();
    let (Some(findings), Some(base)) = (value["findings"].as_array_mut(), public_url) else { return value };
    for finding in findings {
        let code = finding["code"].as_str().unwrap_or_default();
        let page = format!("{}/docs/errors/{code}", base.as_str().trim_end_matches('/'));
        finding["docs"] = page.into();
    }
    value
}

/// What the server would refuse to start with.
fn of_settings(problems: &[Problem], report: &mut Report) {
    let evidence = |problem: &Problem| {
        Evidence::new(EvidenceKind::Setting, problem.to_string()).reference(&problem.setting)
    };
    let (keys, others): (Vec<_>, Vec<_>) =
        problems.iter().partition(|problem| problem.setting.starts_with("master_key"));
    if let Some(first) = keys.first() {
        let finding = Finding::new(ErrorCode::MasterKeyMissing)
            .message(format!("The server has no usable master key: {} {}.", first.setting, first.message))
            .evidences(keys.iter().map(|problem| evidence(problem)));
        report.found("master_key", finding);
    }
    if others.is_empty() {
        report.ok("settings", EvidenceKind::Setting, "The settings can be read.");
        return;
    }
    let names: Vec<_> = others.iter().map(|problem| problem.setting.as_str()).collect();
    let finding = Finding::new(ErrorCode::SettingInvalid)
        .message(format!("The server does not start until this is right: {}.", names.join(", ")))
        .cause(others.iter().map(|problem| problem.to_string()).collect::<Vec<_>>().join("; "))
        .evidences(others.iter().map(|problem| evidence(problem)));
    report.found("settings", finding);
}

/// A setting that only shows to be wrong when it is used.
fn setting_invalid(setting: &str, what: &str) -> Finding {
    Finding::new(ErrorCode::SettingInvalid)
        .message(format!("The server does not start until this is right: {setting}."))
        .cause(format!("{setting}: {what}"))
        .evidence(Evidence::new(EvidenceKind::Setting, format!("{setting}: {what}")).reference(setting))
}
