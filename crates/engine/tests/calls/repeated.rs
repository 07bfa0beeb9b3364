//! Calls with an idempotency key are made once, whoever repeats them and wherever.

use std::{sync::Arc, time::Duration as StdDuration};

use serde_json::{Value, json};
use time::Duration;
use valetkey_domain::{
    Account, Change, Clock as _, Error, ErrorCode, InstanceId, Store as _, error::ProviderEvidence,
    execution::ExecutionStatus, store::Prunable,
};
use valetkey_engine::{AccountRef, Engine, ExecuteTool, ToolOutcome};

use crate::{provider::Answer, world::World};

fn keyed(account: &Account, tool: &str, input: Value, key: &str) -> ExecuteTool {
    let wanted = AccountRef::id(account.id.as_str());
    ExecuteTool { idempotency_key: Some(key.into()), ..ExecuteTool::new(wanted, tool, input) }
}

async fn send(world: &World, engine: &Engine, account: &Account, key: &str) -> Result<ToolOutcome, Error> {
    let input = json!({"to": "ada", "text": "hello"});
    engine.execute_tool(&world.caller, keyed(account, "fake_send_note", input, key)).await
}

/// Same key, same call: the same answer from the same execution, also from another process, and one request.
#[tokio::test]
async fn call_repeated_with_its_key_gives_the_first_answer() {
    let (world, account) = World::ready().await;
    let first = send(&world, &world.engine, &account, "k-1").await.unwrap();
    assert!(!first.replayed);
    let twin = world.twin();
    for engine in [&world.engine, &twin] {
        let again = send(&world, engine, &account, "k-1").await.unwrap();
        assert!(again.replayed);
        assert_eq!((&again.execution_id, &again.data), (&first.execution_id, &first.data));
        assert_eq!((again.tool.as_str(), &again.account.account.id), ("fake_send_note", &account.id));
    }
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
    assert_eq!(world.executions().await.len(), 1);
    send(&world, &world.engine, &account, "k-2").await.unwrap();
    assert_eq!(world.provider.seen("/api/notes").len(), 2);
}

/// The order of members is no difference; every other one is.
#[tokio::test]
async fn key_used_for_another_call_is_refused() {
    let (world, account) = World::ready().await;
    let first = send(&world, &world.engine, &account, "k").await.unwrap();
    let same = keyed(&account, "fake_send_note", json!({"text": "hello", "to": "ada"}), "k");
    assert!(world.engine.execute_tool(&world.caller, same).await.unwrap().replayed);
    for (tool, input) in [
        ("fake_send_note", json!({"to": "eve", "text": "hello"})),
        ("fake_send_note", json!({"to": "ada"})),
        ("fake_get_me", json!({})),
    ] {
        let refused =
            world.engine.execute_tool(&world.caller, keyed(&account, tool, input, "k")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::IdempotencyKeyReused);
        assert_eq!(refused.details().execution.as_ref(), Some(&first.execution_id));
    }
    for key in ["", "a b", "é", &"x".repeat(256)] {
        let refused = send(&world, &world.engine, &account, key).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.details().fields[0].field.as_str()),
            (ErrorCode::InvalidArgument, "Idempotency-Key")
        );
    }
    send(&world, &world.engine, &account, &"x".repeat(255)).await.unwrap();
    assert_eq!(world.provider.seen("/api/notes").len(), 2);
}

/// A key is its client's own.
#[tokio::test]
async fn key_of_another_client_is_another_key() {
    let (world, account) = World::ready().await;
    let first = send(&world, &world.engine, &account, "k").await.unwrap();
    let mut other = world.caller.clone();
    other.client = "vkc_other".parse().unwrap();
    let call = keyed(&account, "fake_send_note", json!({"to": "eve"}), "k");
    let second = world.engine.execute_tool(&other, call).await.unwrap();
    assert!(!second.replayed && second.execution_id != first.execution_id);
}

