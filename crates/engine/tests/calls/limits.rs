//! The provider's limits, kept for the callers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::Body;
use serde_json::json;
use valetkey_domain::{Account, Error, ErrorCode, catalogue::RemedyAction};
use valetkey_engine::{AccountRef, ConnectionUpdate, EngineSettings, ExecuteTool, ProxyCall, ToolOutcome};

use crate::{provider::Answer, world::World};

async fn call(world: &World, account: &Account, tool: &str, within: Duration) -> Result<ToolOutcome, Error> {
    let input = if tool == "fake_send_note" { json!({"to": "ada"}) } else { json!({}) };
    let wanted = AccountRef::id(account.id.as_str());
    let call = ExecuteTool { deadline: Some(within), ..ExecuteTool::new(wanted, tool, input) };
    world.engine.execute_tool(&world.caller, call).await
}

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// Answers like this the first `times`, then well.
fn first(world: &World, times: u32, answer: Answer) -> Arc<AtomicU32> {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    world.provider.on_api(move |_| match count.fetch_add(1, Ordering::SeqCst) < times {
        true => answer.clone(),
        false => Answer::json(200, &json!({"id": "u-1"})),
    });
    asked
}

/// R23: a limit of the provider is waited for and the call that reads is made again, all inside the deadline.
#[tokio::test]
async fn read_that_was_limited_is_made_again_when_the_limit_is_over() {
    let (world, account) = World::ready().await;
    let asked = first(&world, 1, Answer::json(429, &json!({})).header("retry-after", "1"));
    let began = Instant::now();
    call(&world, &account, "fake_get_me", LONG).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

/// Whoever cannot wait so long is told at once who is limited and until when; nothing is sent. Others go on.
#[tokio::test]
async fn limit_longer_than_the_deadline_is_told_and_nothing_is_sent() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    let asked = first(&world, 1, Answer::json(429, &json!({})).header("retry-after", "30"));
    let refused = call(&world, &account, "fake_get_me", SHORT).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert!(refused.cause_text().contains("this account"), "{}", refused.cause_text());
    assert!((29_000..=30_000).contains(&refused.details().retry_after_ms.unwrap()));
    for tool in ["fake_get_me", "fake_send_note"] {
        let refused = call(&world, &account, tool, SHORT).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
        assert!(refused.details().retry_after_ms.is_some_and(|wait| wait <= 30_000));
        assert!(refused.details().message.contains("not sent"));
        assert_eq!(refused.remedies()[0].action, RemedyAction::Wait);
        assert!(refused.remedies()[0].text.contains(" seconds, then"), "{}", refused.remedies()[0].text);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    call(&world, &other, "fake_get_me", SHORT).await.unwrap();
    // A proxied call is held back in the same way.
    let proxied =
        ProxyCall { deadline: Some(SHORT), ..crate::proxy::proxied(&account, "GET", "/me", Body::empty()) };
    let refused = world.engine.proxy_call(&world.caller, proxied).await.err().unwrap();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// A limit of the OAuth client concerns all its accounts, and says whose client it is.
#[tokio::test]
async fn limit_of_the_client_concerns_all_its_accounts() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    let words = json!({"error": {"code": "client_quota", "message": "too much"}});
    first(&world, 1, Answer::json(429, &words).header("retry-after", "30"));
    let refused = call(&world, &account, "fake_get_me", SHORT).await.unwrap_err();
    assert!(refused.cause_text().contains("OAuth client of the connection"), "{}", refused.cause_text());
    let refused = call(&world, &other, "fake_get_me", SHORT).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert!(refused.cause_text().contains("OAuth client of the connection"));
}

#[tokio::test]
async fn limit_of_a_shared_client_names_it_and_what_helps() {
    let world = World::with(|settings| {
        settings.shared_credentials.insert("fake".into(), ("shared".into(), "canary-shared".into()));
    })
    .await;
    world.connection("fake", "fake").await;
    let update = ConnectionUpdate {
        client_id: Some(None),
        client_secret: Some(None),
        use_shared_credentials: Some(true),
        ..ConnectionUpdate::default()
    };
    world.engine.update_connection(&world.caller, "fake", update).await.unwrap();
    let account = world.account("fake", "user_1").await;
    let words = json!({"error": {"code": "client_quota", "message": "too much"}});
    first(&world, 1, Answer::json(429, &words).header("retry-after", "30"));
    let refused = call(&world, &account, "fake_get_me", SHORT).await.unwrap_err();
    assert!(refused.cause_text().contains("operator's shared OAuth client"), "{}", refused.cause_text());
    assert!(refused.remedies().iter().any(|remedy| remedy.action == RemedyAction::ConfigureConnection));
}

/// Headers of a good answer that say that nothing is left hold back the next call.
#[tokio::test]
async fn quota_used_up_by_a_good_answer_holds_back_the_next_call() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| {
        Answer::json(200, &json!({"id": "u-1"}))
            .header("ratelimit-remaining", "0")
            .header("ratelimit-reset", "20")
    });
    call(&world, &account, "fake_send_note", SHORT).await.unwrap();
    let refused = call(&world, &account, "fake_send_note", SHORT).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
}

