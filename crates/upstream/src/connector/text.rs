//! Templates that make one line of text: parameters, headers, URLs.
//!
//! `{name}` is replaced by a value, `{a || b || 'text'}` by the first that is known; `{{` and `}}` are braces.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTemplate {
    text: String,
    pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    /// The terms of a placeholder: the first known one counts.
    Hole(Vec<Term>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    Name(String),
    Literal(String),
}

/// The text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a template: {reason}")]
pub struct InvalidTemplate {
    text: String,
    reason: String,
}

impl InvalidTemplate {
    pub(crate) fn new(text: &str, reason: impl Into<String>) -> Self {
        Self { text: text.chars().take(120).collect(), reason: reason.into() }
    }
}

impl TextTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// When a brace stands alone or a placeholder is empty or malformed.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut pieces = Vec::new();
        for piece in split_holes(text)? {
            pieces.push(match piece {
                RawPiece::Literal(literal) => Piece::Literal(literal),
                RawPiece::Hole(inner) => Piece::Hole(parse_terms(text, inner)?),
            });
        }
        Ok(Self { text: text.to_owned(), pieces })
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text with every placeholder filled by `lookup`; `None` as soon as one has no known term.
    pub fn render(&self, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => out.push_str(literal),
                Piece::Hole(terms) => out.push_str(&first_known(terms, &lookup)?),
            }
        }
        Some(out)
    }

    /// The first placeholder for which `lookup` knows no term.
    pub fn missing(&self, lookup: impl Fn(&str) -> Option<String>) -> Option<&str> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Hole(terms) if first_known(terms, &lookup).is_none() => {
                terms.iter().find_map(|t| match t {
                    Term::Name(name) => Some(name.as_str()),
                    Term::Literal(_) => None,
                })
            }
            _ => None,
        })
    }

    /// Every name the template can ask for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces
            .iter()
            .flat_map(|piece| match piece {
                Piece::Hole(terms) => terms.as_slice(),
                Piece::Literal(_) => &[],
            })
            .filter_map(|term| match term {
                Term::Name(name) => Some(name.as_str()),
                Term::Literal(_) => None,
            })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

pub(crate) fn first_known(terms: &[Term], lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    terms.iter().find_map(|term| match term {
        Term::Name(name) => lookup(name),
        Term::Literal(text) => Some(text.clone()),
    })
}

pub(crate) enum RawPiece<'a> {
    Literal(String),
    Hole(&'a str),
}

/// Splits text into literals and the insides of `{…}`. Quoted text inside a hole may hold braces.
pub(crate) fn split_holes(text: &str) -> Result<Vec<RawPiece<'_>>, InvalidTemplate> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(next) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = next;
            continue;
        }
        if brace == "}" {
            return Err(InvalidTemplate::new(text, "a \"}\" stands alone; write \"}}\" for a brace"));
        }
        let end = hole_end(after)
            .ok_or_else(|| InvalidTemplate::new(text, "a \"{\" lacks its \"}\"; write \"{{\" for a brace"))?;
        if !literal.is_empty() {
            pieces.push(RawPiece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(RawPiece::Hole(&after[..end]));
        rest = &after[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(RawPiece::Literal(literal));
    }
    Ok(pieces)
}

fn hole_end(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn parse_terms(text: &str, inner: &str) -> Result<Vec<Term>, InvalidTemplate> {
    inner
        .split("||")
        .map(|term| {
            let term = term.trim();
            if let Some(literal) = term.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
                return Ok(Term::Literal(literal.to_owned()));
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            if term.is_empty() || !term.chars().all(plain) {
                return Err(InvalidTemplate::new(text, format!("\"{term}\" is not a name")));
            }
            Ok(Term::Name(term.to_owned()))
        })
        .collect()
}

impl fmt::Display for TextTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for TextTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Option<String> {
        match name {
            "a" => Some("1".into()),
            "b.c" => Some("2".into()),
            _ => None,
        }
    }

    #[test]
    fn template_fills_in_the_first_known_term() {
        let render = |text: &str| TextTemplate::parse(text).unwrap().render(known);
        assert_eq!(render("x{a}y{b.c}").as_deref(), Some("x1y2"));
        assert_eq!(render("{none || a}").as_deref(), Some("1"));
        assert_eq!(render("{none || 'de}f'}").as_deref(), Some("de}f"));
        assert_eq!(render("{none}"), None);
        assert_eq!(render("{{a}}").as_deref(), Some("{a}"));
    }

    #[test]
    fn template_malformed_is_refused() {
        for text in ["{", "}", "{}", "{a b}", "{a", "{a ||}", "{a|b}"] {
            assert!(TextTemplate::parse(text).is_err(), "{text}");
        }
    }
}
