//! The answer to "why does this not work?": what was looked at, what was found, how that is known and whose move it is.
//!
//! A finding is a row of the one catalogue, so that every one of them has a meaning, a cause, an actor, remedies and a
//! page. "Healthy" is a finding too: it says what shows that all is well.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ConnectionId, ErrorCode, ExecutionId, Remedy, Time,
    catalogue::{Actor, RemedyAction},
};

/// What a diagnosis is about. What is not known or does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subject {
    /// What was asked about: `account`, `connection`, `execution` or `system`.
    pub kind: SubjectKind,
    /// The connected account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The caller's own id of the end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// The connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<ConnectionId>,
    /// The connection's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_name: Option<String>,
    /// The slug of the connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector: Option<String>,
    /// The execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<ExecutionId>,
    /// The account's status, as on the native wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What kind of thing was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A connected account.
    #[default]
    Account,
    /// A connection.
    Connection,
    /// One tool or proxy call.
    Execution,
    /// This server.
    System,
}

/// The answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It works.
    Healthy,
    /// It works, or may work, but not for long or not for everything.
    Degraded,
    /// It does not work and will not before somebody acts.
    Broken,
}

impl Verdict {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Broken => "broken",
        }
    }
}

/// How sure a finding is. Orders from the least sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// It fits, and so would other causes.
    Possible,
    /// It fits better than anything else.
    Likely,
    /// The evidence leaves no other cause.
    Certain,
}

impl Confidence {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// Where a piece of evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// An entry of a history; the reference is its id.
    Event,
    /// The account's status.
    Status,
    /// A fact about the credential. Never the credential.
    Credential,
    /// The connection's configuration or state.
    Connection,
    /// The connector's declaration.
    Connector,
    /// What the provider said; the reference is its code.
    Provider,
    /// What a step of this diagnosis brought.
    Probe,
    /// A measured difference of clocks.
    Clock,
    /// DNS, sockets, proxies, TLS.
    Network,
    /// A setting of this server; the reference is its name.
    Setting,
    /// A tool or proxy call; the reference is its id.
    Execution,
}

/// One thing that a finding rests on. Bounded and redacted where it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it comes from.
    pub kind: EvidenceKind,
    /// An id or code to look it up by.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When it was so.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// The fact, in words.
    pub detail: String,
}

/// The longest text of one piece of evidence, in characters.
pub const MAX_EVIDENCE: usize = 500;

impl Evidence {
    /// A fact, cut at [`MAX_EVIDENCE`] characters.
    #[must_use]
    pub fn new(kind: EvidenceKind, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(MAX_EVIDENCE) {
            detail.truncate(end);
            detail.push('…');
        }
        Self { kind, reference: None, at: None, detail }
    }

    /// With an id or code to look it up by.
    #[must_use]
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// With the time at which it was so.
    #[must_use]
    pub fn at(mut self, at: Time) -> Self {
        self.at = Some(at);
        self
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its row in the catalogue.
    pub code: ErrorCode,
    /// What it means for the subject.
    pub severity: Verdict,
    /// How sure it is.
    pub confidence: Confidence,
    /// Whose move it is.
    pub actor: Actor,
    /// What happened here, in one or two sentences that hold for this very case.
    pub message: String,
    /// Why.
    pub cause: String,
    /// How that is known.
    pub evidence: Vec<Evidence>,
    /// What to do, in order, with what the reader needs filled in.
    pub remedies: Vec<Remedy>,
}

impl Finding {
    /// A finding with the catalogue's own words: certain, and breaking.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        let entry = code.entry();
        Self {
            code,
            severity: Verdict::Broken,
            confidence: Confidence::Certain,
            actor: entry.actor,
            message: entry.meaning.to_owned(),
            cause: entry.cause.to_owned(),
            evidence: Vec::new(),
            remedies: Vec::new(),
        }
    }

    /// With another weight.
    #[must_use]
    pub fn severity(mut self, severity: Verdict) -> Self {
        self.severity = severity;
        self
    }

