use std::{sync::Arc, time::Duration as StdDuration};

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Caller, Clock, ConnectionId, EnvironmentId, ErrorCode, ExecutionId, Permission, Permissions, Remedy,
    catalogue::RemedyAction,
    execution::{ExecutionStatus, ProviderAnswer},
    store::ExecutionFilter,
};
use valetkey_engine::{AccountRef, ConnectionUpdate, End, ExecuteTool, NewAccount, Siblings};

use crate::{
    provider::Answer,
    world::{FIRST_ACCESS, World},
};

#[tokio::test]
async fn tool_called_by_alias_and_identifier_finds_connection_and_is_recorded() {
    let (world, account) = World::ready().await;
    let call = ExecuteTool {
        agent_run_id: Some("run-7".into()),
        request_id: "req_1".into(),
        ..ExecuteTool::new(AccountRef::identifier("user_1"), "fake_whoami", json!(null))
    };
    let outcome = world.engine.execute_tool(&world.caller, call).await.unwrap();
    assert_eq!(outcome.data, json!({"id": "u-1", "path": "/api/me"}));
    assert_eq!((outcome.tool.as_str(), outcome.account.connection_name.as_str()), ("fake_get_me", "fake"));

    let record = world.engine.get_execution(&world.caller, outcome.execution_id.as_str()).await.unwrap();
    assert_eq!(record.status, ExecutionStatus::Succeeded);
    assert_eq!(record.tool.as_deref(), Some("fake_get_me"));
    assert_eq!(record.upstream_request.as_deref(), Some("GET /api/me"));
    assert_eq!(record.upstream_status, Some(200));
    assert_eq!((record.agent_run_id.as_deref(), record.request_id.as_str()), (Some("run-7"), "req_1"));
    assert_eq!((&record.account, record.identifier.as_str()), (&account.id, "user_1"));
    assert!(record.duration_us.is_some());
}

#[tokio::test]
async fn tool_unknown_names_the_near_ones() {
    let (world, account) = World::ready().await;
    let refused = world.call(&account, "fake_get_mee", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ToolNotFound);
    assert!(refused.remedies()[0].text.contains("fake_get_me"), "{:?}", refused.remedies());
    assert!(world.executions().await.is_empty());
}

#[tokio::test]
async fn input_that_does_not_fit_names_its_fields_and_sends_nothing() {
    let (world, account) = World::ready().await;
    for (input, field) in [
        (json!({"to": 7}), "tool_input.to"),
        (json!({}), "tool_input.to"),
        (json!({"to": "ada", "tone": "dry"}), "tool_input.tone"),
        (json!([1]), "tool_input"),
    ] {
        let refused = world.call(&account, "fake_send_note", input).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ToolInputInvalid);
        assert_eq!(refused.details().fields[0].field, field);
    }
    assert_eq!(world.provider.seen("/").len(), 0);
    let recorded = world.executions().await;
    assert_eq!(recorded.len(), 4);
    assert!(recorded.iter().all(|r| r.error_code == Some(ErrorCode::ToolInputInvalid)
        && r.status == ExecutionStatus::Failed
        && r.upstream_request.is_none()));
}

/// S09: what was not granted is not tried.
#[tokio::test]
async fn s09_missing_scope_is_named_and_nothing_is_sent() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    let account = world.account_with("fake", "user_1", Some("canary-rt"), &["read"]).await;
    let refused = world.call(&account, "fake_send_note", json!({"to": "ada"})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InsufficientScope);
    assert!(refused.details().message.contains("\"write\""), "{refused}");
    assert_eq!(world.provider.seen("/").len(), 0);
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
}

#[tokio::test]
async fn identifier_on_two_connections_is_ambiguous_until_one_is_named() {
    let world = World::new().await;
    world.connection("fake", "fake-a").await;
    world.connection("fake", "fake-b").await;
    world.connection("keyed", "keyed").await;
    world.account("fake-a", "user_1").await;
    let second = world.account("fake-b", "user_1").await;
    world.keyed_account("keyed", "user_1").await;

    let call = |account| ExecuteTool::new(account, "fake_get_me", json!({}));
    let by_identifier = call(AccountRef::identifier("user_1"));
    let refused = world.engine.execute_tool(&world.caller, by_identifier).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AmbiguousConnection);
    for name in ["\"fake-a\" (ACTIVE)", "\"fake-b\" (ACTIVE)"] {
        assert!(refused.details().message.contains(name), "{refused}");
    }
    assert!(!refused.details().message.contains("keyed"), "{refused}");
    assert_eq!(world.provider.seen("/").len(), 0);

    let named = call(AccountRef::named("fake-b", "user_1"));
    let outcome = world.engine.execute_tool(&world.caller, named).await.unwrap();
    assert_eq!(outcome.account.account.id, second.id);
}

