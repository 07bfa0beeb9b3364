//! Webhooks: endpoints that are told what happens.

mod create;
mod delete;
mod deliveries;
mod get;
mod list;
mod redeliver;
mod rotate;
mod test;
mod update;

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use valetkey_domain::{
    ExposeSecret,
    webhook::{Delivery, Webhook},
};
use valetkey_engine::WebhookWithSecret;

use crate::{rest::common::page_body, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(rotate::rotate))
        .routes(routes!(test::test))
        .routes(routes!(deliveries::deliveries))
        .routes(routes!(redeliver::redeliver))
}

/// An endpoint of your app that is told what happens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookBody {
    /// `wh_…`
    id: String,
    /// Where messages are sent.
    url: String,
    /// Your own words about it.
    description: Option<String>,
    /// What it is told of; empty means everything, also what later versions tell.
    #[schema(example = json!(["account.revoked", "execution.finished"]))]
    event_types: Vec<&'static str>,
    /// Whether messages are sent.
    enabled: bool,
    /// `healthy`; `failing`: what was sent last did not arrive and is tried again; `disabled`: nothing is sent.
    #[schema(example = "healthy")]
    status: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
    /// Since when nothing arrives; `null` if what was sent last arrived.
    #[serde(with = "time::serde::rfc3339::option")]
    failing_since: Option<OffsetDateTime>,
    /// When a message arrived last.
    #[serde(with = "time::serde::rfc3339::option")]
    last_delivery_at: Option<OffsetDateTime>,
    /// What the last try failed with, if it failed.
    last_error: Option<String>,
    /// Why nothing is sent: `operator` (somebody turned it off), `gone` (it answered 410), `failing` (nothing had arrived
    /// for five days).
    disabled_reason: Option<&'static str>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            status: webhook.status().as_str(),
            id: webhook.id.into(),
            url: webhook.url,
            description: webhook.description,
            event_types: webhook.event_types.iter().map(|it| it.as_str()).collect(),
            enabled: webhook.disabled.is_none(),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
            failing_since: webhook.failing_since,
            last_delivery_at: webhook.last_delivery_at,
            last_error: webhook.last_error,
            disabled_reason: webhook.disabled.map(|reason| reason.as_str()),
        }
    }
}

/// A webhook with a new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub(crate) struct WebhookSecretBody {
    webhook: WebhookBody,
    /// The secret, shown this once: `whsec_…`. Verify messages with it (Standard Webhooks).
    secret: String,
    /// Until when messages are signed with the secret before, too.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    old_secret_valid_until: Option<OffsetDateTime>,
}

impl From<WebhookWithSecret> for WebhookSecretBody {
    fn from(made: WebhookWithSecret) -> Self {
        Self {
            webhook: made.webhook.into(),
            secret: made.secret.expose_secret().to_owned(),
            old_secret_valid_until: made.old_secret_valid_until,
        }
    }
}

/// A message to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryBody {
    /// `dl_…`: goes out with each try as `webhook-id`. A message has the same id at every webhook.
    id: String,
    /// What it tells.
    #[serde(rename = "type")]
    #[schema(example = "account.revoked")]
    event: &'static str,
    /// The event or the execution that it tells of.
    subject: Option<String>,
    /// `pending`, `delivered` or `failed` (it is not sent again by itself).
    #[schema(example = "delivered")]
    outcome: &'static str,
    /// How often it was sent.
    attempts: u32,
    /// When it happened.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When it is sent next.
    #[serde(with = "time::serde::rfc3339::option")]
    next_attempt_at: Option<OffsetDateTime>,
    /// What the endpoint answered last, if it answered.
    response_status: Option<u16>,
    /// Why the last try failed.
    error: Option<String>,
    /// The beginning of what the endpoint answered when it failed, cleaned of what looks like a secret.
    evidence: Option<String>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.into(),
            event: delivery.event.as_str(),
            subject: delivery.subject,
            outcome: delivery.outcome.as_str(),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_attempt_at: delivery.next_attempt_at,
            response_status: delivery.response_status,
            error: delivery.error,
            evidence: delivery.evidence,
        }
    }
}

page_body! {
    /// One page of webhooks, newest first.
    WebhookPage of WebhookBody
}

page_body! {
    /// One page of messages, newest first.
    DeliveryPage of DeliveryBody
}
