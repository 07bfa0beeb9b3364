//! What people do at the dashboard about many accounts, about what needs them, and what they watch.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, header};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use valetkey_domain::{
    AccountStatus, Change, InstanceId, Role, Store,
    bulk::{BulkPlan, BulkProgress, BulkWork},
    store::AccountFilter,
};
use valetkey_engine::{AccountRef, Background, BackgroundSettings};
use valetkey_server::SimulatorDesk;
use valetkey_testkit::fake_provider::Scripted;

use crate::{
    app::{Answer, App},
    dashboard::{Person, owner, person},
};

/// The page of a piece of work once it has ended.
async fn ended(app: &App, person: &Person, path: &str) -> Answer {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let page = person.get(app, path).await;
        assert_eq!(page.status, 200, "{page:?}");
        if !page.text.contains("data-again") {
            return page;
        }
        assert!(tokio::time::Instant::now() < deadline, "the work does not end: {}", page.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn id_of(app: &App, identifier: &str) -> String {
    app.fixture.account("notes", identifier).await.account.id.to_string()
}

/// Many accounts end only after somebody has read how many and said yes; the rest stay, and the audit log has it.
#[tokio::test]
async fn accounts_that_fit_a_filter_end_together_after_a_word() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.connection("others", "acme").await;
    for n in 0..3 {
        app.fixture.authorize("notes", &format!("user_{n}")).await;
    }
    app.fixture.authorize("others", "user_0").await;
    app.fixture.link("notes", "waiting").await;
    let owner = owner(&app).await;
    let list = owner.get(&app, "/dashboard/accounts?status=ACTIVE&connection=notes").await;
    assert!(list.text.contains("With all 3 that fit"), "{}", list.text);
    let choice = "status=ACTIVE&connection=notes&of=all&action=disconnect";
    let ask = owner.get(&app, &format!("/dashboard/bulk?{choice}")).await;
    assert!(ask.text.contains("<strong>3 accounts</strong>"), "{}", ask.text);
    assert!(ask.text.contains("name=\"status\" value=\"ACTIVE\""), "{}", ask.text);
    let fields = [("status", "ACTIVE"), ("connection", "notes"), ("of", "all"), ("action", "disconnect")];
    let unsure = owner.post(&app, "/dashboard/bulk", &fields).await;
    assert_eq!(unsure.status, 400, "{unsure:?}");
    let sure = [&fields[..], &[("sure", "yes"), ("siblings", "revoke")]].concat();
    let begun = owner.post(&app, "/dashboard/bulk", &sure).await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let page = ended(&app, &owner, begun.header("location")).await;
    assert!(page.text.contains("3 of 3") && !page.text.contains("did not work"), "{}", page.text);
    for n in 0..3 {
        let account = app.fixture.account("notes", &format!("user_{n}")).await.account;
        assert_eq!(account.status(), AccountStatus::Disconnected);
    }
    assert_eq!(app.fixture.account("notes", "waiting").await.account.status(), AccountStatus::Pending);
    let log = owner.get(&app, "/dashboard/audit").await;
    assert!(
        log.text.contains("accounts.bulk_disconnect") && log.text.contains("accounts: 3"),
        "{}",
        log.text
    );
}

/// Links for those that were ticked come as a file, to nobody but whoever asked for them.
#[tokio::test]
async fn links_for_ticked_accounts_are_for_who_asked() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    for n in 0..3 {
        app.fixture.link("notes", &format!("user_{n}")).await;
    }
    let owner = owner(&app).await;
    let [first, second] = [id_of(&app, "user_0").await, id_of(&app, "user_1").await];
    let ask = owner.get(&app, "/dashboard/bulk?of=ticked&action=link").await;
    assert_eq!(ask.status, 400, "nothing was ticked: {ask:?}");
    let fields = [("of", "ticked"), ("action", "link"), ("account", &*first), ("account", &*second)];
    let begun = owner.post(&app, "/dashboard/bulk", &fields).await;
    assert_eq!(begun.status, 303, "{begun:?}");
    let path = begun.header("location").to_owned();
    let page = ended(&app, &owner, &path).await;
    assert!(page.text.contains("2 links were made") && !page.text.contains("/connect/"), "{}", page.text);
    let file = owner.post(&app, &format!("{path}/links"), &[]).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"links.csv\"");
    assert_eq!(file.header("cache-control"), "no-store");
    let lines: Vec<_> = file.text.lines().collect();
    assert_eq!(lines.len(), 3, "{}", file.text);
    assert!(lines[1..].iter().all(|line| line.contains("/connect/")), "{}", file.text);
    let other = person(&app, Role::Operator).await;
    assert_eq!(other.get(&app, &path).await.status, 404);
    assert_eq!(other.post(&app, &format!("{path}/links"), &[]).await.status, 404);
    let viewer = person(&app, Role::Viewer).await;
    assert_eq!(viewer.post(&app, "/dashboard/bulk", &fields).await.status, 403);
    let list = viewer.get(&app, "/dashboard/accounts").await;
    assert!(!list.text.contains("name=\"account\"") && !list.text.contains("/dashboard/bulk"));
}

