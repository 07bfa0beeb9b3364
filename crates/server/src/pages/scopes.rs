//! Scopes on the page that asks for them.

use valetkey_domain::Language;
use valetkey_engine::ScopeLine;

use super::site::Said;

/// A scope with a line of its own.
pub(super) struct Shown<'a> {
    /// As the provider spells it.
    pub(super) scope: &'a str,
    /// What it lets one do, where the connector says so.
    pub(super) words: Option<Said<'a>>,
}

/// The lines, for a reader of a language.
pub(super) fn lines(scopes: &[ScopeLine], language: Language) -> Vec<Shown<'_>> {
    let shown = shown(scopes).into_iter();
    let lines = shown.map(|line| Shown {
        scope: &line.scope,
        words: line.description.as_ref().map(|words| Said::of(words, language)),
    });
    lines.collect()
}

/// The scopes worth a line: those that shape the protocol and grant nothing are left out unless the connector has
/// words for them, and what reads the same is said once.
fn shown(scopes: &[ScopeLine]) -> Vec<&ScopeLine> {
    let mut shown: Vec<&ScopeLine> = Vec::new();
    for line in scopes {
        let silent = line.description.is_none() && is_technical(&line.scope);
        let said = shown.iter().any(|other| match &line.description {
            Some(description) => other.description.as_ref() == Some(description),
            None => other.scope == line.scope,
        });
        if !silent && !said {
            shown.push(line);
        }
    }
    shown
}

fn is_technical(scope: &str) -> bool {
    matches!(scope, "openid" | "offline_access" | "refresh_token" | "offline.access" | "offline")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scope: &str, description: Option<&str>) -> ScopeLine {
        ScopeLine { scope: scope.into(), description: description.map(Into::into) }
    }

    #[test]
    fn shown_technical_left_out_and_nothing_said_twice() {
        let scopes = [
            line("openid", None),
            line("offline_access", Some("Stay connected")),
            line("mail.read", Some("Read your e-mail")),
            line("mail.readonly", Some("Read your e-mail")),
            line("custom.thing", None),
            line("custom.thing", None),
        ];
        let names: Vec<_> = shown(&scopes).iter().map(|line| line.scope.as_str()).collect();
        assert_eq!(names, ["offline_access", "mail.read", "custom.thing"]);
    }
}
