//! How long the dashboard's list pages take with many accounts and executions, on SQLite, measured at the router: session,
//! permission, queries and rendering, without a socket.
//!
//! `cargo run -p valetkey-server --example list_pages -- [ACCOUNTS] [EXECUTIONS]` (100,000 and 1,000,000 unless told
//! otherwise). It seeds a database in a temporary folder, which takes a minute or two, asks for every list page, where there are
//! filters with each value and each two values of them, and prints a line per page.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is a program for the terminal that measures"
)]

use std::{sync::Arc, time::Instant};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use http::{Method, Request, header};
use time::Duration;
use tower::ServiceExt;
use valetkey_domain::{
    Account, AccountId, AccountStatus, ApiClientId, AuthType, Change, Changes, Connection, ErrorCode,
    Execution, ExecutionId, Store,
    execution::{ExecutionStatus, Phase, PhaseKind, Source},
};
use valetkey_server::{ServerOptions, router};
use valetkey_testkit::engine_fixture::EngineFixture;

/// How many changes one commit holds while seeding.
const BATCH: usize = 5000;
/// What a page may take, in milliseconds.
const AIM_MS: f64 = 100.0;
/// How often each page is asked for.
const ROUNDS: usize = 15;

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.replace('_', "").parse().unwrap());
    let accounts: usize = numbers.next().unwrap_or(100_000);
    let executions: usize = numbers.next().unwrap_or(1_000_000);
    let fixture = EngineFixture::start().await;
    let began = Instant::now();
    let ids = seed(&fixture, accounts, executions).await;
    println!(
        "seeded {accounts} accounts and {executions} executions in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let url = fixture.engine.settings().public_url.clone();
    let options = ServerOptions::new(url, Arc::clone(&fixture.clock) as _, Arc::clone(&fixture.entropy) as _);
    let router = router(fixture.engine.clone(), options);
    let cookie = owner(&fixture, &router).await;
    println!("{:<90} {:>9} {:>9}", "page", "median ms", "worst ms");
    let mut slow = 0;
    for path in paths(&ids) {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let request = Request::get(&path).header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            took.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        took.sort_by(f64::total_cmp);
        slow += usize::from(took[ROUNDS / 2] > AIM_MS);
        println!("{path:<90} {:>9.1} {:>9.1}", took[ROUNDS / 2], took[ROUNDS - 1]);
    }
    println!("{slow} pages took more than {AIM_MS} ms");
}

/// An account and an execution out of the middle, and the account with a tenth of all executions.
struct Ids {
    account: String,
    busy: String,
    execution: String,
    /// Where pages in the middle of the lists begin.
    accounts_from: String,
    executions_from: String,
}

fn paths(ids: &Ids) -> Vec<String> {
    let Ids { account, busy, execution, accounts_from, executions_from } = ids;
    let mut paths = pairs("/dashboard/accounts", &account_filters());
    paths.extend(pairs("/dashboard/executions", &execution_filters(busy)));
    paths.extend([
        "/dashboard".to_owned(),
        "/dashboard/accounts".to_owned(),
        format!("/dashboard/accounts?page={accounts_from}"),
        "/dashboard/accounts?status=ACTIVE".to_owned(),
        "/dashboard/accounts?status=EXPIRED".to_owned(),
        "/dashboard/accounts?connection=notes".to_owned(),
        "/dashboard/accounts?connector=acme&status=REVOKED".to_owned(),
        "/dashboard/accounts?organization=org_7".to_owned(),
        "/dashboard/accounts?q=user_77".to_owned(),
        "/dashboard/accounts?q=user_1234%40example.com".to_owned(),
        "/dashboard/accounts?q=nobody-at-all".to_owned(),
        "/dashboard/accounts?renewals=failing".to_owned(),
        "/dashboard/bulk?of=all&action=link&status=ACTIVE".to_owned(),
        format!("/dashboard/accounts/{account}"),
        "/dashboard/executions".to_owned(),
        format!("/dashboard/executions?page={executions_from}"),
        "/dashboard/executions?status=SUCCEEDED".to_owned(),
        "/dashboard/executions?status=FAILED".to_owned(),
        "/dashboard/executions?status=UNKNOWN".to_owned(),
        "/dashboard/executions?tool=acme_create_note".to_owned(),
        "/dashboard/executions?tool=acme_create_note&status=FAILED".to_owned(),
        "/dashboard/executions?connection=notes".to_owned(),
        "/dashboard/executions?connection=notes&status=FAILED".to_owned(),
        "/dashboard/executions?connection=notes&status=UNKNOWN".to_owned(),
        "/dashboard/executions?connection=notes&tool=acme_create_note".to_owned(),
        "/dashboard/executions?tool=acme_create_note&status=UNKNOWN".to_owned(),
        format!("/dashboard/executions?account={account}"),
        format!("/dashboard/executions/{execution}"),
        "/dashboard/connections".to_owned(),
        "/dashboard/connectors".to_owned(),
        "/dashboard/audit".to_owned(),
    ]);
    paths
}

