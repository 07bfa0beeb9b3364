//! Webhooks: endpoints of apps that are told what happens.
//!
//! What they are told is written by storage in the commit that makes it true; `send.rs` brings it to them.
//! Why it is so: `docs/decisions/0021-webhooks.md`.

mod message;
mod secret;
mod send;

use serde_json::json;
use time::Duration;
use url::Url;
use valetkey_domain::{
    Caller, Change, Changes, DeliveryId, Error, ErrorCode, Page, PageRequest, Permission, SecretString, Time,
    WebhookId,
    webhook::{Delivery, DeliveryOutcome, DisabledReason, Webhook, WebhookEvent},
};

use crate::{Engine, connections::check::outbound_url};

pub(crate) use message::DELIVERY_BODY;
pub(crate) use secret::WEBHOOK_SECRET;
pub(crate) use send::Sending;

/// How many webhooks an environment has at most: each event is written once for each of them.
pub const MAX_WEBHOOKS: u64 = 50;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 500;
/// How long the secret before the newest is used beside it.
const OLD_SECRET_LASTS: Duration = Duration::hours(24);

/// A webhook to create.
#[derive(Debug, Clone, Default)]
pub struct NewWebhook {
    /// Where messages are sent: `https`, or `http` to a private address that the server opens.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it hears; empty means everything.
    pub event_types: Vec<String>,
    /// Whether messages are sent. Default: they are.
    pub enabled: Option<bool>,
}

/// Changes of a webhook. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct WebhookUpdate {
    /// Where messages are sent.
    pub url: Option<String>,
    /// What it is for; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// What it hears; empty means everything.
    pub event_types: Option<Vec<String>>,
    /// Whether messages are sent.
    pub enabled: Option<bool>,
}

/// A webhook with a new secret, shown this once.
#[derive(Debug, Clone)]
pub struct WebhookWithSecret {
    /// The webhook.
    pub webhook: Webhook,
    /// `whsec_…`
    pub secret: SecretString,
    /// Until when the secret before is used too; `None` if there was none.
    pub old_secret_valid_until: Option<Time>,
}

fn checked_url(engine: &Engine, text: &str) -> Result<String, Error> {
    let url: Url = text.parse().map_err(|_| Error::invalid("url", "must be an https URL"))?;
    outbound_url(&engine.0.settings, "url", &url)?;
    Ok(url.into())
}

fn checked_description(text: Option<String>) -> Result<Option<String>, Error> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match &text {
        Some(text) if text.chars().count() > MAX_DESCRIPTION || text.chars().any(char::is_control) => {
            Err(Error::invalid(
                "description",
                format!("must have at most {MAX_DESCRIPTION} characters, on one line"),
            ))
        }
        _ => Ok(text),
    }
}

