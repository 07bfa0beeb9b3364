//! What a token that an agent holds is bounded to (S41).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Permission, Permissions};

/// The bounds of a token: of connectors, tools and users, an empty set means any. They narrow what its permissions allow,
/// and a token with bounds has no other permissions than [`Bounds::permissions`]: nothing else looks at bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bounds {
    /// The connectors whose tools it may call, by slug.
    pub connectors: BTreeSet<String>,
    /// The tools that it may call, by their own names. Proxied calls are none of them.
    pub tools: BTreeSet<String>,
    /// The users whose accounts it may use, by identifier.
    pub identifiers: BTreeSet<String>,
    /// Whether it may only read.
    pub read_only: bool,
}

impl Bounds {
    /// What a token with bounds may be allowed to do at most: find tools and call them.
    #[must_use]
    pub fn permissions() -> Permissions {
        [Permission::ToolsRead, Permission::ToolsExecute].into_iter().collect()
    }

    /// Whether they leave everything open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this tool may be called.
    #[must_use]
    pub fn allow_tool(&self, connector: &str, tool: &str, reads: bool) -> bool {
        self.allow_connector(connector) && within(&self.tools, tool) && (reads || !self.read_only)
    }

    /// Whether calls to this connector's API may be handed on.
    #[must_use]
    pub fn allow_proxied(&self, connector: &str, reads: bool) -> bool {
        self.allow_connector(connector) && self.tools.is_empty() && (reads || !self.read_only)
    }

    /// Whether anything of this connector may be used.
    #[must_use]
    pub fn allow_connector(&self, connector: &str) -> bool {
        within(&self.connectors, connector)
    }

    /// Whether this user's accounts may be used.
    #[must_use]
    pub fn allow_user(&self, identifier: &str) -> bool {
        within(&self.identifiers, identifier)
    }

    /// What they leave, for people.
    #[must_use]
    pub fn in_words(&self) -> String {
        let named = |what: &str, names: &BTreeSet<String>| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        let parts = [
            named("the connectors", &self.connectors),
            named("the tools", &self.tools),
            named("the users", &self.identifiers),
            self.read_only.then(|| "reading".to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

fn within(names: &BTreeSet<String>, name: &str) -> bool {
    names.is_empty() || names.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn bounds_that_name_nothing_leave_everything_open() {
        let open = Bounds::default();
        assert!(open.is_open() && open.in_words().is_empty());
        assert!(open.allow_tool("gmail", "gmail_send_email", false));
        assert!(open.allow_proxied("gmail", false) && open.allow_user("user_1"));
    }

    #[test]
    fn bounds_hold_for_what_they_name() {
        let bounds = Bounds {
            connectors: set(&["gmail"]),
            tools: set(&["gmail_get_profile", "gmail_send_email"]),
            identifiers: set(&["user_1"]),
            read_only: true,
        };
        assert!(bounds.allow_tool("gmail", "gmail_get_profile", true));
        assert!(!bounds.allow_tool("gmail", "gmail_send_email", false), "it writes");
        assert!(!bounds.allow_tool("gmail", "gmail_list_messages", true), "another tool");
        assert!(!bounds.allow_tool("slack", "gmail_get_profile", true), "another connector");
        assert!(!bounds.allow_proxied("gmail", true), "a path is no tool");
        assert!(bounds.allow_user("user_1") && !bounds.allow_user("user_2"));
        assert_eq!(
            bounds.in_words(),
            "the connectors gmail; the tools gmail_get_profile, gmail_send_email; the users user_1; reading"
        );
    }
}
