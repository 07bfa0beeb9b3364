//! Webhooks, and the messages to them.

use std::sync::Arc;

use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, Change, Changes, DeliveryId, Event, KeptAnswer, PageRequest, SealedBlob, Store,
    WebhookId,
    event::{EventKind, NewEvent},
    execution::ExecutionStatus,
    store::Prunable,
    webhook::{
        Delivery, DeliveryBody, DeliveryOutcome, DisabledReason, Webhook, WebhookEvent, WebhookNote,
        WebhookStatus,
    },
};

use super::fixture::{Fixture, assert_conflict};

/// Every field, and what changes of it.
pub async fn webhooks_written_read_back_whole(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let new = f.webhook(&[WebhookEvent::AccountRevoked, WebhookEvent::ExecutionFinished]);
    assert_eq!(f.store.webhook(&new.id).await.unwrap(), None);
    f.commit(Change::InsertWebhook(new.clone())).await.unwrap();
    assert_conflict(f.commit(Change::InsertWebhook(new.clone())).await, "webhook");
    assert_eq!(f.store.webhook(&new.id).await.unwrap(), Some(new.clone()));
    let elsewhere = Webhook { environment: f.other_environment().await, ..f.webhook(&[]) };
    f.commit(Change::InsertWebhook(elsewhere.clone())).await.unwrap();
    let page = f.store.webhooks(&f.env, &PageRequest::default()).await.unwrap();
    assert_eq!((page.items, page.total), (vec![new.clone()], 1));
    let changed = Webhook {
        url: "https://app.test/other".into(),
        description: None,
        event_types: vec![],
        disabled: Some(DisabledReason::Operator),
        version: 2,
        updated_at: f.now(),
        ..new.clone()
    };
    f.commit(Change::UpdateWebhook(changed.clone())).await.unwrap();
    assert_conflict(f.commit(Change::UpdateWebhook(changed.clone())).await, "webhook");
    assert_eq!(f.store.webhook(&new.id).await.unwrap(), Some(changed));
    f.commit(Change::DeleteWebhook(new.id.clone())).await.unwrap();
    assert_conflict(f.commit(Change::DeleteWebhook(new.id.clone())).await, "webhook");
    assert_eq!(f.store.webhook(&new.id).await.unwrap(), None);
}

/// It fails since its first failure; one that was turned off stays so for its first reason; a message that arrives
/// after all makes it healthy.
pub async fn webhooks_noted_keep_their_version(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let webhook = f.stored_webhook(&[]).await;
    let note = |note: WebhookNote| Change::NoteWebhook { id: webhook.id.clone(), note };
    let failed = |at, error: &str, disable| WebhookNote::Failed { at, error: error.into(), disable };
    let (first, second) = (f.now(), f.now() + Duration::seconds(5));
    f.commit(note(failed(first, "one", None))).await.unwrap();
    f.commit(note(failed(second, "two", Some(DisabledReason::Gone)))).await.unwrap();
    f.commit(note(failed(second, "three", Some(DisabledReason::Failing)))).await.unwrap();
    let read = f.store.webhook(&webhook.id).await.unwrap().unwrap();
    assert_eq!(read.failing_since, Some(first));
    assert_eq!(read.last_error.as_deref(), Some("three"));
    assert_eq!(read.disabled, Some(DisabledReason::Gone));
    assert_eq!((read.version, read.status()), (1, WebhookStatus::Disabled));
    f.commit(note(WebhookNote::Delivered { at: second })).await.unwrap();
    let read = f.store.webhook(&webhook.id).await.unwrap().unwrap();
    assert_eq!((read.failing_since, read.last_error, read.last_delivery_at), (None, None, Some(second)));
    assert_eq!(read.disabled, Some(DisabledReason::Gone), "an arrival does not turn it on");
    let gone = WebhookNote::Delivered { at: second };
    let id = WebhookId::first_of(second);
    f.commit(Change::NoteWebhook { id, note: gone }).await.unwrap();
}