/// What cannot be done for one account is told and does not keep the others from it.
#[tokio::test]
async fn failures_among_many_are_told_one_by_one() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "good").await;
    app.fixture.link("notes", "waiting").await;
    let owner = owner(&app).await;
    let fields = [("of", "all"), ("action", "refresh")];
    let begun = owner.post(&app, "/dashboard/bulk", &fields).await;
    let page = ended(&app, &owner, begun.header("location")).await;
    assert!(page.text.contains("2 of 2") && page.text.contains("1 of them did not work"), "{}", page.text);
    assert!(page.text.contains("waiting") && page.text.contains("account_pending"), "{}", page.text);
    assert_eq!(app.fixture.account("notes", "good").await.account.generation, 2);
}

/// Work whose process is gone goes on in another one from where it was, under the same address; work of somebody who may
/// not do it any more ends there.
#[tokio::test]
async fn work_on_many_goes_on_when_its_process_is_gone() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(app.fixture.authorize("notes", &format!("user_{n}")).await.account.id);
    }
    ids.sort();
    let owner = owner(&app).await;
    let user = app.fixture.store.user_by_email("owner@example.com").await.unwrap().unwrap();
    let now = app.fixture.now();
    let left = |id: &str, by: Option<valetkey_domain::UserId>| BulkWork {
        id: id.to_owned(),
        environment: app.fixture.caller.environment.clone(),
        actor: format!("user:{}", user.id),
        user: by,
        plan: BulkPlan {
            action: "refresh".into(),
            siblings: "ask".into(),
            accounts: Some(ids.clone()),
            connections: Vec::new(),
            filter: AccountFilter::default(),
        },
        progress: BulkProgress { total: 3, done: 1, after: Some(ids[0].clone()), ..BulkProgress::default() },
        holder: None,
        lease_until: now,
        version: 1,
        began_at: now,
        ended_at: None,
    };
    for work in [left("a1", Some(user.id.clone())), left("a2", None)] {
        app.fixture.store.commit(Change::InsertBulk(work).into()).await.unwrap();
    }
    let page = owner.get(&app, "/dashboard/bulk/a1").await;
    assert!(page.text.contains("1 of 3") && page.text.contains("data-again"), "{}", page.text);
    let background = Background::start(&app.fixture.engine, BackgroundSettings::default());
    let page = ended(&app, &owner, "/dashboard/bulk/a1").await;
    assert!(page.text.contains("3 of 3") && page.text.contains(">ended<"), "{}", page.text);
    for id in &ids[1..] {
        let account = app.fixture.store.account(id).await.unwrap().unwrap();
        assert!(account.generation >= 2, "{account:?}");
    }
    let page = ended(&app, &owner, "/dashboard/bulk/a2").await;
    assert!(page.text.contains("1 of 3") && page.text.contains(">stopped<"), "{}", page.text);
    let list = owner.get(&app, "/dashboard/bulk").await;
    for told in ["/dashboard/bulk/a1", "3 of 3", "/dashboard/bulk/a2", "1 of 3", ">stopped<"] {
        assert!(list.text.contains(told), "{told}: {}", list.text);
    }
    background.stop().await;
}

