//! Messages on their way to webhooks: an outbox, written in the commit of what they tell.

use valetkey_domain::{
    DeliveryId, Event, ExecutionId, InstanceId, StoreError, Time, WebhookId,
    webhook::{Announcement, Delivery, DeliveryBody, DeliveryOutcome, WebhookEvent},
};

use super::{
    list::Scope,
    row::{Columns, Conflicts, Listed, Record, json, micros, optional_micros, values},
    statement::{Query, Write},
};

const TABLE: &str = "webhook_deliveries";
const CONFLICTS: Conflicts =
    Conflicts { table: TABLE, record: "delivery", unique: "delivery", reference: "delivery.webhook" };
const BODIES: &str = "webhook_bodies";
const BODY_CONFLICTS: Conflicts = Conflicts {
    table: BODIES,
    record: "delivery_body",
    unique: "delivery_body",
    reference: "delivery_body.of",
};

impl Record for Delivery {
    const TABLE: &'static str = TABLE;
    const COLUMNS: &'static str = "id, webhook, environment, event, subject, facts, identifier, connection_name, \
        outcome, attempts, created_at, next_attempt_at, ended_at, response_status, error, evidence";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            id: columns.id("id")?,
            webhook: columns.id("webhook")?,
            environment: columns.id("environment")?,
            event: columns.word("event", WebhookEvent::parse)?,
            subject: columns.optional_text("subject")?,
            facts: columns.json("facts")?,
            identifier: columns.optional_text("identifier")?,
            connection_name: columns.optional_text("connection_name")?,
            outcome: columns.word("outcome", DeliveryOutcome::parse)?,
            attempts: columns.number("attempts")?,
            created_at: columns.time("created_at")?,
            next_attempt_at: columns.optional_time("next_attempt_at")?,
            ended_at: columns.optional_time("ended_at")?,
            response_status: columns.optional_number("response_status")?,
            error: columns.optional_text("error")?,
            evidence: columns.optional_text("evidence")?,
        })
    }
}

impl Record for DeliveryBody {
    const TABLE: &'static str = BODIES;
    const COLUMNS: &'static str = "webhook, delivery, account, sealed";

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            webhook: columns.id("webhook")?,
            delivery: columns.id("delivery")?,
            account: columns.optional_id("account")?,
            sealed: columns.sealed("sealed")?,
        })
    }
}

impl Listed for Delivery {
    fn id(&self) -> &str {
        self.id.as_str()
    }
}

pub(super) fn insert(it: &Delivery) -> Result<Write, StoreError> {
    let sql = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
            connection_name, outcome, attempts, created_at, next_attempt_at, ended_at, response_status, error, evidence)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let values = values![
        it.id.as_str(),
        it.webhook.as_str(),
        it.environment.as_str(),
        it.event.as_str(),
        &it.subject,
        json(&it.facts, TABLE, "facts")?,
        &it.identifier,
        &it.connection_name,
        it.outcome.as_str(),
        i64::from(it.attempts),
        micros(it.created_at),
        optional_micros(it.next_attempt_at),
        optional_micros(it.ended_at),
        it.response_status.map(i64::from),
        &it.error,
        &it.evidence,
    ];
    Ok(Write::one(sql, CONFLICTS, values))
}

pub(super) fn insert_body(it: &DeliveryBody) -> Write {
    let sql = "INSERT INTO webhook_bodies (webhook, delivery, account, sealed) VALUES ($1, $2, $3, $4)";
    let account = it.account.as_ref().map(|id| id.as_str().to_owned());
    Write::one(sql, BODY_CONFLICTS, values![it.webhook.as_str(), it.delivery.as_str(), account, &it.sealed])
}

pub(super) fn body(webhook: &WebhookId, id: &DeliveryId) -> Query<DeliveryBody> {
    Query::new("webhook = $1 AND delivery = $2", values![webhook.as_str(), id.as_str()])
}

/// What a message says never changes: it would be another one under the same id.
pub(super) fn update(attempts: u32, it: &Delivery) -> Write {
    let sql =
        "UPDATE webhook_deliveries SET outcome = $4, attempts = $5, next_attempt_at = $6, ended_at = $7,
            response_status = $8, error = $9, evidence = $10
        WHERE webhook = $1 AND id = $2 AND attempts = $3";
    let values = values![
        it.webhook.as_str(),
        it.id.as_str(),
        i64::from(attempts),
        it.outcome.as_str(),
        i64::from(it.attempts),
        optional_micros(it.next_attempt_at),
        optional_micros(it.ended_at),
        it.response_status.map(i64::from),
        &it.error,
        &it.evidence,
    ];
    Write::one(sql, CONFLICTS, values)
}

