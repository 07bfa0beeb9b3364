//! Webhooks: where an app wants to hear what happens, and the messages that are on their way there.
//!
//! A message is stored in the commit of what it tells (an outbox): nothing that happened is forgotten, whatever dies.
//! It has one id for all endpoints, which is `webhook-id` in the headers and `id` in the body.

use serde_json::{Map, Value, json};

use crate::{
    AccountId, AccountStatus, DeliveryId, EnvironmentId, ErrorCode, Event, ExecutionId, SealedBlob, Time,
    WebhookId, event::EventKind,
};

macro_rules! webhook_events {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a webhook can be told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum WebhookEvent {
            $($(#[$doc])* $name,)*
        }

        impl WebhookEvent {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the wire and in storage.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// Reads the name.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}

webhook_events! {
    /// An account works: it was authorized, authorized again, or confirmed.
    AccountActivated = "account.activated",
    /// The credential of an account ran out.
    AccountExpired = "account.expired",
    /// Access was taken away at the provider.
    AccountRevoked = "account.revoked",
    /// An authorization failed.
    AccountError = "account.error",
    /// An account was disconnected here.
    AccountDisconnected = "account.disconnected",
    /// An account was deleted.
    AccountDeleted = "account.deleted",
    /// The provider refuses the OAuth client of a connection.
    ConnectionClientRefused = "connection.client_refused",
    /// A call that nobody waited for (`mode: async`) ended.
    ExecutionFinished = "execution.finished",
    /// Somebody wanted to see whether messages arrive.
    WebhookTest = "webhook.test",
}

impl WebhookEvent {
    /// What webhooks are told of an entry in the history, if anything: a change of an account's status, its deletion,
    /// or a connection whose client is refused.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let event = &event.event;
        match event.kind {
            EventKind::AccountDeleted => return Some(Self::AccountDeleted),
            EventKind::ConnectionFaulted => return Some(Self::ConnectionClientRefused),
            _ => {}
        }
        event.account.as_ref()?;
        let status = |field: &str| event.data.get(field)?.as_str().and_then(AccountStatus::parse);
        let to = status("to")?;
        // Whoever authorizes an account again that works gives it another credential, and perhaps other scopes.
        if status("from") == Some(to) && event.kind != EventKind::AccountActivated {
            return None;
        }
        match to {
            AccountStatus::Active => Some(Self::AccountActivated),
            AccountStatus::Expired => Some(Self::AccountExpired),
            AccountStatus::Revoked => Some(Self::AccountRevoked),
            AccountStatus::Error => Some(Self::AccountError),
            AccountStatus::Disconnected => Some(Self::AccountDisconnected),
            AccountStatus::Pending | AccountStatus::PendingVerification => None,
        }
    }
}

/// Why a webhook is sent nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisabledReason {
    /// Somebody turned it off.
    Operator,
    /// The endpoint answered 410: it is gone for good.
    Gone,
    /// Nothing has arrived there for days.
    Failing,
}

impl DisabledReason {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Operator, Self::Gone, Self::Failing].into_iter().find(|it| it.as_str() == text)
    }
}

/// How a webhook is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookStatus {
    /// What was sent last arrived, or nothing was sent yet.
    Healthy,
    /// What was sent last did not arrive; it is tried again.
    Failing,
    /// Nothing is sent.
    Disabled,
}

impl WebhookStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Disabled => "disabled",
        }
    }
}

/// An endpoint of an app, and what it wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `wh_…`
    pub id: WebhookId,
    /// Whose events it hears.
    pub environment: EnvironmentId,
    /// Where messages are sent.
    pub url: String,
    /// What it is for, in the words of whoever made it.
    pub description: Option<String>,
    /// What it hears, in order; empty means everything, also what there will be in later versions.
    pub event_types: Vec<WebhookEvent>,
    /// Why nothing is sent; `None` while something is.
    pub disabled: Option<DisabledReason>,
    /// Since when nothing arrives; `None` if what was sent last arrived.
    pub failing_since: Option<Time>,
    /// When a message arrived last.
    pub last_delivery_at: Option<Time>,
    /// What the last try failed with, if it failed.
    pub last_error: Option<String>,
    /// Counts the changes of its settings.
    pub version: u64,
    /// When it was made.
    pub created_at: Time,
    /// When its settings were changed last.
    pub updated_at: Time,
}

