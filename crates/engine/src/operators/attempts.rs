//! How often somebody tried to log in with an address, so that guessing is slow (S43). Kept in memory and bounded: the
//! least used is forgotten first.

use std::{sync::Mutex, time::Duration as StdDuration};

use moka::sync::Cache;
use time::Duration;
use valetkey_domain::{Error, ErrorCode, Time};

/// How many wrong passwords are free.
const FREE: u32 = 5;
/// How long the first wait is. Each further wrong password doubles it.
const FIRST_WAIT: Duration = Duration::seconds(30);
/// How long a wait is at most: an attacker can delay a person's login, not prevent it.
const LONGEST_WAIT: Duration = Duration::minutes(15);
/// How many addresses are remembered, and how long after the last try.
const REMEMBERED: u64 = 10_000;
const REMEMBERED_FOR: StdDuration = StdDuration::from_secs(3600);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    not_before: Time,
}

/// Wrong passwords by address, known or not.
pub(crate) struct Attempts {
    failures: Cache<[u8; 32], Failures>,
    /// One at a time: two tries at once must not count as one.
    turn: Mutex<()>,
}

impl Default for Attempts {
    fn default() -> Self {
        let failures = Cache::builder().max_capacity(REMEMBERED).time_to_idle(REMEMBERED_FOR).build();
        Self { failures, turn: Mutex::default() }
    }
}

impl Attempts {
    /// Counts a try before it is made, so that many at once are not all free.
    ///
    /// # Errors
    /// `login_too_often`, saying when the next try is.
    pub(crate) fn begin(&self, who: [u8; 32], now: Time) -> Result<(), Error> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let failures = self.failures.get(&who).unwrap_or(Failures { count: 0, not_before: now });
        if failures.count >= FREE && now < failures.not_before {
            let wait = (failures.not_before - now).whole_milliseconds();
            return Err(
                Error::new(ErrorCode::LoginTooOften).retry_after_ms(u64::try_from(wait).unwrap_or_default())
            );
        }
        let count = failures.count.saturating_add(1);
        let doublings = count.saturating_sub(FREE).min(10);
        let wait = (FIRST_WAIT * 2_i32.pow(doublings)).min(LONGEST_WAIT);
        self.failures.insert(who, Failures { count, not_before: now + wait });
        Ok(())
    }

    /// The password was right.
    pub(crate) fn succeeded(&self, who: &[u8; 32]) {
        self.failures.invalidate(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S43: five tries are free, then each has to wait longer, up to a bound; others are not held up.
    #[test]
    fn attempts_over_the_free_ones_wait_longer_and_longer() {
        let attempts = Attempts::default();
        let (who, other) = ([1; 32], [2; 32]);
        let mut now = Time::UNIX_EPOCH;
        for _ in 0..FREE {
            attempts.begin(who, now).unwrap();
        }
        let mut waits = Vec::new();
        for _ in 0..8 {
            let refused = attempts.begin(who, now).unwrap_err();
            assert_eq!(refused.code(), ErrorCode::LoginTooOften);
            attempts.begin(other, now).unwrap();
            attempts.succeeded(&other);
            let wait = refused.details().retry_after_ms.unwrap();
            waits.push(wait / 1000);
            now += Duration::milliseconds(i64::try_from(wait).unwrap());
            attempts.begin(who, now).unwrap();
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
        attempts.succeeded(&who);
        for _ in 0..FREE {
            attempts.begin(who, now).unwrap();
        }
    }
}
