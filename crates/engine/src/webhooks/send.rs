//! Bringing messages to webhooks: one try, what becomes of it, and when the next one is (S54).
//!
//! A message is taken from the database by hiding it for a while. Whoever dies between sending it and noting so has sent
//! it for nothing: it comes back and is sent again, with the same id. Endpoints must take a message twice.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use time::Duration;
use tokio::{sync::Semaphore, task::JoinHandle};
use valetkey_domain::{
    Change, Changes, Error, ErrorCode, StoreError, WebhookId,
    entropy::random_bytes,
    webhook::{Delivery, DeliveryOutcome, DisabledReason, Webhook, WebhookEvent, WebhookNote},
};
use valetkey_upstream::http::StreamLimits;

use super::{MAX_WEBHOOKS, secret::signatures};
use crate::{Engine, support::Redactor};

/// How long after each failed try the next one is. After the last of them the message has failed.
const SCHEDULE: [Duration; 9] = [
    Duration::seconds(5),
    Duration::minutes(5),
    Duration::minutes(30),
    Duration::hours(2),
    Duration::hours(5),
    Duration::hours(10),
    Duration::hours(14),
    Duration::hours(20),
    Duration::hours(24),
];
/// Longer than a try may take (`EngineSettings::webhook_deadline`): a message that was taken and not heard of again comes back.
pub(super) const HIDDEN: Duration = Duration::minutes(1);
/// A webhook at which nothing has arrived for so long is turned off when a message fails for good.
const GIVE_UP_AFTER: Duration = Duration::days(5);
/// How much of an answer is read, and how much of it is kept, in bytes.
const READ: usize = 4 << 10;
const KEPT: usize = 512;
/// How many messages are on their way to one webhook at the same time, and to all of them: as many webhooks as an
/// environment may have can keep us waiting, and none of them holds up another.
const AT_ONCE: u32 = 4;
const ALL_AT_ONCE: usize = AT_ONCE as usize * MAX_WEBHOOKS as usize;

/// What this process is sending.
pub(crate) struct Sending {
    /// Webhooks that somebody is sending to. A slow one keeps only its own messages waiting.
    busy: Mutex<HashSet<WebhookId>>,
    places: Arc<Semaphore>,
}

impl Default for Sending {
    fn default() -> Self {
        Self { busy: Mutex::default(), places: Arc::new(Semaphore::new(ALL_AT_ONCE)) }
    }
}

/// The right to send to a webhook; given back when it is dropped.
struct Turn {
    engine: Engine,
    webhook: WebhookId,
}

impl Turn {
    fn take(engine: &Engine, webhook: WebhookId) -> Option<Self> {
        let mut busy = engine.0.sending.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(webhook.clone()).then(|| Self { engine: engine.clone(), webhook })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.engine.0.sending.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.webhook);
    }
}

/// What an endpoint said.
struct Said {
    status: Option<u16>,
    /// Why the message has not arrived.
    failure: Option<String>,
    evidence: Option<String>,
}

/// When the next try is after this many, with up to a tenth more, so that a crowd does not come back in one second.
fn pause(attempts: u32, random: u64) -> Option<Duration> {
    let pause = SCHEDULE.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    let tenth = u64::try_from(pause.whole_milliseconds() / 10).unwrap_or(0);
    let spread = i64::try_from(random % (tenth + 1)).unwrap_or(0);
    Some(*pause + Duration::milliseconds(spread))
}

