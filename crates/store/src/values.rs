//! What both databases keep in the same shape: times, counts, JSON, the text that a search looks at; and the names of
//! conflicts.

use serde::Serialize;
use time::{Duration, OffsetDateTime};
use valetkey_domain::{Account, StoreError, Time, webhook::WebhookEvent};

/// What a violated constraint of a table means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conflicts {
    pub(crate) table: &'static str,
    /// The primary key is taken, or the row is not in the expected state.
    pub(crate) record: &'static str,
    /// A unique value is taken.
    pub(crate) unique: &'static str,
    /// A row that this one refers to does not exist, or rows that refer to this one do.
    pub(crate) reference: &'static str,
}

impl Conflicts {
    /// The database does not take a value for what it is.
    pub(crate) fn unfit(self, reason: String) -> StoreError {
        StoreError::Inconsistent { table: self.table, column: "*", row: "a new row".into(), reason }
    }
}

pub(crate) fn from_micros(micros: i64) -> Option<Time> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok()
}

/// Microseconds since 1970. Every [`Time`] fits: years go to 9999 at most (±292,000 would fit).
pub(crate) fn micros(time: Time) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX)
}

/// A little earlier, for bounds by id: an id and the time of its record are not taken from the clock at once, and
/// clocks are set back.
pub(crate) fn earlier(time: Time) -> Time {
    time.saturating_sub(ID_SLACK)
}

/// A little later, for bounds by id.
pub(crate) fn later(time: Time) -> Time {
    time.saturating_add(ID_SLACK)
}

const ID_SLACK: Duration = Duration::minutes(1);

pub(crate) fn optional_micros(time: Option<Time>) -> Option<i64> {
    time.map(micros)
}

/// A count as databases keep it.
pub(crate) fn count(value: u64, table: &'static str, column: &'static str) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|error| StoreError::Inconsistent {
        table,
        column,
        row: "a new row".into(),
        reason: error.to_string(),
    })
}

/// A value as JSON text.
pub(crate) fn json(
    value: &impl Serialize,
    table: &'static str,
    column: &'static str,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Inconsistent {
        table,
        column,
        row: "a new row".into(),
        reason: error.to_string(),
    })
}

/// The pattern of a search: what is looked for, in lower case. Stored text is lower-cased in the same way.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// What a search for accounts looks for. No search ends at a NUL, as an index does.
pub(crate) fn sought(text: &str) -> String {
    folded(text).replace('\0', "\u{1e}")
}

/// Everything that a search for accounts looks at, apart by a character that no field holds.
pub(crate) fn search_text(account: &Account) -> String {
    let optional = [&account.label, &account.organization_id, &account.user_id];
    let mut fields = vec![account.id.as_str(), account.identifier.as_str()];
    fields.extend(optional.into_iter().flatten().map(String::as_str));
    sought(&fields.join("\u{1f}"))
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The day of an instant, in UTC, counted from 1970-01-01.
pub(crate) fn day(at: Time) -> i64 {
    at.unix_timestamp().div_euclid(DAY)
}

/// The first instant of a day. One that lies outside of the calendar is the first day of all.
pub(crate) fn first_of_day(day: i64) -> Time {
    Time::from_unix_timestamp(day.saturating_mul(DAY)).unwrap_or(Time::UNIX_EPOCH)
}

/// What a webhook wants to hear, each between spaces, so that SQL finds one; nothing for everything.
pub(crate) fn event_types(types: &[WebhookEvent]) -> String {
    if types.is_empty() {
        return String::new();
    }
    types.iter().fold(String::from(" "), |text, it| text + it.as_str() + " ")
}

/// Reads what [`event_types`] wrote.
pub(crate) fn parse_event_types(text: &str) -> Option<Vec<WebhookEvent>> {
    text.split_whitespace().map(WebhookEvent::parse).collect()
}
