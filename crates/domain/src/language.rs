//! The languages that end users are spoken to in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A language of the hosted pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English, for whoever reads none of the others.
    #[serde(rename = "en")]
    English,
    /// German.
    #[serde(rename = "de")]
    German,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// French.
    #[serde(rename = "fr")]
    French,
}

impl Language {
    /// Every language, in the order in which people choose from them.
    pub const ALL: [Self; 4] = [Self::English, Self::German, Self::Spanish, Self::French];

    /// The tag (RFC 5646 §2.2.1): the primary language alone.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::Spanish => "es",
            Self::French => "fr",
        }
    }

    /// How its speakers call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::Spanish => "Español",
            Self::French => "Français",
        }
    }

    /// The language of a tag, whatever region or script it names: `de-AT` is German (RFC 4647 §3.4).
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }
}

/// Words for people: in English, and in other languages as far as they are known. Written as one text (English) or as a
/// map from language to text, with English in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Words {
    english: String,
    others: BTreeMap<Language, String>,
}

impl Words {
    /// In English, which is always there.
    #[must_use]
    pub fn english(&self) -> &str {
        &self.english
    }

    /// In a language, or in English where that is not known; with the language that it is in.
    #[must_use]
    pub fn said_in(&self, language: Language) -> (&str, Language) {
        match self.others.get(&language) {
            Some(text) => (text, language),
            None => (&self.english, Language::English),
        }
    }
}

impl From<&str> for Words {
    fn from(english: &str) -> Self {
        Self { english: english.to_owned(), others: BTreeMap::new() }
    }
}

/// How [`Words`] are written.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or a map with en and any of de, es, fr")]
enum Written {
    English(String),
    Each(BTreeMap<Language, String>),
}

impl TryFrom<Written> for Words {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::English(english) => Ok(Self { english, others: BTreeMap::new() }),
            Written::Each(mut others) => {
                let english = others.remove(&Language::English).ok_or("words need a text in English: en")?;
                Ok(Self { english, others })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_with_a_region_is_its_language() {
        for (tag, language) in [
            ("de", Some(Language::German)),
            ("DE-at", Some(Language::German)),
            ("es-419", Some(Language::Spanish)),
            ("fr_CA", Some(Language::French)),
            (" en-GB ", Some(Language::English)),
            ("dex", None),
            ("nl", None),
            ("", None),
        ] {
            assert_eq!(Language::of_tag(tag), language, "{tag}");
        }
    }

    #[test]
    fn words_are_english_where_a_language_is_not_known() {
        let words: Words = serde_json::from_str(r#"{"en": "Key", "de": "Schlüssel"}"#).unwrap();
        assert_eq!(words.said_in(Language::German), ("Schlüssel", Language::German));
        assert_eq!(words.said_in(Language::French), ("Key", Language::English));
        let plain: Words = serde_json::from_str("\"Key\"").unwrap();
        assert_eq!((plain.english(), &plain), ("Key", &Words::from("Key")));
        for wrong in [r#"{"de": "Schlüssel"}"#, r#"{"en": "Key", "nl": "Sleutel"}"#, "7"] {
            assert!(serde_json::from_str::<Words>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn language_names_are_read_back() {
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.as_str()), Some(language));
        }
    }
}
