//! Time as a parameter: nothing in the workspace asks the operating system directly.

use std::sync::Mutex;

use time::{Duration, OffsetDateTime};

/// A point in time, always UTC.
pub type Time = OffsetDateTime;

/// Where "now" comes from. Injected, so that tests can stand still or jump.
pub trait Clock: Send + Sync + 'static {
    /// The current time in UTC.
    fn now(&self) -> Time;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    fn now(&self) -> Time {
        OffsetDateTime::now_utc()
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Time>);

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    #[must_use]
    pub fn new(now: Time) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock by `by`; a negative duration moves it back.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += by;
    }

    /// Sets the clock to `to`.
    pub fn set(&self, to: Time) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = to;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new(time::macros::datetime!(2026-01-01 00:00 UTC))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
