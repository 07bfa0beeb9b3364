//! Events and executions.

use std::sync::Arc;

use valetkey_domain::{
    Change, Changes, ErrorCode, Event, Execution, InstanceId, PageRequest, Store,
    event::{EventKind, NewEvent},
    execution::{ExecutionStatus, Phase, PhaseKind, ProviderAnswer, Source},
    store::{EventFilter, ExecutionFilter, ToolUse},
};

use super::fixture::{Fixture, assert_conflict};

/// What happened, why and when, alone and together.
pub async fn events_filtered_by_kind_code_and_time(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let kinds = [
        EventKind::LinkCreated,
        EventKind::AccountExpired,
        EventKind::RefreshFailed,
        EventKind::AccountExpired,
    ];
    let codes = [None, Some(ErrorCode::UpstreamError), Some(ErrorCode::UpstreamError), None];
    let mut events = Vec::new();
    for (kind, code) in kinds.into_iter().zip(codes) {
        let mut event = f.event(&account);
        (event.event.kind, event.event.code) = (kind, code);
        f.commit(Change::AppendEvent(event.clone())).await.unwrap();
        events.push(event);
    }
    let all = EventFilter::default;
    let (since, until) = (Some(events[1].at), Some(events[3].at));
    let cases: Vec<(EventFilter, &[usize])> = vec![
        (EventFilter { kinds: vec![EventKind::AccountExpired], ..all() }, &[3, 1]),
        (EventFilter { kinds: vec![EventKind::RefreshFailed, EventKind::LinkCreated], ..all() }, &[2, 0]),
        (EventFilter { kinds: vec![EventKind::AccountRevoked], ..all() }, &[]),
        (EventFilter { code: Some(ErrorCode::UpstreamError), ..all() }, &[2, 1]),
        (EventFilter { since, ..all() }, &[3, 2, 1]),
        (EventFilter { until, ..all() }, &[2, 1, 0]),
        (EventFilter { since, until, account: Some(account.id.clone()), ..all() }, &[2, 1]),
        (EventFilter { since: until, until: since, ..all() }, &[]),
        (EventFilter { since: Some(f.now()), ..all() }, &[]),
        (
            EventFilter {
                account: Some(account.id.clone()),
                connection: Some(connection.id.clone()),
                kinds: kinds.to_vec(),
                code: Some(ErrorCode::UpstreamError),
                since: Some(events[2].at),
                until: Some(f.now()),
                count_at_most: None,
            },
            &[2],
        ),
    ];
    for (filter, expected) in cases {
        let page = f.store.events(&f.env, &filter, &PageRequest::default()).await.unwrap();
        let found: Vec<usize> =
            page.items.iter().map(|e| events.iter().position(|s| s == e).unwrap()).collect();
        assert_eq!((found.as_slice(), page.total), (expected, expected.len() as u64), "{filter:?}");
    }
}

/// Which tools an account used since an instant, how often, and how often with success.
pub async fn tools_used_counted_by_name(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let neighbour = f.stored_account(&connection, "user_2").await;
    let mut stored = Vec::new();
    for (tool, status) in [
        (Some("send"), ExecutionStatus::Succeeded),
        (Some("send"), ExecutionStatus::Succeeded),
        (None, ExecutionStatus::Succeeded),
        (Some("read"), ExecutionStatus::Failed),
        (Some("send"), ExecutionStatus::Running),
        (Some("read"), ExecutionStatus::Unknown),
    ] {
        let execution = Execution { tool: tool.map(Into::into), status, ..f.execution(&account) };
        f.commit(Change::InsertExecution(execution.clone())).await.unwrap();
        f.commit(Change::InsertExecution(f.execution(&neighbour))).await.unwrap();
        stored.push(execution);
    }
    let used = |tool: &str, succeeded, executions, last: usize| ToolUse {
        tool: tool.into(),
        succeeded,
        executions,
        last_at: stored[last].started_at,
    };
    let found = f.store.tools_used(&account.id, stored[0].started_at).await.unwrap();
    assert_eq!(found, [used("read", 0, 2, 5), used("send", 2, 3, 4)]);
    let found = f.store.tools_used(&account.id, stored[1].started_at).await.unwrap();
    assert_eq!(found, [used("read", 0, 2, 5), used("send", 1, 2, 4)]);
    let found = f.store.tools_used(&account.id, stored[5].started_at).await.unwrap();
    assert_eq!(found, [used("read", 0, 1, 5)]);
    assert!(f.store.tools_used(&account.id, f.now()).await.unwrap().is_empty());
}

