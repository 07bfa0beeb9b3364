//! Words and small elements that several pages need.

use std::fmt::Write as _;

use time::{Duration, UtcOffset, format_description::well_known::Rfc3339};
use valetkey_domain::{
    AccountStatus, ErrorCode, Permission, Time,
    catalogue::Actor,
    event::EventKind,
    execution::{ExecutionStatus, Source},
    revocation::RevocationOutcome,
    webhook::{Delivery, DeliveryOutcome, DisabledReason, Webhook, WebhookEvent, WebhookStatus},
};

/// An instant as an element. Everything in it is digits and our own words.
pub(super) fn time_element(at: Time, now: Time) -> String {
    let utc = at.to_offset(UtcOffset::UTC);
    let machine = utc.replace_nanosecond(0).unwrap_or(utc).format(&Rfc3339).unwrap_or_default();
    format!("<time datetime=\"{machine}\" title=\"{} ({})\">{}</time>", exact(utc), ago(at, now), exact(utc))
}

fn exact(utc: Time) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
        utc.year(),
        u8::from(utc.month()),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    )
}

/// How far away an instant is, in one unit.
pub(super) fn ago(at: Time, now: Time) -> String {
    let (distance, before) = if at <= now { (now - at, true) } else { (at - now, false) };
    let text = span(distance);
    if before { format!("{text} ago") } else { format!("in {text}") }
}

/// A span of time in one unit.
fn span(span: Duration) -> String {
    let counted = |count: i64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match span.whole_seconds() {
        seconds @ ..60 => counted(seconds, "second"),
        60..3600 => counted(span.whole_minutes(), "minute"),
        3600..172_800 => counted(span.whole_hours(), "hour"),
        _ => counted(span.whole_days(), "day"),
    }
}

/// How long something took, for people.
pub(super) fn took(micros: u64) -> String {
    match micros {
        ..1000 => format!("{micros} µs"),
        1000..1_000_000 => format!("{:.1} ms", micros as f64 / 1000.0),
        _ => format!("{:.2} s", micros as f64 / 1_000_000.0),
    }
}

/// The tone of a status: a class of the style sheet. The word beside it says the same, so that nobody needs the colour.
pub(super) fn tone(status: &str) -> &'static str {
    match status {
        "ACTIVE" | "SUCCEEDED" | "renewed" | "done" => "good",
        "EXPIRED" | "REVOKED" | "ERROR" | "FAILED" | "dead" | "configuration" | "refused" => "bad",
        "PENDING" | "PENDING_VERIFICATION" | "UNKNOWN" | "RUNNING" | "transient" | "unknown" => "note",
        _ => "quiet",
    }
}

/// A status in words.
pub(super) fn status_words(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Pending => "Pending",
        AccountStatus::PendingVerification => "Awaits verification",
        AccountStatus::Active => "Active",
        AccountStatus::Expired => "Expired",
        AccountStatus::Revoked => "Revoked",
        AccountStatus::Error => "Error",
        AccountStatus::Disconnected => "Disconnected",
    }
}

/// The status of an execution in words.
pub(super) fn execution_words(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Running => "Running",
        ExecutionStatus::Succeeded => "Succeeded",
        ExecutionStatus::Failed => "Failed",
        ExecutionStatus::Unknown => "Outcome unknown",
    }
}

/// The door that a call came through, in words.
pub(super) fn source_words(source: Source) -> &'static str {
    match source {
        Source::Rest => "the REST API",
        Source::Grpc => "the compatible gRPC API",
        Source::CompatRest => "the compatible REST API",
        Source::Proxy => "the proxy",
        Source::Mcp => "MCP",
    }
}

/// What a permission lets an API client do, in words.
pub(super) fn permission_words(permission: Permission) -> &'static str {
    match permission {
        Permission::ConnectionsRead => "See connections",
        Permission::ConnectionsWrite => "Create, change and delete connections",
        Permission::AccountsRead => "See connected accounts, never their credentials",
        Permission::AccountsWrite => "Create and change connected accounts, bring in credentials, refresh",
        Permission::AccountsRevoke => "Disconnect and delete connected accounts",
        Permission::AccountsAccess => "Make authorization links",
        Permission::CredentialsRead => "Read access tokens; an agent that calls tools needs none",
        Permission::ToolsRead => "Find connectors and tools",
        Permission::ToolsExecute => "Call tools and make proxied calls",
        Permission::ExecutionsRead => "See executions",
        Permission::WebhooksRead => "See webhooks and what was sent to them",
        Permission::WebhooksWrite => {
            "Create, change and delete webhooks, which hear of every account and of what calls in the background bring"
        }
        Permission::ApiClientsManage => "Create and end API clients and tokens",
        Permission::ServerManage => {
            "Run the server: keys, backups, a restored database, in every environment"
        }
    }
}

