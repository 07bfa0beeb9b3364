//! Providers that fail, and connections that are refused. R6, R7, R11, R12.

use std::sync::Arc;

use serde_json::json;
use time::Duration;
use valetkey_domain::{Account, AccountStatus, Clock, ErrorCode, Time, event::EventKind};
use valetkey_engine::{AccountRef, Engine};

use crate::{
    provider::{Answer, token_error},
    world::World,
};

const NEARLY_AN_HOUR: Duration = Duration::seconds(3600 - 30);

async fn refresh_by_hand(world: &World, account: &Account) -> Result<u64, valetkey_domain::Error> {
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.refresh_account(&world.caller, &wanted).await.map(|view| view.account.generation)
}

/// What the account shows of its failing renewals.
async fn retry_at(world: &World, account: &Account) -> Time {
    world.again(account).await.degraded.unwrap().retry_at
}

/// R6 (scaled): an outage of ten minutes, a hundred accounts: nobody is flagged, living tokens are served, the provider is
/// asked once a second at most, and a minute after the outage all are well.
#[tokio::test]
async fn outage_flags_nobody_spares_the_provider_and_ends_within_a_minute() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    let mut accounts = Vec::new();
    for user in 0..100 {
        let refresh_token = format!("canary-rt-{user}-first");
        accounts.push(
            world
                .account_with("fake", &format!("user_{user}"), Some(&refresh_token), &["read", "write"])
                .await,
        );
    }
    world.advance(Duration::seconds(3600 - 50));
    world.provider.on_token(|_| Answer::json(503, &json!({})));
    // Their tokens still live.
    for account in &accounts {
        world.get_me(&world.engine, account).await.unwrap();
    }
    // Five failures open the breaker. The clock stands still, so there is one probe beside them at most.
    let first = world.provider.seen("/token").len();
    assert!((5..=6).contains(&first), "{first}");

    world.advance(Duration::minutes(1));
    let mut asked = first;
    for second in 0..600 {
        for account in accounts.iter().skip(second % 20).step_by(20) {
            let failed = world.get_me(&world.engine, account).await.unwrap_err();
            let code = failed.code();
            assert!(matches!(code, ErrorCode::RenewalsPaused | ErrorCode::UpstreamError), "{code:?}");
            assert!(failed.details().retry_after_ms.is_some());
        }
        let now = world.provider.seen("/token").len();
        assert!(now <= asked + 1, "{second}: {now}");
        asked = now;
        world.advance(Duration::seconds(1));
    }
    for account in &accounts {
        assert_eq!(world.again(account).await.status(), AccountStatus::Active);
    }

    world.provider.behave();
    let mut well = 0;
    for _ in 0..=60 {
        well = 0;
        for account in &accounts {
            well += usize::from(world.get_me(&world.engine, account).await.is_ok());
        }
        if well == accounts.len() {
            break;
        }
        world.advance(Duration::seconds(1));
    }
    assert_eq!(well, accounts.len());
    assert_eq!(world.events_of(EventKind::AccountExpired).await.len(), 0);
}

/// Back-off is kept with the account: another server honours it, and so would this one after a restart.
#[tokio::test]
async fn failure_noted_by_one_server_is_honoured_by_the_other() {
    let (world, account) = World::ready_with("fake").await;
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| Answer::json(503, &json!({})));
    world.get_me(&world.engine, &account).await.unwrap_err();
    let twin = world.twin();
    for _ in 0..10 {
        let failed = world.get_me(&twin, &account).await.unwrap_err();
        assert_eq!(failed.code(), ErrorCode::UpstreamError);
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    let degraded = world.again(&account).await.degraded.unwrap();
    assert_eq!((degraded.code, degraded.failures, degraded.asked_for), (ErrorCode::UpstreamError, 1, false));
}

