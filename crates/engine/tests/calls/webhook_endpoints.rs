//! Webhooks: endpoints that are slow, gone or not allowed, and how long messages to them are kept. S47, S48, S54.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration as StdDuration,
};

use async_trait::async_trait;
use futures::FutureExt as _;
use serde_json::{Value, json};
use time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use valetkey_domain::{
    Caller, Clock as _, ErrorCode, Permission, Permissions, SecretString, Store as _,
    webhook::{Delivery, DeliveryOutcome, Webhook, WebhookStatus},
};
use valetkey_engine::{
    AccountRef, Background, BackgroundSettings, EngineSettings, ExecuteTool, Need, NewWebhook, WebhookUpdate,
};
use valetkey_upstream::http::{Egress, EgressSettings, Resolver};

use crate::{
    provider::{Answer, Provider, token_error},
    webhooks::{HOOKS, again, deliveries, disconnect, endpoint_answers, hook, verified},
    world::World,
};

const SOON: StdDuration = StdDuration::from_secs(30);

async fn hook_at(world: &World, url: &str) -> Webhook {
    let new = NewWebhook { url: url.into(), ..NewWebhook::default() };
    world.engine.create_webhook(&world.caller, new).await.unwrap().webhook
}

async fn switch(world: &World, webhook: &Webhook, on: bool) {
    let update = WebhookUpdate { enabled: Some(on), ..WebhookUpdate::default() };
    world.engine.update_webhook(&world.caller, webhook.id.as_str(), update).await.unwrap();
}

/// Takes connections and says nothing.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn endpoint_has_twenty_seconds_to_answer() {
    let settings = EngineSettings::new("https://valetkey.test".parse().unwrap());
    assert_eq!(settings.webhook_deadline, StdDuration::from_secs(20));
}

/// S54: who does not answer in time has not got it.
#[tokio::test]
async fn endpoint_that_does_not_answer_in_time_fails() {
    let world = World::with(|settings| settings.webhook_deadline = StdDuration::from_millis(300)).await;
    let (_listener, url) = silent().await;
    let webhook = hook_at(&world, &url).await;
    let test = world.engine.test_webhook(&world.caller, webhook.id.as_str()).await.unwrap();
    assert_eq!((test.outcome, test.response_status), (DeliveryOutcome::Failed, None));
    assert!(test.error.as_deref().unwrap().contains("within 300 ms"), "{test:?}");
}

/// An answer that never ends is cut off, and what there is of it is told.
#[tokio::test]
async fn endpoint_whose_answer_does_not_end_fails() {
    let world = World::with(|settings| settings.webhook_deadline = StdDuration::from_secs(3)).await;
    let (listener, url) = silent().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert_ne!(stream.read(&mut request).await.unwrap(), 0, "a request comes");
        let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 100\r\n\r\nout of paper";
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await
    });
    let webhook = hook_at(&world, &url).await;
    let test = world.engine.test_webhook(&world.caller, webhook.id.as_str()).await.unwrap();
    assert_eq!((test.outcome, test.response_status), (DeliveryOutcome::Failed, Some(500)));
    assert_eq!(test.evidence.as_deref(), Some("out of paper"));
}

/// R: while one endpoint keeps us waiting, others get their messages, the old and the new ones.
#[tokio::test]
async fn endpoint_that_is_slow_holds_up_no_other() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    let (listener, url) = silent().await;
    let slow = hook_at(&world, &url).await;
    let (fast, _) = hook(&world, &["account.disconnected"]).await;
    disconnect(&world, &account).await;
    let engine = world.engine.clone();
    let waiting = tokio::spawn(async move { engine.deliver_webhooks().await });
    let (_connection, _) = tokio::time::timeout(SOON, listener.accept()).await.unwrap().unwrap();
    world.provider.wait_for(HOOKS, 1).await;
    disconnect(&world, &other).await;
    let delivered = async |count| {
        let all = deliveries(&world, &fast).await;
        all.iter().filter(|it| it.outcome == DeliveryOutcome::Delivered).count() == count
    };
    let both = async {
        while !delivered(2).await {
            world.engine.deliver_webhooks().await.unwrap();
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, both).await.unwrap();
    let held = deliveries(&world, &slow).await;
    assert!(held.iter().all(|it| (it.outcome, it.attempts) == (DeliveryOutcome::Pending, 0)), "{held:?}");
    assert_eq!(held.len(), 2);
    waiting.abort();
}

