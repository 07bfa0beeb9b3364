//! Measures every pair of filters that a list offers, with values that are common and values that are rare, on a store with
//! many rows: the page and the count to ten thousand together, as the dashboard and the API ask for them.
//!
//! `cargo run --release -p valetkey-store --example list_times -- FOLDER [ACCOUNTS] [EXECUTIONS] [EVENTS]`, or
//! `-- postgres://… …` with an empty database. It seeds the store first, which takes some minutes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring tool for developers")]

use std::{path::Path, sync::Arc, time::Instant};

use valetkey_domain::{
    Account, AccountId, AccountStatus, Change, Changes, Connection, ConnectionId, ErrorCode, Event,
    Execution, PageRequest, Store, StoreError,
    event::EventKind,
    execution::ExecutionStatus,
    overview::OverviewSpan,
    store::{AccountFilter, EventFilter, ExecutionFilter},
};
use valetkey_store::{PostgresStore, SqliteStore};
use valetkey_testkit::store_contract::Fixture;

const BATCH: usize = 2000;
const ROUNDS: usize = 5;
const COUNTED: Option<u32> = Some(10_001);
/// Lines of what took longer are printed.
const NOTED_MS: f64 = 20.0;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| ".".into());
    let mut numbers = arguments.map(|text| text.replace('_', "").parse::<usize>().unwrap());
    let accounts = numbers.next().unwrap_or(100_000);
    let executions = numbers.next().unwrap_or(1_000_000);
    let events = numbers.next().unwrap_or(1_000_000);
    let store: Arc<dyn Store> = match place.starts_with("postgres") {
        true => Arc::new(PostgresStore::open(&place.into()).await.unwrap()),
        false => Arc::new(SqliteStore::open(Path::new(&place).join("list_times.db")).unwrap()),
    };
    let f = Fixture::new(store).await;
    let seeded = seed(&f, accounts, executions, events).await;
    lists(&f, &seeded).await;
}

struct Seeded {
    connections: Vec<ConnectionId>,
    /// With one in ten of all executions and events.
    busy: AccountId,
    other: AccountId,
}

/// Commits gathered to larger ones.
struct Batches<'a> {
    f: &'a Fixture,
    waiting: Changes,
}

impl Batches<'_> {
    async fn add(&mut self, change: Change) {
        self.waiting.0.push(change);
        if self.waiting.0.len() >= BATCH {
            self.end().await;
        }
    }

    async fn end(&mut self) {
        self.f.commit(std::mem::take(&mut self.waiting)).await.unwrap();
    }
}

async fn seed(f: &Fixture, accounts: usize, executions: usize, events: usize) -> Seeded {
    let began = Instant::now();
    let mut connections = Vec::new();
    for name in ["notes", "mail", "files", "unused"] {
        connections.push(f.stored_connection(name).await);
    }
    let mut batches = Batches { f, waiting: Changes::new() };
    let mut stored = Vec::with_capacity(accounts);
    for n in 0..accounts {
        let account = account(f, &connections[n % 3], n);
        stored.push(account.clone());
        batches.add(Change::InsertAccount(account)).await;
    }
    batches.end().await;
    report("accounts", accounts, began);
    let began = Instant::now();
    for n in 0..executions {
        let account = &stored[if n % 10 == 0 { 0 } else { (n * 7919) % accounts }];
        batches.add(Change::InsertExecution(execution(f, n, account, &connections[0]))).await;
    }
    batches.end().await;
    report("executions", executions, began);
    let began = Instant::now();
    for n in 0..events {
        let account = &stored[if n % 10 == 0 { 0 } else { (n * 7919) % accounts }];
        batches.add(Change::AppendEvent(event(f, n, account))).await;
    }
    batches.end().await;
    report("events", events, began);
    let connections = connections.into_iter().map(|connection| connection.id).collect();
    Seeded { connections, busy: stored[0].id.clone(), other: stored[accounts / 2].id.clone() }
}

fn report(what: &str, count: usize, began: Instant) {
    let took = began.elapsed().as_secs_f64();
    println!("{count} {what} in {took:.0} s, {:.0} µs each", took * 1e6 / count.max(1) as f64);
}

fn account(f: &Fixture, connection: &Connection, n: usize) -> Account {
    let status = match n % 1000 {
        0..900 => AccountStatus::Active,
        900..950 => AccountStatus::Pending,
        950..989 => AccountStatus::Expired,
        989 => AccountStatus::Revoked,
        990..999 => AccountStatus::Error,
        _ => AccountStatus::Disconnected,
    };
    let mut account = f.account(connection, &format!("user_{n}@example.com")).restored(status);
    account.label = Some(format!("User number {n}"));
    account.user_id = Some(format!("usr_{n}"));
    account.scopes = vec!["read".into(), "write".into()];
    // One organization with nearly everybody, and small ones.
    let organization = if n % 100 == 7 { format!("org_{}", n / 100 % 500) } else { "org_large".into() };
    account.organization_id = Some(organization);
    if status == AccountStatus::Active {
        account.refresh_at = Some(account.created_at + time::Duration::days(3650));
        account.degraded = (n % 5000 == 1).then(|| f.degraded(1));
    }
    account
}

