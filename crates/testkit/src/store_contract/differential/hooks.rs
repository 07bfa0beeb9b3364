//! Webhooks, their secrets, and the messages to them: those of events and calls as well as those that are written.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::json;
use time::Duration;
use valetkey_domain::{
    Account, AccountStatus, Change, Changes, DeliveryId, EnvironmentId, ErrorCode, Event, Execution, Store,
    WebhookId,
    event::{EventKind, NewEvent},
    store::Prunable,
    webhook::{Announcement, Delivery, DeliveryOutcome, DisabledReason, Webhook, WebhookEvent, WebhookNote},
};

use super::{TEXTS, both::Both};
use crate::store_contract::{fixture::Fixture, model::nth};

/// One operation.
#[derive(Debug, Clone)]
pub(super) enum Hooks {
    Add { events: u8, text: u8, elsewhere: bool, again: bool },
    Change { nth: u8, events: u8, text: u8, stale: bool },
    Remove { nth: u8 },
    Note { nth: u8, text: u8, disable: u8 },
    Secret { nth: u8, generation: u8 },
    Tell { nth: u8, kind: u8, text: u8 },
    Announce { nth: u8 },
    Write { nth: u8, text: u8, again: bool },
    Body { nth: u8, account: u8, of_account: bool },
    Tried { nth: u8, attempts: u8, outcome: u8, text: u8 },
}

pub(super) fn hooks() -> impl Strategy<Value = Hooks> {
    let nth = any::<u8>;
    let text = || 0..6_u8;
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        4 => (0..9_u8, text(), rarely(), rarely())
            .prop_map(|(events, text, elsewhere, again)| Hooks::Add { events, text, elsewhere, again }),
        2 => (nth(), 0..9_u8, text(), rarely())
            .prop_map(|(nth, events, text, stale)| Hooks::Change { nth, events, text, stale }),
        1 => nth().prop_map(|nth| Hooks::Remove { nth }),
        2 => (nth(), text(), 0..8_u8).prop_map(|(nth, text, disable)| Hooks::Note { nth, text, disable }),
        2 => (nth(), 0..5_u8).prop_map(|(nth, generation)| Hooks::Secret { nth, generation }),
        5 => (nth(), 0..5_u8, text()).prop_map(|(nth, kind, text)| Hooks::Tell { nth, kind, text }),
        3 => nth().prop_map(|nth| Hooks::Announce { nth }),
        3 => (nth(), text(), rarely()).prop_map(|(nth, text, again)| Hooks::Write { nth, text, again }),
        3 => (nth(), nth(), any::<bool>())
            .prop_map(|(nth, account, of_account)| Hooks::Body { nth, account, of_account }),
        4 => (nth(), 0..3_u8, 0..3_u8, text())
            .prop_map(|(nth, attempts, outcome, text)| Hooks::Tried { nth, attempts, outcome, text }),
    ]
}

/// What an entry in the history is, and what it moves an account to.
const KINDS: [(EventKind, Option<AccountStatus>); 5] = [
    (EventKind::AccountRevoked, Some(AccountStatus::Revoked)),
    (EventKind::CredentialRefreshed, Some(AccountStatus::Active)),
    (EventKind::AccountDeleted, None),
    (EventKind::ConnectionFaulted, None),
    (EventKind::AccountExpired, Some(AccountStatus::Expired)),
];

fn text_of(n: u8) -> String {
    TEXTS[n as usize % TEXTS.len()].to_owned()
}

/// None, one or two types; none means all.
fn events_of(n: u8) -> Vec<WebhookEvent> {
    let all = WebhookEvent::ALL;
    (0..n % 3).map(|more| all[(n + more) as usize % all.len()]).collect()
}

fn reason_of(n: u8) -> Option<DisabledReason> {
    match n {
        0 => Some(DisabledReason::Operator),
        1 => Some(DisabledReason::Gone),
        2 => Some(DisabledReason::Failing),
        _ => None,
    }
}