/// Answers look-ups of every name with the next addresses, and counts them.
#[derive(Default)]
struct Names {
    next: Mutex<Vec<IpAddr>>,
    asked: Mutex<u32>,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        *self.asked.lock().unwrap() += 1;
        Ok(self.next.lock().unwrap().clone())
    }
}

/// S47, S48: the address that a name leads to when a message is sent decides, whatever it was when the webhook was made,
/// and it is the one that is called.
#[tokio::test]
async fn endpoint_that_leads_inside_when_it_is_called_is_refused() {
    let names = Arc::new(Names::default());
    let opened = Mutex::new(None::<SocketAddr>);
    let guard = |provider: &Provider| {
        let address = provider.url("/").socket_addrs(|| None).unwrap()[0];
        *opened.lock().unwrap() = Some(address);
        let settings = EgressSettings { allow: vec![address], ..EgressSettings::default() };
        Egress::with_resolver(settings, names.clone()).unwrap()
    };
    let world = World::behind(&guard).await;
    world.provider.on_api(|_| {
        Answer { status: 204, headers: Vec::new(), body: String::new() }.header("connection", "close")
    });
    let open = opened.lock().unwrap().unwrap();
    let leads_to = |addresses: &[&str]| {
        *names.next.lock().unwrap() = addresses.iter().map(|it| it.parse().unwrap()).collect();
    };
    let webhook = hook_at(&world, &format!("http://hooks.example:{}{HOOKS}", open.port())).await;
    let send = async || world.engine.test_webhook(&world.caller, webhook.id.as_str()).await.unwrap();
    leads_to(&[&open.ip().to_string()]);
    assert_eq!(send().await.outcome, DeliveryOutcome::Delivered);
    // The name moves inside after it was good once.
    for inside in
        ["127.0.0.2", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"]
    {
        leads_to(&[inside]);
        let refused = send().await;
        assert_eq!((refused.outcome, refused.response_status), (DeliveryOutcome::Failed, None), "{inside}");
        let error = refused.error.unwrap();
        assert!(error.contains("leads to no address that may be called"), "{inside}: {error}");
        assert!(!error.contains(inside), "what a name leads to inside is not told: {error}");
    }
    // Of several addresses only the open one is called.
    leads_to(&["10.0.0.1", &open.ip().to_string()]);
    assert_eq!(send().await.outcome, DeliveryOutcome::Delivered);
    assert_eq!(world.provider.seen(HOOKS).len(), 2);
    assert_eq!(*names.asked.lock().unwrap(), 9, "each try looks the name up once");
}

/// S47: a message to an address that is closed now waits for its next try like any other that failed.
#[tokio::test]
async fn webhook_made_before_its_address_was_closed_gets_nothing() {
    let guard = |provider: &Provider| {
        let address = provider.url("/").socket_addrs(|| None).unwrap()[0];
        let settings = EgressSettings { allow: vec![address], ..EgressSettings::default() };
        Egress::new(settings).unwrap()
    };
    let world = World::behind(&guard).await;
    let (listener, url) = silent().await;
    let webhook = hook_at(&world, &url).await;
    world.connection("fake", "fake").await;
    let account = world.account("fake", "user_1").await;
    disconnect(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 2, "activated and disconnected");
    for message in deliveries(&world, &webhook).await {
        assert_eq!((message.outcome, message.attempts), (DeliveryOutcome::Pending, 1));
        assert!(message.error.unwrap().contains("may be called"));
    }
    assert!(listener.accept().now_or_never().is_none(), "somebody came");
}

/// A connection whose client the provider refuses is told, once, with what to do.
#[tokio::test]
async fn client_that_is_refused_is_told() {
    let (world, account) = World::ready().await;
    let (_, secret) = hook(&world, &["connection.client_refused"]).await;
    world.advance(Duration::hours(1));
    world.provider.on_token(|_| token_error(401, "invalid_client", "no such client"));
    for _ in 0..2 {
        let refused = world.call(&account, "fake_get_me", json!({})).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::InvalidClient);
    }
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let body = verified(&world.provider.seen(HOOKS)[0], &secret).unwrap();
    assert_eq!(body["type"], "connection.client_refused");
    assert_eq!(body["data"]["connection_id"], account.connection.as_str());
    assert_eq!(
        (&body["data"]["connection_name"], &body["data"]["code"]),
        (&json!("fake"), &json!("invalid_client"))
    );
    assert!(body["data"]["event_id"].as_str().unwrap().starts_with("ev_"));
    assert!(!body["data"]["remedies"].as_array().unwrap().is_empty());
    assert!(body["data"].get("identifier").is_none(), "it is about no account");
}

