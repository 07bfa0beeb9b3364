//! Dates as people write them.

use valetkey_domain::{Language, Time};

use super::texts;

/// A moment to the minute, in UTC: a page without scripts does not know the reader's zone.
pub(in crate::pages) fn moment(language: Language, at: Time) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    let month = texts(language).months[usize::from(u8::from(at.month())) - 1];
    let (day, year, hour, minute) = (at.day(), at.year(), at.hour(), at.minute());
    match language {
        Language::English => format!("{day} {month} {year}, {hour:02}:{minute:02} UTC"),
        Language::German => format!("{day}. {month} {year}, {hour:02}:{minute:02} Uhr UTC"),
        Language::Spanish => format!("{day} de {month} de {year}, {hour:02}:{minute:02} UTC"),
        Language::French => {
            // Only the first of a month is counted in order.
            let first = if day == 1 { "er" } else { "" };
            format!("{day}{first} {month} {year} à {hour:02}:{minute:02} UTC")
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn moment_in_every_language() {
        let written = |at| Language::ALL.map(|language| moment(language, at));
        assert_eq!(
            written(datetime!(2026-03-01 09:05:59 +00:00)),
            [
                "1 March 2026, 09:05 UTC",
                "1. März 2026, 09:05 Uhr UTC",
                "1 de marzo de 2026, 09:05 UTC",
                "1er mars 2026 à 09:05 UTC",
            ]
        );
        assert_eq!(
            written(datetime!(2026-12-31 23:30:00 -01:00)),
            [
                "1 January 2027, 00:30 UTC",
                "1. Januar 2027, 00:30 Uhr UTC",
                "1 de enero de 2027, 00:30 UTC",
                "1er janvier 2027 à 00:30 UTC",
            ]
        );
    }
}
