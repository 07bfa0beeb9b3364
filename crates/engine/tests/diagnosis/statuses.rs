//! Every status, told apart by how it came about.

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Change, ErrorCode, InstanceId, RefreshAttempt, RefreshId, Store,
    catalogue::{Actor, RemedyAction},
    diagnosis::{Confidence, EvidenceKind, Verdict},
    event::EventKind,
    refresh::{Frozen, RefreshReason},
};
use valetkey_engine::{AccountRef, LinkOptions, NewAccount, NewCredential};
use valetkey_testkit::{
    engine_fixture::{Browser, EngineFixture},
    fake_provider::Scripted,
};

use crate::*;

fn invalid_grant() -> Scripted {
    Scripted::error(400, "invalid_grant", "Token has been expired or revoked.")
}

#[tokio::test]
async fn account_without_a_link_is_told_and_linked() {
    let fixture = fixture_with("acme").await;
    fixture.engine.create_account(&fixture.caller, NewAccount::new("acme", "user_1")).await.unwrap();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::AccountPending);
    assert_eq!(finding.actor, Actor::EndUser);
    rests_on(finding, EvidenceKind::Status, "PENDING");
    link(finding);
}

#[tokio::test]
async fn link_never_opened_is_told_with_a_fresh_one_and_stays_so() {
    let fixture = fixture_with("acme").await;
    fixture.link("acme", "user_1").await;
    fixture.clock.advance(Duration::hours(3));
    for _ in 0..2 {
        // The link of the first answer must not be taken for one that the user got.
        let diagnosis = diagnose(&fixture, "acme", "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, ErrorCode::LinkNeverOpened);
        is_certain(finding);
        assert!(finding.cause.contains("3 hours ago"), "{}", finding.cause);
        rests_on(finding, EvidenceKind::Event, "authorization.link_created: made 3 hours ago");
        link(finding);
    }
    // And it works.
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let url = link(first(&diagnosis, ErrorCode::LinkNeverOpened)).parse().unwrap();
    Browser::default().go(&fixture.engine, &url).await.unwrap();
}

#[tokio::test]
async fn link_expired_unused_is_told() {
    let fixture = fixture_with("acme").await;
    fixture.link("acme", "user_1").await;
    fixture.clock.advance(Duration::hours(30));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::LinkExpired);
    rests_on(finding, EvidenceKind::Event, "authorization.link_created: made 30 hours ago");
    link(finding);
}

#[tokio::test]
async fn authorization_under_way_is_waited_for() {
    let fixture = fixture_with("acme").await;
    let made = fixture.link("acme", "user_1").await;
    Browser::default().go(&fixture.engine, &made.url).await.unwrap();
    fixture.clock.advance(Duration::minutes(4));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::AuthorizationUnfinished);
    assert_eq!(finding.remedies[0].action, RemedyAction::Wait);
    assert!(finding.remedies[0].text.contains("360 seconds"), "{}", finding.remedies[0].text);
}

#[tokio::test]
async fn authorization_opened_and_left_is_unfinished() {
    let fixture = fixture_with("acme").await;
    let made = fixture.link("acme", "user_1").await;
    Browser::default().go(&fixture.engine, &made.url).await.unwrap();
    fixture.clock.advance(Duration::hours(2));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::AuthorizationUnfinished);
    rests_on_event(&fixture, finding, "acme", EventKind::AuthorizationStarted).await;
    link(finding);
    fixture.clock.advance(Duration::hours(30));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    assert_eq!(codes(&diagnosis)[..2], ["link_expired", "authorization_unfinished"]);
}

#[tokio::test]
async fn verification_awaited_names_the_attempt() {
    let fixture = fixture_with("acme").await;
    let url = "https://app.example/verify".to_owned();
    let options = LinkOptions { user_verify_url: Some(url), ..LinkOptions::default() };
    let made = fixture.link_with("acme", "user_1", options).await;
    fixture.follow(&made).await;
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::AccountPendingVerification);
    assert_eq!(finding.actor, Actor::Developer);
    rests_on_event(&fixture, finding, "acme", EventKind::AccountAwaitsVerification).await;
    let account = fixture.account("acme", "user_1").await;
    let events = fixture.events(&account).await;
    let id =
        events[0].event.data["auth_request_id"].as_str().or(events[1].event.data["auth_request_id"].as_str());
    assert!(finding.remedies[0].text.contains(id.unwrap()), "{}", finding.remedies[0].text);
    assert!(finding.cause.contains("app.example"), "{}", finding.cause);
}

