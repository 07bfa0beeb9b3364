//! One webhook: how it is doing, what it hears, and the messages to it.

use askama::Template;
use axum::{extract::State, response::Response};
use http::Uri;
use valetkey_domain::{
    Error, ErrorCode, ExposeSecret, Time,
    webhook::{Delivery, DeliveryOutcome, DisabledReason, Webhook},
};
use valetkey_engine::{Visitor, WebhookUpdate};

use super::{
    form::Form,
    gate::Visiting,
    list::{Filters, Steps},
    secret::SecretPage,
    shell::{Answer, Shell, go_to, query_of, show},
    text,
    webhooks::{SECRET_TOLD, TypeBox, hears, types},
};
use crate::{extract::Path, state::App};

#[derive(Template)]
#[template(path = "dashboard/webhook.html")]
struct WebhookPage {
    shell: Shell,
    state: &'static str,
    tone: &'static str,
    hears: String,
    types: Vec<TypeBox>,
    /// What came of the test that was just sent.
    test: Option<Message>,
    filters: Filters,
    messages: Vec<Message>,
    steps: Steps,
    /// Why nothing is sent, and what to do.
    off: Option<&'static str>,
    webhook: Webhook,
}

/// A message in a list.
struct Message {
    id: String,
    event: &'static str,
    words: &'static str,
    /// The page of what it tells of.
    subject: Option<(String, String)>,
    who: Option<String>,
    outcome: &'static str,
    tone: &'static str,
    attempts: u32,
    created_at: Time,
    next_attempt_at: Option<Time>,
    status: Option<u16>,
    error: Option<String>,
    evidence: Option<String>,
}

impl Message {
    fn of(shell: &Shell, delivery: Delivery) -> Self {
        let (outcome, tone) = text::delivery_words(&delivery);
        let account = delivery.facts.get("account_id").and_then(serde_json::Value::as_str);
        let subject = match (account, delivery.subject) {
            (Some(account), _) => Some((shell.to(&format!("/accounts/{account}")), account.to_owned())),
            (None, Some(id)) if id.starts_with("ex_") => Some((shell.to(&format!("/executions/{id}")), id)),
            _ => None,
        };
        let who = [delivery.identifier, delivery.connection_name];
        let who = who.into_iter().flatten().collect::<Vec<_>>().join(" on ");
        Self {
            id: delivery.id.to_string(),
            event: delivery.event.as_str(),
            words: text::webhook_event_words(delivery.event),
            subject,
            who: Some(who).filter(|who| !who.is_empty()),
            outcome,
            tone,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_attempt_at: delivery.next_attempt_at,
            status: delivery.response_status,
            error: delivery.error,
            evidence: delivery.evidence,
        }
    }
}

fn path(id: &str) -> String {
    format!("/settings/webhooks/{id}")
}

/// The page.
pub(super) async fn page(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    uri: Uri,
) -> Answer {
    made(&app, &visitor, &id, query_of(&uri), None).await
}

async fn made(
    app: &App,
    visitor: &Visitor,
    id: &str,
    query: &str,
    tested: Option<Delivery>,
) -> Result<Response, crate::ApiError> {
    let filters = Filters::of(query);
    let outcome = filters.get("outcome").map(|text| {
        DeliveryOutcome::parse(&text)
            .ok_or_else(|| Error::invalid("outcome", "must be pending, delivered or failed"))
    });
    let webhook = app.engine.get_webhook(&visitor.caller, id).await?;
    let found =
        app.engine.webhook_deliveries(&visitor.caller, id, outcome.transpose()?, &filters.request()).await?;
    let shell = Shell::of(app, Some(visitor), "settings", query);
    let (state, tone) = text::webhook_words(&webhook);
    let view = WebhookPage {
        state,
        tone,
        hears: hears(&webhook),
        types: TypeBox::all(&webhook.event_types),
        test: tested.map(|delivery| Message::of(&shell, delivery)),
        steps: Steps::of(&found, &filters),
        filters,
        messages: found.items.into_iter().map(|delivery| Message::of(&shell, delivery)).collect(),
        off: webhook.disabled.map(|reason| match reason {
            DisabledReason::Operator => "Somebody turned it off. What happens meanwhile is not told to it.",
            DisabledReason::Gone => {
                "The endpoint answered 410: it is gone. If it has moved, change the address and turn it on again."
            }
            DisabledReason::Failing => {
                "Nothing had arrived for five days. Mend the endpoint, send a test, and turn it on again."
            }
        }),
        shell,
        webhook,
    };
    Ok(show(&view))
}

/// Changes what it hears and where.
pub(super) async fn save(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let update = WebhookUpdate {
        url: form.filled("url"),
        description: Some(form.filled("description")),
        event_types: Some(types(&form)),
        enabled: None,
    };
    app.engine.update_webhook(&visitor.caller, &id, update).await?;
    Ok(go_to(&app, &format!("{}?done=saved", path(&id))))
}

/// Turns it on or off.
pub(super) async fn switch(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let (enabled, done) = match form.text("enabled") {
        "yes" => (true, "webhook-on"),
        "no" => (false, "webhook-off"),
        _ => return Err(Error::invalid("enabled", "must be yes or no").into()),
    };
    let update = WebhookUpdate { enabled: Some(enabled), ..WebhookUpdate::default() };
    app.engine.update_webhook(&visitor.caller, &id, update).await?;
    Ok(go_to(&app, &format!("{}?done={done}", path(&id))))
}

/// Gives it another secret.
pub(super) async fn rotate(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let made = app.engine.rotate_webhook_secret(&visitor.caller, &id).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    SecretPage {
        title: "Another secret".to_owned(),
        told: format!("{SECRET_TOLD} For 24 hours messages are signed with the one before, too."),
        lines: vec![("Secret", made.secret.expose_secret().to_owned()), ("Sent to", made.webhook.url)],
        back: (shell.to(&path(&id)), "Back to the webhook"),
        shell,
    }
    .show()
}

/// Sends a test and shows what came of it.
pub(super) async fn test(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let delivery = app.engine.test_webhook(&visitor.caller, &id).await?;
    made(&app, &visitor, &id, "", Some(delivery)).await
}

/// Sends a message once more.
pub(super) async fn again(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path((id, delivery)): Path<(String, String)>,
    _form: Form,
) -> Answer {
    app.engine.redeliver_webhook(&visitor.caller, &id, &delivery).await?;
    Ok(go_to(&app, &format!("{}?done=again", path(&id))))
}

#[derive(Template)]
#[template(path = "dashboard/webhook_delete.html")]
struct DeletePage {
    shell: Shell,
    id: String,
    url: String,
    /// Messages that have not arrived yet.
    waiting: u64,
}

/// Says what deleting would hit.
pub(super) async fn ask_delete(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let webhook = app.engine.get_webhook(&visitor.caller, &id).await?;
    let one = valetkey_domain::PageRequest { size: 1, cursor: None };
    let pending = Some(DeliveryOutcome::Pending);
    let view = DeletePage {
        waiting: app.engine.webhook_deliveries(&visitor.caller, &id, pending, &one).await?.total,
        id: webhook.id.to_string(),
        url: webhook.url,
        shell: Shell::of(&app, Some(&visitor), "settings", ""),
    };
    Ok(show(&view))
}

/// Deletes it.
pub(super) async fn delete(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    if form.text("sure") != "yes" {
        return Err(Error::new(ErrorCode::InvalidArgument).field("sure", "must be ticked").into());
    }
    app.engine.delete_webhook(&visitor.caller, &id).await?;
    Ok(go_to(&app, "/settings/webhooks?done=webhook-deleted"))
}