impl Webhook {
    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> WebhookStatus {
        match (self.disabled, self.failing_since) {
            (Some(_), _) => WebhookStatus::Disabled,
            (None, Some(_)) => WebhookStatus::Failing,
            (None, None) => WebhookStatus::Healthy,
        }
    }

    /// Whether it gets no messages although it should: it fails, or was turned off because it did. One that somebody
    /// turned off is as they want it.
    #[must_use]
    pub fn needs_somebody(&self) -> bool {
        match self.status() {
            WebhookStatus::Failing => true,
            WebhookStatus::Disabled => self.disabled != Some(DisabledReason::Operator),
            WebhookStatus::Healthy => false,
        }
    }
}

/// What messages to a webhook are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    /// Counts the secrets of a webhook; bound into the seal.
    pub generation: u64,
    /// The sealed key.
    pub sealed: SealedBlob,
    /// Until when messages are signed with it too, after another one took its place.
    pub valid_until: Option<Time>,
}

/// What is noted of a webhook after a try, without touching its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookNote {
    /// A message arrived.
    Delivered {
        /// When.
        at: Time,
    },
    /// A message did not arrive.
    Failed {
        /// When.
        at: Time,
        /// Why, for people.
        error: String,
        /// Whether nothing is sent any more, and why.
        disable: Option<DisabledReason>,
    },
}

/// What became of a message to one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryOutcome {
    /// It is still to be sent, or to be sent again.
    Pending,
    /// It arrived.
    Delivered,
    /// It did not arrive and is not sent again by itself.
    Failed,
}

impl DeliveryOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// A message on its way to one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// `dl_…`: the id of the message, the same for every endpoint that it goes to.
    pub id: DeliveryId,
    /// The endpoint.
    pub webhook: WebhookId,
    /// The environment.
    pub environment: EnvironmentId,
    /// What it tells.
    pub event: WebhookEvent,
    /// The event or the execution that it tells of; nothing for a test.
    pub subject: Option<String>,
    /// What the message says, as far as it may lie in the clear. What a call brought is not in it.
    pub facts: Value,
    /// The identifier of the account, as it was then.
    pub identifier: Option<String>,
    /// The name of the connection, as it was then.
    pub connection_name: Option<String>,
    /// What became of it.
    pub outcome: DeliveryOutcome,
    /// How often it was sent.
    pub attempts: u32,
    /// When it came to be: when what it tells happened.
    pub created_at: Time,
    /// When it is sent next; `None` once it is over.
    pub next_attempt_at: Option<Time>,
    /// When it was over.
    pub ended_at: Option<Time>,
    /// What the endpoint answered last, if it answered.
    pub response_status: Option<u16>,
    /// What the last try failed with.
    pub error: Option<String>,
    /// The beginning of what the endpoint answered, redacted.
    pub evidence: Option<String>,
}

/// What a message to one endpoint says, word for word, from before it is sent the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryBody {
    /// The endpoint.
    pub webhook: WebhookId,
    /// The message.
    pub delivery: DeliveryId,
    /// The account with which a call was made whose answer is in it: with the account it goes.
    pub account: Option<AccountId>,
    /// The sealed body.
    pub sealed: SealedBlob,
}

/// A message of an entry in the history, before storage addresses it to the webhooks that want to hear it.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// The id of the message.
    pub id: DeliveryId,
    /// What it tells.
    pub event: WebhookEvent,
    /// What it says, in the clear.
    pub facts: Value,
    /// The identifier of an account that is gone by the end of the commit.
    pub identifier: Option<String>,
}

