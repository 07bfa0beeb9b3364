//! Webhooks: what is told, how it is signed, and what becomes of a message that does not arrive. S53, S54.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use time::Duration;
use valetkey_domain::{
    Account, Clock as _, ErrorCode, ExecutionId, ExposeSecret as _, PageRequest, SecretString, Store as _,
    execution::ExecutionStatus,
    store::Prunable,
    webhook::{Delivery, DeliveryOutcome, DisabledReason, Webhook, WebhookStatus},
};
use valetkey_engine::{AccountRef, End, ExecuteTool, NewWebhook, Siblings, WebhookUpdate};

use crate::{
    provider::{Answer, Seen},
    world::World,
};

pub(crate) const HOOKS: &str = "/hooks";

pub(crate) async fn hook(world: &World, types: &[&str]) -> (Webhook, SecretString) {
    let new = NewWebhook {
        url: world.provider.url(HOOKS).into(),
        event_types: types.iter().map(|it| (*it).to_owned()).collect(),
        ..NewWebhook::default()
    };
    let made = world.engine.create_webhook(&world.caller, new).await.unwrap();
    (made.webhook, made.secret)
}

/// The endpoint answers so; everything else as always.
pub(crate) fn endpoint_answers(world: &World, status: u16, body: &'static str) {
    world.provider.on_api(move |seen| match seen.path.as_str() {
        HOOKS => Answer { status, headers: vec![("location", "/elsewhere".into())], body: body.into() },
        _ => Answer::json(200, &json!({"id": "u-1"})),
    });
}

pub(crate) async fn disconnect(world: &World, account: &Account) {
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.end_account(&world.caller, &wanted, End::Disconnect, Siblings::Keep).await.unwrap();
}

pub(crate) async fn deliveries(world: &World, webhook: &Webhook) -> Vec<Delivery> {
    let page = PageRequest::default();
    let id = webhook.id.as_str();
    world.engine.webhook_deliveries(&world.caller, id, None, &page).await.unwrap().items
}

pub(crate) async fn again(world: &World, webhook: &Webhook) -> Webhook {
    world.engine.get_webhook(&world.caller, webhook.id.as_str()).await.unwrap()
}

/// Verifies a message as a receiver does that knows `secret`, and gives its body.
pub(crate) fn verified(seen: &Seen, secret: &SecretString) -> Option<Value> {
    let key = STANDARD.decode(secret.expose_secret().strip_prefix("whsec_")?).ok()?;
    let signed =
        format!("{}.{}.{}", seen.headers["webhook-id"], seen.headers["webhook-timestamp"], seen.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let expected = format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())));
    let valid = seen.headers["webhook-signature"].split(' ').any(|one| one == expected);
    valid.then(|| serde_json::from_str(&seen.body).unwrap())
}

/// S53: signed, whole, once; and the webhook and the message say so.
#[tokio::test]
async fn account_that_ends_is_told_signed() {
    let (world, account) = World::ready().await;
    let (webhook, secret) = hook(&world, &["account.disconnected"]).await;
    disconnect(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let seen = world.provider.seen(HOOKS).remove(0);
    let body = verified(&seen, &secret).expect("the signature is good");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert!(seen.headers["user-agent"].starts_with("valetkey/"));
    assert_eq!(seen.headers["webhook-timestamp"], world.clock.now().unix_timestamp().to_string());
    assert_eq!(body["id"], seen.headers["webhook-id"].as_str());
    assert_eq!(body["type"], "account.disconnected");
    assert_eq!(body["environment"], world.caller.environment.as_str());
    assert_eq!(body["data"]["account_id"], account.id.as_str());
    assert_eq!(body["data"]["identifier"], "user_1");
    assert_eq!(body["data"]["connection_name"], "fake");
    assert_eq!(body["data"]["status"], "DISCONNECTED");
    let altered = Seen { body: seen.body.replace("user_1", "user_2"), ..seen.clone() };
    assert_eq!(verified(&altered, &secret), None);
    let message = deliveries(&world, &webhook).await.remove(0);
    assert_eq!((message.outcome, message.attempts), (DeliveryOutcome::Delivered, 1));
    assert_eq!(message.id.as_str(), seen.headers["webhook-id"]);
    let webhook = again(&world, &webhook).await;
    assert_eq!(webhook.status(), WebhookStatus::Healthy);
    assert_eq!(webhook.last_delivery_at, Some(world.clock.now()));
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 0);
}