#[tokio::test]
async fn identifier_without_account_or_connection_says_which() {
    let world = World::new().await;
    let call = || ExecuteTool::new(AccountRef::identifier("user_1"), "fake_get_me", json!({}));
    let refused = world.engine.execute_tool(&world.caller, call()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ConnectionNotFound);
    world.connection("fake", "fake").await;
    let refused = world.engine.execute_tool(&world.caller, call()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::AccountNotFound);
    assert!(refused.details().message.contains("\"fake\""), "{refused}");
    let nobody = ExecuteTool::new(AccountRef::default(), "fake_get_me", json!({}));
    let refused = world.engine.execute_tool(&world.caller, nobody).await.unwrap_err();
    assert_eq!(refused.details().fields[0].field, "identifier");
}

#[tokio::test]
async fn account_of_another_connector_does_not_take_the_tool() {
    let (world, account) = World::ready().await;
    let refused = world.call(&account, "keyed_get_status", json!({})).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.details().fields[0].field.as_str()),
        (ErrorCode::InvalidArgument, "tool_name")
    );
    assert_eq!(world.provider.seen("/").len(), 0);
}

/// S39: an id of another environment is answered like an unknown one.
#[tokio::test]
async fn s39_account_of_another_environment_is_no_account() {
    let (world, account) = World::ready().await;
    let environment = EnvironmentId::new(&*world.clock, &*world.entropy);
    world.add_environment(&environment, "other").await;
    let stranger = Caller { environment, ..world.caller.clone() };
    let mut answers = Vec::new();
    for id in [account.id.as_str(), "ca_00000000000000000000000000", "nonsense"] {
        let call = ExecuteTool::new(AccountRef::id(id), "fake_get_me", json!({}));
        answers.push(world.engine.execute_tool(&stranger, call).await.unwrap_err());
    }
    assert!(answers.iter().all(|a| a.code() == ErrorCode::AccountNotFound && a == &answers[0]));
    let outcome = world.call(&account, "fake_get_me", json!({})).await.unwrap();
    let foreign = world.engine.get_execution(&stranger, outcome.execution_id.as_str()).await.unwrap_err();
    assert_eq!(foreign.code(), ErrorCode::ExecutionNotFound);
    assert_eq!(
        world
            .engine
            .list_executions(&stranger, &Default::default(), &Default::default())
            .await
            .unwrap()
            .total,
        0
    );
}

/// An account is of one connection: a list that names another one beside it is empty, and one that names a tool is right.
#[tokio::test]
async fn executions_of_an_account_are_found_by_tool_and_not_at_another_connection() {
    let (world, account) = World::ready().await;
    let other = world.connection("fake", "other").await;
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    let listed = async |connection: Option<&ConnectionId>, tool: Option<&str>| {
        let filter = ExecutionFilter {
            account: Some(account.id.clone()),
            connection: connection.cloned(),
            tool: tool.map(str::to_owned),
            ..ExecutionFilter::default()
        };
        world.engine.list_executions(&world.caller, &filter, &Default::default()).await.unwrap().items.len()
    };
    assert_eq!(listed(None, Some("fake_get_me")).await, 1);
    assert_eq!(listed(None, Some("fake_send_note")).await, 0);
    assert_eq!(listed(Some(&account.connection), Some("fake_get_me")).await, 1);
    assert_eq!(listed(Some(&other.id), None).await, 0);
    // Its executions outlive it, and are found without it.
    world
        .engine
        .end_account(&world.caller, &AccountRef::id(account.id.as_str()), End::Delete, Siblings::Keep)
        .await
        .unwrap();
    assert_eq!(listed(None, Some("fake_get_me")).await, 1);
    assert_eq!(listed(Some(&account.connection), None).await, 1);
    assert_eq!(listed(Some(&other.id), None).await, 0);
}

