//! Webhooks: where apps are told what happens. The list, and a new one; `webhook.rs` has one of them.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{
    ExposeSecret, Time,
    webhook::{Webhook, WebhookEvent},
};
use valetkey_engine::NewWebhook;

use super::{
    form::Form,
    gate::Visiting,
    list::{Filters, Steps},
    secret::SecretPage,
    shell::{Answer, Shell, query_of, show},
    text,
};
use crate::state::App;

/// What the secret of a webhook is for.
pub(super) const SECRET_TOLD: &str =
    "Your endpoint verifies messages with it: put it where it belongs before you leave the page.";

#[derive(Template)]
#[template(path = "dashboard/webhooks.html")]
struct WebhooksPage {
    shell: Shell,
    rows: Vec<Row>,
    steps: Steps,
    types: Vec<TypeBox>,
}

struct Row {
    id: String,
    url: String,
    description: Option<String>,
    hears: String,
    state: &'static str,
    tone: &'static str,
    failing_since: Option<Time>,
    last_delivery_at: Option<Time>,
}

/// A type of message that can be ticked.
pub(super) struct TypeBox {
    pub(super) name: &'static str,
    pub(super) words: &'static str,
    pub(super) ticked: bool,
}

impl TypeBox {
    /// The types that can be chosen: a test is sent to whoever is tested.
    pub(super) fn all(chosen: &[WebhookEvent]) -> Vec<Self> {
        let offered = WebhookEvent::ALL.iter().filter(|event| **event != WebhookEvent::WebhookTest);
        let boxes = offered.map(|event| Self {
            name: event.as_str(),
            words: text::webhook_event_words(*event),
            ticked: chosen.contains(event),
        });
        boxes.collect()
    }
}

/// What a webhook hears, shortly.
pub(super) fn hears(webhook: &Webhook) -> String {
    match webhook.event_types.as_slice() {
        [] => "everything".to_owned(),
        types => types.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let found = app.engine.list_webhooks(&visitor.caller, &filters.request()).await?;
    let rows = found.items.iter().map(|webhook| {
        let (state, tone) = text::webhook_words(webhook);
        Row {
            id: webhook.id.to_string(),
            url: webhook.url.clone(),
            description: webhook.description.clone(),
            hears: hears(webhook),
            state,
            tone,
            failing_since: webhook.failing_since,
            last_delivery_at: webhook.last_delivery_at,
        }
    });
    let view = WebhooksPage {
        rows: rows.collect(),
        steps: Steps::of(&found, &filters),
        types: TypeBox::all(&[]),
        shell: Shell::of(&app, Some(&visitor), "settings", query_of(&uri)),
    };
    Ok(show(&view))
}

/// The types that were ticked; none of them stands for everything.
pub(super) fn types(form: &Form) -> Vec<String> {
    form.all("event_type").map(str::to_owned).collect()
}

/// Creates a webhook and shows its secret.
pub(super) async fn create(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let new = NewWebhook {
        url: form.text("url").trim().to_owned(),
        description: form.filled("description"),
        event_types: types(&form),
        enabled: None,
    };
    let made = app.engine.create_webhook(&visitor.caller, new).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    SecretPage {
        title: "New webhook".to_owned(),
        told: SECRET_TOLD.to_owned(),
        lines: vec![("Secret", made.secret.expose_secret().to_owned()), ("Sent to", made.webhook.url)],
        back: (
            shell.to(&format!("/settings/webhooks/{}", made.webhook.id)),
            "Go on to the webhook, and test it",
        ),
        shell,
    }
    .show()
}
