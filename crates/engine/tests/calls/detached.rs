//! Calls that nobody waits for, and many calls at once.

use std::{sync::Arc, time::Duration as StdDuration};

use serde_json::{Value, json};
use valetkey_domain::{
    Account, Change, Clock as _, Error, ErrorCode, Execution, ExecutionId, Permission, Permissions,
    Store as _, execution::ExecutionStatus,
};
use valetkey_engine::{AccountRef, Engine, EngineSettings, ExecuteTool};

use crate::{provider::Answer, world::World};

fn note(account: &Account, to: &str) -> ExecuteTool {
    ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_send_note", json!({"to": to}))
}

async fn ready_with(change: impl FnOnce(&mut EngineSettings)) -> (World, Account) {
    let world = World::with(change).await;
    world.connection("fake", "fake").await;
    let account = world.account("fake", "user_1").await;
    (world, account)
}

/// Waits until the call is over.
async fn ended(
    world: &World,
    engine: &Engine,
    id: &ExecutionId,
) -> (Execution, Option<Result<Value, Error>>) {
    let over = async {
        loop {
            let answer = engine.execution_answer(&world.caller, id.as_str()).await.unwrap();
            if answer.execution.status != ExecutionStatus::Running {
                return (answer.execution, answer.brought);
            }
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(StdDuration::from_secs(10), over).await.unwrap()
}

#[tokio::test]
async fn call_that_nobody_waits_for_is_on_record_at_once_and_its_answer_later() {
    let (world, account) = World::ready().await;
    world.provider.hold_api(true);
    let accepted = world.engine.execute_tool_detached(&world.caller, note(&account, "ada")).await.unwrap();
    assert_eq!(accepted.status, ExecutionStatus::Running);
    let early = world.engine.execution_answer(&world.caller, accepted.execution_id.as_str()).await.unwrap();
    assert_eq!(early.execution.status, ExecutionStatus::Running);
    assert!(early.brought.is_none());
    world.provider.hold_api(false);
    // Any process can tell.
    let (record, brought) = ended(&world, &world.twin(), &accepted.execution_id).await;
    assert_eq!(record.status, ExecutionStatus::Succeeded);
    assert_eq!(brought.unwrap().unwrap(), json!({"id": "u-1", "path": "/api/notes"}));
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
}

#[tokio::test]
async fn call_that_nobody_waits_for_tells_at_once_what_is_wrong_with_it() {
    let (world, account) = World::ready().await;
    let wrong = ExecuteTool { tool_input: json!({}), ..note(&account, "ada") };
    let refused = world.engine.execute_tool_detached(&world.caller, wrong).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ToolInputInvalid);
    assert!(world.executions().await.is_empty());
    world.provider.on_api(|_| Answer::json(404, &json!({"error": {"code": "x", "message": "no such note"}})));
    let accepted = world.engine.execute_tool_detached(&world.caller, note(&account, "ada")).await.unwrap();
    let (record, brought) = ended(&world, &world.engine, &accepted.execution_id).await;
    assert_eq!(
        (record.status, record.error_code),
        (ExecutionStatus::Failed, Some(ErrorCode::UpstreamNotFound))
    );
    let error = brought.unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::UpstreamNotFound);
    assert_eq!(error.details().execution.as_ref(), Some(&accepted.execution_id));
}

/// Only who made the call reads its answer, and needs no right to read the others.
#[tokio::test]
async fn answer_is_for_who_made_the_call() {
    let (world, account) = World::ready().await;
    let mut agent = world.caller.clone();
    agent.permissions = Permissions::from_iter([Permission::ToolsExecute]);
    let accepted = world.engine.execute_tool_detached(&agent, note(&account, "ada")).await.unwrap();
    ended(&world, &world.engine, &accepted.execution_id).await;
    let own = world.engine.execution_answer(&agent, accepted.execution_id.as_str()).await.unwrap();
    assert!(own.brought.unwrap().is_ok());
    let mut other = world.caller.clone();
    other.client = "vkc_other".parse().unwrap();
    let seen = world.engine.execution_answer(&other, accepted.execution_id.as_str()).await.unwrap();
    assert!(seen.brought.is_none() && seen.execution.status == ExecutionStatus::Succeeded);
    other.permissions = Permissions::from_iter([Permission::ToolsExecute]);
    let refused = world.engine.execution_answer(&other, accepted.execution_id.as_str()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::PermissionDenied);
}

#[tokio::test]
async fn call_taken_on_with_a_key_is_taken_on_once() {
    let (world, account) = World::ready().await;
    let call = || ExecuteTool { idempotency_key: Some("k".into()), ..note(&account, "ada") };
    let first = world.engine.execute_tool_detached(&world.caller, call()).await.unwrap();
    let second = world.twin().execute_tool_detached(&world.caller, call()).await.unwrap();
    assert_eq!((&second.execution_id, second.replayed), (&first.execution_id, true));
    // Whoever waits with the same key gets the same answer.
    let waited = world.engine.execute_tool(&world.caller, call()).await.unwrap();
    assert_eq!((&waited.execution_id, waited.replayed), (&first.execution_id, true));
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
}