/// A filter of a form: its name, and values that are common, rare, and nowhere.
type Filter<'a> = (&'static str, Vec<&'a str>);

/// Searches of one, two, three and many letters, that much, little or nothing fits.
fn account_filters() -> Vec<Filter<'static>> {
    let texts = vec![
        "e",
        "z",
        "us",
        "77",
        "777",
        "xyz",
        "user_77",
        "user_1234@example.com",
        "example.com",
        "nobody-at-all",
    ];
    vec![
        ("q", texts),
        ("status", vec!["ACTIVE", "REVOKED", "PENDING_VERIFICATION"]),
        ("connection", vec!["notes", "quiet"]),
        ("connector", vec!["acme", "gmail"]),
        ("organization", vec!["org_0", "org_7", "org_nowhere"]),
        ("renewals", vec!["failing"]),
    ]
}

fn execution_filters(busy: &str) -> Vec<Filter<'_>> {
    vec![
        ("account", vec![busy]),
        ("connection", vec!["notes", "mail", "quiet"]),
        ("tool", vec!["acme_get_profile", "acme_create_note", "acme_delete_note"]),
        ("status", vec!["SUCCEEDED", "FAILED", "UNKNOWN", "RUNNING"]),
    ]
}

/// The page with each value of each filter, and with each two of different ones.
fn pairs(page: &str, filters: &[Filter<'_>]) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, (name, values)) in filters.iter().enumerate() {
        for value in values {
            let one = format!("{page}?{name}={}", value.replace('@', "%40"));
            for (other, others) in &filters[at + 1..] {
                paths.extend(
                    others.iter().map(|value| format!("{one}&{other}={}", value.replace('@', "%40"))),
                );
            }
            paths.push(one);
        }
    }
    paths
}