    /// With another confidence.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// With another actor than the catalogue's.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// With words for this very case.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// With the cause in this very case.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// With one more piece of evidence.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// With more evidence.
    #[must_use]
    pub fn evidences(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// With one more remedy.
    #[must_use]
    pub fn remedy(mut self, action: RemedyAction, text: impl Into<String>) -> Self {
        self.remedies.push(Remedy { action, text: text.into(), url: None });
        self
    }

    /// With one more remedy that has a link.
    #[must_use]
    pub fn remedy_with_url(
        mut self,
        action: RemedyAction,
        text: impl Into<String>,
        url: impl Into<String>,
    ) -> Self {
        self.remedies.push(Remedy { action, text: text.into(), url: Some(url.into()) });
        self
    }

    /// With the catalogue's remedies after its own.
    #[must_use]
    pub fn catalogue_remedies(mut self) -> Self {
        self.remedies.extend(self.code.entry().remedies.iter().map(|(action, text)| Remedy {
            action: *action,
            text: (*text).to_owned(),
            url: None,
        }));
        self
    }
}

/// How a step of a diagnosis went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It did what it should.
    Ok,
    /// It did not.
    Failed,
    /// It was not done; the detail says why.
    Skipped,
}

/// One step of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was done: `status`, `history`, `refresh`, `scopes`, `read`.
    pub name: String,
    /// How it went.
    pub outcome: StepOutcome,
    /// What it brought, in words.
    pub detail: String,
}

impl Step {
    /// A step that went well.
    #[must_use]
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: StepOutcome::Ok, detail: detail.into() }
    }

    /// A step that failed.
    #[must_use]
    pub fn failed(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: StepOutcome::Failed, detail: detail.into() }
    }

    /// A step that was not done.
    #[must_use]
    pub fn skipped(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: StepOutcome::Skipped, detail: detail.into() }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What it is about.
    pub subject: Subject,
    /// The answer in one word.
    pub verdict: Verdict,
    /// The answer in prose, for somebody who reads it at night.
    pub summary: String,
    /// What was found, the gravest and surest first. Never empty: healthy is a finding too.
    pub findings: Vec<Finding>,
    /// What was done, in order.
    pub steps: Vec<Step>,
}

/// The answer in short, as it is attached to failing calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortDiagnosis {
    /// The answer in one word.
    pub verdict: Verdict,
    /// The code of the first finding.
    pub code: ErrorCode,
    /// Whose move it is.
    pub actor: Actor,
    /// The answer in prose.
    pub summary: String,
}

impl Diagnosis {
    /// Ranks the findings and makes verdict and summary of them. Without any, `healthy` is what was found, for the
    /// reasons in `well`.
    #[must_use]
    pub fn of(subject: Subject, mut findings: Vec<Finding>, steps: Vec<Step>, well: Vec<Evidence>) -> Self {
        rank(&mut findings);
        if findings.is_empty() {
            findings.push(
                Finding::new(ErrorCode::Healthy)
                    .severity(Verdict::Healthy)
                    .evidences(well)
                    .catalogue_remedies(),
            );
        }
        for finding in &mut findings {
            if finding.remedies.is_empty() {
                *finding = finding.clone().catalogue_remedies();
            }
        }
        let verdict = findings.iter().map(|finding| finding.severity).max().unwrap_or(Verdict::Healthy);
        let summary = summary(&findings);
        Self { subject, verdict, summary, findings, steps }
    }

    /// The same in short.
    #[must_use]
    pub fn short(&self) -> ShortDiagnosis {
        let (code, actor) = self
            .findings
            .first()
            .map_or((ErrorCode::Healthy, Actor::Nobody), |finding| (finding.code, finding.actor));
        ShortDiagnosis { verdict: self.verdict, code, actor, summary: self.summary.clone() }
    }
}

/// The gravest first, and the surest of those; otherwise in the order in which they were found. One code is told once:
/// the evidence of its repetitions goes to the first.
fn rank(findings: &mut Vec<Finding>) {
    findings.sort_by_key(|finding| Reverse((finding.severity, finding.confidence)));
    let mut told: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings.drain(..) {
        match told.iter_mut().find(|earlier| earlier.code == finding.code) {
            Some(earlier) => {
                for evidence in finding.evidence {
                    if !earlier.evidence.contains(&evidence) {
                        earlier.evidence.push(evidence);
                    }
                }
            }
            None => told.push(finding),
        }
    }
    *findings = told;
}