/// A result of at most 256 KiB of JSON is sent along, a larger one is said to be left out.
#[tokio::test]
async fn result_that_is_too_large_is_left_out() {
    let (world, account) = World::ready().await;
    let (webhook, secret) = hook(&world, &["execution.finished"]).await;
    let sent = async |size: usize| -> Value {
        let result = json!({"id": "x".repeat(size - json!({"id": ""}).to_string().len())});
        assert_eq!(result.to_string().len(), size);
        world.provider.on_api(move |seen| match seen.path.as_str() {
            HOOKS => Answer { status: 204, headers: Vec::new(), body: String::new() },
            _ => Answer::json(200, &result),
        });
        let before = world.provider.seen(HOOKS).len();
        let call = ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}));
        world.engine.execute_tool_detached(&world.caller, call).await.unwrap();
        let told = async {
            while world.engine.deliver_webhooks().await.unwrap() == 0 {
                tokio::time::sleep(StdDuration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, told).await.unwrap();
        verified(&world.provider.seen(HOOKS)[before], &secret).unwrap()["data"].take()
    };
    let data = sent(256 << 10).await;
    assert_eq!((data["data"].to_string().len(), data.get("result_omitted")), (256 << 10, None));
    let data = sent((256 << 10) + 1).await;
    assert_eq!((data.get("data"), &data["result_omitted"]), (None, &json!(true)));
    assert_eq!(data["status"], "SUCCEEDED");
    assert_eq!(deliveries(&world, &webhook).await.len(), 2);
}

/// What waits at a webhook that is turned off waits, and is sent once it is on again; what happens meanwhile is not told.
#[tokio::test]
async fn message_of_a_webhook_that_is_off_waits_until_it_is_on() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    let (webhook, _) = hook(&world, &["account.disconnected"]).await;
    endpoint_answers(&world, 500, "");
    disconnect(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    switch(&world, &webhook, false).await;
    disconnect(&world, &other).await;
    world.advance(Duration::days(3));
    endpoint_answers(&world, 204, "");
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 0);
    let waiting = deliveries(&world, &webhook).await;
    assert_eq!(waiting.len(), 1, "nothing is told while it is off");
    assert_eq!((waiting[0].outcome, waiting[0].attempts), (DeliveryOutcome::Pending, 1));
    switch(&world, &webhook, true).await;
    assert_eq!(again(&world, &webhook).await.status(), WebhookStatus::Healthy);
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let seen = world.provider.seen(HOOKS);
    assert_eq!((seen.len(), &seen[0].body), (2, &seen[1].body));
    assert_eq!(deliveries(&world, &webhook).await[0].outcome, DeliveryOutcome::Delivered);
}

/// A webhook that has failed for ten minutes, or was turned off because it failed, needs somebody; one that somebody
/// turned off does not.
#[tokio::test]
async fn webhook_that_gets_nothing_is_among_what_needs_somebody() {
    let (world, account) = World::ready().await;
    let other = world.account("fake", "user_2").await;
    let needs = async |caller: &Caller| -> Vec<Webhook> {
        let needs = world.engine.overview(caller).await.unwrap().needs;
        let of_webhook = |need| match need {
            Need::Webhook(webhook) => Some(*webhook),
            _ => None,
        };
        needs.into_iter().filter_map(of_webhook).collect()
    };
    let (failing, _) = hook(&world, &["account.disconnected"]).await;
    let gone = hook_at(&world, world.provider.url("/gone").as_str()).await;
    let (unused, _) = hook(&world, &["account.revoked"]).await;
    switch(&world, &unused, false).await;
    world.provider.on_api(|seen| match seen.path.as_str() {
        HOOKS => Answer::json(500, &json!({})),
        "/gone" => Answer::json(410, &json!({})),
        _ => Answer::json(200, &json!({"id": "u-1"})),
    });
    disconnect(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 2);
    let ids = |found: Vec<Webhook>| found.into_iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(
        ids(needs(&world.caller).await),
        std::slice::from_ref(&gone.id),
        "a first failure needs nobody yet"
    );
    world.advance(Duration::minutes(10));
    let found = needs(&world.caller).await;
    assert_eq!(Need::Webhook(Box::new(found[1].clone())).code(), Some(ErrorCode::WebhookFailing));
    assert_eq!(found[1].last_error.as_deref(), Some("The endpoint answered 500."));
    assert_eq!(ids(found), [gone.id.clone(), failing.id.clone()], "what is off comes first");
    // Who may not read webhooks is told nothing of them.
    let may = world.caller.permissions.iter().filter(|it| *it != Permission::WebhooksRead);
    let blind = Caller { permissions: may.collect(), ..world.caller.clone() };
    assert_eq!(needs(&blind).await, []);
    endpoint_answers(&world, 204, "");
    disconnect(&world, &other).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 2);
    assert_eq!(ids(needs(&world.caller).await), std::slice::from_ref(&gone.id));
}

