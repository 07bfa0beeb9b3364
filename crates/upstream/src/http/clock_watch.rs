//! Our own clock against those of the providers.
//!
//! Every answer of a provider carries a `Date` (RFC 9110 §6.6.1), so a wrong clock shows without a time server, and
//! before it makes certificates and tokens seem too old or too new.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, header};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc2822};
use tokio::time::Instant;
use valetkey_domain::{Clock, Time};

/// From which difference on the clock counts as wrong. Token endpoints and certificates forgive less than a few minutes;
/// a caching proxy or a slow answer explains some seconds.
pub(super) const TOLERANCE: Duration = Duration::seconds(60);
/// How long a measurement counts.
const FRESH: std::time::Duration = std::time::Duration::from_secs(3600);
/// How many hosts are remembered.
const MAX_HOSTS: usize = 64;
/// An answer that took longer says too little.
const MAX_ROUND: Duration = Duration::seconds(20);

/// How far our clock is from those of providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockSkew {
    /// By how much our clock is behind; negative if it is ahead.
    pub behind: Duration,
    /// The hosts whose answers say so.
    pub hosts: Vec<String>,
    /// When the last one of them answered, by our clock.
    pub measured_at: Time,
}

impl ClockSkew {
    /// Whether the clock is wrong beyond what is harmless: one minute.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.behind.abs() >= TOLERANCE
    }
}

impl fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.behind.is_negative() { "ahead of" } else { "behind" };
        write!(
            f,
            "This server's clock is {} {direction} the dates in answers of {}.",
            in_words(self.behind.abs()),
            self.hosts.join(", ")
        )
    }
}

fn in_words(duration: Duration) -> String {
    let rounded = |unit: i64| (duration.whole_seconds() + unit / 2) / unit;
    let (days, hours, minutes) = (rounded(86_400), rounded(3600), rounded(60));
    match () {
        () if days >= 2 => format!("{days} days"),
        () if hours >= 2 => format!("{hours} hours"),
        () if minutes >= 2 => format!("{minutes} minutes"),
        () => format!("{} seconds", duration.whole_seconds()),
    }
}

/// What one host's last answer says.
struct Sample {
    behind: Duration,
    at: Time,
    /// Not by the clock that is under suspicion.
    taken: Instant,
}

/// Remembers what the hosts' answers say about our clock.
pub(super) struct ClockWatch {
    clock: Arc<dyn Clock>,
    samples: Mutex<BTreeMap<String, Sample>>,
}

impl ClockWatch {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, samples: Mutex::default() }
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Looks at the head of an answer to a request that was sent at `sent`.
    pub(super) fn note(&self, host: &str, headers: &HeaderMap, sent: Time) {
        // Out of a cache: the date is that of the original answer (RFC 9111 §5.1).
        if headers.contains_key(header::AGE) {
            return;
        }
        let date = headers.get(header::DATE).and_then(|value| value.to_str().ok()).and_then(http_date);
        let received = self.clock.now();
        let Some(date) = date.filter(|_| (received - sent).abs() <= MAX_ROUND) else { return };
        let sample = Sample { behind: behind(date, sent, received), at: received, taken: Instant::now() };
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.retain(|_, sample| sample.taken.elapsed() < FRESH);
        if samples.len() < MAX_HOSTS || samples.contains_key(host) {
            samples.insert(host.to_owned(), sample);
        }
    }

    /// What the hosts say together: the median, so that a single host with a wrong clock decides nothing.
    pub(super) fn skew(&self) -> Option<ClockSkew> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fresh: Vec<_> = samples.iter().filter(|(_, sample)| sample.taken.elapsed() < FRESH).collect();
        fresh.sort_by_key(|(_, sample)| sample.behind);
        let behind = fresh.get(fresh.len().checked_sub(1)? / 2)?.1.behind;
        let agreeing = fresh.iter().filter(|(_, sample)| (sample.behind - behind).abs() < TOLERANCE);
        let hosts = agreeing.clone().map(|(host, _)| (*host).clone()).take(5).collect();
        let measured_at = agreeing.map(|(_, sample)| sample.at).max()?;
        Some(ClockSkew { behind, hosts, measured_at })
    }
}

/// How far behind we certainly are: the provider wrote its date, in whole seconds, between our sending and receiving.
fn behind(date: OffsetDateTime, sent: Time, received: Time) -> Duration {
    let end_of_second = date + Duration::SECOND;
    if date > received {
        date - received
    } else if end_of_second < sent {
        end_of_second - sent
    } else {
        Duration::ZERO
    }
}

/// IMF-fixdate (RFC 9110 §5.6.7) is RFC 5322's date with the zone written `GMT`.
fn http_date(value: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.trim(), &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use valetkey_domain::ManualClock;

    use super::*;

    fn answered(watch: &ClockWatch, host: &str, date: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, date.parse().unwrap());
        watch.note(host, &headers, watch.now());
    }

    fn watch() -> ClockWatch {
        ClockWatch::new(Arc::new(ManualClock::new(datetime!(2026-11-26 12:00:00.5 UTC))))
    }

    #[test]
    fn date_within_the_call_is_no_skew() {
        for date in ["Thu, 26 Nov 2026 12:00:00 GMT", "Thu, 26 Nov 2026 11:59:59.7 GMT"] {
            let watch = watch();
            answered(&watch, "a.example", date);
            assert!(watch.skew().is_none_or(|skew| skew.behind.is_zero()), "{date}");
        }
    }

    #[test]
    fn median_of_hosts_decides() {
        let watch = watch();
        answered(&watch, "a.example", "Thu, 26 Nov 2026 12:10:00 GMT");
        answered(&watch, "b.example", "Thu, 26 Nov 2026 12:10:01 GMT");
        answered(&watch, "liar.example", "Thu, 26 Nov 2020 12:00:00 GMT");
        let skew = watch.skew().unwrap();
        assert!(skew.is_wrong() && skew.behind.whole_seconds() == 599, "{skew:?}");
        assert_eq!(skew.hosts, ["a.example", "b.example"]);
        assert!(skew.to_string().contains("10 minutes behind"), "{skew}");
    }

    #[test]
    fn clock_ahead_is_told_as_such() {
        let watch = watch();
        answered(&watch, "a.example", "Wed, 25 Nov 2026 12:00:00 GMT");
        let skew = watch.skew().unwrap();
        assert_eq!(skew.behind.whole_hours(), -23);
        assert!(skew.to_string().contains("24 hours ahead of"), "{skew}");
    }

    #[test]
    fn answer_out_of_a_cache_says_nothing() {
        let watch = watch();
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, "Thu, 26 Nov 2020 12:00:00 GMT".parse().unwrap());
        headers.insert(header::AGE, "10".parse().unwrap());
        watch.note("a.example", &headers, watch.now());
        assert_eq!(watch.skew(), None);
    }
}