fn execution(f: &Fixture, n: usize, account: &Account, first: &Connection) -> Execution {
    let status = match n % 2000 {
        0..100 => ExecutionStatus::Failed,
        100 => ExecutionStatus::Unknown,
        _ => ExecutionStatus::Succeeded,
    };
    // The first connection never uses the second tool; hardly anybody uses the third one.
    let tool = match n {
        _ if n % 100_000 == 99_999 => "gmail_rare",
        _ if n % 3 == 1 && account.connection != first.id => "gmail_send",
        _ => "gmail_get_profile",
    };
    Execution {
        tool: (n % 20 != 3).then(|| tool.into()),
        status,
        error_code: (status == ExecutionStatus::Failed).then_some(ErrorCode::UpstreamError),
        upstream_request: Some("GET /api/profile".into()),
        upstream_status: Some(200),
        duration_us: Some(180_000),
        ..f.execution(account)
    }
}

fn event(f: &Fixture, n: usize, account: &Account) -> Event {
    let kind = match n % 100_000 {
        0 => EventKind::AccountRevoked,
        1..2000 => EventKind::AccountExpired,
        2000..30_000 => EventKind::AccountCreated,
        _ => EventKind::AccountActivated,
    };
    let mut event = f.event(account);
    event.event.kind = kind;
    event.event.code = (n % 100_000 < 2000).then_some(if n.is_multiple_of(50) {
        ErrorCode::UpstreamError
    } else {
        ErrorCode::RefreshRefused
    });
    event
}

/// A filter's value under its name; the name before the `=` is the filter.
type Choice<'a, T> = (&'static str, Box<dyn Fn(&mut T) + 'a>);

fn choice<T>(name: &'static str, set: impl Fn(&mut T) + 'static) -> Choice<'static, T> {
    (name, Box::new(set))
}

async fn lists(f: &Fixture, seeded: &Seeded) {
    let (connections, busy, other) = (&seeded.connections, &seeded.busy, &seeded.other);
    let mut choices: Vec<Choice<'_, AccountFilter>> = Vec::new();
    for status in [AccountStatus::Active, AccountStatus::Revoked, AccountStatus::PendingVerification] {
        choices.push(choice("status", move |filter: &mut AccountFilter| filter.status = Some(status)));
    }
    for id in [&connections[0], &connections[3]] {
        let id = id.clone();
        choices.push(choice("connection", move |filter: &mut AccountFilter| {
            filter.connections = vec![id.clone()]
        }));
    }
    choices.push(choice("connector", |filter: &mut AccountFilter| filter.connector = Some("gmail".into())));
    for organization in ["org_large", "org_7", "org_none"] {
        choices.push(choice("organization", move |filter: &mut AccountFilter| {
            filter.organization_id = Some(organization.into())
        }));
    }
    for user in ["usr_4242", "usr_none"] {
        choices.push(choice("user", move |filter: &mut AccountFilter| filter.user_id = Some(user.into())));
    }
    choices.push(choice("identifier", |filter: &mut AccountFilter| {
        filter.identifier = Some("user_4242@example.com".into())
    }));
    choices.push(choice("name", |filter: &mut AccountFilter| filter.name = Some("work".into())));
    choices.push(choice("degraded", |filter: &mut AccountFilter| filter.degraded = true));
    for query in [
        "user_",
        "USER_77",
        "user_4242@example.com",
        "nobody-at-all",
        "777",
        "org_7",
        "number 4",
        "e",
        "4",
        "q",
        "qz",
        "us",
        "om",
        "99",
    ] {
        choices.push(choice("query", move |filter: &mut AccountFilter| filter.query = Some(query.into())));
    }
    walk("accounts", &choices, async |filter: AccountFilter, page| {
        f.store.accounts(&f.env, &filter, &page).await.map(|page| (page.items.len(), page.total, page.next))
    })
    .await;

    let mut choices: Vec<Choice<'_, ExecutionFilter>> = Vec::new();
    for id in [busy, other] {
        let id = id.clone();
        choices
            .push(choice("account", move |filter: &mut ExecutionFilter| filter.account = Some(id.clone())));
    }
    for id in [&connections[0], &connections[1], &connections[3]] {
        let id = id.clone();
        choices.push(choice("connection", move |filter: &mut ExecutionFilter| {
            filter.connection = Some(id.clone())
        }));
    }
    for tool in ["gmail_get_profile", "gmail_send", "gmail_rare", "gmail_never"] {
        choices.push(choice("tool", move |filter: &mut ExecutionFilter| filter.tool = Some(tool.into())));
    }
    for status in [
        ExecutionStatus::Running,
        ExecutionStatus::Succeeded,
        ExecutionStatus::Failed,
        ExecutionStatus::Unknown,
    ] {
        choices.push(choice("status", move |filter: &mut ExecutionFilter| filter.status = Some(status)));
    }
    walk("executions", &choices, async |filter: ExecutionFilter, page| {
        f.store.executions(&f.env, &filter, &page).await.map(|page| (page.items.len(), page.total, page.next))
    })
    .await;

    let middle = f.now() - time::Duration::seconds(300);
    let mut choices: Vec<Choice<'_, EventFilter>> = Vec::new();
    for id in [busy, other] {
        let id = id.clone();
        choices.push(choice("account", move |filter: &mut EventFilter| filter.account = Some(id.clone())));
    }
    for id in [&connections[0], &connections[3]] {
        let id = id.clone();
        choices
            .push(choice("connection", move |filter: &mut EventFilter| filter.connection = Some(id.clone())));
    }
    for kinds in [
        vec![EventKind::AccountActivated],
        vec![EventKind::AccountRevoked],
        vec![EventKind::AccountDisconnected],
        vec![EventKind::AccountExpired, EventKind::AccountCreated],
    ] {
        choices.push(choice("kind", move |filter: &mut EventFilter| filter.kinds = kinds.clone()));
    }
    for code in [ErrorCode::RefreshRefused, ErrorCode::UpstreamError, ErrorCode::InvalidClient] {
        choices.push(choice("code", move |filter: &mut EventFilter| filter.code = Some(code)));
    }
    choices.push(choice("since", move |filter: &mut EventFilter| filter.since = Some(middle)));
    choices.push(choice("until", move |filter: &mut EventFilter| filter.until = Some(middle)));
    // Histories are of an account or a connection: two filters beside it.
    for of in 0..4 {
        let rest: Vec<_> = choices
            .iter()
            .skip(4)
            .map(|(name, set)| {
                let whose: &dyn Fn(&mut EventFilter) = &choices[of].1;
                let both: Box<dyn Fn(&mut EventFilter) + '_> = Box::new(move |filter| {
                    whose(filter);
                    set(filter);
                });
                (*name, both)
            })
            .collect();
        let rest: Vec<Choice<'_, EventFilter>> = rest;
        walk(
            ["events of busy", "events of one", "events of notes", "events of unused"][of],
            &rest,
            async |filter: EventFilter, page| {
                f.store
                    .events(&f.env, &filter, &page)
                    .await
                    .map(|page| (page.items.len(), page.total, page.next))
            },
        )
        .await;
    }
    let now = f.now();
    let span = OverviewSpan { since: now - time::Duration::hours(24), at_most: 10_000, due_by: now };
    let mut worst: f64 = 0.0;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        f.store.overview(&f.env, &span).await.unwrap();
        worst = worst.max(began.elapsed().as_secs_f64() * 1000.0);
    }
    println!("overview: worst {worst:.1} ms");
}