/// Two are there at most: the newest and the one before, which says until when.
pub async fn webhook_secrets_go_up_in_generation_only(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let webhook = f.stored_webhook(&[]).await;
    let until = f.now() + Duration::days(1);
    let put = |generation| Change::PutWebhookSecret {
        webhook: webhook.id.clone(),
        generation,
        sealed: SealedBlob(vec![u8::try_from(generation).unwrap()]),
        old_until: until,
    };
    for generation in [1, 2, 3] {
        f.commit(put(generation)).await.unwrap();
    }
    assert_conflict(f.commit(put(3)).await, "webhook_secret");
    let secrets = f.store.webhook_secrets(&webhook.id).await.unwrap();
    let told: Vec<_> = secrets.iter().map(|it| (it.generation, it.sealed.0[0], it.valid_until)).collect();
    assert_eq!(told, [(3, 3, None), (2, 2, Some(until))]);
    assert_eq!(f.store.prune(Prunable::WebhookSecrets, until, 9).await.unwrap(), 0);
    assert_eq!(f.store.prune(Prunable::WebhookSecrets, until + Duration::seconds(1), 9).await.unwrap(), 1);
    assert_eq!(f.store.webhook_secrets(&webhook.id).await.unwrap().len(), 1);
    let unknown = Change::PutWebhookSecret {
        webhook: WebhookId::first_of(until),
        generation: 1,
        sealed: SealedBlob(vec![1]),
        old_until: until,
    };
    assert_conflict(f.commit(unknown).await, "webhook_secret.webhook");
}

/// S54: what an account's history tells is addressed in the same commit, to those who want to hear it, once each.
pub async fn events_appended_are_addressed_to_webhooks(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let all = f.stored_webhook(&[]).await;
    let revoked = f.stored_webhook(&[WebhookEvent::AccountRevoked]).await;
    let off = Webhook { disabled: Some(DisabledReason::Operator), ..f.webhook(&[]) };
    let elsewhere = Webhook { environment: f.other_environment().await, ..f.webhook(&[]) };
    for webhook in [&off, &elsewhere] {
        f.commit(Change::InsertWebhook(webhook.clone())).await.unwrap();
    }
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let moved = |kind, from: AccountStatus, to: AccountStatus| {
        let event = NewEvent::of_account(&account, kind);
        let event = event.data(json!({"from": from.as_str(), "to": to.as_str()}));
        Event { event, ..f.event(&account) }
    };
    let expired = moved(EventKind::AccountExpired, AccountStatus::Active, AccountStatus::Expired);
    let same = moved(EventKind::CredentialRefreshed, AccountStatus::Active, AccountStatus::Active);
    let ended = moved(EventKind::AccountRevoked, AccountStatus::Active, AccountStatus::Revoked);
    for event in [&expired, &same, &ended] {
        f.commit(Change::AppendEvent(event.clone())).await.unwrap();
    }
    let of = async |webhook: &Webhook| {
        f.store.deliveries(&webhook.id, None, &PageRequest::default()).await.unwrap().items
    };
    let told: Vec<_> = of(&all).await.into_iter().map(|it| it.subject).collect();
    let ids =
        |events: &[&Event]| -> Vec<_> { events.iter().map(|it| Some(it.id.as_str().to_owned())).collect() };
    let mut expected = ids(&[&expired, &ended]);
    expected.sort_by(|a, b| b.cmp(a));
    assert_eq!(told, expected);
    let message = of(&revoked).await.remove(0);
    assert_eq!(message.subject.as_deref(), Some(ended.id.as_str()));
    assert_eq!(message.event, WebhookEvent::AccountRevoked);
    assert_eq!(message.identifier.as_deref(), Some("user_1"));
    assert_eq!(message.connection_name.as_deref(), Some("gmail"));
    assert_eq!(message.facts["status"], "REVOKED");
    assert_eq!((message.outcome, message.attempts), (DeliveryOutcome::Pending, 0));
    assert_eq!((message.created_at, message.next_attempt_at), (ended.at, Some(ended.at)));
    assert!(of(&all).await.iter().any(|it| it.id == message.id), "one message has one id");
    assert_eq!(of(&off).await, []);
    assert_eq!(of(&elsewhere).await, []);
    // An account that goes in the same commit is still called by its identifier.
    let event = NewEvent::of_account(&account, EventKind::AccountDeleted);
    let event = Event { event: event.data(json!({"identifier": "user_1"})), ..f.event(&account) };
    let gone = Changes::from(Change::DeleteAccount(account.id.clone())).and(Change::AppendEvent(event));
    f.commit(gone).await.unwrap();
    let deleted = of(&all).await.into_iter().find(|it| it.event == WebhookEvent::AccountDeleted).unwrap();
    assert_eq!(deleted.identifier.as_deref(), Some("user_1"));
    // What is refused tells nothing.
    let event =
        Change::AppendEvent(moved(EventKind::AccountExpired, AccountStatus::Active, AccountStatus::Expired));
    let refused = Changes::from(event).and(Change::InsertWebhook(all.clone()));
    assert_conflict(f.commit(refused).await, "webhook");
    assert_eq!(of(&all).await.len(), 3);
}

