//! Messages on their way to webhooks: an outbox, written in the commit of what they tell.

use rusqlite::{Connection, named_params, params, types::ToSql};
use valetkey_domain::{
    AccountId, DeliveryId, Event, ExecutionId, InstanceId, Page, PageRequest, SealedBlob, StoreError, Time,
    WebhookId,
    webhook::{Announcement, Delivery, DeliveryBody, DeliveryOutcome, WebhookEvent},
};

use super::{
    list::{Scope, page},
    row::{
        Columns, Conflicts, Listed, Record, all, execute, execute_one, json, micros, one, optional_micros,
    },
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
            subject: columns.get("subject")?,
            facts: columns.json("facts")?,
            identifier: columns.get("identifier")?,
            connection_name: columns.get("connection_name")?,
            outcome: columns.word("outcome", DeliveryOutcome::parse)?,
            attempts: columns.get("attempts")?,
            created_at: columns.time("created_at")?,
            next_attempt_at: columns.optional_time("next_attempt_at")?,
            ended_at: columns.optional_time("ended_at")?,
            response_status: columns.get("response_status")?,
            error: columns.get("error")?,
            evidence: columns.get("evidence")?,
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

pub(super) fn insert(connection: &Connection, it: &Delivery) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
            connection_name, outcome, attempts, created_at, next_attempt_at, ended_at, response_status, error, evidence)
        VALUES (:id, :webhook, :environment, :event, :subject, :facts, :identifier, :connection_name, :outcome,
            :attempts, :created_at, :next_attempt_at, :ended_at, :response_status, :error, :evidence)";
    let values: &[(&str, &dyn ToSql)] = named_params! {
        ":id": it.id.as_str(),
        ":webhook": it.webhook.as_str(),
        ":environment": it.environment.as_str(),
        ":event": it.event.as_str(),
        ":subject": it.subject,
        ":facts": json(&it.facts, TABLE, "facts")?,
        ":identifier": it.identifier,
        ":connection_name": it.connection_name,
        ":outcome": it.outcome.as_str(),
        ":attempts": it.attempts,
        ":created_at": micros(it.created_at),
        ":next_attempt_at": optional_micros(it.next_attempt_at),
        ":ended_at": optional_micros(it.ended_at),
        ":response_status": it.response_status,
        ":error": it.error,
        ":evidence": it.evidence,
    };
    execute_one(connection, CONFLICTS, sql, values)
}

pub(super) fn insert_body(connection: &Connection, it: &DeliveryBody) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhook_bodies (webhook, delivery, account, sealed) VALUES (?1, ?2, ?3, ?4)";
    let account = it.account.as_ref().map(AccountId::as_str);
    let values = params![it.webhook.as_str(), it.delivery.as_str(), account, it.sealed.0];
    execute_one(connection, BODY_CONFLICTS, sql, values)
}

pub(super) fn body(
    connection: &Connection,
    webhook: &WebhookId,
    id: &DeliveryId,
) -> Result<Option<SealedBlob>, StoreError> {
    let found: Option<DeliveryBody> =
        one(connection, "webhook = ?1 AND delivery = ?2", [webhook.as_str(), id.as_str()])?;
    Ok(found.map(|body| body.sealed))
}

/// What a message says never changes: it would be another one under the same id.
pub(super) fn update(connection: &Connection, attempts: u32, it: &Delivery) -> Result<(), StoreError> {
    let sql =
        "UPDATE webhook_deliveries SET outcome = ?4, attempts = ?5, next_attempt_at = ?6, ended_at = ?7,
            response_status = ?8, error = ?9, evidence = ?10
        WHERE webhook = ?1 AND id = ?2 AND attempts = ?3";
    let values = params![
        it.webhook.as_str(),
        it.id.as_str(),
        attempts,
        it.outcome.as_str(),
        it.attempts,
        optional_micros(it.next_attempt_at),
        optional_micros(it.ended_at),
        it.response_status,
        it.error,
        it.evidence,
    ];
    execute_one(connection, CONFLICTS, sql, values)
}