/// R4: many at the same time in two processes make one request, and all get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_with_one_key_at_the_same_time_are_one() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let twin = world.twin();
    let calls: Vec<_> = (0..12)
        .map(|n| {
            let (world, account) = (world.clone(), account.clone());
            let engine = if n % 2 == 0 { world.engine.clone() } else { twin.clone() };
            tokio::spawn(async move { send(&world, &engine, &account, "k").await })
        })
        .collect();
    world.provider.wait_for("/api/notes", 1).await;
    world.provider.hold_api(false);
    let mut ids = Vec::new();
    let mut made = 0;
    for call in calls {
        let outcome = call.await.unwrap().unwrap();
        made += usize::from(!outcome.replayed);
        ids.push(outcome.execution_id);
    }
    assert_eq!(made, 1);
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    assert_eq!((world.provider.seen("/api/notes").len(), world.executions().await.len()), (1, 1));
}

/// Whoever waits gives up at its own deadline and is told when to ask again.
#[tokio::test]
async fn call_repeated_while_the_first_runs_waits_until_its_deadline() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let (caller, of) = (world.clone(), account.clone());
    let first = tokio::spawn(async move { send(&caller, &caller.engine, &of, "k").await });
    world.provider.wait_for("/api/notes", 1).await;
    let hasty = ExecuteTool {
        deadline: Some(StdDuration::from_millis(60)),
        ..keyed(&account, "fake_send_note", json!({"to": "ada", "text": "hello"}), "k")
    };
    let refused = world.engine.execute_tool(&world.caller, hasty).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::IdempotencyInProgress);
    assert!(refused.details().retry_after_ms.is_some());
    world.provider.hold_api(false);
    let made = first.await.unwrap().unwrap();
    assert_eq!(refused.details().execution.as_ref(), Some(&made.execution_id));
    assert_eq!(send(&world, &world.engine, &account, "k").await.unwrap().execution_id, made.execution_id);
}

/// R4b: the process died after the request left: nobody knows, the answer says so, and nothing is sent again.
#[tokio::test]
async fn call_whose_outcome_was_lost_in_a_crash_is_not_made_again() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let (caller, of) = (world.clone(), account.clone());
    tokio::spawn(async move { send(&caller, &caller.engine, &of, "k").await });
    world.provider.wait_for("/api/notes", 1).await;
    world
        .store
        .commit(Change::AbandonExecutions { instance: None, at: world.clock.now() }.into())
        .await
        .unwrap();
    let record = world.executions().await.remove(0);
    assert_eq!(record.status, ExecutionStatus::Unknown);
    let told = send(&world, &world.twin(), &account, "k").await.unwrap_err();
    assert_eq!(told.code(), ErrorCode::OutcomeUnknown);
    assert_eq!(told.details().execution.as_ref(), Some(&record.id));
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
}

/// A failure that did nothing spends no key; one that may have had an effect does, and is told again.
#[tokio::test]
async fn failure_after_the_call_left_is_what_the_key_stands_for() {
    let (world, account) = World::ready().await;
    let wrong = keyed(&account, "fake_send_note", json!({}), "k");
    assert_eq!(
        world.engine.execute_tool(&world.caller, wrong).await.unwrap_err().code(),
        ErrorCode::ToolInputInvalid
    );
    world.provider.on_api(|_| Answer::json(429, &json!({})));
    let limited = send(&world, &world.engine, &account, "k").await.unwrap_err();
    assert_eq!(limited.code(), ErrorCode::UpstreamRateLimited);
    let words = json!({"error": {"code": "odd", "message": "broken inside"}});
    world.provider.on_api(move |_| Answer::json(500, &words));
    let twin = world.twin();
    let failed = send(&world, &twin, &account, "k").await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::UpstreamError);
    world.provider.behave();
    let sent = world.provider.seen("/api/notes").len();
    let again = send(&world, &twin, &account, "k").await.unwrap_err();
    assert_eq!((again.code(), &again.details().message), (failed.code(), &failed.details().message));
    assert_eq!(again.details().execution, failed.details().execution);
    // The body is for the record of the call alone.
    let said = failed.details().provider.clone().map(|said| ProviderEvidence { answer: None, ..said });
    assert_eq!(again.details().provider, said);
    assert_eq!(world.provider.seen("/api/notes").len(), sent);
}

