//! The languages that end users are spoken to in.

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
    fn language_names_are_read_back() {
        for language in Language::ALL {
            assert_eq!(Language::of_tag(language.as_str()), Some(language));
        }
    }
}
