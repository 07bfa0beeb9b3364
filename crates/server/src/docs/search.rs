//! Finding a word in the documentation: by the server, since the pages run no scripts.

use std::sync::LazyLock;

use super::{book::book, render};

/// Longer questions are cut: the words that count come first.
const MAX_QUERY: usize = 200;
const MAX_WORDS: usize = 8;
/// The most places that are shown.
const MAX_FOUND: usize = 30;
/// How much of the text around a word is shown, in characters.
const SNIPPET: usize = 220;

/// A place that fits.
#[derive(Debug)]
pub(super) struct Found {
    /// The page's address below `/docs/`.
    pub(super) path: &'static str,
    /// The place on the page.
    pub(super) anchor: &'static str,
    pub(super) title: &'static str,
    /// The heading of the place; empty at the top of the page.
    pub(super) heading: &'static str,
    /// Some of the text.
    pub(super) snippet: String,
}

/// A place that can be found.
struct Place {
    path: &'static str,
    title: &'static str,
    anchor: String,
    heading: String,
    text: String,
    /// In small letters.
    small: Small,
}

struct Small {
    title: String,
    heading: String,
    text: String,
}

fn places() -> &'static [Place] {
    static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
        let mut places = Vec::new();
        for page in book().pages() {
            for (at, stretch) in render::stretches(page.body()).into_iter().enumerate() {
                let heading = if at == 0 { String::new() } else { stretch.heading };
                places.push(Place {
                    path: &page.path,
                    title: &page.title,
                    small: Small {
                        title: if at == 0 { page.title.to_lowercase() } else { String::new() },
                        heading: heading.to_lowercase(),
                        text: stretch.text.to_lowercase(),
                    },
                    anchor: if at == 0 { String::new() } else { stretch.anchor },
                    heading,
                    text: stretch.text,
                });
            }
        }
        places
    });
    &PLACES
}

/// The places in which every word of `query` occurs, best first.
pub(super) fn find(query: &str) -> Vec<Found> {
    let query: String = query.chars().take(MAX_QUERY).collect::<String>().to_lowercase();
    let words: Vec<&str> = query.split_whitespace().take(MAX_WORDS).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u32, usize, &Place)> = places()
        .iter()
        .enumerate()
        .filter_map(|(at, place)| {
            let mut total = 0;
            for word in &words {
                let score = score(place, word);
                if score == 0 {
                    return None;
                }
                total += score;
            }
            Some((total, at, place))
        })
        .collect();
    // The best first; among equals, as they stand in the book.
    found.sort_by_key(|(score, at, _)| (std::cmp::Reverse(*score), *at));
    found
        .into_iter()
        .take(MAX_FOUND)
        .map(|(_, _, place)| Found {
            path: place.path,
            anchor: &place.anchor,
            title: place.title,
            heading: &place.heading,
            snippet: snippet(place, words.first().copied().unwrap_or_default()),
        })
        .collect()
}

fn score(place: &Place, word: &str) -> u32 {
    let small = &place.small;
    let exact = if small.title == word { 100 } else { 0 };
    let title = if small.title.contains(word) { 20 } else { 0 };
    let heading = if small.heading.contains(word) { 10 } else { 0 };
    let text = u32::try_from(small.text.matches(word).take(5).count()).unwrap_or(5);
    exact + title + heading + text
}

/// The text around the first place of a word.
fn snippet(place: &Place, word: &str) -> String {
    // Small letters may be of another length; what counts is roughly where.
    let before = place.small.text.find(word).map_or(0, |at| place.small.text[..at].chars().count());
    let from = before.saturating_sub(SNIPPET / 4);
    let mut text: String = place.text.chars().skip(from).take(SNIPPET).collect();
    text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let total = place.text.chars().count();
    if from > 0 {
        text.insert(0, '…');
    }
    if from + SNIPPET < total {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_searched_its_page_comes_first() {
        for code in valetkey_domain::ErrorCode::ALL {
            let found = find(code.as_str());
            assert_eq!(found[0].path, format!("errors/{}", code.as_str()));
        }
    }

    #[test]
    fn search_needs_every_word_and_ends_somewhere() {
        assert!(find("").is_empty() && find("   ").is_empty());
        assert!(find("revoked zzzzqqqq").is_empty());
        assert_eq!(find("the").len(), MAX_FOUND);
        for odd in ["\u{130}\u{df}", "<script>", "%00", &"a ".repeat(10_000), &"é".repeat(10_000)] {
            let _ = find(odd);
        }
    }

    #[test]
    fn place_found_shows_the_word() {
        let found = find("rotation");
        assert!(found.iter().any(|found| found.snippet.to_lowercase().contains("rotation")));
        assert!(found.iter().all(|found| found.snippet.chars().count() <= SNIPPET + 2));
    }
}