#[tokio::test]
async fn account_that_waits_for_its_user_is_refused_with_one_link_for_those_who_may() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    let new = NewAccount::new("fake", "user_1");
    let account = world.engine.create_account(&world.caller, new).await.unwrap().account;
    let mut links = Vec::new();
    for _ in 0..3 {
        let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::AccountPending);
        assert_eq!(refused.details().account.as_ref(), Some(&account.id));
        assert!(refused.details().execution.is_some());
        links.push(refused.remedies()[0].url.clone().unwrap());
    }
    assert!(links[0].starts_with("http://localhost:7077/connect/"), "{links:?}");
    assert!(links.iter().all(|link| *link == links[0]), "one link serves repeated calls");

    let modest: Permissions = [Permission::ToolsExecute].into_iter().collect();
    let agent = Caller { permissions: modest, ..world.caller.clone() };
    let call = ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}));
    let refused = world.engine.execute_tool(&agent, call).await.unwrap_err();
    assert!(refused.remedies().iter().all(|remedy| remedy.url.is_none()));
    let nobody = Caller { permissions: Permissions::default(), ..world.caller.clone() };
    let call = ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}));
    assert_eq!(
        world.engine.execute_tool(&nobody, call).await.unwrap_err().code(),
        ErrorCode::PermissionDenied
    );
}

#[tokio::test]
async fn connection_disabled_refuses_calls() {
    let (world, account) = World::ready().await;
    let off = ConnectionUpdate { enabled: Some(false), ..ConnectionUpdate::default() };
    world.engine.update_connection(&world.caller, "fake", off).await.unwrap();
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::ConnectionDisabled);
    assert_eq!(world.provider.seen("/").len(), 0);
}

#[tokio::test]
async fn call_with_an_effect_is_on_record_before_it_leaves_and_survives_its_caller() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let (caller, sender) = (world.clone(), account.clone());
    let call =
        tokio::spawn(async move { caller.call(&sender, "fake_send_note", json!({"to": "ada"})).await });
    world.provider.wait_for("/api/notes", 1).await;
    let running = world.executions().await;
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].status, ExecutionStatus::Running);

    call.abort();
    world.provider.hold_api(false);
    world.engine.drain().await;
    let ended = world.executions().await;
    assert_eq!((ended.len(), ended[0].status), (1, ExecutionStatus::Succeeded));
    assert_eq!(world.provider.seen("/api/notes").len(), 1);
}

#[tokio::test]
async fn call_still_running_at_the_end_of_the_process_is_of_unknown_outcome() {
    let (world, account) = World::ready().await;
    let world = Arc::new(world);
    world.provider.hold_api(true);
    let (caller, sender) = (world.clone(), account.clone());
    tokio::spawn(async move { caller.call(&sender, "fake_send_note", json!({"to": "ada"})).await });
    world.provider.wait_for("/api/notes", 1).await;
    world.advance(Duration::seconds(1));
    world.engine.abandon_executions().await.unwrap();
    assert_eq!(world.executions().await[0].status, ExecutionStatus::Unknown);
}

#[tokio::test]
async fn provider_too_slow_is_a_timeout_within_the_callers_deadline() {
    let (world, account) = World::ready().await;
    world.provider.hold_api(true);
    let call = ExecuteTool {
        deadline: Some(StdDuration::from_millis(80)),
        ..ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}))
    };
    let late = world.engine.execute_tool(&world.caller, call).await.unwrap_err();
    assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
    assert_eq!(world.executions().await[0].error_code, Some(ErrorCode::UpstreamTimeout));
}

/// Where the answer is lost after a call had left that may have an effect, whoever reads the error must not just send it again.
#[tokio::test]
async fn answer_that_is_lost_says_that_the_effect_may_have_happened() {
    let (world, account) = World::ready().await;
    world.provider.hold_api(true);
    for (tool, input, doubtful) in [
        ("fake_send_note", json!({"to": "ada"}), true),
        ("fake_put_note", json!({"id": "n1"}), false),
        ("fake_get_me", json!({}), false),
    ] {
        let call = ExecuteTool {
            deadline: Some(StdDuration::from_millis(80)),
            ..ExecuteTool::new(AccountRef::id(account.id.as_str()), tool, input)
        };
        let late = world.engine.execute_tool(&world.caller, call).await.unwrap_err();
        assert_eq!(late.code(), ErrorCode::UpstreamTimeout);
        let says = |remedy: &Remedy| remedy.text.contains("may have had its effect");
        assert_eq!(late.remedies().iter().any(says), doubtful, "{tool}: {:?}", late.remedies());
    }
}

#[tokio::test]
async fn answer_too_large_is_refused() {
    let world = World::with(|settings| settings.max_response_bytes = 1000).await;
    world.connection("fake", "fake").await;
    let account = world.account("fake", "user_1").await;
    world.provider.on_api(|_| Answer::json(200, &json!({"text": "x".repeat(2000)})));
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamResponseTooLarge);
}

