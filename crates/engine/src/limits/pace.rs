//! A declared rate, kept: so many calls at once at most, then one after the other at the rate (GCRA). A few lines instead of
//! a library, since they must go by the runtime's own clock, which tests can stop.

use std::time::Duration;

use tokio::time::Instant;
use valetkey_upstream::connector::Rate;

#[derive(Debug)]
pub(super) struct Pace {
    /// From one unit to the next; a call is one unit unless it costs more.
    step: Duration,
    /// How much a burst may take at once.
    whole: Duration,
    /// When the calls so far would be through at the rate.
    through: Option<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        let whole = Duration::from_secs(rate.seconds.into());
        Self { step: whole / rate.requests.max(1), whole, through: None }
    }

    /// Takes the next place for a call that costs so many units if it comes within `at_most`, and says how long it is
    /// until then.
    ///
    /// # Errors
    /// How long it would be; no place is taken.
    pub(super) fn take(&mut self, cost: u32, now: Instant, at_most: Duration) -> Result<Duration, Duration> {
        let through = self.through.map_or(now, |through| through.max(now)) + self.step * cost;
        let wait = through.saturating_duration_since(now).saturating_sub(self.whole);
        if wait > at_most {
            return Err(wait);
        }
        self.through = Some(through);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn burst_up_to_the_rate_goes_at_once_and_the_rest_is_spaced_out() {
        let mut pace = Pace::new(Rate { requests: 5, seconds: 10 });
        let now = Instant::now();
        for _ in 0..5 {
            assert_eq!(pace.take(1, now, Duration::ZERO), Ok(Duration::ZERO));
        }
        assert_eq!(pace.take(1, now, Duration::ZERO), Err(Duration::from_secs(2)));
        assert_eq!(pace.take(1, now, LONG), Ok(Duration::from_secs(2)));
        assert_eq!(pace.take(1, now, LONG), Ok(Duration::from_secs(4)));
        assert_eq!(pace.take(1, now + Duration::from_secs(30), LONG), Ok(Duration::ZERO));
    }

    /// In no stretch of the length of the rate are more calls let through than twice the rate, and in the long run the
    /// rate holds.
    #[test]
    fn rate_holds_in_the_long_run() {
        let mut pace = Pace::new(Rate { requests: 3, seconds: 1 });
        let start = Instant::now();
        let passed = (0..10_000)
            .filter(|n| pace.take(1, start + Duration::from_millis(*n as u64), Duration::ZERO).is_ok());
        assert!((30..=33).contains(&passed.count()));
    }

    /// Units as Gmail counts them: what is dear takes as much of the minute as many cheap calls.
    #[test]
    fn dear_calls_take_as_much_as_many_cheap_ones() {
        let mut pace = Pace::new(Rate { requests: 600, seconds: 60 });
        let now = Instant::now();
        for _ in 0..5 {
            assert_eq!(pace.take(100, now, Duration::ZERO), Ok(Duration::ZERO));
        }
        for _ in 0..100 {
            assert_eq!(pace.take(1, now, Duration::ZERO), Ok(Duration::ZERO));
        }
        assert_eq!(pace.take(1, now, Duration::ZERO), Err(Duration::from_millis(100)));
        assert_eq!(pace.take(100, now, Duration::ZERO), Err(Duration::from_secs(10)));
        assert_eq!(pace.take(100, now + Duration::from_secs(10), Duration::ZERO), Ok(Duration::ZERO));
    }
}
