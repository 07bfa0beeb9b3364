//! The steps that ask the provider.

use time::Duration;
use valetkey_domain::{
    Clock, ErrorCode, SystemClock,
    catalogue::RemedyAction,
    diagnosis::{EvidenceKind, StepOutcome},
};
use valetkey_testkit::fake_provider::Scripted;

use crate::*;

fn steps(diagnosis: &Diagnosis) -> Vec<(&str, StepOutcome)> {
    diagnosis.steps.iter().map(|step| (step.name.as_str(), step.outcome)).collect()
}

/// An authorized account of a server whose clock is right: the provider's answers carry the time.
async fn at_the_right_time(connector: &str) -> EngineFixture {
    let fixture = fixture_with(connector).await;
    fixture.clock.set(SystemClock.now());
    fixture.authorize(connector, "user_1").await;
    fixture
}

#[tokio::test]
async fn probe_of_an_account_that_works_does_all_steps() {
    use StepOutcome::Ok;
    let fixture = at_the_right_time("acme").await;
    let diagnosis = probe(&fixture, "acme", "user_1").await;
    assert_eq!(
        steps(&diagnosis),
        [("status", Ok), ("history", Ok), ("refresh", Ok), ("scopes", Ok), ("read", Ok)]
    );
    assert_eq!(codes(&diagnosis), ["healthy"], "{diagnosis:#?}");
    assert_eq!(fixture.provider.token_requests("refresh_token").len(), 1);
    assert_eq!(fixture.provider.requests_to("/api/profile").len(), 1);
}

#[tokio::test]
async fn probe_finds_out_what_the_status_does_not_know_yet() {
    use StepOutcome::{Failed, Ok, Skipped};
    let fixture = at_the_right_time("acme").await;
    assert_eq!(codes(&diagnose(&fixture, "acme", "user_1").await), ["healthy"]);
    fixture.provider.forget_grants();
    let diagnosis = probe(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    assert_eq!(
        steps(&diagnosis),
        [("status", Ok), ("history", Ok), ("refresh", Failed), ("scopes", Ok), ("read", Skipped)]
    );
    assert_eq!(diagnosis.subject.status.as_deref(), Some("EXPIRED"));
    link(first(&diagnosis, ErrorCode::AccountExpired));
}

#[tokio::test]
async fn probe_tells_a_refused_read_from_a_good_grant() {
    let fixture = at_the_right_time("acme").await;
    fixture.provider.script("/api/profile", [Scripted::json(403, &json!({"error": "policy"}))]);
    let diagnosis = probe(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::UpstreamForbidden);
    rests_on(finding, EvidenceKind::Probe, "acme_get_profile failed with upstream_forbidden");
    let read = diagnosis.steps.last().unwrap();
    assert_eq!((read.name.as_str(), read.outcome), ("read", StepOutcome::Failed));
}

#[tokio::test]
async fn probe_that_works_refutes_an_old_refusal() {
    let fixture = at_the_right_time("acme").await;
    let no = Scripted::json(401, &json!({"error": "no"}));
    fixture.provider.script("/api/profile", [no.clone(), no]);
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    first(&diagnose(&fixture, "acme", "user_1").await, ErrorCode::ActiveButRefused);
    assert_eq!(codes(&probe(&fixture, "acme", "user_1").await), ["healthy"]);
}

#[tokio::test]
async fn probe_names_scopes_that_were_not_granted() {
    let fixture = fixture_with("acme").await;
    fixture.clock.set(SystemClock.now());
    fixture.provider.grant_only(Some("read"));
    fixture.authorize("acme", "user_1").await;
    let diagnosis = probe(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    first(&diagnosis, ErrorCode::ScopesNotGranted);
    let step = diagnosis.steps.iter().find(|step| step.name == "scopes").unwrap();
    assert_eq!(step.outcome, StepOutcome::Failed);
    assert!(step.detail.contains("write"), "{}", step.detail);
}

#[tokio::test]
async fn probe_measures_the_clock_by_the_providers() {
    let fixture = fixture_with("acme").await;
    fixture.clock.set(SystemClock.now() + Duration::minutes(9));
    fixture.authorize("acme", "user_1").await;
    let diagnosis = probe(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ClockSkew);
    rests_on(finding, EvidenceKind::Clock, "measured: 5");
    assert!(finding.message.contains("ahead of the clock of Acme"), "{}", finding.message);
    assert_eq!(finding.remedies[0].action, RemedyAction::ConfigureServer);
}

#[tokio::test]
async fn probe_of_a_pending_account_asks_nobody() {
    let fixture = fixture_with("acme").await;
    fixture.link("acme", "user_1").await;
    let diagnosis = probe(&fixture, "acme", "user_1").await;
    first(&diagnosis, ErrorCode::LinkNeverOpened);
    assert!(fixture.provider.requests().is_empty());
    assert!(diagnosis.steps.iter().filter(|s| s.outcome == StepOutcome::Skipped).count() >= 2);
}