/// What has been made so far, stored or not.
#[derive(Default)]
pub(super) struct Outbox {
    webhooks: Vec<Webhook>,
    /// As they are stored, but for what is noted of tries.
    current: BTreeMap<WebhookId, Webhook>,
    /// Messages that were written.
    written: Vec<Delivery>,
    /// Messages that storage may have made of events and calls.
    told: Vec<DeliveryId>,
}

impl Outbox {
    /// A message to some webhook, there or not.
    fn message(&self, f: &Fixture, n: u8) -> Option<Delivery> {
        let webhook = nth(&self.webhooks, n)?;
        let told = nth(&self.told, n / 2).map(|id| Delivery { id, ..f.delivery(&webhook) });
        match n % 2 {
            0 => told.or_else(|| nth(&self.written, n)),
            _ => nth(&self.written, n).or(told),
        }
    }

    /// `elsewhere` is an environment that was made, or was to be.
    pub(super) fn make(
        &mut self,
        f: &Fixture,
        hooks: &Hooks,
        accounts: &[Account],
        executions: &[Execution],
        elsewhere: Option<EnvironmentId>,
    ) -> Option<Change> {
        Some(match hooks {
            Hooks::Add { events, text, elsewhere: other, again } => {
                let mut webhook = f.webhook(&events_of(*events));
                webhook.description = Some(text_of(*text));
                if let Some(environment) = elsewhere.filter(|_| *other) {
                    webhook.environment = environment;
                }
                if let Some(other) = self.webhooks.last().filter(|_| *again) {
                    webhook.id = other.id.clone();
                }
                self.webhooks.push(webhook.clone());
                Change::InsertWebhook(webhook)
            }
            Hooks::Change { nth: n, events, text, stale } => {
                let webhook = nth(&self.webhooks, *n)?;
                let mut webhook = self.current.get(&webhook.id).cloned().unwrap_or(webhook);
                webhook.version += u64::from(!stale);
                webhook.url = text_of(*text);
                webhook.description = (*text > 0).then(|| text_of(*text));
                webhook.event_types = events_of(*events);
                webhook.disabled = reason_of(*events);
                webhook.failing_since = (*text == 2).then(|| f.now());
                webhook.updated_at = f.now();
                Change::UpdateWebhook(webhook)
            }
            Hooks::Remove { nth: n } => Change::DeleteWebhook(nth(&self.webhooks, *n)?.id),
            Hooks::Note { nth: n, text, disable } => {
                let note = match *disable {
                    7 => WebhookNote::Delivered { at: f.now() },
                    _ => WebhookNote::Failed {
                        at: f.now(),
                        error: text_of(*text),
                        disable: reason_of(*disable),
                    },
                };
                Change::NoteWebhook { id: nth(&self.webhooks, *n)?.id, note }
            }
            Hooks::Secret { nth: n, generation } => {
                f.webhook_secret(&nth(&self.webhooks, *n)?, u64::from(*generation))
            }
            Hooks::Tell { nth: n, kind, text } => {
                let account = nth(accounts, *n)?;
                let (kind, to) = KINDS[*kind as usize];
                let data = match to {
                    Some(to) => json!({"from": "EXPIRED", "to": to.as_str(), "text": text_of(*text)}),
                    None => json!({"identifier": text_of(*text), "status": "ACTIVE"}),
                };
                let mut about = NewEvent::of_account(&account, kind).data(data);
                about.code = (*text > 3).then_some(ErrorCode::AccessRevokedByUser);
                if kind == EventKind::ConnectionFaulted {
                    about.account = None;
                }
                let event = Event { event: about, ..f.event(&account) };
                self.told.extend(Announcement::of(&event).map(|told| told.id));
                Change::AppendEvent(event)
            }
            Hooks::Announce { nth: n } => {
                let id = nth(executions, *n)?.id;
                self.told.push(DeliveryId::of_execution(&id));
                Change::AnnounceExecution { id, at: f.now() }
            }
            Hooks::Write { nth: n, text, again } => {
                let mut message = f.delivery(&nth(&self.webhooks, *n)?);
                if let Some(other) = self.message(f, *n).filter(|_| *again) {
                    (message.webhook, message.id) = (other.webhook, other.id);
                }
                message.event = WebhookEvent::ALL[*text as usize];
                message.subject = (*text > 0).then(|| text_of(*text));
                message.identifier = Some(text_of(*text));
                message.connection_name = (*text > 2).then(|| text_of(*text));
                message.facts = json!({"text": text_of(*text)});
                // Several at the same instant, and some not yet.
                message.next_attempt_at = Some(match text {
                    0..3 => {
                        self.written.last().and_then(|it| it.next_attempt_at).unwrap_or(message.created_at)
                    }
                    3 => message.created_at + Duration::days(1),
                    _ => message.created_at,
                });
                self.written.push(message.clone());
                Change::InsertDelivery(message)
            }
            Hooks::Body { nth: n, account, of_account } => {
                let account = nth(accounts, *account).filter(|_| *of_account);
                Change::InsertDeliveryBody(f.delivery_body(&self.message(f, *n)?, account.as_ref()))
            }
            Hooks::Tried { nth: n, attempts, outcome, text } => {
                let outcome = DeliveryOutcome::ALL[*outcome as usize];
                let pending = outcome == DeliveryOutcome::Pending;
                let delivery = Delivery {
                    outcome,
                    attempts: u32::from(*attempts) + 1,
                    next_attempt_at: pending.then(|| f.now()),
                    ended_at: (!pending).then(|| f.now()),
                    response_status: (*text > 2).then(|| 500 + u16::from(*text)),
                    error: Some(text_of(*text)),
                    evidence: (*text != 1).then(|| text_of(*text)),
                    ..self.message(f, *n)?
                };
                Change::UpdateDelivery { attempts: u32::from(*attempts), delivery }
            }
        })
    }