async fn puts(world: &World, account: &Account, tool: &str, within: Duration) -> Result<ToolOutcome, Error> {
    let input = if tool == "fake_put_note" { json!({"id": "n1"}) } else { json!({"to": "ada"}) };
    let wanted = AccountRef::id(account.id.as_str());
    let call = ExecuteTool { deadline: Some(within), ..ExecuteTool::new(wanted, tool, input) };
    world.engine.execute_tool(&world.caller, call).await
}

/// A provider that counts units: twenty calls at 5,000 each are all that 100,000 an hour hold; cheap ones still pass.
#[tokio::test]
async fn dear_calls_use_up_the_units_and_cheap_ones_go_on() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    for _ in 0..20 {
        puts(&world, &account, "fake_put_note", LONG).await.unwrap();
    }
    let refused = puts(&world, &account, "fake_put_note", SHORT).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert!(refused.details().message.contains("spaced out"), "{}", refused.details().message);
    // 5,000 of 100,000 units an hour come back in three minutes.
    assert!((1..=180_000).contains(&refused.details().retry_after_ms.unwrap()));
    assert_eq!(world.provider.seen("/api/notes").len(), 20);
    call(&world, &account, "fake_get_me", LONG).await.unwrap();
    puts(&world, &other, "fake_put_note", LONG).await.unwrap();
}

/// A rate of one method holds for the tool that calls it, and for each account.
#[tokio::test]
async fn rate_of_a_tool_holds_up_that_tool_alone() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    for _ in 0..60 {
        puts(&world, &account, "fake_send_note", LONG).await.unwrap();
    }
    let refused = puts(&world, &account, "fake_send_note", SHORT).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert!((1..=60_000).contains(&refused.details().retry_after_ms.unwrap()));
    call(&world, &account, "fake_get_me", LONG).await.unwrap();
    puts(&world, &other, "fake_send_note", LONG).await.unwrap();
}

/// A rate that holds for each channel: one that has had its messages holds up neither the others nor another account's.
#[tokio::test]
async fn rate_for_each_value_of_an_input_holds_up_that_value_alone() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    let post = async |account: &Account, channel: &str, within| {
        let wanted = AccountRef::id(account.id.as_str());
        let input = json!({"channel": channel});
        let call =
            ExecuteTool { deadline: Some(within), ..ExecuteTool::new(wanted, "fake_post_line", input) };
        world.engine.execute_tool(&world.caller, call).await
    };
    for _ in 0..2 {
        post(&account, "general", LONG).await.unwrap();
    }
    let refused = post(&account, "general", SHORT).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert!(refused.details().message.contains("spaced out"), "{}", refused.details().message);
    assert!(refused.cause_text().contains("this account"), "{}", refused.cause_text());
    assert!((1..=1_800_000).contains(&refused.details().retry_after_ms.unwrap()));
    assert_eq!(refused.remedies()[0].action, RemedyAction::Wait);
    post(&account, "random", LONG).await.unwrap();
    post(&other, "general", LONG).await.unwrap();
    assert_eq!(world.provider.seen("/api/lines").len(), 4);
}