/// Ends of calls that nobody waited for are told once, also if the process that made them is gone.
pub async fn executions_announced_are_addressed_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let webhook = f.stored_webhook(&[WebhookEvent::ExecutionFinished]).await;
    f.stored_webhook(&[WebhookEvent::AccountRevoked]).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let instance = f.store.join(f.now()).await.unwrap().instance;
    let begun = async |detached| {
        let execution = valetkey_domain::Execution {
            status: ExecutionStatus::Running,
            instance: Some(instance),
            duration_us: None,
            error_code: None,
            error_message: None,
            provider_answer: None,
            ..f.execution(&account)
        };
        let answer = KeptAnswer { detached, key_hash: None, sealed: None, ..f.answer(&execution) };
        let begun =
            Changes::from(Change::InsertExecution(execution.clone())).and(Change::InsertAnswer(answer));
        f.commit(begun).await.unwrap();
        execution
    };
    let (finished, interrupted, waited) = (begun(true).await, begun(true).await, begun(false).await);
    let at = f.now();
    for _ in 0..2 {
        f.commit(Change::AnnounceExecution { id: finished.id.clone(), at }).await.unwrap();
    }
    let found = async |id| f.store.delivery(&webhook.id, &DeliveryId::of_execution(id)).await.unwrap();
    let told = found(&finished.id).await.unwrap();
    assert_eq!(told.event, WebhookEvent::ExecutionFinished);
    assert_eq!(told.subject.as_deref(), Some(finished.id.as_str()));
    assert_eq!(told.identifier.as_deref(), Some(finished.identifier.as_str()));
    assert_eq!((told.created_at, told.next_attempt_at, told.facts), (at, Some(at), json!({})));
    let later = at + Duration::seconds(1);
    f.commit(Change::AbandonExecutions { instance: Some(instance), at: later }).await.unwrap();
    assert_eq!(found(&interrupted.id).await.unwrap().created_at, later);
    assert_eq!(found(&finished.id).await.unwrap().created_at, at, "told once");
    assert_eq!(found(&waited.id).await, None);
    assert_eq!(f.store.deliveries(&webhook.id, None, &PageRequest::default()).await.unwrap().total, 2);
}