/// Full jitter: doubling from a second to a minute, anything up to that, and never beyond.
#[tokio::test]
async fn failures_in_a_row_wait_longer_up_to_a_minute_with_jitter() {
    let (world, account) = World::ready_with("fake").await;
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| Answer::json(503, &json!({})));
    let mut waits = Vec::new();
    for failures in 1..=20_u32 {
        world.get_me(&world.engine, &account).await.unwrap_err();
        let wait = retry_at(&world, &account).await - world.clock.now();
        let longest = Duration::seconds(1 << (failures - 1).min(6)).min(Duration::minutes(1));
        assert!(wait.is_positive() && wait <= longest, "{failures}: {wait}");
        waits.push(wait);
        world.advance(longest + Duration::seconds(1));
    }
    assert!(waits.iter().any(|wait| *wait > Duration::seconds(20)));
    waits.sort();
    waits.dedup();
    assert!(waits.len() > 15, "jitter is present: {waits:?}");
    // Told at the first failure and then ever more rarely; the journal has them all.
    assert_eq!(world.events_of(EventKind::RefreshFailed).await.len(), 5);
    assert_eq!(world.attempts(&account).await.len(), 20);
}

/// R7: `Retry-After` in every form is obeyed, up to an hour, by everybody.
#[tokio::test]
async fn retry_after_is_obeyed_and_bounded() {
    let date = "Thu, 01 Jan 2026 02:05:00 GMT";
    for (said, least, most) in
        [("2", 2, 3), ("120", 120, 130), (date, 300, 310), ("999999999999999999999", 3600, 3600)]
    {
        let (world, account) = World::ready_with("fake").await;
        world.advance(Duration::hours(2));
        world.provider.on_token(move |_| Answer::json(429, &json!({})).header("retry-after", said));
        world.get_me(&world.engine, &account).await.unwrap_err();
        let wait = retry_at(&world, &account).await - world.clock.now();
        assert!((Duration::seconds(least)..=Duration::seconds(most)).contains(&wait), "{said}: {wait}");
        let twin = world.twin();
        world.advance(wait - Duration::milliseconds(1));
        world.get_me(&world.engine, &account).await.unwrap_err();
        world.get_me(&twin, &account).await.unwrap_err();
        refresh_by_hand(&world, &account).await.unwrap_err();
        assert_eq!(world.provider.seen("/token").len(), 1, "{said}: no early call");
        world.provider.behave();
        world.advance(Duration::milliseconds(1));
        world.get_me(&world.engine, &account).await.unwrap();
    }
}

/// Asked for a renewal while the provider wants a pause and the token still works: politely refused, with the time.
#[tokio::test]
async fn refresh_by_hand_within_the_providers_pause_is_too_early() {
    let (world, account) = World::ready_with("fake").await;
    world.provider.on_token(|_| Answer::json(429, &json!({})).header("retry-after", "30"));
    assert_eq!(refresh_by_hand(&world, &account).await.unwrap_err().code(), ErrorCode::UpstreamRateLimited);
    let again = refresh_by_hand(&world, &account).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::RefreshTooEarly);
    assert!(again.details().retry_after_ms.unwrap() >= 30_000);
    assert_eq!(world.provider.seen("/token").len(), 1);
}

/// A provider that takes offence at early renewals is not asked within its interval.
#[tokio::test]
async fn refresh_by_hand_within_the_least_interval_is_too_early() {
    let (world, account) = World::ready_with("rare").await;
    world.advance(Duration::minutes(10));
    assert_eq!(refresh_by_hand(&world, &account).await.unwrap(), 2);
    world.advance(Duration::seconds(70));
    let early = refresh_by_hand(&world, &account).await.unwrap_err();
    assert_eq!((early.code(), early.details().retry_after_ms), (ErrorCode::RefreshTooEarly, Some(500_000)));
    assert_eq!(world.provider.seen("/token").len(), 1);
    world.advance(Duration::seconds(500));
    assert_eq!(refresh_by_hand(&world, &account).await.unwrap(), 3);
}

