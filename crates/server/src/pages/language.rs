//! In which language a page speaks.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use valetkey_domain::Language;

use super::cookie;
use crate::state::App;

/// More entries of `Accept-Language` than this are not looked at: no browser sends as many.
const MOST_ENTRIES: usize = 32;

/// The language of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoken {
    pub(super) language: Language,
    /// Whether the address asks for it: the choice is kept for the pages that follow.
    pub(super) chosen: bool,
    /// Whether the person or their browser named it; if not, it is the language of who names none.
    named: bool,
}

impl Spoken {
    /// In this language, for an operator who looks.
    pub(super) const fn shown(language: Language) -> Self {
        Self { language, chosen: false, named: false }
    }

    /// The language that the provider should ask in too, as far as somebody said so.
    pub(super) fn said(self) -> Option<Language> {
        self.named.then_some(self.language)
    }
}

impl FromRequestParts<App> for Spoken {
    type Rejection = Infallible;

    /// What the address asks for, else what it asked for before in this browser, else what the browser reads.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        if let Some(language) = asked_for(parts.uri.query().unwrap_or_default()) {
            return Ok(Self { language, chosen: true, named: true });
        }
        let kept = cookie::language(&parts.headers, &app.options);
        let named = kept.or_else(|| accepted(&parts.headers));
        let language = named.unwrap_or(Language::English);
        Ok(Self { language, chosen: false, named: named.is_some() })
    }
}

/// `ui_locales`, as OpenID Connect Core §3.1.2.1 has it: tags in the order of preference, apart by blanks.
fn asked_for(query: &str) -> Option<Language> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, tags) = pairs.find(|(name, _)| name == "ui_locales")?;
    tags.split_whitespace().take(MOST_ENTRIES).find_map(Language::of_tag)
}

/// The best that the browser reads and we speak (RFC 9110 §12.5.4).
fn accepted(headers: &HeaderMap) -> Option<Language> {
    let values = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
    let entries = values.flat_map(|value| value.split(',')).take(MOST_ENTRIES);
    let mut best: Option<(u16, Language)> = None;
    for entry in entries {
        let mut parts = entry.split(';');
        let Some(language) = parts.next().and_then(Language::of_tag) else { continue };
        let quality = parts.find_map(quality).unwrap_or(1000);
        // Of two that are liked as much, the one that was named first.
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
}

/// A weight (RFC 9110 §12.4.2) in thousandths. What is none says nothing good of its entry.
fn quality(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(0);
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().unwrap_or(0);
    match whole {
        "0" => Some(thousandths),
        "1" => Some(1000),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[&str]) -> Language {
        let pairs = values.iter().map(|value| {
            (header::ACCEPT_LANGUAGE, HeaderValue::from_bytes(value.as_bytes()).expect("a header"))
        });
        accepted(&pairs.collect()).unwrap_or(Language::English)
    }

    #[test]
    fn accepted_best_language_that_is_spoken() {
        use Language as L;
        for (values, language) in [
            (&[][..], L::English),
            (&[""], L::English),
            (&["*"], L::English),
            (&["de"], L::German),
            (&["de-CH, en;q=0.9"], L::German),
            (&["nl, fr;q=0.5, es;q=0.7"], L::Spanish),
            (&["en;q=0.2, de;q=0.20, fr ; q=0.201"], L::French),
            (&["de;q=0, fr;q=0.001"], L::French),
            (&["de;q=0"], L::English),
            (&["es", "de"], L::Spanish),
            (&["nl", "de;q=0.1"], L::German),
            (&["de;q=7, fr;q=0.1"], L::French),
            (&["de;q=0.1234, fr;q=0.1"], L::French),
            (&["de;level=1;q=0.4, fr;q=0.5"], L::French),
            (&["ja,zh;q=0.9,ko;q=0.8"], L::English),
        ] {
            assert_eq!(of(values), language, "{values:?}");
        }
    }

    #[test]
    fn asked_for_first_tag_that_is_spoken() {
        for (query, language) in [
            ("ui_locales=de", Some(Language::German)),
            ("x=1&ui_locales=nl+fr-CA+en", Some(Language::French)),
            ("ui_locales=nl%20es", Some(Language::Spanish)),
            ("ui_locales=nl", None),
            ("ui_locales=", None),
            ("locale=de", None),
        ] {
            assert_eq!(asked_for(query), language, "{query}");
        }
    }

    proptest! {
        #[test]
        fn accepted_any_header_never_panics(value in "[a-zA-Z*;=,.0-9 -]{0,200}") {
            of(&[&value]);
        }
    }
}