async fn walk<T: Default + Counted>(
    what: &str,
    choices: &[Choice<'_, T>],
    list: impl AsyncFn(T, PageRequest) -> Result<(usize, u64, Option<String>), StoreError>,
) {
    let mut took = Vec::new();
    for first in 0..choices.len() {
        for second in first..choices.len() {
            if first != second && choices[first].0 == choices[second].0 {
                continue;
            }
            let filter = || {
                let mut filter = T::default();
                choices[first].1(&mut filter);
                choices[second].1(&mut filter);
                filter.count();
                filter
            };
            let (mut times, mut found) = (Vec::new(), (0, 0, None));
            for _ in 0..ROUNDS {
                let began = Instant::now();
                found = list(filter(), PageRequest { size: 25, cursor: None }).await.unwrap();
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            took.push((times[ROUNDS / 2], filter().told().to_string(), found.0, found.1));
        }
    }
    took.sort_by(|a, b| b.0.total_cmp(&a.0));
    let over = took.iter().filter(|one| one.0 > 100.0).count();
    println!(
        "{what}: {} combinations, slowest {:.1} ms (median of its rounds), {over} over 100 ms",
        took.len(),
        took[0].0
    );
    for (worst, told, rows, total) in took.iter().filter(|one| one.0 > NOTED_MS).take(40) {
        println!("  {worst:>8.1} ms  {rows:>3} rows of {total:>6}  {told}");
    }
}

/// What the lists' filters have in common.
trait Counted {
    fn count(&mut self);
    fn told(&self) -> String;
}

macro_rules! counted {
    ($($filter:ty),*) => {
        $(impl Counted for $filter {
            fn count(&mut self) {
                self.count_at_most = COUNTED;
            }

            fn told(&self) -> String {
                let text = format!("{self:?}");
                let fields = text.split_once('{').map_or("", |(_, fields)| fields);
                let given = fields.split(", ").filter(|field| {
                    !field.contains("None") && !field.contains("[]") && !field.contains("false")
                        && !field.contains("count_at_most")
                });
                given.collect::<Vec<_>>().join(", ")
            }
        })*
    };
}
counted!(AccountFilter, ExecutionFilter, EventFilter);