/// Every kind of event reads back whole, and histories are found by what they are about.
pub async fn events_filtered_by_account_and_connection(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (gmail, slack) = (f.stored_connection("gmail").await, f.stored_connection("slack").await);
    let account = f.stored_account(&gmail, "user_1").await;
    let neighbour = f.stored_account(&gmail, "user_2").await;
    let mut of_connection = f.event(&account);
    of_connection.event = NewEvent::of_connection(&slack, EventKind::ConnectionFaulted)
        .by("client:agent")
        .code(ErrorCode::InvalidClient);
    let events = [f.event(&account), f.event(&neighbour), f.event(&account), of_connection];
    let changes = Changes(events.iter().cloned().map(Change::AppendEvent).collect());
    f.commit(changes).await.unwrap();
    assert_conflict(f.commit(Change::AppendEvent(events[0].clone())).await, "event");

    let found = async |account: Option<&valetkey_domain::Account>,
                       connection: Option<&valetkey_domain::Connection>| {
        let filter = EventFilter {
            account: account.map(|a| a.id.clone()),
            connection: connection.map(|c| c.id.clone()),
            ..EventFilter::default()
        };
        let page = f.store.events(&f.env, &filter, &PageRequest::default()).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items.iter().map(|e| events.iter().position(|s| s == e).unwrap()).collect::<Vec<_>>()
    };
    let mut newest_first: Vec<usize> = (0..events.len()).collect();
    newest_first.sort_by(|a, b| events[*b].id.cmp(&events[*a].id));
    assert_eq!(found(None, None).await, newest_first);
    assert_eq!(found(Some(&account), None).await, [2, 0]);
    assert_eq!(found(Some(&account), Some(&gmail)).await, [2, 0]);
    assert!(found(Some(&account), Some(&slack)).await.is_empty());
    assert_eq!(found(None, Some(&slack)).await, [3]);

    let kinds: Vec<Event> = EventKind::ALL
        .iter()
        .map(|kind| {
            let mut event = f.event(&account);
            event.event.kind = *kind;
            event
        })
        .collect();
    f.commit(Changes(kinds.iter().cloned().map(Change::AppendEvent).collect())).await.unwrap();
    let request = PageRequest { size: 100, cursor: None };
    let page = f.store.events(&f.env, &EventFilter::default(), &request).await.unwrap();
    assert!(kinds.iter().all(|event| page.items.contains(event)));
}

fn ended(execution: &Execution) -> Execution {
    Execution {
        upstream_request: Some("GET /gmail/v1/users/me/profile".into()),
        upstream_status: Some(503),
        status: ExecutionStatus::Failed,
        error_code: Some(ErrorCode::UpstreamError),
        error_message: Some("The provider failed.".into()),
        provider_answer: Some(ProviderAnswer {
            request_id: Some("A1B2:3C4D".into()),
            body: Some(r#"{"error": "unavailable"}"#.into()),
        }),
        duration_us: Some(u64::from(u32::MAX) + 1),
        phases: vec![
            Phase { kind: PhaseKind::Queue, from_us: 0, took_us: 12 },
            Phase { kind: PhaseKind::Provider, from_us: 12, took_us: u64::from(u32::MAX) + 1 },
        ],
        ..execution.clone()
    }
}

/// An execution is ended by one writer only, and keeps what it was a call of.
pub async fn executions_end_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let running = Execution { agent_run_id: Some("run".into()), ..f.execution(&account) };
    assert_conflict(f.commit(Change::FinishExecution(running.clone())).await, "execution");
    f.commit(Change::InsertExecution(running.clone())).await.unwrap();
    assert_eq!(f.store.execution(&running.id).await.unwrap().as_ref(), Some(&running));
    assert_conflict(f.commit(Change::InsertExecution(running.clone())).await, "execution");
    let end = ended(&running);
    f.commit(Change::FinishExecution(end.clone())).await.unwrap();
    assert_eq!(f.store.execution(&running.id).await.unwrap().as_ref(), Some(&end));
    assert_conflict(f.commit(Change::FinishExecution(end)).await, "execution");
    for source in [Source::Grpc, Source::CompatRest, Source::Proxy, Source::Mcp] {
        let at_once = Execution { source, tool: None, ..ended(&f.execution(&account)) };
        f.commit(Change::InsertExecution(at_once.clone())).await.unwrap();
        assert_eq!(f.store.execution(&at_once.id).await.unwrap(), Some(at_once));
    }
}