/// What a webhook hears, in words.
pub(super) fn webhook_event_words(event: WebhookEvent) -> &'static str {
    match event {
        WebhookEvent::AccountActivated => "An account works: authorized, authorized again, or confirmed",
        WebhookEvent::AccountExpired => "The credential of an account ran out",
        WebhookEvent::AccountRevoked => "Access was taken away at the provider",
        WebhookEvent::AccountError => "An authorization failed",
        WebhookEvent::AccountDisconnected => "An account was disconnected here",
        WebhookEvent::AccountDeleted => "An account was deleted",
        WebhookEvent::ConnectionClientRefused => "The provider refuses the OAuth client of a connection",
        WebhookEvent::ExecutionFinished => "A call that nobody waited for has ended, with what it brought",
        WebhookEvent::WebhookTest => "A test, sent from here",
    }
}

/// What became of a message to a webhook, in words, with its tone.
pub(super) fn delivery_words(delivery: &Delivery) -> (&'static str, &'static str) {
    match (delivery.outcome, delivery.attempts) {
        (DeliveryOutcome::Delivered, _) => ("Arrived", "good"),
        (DeliveryOutcome::Failed, _) => ("Given up", "bad"),
        (DeliveryOutcome::Pending, 0) => ("Waits", "quiet"),
        (DeliveryOutcome::Pending, _) => ("Will be tried again", "note"),
    }
}

/// How a webhook is doing, in words, with its tone.
pub(super) fn webhook_words(webhook: &Webhook) -> (&'static str, &'static str) {
    match webhook.status() {
        WebhookStatus::Healthy if webhook.last_delivery_at.is_none() => ("nothing has arrived yet", "quiet"),
        WebhookStatus::Healthy => ("messages arrive", "good"),
        WebhookStatus::Failing => ("messages do not arrive", "bad"),
        WebhookStatus::Disabled => match webhook.disabled {
            Some(DisabledReason::Gone) => ("off: it answered 410", "bad"),
            Some(DisabledReason::Failing) => ("off: nothing arrived for days", "bad"),
            _ => ("off", "quiet"),
        },
    }
}

/// What became of a grant at the provider, in words.
pub(super) fn receipt_words(outcome: RevocationOutcome) -> &'static str {
    match outcome {
        RevocationOutcome::RevokedAndVerified => {
            "The provider revoked the grant: it refused the access token afterwards."
        }
        RevocationOutcome::Revoked => "The provider says that it revoked the grant.",
        RevocationOutcome::NotOffered => {
            "The provider offers no way to revoke the grant: its user has to take it away there."
        }
        RevocationOutcome::KeptForSiblings => {
            "The grant at the provider was kept, so that other accounts go on working."
        }
        RevocationOutcome::FailedWillRetry => {
            "The provider has not revoked the grant yet: it is asked again by itself."
        }
        RevocationOutcome::GivenUp => {
            "The provider did not revoke the grant: its user has to take it away there."
        }
    }
}

/// Who has to act, in words.
pub(super) fn actor_words(actor: Actor) -> &'static str {
    match actor {
        Actor::EndUser => "the end user",
        Actor::Developer => "whoever builds the app",
        Actor::ProviderAdmin => "an administrator at the provider",
        Actor::Operator => "you, who run this server",
        Actor::Nobody => "nobody: it passes",
    }
}

/// An event in words, for a timeline.
pub(super) fn event_words(kind: EventKind) -> &'static str {
    use EventKind as K;
    match kind {
        K::ConnectionCreated => "Connection created",
        K::ConnectionUpdated => "Connection changed",
        K::ConnectionDeleted => "Connection deleted",
        K::ConnectionFaulted => "The provider refuses the connection's configuration",
        K::ConnectionRecovered => "The provider accepts the connection again",
        K::AccountCreated => "Account created",
        K::AccountUpdated => "Settings changed",
        K::AccountDeleted => "Account deleted",
        K::LinkCreated => "Authorization link made",
        K::LinkOpened => "Link opened in a browser",
        K::AuthorizationStarted => "User sent to the provider",
        K::AuthorizationFailed => "Authorization failed",
        K::CallbackRefused => "Callback refused",
        K::AccountActivated => "Authorized",
        K::AccountAwaitsVerification => "Authorized; the app has yet to confirm the user",
        K::AccountVerified => "The app confirmed the user",
        K::VerificationRefused => "The app named another user",
        K::CredentialRefreshed => "Credential renewed",
        K::RefreshFailed => "Renewal failed",
        K::CredentialRefused => "The provider refused the credential in a call",
        K::ScopesChanged => "Granted scopes changed",
        K::AccountExpired => "Expired",
        K::AccountRevoked => "Access was taken away at the provider",
        K::AccountDisconnected => "Disconnected",
        K::RevocationReceipt => "What became of the revocation at the provider",
        K::RefreshOutcomeUnknown => "A renewal ended without an outcome",
        K::IdentityChanged => "Another account at the provider than before",
        K::StoreFrozen => "The database was restored or copied",
        K::StoreThawed => "The database was confirmed",
        other => other.as_str(),
    }
}

