//! Connections: what is wrong for all their accounts.

use time::Duration;
use valetkey_domain::{
    ErrorCode, SecretString,
    catalogue::{Actor, RemedyAction},
    diagnosis::{Confidence, EvidenceKind, StepOutcome},
    event::EventKind,
};
use valetkey_engine::{ConnectionUpdate, NewConnection};
use valetkey_testkit::fake_provider::{CLIENT_ID, CLIENT_SECRET};

use crate::*;

async fn of_connection(fixture: &EngineFixture, probe: bool) -> Diagnosis {
    let of = DiagnosisOf::Connection("acme".into());
    diagnose_with(fixture, &of, DiagnosisOptions { probe, ..DiagnosisOptions::default() }).await
}

async fn update(fixture: &EngineFixture, update: ConnectionUpdate) {
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
}

/// That nothing is known against a connection does not mean that it works.
#[tokio::test]
async fn connection_that_nobody_has_used_is_said_to_be_untried() {
    let fixture = EngineFixture::start().await;
    fixture.connection("acme", "acme").await;
    let diagnosis = of_connection(&fixture, false).await;
    let finding = &diagnosis.findings[0];
    assert_eq!((codes(&diagnosis), finding.confidence), (vec!["healthy"], Confidence::Possible));
    assert!(diagnosis.summary.contains("has not been tried yet"), "{}", diagnosis.summary);
    assert!(finding.remedies[0].text.contains("valetkey doctor connection acme --preflight"), "{finding:#?}");
    rests_on(finding, EvidenceKind::Connection, "none yet");
    // The provider accepts the client: now there is something to go by.
    for of in [of_connection(&fixture, true).await, {
        fixture.authorize("acme", "user_1").await;
        of_connection(&fixture, false).await
    }] {
        assert!(!of.summary.contains("has not been tried yet"), "{}", of.summary);
        assert_eq!(of.findings[0].confidence, Confidence::Certain);
    }
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

/// An operator took the shared client out of the settings: what was authorized through it cannot go on.
#[tokio::test]
async fn shared_credentials_that_are_gone_are_the_operators() {
    let fixture = EngineFixture::with_all_connectors(&[], |settings| {
        let client = (CLIENT_ID.to_owned(), SecretString::from(CLIENT_SECRET));
        settings.shared_credentials.insert("acme".into(), client);
    })
    .await;
    let new = NewConnection {
        client_id: None,
        client_secret: None,
        use_shared_credentials: true,
        ..fixture.new_connection("acme", "acme")
    };
    fixture.engine.create_connection(&fixture.caller, new).await.unwrap();
    fixture.authorize("acme", "user_1").await;
    assert_eq!(codes(&of_connection(&fixture, false).await), ["healthy"]);
    // The same database under a server whose settings name no shared client.
    let bare = fixture.engine_without_shared_credentials().await;
    let ask = async |of: DiagnosisOf| {
        let options = DiagnosisOptions::default();
        bare.diagnose(&fixture.caller, &of, &options).await.unwrap()
    };
    for diagnosis in
        [ask(DiagnosisOf::Connection("acme".into())).await, ask(of_account("acme", "user_1")).await]
    {
        is_broken(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::SharedCredentialsUnavailable);
        is_certain(finding);
        assert_eq!(
            (finding.actor, finding.remedies[0].action),
            (Actor::Operator, RemedyAction::ConfigureConnection)
        );
        rests_on(finding, EvidenceKind::Connection, "shared OAuth client");
        let todo = todo(finding);
        assert!(
            todo.contains("own client_id and client_secret") && todo.contains("ask the operator"),
            "{todo}"
        );
    }
    // A call whose renewal needs the client says the same.
    fixture.clock.advance(Duration::hours(2));
    let wanted = ExecuteTool::new(AccountRef::named("acme", "user_1"), "acme_get_profile", json!({}));
    let failure = bare.execute_tool(&fixture.caller, wanted).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::SharedCredentialsUnavailable);
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!(
        (short.code, short.actor, short.verdict),
        (ErrorCode::SharedCredentialsUnavailable, Actor::Operator, Verdict::Broken)
    );
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
