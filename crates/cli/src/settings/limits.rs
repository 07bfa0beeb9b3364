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
}

const GIBIBYTE: u64 = 1 << 30;

impl Limits {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let bytes = |reader: &mut Reader, setting| {
            reader.number(setting, 1024..=GIBIBYTE).and_then(|n| usize::try_from(n).ok())
        };
        Self {
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