/// The tone of an event.
pub(super) fn event_tone(kind: EventKind, code: Option<ErrorCode>) -> &'static str {
    use EventKind as K;
    match kind {
        K::AccountActivated | K::AccountVerified | K::CredentialRefreshed | K::ConnectionRecovered => "good",
        K::AuthorizationFailed
        | K::CallbackRefused
        | K::VerificationRefused
        | K::RefreshFailed
        | K::CredentialRefused
        | K::AccountExpired
        | K::AccountRevoked
        | K::ConnectionFaulted
        | K::SealRefused => "bad",
        _ if code.is_some() => "note",
        _ => "quiet",
    }
}

/// The details of an event on one line, for people: names and values.
pub(super) fn details(data: &serde_json::Value) -> String {
    let Some(fields) = data.as_object() else { return String::new() };
    let mut text = String::new();
    for (name, value) in fields {
        let value = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) if text.is_empty() => continue,
            // Histories keep instants as seconds.
            serde_json::Value::Number(number) if name.ends_with("_at") => instant(number),
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(items) if items.is_empty() => continue,
            serde_json::Value::Array(items) => {
                let items: Vec<_> = items.iter().map(plain).collect();
                items.join(", ")
            }
            serde_json::Value::Object(_) => format!("({})", details(value)),
            other => other.to_string(),
        };
        if !text.is_empty() {
            text.push_str(" · ");
        }
        let _ = write!(text, "{}: {value}", name.replace('_', " "));
    }
    text
}

/// The details of an event as names and values, those of what is inside too.
pub(super) fn facts(data: &serde_json::Value) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for (name, value) in data.as_object().into_iter().flatten() {
        if value.is_object() {
            facts.extend(self::facts(value));
            continue;
        }
        let alone = serde_json::Value::Object([(name.clone(), value.clone())].into_iter().collect());
        if let Some((name, value)) = details(&alone).split_once(": ") {
            facts.push((first_upper(name), value.to_owned()));
        }
    }
    facts
}

fn first_upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn instant(seconds: &serde_json::Number) -> String {
    let at = seconds.as_i64().and_then(|seconds| Time::from_unix_timestamp(seconds).ok());
    at.map_or_else(|| seconds.to_string(), exact)
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn time_element_is_utc_with_the_distance() {
        let at = Time::UNIX_EPOCH + Duration::days(365);
        let element = time_element(at, at + Duration::minutes(90));
        assert_eq!(
            element,
            "<time datetime=\"1971-01-01T00:00:00Z\" title=\"1971-01-01 00:00:00 UTC (1 hour ago)\">\
             1971-01-01 00:00:00 UTC</time>"
        );
        assert_eq!(ago(at, at - Duration::days(3)), "in 3 days");
        assert_eq!(ago(at, at + Duration::seconds(1)), "1 second ago");
    }

    #[test]
    fn details_are_one_line_of_names_and_values() {
        let data = json!({"expires_at": 86400, "account_name": "", "n": 3, "scopes": ["a", "b"], "empty": [], "none": null, "why": "x"});
        assert_eq!(details(&data), "expires at: 1970-01-02 00:00:00 UTC · n: 3 · scopes: a, b · why: x");
        assert_eq!(
            details(&json!({"evidence": {"code": "x", "status": 400}})),
            "evidence: (code: x · status: 400)"
        );
        assert_eq!(details(&json!("text")), "");
        let inside = json!({"evidence": {"code": "x", "status": 400}, "retry_at": 86400, "none": null});
        let told = [("Code", "x"), ("Status", "400"), ("Retry at", "1970-01-02 00:00:00 UTC")];
        assert_eq!(facts(&inside), told.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn durations_have_one_unit() {
        assert_eq!([took(12), took(1500), took(2_340_000)], ["12 µs", "1.5 ms", "2.34 s"]);
    }
}