/// S43: what is at work and what waits is bounded; the rest is turned away clearly.
#[tokio::test]
async fn calls_beyond_the_bounds_are_turned_away() {
    let (world, account) = ready_with(|settings| {
        settings.detached_at_once = 2;
        settings.detached_waiting = 1;
    })
    .await;
    world.provider.hold_api(true);
    let mut accepted = Vec::new();
    for n in 0..3 {
        let call = note(&account, &format!("to-{n}"));
        accepted.push(world.engine.execute_tool_detached(&world.caller, call).await.unwrap().execution_id);
    }
    let refused =
        world.engine.execute_tool_detached(&world.caller, note(&account, "late")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Overloaded);
    assert!(refused.details().retry_after_ms.is_some());
    world.provider.wait_for("/api/notes", 2).await;
    assert_eq!(world.provider.seen("/api/notes").len(), 2);
    world.provider.hold_api(false);
    for id in &accepted {
        assert_eq!(ended(&world, &world.engine, id).await.0.status, ExecutionStatus::Succeeded);
    }
    world.engine.execute_tool_detached(&world.caller, note(&account, "again")).await.unwrap();
}

/// Shutdown finishes what is at work and tells of what had not begun that it was not made.
#[tokio::test]
async fn shutdown_finishes_what_runs_and_ends_what_waits() {
    let (world, account) = ready_with(|settings| settings.detached_at_once = 1).await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let call = |to: &str| ExecuteTool { idempotency_key: Some(to.into()), ..note(&account, to) };
    let running =
        world.engine.execute_tool_detached(&world.caller, call("first")).await.unwrap().execution_id;
    world.provider.wait_for("/api/notes", 1).await;
    let waiting =
        world.engine.execute_tool_detached(&world.caller, call("second")).await.unwrap().execution_id;
    let closing = world.clone();
    let closed = tokio::spawn(async move { closing.engine.drain().await });
    let (record, brought) = ended(&world, &world.twin(), &waiting).await;
    assert_eq!(record.error_code, Some(ErrorCode::ExecutionInterrupted));
    assert_eq!(brought.unwrap().unwrap_err().code(), ErrorCode::ExecutionInterrupted);
    assert!(!closed.is_finished());
    world.provider.hold_api(false);
    tokio::time::timeout(StdDuration::from_secs(10), closed).await.unwrap().unwrap();
    assert_eq!(ended(&world, &world.twin(), &running).await.0.status, ExecutionStatus::Succeeded);
    let refused =
        world.engine.execute_tool_detached(&world.caller, note(&account, "late")).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ShuttingDown);
    // What was not made may be made by another process, with the same key.
    let again = world.twin().execute_tool_detached(&world.caller, call("second")).await.unwrap();
    assert!(!again.replayed);
}

/// R4b: after a crash a call that had not left is known not to have happened; one that had left is in doubt.
#[tokio::test]
async fn crash_leaves_only_calls_in_doubt_that_had_left() {
    let (world, account) = ready_with(|settings| settings.detached_at_once = 1).await;
    world.provider.hold_api(true);
    let left =
        world.engine.execute_tool_detached(&world.caller, note(&account, "a")).await.unwrap().execution_id;
    world.provider.wait_for("/api/notes", 1).await;
    let waiting =
        world.engine.execute_tool_detached(&world.caller, note(&account, "b")).await.unwrap().execution_id;
    world
        .store
        .commit(Change::AbandonExecutions { instance: None, at: world.clock.now() }.into())
        .await
        .unwrap();
    let twin = world.twin();
    let (record, brought) = ended(&world, &twin, &left).await;
    assert_eq!(record.status, ExecutionStatus::Unknown);
    assert_eq!(brought.unwrap().unwrap_err().code(), ErrorCode::OutcomeUnknown);
    let (record, brought) = ended(&world, &twin, &waiting).await;
    assert_eq!(
        (record.status, record.error_code),
        (ExecutionStatus::Failed, Some(ErrorCode::ExecutionInterrupted))
    );
    assert_eq!(brought.unwrap().unwrap_err().code(), ErrorCode::ExecutionInterrupted);
}

