//! Attempts whose outcome nobody knows. R4, R5.

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, Clock, ErrorCode, RefreshOutcome, RefreshReason, Store, event::EventKind,
};
use valetkey_engine::{AccountRef, Background, BackgroundSettings};

use crate::{
    provider::{Answer, token_error},
    world::{FIRST_REFRESH, World},
};

async fn expired(connector: &str) -> (World, Account) {
    let (world, account) = World::ready_with(connector).await;
    world.advance(Duration::hours(2));
    (world, account)
}

async fn outcomes(world: &World, account: &Account) -> Vec<(RefreshReason, Option<RefreshOutcome>)> {
    world.attempts(account).await.into_iter().map(|attempt| (attempt.reason, attempt.outcome)).collect()
}

/// R4c: a process died between asking and storing, at a provider with a grace window: nothing is lost.
#[tokio::test]
async fn attempt_of_a_dead_process_within_grace_is_recovered_with_the_old_token() {
    let (world, account) = expired("grace").await;
    world.provider.rotates(true);
    world.provider.spend(FIRST_REFRESH);
    world.left_open(&account).await;
    world.advance(Duration::seconds(30));
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.provider.renewals(), (2, 0));
    assert_eq!(
        outcomes(&world, &account).await,
        [
            (RefreshReason::Due, Some(RefreshOutcome::Unknown)),
            (RefreshReason::Recovery, Some(RefreshOutcome::Renewed)),
        ]
    );
    assert_eq!(world.events_of(EventKind::RefreshOutcomeUnknown).await.len(), 1);
}

/// R4b: the same at a strict provider that had spent the token: `EXPIRED`, and the cause is the lost answer, at its time.
/// One careful try, and nobody is said to have revoked anything, whatever words the provider uses.
#[tokio::test]
async fn attempt_of_a_dead_process_whose_token_was_spent_is_flagged_as_lost() {
    let (world, account) = expired("strict").await;
    let lost_at = world.clock.now();
    world.left_open(&account).await;
    world.provider.on_token(|_| token_error(400, "invalid_grant", "The token has been revoked."));
    world.advance(Duration::seconds(30));
    for _ in 0..20 {
        let failed = world.get_me(&world.engine, &account).await.unwrap_err();
        assert_eq!(failed.code(), ErrorCode::AccountExpired);
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    let after = world.again(&account).await;
    assert_eq!((after.status(), after.cause), (AccountStatus::Expired, Some(ErrorCode::RefreshOutcomeLost)));
    let ended = world.events_of(EventKind::AccountExpired).await;
    assert_eq!(ended.len(), 1);
    let evidence = &ended[0].event.data["evidence"];
    assert_eq!(evidence["lost_at"], json!(lost_at.to_string()));
    assert_eq!(evidence["recovery"]["code"], "invalid_grant");
    let by_hand = world.engine.refresh_account(&world.caller, &AccountRef::id(account.id.as_str())).await;
    assert_eq!(by_hand.unwrap_err().code(), ErrorCode::RefreshOutcomeLost);
}

/// R4: the process died before its request arrived: the one careful try brings the grant back.
#[tokio::test]
async fn attempt_of_a_dead_process_whose_token_was_not_spent_is_recovered() {
    let (world, account) = expired("strict").await;
    world.provider.rotates(false);
    world.left_open(&account).await;
    world.advance(Duration::seconds(30));
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(
        (world.provider.renewals(), world.again(&account).await.status()),
        ((1, 0), AccountStatus::Active)
    );
}

/// Where the provider tells that the token is spent, it is not used again: that would look like theft.
#[tokio::test]
async fn attempt_of_a_dead_process_known_to_be_spent_is_not_tried_again() {
    let (world, account) = expired("telling").await;
    world.left_open(&account).await;
    world.advance(Duration::seconds(30));
    world.provider.on_api(|seen| match seen.path.as_str() {
        "/introspect" => Answer::json(200, &json!({"active": false})),
        _ => Answer::json(200, &json!({})),
    });
    let failed = world.get_me(&world.engine, &account).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::AccountExpired);
    assert_eq!(world.again(&account).await.cause, Some(ErrorCode::RefreshOutcomeLost));
    assert_eq!(world.provider.seen("/token").len(), 0);
}

/// An attempt on a grant that was replaced since has nothing to recover.
#[tokio::test]
async fn attempt_of_a_dead_process_on_a_replaced_grant_harms_nobody() {
    let (world, account) = World::ready_with("strict").await;
    world.left_open(&account).await;
    let other = valetkey_engine::AccountUpdate {
        credential: Some(valetkey_engine::NewCredential::OAuth {
            access_token: "canary-at-other".into(),
            refresh_token: Some("canary-rt-other".into()),
            scopes: vec!["read".into()],
            expires_at: Some(world.clock.now() + Duration::hours(1)),
            domain: None,
        }),
        ..valetkey_engine::AccountUpdate::default()
    };
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.update_account(&world.caller, &wanted, other).await.unwrap();
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| token_error(400, "invalid_grant", "expired"));
    world.get_me(&world.engine, &account).await.unwrap_err();
    // The refusal of the new grant is its own, not the old attempt's.
    assert_eq!(world.again(&account).await.cause, Some(ErrorCode::RefreshRefused));
}