/// An access token that ran out, with nothing to renew it.
async fn ran_out(connector: &str, tool: &str) -> EngineFixture {
    let fixture = fixture_with(connector).await;
    let reply =
        json!({"access_token": "canary-access", "token_type": "Bearer", "expires_in": 3600, "scope": "read"});
    fixture.provider.script("/token", [Scripted::json(200, &reply)]);
    fixture.authorize(connector, "user_1").await;
    let diagnosis = diagnose(&fixture, connector, "user_1").await;
    is_degraded(&diagnosis);
    fixture.clock.advance(Duration::hours(2));
    call(&fixture, connector, tool, json!({})).await.unwrap_err();
    fixture
}

#[tokio::test]
async fn expired_because_offline_access_was_not_asked_for() {
    let fixture = ran_out("limits", "limits_get_profile").await;
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::OfflineAccessMissing);
    is_certain(finding);
    assert_eq!(finding.actor, Actor::Developer);
    rests_on_event(&fixture, finding, "limits", EventKind::AccountExpired).await;
    rests_on(finding, EvidenceKind::Connection, "Asked for: read");
    assert!(finding.remedies[0].text.contains("Add the scope offline to the connection \"limits\""));
    assert!(
        finding.remedies.iter().all(|remedy| remedy.url.is_none()),
        "a link now would ask for too little again"
    );
}

#[tokio::test]
async fn expired_because_the_import_had_no_refresh_token() {
    let fixture = fixture_with("acme").await;
    let credential = NewCredential::OAuth {
        access_token: "canary-imported".into(),
        refresh_token: None,
        scopes: vec!["read".into(), "write".into()],
        expires_at: Some(fixture.now() + Duration::hours(1)),
        domain: None,
    };
    let new = NewAccount { credential: Some(credential), ..NewAccount::new("acme", "user_1") };
    fixture.engine.create_account(&fixture.caller, new).await.unwrap();
    fixture.clock.advance(Duration::hours(2));
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::RefreshTokenMissing);
    assert!(finding.cause.contains("imported"));
    rests_on(finding, EvidenceKind::Event, "source: imported");
    assert_eq!(finding.remedies[0].action, RemedyAction::EnterCredential);
    link(finding);
}

#[tokio::test]
async fn expired_because_idle_longer_than_the_provider_allows() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::days(31));
    call_with(&fixture, "limits", "limits_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::RefreshTokenIdle);
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(finding.cause.contains("30 days"), "{}", finding.cause);
    rests_on_event(&fixture, finding, "limits", EventKind::AccountExpired).await;
    rests_on(finding, EvidenceKind::Provider, "invalid_grant");
    link(finding);
}

/// Renews every `days` days, `times` times.
async fn kept_alive(fixture: &EngineFixture, connection: &str, tool: &str, days: i64, times: u32) {
    for _ in 0..times {
        fixture.clock.advance(Duration::days(days));
        call(fixture, connection, tool, json!({})).await.unwrap();
    }
}