/// A process that is known to be gone is succeeded at once, however long it could have gone on; and what it did after its
/// last note is counted too, also where that took the accounts out of the list.
#[tokio::test]
async fn work_on_many_of_a_process_that_is_gone_is_counted_whole() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(app.fixture.authorize("notes", &format!("user_{n}")).await.account.id);
    }
    ids.sort_by(|a, b| b.cmp(a));
    let owner = owner(&app).await;
    let user = app.fixture.store.user_by_email("owner@example.com").await.unwrap().unwrap();
    let now = app.fixture.now();
    let own = app.fixture.engine.join().await.unwrap().instance;
    let gone = InstanceId(own.0 + 1);
    let work = BulkWork {
        id: "a1".into(),
        environment: app.fixture.caller.environment.clone(),
        actor: format!("user:{}", user.id),
        user: Some(user.id),
        plan: BulkPlan {
            action: "disconnect".into(),
            siblings: "keep".into(),
            accounts: None,
            connections: Vec::new(),
            filter: AccountFilter { status: Some(AccountStatus::Active), ..AccountFilter::default() },
        },
        progress: BulkProgress { total: 5, under_way: ids[..3].to_vec(), ..BulkProgress::default() },
        holder: Some(own),
        lease_until: now + time::Duration::hours(1),
        version: 1,
        began_at: now,
        ended_at: None,
    };
    // Two of the first three were done when the process died.
    for id in &ids[..2] {
        app.fixture
            .engine
            .disconnect_account(&app.fixture.caller, &AccountRef::id(id.as_str()))
            .await
            .unwrap();
    }
    app.fixture.store.commit(Change::InsertBulk(work.clone()).into()).await.unwrap();
    assert_eq!(app.fixture.store.left_bulks(app.fixture.now(), 9).await.unwrap(), []);
    let work = BulkWork { holder: Some(gone), version: 2, ..work };
    app.fixture.store.commit(Change::UpdateBulk(work).into()).await.unwrap();
    let background = Background::start(&app.fixture.engine, BackgroundSettings::default());
    let page = ended(&app, &owner, "/dashboard/bulk/a1").await;
    assert!(page.text.contains("5 of 5") && page.text.contains(">ended<"), "{}", page.text);
    for id in &ids {
        let account = app.fixture.store.account(id).await.unwrap().unwrap();
        assert_eq!(account.status(), AccountStatus::Disconnected);
    }
    let ended = app.fixture.store.bulk("a1").await.unwrap().unwrap();
    assert_eq!((ended.holder, ended.progress.under_way), (None, Vec::new()));
    background.stop().await;
}

