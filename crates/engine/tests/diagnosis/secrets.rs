//! Client secrets: whether they end, and whether the provider ever took them.

use time::Duration;
use valetkey_domain::{
    Error, ErrorCode, SecretString, Time,
    catalogue::{Actor, RemedyAction},
    diagnosis::EvidenceKind,
    event::EventKind,
};
use valetkey_engine::ConnectionUpdate;
use valetkey_testkit::fake_provider::{CLIENT_SECRET, Scripted};

use crate::*;

async fn of_connection(fixture: &EngineFixture, probe: bool) -> Diagnosis {
    let of = DiagnosisOf::Connection("limits".into());
    diagnose_with(fixture, &of, DiagnosisOptions { probe, ..DiagnosisOptions::default() }).await
}

async fn update(fixture: &EngineFixture, update: ConnectionUpdate) -> Result<Option<Time>, Error> {
    let view = fixture.engine.update_connection(&fixture.caller, "limits", update).await?;
    Ok(view.connection.client_secret_expires_at)
}

/// Notes that the client secret ends in so many days.
async fn ends_in(fixture: &EngineFixture, days: i64) -> Time {
    let end = fixture.now() + Duration::days(days);
    let ends = ConnectionUpdate { client_secret_expires_at: Some(Some(end)), ..ConnectionUpdate::default() };
    assert_eq!(update(fixture, ends).await.unwrap(), Some(end));
    end
}

fn secret(text: &str) -> ConnectionUpdate {
    ConnectionUpdate { client_secret: Some(Some(SecretString::from(text))), ..ConnectionUpdate::default() }
}

/// The provider refuses the client from now on, in the plainest words, until it is asked for something else.
fn refuses_the_client(fixture: &EngineFixture) {
    fixture
        .provider
        .script("/token", vec![Scripted::error(401, "invalid_client", "Client authentication failed."); 3]);
}

async fn refused_renewal(fixture: &EngineFixture) -> Error {
    refuses_the_client(fixture);
    call(fixture, "limits", "limits_get_profile", json!({})).await.unwrap_err()
}

#[tokio::test]
async fn secret_that_ends_soon_is_told_with_the_days_left() {
    let fixture = authorized("limits").await;
    let end = ends_in(&fixture, 40).await;
    assert_eq!(codes(&of_connection(&fixture, false).await), ["healthy"]);
    fixture.clock.advance(Duration::days(28));
    for diagnosis in [of_connection(&fixture, false).await, of_connection(&fixture, true).await] {
        is_degraded(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::ClientSecretExpiring);
        is_certain(finding);
        assert_eq!(
            (finding.actor, finding.remedies[0].action, finding.remedies[0].url.as_deref()),
            (Actor::Developer, RemedyAction::ConfigureConnection, Some("https://limits.example/console"))
        );
        assert!(finding.message.contains("ends in 12 days"), "{}", finding.message);
        assert!(todo(finding).contains(&end.date().to_string()), "{}", todo(finding));
        rests_on(finding, EvidenceKind::Connection, "client_secret_expires_at");
        assert!(finding.evidence.iter().any(|evidence| evidence.at == Some(end)));
    }
    // Its accounts say so too, before anything fails.
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    found(&diagnosis, ErrorCode::ClientSecretExpiring);
}

#[tokio::test]
async fn secret_that_has_ended_explains_a_refusal_that_says_no_more() {
    let fixture = authorized("limits").await;
    ends_in(&fixture, 10).await;
    fixture.clock.advance(Duration::days(11));
    // Nobody has asked the provider yet: it fits, and it is not proven.
    let diagnosis = of_connection(&fixture, false).await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ClientSecretExpired);
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(finding.message.contains("ended"), "{}", finding.message);
    let failure = refused_renewal(&fixture).await;
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.code, short.actor), (ErrorCode::ClientSecretExpired, Actor::Developer));
    for diagnosis in [of_connection(&fixture, false).await, diagnose(&fixture, "limits", "user_1").await] {
        is_broken(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::ClientSecretExpired);
        is_certain(finding);
        rests_on(finding, EvidenceKind::Provider, "invalid_client");
        rests_on(finding, EvidenceKind::Connection, "client_secret_expires_at");
        assert!(todo(finding).contains("Make a new secret"), "{}", todo(finding));
        assert!(!codes(&diagnosis).contains(&"invalid_client"), "{:?}", codes(&diagnosis));
    }
}

