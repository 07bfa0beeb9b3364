//! Endpoints that are told what happens.

use rusqlite::{Connection, params};
use valetkey_domain::{
    EnvironmentId, Page, PageRequest, SealedBlob, StoreError, Time, WebhookId,
    webhook::{DisabledReason, Webhook, WebhookNote, WebhookSecret},
};

use super::{
    list::{Scope, page},
    row::{
        Columns, Conflicts, Listed, Record, all, count, execute, execute_one, micros, one, optional_micros,
    },
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
            url: columns.get("url")?,
            description: columns.get("description")?,
            event_types: columns.word("event_types", parse_event_types)?,
            disabled: columns.optional_word("disabled", DisabledReason::parse)?,
            failing_since: columns.optional_time("failing_since")?,
            last_delivery_at: columns.optional_time("last_delivery_at")?,
            last_error: columns.get("last_error")?,
            version: columns.count("version")?,
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
            generation: columns.count("generation")?,
            sealed: columns.sealed("sealed")?,
            valid_until: columns.optional_time("valid_until")?,
        })
    }
}

pub(super) fn insert(connection: &Connection, it: &Webhook) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhooks (id, environment, url, description, event_types, disabled, failing_since,
            last_delivery_at, last_error, version, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let values = params![
        it.id.as_str(),
        it.environment.as_str(),
        it.url,
        it.description,
        event_types(&it.event_types),
        it.disabled.map(DisabledReason::as_str),
        optional_micros(it.failing_since),
        optional_micros(it.last_delivery_at),
        it.last_error,
        count(it.version, TABLE, "version")?,
        micros(it.created_at),
        micros(it.updated_at),
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn update(connection: &Connection, it: &Webhook) -> Result<(), StoreError> {
    let sql =
        "UPDATE webhooks SET url = ?2, description = ?3, event_types = ?4, disabled = ?5, failing_since = ?6,
            last_error = ?7, version = ?8, updated_at = ?9
        WHERE id = ?1 AND version = ?8 - 1";
    let values = params![
        it.id.as_str(),
        it.url,
        it.description,
        event_types(&it.event_types),
        it.disabled.map(DisabledReason::as_str),
        optional_micros(it.failing_since),
        it.last_error,
        count(it.version, TABLE, "version")?,
        micros(it.updated_at),
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn delete(connection: &Connection, id: &WebhookId) -> Result<(), StoreError> {
    execute_one(connection, CONFLICTS, "DELETE FROM webhooks WHERE id = ?1", [id.as_str()])
}

pub(super) fn note(connection: &Connection, id: &WebhookId, note: &WebhookNote) -> Result<(), StoreError> {
    match note {
        WebhookNote::Delivered { at } => {
            let sql = "UPDATE webhooks SET failing_since = NULL, last_error = NULL, last_delivery_at = ?2
                WHERE id = ?1";
            execute(connection, CONFLICTS, sql, params![id.as_str(), micros(*at)])?;
        }
        WebhookNote::Failed { at, error, disable } => {
            let sql = "UPDATE webhooks SET failing_since = coalesce(failing_since, ?2), last_error = ?3,
                    disabled = coalesce(disabled, ?4)
                WHERE id = ?1";
            let disable = disable.map(DisabledReason::as_str);
            execute(connection, CONFLICTS, sql, params![id.as_str(), micros(*at), error, disable])?;
        }
    }
    Ok(())
}

pub(super) fn put_secret(
    connection: &Connection,
    webhook: &WebhookId,
    generation: u64,
    sealed: &SealedBlob,
    old_until: Time,
) -> Result<(), StoreError> {
    let (webhook, generation) = (webhook.as_str(), count(generation, SECRETS, "generation")?);
    let sql = "INSERT INTO webhook_secrets (webhook, generation, sealed) VALUES (?1, ?2, ?3)";
    execute_one(connection, SECRET_CONFLICTS, sql, params![webhook, generation, sealed.0])?;
    let sql = "DELETE FROM webhook_secrets WHERE webhook = ?1 AND generation < ?2 - 1";
    execute(connection, SECRET_CONFLICTS, sql, params![webhook, generation])?;
    let sql = "UPDATE webhook_secrets SET valid_until = ?3 WHERE webhook = ?1 AND generation = ?2 - 1";
    execute(connection, SECRET_CONFLICTS, sql, params![webhook, generation, micros(old_until)])?;
    Ok(())
}

pub(super) fn secrets(
    connection: &Connection,
    webhook: &WebhookId,
) -> Result<Vec<WebhookSecret>, StoreError> {
    all(connection, "webhook = ?1 ORDER BY generation DESC", [webhook.as_str()])
}

pub(super) fn by_id(connection: &Connection, id: &WebhookId) -> Result<Option<Webhook>, StoreError> {
    one(connection, "id = ?1", [id.as_str()])
}

pub(super) fn list(
    connection: &Connection,
    environment: &EnvironmentId,
    request: &PageRequest,
) -> Result<Page<Webhook>, StoreError> {
    let scope = Scope::default().and("environment = ?", environment.as_str().to_owned());
    page(connection, &[scope], request, None)
}

/// Those that are on and have messages whose time has come.
pub(super) fn due(connection: &Connection, at: Time) -> Result<Vec<WebhookId>, StoreError> {
    let rest = "disabled IS NULL AND EXISTS (SELECT 1 FROM webhook_deliveries
        WHERE webhook = webhooks.id AND outcome = 'pending' AND next_attempt_at <= ?1)";
    let found: Vec<Webhook> = all(connection, rest, [micros(at)])?;
    Ok(found.into_iter().map(|it| it.id).collect())
}
