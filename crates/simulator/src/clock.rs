//! The provider's own time: that of its host, moved by days or held still on request.

use serde::{Deserialize, Serialize};
use time::Duration;
use valetkey_domain::Time;

/// Further than any lifetime that a provider has, and far from where dates overflow.
const MAX_SHIFT: Duration = Duration::days(3_660);

/// How the provider's time differs from its host's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    offset: Duration,
    frozen_at: Option<Time>,
}

/// The provider's time, as the control API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClockView {
    /// What time it is for the provider.
    #[serde(with = "time::serde::rfc3339")]
    pub now: Time,
    /// By how many seconds it is ahead of its host.
    pub ahead_s: i64,
    /// Whether it stands still.
    pub frozen: bool,
}

/// How to move the clock. `set` comes first, then what is added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockMove {
    /// Back to the host's time, running.
    pub reset: bool,
    /// To this time.
    #[serde(with = "time::serde::rfc3339::option")]
    pub set: Option<Time>,
    /// By so many days, forward or (negative) back.
    pub days: i64,
    /// By so many hours.
    pub hours: i64,
    /// By so many minutes.
    pub minutes: i64,
    /// By so many seconds.
    pub seconds: i64,
    /// Hold it still, or let it run on from where it is.
    pub frozen: Option<bool>,
}

impl ClockMove {
    /// Forward by whole days.
    #[must_use]
    pub fn days(days: i64) -> Self {
        Self { days, ..Self::default() }
    }
}

impl Shift {
    pub(crate) fn ahead_by(seconds: i64) -> Self {
        Self { offset: Duration::seconds(seconds), frozen_at: None }
    }

    /// Standing still at a time. Released, it runs on from the host's time.
    pub(crate) fn frozen_at(at: Time) -> Self {
        Self { offset: Duration::ZERO, frozen_at: Some(at) }
    }

    pub(crate) fn now(&self, host: Time) -> Time {
        self.frozen_at.unwrap_or(host + self.offset)
    }

    pub(crate) fn view(&self, host: Time) -> ClockView {
        let now = self.now(host);
        ClockView { now, ahead_s: (now - host).whole_seconds(), frozen: self.frozen_at.is_some() }
    }

    /// This shift after a move; the message of a refusal names the field.
    pub(crate) fn moved(&self, change: &ClockMove, host: Time) -> Result<Self, String> {
        let base = if change.reset { Self::default() } else { *self };
        let far = || format!("the clock moves by at most {} days", MAX_SHIFT.whole_days());
        let sum = [(change.days, 86_400), (change.hours, 3_600), (change.minutes, 60), (change.seconds, 1)]
            .into_iter()
            .try_fold(0_i64, |sum, (count, unit)| sum.checked_add(count.checked_mul(unit)?))
            .filter(|seconds| seconds.unsigned_abs() <= MAX_SHIFT.whole_seconds().unsigned_abs())
            .ok_or_else(far)?;
        let from = change.set.unwrap_or_else(|| base.now(host));
        let target = from.checked_add(Duration::seconds(sum)).ok_or_else(far)?;
        let offset = target - host;
        if offset.abs() > MAX_SHIFT {
            return Err(far());
        }
        let frozen = change.frozen.unwrap_or(base.frozen_at.is_some());
        Ok(Self { offset, frozen_at: frozen.then_some(target) })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const HOST: Time = datetime!(2026-01-01 00:00 UTC);

    #[test]
    fn clock_moved_by_days_runs_on_from_there() {
        let shift = Shift::default().moved(&ClockMove::days(8), HOST).unwrap();
        assert_eq!(shift.now(HOST + Duration::hours(1)), datetime!(2026-01-09 01:00 UTC));
        let back = shift.moved(&ClockMove { reset: true, ..ClockMove::default() }, HOST).unwrap();
        assert_eq!(back.now(HOST), HOST);
    }

    #[test]
    fn clock_frozen_stands_still_and_moves_on_request() {
        let at = datetime!(2026-02-01 00:00 UTC);
        let freeze = ClockMove { set: Some(at), frozen: Some(true), ..ClockMove::default() };
        let frozen = Shift::default().moved(&freeze, HOST).unwrap();
        assert_eq!(frozen.now(HOST + Duration::days(1)), at);
        let moved = frozen.moved(&ClockMove { minutes: 5, ..ClockMove::default() }, HOST).unwrap();
        assert_eq!(moved.now(HOST), at + Duration::minutes(5));
        let running = moved.moved(&ClockMove { frozen: Some(false), ..ClockMove::default() }, HOST).unwrap();
        assert_eq!(running.now(HOST + Duration::minutes(1)), at + Duration::minutes(6));
    }

    #[test]
    fn clock_moved_too_far_stays_where_it_is() {
        for change in [
            ClockMove::days(4_000),
            ClockMove::days(i64::MAX),
            ClockMove { hours: i64::MIN, ..ClockMove::default() },
            ClockMove { set: Some(datetime!(2100-01-01 00:00 UTC)), ..ClockMove::default() },
        ] {
            assert!(Shift::default().moved(&change, HOST).unwrap_err().contains("days"));
        }
    }
}