/// Addresses what is told of `event`, if anything is, to every webhook that wants to hear it. One that is being
/// removed at this moment is waited for: a message to it would fail the whole commit.
pub(super) fn announce(event: &Event) -> Result<Option<Write>, StoreError> {
    let Some(told) = Announcement::of(event) else { return Ok(None) };
    let sql = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
            connection_name, outcome, attempts, created_at, next_attempt_at)
        SELECT $1, id, environment, $2, $3, $4, coalesce((SELECT identifier FROM accounts WHERE id = $5), $6),
            (SELECT name FROM connections WHERE id = $7), 'pending', 0, $8, $8
        FROM webhooks WHERE environment = $9 AND disabled IS NULL
            AND (event_types = '' OR strpos(event_types, ' ' || $2 || ' ') > 0)
        FOR KEY SHARE";
    let about = &event.event;
    let values = values![
        told.id.as_str(),
        told.event.as_str(),
        event.id.as_str(),
        json(&told.facts, TABLE, "facts")?,
        about.account.as_ref().map(|id| id.as_str()),
        told.identifier,
        about.connection.as_ref().map(|id| id.as_str()),
        micros(event.at),
        about.environment.as_str(),
    ];
    Ok(Some(Write::any(sql, CONFLICTS, values)))
}

/// Tells of the end of an execution. The message has the unique part of its id: there is one.
pub(super) fn announce_execution(id: &ExecutionId, at: Time) -> Write {
    let sql = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
            connection_name, outcome, attempts, created_at, next_attempt_at)
        SELECT 'dl_' || substr(executions.id, 4), webhooks.id, webhooks.environment, 'execution.finished',
            executions.id, '{}', executions.identifier,
            (SELECT name FROM connections WHERE id = executions.connection), 'pending', 0, $2, $2
        FROM executions JOIN webhooks ON webhooks.environment = executions.environment
        WHERE webhooks.disabled IS NULL
            AND (webhooks.event_types = '' OR strpos(webhooks.event_types, ' execution.finished ') > 0)
            AND executions.id = $1
        FOR KEY SHARE OF webhooks ON CONFLICT DO NOTHING";
    Write::any(sql, CONFLICTS, values![id.as_str(), micros(at)])
}

/// Tells of the executions that are about to be abandoned and that nobody waited for.
pub(super) fn announce_abandoned(instance: Option<InstanceId>, at: Time) -> Write {
    let sql = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
            connection_name, outcome, attempts, created_at, next_attempt_at)
        SELECT 'dl_' || substr(executions.id, 4), webhooks.id, webhooks.environment, 'execution.finished',
            executions.id, '{}', executions.identifier,
            (SELECT name FROM connections WHERE id = executions.connection), 'pending', 0, $2, $2
        FROM executions JOIN webhooks ON webhooks.environment = executions.environment
        WHERE webhooks.disabled IS NULL
            AND (webhooks.event_types = '' OR strpos(webhooks.event_types, ' execution.finished ') > 0)
            AND executions.status = 'RUNNING' AND executions.instance IS NOT DISTINCT FROM $1
            AND EXISTS (SELECT FROM answers WHERE execution = executions.id AND detached)
        FOR KEY SHARE OF webhooks ON CONFLICT DO NOTHING";
    Write::any(sql, CONFLICTS, values![instance.map(|it| i64::from(it.0)), micros(at)])
}

pub(super) fn by_id(webhook: &WebhookId, id: &DeliveryId) -> Query<Delivery> {
    Query::new("webhook = $1 AND id = $2", values![webhook.as_str(), id.as_str()])
}

pub(super) fn scope(webhook: &WebhookId, outcome: Option<DeliveryOutcome>) -> Scope {
    Scope::default()
        .and("webhook = ?", webhook.as_str())
        .and_maybe("outcome = ?", outcome.map(DeliveryOutcome::as_str))
}

/// Those whose time has come, the longest due first, as they are stored now: put off. Those that somebody else is taking
/// at this moment are left to them.
pub(super) fn take_due(webhook: &WebhookId, at: Time, hide_until: Time, limit: u32) -> Query<Delivery> {
    let sql = "WITH due AS (
            SELECT id AS due_id, next_attempt_at AS was FROM webhook_deliveries
            WHERE webhook = $1 AND outcome = 'pending' AND next_attempt_at <= $2
            ORDER BY next_attempt_at, id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE webhook_deliveries SET next_attempt_at = $3 FROM due WHERE webhook = $1 AND id = due_id
            RETURNING webhook_deliveries.*, was
        )
        SELECT id, webhook, environment, event, subject, facts, identifier, connection_name, outcome, attempts,
            created_at, next_attempt_at, ended_at, response_status, error, evidence
        FROM taken ORDER BY was, id";
    Query::of(sql, values![webhook.as_str(), micros(at), micros(hide_until), i64::from(limit)])
}