/// The declared rate of an account is one for tool calls and proxied calls together.
#[tokio::test]
async fn proxied_call_waits_for_the_declared_rate_as_tool_calls_do() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    for _ in 0..20 {
        puts(&world, &account, "fake_put_note", LONG).await.unwrap();
    }
    let through = async |account: &Account, within| {
        let call = crate::proxy::proxied(account, "GET", "/me", Body::empty());
        world.engine.proxy_call(&world.caller, ProxyCall { deadline: Some(within), ..call }).await
    };
    // The units of an hour are used up, and one comes back every 36 milliseconds.
    let (mut passed, mut late) = (0, 0);
    let refused = loop {
        match through(&account, Duration::from_millis(1)).await {
            Ok(_) => passed += 1,
            // It was let through, but the machine was too busy to have the answer within a millisecond.
            Err(slow) if slow.code() == ErrorCode::UpstreamTimeout => late += 1,
            Err(refused) => break refused,
        }
        assert!(passed + late < 100_000, "nothing holds proxied calls back");
    };
    assert_eq!(refused.code(), ErrorCode::UpstreamRateLimited);
    assert!(refused.details().message.contains("spaced out"), "{}", refused.details().message);
    let seen = world.provider.seen("/api/me").len();
    assert!((passed..=passed + late).contains(&seen), "{seen} seen, {passed} passed, {late} late");
    through(&account, LONG).await.unwrap();
    through(&other, LONG).await.unwrap();
}

/// Proxied calls count among those that an account has under way, until the head of their answers is there.
#[tokio::test]
async fn proxied_calls_under_way_are_no_more_than_the_provider_takes_at_once() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let start = |within: Duration| {
        let (world, account) = (world.clone(), account.clone());
        let call = crate::proxy::proxied(&account, "GET", "/me", Body::empty());
        let call = ProxyCall { deadline: Some(within), ..call };
        tokio::spawn(async move { world.engine.proxy_call(&world.caller, call).await.map(|_| ()) })
    };
    let under_way: Vec<_> = (0..40).map(|_| start(LONG)).collect();
    world.provider.wait_for("/api/me", 40).await;
    let late = start(SHORT).await.unwrap().unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
    assert!(late.cause_text().contains("takes 40 calls of an account at once"), "{}", late.cause_text());
    let next = start(LONG);
    world.provider.hold_api(false);
    for call in under_way.into_iter().chain([next]) {
        call.await.unwrap().unwrap();
    }
    assert_eq!(world.provider.seen("/api/me").len(), 41);
}

/// A provider that takes forty calls of an account at once gets no more; other accounts are not held up.
#[tokio::test]
async fn calls_of_an_account_under_way_are_no_more_than_the_provider_takes_at_once() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    let other = world.account("fake", "user_2").await;
    world.provider.hold_api(true);
    let start = |account: &Account, within: Duration| {
        let (world, account) = (world.clone(), account.clone());
        tokio::spawn(async move { call(&world, &account, "fake_get_me", within).await })
    };
    let under_way: Vec<_> = (0..40).map(|_| start(&account, LONG)).collect();
    world.provider.wait_for("/api/me", 40).await;
    let late = start(&account, SHORT).await.unwrap().unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
    assert!(late.cause_text().contains("takes 40 calls of an account at once"), "{}", late.cause_text());
    assert_eq!(world.provider.seen("/api/me").len(), 40);
    let elsewhere = start(&other, LONG);
    world.provider.wait_for("/api/me", 41).await;
    let next = start(&account, LONG);
    world.provider.hold_api(false);
    for call in under_way.into_iter().chain([elsewhere, next]) {
        call.await.unwrap().unwrap();
    }
}

