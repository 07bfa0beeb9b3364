//! How long a failing renewal is left alone. Persisted with the account, so that every replica honours it and a restart
//! does not forget it.

use std::time::Duration as StdDuration;

use time::Duration;
use valetkey_domain::{Account, Entropy, Error, ErrorCode, Time, entropy::random_bytes, refresh::Degraded};

/// The longest pause after a first failure; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::seconds(1);
/// The longest pause of our own choice. A lost answer is recovered within this time.
const LONGEST_OWN_PAUSE: Duration = Duration::minutes(1);
/// The longest pause at all, whatever the provider asks for.
const LONGEST_PAUSE: Duration = Duration::hours(1);
/// Whoever was sent away until the same second does not come back in the same second.
const LONGEST_STAGGER: Duration = Duration::seconds(10);

/// A random part of `whole` in whole milliseconds, never nothing of it.
pub(super) fn part_of(whole: Duration, entropy: &dyn Entropy) -> Duration {
    let random = u64::from(u32::from_be_bytes(random_bytes::<4>(entropy)));
    let whole = millis(whole).max(1);
    let part = (random.saturating_mul(whole) >> 32) + 1;
    Duration::milliseconds(i64::try_from(part).unwrap_or(i64::MAX))
}

/// What is noted after another failure of `account` with `code`.
pub(super) fn degraded(
    account: &Account,
    code: ErrorCode,
    retry_after: Option<StdDuration>,
    entropy: &dyn Entropy,
    now: Time,
) -> Degraded {
    let before = account.degraded.as_ref();
    let failures = before.map_or(0, |degraded| degraded.failures).saturating_add(1);
    // Full jitter: anything up to the pause.
    let longest = (FIRST_PAUSE * 2_i32.pow(failures.min(7) - 1)).min(LONGEST_OWN_PAUSE);
    let own = part_of(longest, entropy);
    let asked = retry_after.map(|asked| {
        let asked = Duration::try_from(asked).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
        let tenth: Duration = asked / 10;
        asked + part_of(tenth.min(LONGEST_STAGGER), entropy)
    });
    Degraded {
        code,
        since: before.map_or(now, |degraded| degraded.since),
        failures,
        retry_at: now + asked.map_or(own, |asked| asked.max(own)).min(LONGEST_PAUSE),
        asked_for: retry_after.is_some(),
    }
}

/// Why the provider is not asked again yet about `account`: an earlier renewal failed a moment ago.
pub(super) fn pause(account: &Account, now: Time) -> Option<(&Degraded, Error)> {
    let degraded = account.degraded.as_ref()?;
    let wait = degraded.retry_at - now;
    // A pause longer than any that is imposed was noted by a clock that went wrong.
    if !wait.is_positive() || wait > LONGEST_PAUSE {
        return None;
    }
    let error = Error::new(degraded.code)
        .account(&account.id)
        .cause(format!(
            "{} in a row failed while the credential was to be renewed. {}",
            match degraded.failures {
                1 => "One attempt".to_owned(),
                failures => format!("{failures} attempts"),
            },
            degraded.code.entry().cause
        ))
        .retry_after_ms(millis(wait));
    Some((degraded, error))
}

/// Whole milliseconds, rounded up; nothing for what is past.
pub(super) fn millis(wait: Duration) -> u64 {
    let micros = u64::try_from(wait.whole_microseconds()).unwrap_or(0);
    micros.div_ceil(1000)
}
