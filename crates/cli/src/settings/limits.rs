//! Bounds on time and size.

use std::time::Duration;

use super::{Mode, read::Reader};

/// Bounds on time and size; `None` leaves the default of the crate that keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) link_ttl: Option<Duration>,
    pub(crate) call_deadline: Option<Duration>,
    pub(crate) max_body_bytes: Option<usize>,
    pub(crate) max_response_bytes: Option<usize>,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) keep_answers: Option<Duration>,
    pub(crate) max_kept_answer_bytes: Option<usize>,
    pub(crate) async_at_once: Option<usize>,
    pub(crate) async_waiting: Option<usize>,
    pub(crate) calls_per_connection: Option<usize>,
    pub(crate) calls_waiting: Option<usize>,
    pub(crate) call_attempts: Option<u32>,
    pub(crate) read_cache_bytes: Option<u64>,
    pub(crate) api_rate_per_key: Option<u32>,
    pub(crate) api_rate_per_environment: Option<u32>,
}

const GIBIBYTE: u64 = 1 << 30;

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let bytes = |reader: &mut Reader, setting| {
            reader.number(setting, 1024..=GIBIBYTE).and_then(|n| usize::try_from(n).ok())
        };
        let count = |reader: &mut Reader, setting, most| {
            reader.number(setting, 1..=most).and_then(|n| usize::try_from(n).ok())
        };
        // Spaced out by whole microseconds: no more than a million a second can be told apart.
        let rate = |reader: &mut Reader, setting| {
            reader.number(setting, 0..=1_000_000).and_then(|n| u32::try_from(n).ok())
        };
        Self {
            // Longer than any call can take, queue included.
            keep_answers: reader.seconds("keep_answers_s", 3600..=30 * 24 * 3600),
            max_kept_answer_bytes: bytes(reader, "max_kept_answer_bytes"),
            async_at_once: count(reader, "async_at_once", 10_000),
            async_waiting: count(reader, "async_waiting", 1_000_000),
            calls_per_connection: count(reader, "calls_per_connection", 10_000),
            calls_waiting: count(reader, "calls_waiting", 1_000_000),
            call_attempts: reader.number("call_attempts", 1..=10).and_then(|n| u32::try_from(n).ok()),
            read_cache_bytes: reader.number("read_cache_bytes", 0..=64 * GIBIBYTE),
            api_rate_per_key: rate(reader, "api_rate_per_key"),
            api_rate_per_environment: rate(reader, "api_rate_per_environment"),
            link_ttl: reader.seconds("link_ttl_s", 60..=30 * 24 * 3600),
            call_deadline: reader.seconds("call_deadline_s", 1..=300),
            max_body_bytes: bytes(reader, "max_body_bytes"),
            max_response_bytes: bytes(reader, "max_response_bytes"),
            // Whoever presses Ctrl-C on a development server wants the terminal back.
            drain_timeout: reader
                .seconds("drain_timeout_s", 1..=600)
                .or((reader.mode == Mode::Dev).then_some(Duration::from_secs(3))),
        }
    }
}