/// A read that failed may be tried again with its key: it does no harm, and the SDKs do so.
#[tokio::test]
async fn failed_read_frees_its_key() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| Answer::json(500, &json!({})));
    let read = || keyed(&account, "fake_get_me", json!({}), "k");
    assert!(world.engine.execute_tool(&world.caller, read()).await.is_err());
    world.provider.behave();
    let outcome = world.engine.execute_tool(&world.caller, read()).await.unwrap();
    assert!(!outcome.replayed);
    assert!(world.engine.execute_tool(&world.caller, read()).await.unwrap().replayed);
}

/// Answers are kept for a day and up to a size; then the key is free, or the answer says why it is not there.
#[tokio::test]
async fn answers_are_kept_for_a_time_and_up_to_a_size() {
    let world = World::with(|settings| settings.max_kept_answer_bytes = 200).await;
    world.connection("fake", "fake").await;
    let account = world.account("fake", "user_1").await;
    let first = send(&world, &world.engine, &account, "k").await.unwrap();
    world.advance(Duration::hours(23));
    world.engine.refresh_account(&world.caller, &AccountRef::id(account.id.as_str())).await.unwrap();
    assert!(send(&world, &world.engine, &account, "k").await.unwrap().replayed);
    world.advance(Duration::hours(2));
    let later = send(&world, &world.engine, &account, "k").await.unwrap();
    assert!(!later.replayed && later.execution_id != first.execution_id);

    world.provider.on_api(|_| Answer::json(200, &json!({"much": "x".repeat(500)})));
    send(&world, &world.engine, &account, "large").await.unwrap();
    let told = send(&world, &world.engine, &account, "large").await.unwrap_err();
    assert_eq!(told.code(), ErrorCode::AnswerNotKept);
    assert_eq!(world.provider.seen("/api/notes").len(), 3);
    assert_eq!(
        world.store.prune(Prunable::Answers, world.clock.now() + Duration::days(2), 100).await.unwrap(),
        2
    );
}

/// S28: what is kept is sealed: neither input nor answer is found in storage.
#[tokio::test]
async fn kept_answers_are_sealed() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|_| Answer::json(200, &json!({"canary": "in-the-answer"})));
    let outcome = send(&world, &world.engine, &account, "canary-key").await.unwrap();
    let kept = world.store.answer(&outcome.execution_id).await.unwrap().unwrap();
    let sealed = kept.sealed.unwrap().0;
    assert!(!sealed.windows(6).any(|window| window == b"canary"));
    assert!(!format!("{:?}", (kept.key_hash, kept.input_hash)).contains("canary"));
}

/// A call that a process took on and never sent is known not to have happened: its key is free.
#[tokio::test]
async fn read_cut_short_by_a_crash_leaves_its_key_free() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let (caller, of) = (world.clone(), account.clone());
    tokio::spawn(async move {
        caller.engine.execute_tool(&caller.caller, keyed(&of, "fake_get_me", json!({}), "k")).await
    });
    world.provider.wait_for("/api/me", 1).await;
    for instance in [None, Some(InstanceId(1))] {
        world
            .store
            .commit(Change::AbandonExecutions { instance, at: world.clock.now() }.into())
            .await
            .unwrap();
    }
    assert_eq!(world.executions().await[0].error_code, Some(ErrorCode::ExecutionInterrupted));
    world.provider.hold_api(false);
    let call = keyed(&account, "fake_get_me", json!({}), "k");
    assert!(!world.twin().execute_tool(&world.caller, call).await.unwrap().replayed);
}