/// A refused client is one finding for all accounts and all servers, tried again after an hour.
#[tokio::test]
async fn refused_client_is_not_asked_again_by_any_server_for_an_hour() {
    let (world, account) = World::ready_with("fake").await;
    let other = world.account("fake", "user_2").await;
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| token_error(401, "invalid_client", "no such client"));
    let twin = world.twin();
    for engine in [&world.engine, &twin] {
        for account in [&account, &other] {
            let failed = world.get_me(engine, account).await.unwrap_err();
            assert_eq!(failed.code(), ErrorCode::InvalidClient);
        }
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    world.advance(Duration::minutes(61));
    world.get_me(&world.engine, &account).await.unwrap_err();
    world.get_me(&world.engine, &other).await.unwrap_err();
    assert_eq!(world.provider.seen("/token").len(), 2);
    for account in [&account, &other] {
        assert_eq!(world.again(account).await.status(), AccountStatus::Active);
    }
}

/// R12: a dead grant hit by a thousand calls on two servers.
#[tokio::test]
async fn dead_grant_hit_by_a_thousand_calls_costs_one_token_call() {
    let (world, account) = World::ready_with("strict").await;
    let world = Arc::new(world);
    world.advance(Duration::hours(2));
    world.provider.on_token(|_| token_error(400, "invalid_grant", "no"));
    let engines: [Engine; 2] = [world.engine.clone(), world.twin()];
    for _ in 0..5 {
        let crowd: Vec<_> = (0..200)
            .map(|caller| {
                let (world, account, engine) = (world.clone(), account.clone(), engines[caller % 2].clone());
                tokio::spawn(async move { world.get_me(&engine, &account).await })
            })
            .collect();
        for call in crowd {
            let failed = call.await.unwrap().unwrap_err();
            assert_eq!(failed.code(), ErrorCode::AccountExpired);
        }
        world.advance(Duration::minutes(10));
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    assert_eq!(world.events_of(EventKind::AccountExpired).await.len(), 1);
}

/// R11: the clock jumps ahead and back. One renewal each time at most, and nothing waits for hours that are not there.
#[tokio::test]
async fn clock_that_jumps_neither_loops_nor_locks() {
    let (world, account) = World::ready_with("fake").await;
    world.advance(Duration::hours(1));
    for _ in 0..5 {
        world.get_me(&world.engine, &account).await.unwrap();
    }
    assert_eq!(world.provider.seen("/token").len(), 1);
    world.advance(-Duration::hours(1));
    // To the server the token lives two hours; the provider ends it after one.
    world.provider.accept(Some("another"));
    for _ in 0..5 {
        world.get_me(&world.engine, &account).await.unwrap();
    }
    assert_eq!(world.provider.seen("/token").len(), 2);

    // A pause that was noted by a clock an hour ahead ends when it says, not an hour later.
    world.advance(Duration::hours(3));
    world.provider.on_token(|_| Answer::json(503, &json!({})));
    world.get_me(&world.engine, &account).await.unwrap_err();
    world.advance(-Duration::hours(1) - Duration::minutes(5));
    world.provider.behave();
    world.provider.accept(None);
    world.advance(Duration::minutes(3));
    assert!(refresh_by_hand(&world, &account).await.is_ok());
}

/// The access token still works: a failing renewal is no matter, and the account says that it is degraded.
#[tokio::test]
async fn failing_renewal_of_a_living_token_shows_and_clears() {
    let (world, account) = World::ready_with("fake").await;
    world.advance(NEARLY_AN_HOUR);
    world.provider.on_token(|_| Answer::json(500, &json!({})));
    world.get_me(&world.engine, &account).await.unwrap();
    let shown = world.again(&account).await;
    assert_eq!(shown.degraded.map(|degraded| degraded.code), Some(ErrorCode::UpstreamError));
    world.provider.behave();
    world.advance(Duration::seconds(2));
    world.get_me(&world.engine, &account).await.unwrap();
    assert_eq!(world.again(&account).await.degraded, None);
}