/// Addresses what is told of `event`, if anything is, to every webhook that wants to hear it.
pub(super) fn announce(connection: &Connection, event: &Event) -> Result<(), StoreError> {
    let Some(told) = Announcement::of(event) else { return Ok(()) };
    let sql = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
            connection_name, outcome, attempts, created_at, next_attempt_at)
        SELECT ?1, id, environment, ?2, ?3, ?4, coalesce((SELECT identifier FROM accounts WHERE id = ?5), ?6),
            (SELECT name FROM connections WHERE id = ?7), 'pending', 0, ?8, ?8
        FROM webhooks WHERE environment = ?9 AND disabled IS NULL
            AND (event_types = '' OR instr(event_types, ' ' || ?2 || ' ') > 0)";
    let about = &event.event;
    let values = params![
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
    execute(connection, CONFLICTS, sql, values)?;
    Ok(())
}

/// Tells of the end of an execution. The message has the unique part of its id: there is one.
const OF_EXECUTION: &str = "INSERT INTO webhook_deliveries (id, webhook, environment, event, subject, facts, identifier,
        connection_name, outcome, attempts, created_at, next_attempt_at)
    SELECT 'dl_' || substr(executions.id, 4), webhooks.id, webhooks.environment, 'execution.finished', executions.id,
        '{}', executions.identifier, (SELECT name FROM connections WHERE id = executions.connection), 'pending', 0,
        ?2, ?2
    FROM executions JOIN webhooks ON webhooks.environment = executions.environment
    WHERE webhooks.disabled IS NULL
        AND (webhooks.event_types = '' OR instr(webhooks.event_types, ' execution.finished ') > 0) AND ";
const ONCE: &str = " ON CONFLICT DO NOTHING";

pub(super) fn announce_execution(
    connection: &Connection,
    id: &ExecutionId,
    at: Time,
) -> Result<(), StoreError> {
    let sql = format!("{OF_EXECUTION} executions.id = ?1 {ONCE}");
    execute(connection, CONFLICTS, &sql, params![id.as_str(), micros(at)])?;
    Ok(())
}

/// Tells of the executions that are about to be abandoned and that nobody waited for.
pub(super) fn announce_abandoned(
    connection: &Connection,
    instance: Option<InstanceId>,
    at: Time,
) -> Result<(), StoreError> {
    let sql = format!(
        "{OF_EXECUTION} executions.status = 'RUNNING' AND executions.instance IS ?1
            AND EXISTS (SELECT 1 FROM answers WHERE execution = executions.id AND detached = 1) {ONCE}"
    );
    execute(connection, CONFLICTS, &sql, params![instance.map(|it| it.0), micros(at)])?;
    Ok(())
}

pub(super) fn by_id(
    connection: &Connection,
    webhook: &WebhookId,
    id: &DeliveryId,
) -> Result<Option<Delivery>, StoreError> {
    one(connection, "webhook = ?1 AND id = ?2", [webhook.as_str(), id.as_str()])
}

pub(super) fn list(
    connection: &Connection,
    webhook: &WebhookId,
    outcome: Option<DeliveryOutcome>,
    request: &PageRequest,
) -> Result<Page<Delivery>, StoreError> {
    let scope = Scope::default()
        .and("webhook = ?", webhook.as_str().to_owned())
        .and_maybe("outcome = ?", outcome.map(|it| it.as_str().to_owned()));
    page(connection, &[scope], request, None)
}

/// Those whose time has come, the longest due first: put off.
pub(super) fn take_due(
    connection: &Connection,
    webhook: &WebhookId,
    at: Time,
    hide_until: Time,
    limit: u32,
) -> Result<Vec<Delivery>, StoreError> {
    let rest = "webhook = ?1 AND outcome = 'pending' AND next_attempt_at <= ?2
        ORDER BY next_attempt_at, id LIMIT ?3";
    let mut due: Vec<Delivery> = all(connection, rest, params![webhook.as_str(), micros(at), limit])?;
    for it in &mut due {
        let sql = "UPDATE webhook_deliveries SET next_attempt_at = ?3 WHERE webhook = ?1 AND id = ?2";
        let values = params![webhook.as_str(), it.id.as_str(), micros(hide_until)];
        execute_one(connection, CONFLICTS, sql, values)?;
        it.next_attempt_at = Some(hide_until);
    }
    Ok(due)
}