#[tokio::test]
async fn batch_answers_in_order_and_failures_stay_alone() {
    let (world, account) = ready_with(|settings| settings.batch_at_once = 3).await;
    let mut calls: Vec<_> = (0..10).map(|n| note(&account, &format!("to-{n}"))).collect();
    calls[3].tool_input = json!({});
    calls[5].tool_name = "fake_nothing".into();
    calls[7].account = AccountRef::identifier("nobody");
    world.provider.on_api(|seen| Answer::json(200, &serde_json::from_str(&seen.body).unwrap()));
    let outcomes = world.engine.execute_batch(&world.caller, calls).await.unwrap();
    for (n, outcome) in outcomes.iter().enumerate() {
        match (n, outcome) {
            (3, Err(error)) => assert_eq!(error.code(), ErrorCode::ToolInputInvalid),
            (5, Err(error)) => assert_eq!(error.code(), ErrorCode::ToolNotFound),
            (7, Err(error)) => assert_eq!(error.code(), ErrorCode::AccountNotFound),
            (_, Ok(outcome)) => assert_eq!(outcome.data["to"], format!("to-{n}")),
            (_, Err(error)) => panic!("{n}: {error}"),
        }
    }
    for calls in [Vec::new(), vec![note(&account, "ada"); 51]] {
        let refused = world.engine.execute_batch(&world.caller, calls).await.unwrap_err();
        assert_eq!(refused.details().fields[0].field, "calls");
    }
}

#[tokio::test]
async fn batch_runs_a_few_at_a_time_and_no_longer_than_one_deadline() {
    let (world, account) = ready_with(|settings| {
        settings.batch_at_once = 2;
        settings.call_deadline = StdDuration::from_millis(300);
    })
    .await;
    world.provider.hold_api(true);
    let calls = (0..6).map(|n| note(&account, &format!("to-{n}"))).collect();
    let outcomes = world.engine.execute_batch(&world.caller, calls).await.unwrap();
    assert!(outcomes.iter().all(|o| o.as_ref().unwrap_err().code() == ErrorCode::UpstreamTimeout));
    assert_eq!(world.provider.seen("/api/notes").len(), 2);
}

/// The error says which of the time-outs ended the call: the smallest one does.
#[tokio::test]
async fn time_out_names_what_set_it() {
    let (world, account) =
        ready_with(|settings| settings.call_deadline = StdDuration::from_millis(400)).await;
    world.provider.hold_api(true);
    let call = |deadline: Option<u64>| ExecuteTool {
        deadline: deadline.map(StdDuration::from_millis),
        ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}))
    };
    let told = async |call| {
        let error = world.engine.execute_tool(&world.caller, call).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UpstreamTimeout);
        error.cause_text().to_owned()
    };
    assert!(told(call(None)).await.contains("call_deadline_s"));
    assert!(told(call(Some(90))).await.contains("The caller allowed the call 90 ms"));
    let update = valetkey_engine::ConnectionUpdate { call_timeout_ms: Some(Some(120)), ..Default::default() };
    world.engine.update_connection(&world.caller, "fake", update).await.unwrap();
    assert!(told(call(None)).await.contains("The connection allows a call 120 ms"));
    assert!(told(call(Some(90))).await.contains("90 ms"));
    let update = valetkey_engine::ConnectionUpdate { call_timeout_ms: Some(Some(0)), ..Default::default() };
    let refused = world.engine.update_connection(&world.caller, "fake", update).await.unwrap_err();
    assert_eq!(refused.details().fields[0].field, "call_timeout_ms");
    let update = valetkey_engine::ConnectionUpdate { call_timeout_ms: Some(None), ..Default::default() };
    let view = world.engine.update_connection(&world.caller, "fake", update).await.unwrap();
    assert_eq!(view.connection.call_timeout_ms, None);
}

/// A provider that accepts connections and never says a word of TLS: the call is over before it could leave, and the
/// error says what bounds it.
#[tokio::test]
async fn connect_time_out_names_what_set_it() {
    let (world, account) =
        ready_with(|settings| settings.call_deadline = StdDuration::from_millis(400)).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}/api", silent.local_addr().unwrap());
    let overrides = valetkey_domain::connection::Overrides {
        api_base_url: Some(base.parse().unwrap()),
        ..world.engine.get_connection(&world.caller, "fake").await.unwrap().connection.overrides
    };
    let update = valetkey_engine::ConnectionUpdate { overrides: Some(overrides), ..Default::default() };
    world.engine.update_connection(&world.caller, "fake", update).await.unwrap();
    let told = async |deadline: Option<u64>| {
        let call = ExecuteTool {
            deadline: deadline.map(StdDuration::from_millis),
            ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}))
        };
        let error = world.engine.execute_tool(&world.caller, call).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UpstreamConnectTimeout);
        error.cause_text().to_owned()
    };
    let server = told(None).await;
    assert!(server.contains("Nothing was sent") && server.contains("call_deadline_s"), "{server}");
    let caller = told(Some(90)).await;
    assert!(caller.contains("The caller allowed the call 90 ms"), "{caller}");
}
