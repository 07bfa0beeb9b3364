//! What a provider's own errors mean: tables of data, one per provider, that the diagnosis reads.
//!
//! The classes of token errors (`auth.oauth.errors`) and of API errors (`api.errors`) decide what is *done*. The reasons
//! say what it *means*, in codes of the catalogue, whoever showed the error: the consent page, the callback, the token
//! endpoint or the API. A connector names the table of its provider (`reasons: {table: google}`), adds rules of its own
//! that count first, or both.

use std::collections::BTreeMap;

use serde::Deserialize;
use valetkey_domain::{ErrorCode, catalogue::Actor};

/// The tables, by name.
const TABLES: [(&str, &str); 13] = [
    ("airtable", include_str!("../../reasons/airtable.yaml")),
    ("atlassian", include_str!("../../reasons/atlassian.yaml")),
    ("brave", include_str!("../../reasons/brave.yaml")),
    ("freshdesk", include_str!("../../reasons/freshdesk.yaml")),
    ("github", include_str!("../../reasons/github.yaml")),
    ("google", include_str!("../../reasons/google.yaml")),
    ("hubspot", include_str!("../../reasons/hubspot.yaml")),
    ("linear", include_str!("../../reasons/linear.yaml")),
    ("microsoft", include_str!("../../reasons/microsoft.yaml")),
    ("notion", include_str!("../../reasons/notion.yaml")),
    ("salesforce", include_str!("../../reasons/salesforce.yaml")),
    ("slack", include_str!("../../reasons/slack.yaml")),
    ("spotify", include_str!("../../reasons/spotify.yaml")),
];

/// `reasons` of a connector file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReasonsFile {
    /// The table of the provider, by its name in [`TABLES`].
    pub(super) table: Option<String>,
    /// Rules of the connector's own; they count before the table's.
    pub(super) rules: Vec<Reason>,
}

/// A table of a provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The provider's public pages, by the names that rows call them.
    sources: BTreeMap<String, String>,
    rules: Vec<Reason>,
}

impl Table {
    /// The rows, each with the address of its page.
    fn rows(self) -> Result<Vec<Reason>, String> {
        let Self { sources, mut rules } = self;
        for rule in &mut rules {
            let name = rule.source.take().unwrap_or_default();
            let Some(page) = sources.get(&name) else {
                let what = rule.code.as_ref().or(rule.text.as_ref());
                return Err(format!("{what:?} names no page of sources as its source, but \"{name}\""));
            };
            rule.source = Some(page.clone());
        }
        Ok(rules)
    }
}

/// Where an error was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a page of the provider, which does not send the user back. Nobody but the user sees it.
    Page,
    /// In the redirect back to us.
    Callback,
    /// At the token endpoint.
    Token,
    /// In an answer of the API.
    Api,
}

/// What one error means.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The provider's code, whatever the case: its whole code, or a whole word of its text (`AADSTS50173`).
    pub code: Option<String>,
    /// A piece of the provider's text, whatever the case.
    pub text: Option<String>,
    /// Where it is seen; empty means everywhere but on a page.
    #[serde(default)]
    pub at: Vec<Place>,
    /// What it means, as a code of the catalogue.
    pub means: ErrorCode,
    /// Whose move it is, if not the catalogue's actor.
    pub actor: Option<Actor>,
    /// Why, in a sentence of ours.
    pub says: Option<String>,
    /// What to do, in a sentence of ours, if more is known than the catalogue says.
    #[serde(rename = "do")]
    pub remedy: Option<String>,
    /// Of a page: what the user reads there.
    pub sees: Option<String>,
    /// The provider's public page on it. Every row of a table has one.
    pub source: Option<String>,
}

/// What the errors of a connector's provider mean.
#[derive(Debug, Clone, Default)]
pub struct Reasons(Vec<Reason>);