impl Engine {
    /// Sends what is due to every webhook that nobody is sending to, and waits for it. Gives how many messages were sent.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn deliver_webhooks(&self) -> Result<u64, Error> {
        let mut sent = 0;
        for task in self.begin_deliveries().await? {
            sent += task.await.map_err(Error::internal)??;
        }
        Ok(sent)
    }

    /// The same without waiting: each webhook has a task of its own.
    pub(crate) async fn begin_deliveries(&self) -> Result<Vec<JoinHandle<Result<u64, Error>>>, Error> {
        let due = self.0.store.due_webhooks(self.now()).await?;
        let turns = due.into_iter().filter_map(|webhook| Turn::take(self, webhook));
        Ok(turns.map(|turn| self.0.tasks.spawn(turn.go())).collect())
    }

    /// One try of a message that was taken. What comes of it is durable afterwards.
    pub(super) async fn send_delivery(
        &self,
        webhook: &Webhook,
        delivery: Delivery,
    ) -> Result<Delivery, Error> {
        let said = match self.webhook_request(webhook, &delivery).await {
            Ok(Some(request)) => self.ask_endpoint(request).await,
            // It was deleted meanwhile, with its webhook or by its age.
            Ok(None) => return Ok(delivery),
            Err(error) if error.code() == ErrorCode::StorageUnavailable => return Err(error),
            // What is sealed does not open: that is told, and tried again, since an operator can mend it.
            Err(error) => {
                Said { status: None, failure: Some(error.details().message.clone()), evidence: None }
            }
        };
        self.note_try(webhook, delivery, said).await
    }

    async fn webhook_request(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
    ) -> Result<Option<http::Request<Full<Bytes>>>, Error> {
        let Some(body) = self.webhook_body(delivery).await? else { return Ok(None) };
        let keys = self.webhook_keys(webhook).await?;
        let timestamp = self.now().unix_timestamp();
        let signature = signatures(&keys, delivery.id.as_str(), timestamp, &body);
        http::Request::builder()
            .method(Method::POST)
            .uri(webhook.url.as_str())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", delivery.id.as_str())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Full::new(Bytes::from_owner(body)))
            .map(Some)
            .map_err(Error::internal)
    }

    async fn ask_endpoint(&self, request: http::Request<Full<Bytes>>) -> Said {
        let deadline = self.0.settings.webhook_deadline;
        let limits = StreamLimits {
            head_deadline: deadline,
            deadline: Some(deadline),
            idle: deadline,
            max_response_bytes: u64::MAX >> 1,
        };
        let answer = match self.0.egress.stream(request, limits).await {
            Ok(answer) => answer,
            Err(fault) => return Said { status: None, failure: Some(format!("{fault}.")), evidence: None },
        };
        let status = answer.status();
        let failure = match status {
            status if status.is_success() => None,
            StatusCode::GONE => Some("The endpoint answered 410: it is gone.".to_owned()),
            status if status.is_redirection() => {
                Some(format!("The endpoint answered {}; redirects are not followed.", status.as_u16()))
            }
            status => Some(format!("The endpoint answered {}.", status.as_u16())),
        };
        // Whoever has said that it arrived need not say more.
        let evidence = match failure {
            Some(_) => self.evidence(answer.into_body()).await,
            None => None,
        };
        Said { status: Some(status.as_u16()), failure, evidence }
    }

    /// The beginning of an answer, cleaned of what looks like a secret.
    async fn evidence<B>(&self, mut body: B) -> Option<String>
    where
        B: http_body::Body<Data = Bytes> + Unpin,
    {
        let mut read = Vec::new();
        while read.len() < READ {
            let Some(Ok(frame)) = body.frame().await else { break };
            if let Ok(data) = frame.into_data() {
                read.extend_from_slice(&data[..data.len().min(READ - read.len())]);
            }
        }
        let text = String::from_utf8_lossy(&read);
        let cleaned = Redactor::new(Vec::new(), &self.0.settings.public_url).text(text.trim());
        let mut end = cleaned.len().min(KEPT);
        while !cleaned.is_char_boundary(end) {
            end -= 1;
        }
        let kept: String = cleaned[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        (!kept.is_empty()).then_some(kept)
    }

    async fn note_try(&self, webhook: &Webhook, delivery: Delivery, said: Said) -> Result<Delivery, Error> {
        let (before, now) = (delivery.attempts, self.now());
        let mut delivery = Delivery {
            attempts: before + 1,
            response_status: said.status,
            error: said.failure.clone(),
            evidence: said.evidence,
            next_attempt_at: None,
            ended_at: Some(now),
            ..delivery
        };
        let is_test = delivery.event == WebhookEvent::WebhookTest;
        let gone = said.status == Some(StatusCode::GONE.as_u16());
        let mut changes = Changes::new();
        match said.failure {
            None => {
                delivery.outcome = DeliveryOutcome::Delivered;
                let note = WebhookNote::Delivered { at: now };
                changes = changes.and(Change::NoteWebhook { id: webhook.id.clone(), note });
            }
            Some(error) => {
                let random = u64::from_be_bytes(random_bytes::<8>(&*self.0.entropy));
                let next = pause(delivery.attempts, random).filter(|_| !gone && !is_test);
                match next {
                    Some(pause) => {
                        delivery.outcome = DeliveryOutcome::Pending;
                        (delivery.next_attempt_at, delivery.ended_at) = (Some(now + pause), None);
                    }
                    None => delivery.outcome = DeliveryOutcome::Failed,
                }
                let dead = webhook.failing_since.is_some_and(|since| now - since >= GIVE_UP_AFTER);
                let disable = match (gone, next.is_none() && !is_test && dead) {
                    (true, _) => Some(DisabledReason::Gone),
                    (false, true) => Some(DisabledReason::Failing),
                    (false, false) => None,
                };
                if let Some(reason) = disable.filter(|_| webhook.disabled.is_none()) {
                    tracing::warn!(webhook_id = %webhook.id, reason = reason.as_str(), "a webhook was turned off");
                    let entry = self.audit_of("system", "webhook.disabled", Some(webhook.id.as_str()));
                    changes =
                        changes.and(entry.data(serde_json::json!({ "reason": reason.as_str() })).into());
                }
                // A test that fails says nothing about messages that are on their way.
                if !is_test || gone {
                    let note = WebhookNote::Failed { at: now, error, disable };
                    changes = changes.and(Change::NoteWebhook { id: webhook.id.clone(), note });
                }
            }
        }
        let change = Change::UpdateDelivery { attempts: before, delivery: delivery.clone() };
        match self.0.store.commit(Changes::from(change).with(changes)).await {
            // It was deleted meanwhile, or somebody has it sent from the beginning.
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(delivery),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl Turn {
    async fn go(self) -> Result<u64, Error> {
        let (engine, mut sent) = (&self.engine, 0);
        loop {
            // It may have been changed or turned off while the ones before were on their way.
            let Some(webhook) = engine.0.store.webhook(&self.webhook).await? else { return Ok(sent) };
            if webhook.disabled.is_some() {
                return Ok(sent);
            }
            let Ok(mut places) = Arc::clone(&engine.0.sending.places).acquire_many_owned(AT_ONCE).await
            else {
                return Ok(sent);
            };
            let now = engine.now();
            let taken = engine.0.store.take_due_deliveries(&self.webhook, now, now + HIDDEN, AT_ONCE).await?;
            if taken.is_empty() {
                return Ok(sent);
            }
            // What is not needed is for other webhooks, however long these messages take.
            drop(places.split((AT_ONCE as usize).saturating_sub(taken.len())));
            let tries = taken.into_iter().map(|delivery| engine.send_delivery(&webhook, delivery));
            for outcome in futures::future::join_all(tries).await {
                outcome?;
                sent += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S54: the schedule, with up to a tenth more, and an end.
    #[test]
    fn pause_follows_the_schedule_with_jitter() {
        for (n, expected) in (1..).zip(SCHEDULE) {
            let pauses: Vec<_> =
                (0..200_u64).filter_map(|r| pause(n, r.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
            assert_eq!(pauses.len(), 200);
            assert!(pauses.iter().all(|it| *it >= expected && *it <= expected + expected / 10));
            assert!(pauses.iter().collect::<HashSet<_>>().len() > 50, "jitter");
        }
        assert_eq!(pause(10, 0), None);
        assert_eq!(pause(0, 0), None);
    }
}