/// Whoever is sent what happens to everybody was let do so: the permissions of a new client do not.
#[tokio::test]
async fn webhooks_are_managed_only_by_who_was_let_do_so() {
    let (world, _account) = World::ready().await;
    let standard = Caller { permissions: Permissions::standard(), ..world.caller.clone() };
    let new = NewWebhook { url: world.provider.url(HOOKS).into(), ..NewWebhook::default() };
    let refused = world.engine.create_webhook(&standard, new).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::PermissionDenied);
    let (webhook, _) = hook(&world, &[]).await;
    let id = webhook.id.as_str();
    assert_eq!(world.engine.get_webhook(&standard, id).await.unwrap().id, webhook.id);
    assert_eq!(
        world.engine.test_webhook(&standard, id).await.unwrap_err().code(),
        ErrorCode::PermissionDenied
    );
    let secret = SecretString::from("canary-bootstrap-secret");
    let operator = world.engine.ensure_bootstrap_client("vkc_operator", &secret).await.unwrap();
    assert!(operator.permissions.allows(Permission::WebhooksWrite));
}

/// Has the background clean up once.
async fn clean_up(world: &World) {
    let background = Background::start(&world.engine, BackgroundSettings::default());
    let done = async {
        while background.status().get("prune").is_none_or(|it| it.last_run_at.is_none()) {
            tokio::time::sleep(StdDuration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, done).await.unwrap();
    background.stop().await;
}

/// Messages that arrived are kept for 7 days, those that failed or wait for 30, and what they say as long.
#[tokio::test]
async fn messages_go_with_their_age() {
    let world = World::new().await;
    world.connection("fake", "fake").await;
    let (arrives, _) = hook(&world, &["account.activated"]).await;
    let fails = hook_at(&world, world.provider.url("/gone").as_str()).await;
    let waits = hook_at(&world, world.provider.url("/later").as_str()).await;
    world.provider.on_api(|seen| match seen.path.as_str() {
        "/gone" => Answer::json(410, &json!({})),
        "/later" => Answer::json(500, &json!({})),
        _ => Answer::json(200, &json!({"id": "u-1"})),
    });
    world.account("fake", "user_1").await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 3);
    switch(&world, &waits, false).await;
    let left = async || {
        let mut left = Vec::new();
        for webhook in [&arrives, &fails, &waits] {
            for Delivery { id, outcome, .. } in deliveries(&world, webhook).await {
                assert!(world.store.delivery_body(&webhook.id, &id).await.unwrap().is_some());
                left.push(outcome);
            }
        }
        left
    };
    let (delivered, failed, pending) =
        (DeliveryOutcome::Delivered, DeliveryOutcome::Failed, DeliveryOutcome::Pending);
    world.advance(Duration::days(7));
    clean_up(&world).await;
    assert_eq!(left().await, [delivered, failed, pending]);
    world.advance(Duration::seconds(1));
    clean_up(&world).await;
    assert_eq!(left().await, [failed, pending]);
    world.advance(Duration::days(23) - Duration::seconds(1));
    clean_up(&world).await;
    assert_eq!(left().await, [failed, pending]);
    world.advance(Duration::seconds(1));
    clean_up(&world).await;
    assert_eq!(left().await, []);
    assert!(world.clock.now() - arrives.created_at < Duration::days(31));
}
