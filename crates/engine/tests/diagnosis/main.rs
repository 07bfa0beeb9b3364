//! Diagnosis: each situation is brought about through the engine, and what is found, how it is known and what to do about
//! it is looked at.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod callbacks;
mod calls;
mod connections;
mod identity;
mod limits;
mod network;
mod probing;
mod providers;
mod proxied;
mod recognised;
mod secrets;
mod statuses;
mod tables;

use serde_json::{Value, json};
use valetkey_domain::{
    Diagnosis, Error, ErrorCode, Finding,
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
};
use valetkey_engine::{AccountRef, DiagnosisOf, DiagnosisOptions, ExecuteTool, ToolOutcome};
use valetkey_testkit::{engine_fixture::EngineFixture, fake_provider::Scripted};

/// A provider with every known limit, whose refresh tokens work once.
const LIMITS: &str = r#"
slug: limits
display_name: Limits
description: A provider that ends grants for every reason there is.
links: { console: "https://limits.example/console", status: "https://limits.example/status" }
probe: limits_get_profile
auth:
  oauth:
    scopes: { default: [read], describe: { read: Read, offline: Stay connected } }
    authorize: { url: "https://limits.example/authorize" }
    token: { url: "https://limits.example/token" }
    refresh: { rotation: { single_use: true } }
    userinfo: { url: "https://limits.example/userinfo" }
    lifetimes: { refresh_idle_days: 30, refresh_absolute_days: 60, offline_scope: offline }
    limits: [{ count: 3, of: grants, per: user and client, then: the oldest one ends }]
api: { base_url: "https://limits.example/api" }
tools:
  - name: limits_get_profile
    title: Get profile
    description: Reads the profile of the user who is signed in.
    read_only: true
    scopes: [[read]]
    input: {}
    example: {}
    request: { path: /profile }
"#;

async fn fixture() -> EngineFixture {
    EngineFixture::with_all_connectors(&[("limits.yaml", LIMITS)], |_| {}).await
}

/// A fixture with a connection of this connector, named like it.
async fn fixture_with(connector: &str) -> EngineFixture {
    let fixture = fixture().await;
    fixture.connection(connector, connector).await;
    fixture
}

/// The same with an authorized account of `user_1`.
async fn authorized(connector: &str) -> EngineFixture {
    let fixture = fixture_with(connector).await;
    fixture.authorize(connector, "user_1").await;
    fixture
}

fn of_account(connection: &str, identifier: &str) -> DiagnosisOf {
    DiagnosisOf::Account(AccountRef::named(connection, identifier))
}

async fn diagnose_with(fixture: &EngineFixture, of: &DiagnosisOf, options: DiagnosisOptions) -> Diagnosis {
    let diagnosis = fixture.engine.diagnose(&fixture.caller, of, &options).await.unwrap();
    assert!(!diagnosis.findings.is_empty() && !diagnosis.summary.is_empty());
    let text = serde_json::to_string(&diagnosis).unwrap();
    assert!(!text.contains("canary-"), "a secret is in {text}");
    for finding in &diagnosis.findings {
        assert!(!finding.evidence.is_empty(), "{} rests on nothing", finding.code.as_str());
        assert!(!finding.remedies.is_empty(), "{} has no remedy", finding.code.as_str());
    }
    diagnosis
}

/// What is found about an account without asking the provider.
async fn diagnose(fixture: &EngineFixture, connection: &str, identifier: &str) -> Diagnosis {
    let before = fixture.provider.requests().len();
    let of = of_account(connection, identifier);
    let diagnosis = diagnose_with(fixture, &of, DiagnosisOptions::default()).await;
    assert_eq!(fixture.provider.requests().len(), before, "nobody may be asked without a probe");
    diagnosis
}

async fn probe(fixture: &EngineFixture, connection: &str, identifier: &str) -> Diagnosis {
    let options = DiagnosisOptions { probe: true, ..DiagnosisOptions::default() };
    diagnose_with(fixture, &of_account(connection, identifier), options).await
}

fn codes(diagnosis: &Diagnosis) -> Vec<&'static str> {
    diagnosis.findings.iter().map(|finding| finding.code.as_str()).collect()
}

/// The finding with this code.
fn found(diagnosis: &Diagnosis, code: ErrorCode) -> &Finding {
    let finding = diagnosis.findings.iter().find(|finding| finding.code == code);
    finding.unwrap_or_else(|| panic!("{} is not among {:?}", code.as_str(), codes(diagnosis)))
}

/// The first finding, which must have this code.
fn first(diagnosis: &Diagnosis, code: ErrorCode) -> &Finding {
    assert_eq!(codes(diagnosis)[0], code.as_str(), "{diagnosis:#?}");
    &diagnosis.findings[0]
}

/// Whether a finding rests on something of this kind whose reference or words hold `piece`.
#[track_caller]
fn rests_on(finding: &Finding, kind: EvidenceKind, piece: &str) {
    let fits = finding.evidence.iter().any(|evidence| {
        evidence.kind == kind
            && (evidence.detail.contains(piece)
                || evidence.reference.as_deref().is_some_and(|r| r.contains(piece)))
    });
    assert!(fits, "no {kind:?} with {piece} in {:#?}", finding.evidence);
}

/// Whether it rests on the newest event of this kind.
async fn rests_on_event(fixture: &EngineFixture, finding: &Finding, connection: &str, kind: EventKind) {
    let account = fixture.account(connection, "user_1").await;
    let events = fixture.events(&account).await;
    let event = events.iter().rev().find(|event| event.event.kind == kind).unwrap();
    let evidence = finding.evidence.iter().find(|e| e.reference.as_deref() == Some(event.id.as_str()));
    let evidence = evidence.unwrap_or_else(|| panic!("no {} in {:#?}", kind.as_str(), finding.evidence));
    assert_eq!(evidence.at, Some(event.at));
}

/// The authorization link in a finding's remedies.
#[track_caller]
fn link(finding: &Finding) -> &str {
    let urls = finding.remedies.iter().filter_map(|remedy| remedy.url.as_deref());
    let link = urls.into_iter().find(|url| url.starts_with("https://valetkey.example/connect/"));
    link.unwrap_or_else(|| panic!("no link in {:#?}", finding.remedies))
}

/// The words of all remedies.
fn todo(finding: &Finding) -> String {
    finding.remedies.iter().map(|remedy| remedy.text.as_str()).collect::<Vec<_>>().join(" ")
}

async fn call(
    fixture: &EngineFixture,
    connection: &str,
    tool: &str,
    input: Value,
) -> Result<ToolOutcome, Error> {
    let account = AccountRef::named(connection, "user_1");
    fixture.engine.execute_tool(&fixture.caller, ExecuteTool::new(account, tool, input)).await
}

/// A call after the access token has run out, while the token endpoint answers so.
async fn call_with(fixture: &EngineFixture, connection: &str, tool: &str, answer: Scripted) -> Error {
    fixture.provider.script("/token", [answer]);
    call(fixture, connection, tool, json!({})).await.unwrap_err()
}

fn is_broken(diagnosis: &Diagnosis) {
    assert_eq!(diagnosis.verdict, Verdict::Broken, "{diagnosis:#?}");
}

fn is_degraded(diagnosis: &Diagnosis) {
    assert_eq!(diagnosis.verdict, Verdict::Degraded, "{diagnosis:#?}");
}

fn is_certain(finding: &Finding) {
    assert_eq!(finding.confidence, Confidence::Certain, "{finding:#?}");
}
