//! Calls in the audit log (S57): who called which tool for whom with what outcome is sealed there, and what was altered or
//! removed afterwards is found.

use std::time::Duration as StdDuration;

use time::Duration;
use valetkey_domain::{
    Change, Execution, ExecutionId, Permissions, Store as _,
    audit::{AuditFilter, AuditOutcome},
    execution::{ExecutionStatus, Source},
};
use valetkey_engine::{
    AccountRef, AuditVerdict, Background, BackgroundSettings, Engine, ExecuteTool, NewApiClient, NewApiToken,
    keyring::SealLimits,
};
use valetkey_testkit::engine_fixture::EngineFixture;

/// Executions that ended, one second after another.
async fn executions(f: &EngineFixture, count: usize) -> Vec<Execution> {
    let mut made = Vec::new();
    for n in 0..count {
        let execution = Execution {
            id: ExecutionId::new(&*f.clock, &*f.entropy),
            environment: f.caller.environment.clone(),
            tool: Some("acme_me".to_owned()),
            connector: "acme".to_owned(),
            connection: "conn_00000000000000000000000001".parse().unwrap(),
            account: "ca_00000000000000000000000001".parse().unwrap(),
            identifier: format!("user\r\n{n}"),
            agent_run_id: None,
            client: f.caller.client.clone(),
            source: Source::Rest,
            request_id: format!("req_{n}"),
            upstream_request: Some("GET /me".to_owned()),
            upstream_status: Some(200),
            status: ExecutionStatus::Succeeded,
            error_code: None,
            error_message: None,
            provider_answer: None,
            instance: None,
            started_at: f.now(),
            duration_us: Some(1200),
            phases: Vec::new(),
        };
        f.store.commit(Change::InsertExecution(execution.clone()).into()).await.unwrap();
        made.push(execution);
        f.clock.advance(Duration::seconds(1));
    }
    made
}

/// Has the background look once.
async fn background(f: &EngineFixture, kept: Duration) {
    background_of(&f.engine, kept).await;
}