/// Accounts may be slower than the lease of the work is long: as long as its process lives, nobody else goes on with it.
#[tokio::test]
async fn work_on_slow_accounts_is_not_taken_over() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_0").await;
    app.fixture.provider.set_delay(Duration::from_secs(15));
    let owner = owner(&app).await;
    let fields = [("of", "all"), ("action", "refresh")];
    let begun = owner.post(&app, "/dashboard/bulk", &fields).await;
    let path = begun.header("location").to_owned();
    let id = path.rsplit('/').next().unwrap();
    let first = app.fixture.store.bulk(id).await.unwrap().unwrap().lease_until;
    // Twice as long as a lease passes, and it is noted anew each time that a part of it has.
    let mut lease = first;
    for _ in 0..4 {
        app.fixture.clock.advance(time::Duration::seconds(15));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        lease = loop {
            let work = app.fixture.store.bulk(id).await.unwrap().unwrap();
            if work.lease_until > lease {
                break work.lease_until;
            }
            assert!(tokio::time::Instant::now() < deadline, "the lease is not noted anew: {work:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let left = app.fixture.store.left_bulks(app.fixture.now(), 10).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(lease - first >= time::Duration::seconds(60), "{first} {lease}");
    let page = ended(&app, &owner, &path).await;
    assert!(page.text.contains("1 of 1"), "{}", page.text);
    assert_eq!(app.fixture.provider.token_requests("refresh_token").len(), 1);
}

/// What another version of the server began is called so, and not by the name of another action.
#[tokio::test]
async fn work_of_an_unknown_kind_is_not_taken_for_another() {
    let app = App::start().await;
    let owner = owner(&app).await;
    let nothing = owner.get(&app, "/dashboard/bulk").await;
    assert!(nothing.text.contains("not worked on many accounts"), "{}", nothing.text);
    let user = app.fixture.store.user_by_email("owner@example.com").await.unwrap().unwrap();
    let work = BulkWork {
        id: "later".into(),
        environment: app.fixture.caller.environment.clone(),
        actor: format!("user:{}", user.id),
        user: Some(user.id),
        plan: BulkPlan {
            action: "archive".into(),
            siblings: "ask".into(),
            accounts: None,
            connections: Vec::new(),
            filter: AccountFilter::default(),
        },
        progress: BulkProgress { total: 3, ..BulkProgress::default() },
        holder: None,
        lease_until: app.fixture.now() + time::Duration::hours(1),
        version: 1,
        began_at: app.fixture.now(),
        ended_at: None,
    };
    app.fixture.store.commit(Change::InsertBulk(work).into()).await.unwrap();
    for path in ["/dashboard/bulk", "/dashboard/bulk/later"] {
        let page = owner.get(&app, path).await;
        assert!(page.text.contains("another version of the server"), "{path}: {}", page.text);
        assert!(!page.text.contains("Refresh accounts"), "{path}: {}", page.text);
    }
}

/// The overview names what needs a person with the words of the diagnosis, and offers what mends it.
#[tokio::test]
async fn overview_ranks_what_needs_a_person_with_a_remedy_at_hand() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    let owner = owner(&app).await;
    let calm = owner.get(&app, "/dashboard").await;
    assert!(calm.text.contains("Nothing needs you"), "{}", calm.text);
    for n in 0..2 {
        let view = app.fixture.authorize("notes", &format!("user_{n}")).await;
        let mut account = view.account;
        account.version += 1;
        account.cause = Some(valetkey_domain::ErrorCode::AccountRevoked);
        let revoked = account.restored(AccountStatus::Revoked);
        app.fixture.store.commit(Change::UpdateAccount(revoked).into()).await.unwrap();
    }
    let page = owner.get(&app, "/dashboard").await;
    assert!(page.text.contains("2 accounts lost access at the provider"), "{}", page.text);
    let id = id_of(&app, "user_0").await;
    assert!(page.text.contains(&format!("action=\"/dashboard/accounts/{id}/link\"")), "{}", page.text);
    assert!(page.text.contains("/dashboard/bulk?status=REVOKED&#38;of=all&#38;action=link"), "{}", page.text);
    assert!(page.text.contains("class=\"cause\"") && page.text.contains("/docs/errors/"), "{}", page.text);
    // Looking makes no link.
    let page = valetkey_domain::PageRequest { size: 100, cursor: None };
    let made = app.fixture.engine.list_events(&app.fixture.caller, &Default::default(), &page).await.unwrap();
    let links = made
        .items
        .iter()
        .filter(|event| event.event.kind == valetkey_domain::event::EventKind::LinkCreated)
        .count();
    assert_eq!(links, 2, "those that the accounts were authorized by");
}

/// How the statuses went is drawn once there are two days, with a table that says the same.
#[tokio::test]
async fn overview_draws_statuses_over_time() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_0").await;
    let owner = owner(&app).await;
    let count = async |days| {
        let at = app.fixture.now() - time::Duration::days(days);
        let counts = app.fixture.store.accounts_by_status().await.unwrap();
        let change = Change::PutStatusCounts { at, keep_from: at - time::Duration::days(9), counts };
        app.fixture.store.commit(change.into()).await.unwrap();
    };
    count(1).await;
    assert!(!owner.get(&app, "/dashboard").await.text.contains("<figure"));
    count(0).await;
    let page = owner.get(&app, "/dashboard").await;
    assert!(page.text.contains("<figure") && page.text.contains("<rect class=\"good\""), "{}", page.text);
    assert_eq!(page.text.matches("data-label=\"Day\"").count(), 2, "{}", page.text);
}