/// What a call brought that nobody waited for is sent along, and lies nowhere in the clear.
#[tokio::test]
async fn execution_that_nobody_waited_for_is_told_with_what_it_brought() {
    let (world, account) = World::ready().await;
    let (webhook, secret) = hook(&world, &["execution.finished"]).await;
    let call = ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}));
    let accepted = world.engine.execute_tool_detached(&world.caller, call).await.unwrap();
    let told = async {
        while world.engine.deliver_webhooks().await.unwrap() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), told).await.unwrap();
    let seen = world.provider.seen(HOOKS).remove(0);
    let body = verified(&seen, &secret).unwrap();
    assert_eq!(body["data"]["id"], accepted.execution_id.as_str());
    assert_eq!(body["data"]["status"], "SUCCEEDED");
    assert_eq!(body["data"]["tool_name"], "fake_get_me");
    assert_eq!(body["data"]["data"], json!({"id": "u-1", "path": "/api/me"}));
    let stored = deliveries(&world, &webhook).await.remove(0);
    assert_eq!(stored.facts, json!({}));
}

/// Runs a call that nobody waits for to its end, and gives its id.
async fn ended(world: &World, account: &Account) -> ExecutionId {
    let call = ExecuteTool::new(AccountRef::id(account.id.as_str()), "fake_get_me", json!({}));
    let accepted = world.engine.execute_tool_detached(&world.caller, call).await.unwrap();
    let done = async {
        let running = async || {
            let execution = world.store.execution(&accepted.execution_id).await.unwrap().unwrap();
            execution.status == ExecutionStatus::Running
        };
        while running().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), done).await.unwrap();
    accepted.execution_id
}

