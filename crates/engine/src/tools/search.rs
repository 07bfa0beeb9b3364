//! A small lexical ranking over tool names and descriptions: no model, no index on disk, the same answer every time.
//!
//! The catalogue is a few hundred short texts, so a weighted term match with inverse document frequencies is both
//! good and instant. Scores lie between 0 and 1 and say how much of the query a tool covers.

use std::collections::{HashMap, HashSet};

use valetkey_domain::Error;

use super::Picked;

/// The longest query, in characters.
const MAX_QUERY: usize = 256;

/// The words that say nothing about a tool.
const STOP_WORDS: &[&str] = &[
    "a", "all", "an", "and", "any", "as", "at", "by", "can", "do", "for", "from", "how", "i", "in", "into",
    "is", "it", "me", "my", "of", "on", "or", "our", "please", "some", "that", "the", "their", "this", "to",
    "tool", "us", "use", "using", "want", "we", "with", "you", "your",
];

/// Words that people use for one another, as stems. The first of each row stands for all of them.
const SYNONYMS: &[&[&str]] = &[
    &["email", "mail", "inbox"],
    &["event", "meet", "appointment", "invite", "invitation"],
    &["file", "document", "doc", "attachment"],
    &["issue", "ticket", "bug", "task"],
    &["send", "post", "write", "reply"],
    &["delete", "remove", "erase", "cancel"],
    &["create", "add", "new", "make", "schedule", "book", "open"],
    &["get", "read", "fetch", "show", "retrieve", "view"],
    &["list", "browse", "enumerate"],
    &["search", "find", "look", "query", "filter"],
    &["update", "edit", "change", "modify", "rename"],
    &["channel", "conversation", "room"],
    &["repo", "repository"],
    &["user", "people", "person", "member", "contact"],
    &["profile", "account", "whoami"],
    &["pull", "pr"],
];

/// How much a synonym counts beside the word itself.
const SYNONYM_WEIGHT: f64 = 0.6;
const NAME_WEIGHT: f64 = 3.0;
const CONNECTOR_WEIGHT: f64 = 2.5;
const DESCRIPTION_WEIGHT: f64 = 1.0;

/// One tool as the ranking sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) aliases: &'a [String],
    pub(crate) connector: &'a str,
    pub(crate) description: &'a str,
}

/// Picked tools as the ranking sees them.
pub(super) fn entries(picked: &[Picked]) -> Vec<Entry<'_>> {
    picked
        .iter()
        .map(|picked| Entry {
            name: &picked.tool.name,
            aliases: &picked.tool.aliases,
            connector: &picked.connector.display_name,
            description: &picked.tool.description,
        })
        .collect()
}

/// Refuses a query that is empty or too long.
pub(super) fn check_query(field: &str, query: &str) -> Result<(), Error> {
    if query.trim().is_empty() {
        return Err(Error::invalid(field, "is empty"));
    }
    if query.chars().count() > MAX_QUERY {
        return Err(Error::invalid(field, format!("has more than {MAX_QUERY} characters")));
    }
    Ok(())
}

/// The words of a text, lower-cased and cut to their stem.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| stem(&word.to_lowercase()))
        .collect()
}

/// Takes off the commonest English endings, so that "emails" finds "email" and "listing" finds "list".
fn stem(word: &str) -> String {
    let length = word.chars().count();
    for (ending, replacement, at_least) in [("ies", "y", 5), ("ing", "", 6), ("ed", "", 6), ("s", "", 4)] {
        if let Some(rest) = word.strip_suffix(ending)
            && length >= at_least
            && !rest.ends_with('s')
        {
            return format!("{rest}{replacement}");
        }
    }
    word.to_owned()
}

/// What stands for `word` and its synonyms, if it has any.
fn concept(word: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|row| row.contains(&word)).map(|row| row[0])
}

struct Indexed {
    weights: HashMap<String, f64>,
    concepts: HashMap<&'static str, f64>,
}

impl Indexed {
    fn of(entry: &Entry<'_>) -> Self {
        let mut weights: HashMap<String, f64> = HashMap::new();
        let mut note = |text: &str, weight: f64| {
            // A word counts once per field: repetition in a description is no evidence.
            for word in words(text).into_iter().collect::<HashSet<_>>() {
                *weights.entry(word).or_default() += weight;
            }
        };
        note(entry.name, NAME_WEIGHT);
        for alias in entry.aliases {
            note(alias, NAME_WEIGHT / 2.0);
        }
        note(entry.connector, CONNECTOR_WEIGHT);
        note(entry.description, DESCRIPTION_WEIGHT);
        let mut concepts: HashMap<&'static str, f64> = HashMap::new();
        for (word, weight) in &weights {
            if let Some(concept) = concept(word) {
                let best = concepts.entry(concept).or_default();
                *best = best.max(*weight);
            }
        }
        Self { weights, concepts }
    }

    fn weight(&self, word: &str) -> f64 {
        let own = self.weights.get(word).copied().unwrap_or_default();
        let akin = concept(word).and_then(|c| self.concepts.get(c)).copied().unwrap_or_default();
        own.max(akin * SYNONYM_WEIGHT)
    }
}