/// Where the time of a call went is on its page.
#[tokio::test]
async fn execution_shows_where_its_time_went() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_0").await;
    let owner = owner(&app).await;
    let call = json!({"tool_name": "acme_create_note", "identifier": "user_0", "connection_name": "notes", "tool_input": {"text": "hello"}});
    let done = app.post("/v1/connect/tools/execute", &call).await;
    assert_eq!(done.status, 200, "{done:?}");
    let id = done.json()["execution_id"].as_str().unwrap().to_owned();
    let page = owner.get(&app, &format!("/dashboard/executions/{id}")).await;
    for part in
        ["Where the time went", "Getting a fresh credential", "Waiting for its turn", "With the provider"]
    {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let told = app.ok(http::Method::GET, &format!("/v1/connect/executions/{id}"), &Value::Null).await;
    let kinds: Vec<_> =
        told["phases"].as_array().unwrap().iter().map(|phase| phase["kind"].clone()).collect();
    assert!(kinds.contains(&json!("check")) && kinds.contains(&json!("provider")), "{told}");
    let listed = app.ok(http::Method::GET, "/v1/connect/executions", &Value::Null).await;
    assert!(listed["items"][0].get("phases").is_none(), "{listed}");
    let of = app.fixture.engine.get_execution(&app.fixture.caller, &id).await.unwrap();
    let mut at = 0;
    for phase in &of.phases {
        assert!(phase.from_us >= at, "phases follow on each other: {:?}", of.phases);
        at = phase.from_us + phase.took_us;
    }
    assert!(at <= of.duration_us.unwrap(), "{of:?}");
}

/// Of a call that failed, the provider's own words are on its page and in its record, as text.
#[tokio::test]
async fn execution_shows_what_the_provider_answered() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_0").await;
    let owner = owner(&app).await;
    let words = "<script>alert(1)</script> quota of <b>Acme</b>";
    app.fixture.provider.script("/api/profile", [Scripted::json(418, &json!({"why": words}))]);
    let call = json!({"tool_name": "acme_get_profile", "identifier": "user_0", "connection_name": "notes", "tool_input": {}});
    let refused = app.post("/v1/connect/tools/execute", &call).await;
    let id = refused.json()["error"]["execution_id"].as_str().unwrap().to_owned();
    let page = owner.get(&app, &format!("/dashboard/executions/{id}")).await;
    assert!(page.text.contains("Its body begins"), "{}", page.text);
    assert!(page.text.contains("quota of") && !page.text.contains("<script>alert"), "{}", page.text);
    let told = app.ok(http::Method::GET, &format!("/v1/connect/executions/{id}"), &Value::Null).await;
    assert!(told["upstream_body"].as_str().unwrap().contains(words), "{told}");
    assert!(told.get("upstream_request_id").is_none(), "{told}");
}

/// Who watches is told of a call when it has ended, in rows that carry no text of others as markup.
#[tokio::test]
async fn executions_are_watched_as_they_happen() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "<b>user</b>").await;
    let owner = owner(&app).await;
    let anybody = Request::get("/dashboard/executions/tail").body(Body::empty()).unwrap();
    assert_eq!(app.send(anybody).await.status, 303, "nobody watches without a session");
    let list = owner.get(&app, "/dashboard/executions?status=SUCCEEDED").await;
    assert!(list.text.contains("data-tail=\"/dashboard/executions/tail?status=SUCCEEDED\""), "{}", list.text);
    let watch = Request::get("/dashboard/executions/tail").header(header::COOKIE, &owner.cookie);
    let answer = app.open(watch.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let call =
        json!({"tool_name": "acme_get_profile", "identifier": "<b>user</b>", "connection_name": "notes"});
    let done = app.post("/v1/connect/tools/execute", &call).await;
    assert_eq!(done.status, 200, "{done:?}");
    let mut stream = answer.into_body().into_data_stream();
    let mut told = String::new();
    let read = async {
        use futures::StreamExt;
        while !told.contains("Succeeded") {
            let part = stream.next().await.expect("the stream goes on").unwrap();
            told.push_str(&String::from_utf8_lossy(&part));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read).await.unwrap();
    assert!(told.contains("acme_get_profile") && !told.contains("<b>user"), "{told}");
}

/// A support bundle is a file without secrets.
#[tokio::test]
async fn support_bundle_is_downloaded_without_secrets() {
    let app = App::start().await;
    app.fixture.connection("notes", "acme").await;
    app.fixture.authorize("notes", "user_0").await;
    let owner = owner(&app).await;
    let id = id_of(&app, "user_0").await;
    let file = owner.get(&app, &format!("/dashboard/accounts/{id}/support")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"support-bundle.json\"");
    assert_eq!(file.json()["account"]["id"], json!(id), "{}", file.text);
    let asked = app.fixture.provider.requests();
    let tokens =
        asked.iter().filter_map(|request| request.headers.get("authorization")?.strip_prefix("Bearer "));
    for token in tokens {
        assert!(!file.text.contains(token));
    }
}

/// A connection is looked over before its first user comes.
#[tokio::test]
async fn connection_is_checked_before_launch() {
    let app = App::start().await;
    let connection = app.fixture.connection("notes", "acme").await;
    let owner = owner(&app).await;
    let path = format!("/dashboard/connections/{}", connection.connection.id);
    let page = owner.post(&app, &format!("{path}/preflight"), &[]).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.text.contains("redirect uri") && page.text.contains("What was looked at"), "{}", page.text);
    let viewer = person(&app, Role::Viewer).await;
    assert_eq!(viewer.post(&app, &format!("{path}/preflight"), &[]).await.status, 403);
}

