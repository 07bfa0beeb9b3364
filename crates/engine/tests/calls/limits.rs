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