/// What fails in passing is made again if that does no harm; what may have had an effect never is.
#[tokio::test]
async fn only_calls_that_do_no_harm_are_made_again() {
    for status in [502, 503, 504] {
        for (tool, input, made) in [
            ("fake_get_me", json!({}), 3),
            ("fake_put_note", json!({"id": "n1"}), 3),
            ("fake_send_note", json!({"to": "ada"}), 1),
        ] {
            let (world, account) = World::ready().await;
            let asked = first(&world, 2, Answer::json(status, &json!({})));
            let outcome = world.call(&account, tool, input).await;
            assert_eq!(outcome.is_ok(), made == 3, "{tool} {status}");
            assert_eq!(asked.load(Ordering::SeqCst), made, "{tool} {status}");
            assert_eq!(world.executions().await.len(), 1);
        }
    }
    let (world, account) = World::ready().await;
    let asked = first(&world, 9, Answer::json(503, &json!({})));
    let failed = call(&world, &account, "fake_get_me", LONG).await.unwrap_err();
    assert_eq!((failed.code(), asked.load(Ordering::SeqCst)), (ErrorCode::UpstreamError, 3));
    let asked = first(&world, 9, Answer::json(500, &json!({})));
    assert!(call(&world, &account, "fake_get_me", LONG).await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 1, "a 500 is no failure in passing");
}

fn narrow(settings: &mut EngineSettings) {
    settings.calls_per_connection = 1;
    settings.calls_waiting = 4;
}

/// S43: the queue of a connection is bounded; whoever finds it full is told so at once, and who waits too long, too.
#[tokio::test]
async fn queue_of_a_connection_is_bounded_and_ends_with_the_deadline() {
    let world = Arc::new(World::with(narrow).await);
    world.connection("fake", "fake").await;
    let account = world.account("fake", "user_1").await;
    world.provider.hold_api(true);
    let start = |within: Duration| {
        let (world, account) = (world.clone(), account.clone());
        tokio::spawn(async move {
            loop {
                let outcome = call(&world, &account, "fake_get_me", within).await;
                // The probe below may have taken the last place for a moment.
                if outcome.as_ref().err().is_none_or(|error| error.code() != ErrorCode::Overloaded) {
                    return outcome;
                }
            }
        })
    };
    let at_work = start(LONG);
    world.provider.wait_for("/api/me", 1).await;
    let late = start(SHORT).await.unwrap().unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
    assert!(late.cause_text().contains("in line before it"), "{}", late.cause_text());
    let waiting: Vec<_> = (0..4).map(|_| start(LONG)).collect();
    let full = async {
        loop {
            let refused = call(&world, &account, "fake_get_me", Duration::from_millis(20)).await.unwrap_err();
            if refused.code() == ErrorCode::Overloaded {
                return refused;
            }
        }
    };
    let full = tokio::time::timeout(LONG, full).await.unwrap();
    assert!(full.details().retry_after_ms.is_some() && full.details().message.contains("\"fake\""));
    assert_eq!(world.provider.seen("/api/me").len(), 1);
    world.provider.hold_api(false);
    at_work.await.unwrap().unwrap();
    for call in waiting {
        call.await.unwrap().unwrap();
    }
}

/// A noisy account with many calls in line does not starve another one.
#[tokio::test]
async fn noisy_account_leaves_room_for_the_others() {
    let world = Arc::new(
        World::with(|settings| {
            settings.calls_per_connection = 1;
        })
        .await,
    );
    world.connection("fake", "fake").await;
    let (noisy, quiet) = (world.account("fake", "noisy").await, world.account("fake", "quiet").await);
    world.provider.hold_api(true);
    let start = |account: &Account, tool: &'static str| {
        let (world, account) = (world.clone(), account.clone());
        tokio::spawn(async move { call(&world, &account, tool, LONG).await.map(|_| Instant::now()) })
    };
    let first = start(&noisy, "fake_get_me");
    world.provider.wait_for("/api/me", 1).await;
    let many: Vec<_> = (0..30).map(|_| start(&noisy, "fake_get_me")).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let one = start(&quiet, "fake_send_note");
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.provider.hold_api(false);
    first.await.unwrap().unwrap();
    let ended = one.await.unwrap().unwrap();
    let mut before = 0;
    for call in many {
        before += u32::from(call.await.unwrap().unwrap() < ended);
    }
    assert!(before <= 3, "{before} of 30 calls went before");
}
