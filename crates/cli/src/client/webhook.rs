//! `valetkey webhook …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    PageArgs, Session,
    input::filled,
    show,
    view::{details, table},
};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a webhook; its secret is shown this once
    Create {
        /// Where messages are sent; https
        #[arg(value_name = "ENDPOINT_URL")]
        endpoint: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// List webhooks, newest first
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a webhook and how it is doing
    Get {
        /// Its id: wh_…
        webhook_id: String,
    },
    /// Change a webhook; what is not named stays
    Update {
        /// Its id: wh_…
        webhook_id: String,
        /// Where messages are sent; https
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        #[command(flatten)]
        settings: Settings,
        /// Tell it everything again
        #[arg(long, conflicts_with = "event_types")]
        all_events: bool,
    },
    /// Delete a webhook, and all messages to it
    Delete {
        /// Its id: wh_…
        webhook_id: String,
    },
    /// Give a webhook another secret; for a day messages are signed with both
    Rotate {
        /// Its id: wh_…
        webhook_id: String,
    },
    /// Send a test message now, and show what the endpoint said
    Test {
        /// Its id: wh_…
        webhook_id: String,
    },
    /// List messages to a webhook, newest first
    Deliveries {
        /// Its id: wh_…
        webhook_id: String,
        /// With this outcome: pending, delivered or failed
        #[arg(long)]
        outcome: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Send a message once more
    Redeliver {
        /// The webhook: wh_…
        webhook_id: String,
        /// The message: dl_…
        delivery_id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// Your own words about it
    #[arg(long)]
    description: Option<String>,
    /// What it is told of, such as account.revoked; everything without any. Repeatable
    #[arg(long = "event-type", value_name = "TYPE")]
    event_types: Vec<String>,
    /// Whether messages are sent
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
}

impl Settings {
    fn body(self, url: Option<String>, all_events: bool) -> Value {
        filled(json!({
            "url": url,
            "description": self.description,
            "event_types": (all_events || !self.event_types.is_empty()).then_some(self.event_types),
            "enabled": self.enabled,
        }))
    }
}

const FIELDS: [&str; 11] = [
    "id",
    "url",
    "description",
    "event_types",
    "status",
    "disabled_reason",
    "failing_since",
    "last_delivery_at",
    "last_error",
    "created_at",
    "updated_at",
];
const SECRET: [&str; 5] = ["secret", "webhook.id", "webhook.url", "webhook.status", "old_secret_valid_until"];
const MESSAGE: [&str; 9] = [
    "id",
    "type",
    "outcome",
    "attempts",
    "created_at",
    "next_attempt_at",
    "response_status",
    "error",
    "evidence",
];

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    match command {
        Command::Create { endpoint, settings } => {
            let answer = session.post(&["webhooks"], &settings.body(Some(endpoint), false)).await?;
            show(session, &answer, |made| details(made, &SECRET))
        }
        Command::List { page } => {
            let answer = session.get(&["webhooks"], &page.query()).await?;
            let columns = ["id", "url", "status", "failing_since", "last_delivery_at", "last_error"];
            show(session, &answer, |a| table(a, &columns))
        }
        Command::Get { webhook_id } => {
            let answer = session.get(&["webhooks", &webhook_id], &[]).await?;
            show(session, &answer, |webhook| details(webhook, &FIELDS))
        }
        Command::Update { webhook_id, endpoint, settings, all_events } => {
            let body = settings.body(endpoint, all_events);
            let answer = session.patch(&["webhooks", &webhook_id], &body).await?;
            show(session, &answer, |webhook| details(webhook, &FIELDS))
        }
        Command::Delete { webhook_id } => {
            let answer = session.delete(&["webhooks", &webhook_id]).await?;
            show(session, &answer, |_| format!("Webhook {webhook_id} is deleted.\n"))
        }
        Command::Rotate { webhook_id } => {
            let answer = session.post(&["webhooks", &webhook_id, "rotate-secret"], &json!({})).await?;
            show(session, &answer, |made| details(made, &SECRET))
        }
        Command::Test { webhook_id } => {
            let answer = session.post(&["webhooks", &webhook_id, "test"], &json!({})).await?;
            show(session, &answer, |message| details(message, &MESSAGE))
        }
        Command::Deliveries { webhook_id, outcome, page } => {
            let [size, token] = page.query();
            let query = [("outcome", outcome), size, token];
            let answer = session.get(&["webhooks", &webhook_id, "deliveries"], &query).await?;
            let columns = ["created_at", "type", "outcome", "attempts", "response_status", "error", "id"];
            show(session, &answer, |a| table(a, &columns))
        }
        Command::Redeliver { webhook_id, delivery_id } => {
            let path = ["webhooks", &webhook_id, "deliveries", &delivery_id, "redeliver"];
            let answer = session.post(&path, &json!({})).await?;
            show(session, &answer, |message| details(message, &MESSAGE))
        }
    }
}