/// Taken by one, put off, changed only by who read it last, gone with age and with the webhook.
pub async fn deliveries_due_are_taken_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let (one, two) = (f.stored_webhook(&[]).await, f.stored_webhook(&[]).await);
    let (due, early, other) = (f.delivery(&one), f.delivery(&one), f.delivery(&two));
    let now = f.now();
    let early = Delivery { next_attempt_at: Some(now + Duration::seconds(9)), ..early };
    for delivery in [&due, &early, &other] {
        f.commit(Change::InsertDelivery(delivery.clone())).await.unwrap();
    }
    assert_conflict(f.commit(Change::InsertDelivery(due.clone())).await, "delivery");
    assert_eq!(f.store.delivery(&one.id, &due.id).await.unwrap(), Some(due.clone()));
    assert_eq!(f.store.delivery(&two.id, &due.id).await.unwrap(), None);
    let mut found = f.store.due_webhooks(now).await.unwrap();
    found.sort();
    assert_eq!(found, [one.id.clone(), two.id.clone()]);
    let hidden = now + Duration::minutes(1);
    let taken = f.store.take_due_deliveries(&one.id, now, hidden, 9).await.unwrap();
    assert_eq!(taken, [Delivery { next_attempt_at: Some(hidden), ..due.clone() }]);
    assert_eq!(f.store.take_due_deliveries(&one.id, now, hidden, 9).await.unwrap(), []);
    assert_eq!(f.store.due_webhooks(now).await.unwrap(), std::slice::from_ref(&two.id));
    let off = Webhook { disabled: Some(DisabledReason::Operator), version: 2, ..two.clone() };
    f.commit(Change::UpdateWebhook(off)).await.unwrap();
    assert_eq!(f.store.due_webhooks(now).await.unwrap(), []);
    let ended = Delivery {
        outcome: DeliveryOutcome::Delivered,
        attempts: 1,
        next_attempt_at: None,
        ended_at: Some(now),
        response_status: Some(204),
        error: Some("é".into()),
        evidence: Some("{}".into()),
        ..due.clone()
    };
    let update = |attempts| Change::UpdateDelivery { attempts, delivery: ended.clone() };
    f.commit(update(0)).await.unwrap();
    assert_conflict(f.commit(update(0)).await, "delivery");
    assert_eq!(f.store.delivery(&one.id, &due.id).await.unwrap(), Some(ended.clone()));
    let listed = async |outcome| {
        let page = f.store.deliveries(&one.id, Some(outcome), &PageRequest::default()).await.unwrap();
        page.items.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(DeliveryOutcome::Delivered).await, std::slice::from_ref(&due.id));
    assert_eq!(listed(DeliveryOutcome::Pending).await, std::slice::from_ref(&early.id));
    assert_eq!(listed(DeliveryOutcome::Failed).await, []);
    let after = early.created_at + Duration::seconds(1);
    assert_eq!(f.store.prune(Prunable::Delivered, now, 9).await.unwrap(), 0);
    assert_eq!(f.store.prune(Prunable::Delivered, after, 9).await.unwrap(), 1);
    assert_eq!(f.store.prune(Prunable::Undelivered, early.created_at, 9).await.unwrap(), 0);
    // That of the other webhook is older still.
    assert_eq!(f.store.prune(Prunable::Undelivered, after, 9).await.unwrap(), 2);
    let last = f.delivery(&two);
    f.commit(Change::InsertDelivery(last.clone())).await.unwrap();
    f.commit(Change::DeleteWebhook(two.id.clone())).await.unwrap();
    assert_eq!(f.store.delivery(&two.id, &last.id).await.unwrap(), None);
    assert_conflict(f.commit(Change::InsertDelivery(last)).await, "delivery.webhook");
}