#[tokio::test]
async fn secret_accepted_after_its_noted_end_makes_the_note_doubtful() {
    let fixture = authorized("limits").await;
    ends_in(&fixture, 10).await;
    fixture.clock.advance(Duration::days(11));
    call(&fixture, "limits", "limits_get_profile", json!({})).await.unwrap();
    let diagnosis = of_connection(&fixture, false).await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ClientSecretExpired);
    assert_eq!(finding.confidence, Confidence::Possible);
    rests_on(finding, EvidenceKind::Event, EventKind::CredentialRefreshed.as_str());
    assert!(todo(finding).contains("correct client_secret_expires_at"), "{}", todo(finding));
}

#[tokio::test]
async fn secret_replaced_forgets_the_end_of_the_old_one() {
    let fixture = authorized("limits").await;
    ends_in(&fixture, 5).await;
    first(&of_connection(&fixture, false).await, ErrorCode::ClientSecretExpiring);
    assert_eq!(update(&fixture, secret(CLIENT_SECRET)).await.unwrap(), None);
    assert_eq!(codes(&of_connection(&fixture, false).await), ["healthy"]);
    let end = fixture.now() + Duration::days(700);
    let both = ConnectionUpdate { client_secret_expires_at: Some(Some(end)), ..secret(CLIENT_SECRET) };
    assert_eq!(update(&fixture, both).await.unwrap(), Some(end));
    let never = ConnectionUpdate { client_secret_expires_at: Some(None), ..ConnectionUpdate::default() };
    assert_eq!(update(&fixture, never).await.unwrap(), None);
    // Without a secret there is nothing that could end.
    let none = ConnectionUpdate {
        client_secret: Some(None),
        client_secret_expires_at: Some(Some(end)),
        ..ConnectionUpdate::default()
    };
    let refused = update(&fixture, none).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidArgument);
    assert_eq!(refused.details().fields[0].field, "client_secret_expires_at");
}

#[tokio::test]
async fn end_of_a_secret_noted_mends_no_fault() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::hours(2));
    refused_renewal(&fixture).await;
    ends_in(&fixture, 400).await;
    first(&of_connection(&fixture, false).await, ErrorCode::InvalidClient);
}

#[tokio::test]
async fn client_accepted_before_and_refused_now_was_rotated_at_the_provider() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::hours(2));
    call(&fixture, "limits", "limits_get_profile", json!({})).await.unwrap();
    fixture.clock.advance(Duration::hours(3));
    refused_renewal(&fixture).await;
    for diagnosis in [of_connection(&fixture, false).await, diagnose(&fixture, "limits", "user_1").await] {
        is_broken(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::InvalidClient);
        assert!(finding.cause.contains("until 3 hours ago"), "{}", finding.cause);
        assert!(finding.cause.contains("regenerated"), "{}", finding.cause);
        rests_on_event(&fixture, finding, "limits", EventKind::CredentialRefreshed).await;
        assert_eq!(
            (finding.actor, finding.remedies[0].action),
            (Actor::Developer, RemedyAction::ConfigureConnection)
        );
    }
}

#[tokio::test]
async fn client_never_accepted_since_it_was_set_is_mistyped() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::days(3));
    update(&fixture, secret("canary-not-the-secret")).await.unwrap();
    let set = fixture.now();
    fixture.clock.advance(Duration::hours(4));
    refused_renewal(&fixture).await;
    let diagnosis = of_connection(&fixture, false).await;
    let finding = first(&diagnosis, ErrorCode::InvalidClient);
    assert!(finding.cause.contains("set 4 hours ago"), "{}", finding.cause);
    assert!(finding.cause.contains("mistyped"), "{}", finding.cause);
    let evidence =
        finding.evidence.iter().find(|e| e.detail.contains("has not accepted the client")).unwrap();
    assert_eq!(evidence.at, Some(set));
    assert_eq!(
        (finding.actor, finding.remedies[0].action),
        (Actor::Developer, RemedyAction::ConfigureConnection)
    );
}