fn checked_types(names: &[String]) -> Result<Vec<WebhookEvent>, Error> {
    let read = |name: &String| {
        WebhookEvent::parse(name).ok_or_else(|| {
            let known: Vec<_> = WebhookEvent::ALL.iter().map(|it| it.as_str()).collect();
            Error::invalid("event_types", format!("knows no \"{name}\"; there are {}", known.join(", ")))
        })
    };
    let mut types = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

impl Engine {
    /// Creates a webhook and its secret. Needs `webhooks:write`. Whoever may do so hears of every account of the
    /// environment and what calls bring that nobody waits for.
    ///
    /// # Errors
    /// `invalid_argument`, `webhook_limit_reached`.
    pub async fn create_webhook(&self, caller: &Caller, new: NewWebhook) -> Result<WebhookWithSecret, Error> {
        caller.require(Permission::WebhooksWrite)?;
        let now = self.now();
        let webhook = Webhook {
            id: WebhookId::new(&*self.0.clock, &*self.0.entropy),
            environment: caller.environment.clone(),
            url: checked_url(self, &new.url)?,
            description: checked_description(new.description)?,
            event_types: checked_types(&new.event_types)?,
            disabled: (new.enabled == Some(false)).then_some(DisabledReason::Operator),
            failing_since: None,
            last_delivery_at: None,
            last_error: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let first = PageRequest { size: 1, cursor: None };
        if self.0.store.webhooks(&caller.environment, &first).await?.total >= MAX_WEBHOOKS {
            return Err(Error::new(ErrorCode::WebhookLimitReached));
        }
        let (secret, put) = self.mint_webhook_secret(&webhook, 1).await?;
        let changes = Changes::from(Change::InsertWebhook(webhook.clone())).and(put);
        let entry = self.audit_entry(caller, "webhook.created", Some(webhook.id.as_str()));
        self.commit(changes.and(entry.data(audited(&webhook)).into())).await?;
        tracing::info!(webhook_id = %webhook.id, actor = %caller.actor(), "webhook created");
        Ok(WebhookWithSecret { webhook, secret, old_secret_valid_until: None })
    }

    /// The webhooks of the caller's environment, newest first. Needs `webhooks:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_webhooks(&self, caller: &Caller, page: &PageRequest) -> Result<Page<Webhook>, Error> {
        caller.require(Permission::WebhooksRead)?;
        Ok(self.0.store.webhooks(&caller.environment, page).await?)
    }

    /// A webhook by id. Needs `webhooks:read`.
    ///
    /// # Errors
    /// `webhook_not_found`.
    pub async fn get_webhook(&self, caller: &Caller, id: &str) -> Result<Webhook, Error> {
        caller.require(Permission::WebhooksRead)?;
        self.webhook_in(caller, id).await
    }

    /// Changes a webhook. Turning it on again forgets why it was off and since when it failed; what waited meanwhile is
    /// sent. Needs `webhooks:write`.
    ///
    /// # Errors
    /// `webhook_not_found`, `invalid_argument`, `conflict` if somebody else changed it at the same time.
    pub async fn update_webhook(
        &self,
        caller: &Caller,
        id: &str,
        update: WebhookUpdate,
    ) -> Result<Webhook, Error> {
        caller.require(Permission::WebhooksWrite)?;
        let mut webhook = self.webhook_in(caller, id).await?;
        if let Some(url) = update.url {
            webhook.url = checked_url(self, &url)?;
        }
        if let Some(description) = update.description {
            webhook.description = checked_description(description)?;
        }
        if let Some(types) = update.event_types {
            webhook.event_types = checked_types(&types)?;
        }
        match update.enabled {
            Some(true) if webhook.disabled.is_some() => {
                webhook.disabled = None;
                webhook.failing_since = None;
                webhook.last_error = None;
            }
            Some(false) if webhook.disabled.is_none() => webhook.disabled = Some(DisabledReason::Operator),
            _ => {}
        }
        webhook.version += 1;
        webhook.updated_at = self.now();
        let entry = self.audit_entry(caller, "webhook.updated", Some(webhook.id.as_str()));
        let entry = entry.data(audited(&webhook));
        self.commit(Changes::from(Change::UpdateWebhook(webhook.clone())).and(entry.into())).await?;
        Ok(webhook)
    }

    /// Deletes a webhook with its secrets and all messages to it. Needs `webhooks:write`.
    ///
    /// # Errors
    /// `webhook_not_found`.
    pub async fn delete_webhook(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        caller.require(Permission::WebhooksWrite)?;
        let webhook = self.webhook_in(caller, id).await?;
        let entry = self.audit_entry(caller, "webhook.deleted", Some(webhook.id.as_str()));
        let entry = entry.data(audited(&webhook));
        self.commit(Changes::from(Change::DeleteWebhook(webhook.id)).and(entry.into())).await
    }

    /// Gives a webhook another secret. For a day messages are signed with the one before too. Needs `webhooks:write`.
    ///
    /// # Errors
    /// `webhook_not_found`, `conflict` if somebody else did so at the same time.
    pub async fn rotate_webhook_secret(&self, caller: &Caller, id: &str) -> Result<WebhookWithSecret, Error> {
        caller.require(Permission::WebhooksWrite)?;
        let webhook = self.webhook_in(caller, id).await?;
        let newest = self.0.store.webhook_secrets(&webhook.id).await?.first().map_or(0, |it| it.generation);
        let (secret, put) = self.mint_webhook_secret(&webhook, newest + 1).await?;
        let old_secret_valid_until = (newest > 0).then(|| self.now() + OLD_SECRET_LASTS);
        let entry = self.audit_entry(caller, "webhook.secret_rotated", Some(webhook.id.as_str()));
        self.commit(Changes::from(put).and(entry.into())).await?;
        Ok(WebhookWithSecret { webhook, secret, old_secret_valid_until })
    }

    /// Sends a message of type `webhook.test` now and says what came of it. It is sent to a webhook that is off too, and
    /// once. Needs `webhooks:write`.
    ///
    /// # Errors
    /// `webhook_not_found`.
    pub async fn test_webhook(&self, caller: &Caller, id: &str) -> Result<Delivery, Error> {
        caller.require(Permission::WebhooksWrite)?;
        let webhook = self.webhook_in(caller, id).await?;
        let now = self.now();
        let delivery = Delivery {
            id: DeliveryId::new(&*self.0.clock, &*self.0.entropy),
            webhook: webhook.id.clone(),
            environment: webhook.environment.clone(),
            event: WebhookEvent::WebhookTest,
            subject: None,
            facts: json!({ "webhook_id": webhook.id.as_str() }),
            identifier: None,
            connection_name: None,
            outcome: DeliveryOutcome::Pending,
            attempts: 0,
            created_at: now,
            next_attempt_at: Some(now + send::HIDDEN),
            ended_at: None,
            response_status: None,
            error: None,
            evidence: None,
        };
        self.commit(Change::InsertDelivery(delivery.clone())).await?;
        self.send_delivery(&webhook, delivery).await
    }

    /// Messages to a webhook, newest first. Needs `webhooks:read`.
    ///
    /// # Errors
    /// `webhook_not_found`.
    pub async fn webhook_deliveries(
        &self,
        caller: &Caller,
        id: &str,
        outcome: Option<DeliveryOutcome>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, Error> {
        caller.require(Permission::WebhooksRead)?;
        let webhook = self.webhook_in(caller, id).await?;
        Ok(self.0.store.deliveries(&webhook.id, outcome, page).await?)
    }

    /// Has a message sent once more, under the same id, and from the beginning of the schedule. Needs `webhooks:write`.
    ///
    /// # Errors
    /// `webhook_not_found`, `delivery_not_found`, `conflict` if it is being sent at this moment.
    pub async fn redeliver_webhook(
        &self,
        caller: &Caller,
        id: &str,
        delivery: &str,
    ) -> Result<Delivery, Error> {
        caller.require(Permission::WebhooksWrite)?;
        let webhook = self.webhook_in(caller, id).await?;
        let found = match delivery.parse::<DeliveryId>() {
            Ok(id) => self.0.store.delivery(&webhook.id, &id).await?,
            Err(_) => None,
        };
        let found = found.ok_or_else(|| Error::new(ErrorCode::DeliveryNotFound))?;
        let attempts = found.attempts;
        let delivery = Delivery {
            outcome: DeliveryOutcome::Pending,
            attempts: 0,
            next_attempt_at: Some(self.now()),
            ended_at: None,
            ..found
        };
        let entry = self.audit_entry(caller, "webhook.redelivered", Some(webhook.id.as_str()));
        let entry = entry.data(json!({ "delivery": delivery.id.as_str() }));
        let change = Change::UpdateDelivery { attempts, delivery: delivery.clone() };
        self.commit(Changes::from(change).and(entry.into())).await?;
        Ok(delivery)
    }

    /// A webhook of the caller's environment.
    async fn webhook_in(&self, caller: &Caller, id: &str) -> Result<Webhook, Error> {
        let webhook = match id.parse::<WebhookId>() {
            Ok(id) => self.0.store.webhook_in(&caller.environment, &id).await?,
            Err(_) => None,
        };
        webhook.ok_or_else(|| Error::new(ErrorCode::WebhookNotFound))
    }
}

/// What the audit log says of a webhook. The query of its URL may hold a key of the app's.
fn audited(webhook: &Webhook) -> serde_json::Value {
    let host = webhook.url.parse::<Url>().ok().and_then(|url| url.host_str().map(str::to_owned));
    let types: Vec<_> = webhook.event_types.iter().map(|it| it.as_str()).collect();
    json!({ "host": host, "event_types": types, "enabled": webhook.disabled.is_none() })
}