/// What a message says is written once, and goes with the message, its webhook, or the account that a call in it was for.
pub async fn delivery_bodies_are_written_once(store: Arc<dyn Store>) {
    let f = Fixture::new(store).await;
    let webhook = f.stored_webhook(&[]).await;
    let connection = f.stored_connection("gmail").await;
    let account = f.stored_account(&connection, "user_1").await;
    let (plain, told, gone) = (f.delivery(&webhook), f.delivery(&webhook), f.delivery(&webhook));
    let body = async |it: &Delivery| f.store.delivery_body(&webhook.id, &it.id).await.unwrap();
    for delivery in [&plain, &told, &gone] {
        assert_eq!(body(delivery).await, None);
        let early = f.delivery_body(delivery, None);
        assert_conflict(f.commit(Change::InsertDeliveryBody(early)).await, "delivery_body.of");
        f.commit(Change::InsertDelivery(delivery.clone())).await.unwrap();
    }
    let of_account = Some(&account);
    for (delivery, account) in [(&plain, None), (&told, of_account), (&gone, None)] {
        let first = f.delivery_body(delivery, account);
        f.commit(Change::InsertDeliveryBody(first.clone())).await.unwrap();
        let second = f.delivery_body(delivery, account);
        assert_conflict(f.commit(Change::InsertDeliveryBody(second)).await, "delivery_body");
        assert_eq!(body(delivery).await, Some(first.sealed));
    }
    f.commit(Change::DeleteAccount(account.id.clone())).await.unwrap();
    assert_eq!(body(&told).await, None);
    assert!(f.store.delivery(&webhook.id, &told.id).await.unwrap().is_some(), "the message itself stays");
    let late = f.delivery_body(&told, Some(&account));
    assert_conflict(f.commit(Change::InsertDeliveryBody(late)).await, "delivery_body.of");
    let ended = Delivery {
        outcome: DeliveryOutcome::Delivered,
        attempts: 1,
        next_attempt_at: None,
        ended_at: Some(f.now()),
        ..gone.clone()
    };
    f.commit(Change::UpdateDelivery { attempts: 0, delivery: ended }).await.unwrap();
    let after = f.now() + Duration::seconds(1);
    assert_eq!(f.store.prune(Prunable::Delivered, after, 9).await.unwrap(), 1);
    assert_eq!(body(&gone).await, None);
    assert!(body(&plain).await.is_some());
    f.commit(Change::DeleteWebhook(webhook.id.clone())).await.unwrap();
    assert_eq!(body(&plain).await, None);
}

impl Fixture {
    /// A webhook that is on.
    pub fn webhook(&self, event_types: &[WebhookEvent]) -> Webhook {
        Webhook {
            id: WebhookId::new(&self.clock, &self.entropy),
            environment: self.env.clone(),
            url: "https://app.test/hooks?é=%20".into(),
            description: Some("Tells the app 🦊".into()),
            event_types: event_types.to_vec(),
            disabled: None,
            failing_since: None,
            last_delivery_at: None,
            last_error: None,
            version: 1,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    /// The same, stored.
    pub async fn stored_webhook(&self, event_types: &[WebhookEvent]) -> Webhook {
        let webhook = self.webhook(event_types);
        self.commit(Change::InsertWebhook(webhook.clone())).await.unwrap();
        webhook
    }

    /// Another secret of a webhook.
    pub fn webhook_secret(&self, webhook: &Webhook, generation: u64) -> Change {
        let old_until = self.now() + Duration::days(1);
        let sealed = SealedBlob(self.hash().to_vec());
        Change::PutWebhookSecret { webhook: webhook.id.clone(), generation, sealed, old_until }
    }

    /// What a message says, with the answer of a call for `account` in it.
    pub fn delivery_body(&self, delivery: &Delivery, account: Option<&Account>) -> DeliveryBody {
        DeliveryBody {
            webhook: delivery.webhook.clone(),
            delivery: delivery.id.clone(),
            account: account.map(|account| account.id.clone()),
            sealed: SealedBlob(self.hash().to_vec()),
        }
    }

    /// A message that is due.
    pub fn delivery(&self, webhook: &Webhook) -> Delivery {
        let now = self.now();
        Delivery {
            id: DeliveryId::new(&self.clock, &self.entropy),
            webhook: webhook.id.clone(),
            environment: webhook.environment.clone(),
            event: WebhookEvent::AccountRevoked,
            subject: Some("ev_1".into()),
            facts: json!({"status": "REVOKED"}),
            identifier: Some("user_1".into()),
            connection_name: Some("gmail".into()),
            outcome: DeliveryOutcome::Pending,
            attempts: 0,
            created_at: now,
            next_attempt_at: Some(now),
            ended_at: None,
            response_status: None,
            error: None,
            evidence: None,
        }
    }
}
