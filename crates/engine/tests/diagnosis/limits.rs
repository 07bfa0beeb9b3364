//! Rate limits: who is meant, and until when.

use time::Duration;
use valetkey_domain::{
    ErrorCode, SecretString,
    catalogue::{Actor, RemedyAction},
    diagnosis::EvidenceKind,
    event::EventKind,
};
use valetkey_engine::NewConnection;
use valetkey_testkit::fake_provider::{CLIENT_ID, CLIENT_SECRET, Scripted};

use crate::*;

fn too_many() -> Scripted {
    Scripted::json(429, &json!({"error": "slow down"}))
}

#[tokio::test]
async fn rate_limited_account_is_told_as_its_own_client() {
    let fixture = authorized("acme").await;
    fixture.provider.script("/api/profile", vec![too_many(); 20]);
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.code, short.actor), (ErrorCode::UpstreamRateLimited, Actor::Nobody));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::UpstreamRateLimited);
    assert_eq!(finding.remedies[0].action, RemedyAction::Wait);
    assert!(finding.cause.contains("counts against this account"), "{}", finding.cause);
    assert!(short.summary.contains("counts against this account"), "{}", short.summary);
    rests_on(finding, EvidenceKind::Connection, CLIENT_ID);
}

/// A provider that counts per app, as Spotify does.
const COUNTED: &str = r#"
slug: counted
display_name: Counted
description: A provider that counts the calls of an app, whoever made them.
auth:
  oauth:
    scopes: { default: [read] }
    authorize: { url: "https://counted.example/authorize" }
    token: { url: "https://counted.example/token" }
api:
  base_url: "https://counted.example/api"
  limits: { counts: client }
tools:
  - name: counted_get_profile
    title: Get profile
    description: Reads the profile of the user who is signed in.
    read_only: true
    scopes: [[read]]
    input: {}
    example: {}
    request: { path: /profile }
"#;

#[tokio::test]
async fn rate_limited_client_is_told_as_the_clients() {
    let fixture = EngineFixture::with_all_connectors(&[("counted.yaml", COUNTED)], |_| {}).await;
    fixture.connection("counted", "counted").await;
    for user in ["user_1", "user_2"] {
        fixture.authorize("counted", user).await;
    }
    fixture.provider.script("/api/profile", [Scripted { retry_after: Some(600), ..too_many() }]);
    for user in ["user_1", "user_2"] {
        let wanted = AccountRef::named("counted", user);
        let call = ExecuteTool::new(wanted, "counted_get_profile", json!({}));
        let failure = fixture.engine.execute_tool(&fixture.caller, call).await.unwrap_err();
        assert_eq!(failure.code(), ErrorCode::UpstreamRateLimited, "{user}");
        let short = failure.details().diagnosis.clone().unwrap();
        assert_eq!((short.code, short.actor), (ErrorCode::UpstreamRateLimited, Actor::Nobody));
        assert!(short.summary.contains("the OAuth client of the connection"), "{}", short.summary);
    }
    assert_eq!(fixture.provider.requests_to("/api/profile").len(), 1, "the second call did not leave");
    // An account that has met it, one that has not called at all, and the connection are told the same.
    fixture.authorize("counted", "user_3").await;
    let of_connection = DiagnosisOf::Connection("counted".into());
    for diagnosis in [
        diagnose(&fixture, "counted", "user_1").await,
        diagnose(&fixture, "counted", "user_3").await,
        diagnose_with(&fixture, &of_connection, DiagnosisOptions::default()).await,
    ] {
        is_degraded(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::UpstreamRateLimited);
        assert!(finding.cause.contains("which all its accounts share"), "{}", finding.cause);
        rests_on(finding, EvidenceKind::Provider, "left alone until then");
        rests_on(finding, EvidenceKind::Event, EventKind::RateLimited.as_str());
        assert!(todo(finding).starts_with("Wait "), "{}", todo(finding));
    }
    // Once it is over nothing of it is left.
    fixture.clock.advance(Duration::minutes(11));
    assert_eq!(codes(&diagnose(&fixture, "counted", "user_3").await), ["healthy"]);
    let over = diagnose_with(&fixture, &of_connection, DiagnosisOptions::default()).await;
    assert_eq!(codes(&over), ["healthy"]);
}