async fn seed(fixture: &EngineFixture, accounts: usize, executions: usize) -> Ids {
    let mut connections = Vec::new();
    for name in ["notes", "mail", "files"] {
        connections.push(fixture.connection(name, "acme").await.connection);
    }
    fixture.connection("quiet", "acme").await;
    let first = fixture.now();
    let mut batch = Changes::new();
    let mut stored = Vec::new();
    let span = Duration::days(60);
    for n in 0..accounts {
        step(fixture, span, accounts);
        let connection = &connections[n % connections.len()];
        let status = match n % 100 {
            0..90 => AccountStatus::Active,
            90..95 => AccountStatus::Pending,
            95..97 => AccountStatus::Expired,
            97 => AccountStatus::Revoked,
            98 => AccountStatus::Error,
            _ => AccountStatus::Disconnected,
        };
        let mut account = account(fixture, connection, n).restored(status);
        if status == AccountStatus::Active {
            // Access tokens of an hour: nearly all of them are renewed within the next one.
            let seconds = i64::try_from(n % 4000).unwrap();
            account.refresh_at = Some(first + Duration::days(90) + Duration::seconds(seconds));
        }
        stored.push((account.id.clone(), connection.id.clone(), account.identifier.clone()));
        batch = batch.and(Change::InsertAccount(account));
        if batch.0.len() == BATCH {
            fixture.store.commit(std::mem::take(&mut batch)).await.unwrap();
        }
    }
    fixture.store.commit(std::mem::take(&mut batch)).await.unwrap();
    let mut middle = None;
    for n in 0..executions {
        step(fixture, Duration::days(30), executions);
        // A tenth of all calls are of one account, which has never used the second tool; others of its connection have.
        let is_busy = n % 10 == 0;
        let (account, connection, identifier) = &stored[if is_busy { 0 } else { (n * 7919) % stored.len() }];
        let status = match n % 200 {
            0..9 => ExecutionStatus::Failed,
            9 => ExecutionStatus::Unknown,
            _ => ExecutionStatus::Succeeded,
        };
        let execution = Execution {
            id: ExecutionId::new(&*fixture.clock, &*fixture.entropy),
            environment: fixture.caller.environment.clone(),
            tool: Some(["acme_get_profile", "acme_create_note"][usize::from(n % 5 == 1)].into()),
            connector: "acme".into(),
            connection: connection.clone(),
            account: account.clone(),
            identifier: identifier.clone(),
            agent_run_id: None,
            client: ApiClientId::try_from("agent".to_owned()).unwrap(),
            source: Source::Rest,
            request_id: format!("req_{n}"),
            upstream_request: Some("GET /api/profile".into()),
            upstream_status: Some(200),
            status,
            error_code: (status == ExecutionStatus::Failed).then_some(ErrorCode::UpstreamError),
            error_message: None,
            provider_answer: None,
            instance: None,
            started_at: fixture.now(),
            duration_us: Some(180_000),
            phases: vec![Phase { kind: PhaseKind::Provider, from_us: 1000, took_us: 179_000 }],
        };
        if n == executions / 2 {
            middle = Some(execution.id.to_string());
        }
        batch = batch.and(Change::InsertExecution(execution));
        if batch.0.len() == BATCH {
            fixture.store.commit(std::mem::take(&mut batch)).await.unwrap();
        }
    }
    fixture.store.commit(batch).await.unwrap();
    let counts = fixture.store.accounts_by_status().await.unwrap();
    for day in 0..60 {
        let (at, counts) = (fixture.now() - Duration::days(day), counts.clone());
        let count = Change::PutStatusCounts { at, keep_from: first, counts };
        fixture.store.commit(count.into()).await.unwrap();
    }
    let account = stored[accounts / 2].0.to_string();
    let execution = middle.unwrap();
    let busy = stored[0].0.to_string();
    Ids { accounts_from: account.clone(), executions_from: execution.clone(), account, busy, execution }
}

/// Lets the clock go on, so that `count` steps take `span`.
fn step(fixture: &EngineFixture, span: Duration, count: usize) {
    fixture.clock.advance(span / i32::try_from(count.max(1)).unwrap());
}

fn account(fixture: &EngineFixture, connection: &Connection, n: usize) -> Account {
    let mut account = Account::pending(
        AccountId::new(&*fixture.clock, &*fixture.entropy),
        connection.environment.clone(),
        connection.id.clone(),
        format!("user_{n}@example.com"),
        AuthType::OAuth,
        fixture.now(),
    );
    account.organization_id = Some(format!("org_{}", n % 500));
    account.label = Some(format!("User number {n}"));
    account.scopes = vec!["read".into(), "write".into()];
    account
}

/// The first owner, by the setup link.
async fn owner(fixture: &EngineFixture, router: &Router) -> String {
    let link = fixture.engine.setup_link().await.unwrap().unwrap();
    let form = "name=An+Owner&email=owner%40example.com&password=a+calm+and+sunny+morning\
                &again=a+calm+and+sunny+morning";
    let origin = fixture.engine.settings().public_url.origin().ascii_serialization();
    let request = Request::builder()
        .method(Method::POST)
        .uri(link.url.path())
        .header(header::ORIGIN, origin)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = router.clone().oneshot(request.body(Body::from(form)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    cookie.split(';').next().unwrap().to_owned()
}
