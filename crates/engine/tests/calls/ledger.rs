//! Several servers and one database: who renews, and whose answer counts.

use std::{sync::Arc, time::Duration as StdDuration};

use serde_json::json;
use time::Duration;
use valetkey_domain::{Account, AccountStatus, Error, ErrorCode, RefreshOutcome, RefreshReason, Store};
use valetkey_engine::{AccountRef, Engine, ExecuteTool, ToolOutcome};

use crate::{
    provider::Answer,
    world::{FIRST_ACCESS, FIRST_REFRESH, World},
};

/// Longer than any lease of a renewal.
const PAST_THE_LEASE: Duration = Duration::minutes(5);

type Call = tokio::task::JoinHandle<Result<ToolOutcome, Error>>;

fn call(world: &Arc<World>, engine: &Engine, account: &Account) -> Call {
    let (world, engine, account) = (world.clone(), engine.clone(), account.clone());
    tokio::spawn(async move { world.get_me(&engine, &account).await })
}

/// A world on `connector` whose account expired, and two servers: one has asked the provider and hears nothing, the other
/// took over after the lease and has asked too.
async fn holder_that_stands_still(connector: &str, grace: bool) -> (Arc<World>, Account, Call, Call) {
    let (world, account) = World::ready_with(connector).await;
    let world = Arc::new(world);
    world.provider.rotates(grace);
    world.advance(Duration::hours(2));
    world.provider.hold_tokens(true);
    let late = call(&world, &world.engine, &account);
    world.provider.wait_for("/token", 1).await;
    world.advance(PAST_THE_LEASE);
    let second = call(&world, &world.twin(), &account);
    world.provider.wait_for("/token", 2).await;
    (world, account, late, second)
}

async fn outcomes(world: &World, account: &Account) -> Vec<(RefreshReason, Option<RefreshOutcome>)> {
    world.attempts(account).await.into_iter().map(|attempt| (attempt.reason, attempt.outcome)).collect()
}

/// R1 (scaled): 200 callers at one expiry, on two servers: exactly one renewal, no caller fails.
#[tokio::test]
async fn crowd_at_an_expiry_on_two_servers_causes_one_renewal() {
    let (world, account) = World::ready_with("strict").await;
    let world = Arc::new(world);
    world.provider.rotates(false);
    let twin = world.twin();
    for expiry in 1..=3 {
        world.advance(Duration::hours(2));
        world.provider.hold_tokens(true);
        let calls: Vec<Call> = (0..200)
            .map(|caller| call(&world, if caller % 2 == 0 { &world.engine } else { &twin }, &account))
            .collect();
        world.provider.wait_for("/token", expiry).await;
        world.provider.hold_tokens(false);
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(world.provider.renewals(), (u32::try_from(expiry).unwrap(), 0));
    }
    assert_eq!(world.again(&account).await.generation, 4);
    let bearer = |n: usize| format!("Bearer canary-at-{n}");
    let seen = world.provider.seen("/api/me");
    assert_eq!(seen.len(), 600);
    assert!(seen.iter().enumerate().all(|(at, seen)| seen.authorization == bearer(at / 200 + 1)));
}

/// The late answer may be the only copy of a token: it is taken as long as the generation has not moved (I3), and the
/// refusal that the other one gets harms nobody (I4).
#[tokio::test]
async fn late_answer_of_a_holder_past_its_lease_is_taken_if_nothing_moved() {
    let (world, account, late, second) = holder_that_stands_still("strict", false).await;
    world.provider.release_token(0);
    late.await.unwrap().unwrap();
    assert_eq!(world.again(&account).await.generation, 2);
    world.provider.release_token(1);
    second.await.unwrap().unwrap();
    let after = world.again(&account).await;
    assert_eq!((after.generation, after.status()), (2, AccountStatus::Active));
    assert_eq!(
        outcomes(&world, &account).await,
        [
            (RefreshReason::Due, Some(RefreshOutcome::Renewed)),
            (RefreshReason::Recovery, Some(RefreshOutcome::Overtaken)),
        ]
    );
    assert!(world.provider.seen("/api/me").iter().all(|seen| seen.authorization == "Bearer canary-at-1"));
}

/// R3, I3: a holder that stood still past its lease never overwrites a newer generation.
#[tokio::test]
async fn late_answer_of_a_holder_past_its_lease_is_refused_if_the_generation_moved() {
    let (world, account, late, second) = holder_that_stands_still("grace", true).await;
    world.provider.release_token(1);
    second.await.unwrap().unwrap();
    let between = world.store.credential(&account.id).await.unwrap().unwrap();
    assert_eq!(between.generation, 2);
    world.provider.release_token(0);
    late.await.unwrap().unwrap();
    assert_eq!(world.provider.renewals(), (2, 0));
    assert_eq!(world.store.credential(&account.id).await.unwrap().unwrap(), between);
    assert_eq!(
        outcomes(&world, &account).await,
        [
            (RefreshReason::Due, Some(RefreshOutcome::Overtaken)),
            (RefreshReason::Recovery, Some(RefreshOutcome::Renewed)),
        ]
    );
    assert!(world.provider.seen("/api/me").iter().all(|seen| seen.authorization == "Bearer canary-at-1"));
}

