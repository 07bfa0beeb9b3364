//! The diagnosis of an account, a connection or an execution, as a panel of its page: what was found, how that is known,
//! whose move it is, what to do.

use valetkey_domain::{
    Diagnosis, Error, Permission, Remedy, Time,
    diagnosis::{StepOutcome, Verdict},
};
use valetkey_engine::{DiagnosisOf, DiagnosisOptions, Visitor};

use super::text;
use crate::state::App;

/// The panel.
pub(super) struct Panel {
    pub(super) verdict: &'static str,
    pub(super) tone: &'static str,
    pub(super) summary: String,
    pub(super) findings: Vec<FindingView>,
    pub(super) steps: Vec<StepView>,
    /// Whether the provider was asked.
    pub(super) probed: bool,
}

/// One finding.
pub(super) struct FindingView {
    pub(super) code: &'static str,
    pub(super) docs: String,
    pub(super) tone: &'static str,
    pub(super) confidence: &'static str,
    pub(super) actor: &'static str,
    pub(super) message: String,
    pub(super) cause: String,
    pub(super) evidence: Vec<EvidenceView>,
    pub(super) remedies: Vec<Remedy>,
}

/// What a finding rests on.
pub(super) struct EvidenceView {
    pub(super) detail: String,
    pub(super) reference: Option<String>,
    pub(super) at: Option<Time>,
}

/// What was looked at or tried.
pub(super) struct StepView {
    pub(super) name: String,
    pub(super) outcome: &'static str,
    pub(super) tone: &'static str,
    pub(super) detail: String,
}

/// What the page shows by itself: what is known without asking anybody. A page that is only looked at makes no
/// authorization link, which a remedy would hold otherwise; the button beside it does.
pub(super) async fn looked_at(app: &App, visitor: &Visitor, of: &DiagnosisOf) -> Result<Panel, Error> {
    let mut caller = visitor.caller.clone();
    let kept = caller.permissions.iter().filter(|permission| *permission != Permission::AccountsAccess);
    caller.permissions = kept.collect();
    let found = app.engine.diagnose(&caller, of, &DiagnosisOptions::default()).await?;
    Ok(panel(app, found, false))
}

/// The same after the provider was asked.
pub(super) async fn probed(app: &App, visitor: &Visitor, of: &DiagnosisOf) -> Result<Panel, Error> {
    let options = DiagnosisOptions { probe: true, ..DiagnosisOptions::default() };
    let found = app.engine.diagnose(&visitor.caller, of, &options).await?;
    Ok(panel(app, found, true))
}

pub(super) fn panel(app: &App, found: Diagnosis, probed: bool) -> Panel {
    let findings = found.findings.into_iter().map(|finding| FindingView {
        code: finding.code.as_str(),
        docs: app.options.path_of(&format!("/docs/errors/{}", finding.code.as_str())),
        tone: tone(finding.severity),
        confidence: finding.confidence.as_str(),
        actor: text::actor_words(finding.actor),
        message: finding.message,
        cause: finding.cause,
        evidence: finding
            .evidence
            .into_iter()
            .map(|evidence| EvidenceView {
                detail: evidence.detail,
                reference: evidence.reference,
                at: evidence.at,
            })
            .collect(),
        remedies: finding.remedies,
    });
    let steps = found.steps.into_iter().map(|step| StepView {
        name: step.name.replace('_', " "),
        outcome: match step.outcome {
            StepOutcome::Ok => "ok",
            StepOutcome::Failed => "failed",
            StepOutcome::Skipped => "skipped",
        },
        tone: match step.outcome {
            StepOutcome::Ok => "good",
            StepOutcome::Failed => "bad",
            StepOutcome::Skipped => "quiet",
        },
        detail: step.detail,
    });
    Panel {
        verdict: found.verdict.as_str(),
        tone: tone(found.verdict),
        summary: found.summary,
        findings: findings.collect(),
        steps: steps.collect(),
        probed,
    }
}

fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "good",
        Verdict::Degraded => "note",
        Verdict::Broken => "bad",
    }
}