/// A simulator that notes what it is told.
#[derive(Default)]
struct Noted(std::sync::Mutex<Vec<(String, Value)>>);

#[async_trait]
impl SimulatorDesk for Noted {
    async fn ask(&self, verb: &str, body: Option<Value>) -> Result<Value, String> {
        let Some(body) = body else {
            return Ok(match verb {
                "clock" => json!({"now": "2026-01-01T00:00:00Z", "ahead_s": 86400, "frozen": true}),
                "faults" => {
                    json!({"faults": [{"endpoint": "token", "kind": "status", "status": 503, "times": 2}]})
                }
                "grants" => {
                    json!({"grants": [{"id": 7, "user": "<ada>", "client_id": "c", "scopes": ["a", "b"],
                    "revoked": false, "ending": null, "live_access_tokens": 1, "live_refresh_tokens": 2}]})
                }
                _ => json!({"users": [{"username": "ada"}]}),
            });
        };
        if body["kind"] == "nonsense" {
            return Err("there is no such kind".to_owned());
        }
        self.0.lock().unwrap().push((verb.to_owned(), body));
        Ok(json!({}))
    }
}

/// The simulator is commanded by those who may change connections, where there is one.
#[tokio::test]
async fn simulator_is_told_what_the_form_says() {
    let noted = Arc::new(Noted::default());
    let desk = Arc::clone(&noted);
    let app = App::with(|_| {}, move |options| options.simulator = Some(desk)).await;
    let owner = owner(&app).await;
    let page = owner.get(&app, "/dashboard/simulator").await;
    for part in ["1 d 0 h ahead", "stands still", "<code>503</code>", "&#60;ada&#62;", "Take away"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let tell = async |fields: &[(&str, &str)]| owner.post(&app, "/dashboard/simulator", fields).await;
    let fault = [
        ("verb", "faults"),
        ("endpoint", "token"),
        ("kind", "status"),
        ("status", "503"),
        ("times", "2"),
        ("user", ""),
    ];
    assert_eq!(tell(&fault).await.header("location"), "/dashboard/simulator?done=told");
    assert_eq!(tell(&[("verb", "clock"), ("days", "-3")]).await.status, 303);
    assert_eq!(tell(&[("verb", "revoke-grants"), ("grant", "7")]).await.status, 303);
    assert_eq!(tell(&[("verb", "clock"), ("days", "soon")]).await.status, 400);
    assert_eq!(tell(&[("verb", "faults"), ("kind", "nonsense")]).await.status, 400);
    assert_eq!(
        tell(&[("verb", "clients"), ("client_id", "c")]).await.status,
        400,
        "it is no verb of the page"
    );
    let told = noted.0.lock().unwrap().clone();
    assert_eq!(
        told,
        [
            ("faults".to_owned(), json!({"endpoint": "token", "kind": "status", "status": 503, "times": 2})),
            ("clock".to_owned(), json!({"days": -3})),
            ("revoke-grants".to_owned(), json!({"grant": 7})),
        ]
    );
    let viewer = person(&app, Role::Viewer).await;
    assert_eq!(viewer.get(&app, "/dashboard/simulator").await.status, 403);
    assert!(!viewer.get(&app, "/dashboard").await.text.contains("/dashboard/simulator"));
    let without = App::start().await;
    let owner = crate::dashboard::owner(&without).await;
    assert_eq!(owner.get(&without, "/dashboard/simulator").await.status, 404);
}