/// S54: what was sent once is sent again byte by byte, also when what a call brought is kept no longer, and by another
/// process.
#[tokio::test]
async fn message_sent_again_says_the_same_when_the_answer_is_kept_no_longer() {
    let (world, account) = World::ready().await;
    let (webhook, secret) = hook(&world, &["execution.finished"]).await;
    endpoint_answers(&world, 500, "");
    ended(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    world.advance(Duration::days(2));
    world.store.prune(Prunable::Answers, world.clock.now(), 100).await.unwrap();
    endpoint_answers(&world, 204, "");
    assert_eq!(world.twin().deliver_webhooks().await.unwrap(), 1);
    let id = deliveries(&world, &webhook).await.remove(0).id;
    world.engine.redeliver_webhook(&world.caller, webhook.id.as_str(), id.as_str()).await.unwrap();
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let seen = world.provider.seen(HOOKS);
    assert_eq!(seen.len(), 3);
    let first = verified(&seen[0], &secret).unwrap();
    assert_eq!(first["data"]["data"], json!({"id": "u-1"}));
    assert!(seen.iter().all(|it| it.body == seen[0].body && verified(it, &secret).is_some()));
    // It lies sealed.
    let sealed = world.store.delivery_body(&webhook.id, &id).await.unwrap().unwrap();
    assert!(!sealed.0.windows(3).any(|it| it == b"u-1"));
}

/// What was not sent before what a call brought was forgotten says so.
#[tokio::test]
async fn message_sent_first_when_the_answer_is_kept_no_longer_says_so() {
    let (world, account) = World::ready().await;
    let (_, secret) = hook(&world, &["execution.finished"]).await;
    let execution = ended(&world, &account).await;
    world.advance(Duration::days(2));
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let body = verified(&world.provider.seen(HOOKS)[0], &secret).unwrap();
    assert_eq!(body["data"]["id"], execution.as_str());
    assert_eq!(body["data"]["result_omitted"], true);
    assert!(body["data"].get("data").is_none());
}

/// With an account go the answers of its calls, also from messages that were sent.
#[tokio::test]
async fn message_forgets_the_answer_when_the_account_is_deleted() {
    let (world, account) = World::ready().await;
    let (webhook, secret) = hook(&world, &["execution.finished"]).await;
    let execution = ended(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let wanted = AccountRef::id(account.id.as_str());
    world.engine.end_account(&world.caller, &wanted, End::Delete, Siblings::Keep).await.unwrap();
    let id = deliveries(&world, &webhook).await.remove(0).id;
    world.engine.redeliver_webhook(&world.caller, webhook.id.as_str(), id.as_str()).await.unwrap();
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let told: Vec<_> = world.provider.seen(HOOKS).iter().map(|it| verified(it, &secret).unwrap()).collect();
    assert_eq!(told[0]["data"]["data"]["id"], "u-1");
    assert_eq!(told[1]["data"]["id"], execution.as_str());
    assert_eq!((&told[1]["id"], &told[1]["data"]["result_omitted"]), (&told[0]["id"], &json!(true)));
}

/// S54: tried again on the schedule under the same id, each time with the time of the try; then it has failed, and an
/// endpoint at which nothing arrived for five days is turned off.
#[tokio::test]
async fn message_that_does_not_arrive_is_tried_on_the_schedule() {
    let (world, account) = World::ready().await;
    let (webhook, secret) = hook(&world, &[]).await;
    endpoint_answers(&world, 500, "broken; access_token: canary-secret-0123456789");
    disconnect(&world, &account).await;
    let pauses = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
    for (n, pause) in (1..).zip(pauses) {
        assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1, "try {n}");
        assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 0, "not before its time");
        let message = deliveries(&world, &webhook).await.remove(0);
        assert_eq!((message.outcome, message.attempts), (DeliveryOutcome::Pending, n));
        let wait = message.next_attempt_at.unwrap() - world.clock.now();
        let pause = Duration::seconds(pause);
        assert!(wait >= pause && wait <= pause + pause / 10, "after try {n}: {wait}");
        world.advance(wait);
    }
    let failing = again(&world, &webhook).await;
    assert_eq!(failing.status(), WebhookStatus::Failing);
    assert_eq!(failing.last_error.as_deref(), Some("The endpoint answered 500."));
    world.advance(Duration::days(2));
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1, "the last try");
    let message = deliveries(&world, &webhook).await.remove(0);
    assert_eq!((message.outcome, message.attempts), (DeliveryOutcome::Failed, 10));
    assert_eq!((message.next_attempt_at, message.response_status), (None, Some(500)));
    let evidence = message.evidence.unwrap();
    assert!(evidence.starts_with("broken"), "{evidence}");
    assert!(!evidence.contains("canary"), "{evidence}");
    assert_eq!(again(&world, &webhook).await.disabled, Some(DisabledReason::Failing));
    let seen = world.provider.seen(HOOKS);
    assert_eq!(seen.len(), 10);
    assert!(seen.iter().all(|it| it.headers["webhook-id"] == seen[0].headers["webhook-id"]));
    assert!(seen.iter().all(|it| it.body == seen[0].body && verified(it, &secret).is_some()));
    assert!(
        seen.windows(2).all(|two| two[0].headers["webhook-timestamp"] < two[1].headers["webhook-timestamp"])
    );
    // Turned on again, and sent once more: it arrives, and all is well.
    endpoint_answers(&world, 204, "");
    let on = WebhookUpdate { enabled: Some(true), ..WebhookUpdate::default() };
    world.engine.update_webhook(&world.caller, webhook.id.as_str(), on).await.unwrap();
    let (id, message) = (webhook.id.as_str(), message.id.as_str());
    world.engine.redeliver_webhook(&world.caller, id, message).await.unwrap();
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    assert_eq!(again(&world, &webhook).await.status(), WebhookStatus::Healthy);
    assert_eq!(deliveries(&world, &webhook).await[0].outcome, DeliveryOutcome::Delivered);
}

/// S54: 410 turns the endpoint off, at once.
#[tokio::test]
async fn endpoint_that_is_gone_is_turned_off() {
    let (world, account) = World::ready().await;
    let (webhook, _) = hook(&world, &[]).await;
    endpoint_answers(&world, 410, "");
    disconnect(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let off = again(&world, &webhook).await;
    assert_eq!((off.status(), off.disabled), (WebhookStatus::Disabled, Some(DisabledReason::Gone)));
    assert_eq!(deliveries(&world, &webhook).await[0].outcome, DeliveryOutcome::Failed);
    world.account("fake", "user_2").await;
    assert_eq!(deliveries(&world, &webhook).await.len(), 1, "it hears nothing more");
}

/// S54: a redirect is a failure and is not followed.
#[tokio::test]
async fn endpoint_that_redirects_gets_nothing_elsewhere() {
    let (world, account) = World::ready().await;
    let (webhook, _) = hook(&world, &[]).await;
    endpoint_answers(&world, 307, "");
    disconnect(&world, &account).await;
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 1);
    let message = deliveries(&world, &webhook).await.remove(0);
    assert_eq!((message.outcome, message.response_status), (DeliveryOutcome::Pending, Some(307)));
    assert!(message.error.unwrap().contains("not followed"));
    assert_eq!(world.provider.seen("/elsewhere").len(), 0);
}

