//! Endpoints that are told what happens.

use valetkey_domain::{
    EnvironmentId, SealedBlob, StoreError, Time, WebhookId,
    webhook::{DisabledReason, Webhook, WebhookNote, WebhookSecret},
};

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, count, micros, optional_micros, values},
    statement::{Query, Write},
};
use crate::values::{event_types, parse_event_types};

const TABLE: &str = "webhooks";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "webhook", unique: "webhook", reference: "webhook.environment" };
const SECRETS: &str = "webhook_secrets";
const SECRET_CONFLICTS: Conflicts = Conflicts {
    table: SECRETS,
    record: "webhook_secret",
    unique: "webhook_secret",
    reference: "webhook_secret.webhook",
};

impl Record for Webhook {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, environment, url, description, event_types, disabled, failing_since, \
        last_delivery_at, last_error, version, created_at, updated_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            environment: columns.id("environment")?,
            url: columns.text("url")?,
            description: columns.optional_text("description")?,
            event_types: columns.word("event_types", parse_event_types)?,
            disabled: columns.optional_word("disabled", DisabledReason::parse)?,
            failing_since: columns.optional_time("failing_since")?,
            last_delivery_at: columns.optional_time("last_delivery_at")?,
            last_error: columns.optional_text("last_error")?,
            version: columns.number("version")?,
            created_at: columns.time("created_at")?,
            updated_at: columns.time("updated_at")?,
        })
    }
}

impl Listed for Webhook {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl Record for WebhookSecret {
    const TABLE: &'static str = SECRETS;
    const COLUMNS: &'static str = "generation, sealed, valid_until";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            generation: columns.number("generation")?,
            sealed: columns.sealed("sealed")?,
            valid_until: columns.optional_time("valid_until")?,
        })
    }
}

pub(super) fn insert(it: &Webhook) -> Result<Write, StoreError> {
    let sql = "INSERT INTO webhooks (id, environment, url, description, event_types, disabled, failing_since,
            last_delivery_at, last_error, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = values![
        it.id.as_str(),
        it.environment.as_str(),
        &it.url,
        &it.description,
        event_types(&it.event_types),
        it.disabled.map(DisabledReason::as_str),
        optional_micros(it.failing_since),
        optional_micros(it.last_delivery_at),
        &it.last_error,
        count(it.version, TABLE, "version")?,
        micros(it.created_at),
        micros(it.updated_at),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn update(it: &Webhook) -> Result<Write, StoreError> {
    let sql =
        "UPDATE webhooks SET url = $2, description = $3, event_types = $4, disabled = $5, failing_since = $6,
            last_error = $7, version = $8, updated_at = $9
        WHERE id = $1 AND version = $8 - 1";
    let values = values![
        it.id.as_str(),
        &it.url,
        &it.description,
        event_types(&it.event_types),
        it.disabled.map(DisabledReason::as_str),
        optional_micros(it.failing_since),
        &it.last_error,
        count(it.version, TABLE, "version")?,
        micros(it.updated_at),
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn delete(id: &WebhookId) -> Write {
    Write::one("DELETE FROM webhooks WHERE id = $1", CONFLICTS, values![id.as_str()])
}

pub(super) fn note(id: &WebhookId, note: &WebhookNote) -> Write {
    match note {
        WebhookNote::Delivered { at } => {
            let sql = "UPDATE webhooks SET failing_since = NULL, last_error = NULL, last_delivery_at = $2
                WHERE id = $1";
            Write::any(sql, CONFLICTS, values![id.as_str(), micros(*at)])
        }
        WebhookNote::Failed { at, error, disable } => {
            let sql = "UPDATE webhooks SET failing_since = coalesce(failing_since, $2), last_error = $3,
                    disabled = coalesce(disabled, $4)
                WHERE id = $1";
            let disable = disable.map(DisabledReason::as_str);
            Write::any(sql, CONFLICTS, values![id.as_str(), micros(*at), error, disable])
        }
    }
}

pub(super) fn put_secret(
    webhook: &WebhookId,
    generation: u64,
    sealed: &SealedBlob,
    old_until: Time,
) -> Result<[Write; 3], StoreError> {
    let (webhook, generation) = (webhook.as_str(), count(generation, SECRETS, "generation")?);
    Ok([
        Write::one(
            "INSERT INTO webhook_secrets (webhook, generation, sealed) VALUES ($1, $2, $3)",
            SECRET_CONFLICTS,
            values![webhook, generation, sealed],
        ),
        Write::any(
            "DELETE FROM webhook_secrets WHERE webhook = $1 AND generation < $2 - 1",
            SECRET_CONFLICTS,
            values![webhook, generation],
        ),
        Write::any(
            "UPDATE webhook_secrets SET valid_until = $3 WHERE webhook = $1 AND generation = $2 - 1",
            SECRET_CONFLICTS,
            values![webhook, generation, micros(old_until)],
        ),
    ])
}

pub(super) fn secrets(webhook: &WebhookId) -> Query<WebhookSecret> {
    Query::new("webhook = $1 ORDER BY generation DESC", values![webhook.as_str()])
}

pub(super) fn by_id(id: &WebhookId) -> Query<Webhook> {
    Query::new("id = $1", values![id.as_str()])
}

pub(super) fn scope(environment: &EnvironmentId) -> Scope {
    Scope::default().and("environment = ?", environment.as_str())
}

/// Those that are on and have messages whose time has come.
pub(super) fn due(at: Time) -> Query<Webhook> {
    let rest = "disabled IS NULL AND EXISTS (SELECT FROM webhook_deliveries
        WHERE webhook = webhooks.id AND outcome = 'pending' AND next_attempt_at <= $1)";
    Query::new(rest, values![micros(at)])
}
