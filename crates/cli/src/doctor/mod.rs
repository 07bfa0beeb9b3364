//! `valetkey doctor system`: this server's own troubles. It reads the settings of `valetkey serve`, or what `valetkey dev`
//! keeps in its folder, and looks for itself, so it also works where the server cannot start; of a server that runs it
//! asks what it says about itself, with a key if there is one.
//!
//! Nothing is changed: no migration, no joining, no refresh. The providers of connections that exist are called once,
//! without any credential, since their answers tell how the network, the egress proxy and the clock are.

mod certificate;
mod database;
mod files;
mod providers;
mod public_url;
mod running;
mod sso;
mod webhooks;

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

pub(crate) use running::{Running, Said};

use crate::{
    dev,
    settings::{Flags, Mode, Problem, Settings},
};

/// What `valetkey doctor system` accepts: the settings of `valetkey serve`, or of the `valetkey dev` of this folder.
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
            Verdict::Degraded | Verdict::Healthy => Step::ok(step, format!("with a warning: {detail}")),
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
pub(crate) async fn diagnose(system: &System, running: Running) -> (Diagnosis, Option<url::Url>) {
    let mut report = Report::default();
    let (settings, problems) = settings_of(&system.flags, &mut report);
    of_settings(&problems, &mut report);
    files::look(&settings, &mut report);
    let database = database::look(&settings, &mut report).await;
    certificate::look(&settings, now(), &mut report);
    public_url::look(&settings, &database, &mut report).await;
    running::look(running, &database, &mut report);
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

/// What development servers make for themselves, and others are told.
const NAMING_A_SERVER: [&str; 4] = ["master_key", "master_key_file", "master_key_command", "database_url"];

/// The settings of `valetkey serve`, unless they are those of a development server: nothing names a key or a database
/// server, and in the folder that `valetkey dev` would take there is what it makes at its start.
fn settings_of(flags: &Flags, report: &mut Report) -> (Settings, Vec<Problem>) {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let is_named = |name: &str| {
        let variable = format!("VALETKEY_{}", name.to_ascii_uppercase());
        flags.values.contains_key(name)
            || environment.iter().any(|(name, value)| *name == *variable && !value.is_empty())
    };
    let mut development = None;
    if flags.config.is_none() && !NAMING_A_SERVER.into_iter().any(is_named) {
        let (mut settings, mut problems) = Settings::read(Mode::Dev, flags, environment.clone());
        development = dev::complete(&mut settings).map(|of_folder| {
            problems.extend(of_folder);
            (settings, problems)
        });
    }
    if let Some((settings, problems)) = development {
        let folder = settings.storage.data_dir.display();
        let detail = format!("Looked at: the development server (`valetkey dev`) of the folder {folder}.");
        report.ok("which", EvidenceKind::Setting, detail);
        return (settings, problems);
    }
    let detail = "Looked at: the server that `valetkey serve` starts with these settings.";
    report.ok("which", EvidenceKind::Setting, detail);
    Settings::read(Mode::Serve, flags, environment)
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
