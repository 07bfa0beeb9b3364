//! Who is behind an account: another identity at the provider, and another user at the app.

use time::Duration;
use valetkey_domain::{
    ErrorCode,
    catalogue::{Actor, RemedyAction},
    connection::IdentityPolicy,
    diagnosis::EvidenceKind,
    event::EventKind,
};
use valetkey_engine::{CallbackOutcome, ConnectionUpdate, LinkOptions};
use valetkey_testkit::fake_provider::Scripted;

use crate::*;

/// An account of `user-1` at the provider, on a connection with this policy.
async fn pinned(connector: &str, policy: IdentityPolicy) -> EngineFixture {
    let fixture = authorized(connector).await;
    let update = ConnectionUpdate { identity_policy: Some(policy), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, connector, update).await.unwrap();
    fixture.clock.advance(Duration::minutes(1));
    fixture
}

#[tokio::test]
async fn authorization_as_somebody_else_that_was_refused_is_told_with_both_names() {
    let fixture = pinned("acme", IdentityPolicy::Refuse).await;
    fixture.provider.sign_in("user-2");
    let made = fixture.link("acme", "user_1").await;
    assert!(matches!(fixture.follow(&made).await, CallbackOutcome::Failed(_)));
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    // The grant of before goes on working.
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ProviderIdentityChanged);
    is_certain(finding);
    assert_eq!((finding.actor, finding.remedies[0].action), (Actor::EndUser, RemedyAction::Reauthorize));
    rests_on(finding, EvidenceKind::Provider, "before: user-1@acme.example; then: user-2@acme.example");
    rests_on_event(&fixture, finding, "acme", EventKind::AuthorizationFailed).await;
    assert!(todo(finding).contains("sign in to Acme as user-1@acme.example"), "{}", todo(finding));
    assert!(todo(finding).contains("identity_policy"), "{}", todo(finding));
    // Once the right user has authorized it is over.
    fixture.clock.advance(Duration::minutes(1));
    fixture.provider.sign_in("user-1");
    fixture.authorize("acme", "user_1").await;
    assert_eq!(codes(&diagnose(&fixture, "acme", "user_1").await), ["healthy"]);
}

#[tokio::test]
async fn authorization_as_somebody_else_that_was_taken_is_flagged_for_a_week() {
    let fixture = pinned("acme", IdentityPolicy::Flag).await;
    fixture.provider.sign_in("user-2");
    fixture.authorize("acme", "user_1").await;
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ProviderIdentityChanged);
    assert!(finding.message.contains("user-2@acme.example"), "{}", finding.message);
    rests_on_event(&fixture, finding, "acme", EventKind::IdentityChanged).await;
    assert!(todo(finding).contains("authorize again as user-1@acme.example"), "{}", todo(finding));
    link(finding);
    fixture.clock.advance(Duration::days(8));
    assert!(!codes(&diagnose(&fixture, "acme", "user_1").await).contains(&"provider_identity_changed"));
}

#[tokio::test]
async fn renewal_that_names_somebody_else_ends_the_account_and_says_so() {
    let fixture = pinned("acmewide", IdentityPolicy::Refuse).await;
    fixture.clock.advance(Duration::hours(2));
    let reply = json!({
        "access_token": "canary-access-x", "refresh_token": "canary-refresh-x", "expires_in": 3600, "sub": "user-9",
    });
    fixture.provider.script("/token", [Scripted::json(200, &reply)]);
    let wanted = AccountRef::named("acmewide", "user_1");
    fixture.engine.refresh_account(&fixture.caller, &wanted).await.unwrap_err();
    let diagnosis = diagnose(&fixture, "acmewide", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ProviderIdentityChanged);
    is_certain(finding);
    assert_eq!(finding.actor, Actor::EndUser);
    rests_on(finding, EvidenceKind::Status, "EXPIRED");
    rests_on_event(&fixture, finding, "acmewide", EventKind::AccountExpired).await;
    link(finding);
}

/// S03: the app sees another user than the one whose link it was.
#[tokio::test]
async fn user_who_is_not_the_one_of_the_link_is_told_before_the_waiting() {
    let fixture = fixture_with("acme").await;
    let url = "https://app.example/verify".to_owned();
    let options = LinkOptions { user_verify_url: Some(url), ..LinkOptions::default() };
    let made = fixture.link_with("acme", "user_1", options).await;
    let CallbackOutcome::Verify(url) = fixture.follow(&made).await else { panic!("not sent to the app") };
    let id = url.query_pairs().find(|(name, _)| name == "auth_request_id").unwrap().1.into_owned();
    let refused = fixture.engine.verify_user(&fixture.caller, &id, "user_2").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::VerificationMismatch);
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::VerificationMismatch);
    is_certain(finding);
    assert_eq!((finding.actor, finding.remedies[0].action), (Actor::Developer, RemedyAction::Authorize));
    assert!(finding.message.contains("user_2") && finding.message.contains("user_1"), "{}", finding.message);
    rests_on(finding, EvidenceKind::Status, "PENDING_VERIFICATION");
    rests_on_event(&fixture, finding, "acme", EventKind::VerificationRefused).await;
    link(finding);
    found(&diagnosis, ErrorCode::AccountPendingVerification);
    // A call says the same.
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.code, short.actor), (ErrorCode::VerificationMismatch, Actor::Developer));
    // Confirmed in the end, it is history.
    fixture.engine.verify_user(&fixture.caller, &id, "user_1").await.unwrap();
    assert_eq!(codes(&diagnose(&fixture, "acme", "user_1").await), ["healthy"]);
}
