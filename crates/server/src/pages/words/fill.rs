//! Texts with values in their places.

use std::fmt::Write as _;

/// A text as it stands, or a place with its name and whether its value is set off.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Text(&'t str),
    Place { name: &'t str, strong: bool },
}

/// The pieces of a text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let strong = name.starts_with('*');
        pieces.push(Piece::Place { name: name.trim_start_matches('*'), strong });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

fn value<'v>(values: &[(&str, &'v str)], name: &str) -> &'v str {
    values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

/// As plain text, for titles.
pub(in crate::pages) fn plain(text: &str, values: &[(&str, &str)]) -> String {
    pieces(text)
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Place { name, .. } => value(values, name),
        })
        .collect()
}

/// As HTML. Texts and values are escaped.
pub(in crate::pages) fn rich(text: &str, values: &[(&str, &str)]) -> String {
    let mut html = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => escape(&mut html, text),
            Piece::Place { name, strong: false } => escape(&mut html, value(values, name)),
            Piece::Place { name, strong: true } => {
                html.push_str("<strong>");
                escape(&mut html, value(values, name));
                html.push_str("</strong>");
            }
        }
    }
    html
}

/// The five characters that mean something in HTML, as numbers, as the templates write them.
fn escape(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a string does not fail.
                let _ = write!(html, "&#{};", u32::from(character));
            }
            character => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rich_values_are_escaped_and_set_off() {
        let values = [("app", "A & <b>"), ("account", "\"x\"'")];
        assert_eq!(
            rich("{app}'s {*account}.", &values),
            "A &#38; &#60;b&#62;&#39;s <strong>&#34;x&#34;&#39;</strong>."
        );
        assert_eq!(plain("{app}'s {*account}.", &values), "A & <b>'s \"x\"'.");
    }

    #[test]
    fn rich_place_without_a_value_is_empty() {
        assert_eq!(rich("a{none}b{", &[]), "ab{");
    }

    proptest! {
        #[test]
        fn rich_no_value_makes_markup(value in "\\PC{0,40}") {
            let html = rich("{*x}", &[("x", &value)]);
            let inside = html.strip_prefix("<strong>").and_then(|html| html.strip_suffix("</strong>")).expect("strong");
            prop_assert!(!inside.contains(['<', '>', '"', '\'']));
        }
    }
}