/// R5: cut answers at a provider with grace: nothing is lost, and all is well again within seconds.
#[tokio::test]
async fn answers_cut_short_within_grace_lose_nothing() {
    let (world, account) = expired("grace").await;
    world.provider.rotates(true);
    for round in 0..20 {
        world.provider.lose_answers(1);
        let failed = world.get_me(&world.engine, &account).await.unwrap_err();
        assert_eq!(failed.code(), ErrorCode::UpstreamResponseInvalid, "{round}");
        let wait = failed.details().retry_after_ms.unwrap();
        assert!(wait <= 1000, "{wait}");
        world.advance(Duration::milliseconds(i64::try_from(wait).unwrap()));
        world.get_me(&world.engine, &account).await.unwrap();
        world.advance(Duration::hours(2));
    }
    assert_eq!(world.again(&account).await.status(), AccountStatus::Active);
    assert_eq!(world.provider.renewals(), (40, 0));
}

/// R5: a cut answer at a strict provider is a lost grant: one retry, then the truth.
#[tokio::test]
async fn answer_cut_short_by_a_strict_provider_is_told_as_lost_after_one_retry() {
    let (world, account) = expired("strict").await;
    world.provider.rotates(false);
    world.provider.lose_answers(1);
    world.get_me(&world.engine, &account).await.unwrap_err();
    let between = world.again(&account).await;
    assert_eq!(between.status(), AccountStatus::Active);
    let retry_at = between.degraded.unwrap().retry_at;
    assert_eq!(between.refresh_at, Some(retry_at), "the background comes by itself");
    assert!(retry_at - world.clock.now() <= Duration::minutes(1));
    world.advance(Duration::seconds(2));
    for _ in 0..10 {
        world.get_me(&world.engine, &account).await.unwrap_err();
    }
    assert_eq!(world.provider.seen("/token").len(), 2);
    assert_eq!(world.again(&account).await.cause, Some(ErrorCode::RefreshOutcomeLost));
    assert_eq!(
        outcomes(&world, &account).await,
        [
            (RefreshReason::Due, Some(RefreshOutcome::Unknown)),
            (RefreshReason::Recovery, Some(RefreshOutcome::Dead)),
        ]
    );
}

/// A recovery that meets a failing provider stays a recovery.
#[tokio::test]
async fn recovery_through_an_outage_still_tells_the_loss() {
    let (world, account) = expired("strict").await;
    world.provider.rotates(false);
    world.provider.lose_answers(1);
    let lost_at = world.clock.now();
    world.get_me(&world.engine, &account).await.unwrap_err();
    world.provider.on_token(|_| Answer::json(503, &json!({})));
    for _ in 0..3 {
        world.advance(Duration::minutes(1));
        world.get_me(&world.engine, &account).await.unwrap_err();
    }
    world.provider.behave();
    world.advance(Duration::minutes(1));
    world.get_me(&world.engine, &account).await.unwrap_err();
    let ended = world.events_of(EventKind::AccountExpired).await;
    assert_eq!(ended[0].event.code, Some(ErrorCode::RefreshOutcomeLost));
    assert_eq!(ended[0].event.data["evidence"]["lost_at"], json!(lost_at.to_string()));
}

/// Where refresh tokens stay good, a lost answer is a passing failure like any other.
#[tokio::test]
async fn answer_cut_short_by_a_provider_that_does_not_rotate_is_transient() {
    let (world, account) = expired("fake").await;
    world.provider.lose_answers(1);
    world.get_me(&world.engine, &account).await.unwrap_err();
    world.advance(Duration::seconds(2));
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(
        outcomes(&world, &account).await,
        [
            (RefreshReason::Due, Some(RefreshOutcome::Transient)),
            (RefreshReason::Due, Some(RefreshOutcome::Renewed)),
        ]
    );
}

/// R5: a provider that took the request and hangs: unknown after the connector's own deadline.
#[tokio::test]
async fn provider_that_hangs_beyond_its_deadline_leaves_an_unknown_outcome() {
    let (world, account) = expired("hasty").await;
    world.provider.hold_tokens(true);
    let failed = world.get_me(&world.engine, &account).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::UpstreamTimeout);
    assert_eq!(outcomes(&world, &account).await, [(RefreshReason::Due, Some(RefreshOutcome::Unknown))]);
    let told = world.events_of(EventKind::RefreshOutcomeUnknown).await;
    assert_eq!(told[0].event.code, Some(ErrorCode::UpstreamTimeout));
}

/// The background finds what a dead process left open, without anybody calling, and what is due.
#[tokio::test]
async fn background_recovers_what_was_left_open_and_renews_what_is_due() {
    let (world, left) = World::ready_with("grace").await;
    let due = world.account("grace", "user_2").await;
    world.left_open(&left).await;
    world.advance(Duration::minutes(58));
    world.engine.join().await.unwrap();
    let background = Background::start(&world.engine, BackgroundSettings::default());
    let both = async {
        while world.again(&left).await.generation < 2 || world.again(&due).await.generation < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), both).await.unwrap();
    background.stop().await;
    world.engine.drain().await;
    assert_eq!(
        outcomes(&world, &left).await,
        [
            (RefreshReason::Due, Some(RefreshOutcome::Unknown)),
            (RefreshReason::Recovery, Some(RefreshOutcome::Renewed)),
        ]
    );
    assert_eq!(outcomes(&world, &due).await, [(RefreshReason::Ahead, Some(RefreshOutcome::Renewed))]);
    assert!(world.store.stale_refreshes(world.clock.now(), 10).await.unwrap().is_empty());
}