impl Reasons {
    /// The connector's own rules and those of the table that it names.
    ///
    /// # Errors
    /// In words, if there is no such table or a rule looks at nothing.
    pub(super) fn read(file: ReasonsFile) -> Result<Self, String> {
        let mut rules = file.rules;
        if let Some(name) = file.table {
            let Some((_, text)) = TABLES.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
                return Err(format!("there is no table \"{name}\"; known are {}", known.join(", ")));
            };
            let table: Table =
                serde_norway::from_str(text).map_err(|error| format!("table {name}: {error}"))?;
            rules.extend(table.rows().map_err(|error| format!("table {name}: {error}"))?);
        }
        match rules.iter().position(|rule| rule.code.is_none() && rule.text.is_none()) {
            Some(at) => Err(format!("rule {at} needs a code or a text")),
            None => Ok(Self(rules)),
        }
    }

    /// What an error means; `None` if no rule fits.
    #[must_use]
    pub fn find(&self, place: Place, code: Option<&str>, message: Option<&str>) -> Option<&Reason> {
        self.0.iter().find(|rule| rule.is_seen_at(place) && rule.fits(code, message))
    }

    /// Every rule, the connector's own first.
    pub fn rules(&self) -> impl Iterator<Item = &Reason> {
        self.0.iter()
    }

    /// What users may be shown by the provider without being sent back.
    pub fn pages(&self) -> impl Iterator<Item = &Reason> {
        self.0.iter().filter(|rule| rule.is_seen_at(Place::Page))
    }
}

impl Reason {
    /// Whether the error is seen there.
    #[must_use]
    pub fn is_seen_at(&self, place: Place) -> bool {
        if self.at.is_empty() { place != Place::Page } else { self.at.contains(&place) }
    }

    fn fits(&self, code: Option<&str>, message: Option<&str>) -> bool {
        let code = code.unwrap_or_default();
        let message = message.unwrap_or_default().to_ascii_lowercase();
        let named = self.code.as_ref().is_none_or(|wanted| {
            code.eq_ignore_ascii_case(wanted)
                || holds_word(&message, &wanted.to_ascii_lowercase())
                || holds_word(&code.to_ascii_lowercase(), &wanted.to_ascii_lowercase())
        });
        let said = self.text.as_ref().is_none_or(|piece| {
            let piece = piece.to_ascii_lowercase();
            message.contains(&piece) || code.to_ascii_lowercase().contains(&piece)
        });
        named && said
    }
}