#[tokio::test]
async fn expired_because_the_grant_reached_its_longest_life() {
    let fixture = authorized("limits").await;
    kept_alive(&fixture, "limits", "limits_get_profile", 19, 3).await;
    fixture.clock.advance(Duration::days(4));
    call_with(&fixture, "limits", "limits_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::RefreshTokenAged);
    assert!(finding.message.contains("61 days after consent"), "{}", finding.message);
    assert_eq!(codes(&diagnosis), ["refresh_token_aged"], "it was not idle");
    rests_on_event(&fixture, finding, "limits", EventKind::AccountActivated).await;
    link(finding);
}

#[tokio::test]
async fn expired_seven_days_after_consent_is_a_google_app_in_testing() {
    let fixture = fixture_with("gmail").await;
    fixture.authorize("gmail", "user_1").await;
    for _ in 0..3 {
        fixture.clock.advance(Duration::days(2));
        fixture.engine.refresh_account(&fixture.caller, &AccountRef::named("gmail", "user_1")).await.unwrap();
    }
    fixture.clock.advance(Duration::hours(25));
    call_with(&fixture, "gmail", "gmail_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "gmail", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::AppInTesting);
    assert_eq!((finding.confidence, finding.actor), (Confidence::Likely, Actor::Developer));
    assert!(finding.message.contains("7 days after consent"), "{}", finding.message);
    rests_on_event(&fixture, finding, "gmail", EventKind::AccountActivated).await;
    rests_on_event(&fixture, finding, "gmail", EventKind::AccountExpired).await;
    let console = finding.remedies[0].url.as_deref().unwrap();
    assert!(console.starts_with("https://console.cloud.google.com/"), "{console}");
    link(finding);
}

#[tokio::test]
async fn expired_on_the_fifth_day_is_not_blamed_on_testing() {
    let fixture = authorized("gmail").await;
    fixture.clock.advance(Duration::days(5));
    call_with(&fixture, "gmail", "gmail_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "gmail", "user_1").await;
    assert_eq!(codes(&diagnosis), ["account_expired"]);
    assert!(diagnosis.findings[0].cause.contains("fits no known cause"), "{}", diagnosis.findings[0].cause);
}

#[tokio::test]
async fn expired_because_newer_grants_pushed_it_out() {
    let fixture = authorized("limits").await;
    for other in ["user_2", "user_3", "user_4"] {
        fixture.clock.advance(Duration::hours(1));
        fixture.authorize("limits", other).await;
    }
    fixture.clock.advance(Duration::hours(2));
    call_with(&fixture, "limits", "limits_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::GrantLimitReached);
    assert!(finding.message.contains("3 newer grants"), "{}", finding.message);
    rests_on(finding, EvidenceKind::Connector, "limit: 3 per user and client");
    link(finding);
    // Somebody else's grants count for nothing.
    let fixture = authorized("limits").await;
    for other in ["user_2", "user_3", "user_4"] {
        fixture.provider.sign_in(other);
        fixture.authorize("limits", other).await;
    }
    fixture.clock.advance(Duration::hours(2));
    call_with(&fixture, "limits", "limits_get_profile", invalid_grant()).await;
    assert_eq!(codes(&diagnose(&fixture, "limits", "user_1").await), ["account_expired"]);
}

#[tokio::test]
async fn expired_because_an_answer_was_lost() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::hours(2));
    let cut = Scripted { body: "{\"access_token\": \"canary-cu".into(), ..Scripted::json(200, &json!({})) };
    call_with(&fixture, "limits", "limits_get_profile", cut).await;
    fixture.clock.advance(Duration::minutes(2));
    call_with(&fixture, "limits", "limits_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::RefreshOutcomeLost);
    is_certain(finding);
    rests_on(finding, EvidenceKind::Credential, "without a known outcome");
    rests_on_event(&fixture, finding, "limits", EventKind::AccountExpired).await;
    assert!(finding.cause.contains("Nobody took access away"));
    link(finding);
}

/// The process died between the provider's answer and the disk: another one finds its open attempt, tries once, and says
/// what became of the grant.
#[tokio::test]
async fn expired_because_a_process_died_with_the_answer() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::hours(2));
    let account = fixture.account("limits", "user_1").await.account;
    let died_at = fixture.now();
    let attempt = RefreshAttempt {
        id: RefreshId::new(&*fixture.clock, &*fixture.entropy),
        environment: account.environment.clone(),
        connection: account.connection.clone(),
        account: account.id.clone(),
        fence: 1,
        generation: account.generation,
        // Of a process that is gone.
        holder: InstanceId(4711),
        reason: RefreshReason::Due,
        started_at: died_at,
        lease_until: died_at,
        outcome: None,
        code: None,
        ended_at: None,
    };
    let id = attempt.id.clone();
    let begin = Change::BeginRefresh { attempt, lease: std::time::Duration::from_secs(180) };
    fixture.store.commit(begin.into()).await.unwrap();
    fixture.clock.advance(Duration::seconds(30));
    call_with(&fixture, "limits", "limits_get_profile", invalid_grant()).await;
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::RefreshOutcomeLost);
    is_certain(finding);
    assert_eq!(finding.actor, Actor::EndUser);
    assert!(finding.cause.contains(&died_at.to_string()), "{}", finding.cause);
    rests_on(finding, EvidenceKind::Credential, id.as_str());
    rests_on_event(&fixture, finding, "limits", EventKind::AccountExpired).await;
    link(finding);
}

#[tokio::test]
async fn revoked_alone_is_likely_the_user() {
    let fixture = authorized("acme").await;
    fixture.authorize("acme", "user_2").await;
    fixture.provider.forget_grants();
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::AccessRevokedByUser);
    assert_eq!((finding.confidence, finding.actor), (Confidence::Likely, Actor::EndUser));
    rests_on_event(&fixture, finding, "acme", EventKind::AccountRevoked).await;
    link(finding);
}

#[tokio::test]
async fn revoked_together_with_others_is_likely_an_administrator() {
    let fixture = authorized("acme").await;
    for other in ["user_2", "user_3"] {
        fixture.authorize("acme", other).await;
    }
    fixture.provider.forget_grants();
    for user in ["user_2", "user_3", "user_1"] {
        let account = AccountRef::named("acme", user);
        let run = ExecuteTool::new(account, "acme_get_profile", json!({}));
        fixture.engine.execute_tool(&fixture.caller, run).await.unwrap_err();
    }
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::AccessRevokedByAdmin);
    assert_eq!((finding.confidence, finding.actor), (Confidence::Likely, Actor::ProviderAdmin));
    assert!(finding.cause.contains("2 other accounts"), "{}", finding.cause);
    rests_on(finding, EvidenceKind::Status, "REVOKED");
    assert!(todo(finding).contains("Ask the organization's administrator"), "{}", todo(finding));
    link(finding);
}