/// What ran when its process died may or may not have happened. What other processes run is left alone.
pub async fn executions_abandoned_are_of_unknown_outcome(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let of =
        |instance: Option<u32>| Execution { instance: instance.map(InstanceId), ..f.execution(&account) };
    let (ancient, lost, other) = (of(None), of(Some(7)), of(Some(8)));
    let done = ended(&of(Some(7)));
    for execution in [&ancient, &lost, &other, &done] {
        f.commit(Change::InsertExecution(execution.clone())).await.unwrap();
        assert_eq!(f.store.execution(&execution.id).await.unwrap().as_ref(), Some(execution));
    }
    let statuses = async || {
        let mut found = Vec::new();
        for execution in [&ancient, &lost, &other, &done] {
            found.push(f.store.execution(&execution.id).await.unwrap().unwrap().status);
        }
        found
    };
    let (running, unknown, failed) =
        (ExecutionStatus::Running, ExecutionStatus::Unknown, ExecutionStatus::Failed);
    f.commit(Change::AbandonExecutions { instance: Some(InstanceId(7)), at: f.now() }).await.unwrap();
    assert_eq!(statuses().await, [running, unknown, running, failed]);
    f.commit(Change::AbandonExecutions { instance: None, at: f.now() }).await.unwrap();
    assert_eq!(statuses().await, [unknown, unknown, running, failed]);
    for execution in [lost, ancient] {
        assert_conflict(f.commit(Change::FinishExecution(ended(&execution))).await, "execution");
    }
    f.commit(Change::FinishExecution(ended(&other))).await.unwrap();
    assert_eq!(f.store.execution(&other.id).await.unwrap(), Some(ended(&other)));
}

/// Every field of the filter, alone and together.
pub async fn executions_filtered_by_every_field(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (gmail, slack) = (f.stored_connection("gmail").await, f.stored_connection("slack").await);
    let (one, two) = (f.stored_account(&gmail, "user_1").await, f.stored_account(&slack, "user_1").await);
    let mut stored = Vec::new();
    let statuses = [
        ExecutionStatus::Succeeded,
        ExecutionStatus::Failed,
        ExecutionStatus::Running,
        ExecutionStatus::Unknown,
        ExecutionStatus::Failed,
    ];
    for (n, status) in statuses.into_iter().enumerate() {
        let account = if n % 2 == 0 { &one } else { &two };
        let tool = if n < 3 { Some(format!("tool_{}", n % 2)) } else { None };
        stored.push(Execution { status, tool, ..f.execution(account) });
        f.commit(Change::InsertExecution(stored[n].clone())).await.unwrap();
    }
    let all = ExecutionFilter::default;
    let tool = |n: u32| Some(format!("tool_{n}"));
    let cases: Vec<(ExecutionFilter, &[usize])> = vec![
        (all(), &[4, 3, 2, 1, 0]),
        (ExecutionFilter { account: Some(one.id.clone()), ..all() }, &[4, 2, 0]),
        (ExecutionFilter { connection: Some(slack.id.clone()), ..all() }, &[3, 1]),
        (ExecutionFilter { tool: tool(0), ..all() }, &[2, 0]),
        (ExecutionFilter { status: Some(ExecutionStatus::Succeeded), ..all() }, &[0]),
        (ExecutionFilter { status: Some(ExecutionStatus::Failed), ..all() }, &[4, 1]),
        (ExecutionFilter { status: Some(ExecutionStatus::Running), ..all() }, &[2]),
        (ExecutionFilter { status: Some(ExecutionStatus::Unknown), ..all() }, &[3]),
        (
            ExecutionFilter { account: Some(one.id.clone()), status: Some(ExecutionStatus::Failed), ..all() },
            &[4],
        ),
        (
            ExecutionFilter {
                account: Some(two.id.clone()),
                connection: Some(slack.id.clone()),
                tool: tool(1),
                status: Some(ExecutionStatus::Failed),
                count_at_most: None,
            },
            &[1],
        ),
        (ExecutionFilter { account: Some(one.id.clone()), connection: Some(slack.id.clone()), ..all() }, &[]),
    ];
    for (filter, expected) in cases {
        let page = f.store.executions(&f.env, &filter, &PageRequest::default()).await.unwrap();
        let found: Vec<usize> =
            page.items.iter().map(|e| stored.iter().position(|s| s == e).unwrap()).collect();
        assert_eq!((found.as_slice(), page.total), (expected, expected.len() as u64), "{filter:?}");
    }
}

/// A walk along all executions by id, whosever they are.
pub async fn executions_walked_by_id_across_environments(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let mut stored = Vec::new();
    for n in 0..4 {
        let mut execution = f.execution(&account);
        if n % 2 == 1 {
            execution.environment = "env_00000000000000000000000009".parse().unwrap();
        }
        f.commit(Change::InsertExecution(execution.clone())).await.unwrap();
        stored.push(execution);
    }
    stored.sort_by(|a, b| a.id.cmp(&b.id));
    let last = &stored[3].id;
    let walk = async |after: Option<usize>, up_to, limit| {
        let after = after.map(|n| &stored[n].id);
        f.store.executions_after(after, up_to, limit).await.unwrap()
    };
    assert_eq!(walk(None, last, 10).await, stored);
    assert_eq!(walk(Some(0), last, 2).await, stored[1..3]);
    assert_eq!(walk(Some(1), &stored[2].id, 10).await, stored[2..3]);
    assert_eq!(walk(Some(3), last, 10).await, []);
}