    /// So that the next versions are right more often than not.
    pub(super) fn follow(&mut self, changes: &Changes) {
        for change in &changes.0 {
            if let Change::InsertWebhook(webhook) | Change::UpdateWebhook(webhook) = change {
                self.current.insert(webhook.id.clone(), webhook.clone());
            }
        }
    }
}

impl Both {
    /// Every webhook and every message by every key, and every list.
    pub(super) async fn outbox(&self, f: &Fixture, outbox: &Outbox, environments: &[EnvironmentId]) {
        let here = std::slice::from_ref(&f.env);
        for env in environments.iter().chain(here) {
            self.pages(|store, page| async move { store.webhooks(env, &page).await }).await;
        }
        for webhook in &outbox.webhooks {
            let id = &webhook.id;
            self.same(|s| s.webhook(id)).await.unwrap();
            self.same(|s| s.webhook_in(&f.env, id)).await.unwrap();
            self.same(|s| s.webhook_secrets(id)).await.unwrap();
            for outcome in DeliveryOutcome::ALL.into_iter().map(Some).chain([None]) {
                self.pages(|store, page| async move { store.deliveries(id, outcome, &page).await }).await;
            }
            let written = outbox.written.iter().map(|it| &it.id);
            for message in written.chain(&outbox.told) {
                self.same(|s| s.delivery(id, message)).await.unwrap();
                self.same(|s| s.delivery_body(id, message)).await.unwrap();
            }
        }
        let at = f.now();
        self.same(async |s: &Arc<dyn Store>| {
            let mut due = s.due_webhooks(at).await.unwrap();
            due.sort();
            due
        })
        .await;
    }

    /// Takes the messages that are due and removes what is old, on both.
    pub(super) async fn outbox_upkeep(&self, f: &Fixture, outbox: &Outbox) {
        let (at, hide_until) = (f.now(), f.now() + Duration::HOUR);
        for webhook in &outbox.webhooks {
            for limit in [2, 1000, 1000] {
                self.same(|s| s.take_due_deliveries(&webhook.id, at, hide_until, limit)).await.unwrap();
            }
        }
        let middle = outbox.written.get(outbox.written.len() / 2).map_or(at, |it| it.created_at);
        for before in [middle, middle + Duration::DAY, at + Duration::days(2)] {
            for what in [Prunable::Delivered, Prunable::Undelivered, Prunable::WebhookSecrets] {
                self.same(|s| s.prune(what, before, 1000)).await.unwrap();
            }
        }
    }
}