/// Somebody looks a call up, at once and the next day: who was limited and until when is told of it all the same.
#[tokio::test]
async fn rate_limited_call_looked_up_later_is_told_with_who_and_until_when() {
    let fixture = authorized("acme").await;
    fixture.provider.script("/api/profile", [Scripted { retry_after: Some(120), ..too_many() }]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        // The second one does not leave, and the limit is not noted again.
        let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
        ids.push(failure.details().execution.clone().unwrap().to_string());
        fixture.clock.advance(Duration::seconds(5));
    }
    for remedy in ["Wait 1", "That time is over"] {
        for id in &ids {
            let of = DiagnosisOf::Execution(id.clone());
            let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
            is_broken(&diagnosis);
            let finding = first(&diagnosis, ErrorCode::UpstreamRateLimited);
            assert!(finding.cause.contains("counts against this account"), "{}", finding.cause);
            rests_on(finding, EvidenceKind::Execution, id);
            rests_on(finding, EvidenceKind::Provider, "left alone until then");
            assert!(finding.remedies[0].text.starts_with(remedy), "{}", finding.remedies[0].text);
        }
        fixture.clock.advance(Duration::days(1));
    }
}

#[tokio::test]
async fn rate_limited_shared_client_is_told_with_the_way_out() {
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
    fixture.provider.script("/api/profile", vec![too_many(); 20]);
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    rests_on(
        first(&diagnosis, ErrorCode::UpstreamRateLimited),
        EvidenceKind::Connection,
        "shared OAuth client",
    );
    let finding = found(&diagnosis, ErrorCode::SharedClientLimited);
    assert!(todo(finding).contains("an OAuth client of its own"), "{}", todo(finding));
    rests_on(finding, EvidenceKind::Connection, "shared OAuth client");
    // The connection's own client has no such way out.
    let own = authorized("acme").await;
    own.provider.script("/api/profile", vec![too_many(); 20]);
    call(&own, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    assert!(!codes(&diagnose(&own, "acme", "user_1").await).contains(&"shared_client_limited"));
}

#[tokio::test]
async fn quota_of_google_is_told_by_its_table() {
    let fixture = authorized("gmail").await;
    let said = json!({"error": {"code": 403, "message": "Daily limit", "errors": [{"reason": "dailyLimitExceeded"}]}});
    fixture.provider.script("/api/gmail/v1/users/me/profile", vec![Scripted::json(403, &said); 20]);
    let failure = call(&fixture, "gmail", "gmail_get_profile", json!({})).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::UpstreamRateLimited);
    let short = failure.details().diagnosis.clone().unwrap();
    assert!(short.summary.contains("midnight Pacific time"), "{}", short.summary);
    let diagnosis = diagnose(&fixture, "gmail", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::UpstreamRateLimited);
    rests_on(finding, EvidenceKind::Provider, "dailyLimitExceeded");
    assert_eq!((finding.actor, finding.remedies[0].action), (Actor::Nobody, RemedyAction::Wait));
    let account = fixture.account("gmail", "user_1").await;
    let events = fixture.events(&account).await;
    let event = events.iter().rev().find(|event| event.event.kind == EventKind::RateLimited).unwrap();
    assert_eq!(event.event.data["client"], "own");
}

#[tokio::test]
async fn rate_limit_with_a_time_says_until_when_to_wait() {
    let fixture = authorized("acme").await;
    fixture.provider.script("/api/profile", [Scripted { retry_after: Some(120), ..too_many() }]);
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    fixture.clock.advance(Duration::seconds(20));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::UpstreamRateLimited);
    // Times are kept in whole seconds. How long is for programs, until when for people.
    let text = &finding.remedies[0].text;
    assert!(
        ["Wait 99 seconds, until ", "Wait 100 seconds, until "].iter().any(|w| text.starts_with(w)),
        "{text}"
    );
    assert!(text.ends_with(" UTC, then go on."), "{text}");
    let until = finding.evidence.iter().find(|e| e.detail.contains("left alone until then")).unwrap();
    let left = until.at.unwrap() - fixture.now();
    assert!((Duration::seconds(98)..=Duration::seconds(101)).contains(&left), "{left}");
    rests_on_event(&fixture, finding, "acme", EventKind::RateLimited).await;
}