/// The entries that fit `query`, best first, as index and score. Equal scores are ordered by name, so that the same
/// query always gets the same answer.
pub(crate) fn rank(query: &str, entries: &[Entry<'_>]) -> Vec<(usize, f64)> {
    let all: Vec<String> = words(query);
    let mut terms: Vec<String> = all.iter().filter(|w| !STOP_WORDS.contains(&w.as_str())).cloned().collect();
    if terms.is_empty() {
        terms = all;
    }
    terms.sort();
    terms.dedup();
    let indexed: Vec<Indexed> = entries.iter().map(Indexed::of).collect();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred tools")]
    let count = entries.len() as f64;
    let rarity: Vec<f64> = terms
        .iter()
        .map(|term| {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred tools")]
            let holding = indexed.iter().filter(|i| i.weight(term) > 0.0).count() as f64;
            (1.0 + count / (1.0 + holding)).ln()
        })
        .collect();
    let total: f64 = rarity.iter().sum();
    let wanted = query.trim().to_lowercase();
    let mut ranked: Vec<(usize, f64)> = entries
        .iter()
        .zip(&indexed)
        .enumerate()
        .filter_map(|(position, (entry, index))| {
            if entry.name == wanted || entry.aliases.contains(&wanted) {
                return Some((position, 1.0));
            }
            let covered: f64 = terms
                .iter()
                .zip(&rarity)
                .map(|(term, rarity)| {
                    let weight = index.weight(term);
                    rarity * weight / (weight + 1.0)
                })
                .sum();
            (covered > 0.0).then_some((position, covered / total))
        })
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| entries[a.0].name.cmp(entries[b.0].name)));
    ranked
}

/// The names nearest to `wanted`, for "did you mean". At most `limit`.
pub(crate) fn near_matches<'a>(
    wanted: &str,
    names: impl Iterator<Item = &'a str>,
    limit: usize,
) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let asked: HashSet<String> = words(&wanted).into_iter().collect();
    let mut scored: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let distance = edit_distance(&wanted, name);
            let shared = words(name).iter().filter(|word| asked.contains(*word)).count();
            // A slip of the pen, or a name that shares most of its words.
            let near =
                distance <= 1 + wanted.chars().count() / 4 || (shared >= 2 && shared * 2 >= asked.len());
            near.then_some((distance.saturating_sub(shared * 4), name))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(limit).map(|(_, name)| name).collect()
}

/// How many single-character changes lead from `a` to `b`, both cut to 100 characters (Levenshtein).
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(100).collect();
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &[String] = &[];

    fn catalogue() -> Vec<Entry<'static>> {
        [
            ("gmail_send_email", "Gmail", "Send an e-mail from the user's mailbox."),
            ("gmail_search_messages", "Gmail", "Search the mailbox for messages by sender, subject or date."),
            ("googlecalendar_create_event", "Google Calendar", "Create an event with guests in a calendar."),
            (
                "googlecalendar_list_events",
                "Google Calendar",
                "List the events of a calendar between two times.",
            ),
            ("slack_send_message", "Slack", "Post a message to a channel or a person."),
            ("github_create_issue", "GitHub", "Open an issue in a repository."),
        ]
        .into_iter()
        .map(|(name, connector, description)| Entry { name, aliases: NONE, connector, description })
        .collect()
    }

    fn best(query: &str) -> &'static str {
        let entries = catalogue();
        entries[rank(query, &entries)[0].0].name
    }

    #[test]
    fn search_plain_words_finds_the_tool() {
        assert_eq!(best("send an email"), "gmail_send_email");
        assert_eq!(best("schedule a meeting"), "googlecalendar_create_event");
        assert_eq!(best("open a ticket on github"), "github_create_issue");
        assert_eq!(best("post to slack"), "slack_send_message");
        assert_eq!(best("listing events"), "googlecalendar_list_events");
    }

    #[test]
    fn search_exact_name_scores_one_and_comes_first() {
        let entries = catalogue();
        let ranked = rank("slack_send_message", &entries);
        assert_eq!(ranked[0], (4, 1.0));
        assert!(ranked.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
    }

    #[test]
    fn search_same_query_gives_same_order() {
        let entries = catalogue();
        assert_eq!(rank("create", &entries), rank("create", &entries));
    }

    #[test]
    fn search_nothing_in_common_finds_nothing() {
        let entries = catalogue();
        assert!(rank("zebra quux", &entries).is_empty());
        assert!(rank("", &entries).is_empty());
    }

    #[test]
    fn synonyms_all_are_stems() {
        for word in SYNONYMS.iter().copied().flatten() {
            assert_eq!(stem(word), *word);
        }
    }

    #[test]
    fn near_matches_slip_of_the_pen_is_named() {
        let names = catalogue();
        let names = || names.iter().map(|e| e.name);
        assert_eq!(near_matches("gmail_send_emial", names(), 3), ["gmail_send_email"]);
        assert_eq!(near_matches("gmail_send_mail", names(), 3)[0], "gmail_send_email");
        assert!(near_matches("quux", names(), 3).is_empty());
    }
}