/// What happened, why, whose move it is and what to do first; then what else was found.
fn summary(findings: &[Finding]) -> String {
    let Some(first) = findings.first() else {
        return String::new();
    };
    let mut text = first.message.clone();
    if first.severity != Verdict::Healthy && first.cause != first.message {
        text.push(' ');
        if first.confidence != Confidence::Certain {
            text.push_str(match first.confidence {
                Confidence::Possible => "Possible cause: ",
                Confidence::Likely | Confidence::Certain => "Likely cause: ",
            });
        }
        text.push_str(&first.cause);
    }
    if first.severity != Verdict::Healthy {
        text.push_str(match first.actor {
            Actor::EndUser => " The user must act: ",
            Actor::Developer => " The developer must act: ",
            Actor::ProviderAdmin => " An administrator at the provider must act: ",
            Actor::Operator => " The operator of this server must act: ",
            Actor::Nobody => " Nobody needs to act: ",
        });
        if let Some(remedy) = first.remedies.first() {
            text.push_str(&remedy.text);
        }
    }
    let others = findings.len() - 1;
    if others > 0 {
        let codes: Vec<&str> = findings[1..].iter().map(|finding| finding.code.as_str()).collect();
        text.push_str(" Also found: ");
        text.push_str(&codes.join(", "));
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(findings: Vec<Finding>) -> Diagnosis {
        Diagnosis::of(Subject::default(), findings, Vec::new(), Vec::new())
    }

    #[test]
    fn findings_none_is_healthy() {
        let diagnosis = of(Vec::new());
        assert_eq!(diagnosis.verdict, Verdict::Healthy);
        assert_eq!(diagnosis.short().code, ErrorCode::Healthy);
        assert_eq!(diagnosis.summary, ErrorCode::Healthy.entry().meaning);
    }

    #[test]
    fn findings_are_ranked_by_weight_and_then_by_confidence() {
        let diagnosis = of(vec![
            Finding::new(ErrorCode::RenewalsFailing).severity(Verdict::Degraded),
            Finding::new(ErrorCode::AccountExpired).confidence(Confidence::Likely),
            Finding::new(ErrorCode::InvalidClient),
        ]);
        let codes: Vec<ErrorCode> = diagnosis.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [ErrorCode::InvalidClient, ErrorCode::AccountExpired, ErrorCode::RenewalsFailing]);
        assert_eq!(diagnosis.verdict, Verdict::Broken);
        assert!(
            diagnosis.summary.contains("The developer must act: Copy client id"),
            "{}",
            diagnosis.summary
        );
        assert!(diagnosis.summary.ends_with("Also found: account_expired, renewals_failing."));
        assert!(diagnosis.findings.iter().all(|finding| !finding.remedies.is_empty()));
    }

    #[test]
    fn findings_of_one_code_are_told_once_with_all_evidence() {
        let evidence = |detail: &str| Evidence::new(EvidenceKind::Event, detail);
        let diagnosis = of(vec![
            Finding::new(ErrorCode::AccountExpired).confidence(Confidence::Likely).evidence(evidence("one")),
            Finding::new(ErrorCode::AccountExpired).evidence(evidence("two")),
        ]);
        assert_eq!(diagnosis.findings.len(), 1);
        assert_eq!(diagnosis.findings[0].evidence, [evidence("two"), evidence("one")]);
        assert_eq!(diagnosis.findings[0].confidence, Confidence::Certain);
    }

    #[test]
    fn evidence_is_bounded_and_has_the_documented_shape() {
        let long =
            Evidence::new(EvidenceKind::Provider, "ä".repeat(MAX_EVIDENCE + 5)).reference("AADSTS50173");
        assert_eq!(long.detail.chars().count(), MAX_EVIDENCE + 1);
        let value = serde_json::to_value(long).unwrap();
        assert_eq!((value["kind"].as_str(), value["ref"].as_str()), (Some("provider"), Some("AADSTS50173")));
        assert!(value.get("at").is_none());
    }
}