async fn background_of(engine: &Engine, kept: Duration) {
    let settings = BackgroundSettings { keep_executions: kept, ..BackgroundSettings::default() };
    let background = Background::start(engine, settings);
    let done = async {
        let both = |background: &Background| {
            let status = background.status();
            ["seal_executions", "prune"]
                .iter()
                .all(|job| status.get(job).is_some_and(|it| it.last_run_at.is_some()))
        };
        while !both(&background) {
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(StdDuration::from_secs(60), done).await.unwrap();
    background.stop().await;
}

const KEPT: Duration = Duration::days(30);

async fn verdict(f: &EngineFixture) -> AuditVerdict {
    f.engine.verify_audit(&f.caller).await.unwrap()
}

fn alter(f: &EngineFixture, sql: &str) {
    let database = rusqlite::Connection::open(f.data_dir().join("valetkey.db")).unwrap();
    database.busy_timeout(StdDuration::from_secs(10)).unwrap();
    assert!(database.execute_batch(sql).is_ok(), "{sql}");
}

/// S57: every field of an execution is under the seal, and so is that it is there.
#[tokio::test]
async fn execution_altered_or_removed_after_its_seal_is_found() {
    for (breaking, told) in [
        ("UPDATE executions SET tool = 'other' WHERE request_id = 'req_2'", "was altered"),
        ("UPDATE executions SET identifier = 'someone' WHERE request_id = 'req_0'", "was altered"),
        ("UPDATE executions SET status = 'FAILED' WHERE request_id = 'req_4'", "was altered"),
        ("UPDATE executions SET started_at = started_at + 1 WHERE request_id = 'req_1'", "was altered"),
        ("UPDATE executions SET agent_run_id = '' WHERE request_id = 'req_1'", "was altered"),
        ("UPDATE executions SET provider_answer = '{}' WHERE request_id = 'req_3'", "was altered"),
        ("DELETE FROM executions WHERE request_id = 'req_0'", "were removed: 4 instead of 5"),
        ("DELETE FROM executions WHERE request_id = 'req_4'", "were removed: 4 instead of 5"),
        ("DELETE FROM executions", "were removed: 0 instead of 5"),
        (
            "INSERT INTO executions SELECT replace(id, substr(id, -1), CASE substr(id, -1) WHEN '0' THEN '1' ELSE '0' END),
                environment, tool, connector, connection, account, identifier, agent_run_id, client, source,
                'req_new', upstream_request, upstream_status, status, error_code, error_message, started_at,
                duration_us, instance, phases, provider_answer FROM executions WHERE request_id = 'req_2'",
            "were added: 6 instead of 5",
        ),
        ("UPDATE audit SET data = json_set(data, '$.count', 4) WHERE action = 'executions.sealed'", "the entry was altered"),
    ] {
        let f = EngineFixture::start().await;
        executions(&f, 5).await;
        f.clock.advance(Duration::hours(1));
        background(&f, KEPT).await;
        let whole = verdict(&f).await;
        assert_eq!((whole.broken, whole.executions), (None, 5));
        alter(&f, breaking);
        let (number, reason) = verdict(&f).await.broken.unwrap_or_else(|| panic!("{breaking}: not found"));
        assert_eq!(number, whole.entries, "{breaking}");
        assert!(reason.contains(told), "{breaking}: {reason}");
    }
}

/// S57: windows follow on each other without a gap, and a seal that is missing altogether is found.
#[tokio::test]
async fn windows_follow_on_each_other() {
    let f = EngineFixture::start().await;
    for _ in 0..3 {
        executions(&f, 2).await;
        f.clock.advance(Duration::hours(1));
        background(&f, KEPT).await;
        // Nothing new: no entry.
        background(&f, KEPT).await;
    }
    let whole = verdict(&f).await;
    assert_eq!((whole.broken, whole.entries, whole.executions), (None, 3, 6));
    let page = f.engine.list_audit(&f.caller, &AuditFilter::default(), None, 10).await.unwrap();
    for entry in &page.entries {
        assert_eq!(
            (entry.entry.actor.as_str(), entry.entry.action.as_str()),
            ("system", "executions.sealed")
        );
        assert!(!String::from_utf8_lossy(&entry.entry.content()).contains(['\r', '\n']));
    }
    // Too young to be sealed: later calls may still come under an earlier id.
    executions(&f, 1).await;
    background(&f, KEPT).await;
    assert_eq!(verdict(&f).await.entries, 3);
}

/// S57: replicas that look at the same time seal each window once.
#[tokio::test(flavor = "multi_thread")]
async fn windows_sealed_by_several_replicas_are_sealed_once() {
    let f = EngineFixture::start().await;
    let others = [f.another(SealLimits::default()).await, f.another(SealLimits::default()).await];
    for round in 1..=4 {
        executions(&f, 2).await;
        f.clock.advance(Duration::hours(1));
        tokio::join!(
            background_of(&f.engine, KEPT),
            background_of(&others[0], KEPT),
            background_of(&others[1], KEPT)
        );
        let whole = verdict(&f).await;
        assert_eq!((whole.broken, whole.entries, whole.executions), (None, round, 2 * round));
    }
}

/// S57: what is still running when its window is sealed is sealed once it has ended.
#[tokio::test]
async fn execution_that_ends_late_is_sealed_late() {
    let f = EngineFixture::start().await;
    let mut running = executions(&f, 2).await.pop().unwrap();
    alter(&f, "UPDATE executions SET status = 'RUNNING', duration_us = NULL WHERE request_id = 'req_1'");
    f.clock.advance(Duration::hours(1));
    background(&f, KEPT).await;
    assert_eq!(verdict(&f).await.executions, 1);
    running.status = ExecutionStatus::Failed;
    f.store.commit(Change::FinishExecution(running).into()).await.unwrap();
    executions(&f, 1).await;
    f.clock.advance(Duration::hours(1));
    background(&f, KEPT).await;
    assert_eq!(verdict(&f).await.broken, None);
    alter(&f, "UPDATE executions SET status = 'SUCCEEDED' WHERE request_id = 'req_1' AND status = 'FAILED'");
    let (_, reason) = verdict(&f).await.broken.unwrap();
    assert!(reason.contains("was altered"), "{reason}");
}

/// S57: what retention removes is noted before it goes, and does not look like tampering; what is younger still does.
#[tokio::test]
async fn executions_removed_by_age_are_noted() {
    let f = EngineFixture::start().await;
    let old = executions(&f, 3).await;
    f.clock.advance(Duration::hours(1));
    background(&f, KEPT).await;
    f.clock.advance(Duration::days(20));
    executions(&f, 2).await;
    f.clock.advance(Duration::days(12));
    background(&f, KEPT).await;
    assert!(f.store.execution(&old[0].id).await.unwrap().is_none());
    let whole = verdict(&f).await;
    assert_eq!((whole.broken, whole.executions), (None, 2));
    let removed = AuditFilter { action: Some("executions.removed".to_owned()), ..AuditFilter::default() };
    let page = f.engine.list_audit(&f.caller, &removed, None, 10).await.unwrap();
    assert_eq!(page.entries.len(), 1);
    alter(&f, "DELETE FROM executions");
    let (_, reason) = verdict(&f).await.broken.unwrap();
    assert!(reason.contains("0 instead of 2"), "{reason}");
}

/// S57: a call that the caller may not make is in the log with who, what and the decision; again and again it is there
/// once.
#[tokio::test]
async fn call_without_the_permission_is_in_the_log() {
    let f = EngineFixture::start().await;
    let new = NewApiClient { name: "reader".to_owned(), permissions: Some(Permissions::standard()) };
    let client = f.engine.create_api_client(&f.caller, new).await.unwrap();
    let new = NewApiToken {
        name: "reader".to_owned(),
        client: Some(client.client.id.to_string()),
        permissions: Some(valetkey_domain::Role::Viewer.permissions()),
        expires_at: None,
        ..NewApiToken::default()
    };
    let token = f.engine.create_api_token(&f.caller, new).await.unwrap();
    let caller =
        f.engine.authenticate(valetkey_domain::ExposeSecret::expose_secret(&token.secret)).await.unwrap();
    let account = || AccountRef::id("ca_00000000000000000000000001");
    for _ in 0..3 {
        let call = ExecuteTool::new(account(), "acme\r\nforged line", serde_json::Value::Null);
        f.engine.execute_tool(&caller, call).await.unwrap_err();
    }
    let filter = AuditFilter { action: Some("tool.call".to_owned()), ..AuditFilter::default() };
    let page = f.engine.list_audit(&f.caller, &filter, None, 10).await.unwrap();
    let [entry] = &page.entries[..] else { panic!("{page:?}") };
    assert_eq!(entry.entry.outcome, AuditOutcome::Refused);
    assert_eq!(entry.entry.actor, caller.actor());
    assert_eq!(entry.entry.subject.as_deref(), Some("acme\r\nforged line"));
    assert!(!String::from_utf8_lossy(&entry.entry.content()).contains(['\r', '\n']));
}
