//! Small values between the engine and the wire.

use prost_types::Timestamp;
use valetkey_domain::Time;

/// A text that is there and not empty: clients send empty texts for what is not given.
pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// How many accounts of a list are counted: the wire has no way to say that there are more.
pub(super) const COUNTED: u32 = 100_000;
/// The same of a search, which has to look at what it counts.
pub(super) const SEARCHED: u32 = 10_000;

/// A count as the wire has it.
pub(super) fn size(total: u64) -> u32 {
    u32::try_from(total).unwrap_or(u32::MAX)
}

/// A point in time as the wire has it.
pub(super) fn timestamp(time: Time) -> Timestamp {
    Timestamp { seconds: time.unix_timestamp(), nanos: i32::try_from(time.nanosecond()).unwrap_or(0) }
}
