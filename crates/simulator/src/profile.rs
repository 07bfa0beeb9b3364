//! Whose manners the provider has: its lasting traits, the names of its scopes, and (in `http::shape`) its errors.

use serde::{Deserialize, Serialize};

use crate::{SCOPES, Settings};

const DAY_S: u64 = 24 * 60 * 60;
const YEAR_S: u64 = 366 * DAY_S;

/// A provider to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The simulator's own manners: strict, rotating, outspoken. The connector `sandbox` expects these.
    #[default]
    Plain,
    /// Google: refresh tokens that stay, given only for offline access, and one sentence for every dead grant.
    Google,
    /// Microsoft: `offline_access`, ninety idle days, AADSTS codes.
    Microsoft,
    /// Slack: `ok: false` with HTTP 200, tokens that do not expire unless rotation is switched on.
    Slack,
}

impl Profile {
    /// Every profile by its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("plain", Self::Plain),
        ("google", Self::Google),
        ("microsoft", Self::Microsoft),
        ("slack", Self::Slack),
    ];

    /// The profile of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, profile)| *profile)
    }

    /// The lasting traits that come with it.
    #[must_use]
    pub fn settings(self) -> Settings {
        let plain = Settings { profile: self, ..Settings::default() };
        match self {
            Self::Plain => plain,
            Self::Google => Settings {
                rotate_refresh_tokens: false,
                reuse_kills_grant: false,
                refresh_idle_s: Some(180 * DAY_S),
                max_grants_per_user: Some(100),
                // Google's own would be refused from another address, and rightly so (RFC 9207 §2.4).
                send_iss: false,
                ..plain
            },
            Self::Microsoft => Settings {
                // Each answer brings a newer refresh token, and the older ones go on working.
                refresh_grace_s: YEAR_S,
                reuse_kills_grant: false,
                refresh_idle_s: Some(90 * DAY_S),
                send_iss: false,
                ..plain
            },
            Self::Slack => Settings {
                access_token_ttl_s: YEAR_S,
                issue_refresh_tokens: false,
                send_expires_in: false,
                send_iss: false,
                ..plain
            },
        }
    }

    /// What the authorization request must hold for a refresh token to be given.
    pub(crate) fn asks_offline(self, access_type: Option<&str>, scopes: &[String]) -> bool {
        match self {
            Self::Plain | Self::Slack => true,
            Self::Google => access_type == Some("offline"),
            Self::Microsoft => scopes.iter().any(|scope| scope == "offline_access"),
        }
    }

    /// What stands between scopes in requests and answers.
    pub(crate) const fn separator(self) -> &'static str {
        match self {
            Self::Slack => ",",
            _ => " ",
        }
    }

    /// Whether a scope can be asked for. The plain provider knows its own; the others have too many to list, so that
    /// only what cannot be a scope (RFC 6749 §3.3) is refused.
    pub(crate) fn knows(self, scope: &str) -> bool {
        match self {
            Self::Plain => SCOPES.contains(&scope),
            _ => scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
        }
    }

    /// The name by which the provider would call a scope of ours.
    pub(crate) fn name_of(self, scope: &str) -> String {
        let names = aliases(scope);
        let name = match self {
            Self::Plain => None,
            Self::Google => names.iter().find(|name| name.starts_with("https://www.googleapis.com/")),
            Self::Microsoft => names.iter().find(|name| name.starts_with(|c: char| c.is_ascii_uppercase())),
            Self::Slack => names.iter().find(|name| !name.starts_with("https:") && name.contains(':')),
        };
        name.map_or_else(|| scope.to_owned(), |name| (*name).to_owned())
    }
}

/// Whether a token's scopes allow what `needed`, a scope of ours, stands for.
pub(crate) fn allows(granted: &[String], needed: &str) -> bool {
    let plain = |scope: &str| scope.strip_prefix("https://graph.microsoft.com/").unwrap_or(scope).to_owned();
    granted
        .iter()
        .map(|scope| plain(scope))
        .any(|scope| scope == needed || aliases(needed).contains(&scope.as_str()))
}

/// The provider scopes that include a scope of ours, the narrowest of each provider first.
fn aliases(scope: &str) -> &'static [&'static str] {
    match scope {
        "profile" => &[
            "https://www.googleapis.com/auth/userinfo.email",
            "openid",
            "email",
            "https://www.googleapis.com/auth/userinfo.profile",
            "User.Read",
            "User.ReadWrite",
            "users:read",
            "users:read.email",
            "https://www.googleapis.com/auth/gmail.readonly",
            "https://www.googleapis.com/auth/gmail.metadata",
            "https://www.googleapis.com/auth/gmail.modify",
            "https://mail.google.com/",
        ],
        "messages.read" => &[
            "https://www.googleapis.com/auth/gmail.readonly",
            "https://www.googleapis.com/auth/gmail.modify",
            "https://mail.google.com/",
            "Mail.Read",
            "Mail.ReadWrite",
            "channels:history",
        ],
        "messages.send" => &[
            "https://www.googleapis.com/auth/gmail.send",
            "https://www.googleapis.com/auth/gmail.compose",
            "https://www.googleapis.com/auth/gmail.modify",
            "https://mail.google.com/",
            "Mail.Send",
            "chat:write",
        ],
        "events.read" => &[
            "https://www.googleapis.com/auth/calendar.events.readonly",
            "https://www.googleapis.com/auth/calendar.readonly",
            "https://www.googleapis.com/auth/calendar.events",
            "https://www.googleapis.com/auth/calendar",
            "Calendars.Read",
            "Calendars.ReadWrite",
        ],
        "events.write" => &[
            "https://www.googleapis.com/auth/calendar.events",
            "https://www.googleapis.com/auth/calendar",
            "Calendars.ReadWrite",
        ],
        "channels.read" => &["channels:read"],
        "files.read" => &[
            "https://www.googleapis.com/auth/drive.readonly",
            "https://www.googleapis.com/auth/drive",
            "Files.Read",
            "Files.ReadWrite",
            "files:read",
        ],
        "files.write" => &[
            "https://www.googleapis.com/auth/drive.file",
            "https://www.googleapis.com/auth/drive",
            "Files.ReadWrite",
            "files:write",
        ],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_of_a_provider_allows_what_it_includes_and_nothing_else() {
        let granted = |scope: &str| vec![scope.to_owned()];
        assert!(allows(&granted("https://www.googleapis.com/auth/gmail.readonly"), "messages.read"));
        assert!(!allows(&granted("https://www.googleapis.com/auth/gmail.readonly"), "messages.send"));
        assert!(allows(&granted("https://graph.microsoft.com/Mail.Read"), "messages.read"));
        assert!(!allows(&granted("channels:read"), "messages.read"));
    }

    #[test]
    fn scope_is_called_by_the_name_of_each_provider() {
        assert_eq!(Profile::Plain.name_of("messages.send"), "messages.send");
        assert_eq!(Profile::Google.name_of("messages.send"), "https://www.googleapis.com/auth/gmail.send");
        assert_eq!(Profile::Microsoft.name_of("messages.send"), "Mail.Send");
        assert_eq!(Profile::Slack.name_of("messages.send"), "chat:write");
    }

    #[test]
    fn profile_has_a_name_and_traits_that_pass_their_own_check() {
        for (name, profile) in Profile::ALL {
            assert_eq!(serde_json::to_value(profile).unwrap(), name);
            assert_eq!(Profile::named(name), Some(profile));
            let settings = profile.settings();
            assert_eq!(settings.patched(&serde_json::json!({})).unwrap(), settings);
        }
    }
}