impl Announcement {
    /// What webhooks are told of `event`, if anything.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let kind = WebhookEvent::of(event)?;
        let about = &event.event;
        let text = |field: &str| about.data.get(field).and_then(Value::as_str).map(str::to_owned);
        let mut facts = Map::new();
        facts.insert("event_id".into(), json!(event.id.as_str()));
        let account = about.account.as_ref().map(|id| id.as_str().to_owned());
        let connection = about.connection.as_ref().map(|id| id.as_str().to_owned());
        let status = match kind {
            WebhookEvent::AccountDeleted => text("status"),
            _ => text("to"),
        };
        for (name, value) in [
            ("account_id", account),
            ("connection_id", connection),
            ("status", status),
            ("code", about.code.map(|code: ErrorCode| code.as_str().to_owned())),
        ] {
            if let Some(value) = value {
                facts.insert(name.into(), value.into());
            }
        }
        Some(Self {
            id: DeliveryId::like(event.id.as_str()),
            event: kind,
            facts: Value::Object(facts),
            identifier: text("identifier"),
        })
    }
}

impl DeliveryId {
    /// The id of the message about what has another id. What happened once has one message.
    #[must_use]
    fn like(other: &str) -> Self {
        let unique = other.rsplit_once('_').map_or(other, |(_, unique)| unique);
        Self::of_unique(unique)
    }

    /// The id of the message about the end of an execution.
    #[must_use]
    pub fn of_execution(execution: &ExecutionId) -> Self {
        Self::like(execution.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountId, ConnectionId, EventId, event::NewEvent};

    fn event(kind: EventKind, data: Value) -> Event {
        let ulid = "01hzy3v8q4x2m6n8p0r2s4t6v8";
        let event = NewEvent {
            environment: format!("env_{ulid}").parse::<EnvironmentId>().unwrap(),
            account: Some(format!("ca_{ulid}").parse::<AccountId>().unwrap()),
            connection: Some(format!("conn_{ulid}").parse::<ConnectionId>().unwrap()),
            kind,
            actor: "system".into(),
            code: Some(ErrorCode::AccessRevokedByUser),
            data,
        };
        event.at(format!("ev_{ulid}").parse::<EventId>().unwrap(), time::OffsetDateTime::UNIX_EPOCH)
    }

    /// Every change of status is told, and nothing that changes none.
    #[test]
    fn event_that_changes_a_status_is_announced() {
        let moved = |from: AccountStatus, to: AccountStatus, kind| {
            WebhookEvent::of(&event(kind, json!({"from": from.as_str(), "to": to.as_str()})))
        };
        let (active, expired) = (AccountStatus::Active, AccountStatus::Expired);
        assert_eq!(moved(active, active, EventKind::CredentialRefreshed), None);
        assert_eq!(
            moved(expired, active, EventKind::CredentialRefreshed),
            Some(WebhookEvent::AccountActivated)
        );
        assert_eq!(moved(active, active, EventKind::AccountActivated), Some(WebhookEvent::AccountActivated));
        assert_eq!(moved(active, expired, EventKind::AccountExpired), Some(WebhookEvent::AccountExpired));
        assert_eq!(
            moved(AccountStatus::Pending, AccountStatus::Error, EventKind::AuthorizationFailed),
            Some(WebhookEvent::AccountError)
        );
        assert_eq!(
            moved(active, AccountStatus::PendingVerification, EventKind::AccountAwaitsVerification),
            None
        );
        assert_eq!(WebhookEvent::of(&event(EventKind::RateLimited, json!({}))), None);
    }

    /// The message has the id of its cause, and says what a deleted account was called.
    #[test]
    fn announcement_of_a_deletion_names_the_account() {
        let data = json!({"identifier": "user_1", "status": "ACTIVE", "label": "ann@example.com"});
        let told = Announcement::of(&event(EventKind::AccountDeleted, data)).unwrap();
        assert_eq!(told.id.as_str(), "dl_01hzy3v8q4x2m6n8p0r2s4t6v8");
        assert_eq!(told.identifier.as_deref(), Some("user_1"));
        assert_eq!(told.facts["status"], "ACTIVE");
        assert_eq!(told.facts["code"], "access_revoked_by_user");
        assert!(told.facts.get("label").is_none());
    }
}