#[tokio::test]
async fn disconnected_says_who_and_when() {
    let fixture = authorized("acme").await;
    let account = AccountRef::named("acme", "user_1");
    fixture.engine.disconnect_account(&fixture.caller, &account).await.unwrap();
    fixture.clock.advance(Duration::days(3));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::AccountDisconnected);
    assert!(finding.message.contains("3 days ago by client:"), "{}", finding.message);
    rests_on_event(&fixture, finding, "acme", EventKind::AccountDisconnected).await;
    link(finding);
}

#[tokio::test]
async fn renewals_failing_say_until_when_to_wait() {
    let fixture = authorized("acme").await;
    fixture.clock.advance(Duration::minutes(59) + Duration::seconds(30));
    let down = Scripted::error(503, "temporarily_unavailable", "down");
    fixture.provider.script("/token", [down.clone()]);
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::RenewalsFailing);
    assert_eq!(finding.actor, Actor::Nobody);
    assert!(finding.message.contains("still works"), "{}", finding.message);
    rests_on(finding, EvidenceKind::Credential, "upstream_error");
    rests_on_event(&fixture, finding, "acme", EventKind::RefreshFailed).await;
    assert_eq!(finding.remedies[0].action, RemedyAction::Wait);
    fixture.clock.advance(Duration::hours(1));
    fixture.provider.script("/token", [down]);
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    first(&diagnosis, ErrorCode::RenewalsFailing);
}

/// The provider ended the access token early, and its token endpoint is in trouble or refuses our client: nobody tells the
/// user to mend that.
#[tokio::test]
async fn refused_token_that_cannot_be_renewed_is_told_by_what_keeps_it() {
    let down = || Scripted::error(503, "temporarily_unavailable", "down");
    let html = || Scripted {
        body: "<html>soon back</html>".into(),
        content_type: "text/html",
        ..Scripted::json(200, &json!({}))
    };
    let stranger = || Scripted::error(401, "invalid_client", "no such client");
    for (answer, error, found, actor) in [
        (down(), ErrorCode::UpstreamError, ErrorCode::RenewalsFailing, Actor::Nobody),
        (html(), ErrorCode::UpstreamResponseInvalid, ErrorCode::RenewalsFailing, Actor::Nobody),
        (stranger(), ErrorCode::InvalidClient, ErrorCode::InvalidClient, Actor::Developer),
    ] {
        let fixture = authorized("acme").await;
        fixture.provider.forget_access_tokens();
        fixture.provider.script("/token", [answer]);
        let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
        assert_eq!(failure.code(), error, "{failure:?}");
        assert!(failure.cause_text().contains("answered 401 to the call"), "{}", failure.cause_text());
        let short = failure.details().diagnosis.clone().unwrap();
        assert_eq!(short.actor, actor, "{short:?}");
        let diagnosis = diagnose(&fixture, "acme", "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, found);
        assert_eq!(finding.actor, actor, "{finding:?}");
        assert!(!codes(&diagnosis).contains(&"active_but_refused"), "{:?}", codes(&diagnosis));
        if found == ErrorCode::RenewalsFailing {
            assert!(finding.message.contains("does not take its access token"), "{}", finding.message);
            rests_on_event(&fixture, finding, "acme", EventKind::CredentialRefused).await;
        }
    }
}

#[tokio::test]
async fn frozen_grant_of_a_restored_database_is_the_operators() {
    let fixture = authorized("limits").await;
    fixture.clock.advance(Duration::minutes(1));
    let frozen = Frozen { since: fixture.now(), reason: "The database was restored.".into() };
    fixture.store.commit(Change::Freeze(frozen).into()).await.unwrap();
    let diagnosis = diagnose(&fixture, "limits", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::GrantFrozen);
    assert_eq!(finding.actor, Actor::Operator);
    rests_on(finding, EvidenceKind::Setting, "The database was restored.");
    assert!(todo(finding).contains("valetkey store confirm"));
    fixture.clock.advance(Duration::hours(2));
    is_broken(&diagnose(&fixture, "limits", "user_1").await);
}

#[tokio::test]
async fn account_that_works_is_healthy_with_evidence() {
    let fixture = authorized("acme").await;
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap();
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    assert_eq!(diagnosis.verdict, Verdict::Healthy);
    let finding = first(&diagnosis, ErrorCode::Healthy);
    rests_on(finding, EvidenceKind::Status, "ACTIVE");
    rests_on(finding, EvidenceKind::Credential, "works for");
    rests_on(finding, EvidenceKind::Execution, "acme_get_profile succeeded");
    rests_on_event(&fixture, finding, "acme", EventKind::AccountActivated).await;
}
