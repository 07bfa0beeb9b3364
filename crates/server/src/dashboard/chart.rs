//! Accounts by status over time: bars of days, as a drawing that the page also has as a table.

use time::Duration;
use valetkey_domain::{AccountStatus, Time, overview::StatusCount};

use super::text;

/// The drawing.
pub(super) struct Chart {
    pub(super) days: Vec<Day>,
    /// The statuses that appear, with their tones and words, from the bottom up.
    pub(super) statuses: Vec<(&'static str, &'static str)>,
    /// The most accounts that there were on a day.
    pub(super) most: u64,
}

/// A day.
pub(super) struct Day {
    pub(super) date: String,
    /// The parts of its bar, in the order of [`Chart::statuses`].
    pub(super) parts: Vec<Part>,
    /// How many accounts in each status, in the same order.
    pub(super) counts: Vec<u64>,
    pub(super) total: u64,
}

/// A part of a bar; lengths are thousandths of the height.
pub(super) struct Part {
    pub(super) tone: &'static str,
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) height: u64,
}

/// How many days are drawn.
const DAYS: i64 = 30;
/// How wide a bar is, with the gap after it.
pub(super) const STEP: usize = 10;

/// The chart of the days up to `now`; none if fewer than two days were counted.
pub(super) fn chart(history: &[StatusCount], now: Time) -> Option<Chart> {
    let first = now - Duration::days(DAYS);
    let mut days: Vec<(Time, Vec<(AccountStatus, u64)>)> = Vec::new();
    for count in history.iter().filter(|count| count.day > first) {
        match days.last_mut().filter(|(day, _)| *day == count.day) {
            Some((_, counts)) => counts.push((count.status, count.accounts)),
            None => days.push((count.day, vec![(count.status, count.accounts)])),
        }
    }
    if days.len() < 2 {
        return None;
    }
    let shown: Vec<_> = AccountStatus::ALL
        .into_iter()
        .filter(|status| days.iter().any(|(_, counts)| counts.iter().any(|(s, n)| s == status && *n > 0)))
        .collect();
    let total = |counts: &[(AccountStatus, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
    let most = days.iter().map(|(_, counts)| total(counts)).max().unwrap_or(0).max(1);
    let drawn = days.iter().map(|(day, counts)| {
        let of = |status| counts.iter().find(|(found, _)| *found == status).map_or(0, |(_, count)| *count);
        // Days that were not counted leave a gap.
        let place = usize::try_from((*day - first).whole_days()).unwrap_or(0);
        let mut below = 0;
        let parts = shown.iter().filter(|status| of(**status) > 0).map(|status| {
            let from = below * 1000 / most;
            below += of(*status);
            let to = below * 1000 / most;
            Part {
                tone: text::tone(status.as_str()),
                x: place * STEP,
                y: 1000 - to,
                height: (to - from).max(4),
            }
        });
        let parts = parts.collect();
        Day {
            date: format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day()),
            parts,
            counts: shown.iter().map(|status| of(*status)).collect(),
            total: total(counts),
        }
    });
    Some(Chart {
        days: drawn.collect(),
        statuses: shown
            .iter()
            .map(|status| (text::tone(status.as_str()), text::status_words(*status)))
            .collect(),
        most,
    })
}

impl Chart {
    /// How wide the drawing is.
    pub(super) fn width(&self) -> usize {
        (usize::try_from(DAYS).unwrap_or(0) + 1) * STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_drawn_in_their_place_and_stacked() {
        let day = |days| Time::UNIX_EPOCH + Duration::days(days);
        let count = |days, status, accounts| StatusCount { day: day(days), status, accounts };
        let history = [
            count(50, AccountStatus::Active, 9),
            count(99, AccountStatus::Active, 3),
            count(100, AccountStatus::Active, 3),
            count(100, AccountStatus::Revoked, 1),
        ];
        let now = day(100) + Duration::hours(5);
        let chart = chart(&history, now).unwrap();
        assert_eq!((chart.days.len(), chart.most), (2, 4), "what is long ago is not drawn");
        assert_eq!(chart.statuses, [("good", "Active"), ("bad", "Revoked")]);
        let last = &chart.days[1];
        assert_eq!((last.date.as_str(), last.total, last.counts.as_slice()), ("1970-04-11", 4, &[3, 1][..]));
        let bars: Vec<_> = last.parts.iter().map(|part| (part.tone, part.y, part.height)).collect();
        assert_eq!(bars, [("good", 250, 750), ("bad", 0, 250)]);
        assert_eq!(last.parts[0].x - chart.days[0].parts[0].x, STEP);
        assert!(super::chart(&history[3..], now).is_none(), "one day is no course");
    }
}