/// I4: the refusal that a former holder gets for a token that was spent meanwhile changes nothing.
#[tokio::test]
async fn late_refusal_of_a_holder_past_its_lease_harms_nobody() {
    let (world, account, late, second) = holder_that_stands_still("strict", false).await;
    world.provider.release_token(1);
    second.await.unwrap().unwrap();
    world.provider.release_token(0);
    late.await.unwrap().unwrap();
    let after = world.again(&account).await;
    assert_eq!((after.generation, after.status(), after.cause), (2, AccountStatus::Active, None));
}

/// Between lease and its end nobody takes over, however long the provider thinks.
#[tokio::test]
async fn holder_within_its_lease_is_waited_for() {
    let (world, account) = World::ready_with("strict").await;
    let world = Arc::new(world);
    world.provider.rotates(false);
    world.advance(Duration::hours(2));
    world.provider.hold_tokens(true);
    let first = call(&world, &world.engine, &account);
    world.provider.wait_for("/token", 1).await;
    world.advance(Duration::seconds(170));
    let second = call(&world, &world.twin(), &account);
    // Longer than a few looks at the other's attempt take.
    tokio::time::sleep(StdDuration::from_millis(1300)).await;
    assert!(!second.is_finished());
    assert_eq!(world.provider.seen("/token").len(), 1);
    world.provider.hold_tokens(false);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(world.provider.renewals(), (1, 0));
}

/// Callers leave at their own deadline: with the old token while that works, else with an error that says to try again.
#[tokio::test]
async fn provider_that_thinks_long_keeps_no_caller_beyond_its_deadline() {
    let (world, account) = World::ready_with("strict").await;
    world.provider.rotates(false);
    world.provider.hold_tokens(true);
    world.advance(Duration::seconds(3600 - 30));
    let hurried = || ExecuteTool {
        deadline: Some(StdDuration::from_millis(300)),
        ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "strict_get_me", json!({}))
    };
    world.engine.execute_tool(&world.caller, hurried()).await.unwrap();
    assert_eq!(world.provider.seen("/api/me")[0].authorization, format!("Bearer {FIRST_ACCESS}"));
    world.advance(Duration::seconds(60));
    let late = world.engine.execute_tool(&world.caller, hurried()).await.unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
    assert_eq!(world.provider.seen("/token").len(), 1);
    world.provider.hold_tokens(false);
    world.engine.drain().await;
    assert_eq!((world.provider.renewals(), world.again(&account).await.generation), ((1, 0), 2));
}

/// The generation before is kept until the new one was seen to work, and no longer.
#[tokio::test]
async fn previous_generation_is_kept_until_the_new_one_was_used() {
    let (world, account) = World::ready_with("strict").await;
    let wanted = AccountRef::id(account.id.as_str());
    for generation in 2..=3 {
        world.engine.refresh_account(&world.caller, &wanted).await.unwrap();
        let previous = world.store.previous_credential(&account.id).await.unwrap().unwrap();
        assert_eq!(previous.generation, generation - 1);
    }
    world.provider.on_api(|_| Answer::json(500, &json!({})));
    world.get_me(&world.engine, &account).await.unwrap_err();
    assert!(world.store.previous_credential(&account.id).await.unwrap().is_some());
    world.provider.behave();
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.store.previous_credential(&account.id).await.unwrap(), None);
    assert_eq!(world.store.credential(&account.id).await.unwrap().unwrap().generation, 3);
}

/// A renewal leaves one ended attempt with fence, reason and outcome, and sets when the background is next.
#[tokio::test]
async fn renewal_is_journalled_and_schedules_the_next() {
    let (world, account) = World::ready_with("strict").await;
    let before = world.again(&account).await.refresh_at.unwrap();
    world.advance(Duration::minutes(59) + Duration::seconds(30));
    world.get_me(&world.engine, &account).await.unwrap();
    let attempts = world.attempts(&account).await;
    assert_eq!(attempts.len(), 1);
    let attempt = &attempts[0];
    assert_eq!((attempt.fence, attempt.generation, attempt.reason), (1, 1, RefreshReason::Due));
    assert_eq!(attempt.outcome, Some(RefreshOutcome::Renewed));
    assert_eq!(attempt.holder, world.engine.join().await.unwrap().instance);
    let after = world.again(&account).await;
    let (next, expires_at) = (after.refresh_at.unwrap(), after.token_expires_at.unwrap());
    assert!(before < next && next < expires_at - Duration::minutes(3), "{next} {expires_at}");
    assert_eq!(world.provider.seen("/token")[0].form("refresh_token").as_deref(), Some(FIRST_REFRESH));
}