/// S51: a credential that the provider echoes does not come back to the caller.
#[tokio::test]
async fn s51_echo_of_the_credential_is_masked_in_answers_and_errors() {
    let (world, account) = World::ready().await;
    world.provider.on_api(|seen| Answer::json(200, &json!({"debug": {"auth": seen.authorization}})));
    let outcome = world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(outcome.data["debug"]["auth"], "Bearer [redacted]");
    world.provider.on_api(|seen| {
        Answer::json(
            400,
            &json!({"error": {"code": "odd", "message": format!("you sent {}", seen.authorization)}}),
        )
    });
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert!(!format!("{:?}", refused.details()).contains(FIRST_ACCESS), "{refused:?}");
}

/// What the provider answered to a call that failed is in its record, without secrets: neither the account's, nor what looks
/// like another one.
#[tokio::test]
async fn failed_call_records_what_the_provider_answered() {
    let (world, account) = World::ready().await;
    let other = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    world.provider.on_api(move |seen| {
        let body = json!({"error": {"code": "odd"}, "sent": seen.authorization, "hint": other, "trail": "x".repeat(9000)});
        Answer::json(400, &body).header("x-request-id", "rq-77")
    });
    let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    let told = refused.details().provider.as_ref().unwrap().answer.clone().unwrap();
    assert_eq!(told.request_id.as_deref(), Some("rq-77"));
    let recorded = async |execution: Option<&ExecutionId>| {
        world.engine.get_execution(&world.caller, execution.unwrap().as_str()).await.unwrap().provider_answer
    };
    let answer = recorded(refused.details().execution.as_ref()).await.unwrap();
    assert_eq!(answer.request_id.as_deref(), Some("rq-77"));
    let body = answer.body.unwrap();
    assert!(body.contains(r#""code":"odd""#) && body.contains("[redacted]"), "{body}");
    assert!(!body.contains(FIRST_ACCESS) && !body.contains(other), "{body}");
    assert!(body.len() <= ProviderAnswer::MAX_BODY, "{}", body.len());

    // What cannot be read is what an operator most needs to see.
    world.provider.on_api(|_| Answer {
        body: "<html>Signed out by the company's proxy</html>".into(),
        ..Answer::json(200, &json!({}))
    });
    let unreadable = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
    assert_eq!(unreadable.code(), ErrorCode::UpstreamResponseInvalid);
    let answer = recorded(unreadable.details().execution.as_ref()).await.unwrap();
    assert!(answer.body.unwrap().contains("Signed out by the company's proxy"));

    world.provider.on_api(|_| Answer::json(200, &json!({"id": "me"})));
    let done = world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(recorded(Some(&done.execution_id)).await, None);
}

/// S46: a tool's input cannot lead the credential elsewhere.
#[tokio::test]
async fn s46_input_that_would_leave_its_place_sends_nothing() {
    let (world, account) = World::ready().await;
    for id in ["..", "../../token", "a/../../token", ".", "%2e%2e/x", "a\r\nX: y"] {
        let outcome = world.call(&account, "fake_put_note", json!({"id": id})).await;
        if let Err(refused) = outcome {
            assert_eq!(refused.code(), ErrorCode::ToolInputInvalid, "{id}");
        }
    }
    let seen = world.provider.seen("/");
    assert!(seen.iter().all(|seen| seen.path.starts_with("/api/notes/")), "{seen:?}");
}

#[tokio::test]
async fn use_of_an_account_is_noted_once_a_minute() {
    let (world, account) = World::ready().await;
    let began = world.clock.now();
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.again(&account).await.last_used_at, Some(began));
    world.advance(Duration::seconds(59));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.again(&account).await.last_used_at, Some(began));
    world.advance(Duration::seconds(1));
    world.call(&account, "fake_get_me", json!({})).await.unwrap();
    assert_eq!(world.again(&account).await.last_used_at, Some(world.clock.now()));
}

#[tokio::test]
async fn static_key_refused_by_the_api_is_told_and_changes_no_status() {
    let world = World::new().await;
    world.connection("keyed", "keyed").await;
    let account = world.keyed_account("keyed", "user_1").await;
    world.call(&account, "keyed_get_status", json!({})).await.unwrap();
    assert_eq!(world.provider.seen("/api/status")[0].headers["x-api-key"], "canary-key-1234");
    world.provider.on_api(|_| Answer::json(401, &json!({})));
    let refused = world.call(&account, "keyed_get_status", json!({})).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::UpstreamUnauthorized);
    assert_eq!(refused.remedies()[0].action, RemedyAction::Reauthorize);
    assert!(refused.remedies()[0].url.is_some());
    assert_eq!(world.provider.seen("/api/status").len(), 2);
    assert_eq!(world.again(&account).await.status(), valetkey_domain::AccountStatus::Active);
}
