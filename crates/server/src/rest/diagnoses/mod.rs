//! Diagnoses: why an account, a connection or a call does not work, and whose move it is.

mod create;
mod of_account;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{
    Diagnosis, Evidence, Finding, Step,
    diagnosis::{EvidenceKind, StepOutcome, Subject, SubjectKind},
};

use crate::{error::RemedyBody, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create::create)).routes(routes!(of_account::of_account))
}

/// Why something does not work. A `verdict` of `broken` says that repeating the call does not help before somebody has
/// acted: whose move it is, and what to do, the first finding says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Diagnosis)]
pub(crate) struct DiagnosisBody {
    subject: SubjectBody,
    /// `healthy`, `degraded` (it works, but not for long or not for everything) or `broken`.
    #[schema(example = "broken")]
    verdict: &'static str,
    /// The answer in prose.
    summary: String,
    /// What was found, the gravest and surest first. Never empty: healthy is a finding too.
    findings: Vec<FindingBody>,
    /// What was done, in order.
    steps: Vec<StepBody>,
}

/// What a diagnosis is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiagnosisSubject)]
struct SubjectBody {
    /// `account`, `connection` or `execution`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<String>,
    /// The account's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

/// One thing that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
struct FindingBody {
    /// The code from the catalogue; programs branch on it.
    #[schema(example = "password_changed")]
    code: &'static str,
    /// What it means for the subject: `healthy`, `degraded` or `broken`.
    severity: &'static str,
    /// `certain`, `likely` or `possible`.
    confidence: &'static str,
    /// Whose move it is: `end_user`, `developer`, `provider_admin`, `operator` or `nobody`.
    actor: &'static str,
    /// What happened, for people.
    message: String,
    /// Why.
    cause: String,
    /// How that is known.
    evidence: Vec<EvidenceBody>,
    /// What to do, in order, with links where there are any.
    remedies: Vec<RemedyBody>,
    /// The page that explains the code.
    docs: String,
}

/// One thing that a finding rests on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Evidence)]
struct EvidenceBody {
    /// `event`, `status`, `credential`, `connection`, `connector`, `provider`, `probe`, `clock`, `network`, `setting` or
    /// `execution`.
    kind: &'static str,
    /// An id or code to look it up by: of the event or execution, or the provider's own code.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// When it was so.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    at: Option<OffsetDateTime>,
    /// The fact, in words.
    detail: String,
}

/// One step of a diagnosis.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiagnosisStep)]
struct StepBody {
    /// What was done: `status`, `history`, `refresh`, `scopes`, `read`, …
    name: String,
    /// `ok`, `failed` or `skipped`.
    outcome: &'static str,
    /// What it brought, in words.
    detail: String,
}

impl DiagnosisBody {
    /// The diagnosis with links to the pages of its codes.
    pub(crate) fn new(app: &App, diagnosis: Diagnosis) -> Self {
        let docs = app.options.address_of("/docs/errors/");
        Self {
            subject: diagnosis.subject.into(),
            verdict: diagnosis.verdict.as_str(),
            summary: diagnosis.summary,
            findings: diagnosis
                .findings
                .into_iter()
                .map(|finding| FindingBody::new(&docs, finding))
                .collect(),
            steps: diagnosis.steps.into_iter().map(StepBody::from).collect(),
        }
    }
}

impl FindingBody {
    fn new(docs: &str, finding: Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            confidence: finding.confidence.as_str(),
            actor: finding.actor.as_str(),
            message: finding.message,
            cause: finding.cause,
            evidence: finding.evidence.into_iter().map(EvidenceBody::from).collect(),
            remedies: finding.remedies.into_iter().map(RemedyBody::from).collect(),
            docs: format!("{docs}{}", finding.code.as_str()),
        }
    }
}

impl From<Subject> for SubjectBody {
    fn from(subject: Subject) -> Self {
        Self {
            kind: match subject.kind {
                SubjectKind::Account => "account",
                SubjectKind::Connection => "connection",
                SubjectKind::Execution => "execution",
                SubjectKind::System => "system",
            },
            account_id: subject.account_id.map(String::from),
            identifier: subject.identifier,
            connection_id: subject.connection_id.map(String::from),
            connection_name: subject.connection_name,
            connector: subject.connector,
            execution_id: subject.execution_id.map(String::from),
            status: subject.status,
        }
    }
}

impl From<Evidence> for EvidenceBody {
    fn from(evidence: Evidence) -> Self {
        Self {
            kind: match evidence.kind {
                EvidenceKind::Event => "event",
                EvidenceKind::Status => "status",
                EvidenceKind::Credential => "credential",
                EvidenceKind::Connection => "connection",
                EvidenceKind::Connector => "connector",
                EvidenceKind::Provider => "provider",
                EvidenceKind::Probe => "probe",
                EvidenceKind::Clock => "clock",
                EvidenceKind::Network => "network",
                EvidenceKind::Setting => "setting",
                EvidenceKind::Execution => "execution",
            },
            reference: evidence.reference,
            at: evidence.at,
            detail: evidence.detail,
        }
    }
}

impl From<Step> for StepBody {
    fn from(step: Step) -> Self {
        Self {
            name: step.name,
            outcome: match step.outcome {
                StepOutcome::Ok => "ok",
                StepOutcome::Failed => "failed",
                StepOutcome::Skipped => "skipped",
            },
            detail: step.detail,
        }
    }
}
