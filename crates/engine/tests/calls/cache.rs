//! Answers of tools that only read, given again to callers that say how old one may be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration as StdDuration,
};

use serde_json::{Value, json};
use time::Duration;
use valetkey_domain::{Account, Change, Error, ErrorCode, Store as _, execution::ExecutionStatus};
use valetkey_engine::{AccountRef, Engine, ExecuteTool, ToolOutcome};

use crate::{provider::Answer, world::World};

/// Counts up with each answer.
fn counting(world: &World) -> Arc<AtomicU32> {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    world.provider.on_api(move |_| Answer::json(200, &json!({"n": count.fetch_add(1, Ordering::SeqCst)})));
    asked
}

async fn read(world: &World, engine: &Engine, account: &Account, seconds: u64) -> Result<ToolOutcome, Error> {
    let call = ExecuteTool {
        max_age: Some(StdDuration::from_secs(seconds)),
        ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", Value::Null)
    };
    engine.execute_tool(&world.caller, call).await
}

async fn number(world: &World, account: &Account) -> u64 {
    read(world, &world.engine, account, 600).await.unwrap().data["n"].as_u64().unwrap()
}

#[tokio::test]
async fn answer_young_enough_is_given_again_and_says_its_age() {
    let (world, account) = World::ready().await;
    let asked = counting(&world);
    let first = read(&world, &world.engine, &account, 60).await.unwrap();
    assert_eq!((first.age, &first.data), (None, &json!({"n": 0})));
    world.advance(Duration::seconds(59));
    let again = read(&world, &world.engine, &account, 60).await.unwrap();
    assert_eq!((again.age, &again.data), (Some(StdDuration::from_secs(59)), &first.data));
    // Each has its record; the one from memory names no request.
    let records = world.executions().await;
    assert_eq!((records.len(), records[0].status), (2, ExecutionStatus::Succeeded));
    assert_eq!((records[0].upstream_request.as_deref(), &records[0].id), (None, &again.execution_id));
    world.advance(Duration::seconds(2));
    assert_eq!(read(&world, &world.engine, &account, 60).await.unwrap().data, json!({"n": 1}));
    assert_eq!(read(&world, &world.engine, &account, 0).await.unwrap().age, Some(StdDuration::ZERO));
    // Who does not ask for it gets a new one.
    assert_eq!(world.call(&account, "fake_get_me", json!({})).await.unwrap().data, json!({"n": 2}));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    // Another process knows nothing of it.
    assert_eq!(read(&world, &world.twin(), &account, 60).await.unwrap().data, json!({"n": 3}));
}

/// S17: an answer belongs to one account, and to the grant that it was read with.
#[tokio::test]
async fn answers_are_of_one_account_and_end_with_what_may_change_them() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    counting(&world);
    assert_eq!(number(&world, &account).await, 0);
    assert_eq!(number(&world, &other).await, 1);
    assert_eq!(number(&world, &account).await, 0);
    // A call that may change something ends it, for this account only.
    world.call(&account, "fake_send_note", json!({"to": "ada"})).await.unwrap();
    assert_eq!(number(&world, &account).await, 3);
    assert_eq!(number(&world, &other).await, 1);
    // A proxied one too.
    let post = crate::proxy::proxied(&account, "POST", "/notes", axum::body::Body::empty());
    world.engine.proxy_call(&world.caller, post).await.unwrap();
    assert_eq!(number(&world, &account).await, 5);
    // A renewal is the same grant.
    world.engine.refresh_account(&world.caller, &AccountRef::id(account.id.as_str())).await.unwrap();
    assert_eq!(number(&world, &account).await, 5);
    // Other scopes are another grant, whichever process stored it.
    let mut stored = world.again(&account).await;
    stored.scopes = vec!["read".into()];
    stored.version += 1;
    world.store.commit(Change::UpdateAccount(stored).into()).await.unwrap();
    assert_eq!(number(&world, &account).await, 6);
    world.engine.disconnect_account(&world.caller, &AccountRef::id(account.id.as_str())).await.unwrap();
    let refused = read(&world, &world.engine, &account, 600).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AccountDisconnected);
    assert_eq!(number(&world, &other).await, 1);
}

#[tokio::test]
async fn tool_that_is_not_cacheable_takes_no_max_age() {
    let (world, account) = World::ready().await;
    let call = ExecuteTool {
        max_age: Some(StdDuration::from_secs(1)),
        ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_send_note", json!({"to": "ada"}))
    };
    let refused = world.engine.execute_tool(&world.caller, call).await.unwrap_err();
    assert_eq!(refused.details().fields[0].field, "max_age");
    assert!(world.provider.seen("/api").is_empty());
}

/// S43: what is kept is bounded, and failures are not kept.
#[tokio::test]
async fn failures_and_large_answers_are_not_kept() {
    let world = World::with(|settings| settings.max_kept_answer_bytes = 1000).await;
    world.connection("fake", "fake").await;
    let account = world.account("fake", "user_1").await;
    world.provider.on_api(|_| Answer::json(404, &json!({})));
    read(&world, &world.engine, &account, 600).await.unwrap_err();
    world.provider.on_api(|_| Answer::json(200, &json!({"much": "x".repeat(2000)})));
    for _ in 0..2 {
        assert_eq!(read(&world, &world.engine, &account, 600).await.unwrap().age, None);
    }
}