/// Whether `text` holds `word` as a whole: `aadsts70008` is not in `aadsts700084`.
fn holds_word(text: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(in_word) && !after.is_some_and(in_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Reasons {
        Reasons::read(ReasonsFile { table: Some(name.into()), rules: Vec::new() }).unwrap()
    }

    fn meaning(name: &str, place: Place, code: &str, message: &str) -> Option<ErrorCode> {
        table(name).find(place, Some(code), Some(message)).map(|reason| reason.means)
    }

    #[test]
    fn tables_all_read_and_every_rule_can_be_reached() {
        for (name, _) in TABLES {
            let table = table(name);
            for rule in &table.0 {
                let places = [Place::Page, Place::Callback, Place::Token, Place::Api];
                let reached = places
                    .into_iter()
                    .filter(|place| rule.is_seen_at(*place))
                    .any(|place| table.find(place, rule.code.as_deref(), rule.text.as_deref()) == Some(rule));
                assert!(reached, "{name}: {:?} {:?} is hidden by an earlier rule", rule.code, rule.text);
            }
        }
    }

    #[test]
    fn sentences_of_tables_end_and_pages_say_what_is_seen() {
        for (name, _) in TABLES {
            for rule in &table(name).0 {
                for text in rule.says.iter().chain(&rule.remedy) {
                    assert!(text.ends_with('.'), "{name}: {text}");
                }
                assert_eq!(rule.is_seen_at(Place::Page), rule.at == [Place::Page] || rule.at.len() > 2);
                assert!(rule.at != [Place::Page] || rule.sees.is_some(), "{name}: {:?}", rule.text);
            }
        }
    }

    /// No row is hearsay: each leads to a page of its provider where its meaning can be looked up.
    #[test]
    fn rows_of_tables_each_have_a_public_page_of_their_provider() {
        let hosts: BTreeMap<&str, &[&str]> = BTreeMap::from([
            ("airtable", &["support.airtable.com", "airtable.com/developers"][..]),
            (
                "atlassian",
                &["developer.atlassian.com", "support.atlassian.com", "community.developer.atlassian.com"][..],
            ),
            ("brave", &["api-dashboard.search.brave.com"][..]),
            ("freshdesk", &["support.freshdesk.com", "developers.freshdesk.com"][..]),
            ("hubspot", &["developers.hubspot.com", "github.com/HubSpot"][..]),
            ("notion", &["developers.notion.com"][..]),
            ("salesforce", &["help.salesforce.com", "developer.salesforce.com"][..]),
            ("linear", &["linear.app/developers", "github.com/linear/linear"][..]),
            ("spotify", &["developer.spotify.com"][..]),
            ("github", &["docs.github.com"][..]),
            ("google", &["developers.google.com", "support.google.com", "github.com/googleapis"][..]),
            ("microsoft", &["learn.microsoft.com", "login.microsoftonline.com/error"][..]),
            ("slack", &["docs.slack.dev", "slack.com/help"][..]),
        ]);
        for (name, _) in TABLES {
            for rule in &table(name).0 {
                let source = rule.source.as_deref().unwrap_or_default();
                let page = source.strip_prefix("https://").unwrap_or_default();
                let own = hosts[name].iter().any(|host| page.starts_with(host));
                assert!(own, "{name}: {:?} {:?}: source {source:?}", rule.code, rule.text);
            }
        }
        let nowhere = "sources: {}\nrules: [{code: a, means: admin_policy, source: b}]";
        assert!(serde_norway::from_str::<Table>(nowhere).unwrap().rows().is_err());
    }

    /// Pages that no row names any more would only look like evidence.
    #[test]
    fn sources_of_tables_are_all_used() {
        for (name, text) in TABLES {
            let table: Table = serde_norway::from_str(text).unwrap();
            for source in table.sources.keys() {
                let used = table.rules.iter().any(|rule| rule.source.as_ref() == Some(source));
                assert!(used, "{name}: nothing names {source}");
            }
        }
    }

    #[test]
    fn numbers_of_microsoft_are_read_from_the_text_and_whole() {
        let said = |number: &str| format!("{number}: something. Trace ID: 1 Correlation ID: 2");
        for (number, code) in [
            ("AADSTS50173", ErrorCode::PasswordChanged),
            ("AADSTS700082", ErrorCode::RefreshTokenIdle),
            ("AADSTS70043", ErrorCode::SignInRequired),
            ("AADSTS65001", ErrorCode::ConsentRequired),
            ("AADSTS50020", ErrorCode::WrongTenant),
            ("AADSTS700016", ErrorCode::ClientUnknown),
            ("AADSTS7000215", ErrorCode::ClientSecretWrong),
            ("AADSTS7000222", ErrorCode::ClientSecretExpired),
            ("AADSTS90094", ErrorCode::AdminConsentRequired),
            ("AADSTS53003", ErrorCode::AdminPolicy),
            ("AADSTS50011", ErrorCode::RedirectUriMismatch),
        ] {
            assert_eq!(meaning("microsoft", Place::Token, "invalid_grant", &said(number)), Some(code));
        }
        assert_eq!(meaning("microsoft", Place::Token, "invalid_grant", &said("AADSTS7000829")), None);
    }

    #[test]
    fn codes_count_only_where_they_are_seen() {
        assert_eq!(
            meaning("slack", Place::Api, "missing_scope", "missing_scope"),
            Some(ErrorCode::InsufficientScope)
        );
        assert_eq!(meaning("slack", Place::Token, "token_revoked", ""), Some(ErrorCode::AccessRevokedByUser));
        assert_eq!(meaning("slack", Place::Token, "not_in_channel", ""), None);
        assert_eq!(meaning("google", Place::Callback, "access_denied", "no"), None);
        assert_eq!(
            meaning("google", Place::Callback, "admin_policy_enforced", ""),
            Some(ErrorCode::AdminPolicy)
        );
    }

    #[test]
    fn rules_of_a_connector_count_before_the_tables() {
        let own = Reason {
            code: Some("missing_scope".into()),
            text: None,
            at: Vec::new(),
            means: ErrorCode::AdminPolicy,
            actor: None,
            says: None,
            remedy: None,
            sees: None,
            source: None,
        };
        let reasons = Reasons::read(ReasonsFile { table: Some("slack".into()), rules: vec![own] }).unwrap();
        let found = reasons.find(Place::Api, Some("missing_scope"), None).unwrap();
        assert_eq!(found.means, ErrorCode::AdminPolicy);
        assert!(Reasons::read(ReasonsFile { table: Some("nobody".into()), rules: Vec::new() }).is_err());
    }
}