/// Whoever dies between sending a message and noting so has another process send it again, under the same id.
#[tokio::test]
async fn message_of_a_process_that_died_is_sent_again_under_its_id() {
    let (world, account) = World::ready().await;
    let (_, secret) = hook(&world, &["account.disconnected"]).await;
    disconnect(&world, &account).await;
    world.provider.hold_api(true);
    let dying = world.twin();
    let at_work = tokio::spawn(async move { dying.deliver_webhooks().await });
    world.provider.wait_for(HOOKS, 1).await;
    at_work.abort();
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 0, "somebody may still be at it");
    world.advance(Duration::minutes(1));
    world.provider.hold_api(false);
    let another = world.twin();
    another.deliver_webhooks().await.unwrap();
    world.provider.wait_for(HOOKS, 2).await;
    let seen = world.provider.seen(HOOKS);
    assert_eq!(seen[0].headers["webhook-id"], seen[1].headers["webhook-id"]);
    assert_eq!(seen[0].body, seen[1].body);
    assert!(seen.iter().all(|it| verified(it, &secret).is_some()));
}

/// S53: for a day messages are signed with both secrets, then with the new one.
#[tokio::test]
async fn secret_that_was_replaced_signs_for_another_day() {
    let (world, _account) = World::ready().await;
    let (webhook, old) = hook(&world, &[]).await;
    let id = webhook.id.as_str();
    let rotated = world.engine.rotate_webhook_secret(&world.caller, id).await.unwrap();
    assert_eq!(rotated.old_secret_valid_until, Some(world.clock.now() + Duration::days(1)));
    assert_ne!(rotated.secret.expose_secret(), old.expose_secret());
    let test = world.engine.test_webhook(&world.caller, id).await.unwrap();
    assert_eq!(test.outcome, DeliveryOutcome::Delivered);
    world.advance(Duration::days(1));
    world.engine.test_webhook(&world.caller, id).await.unwrap();
    let seen: Vec<_> = world.provider.seen(HOOKS);
    let test: Vec<_> = seen.iter().filter(|it| it.body.contains("webhook.test")).collect();
    assert!(verified(test[0], &old).is_some() && verified(test[0], &rotated.secret).is_some());
    assert!(verified(test[1], &old).is_none() && verified(test[1], &rotated.secret).is_some());
}

/// A test that fails is told at once, is not repeated, and says nothing about the messages on their way.
#[tokio::test]
async fn test_message_that_fails_is_not_repeated() {
    let (world, _account) = World::ready().await;
    let (webhook, _) = hook(&world, &["account.revoked"]).await;
    endpoint_answers(&world, 503, "later");
    let test = world.engine.test_webhook(&world.caller, webhook.id.as_str()).await.unwrap();
    assert_eq!((test.outcome, test.response_status), (DeliveryOutcome::Failed, Some(503)));
    assert_eq!(test.evidence.as_deref(), Some("later"));
    world.advance(Duration::days(1));
    assert_eq!(world.engine.deliver_webhooks().await.unwrap(), 0);
    assert_eq!(again(&world, &webhook).await.status(), WebhookStatus::Healthy);
}

/// S47: messages go to no private address unless the server opens it.
#[tokio::test]
async fn webhook_at_a_private_address_is_refused() {
    let world = World::with(|settings| settings.allow_private_upstreams = false).await;
    for url in [
        "http://app.example/hooks",
        "https://127.0.0.1/hooks",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://u:p@app.example/",
        "ftp://app.example/",
        "nowhere",
    ] {
        let new = NewWebhook { url: url.into(), ..NewWebhook::default() };
        let error = world.engine.create_webhook(&world.caller, new).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{url}");
    }
    let unknown = NewWebhook {
        url: "https://app.example/".into(),
        event_types: vec!["account.renamed".into()],
        ..NewWebhook::default()
    };
    let error = world.engine.create_webhook(&world.caller, unknown).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}
