//! Connections: what is wrong for all their accounts.

use time::Duration;
use valetkey_domain::{
    ErrorCode, SecretString,
    catalogue::{Actor, RemedyAction},
    diagnosis::{EvidenceKind, StepOutcome},
    event::EventKind,
};
use valetkey_engine::{ConnectionUpdate, NewConnection};

use crate::*;

async fn of_connection(fixture: &EngineFixture, probe: bool) -> Diagnosis {
    let of = DiagnosisOf::Connection("acme".into());
    diagnose_with(fixture, &of, DiagnosisOptions { probe, ..DiagnosisOptions::default() }).await
}

async fn update(fixture: &EngineFixture, update: ConnectionUpdate) {
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
}

#[tokio::test]
async fn connection_that_works_is_healthy_with_its_redirect_uri() {
    let fixture = authorized("acme").await;
    for probe in [false, true] {
        let diagnosis = of_connection(&fixture, probe).await;
        assert_eq!(codes(&diagnosis), ["healthy"]);
        let finding = &diagnosis.findings[0];
        rests_on(finding, EvidenceKind::Connection, "https://valetkey.example/oauth/callback/conn_");
        rests_on(finding, EvidenceKind::Connection, "1 ACTIVE");
    }
}

#[tokio::test]
async fn client_secret_rotated_is_found_by_a_probe_and_then_without() {
    let fixture = authorized("acme").await;
    let secret = Some(Some(SecretString::from("canary-not-the-secret")));
    update(&fixture, ConnectionUpdate { client_secret: secret, ..ConnectionUpdate::default() }).await;
    let diagnosis = of_connection(&fixture, true).await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::InvalidClient);
    assert_eq!(
        (finding.actor, finding.remedies[0].action),
        (Actor::Developer, RemedyAction::ConfigureConnection)
    );
    rests_on(finding, EvidenceKind::Provider, "invalid_client");
    let step = diagnosis.steps.iter().find(|step| step.name == "client_credentials").unwrap();
    assert_eq!(step.outcome, StepOutcome::Failed);
    // The account goes on as long as its access token lives, and says what is to come.
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    first(&diagnosis, ErrorCode::InvalidClient);
    fixture.clock.advance(Duration::hours(2));
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    assert_eq!(failure.details().diagnosis.as_ref().map(|s| s.code), Some(ErrorCode::InvalidClient));
    is_broken(&diagnose(&fixture, "acme", "user_1").await);
}

#[tokio::test]
async fn connection_disabled_is_the_operators() {
    let fixture = authorized("acme").await;
    update(&fixture, ConnectionUpdate { enabled: Some(false), ..ConnectionUpdate::default() }).await;
    for diagnosis in [of_connection(&fixture, false).await, diagnose(&fixture, "acme", "user_1").await] {
        is_broken(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::ConnectionDisabled);
        assert_eq!(finding.actor, Actor::Operator);
    }
}

#[tokio::test]
async fn connection_without_a_client_leads_to_the_console() {
    let fixture = fixture().await;
    let new =
        NewConnection { client_id: None, client_secret: None, ..fixture.new_connection("acme", "limits") };
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    let diagnosis = of_connection(&fixture, false).await;
    let finding = first(&diagnosis, ErrorCode::ConnectionNotConfigured);
    assert_eq!(finding.remedies[0].url.as_deref(), Some("https://limits.example/console"));
}

#[tokio::test]
async fn shared_credentials_that_are_gone_are_told() {
    let fixture = fixture().await;
    let settings = NewConnection {
        client_id: None,
        client_secret: None,
        use_shared_credentials: true,
        ..fixture.new_connection("acme", "acme")
    };
    // A connection that was made while there were some.
    match fixture.engine.create_connection(&fixture.caller, settings).await {
        Ok(_) => {
            let diagnosis = of_connection(&fixture, false).await;
            first(&diagnosis, ErrorCode::SharedCredentialsUnavailable);
        }
        Err(error) => assert_eq!(error.code(), ErrorCode::SharedCredentialsUnavailable),
    }
}

#[tokio::test]
async fn fault_of_a_connection_names_its_event() {
    let fixture = authorized("acme").await;
    let secret = Some(Some(SecretString::from("canary-not-the-secret")));
    update(&fixture, ConnectionUpdate { client_secret: secret, ..ConnectionUpdate::default() }).await;
    fixture.clock.advance(Duration::hours(2));
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = of_connection(&fixture, false).await;
    let finding = first(&diagnosis, ErrorCode::InvalidClient);
    rests_on(finding, EvidenceKind::Event, EventKind::ConnectionFaulted.as_str());
}
