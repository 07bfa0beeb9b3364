//! Lasting traits of the provider: lifetimes, rotation, what its answers leave out.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::Duration;

use crate::Profile;

/// The issuer identifier (RFC 9207, RFC 8414) unless told otherwise. It is a name and not an address: the simulator
/// listens on a port chosen at start, while a connector file needs a constant to compare with.
pub const ISSUER: &str = "https://sandbox.valetkey.invalid";

/// The longest life of an authorization code, in seconds (S20).
const MAX_CODE_TTL_S: u64 = 60;
/// A year, so that adding a lifetime to a date never overflows.
const MAX_TTL_S: u64 = 366 * 24 * 60 * 60;

/// How the provider behaves until told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long an access token works, in seconds.
    pub access_token_ttl_s: u64,
    /// How long a refresh token works, in seconds; `None` for ever.
    pub refresh_token_ttl_s: Option<u64>,
    /// How long an authorization code works, in seconds, at most 60.
    pub code_ttl_s: u64,
    /// Whether a refresh gives a new refresh token and spends the old one.
    pub rotate_refresh_tokens: bool,
    /// For how many seconds a spent refresh token is still good, as some providers allow after a lost answer.
    pub refresh_grace_s: u64,
    /// Whether the use of a spent refresh token (after the grace) kills the whole grant (RFC 9700 §4.14.2).
    pub reuse_kills_grant: bool,
    /// Whether an exchanged code brings a refresh token at all.
    pub issue_refresh_tokens: bool,
    /// Whether token answers say `expires_in`.
    pub send_expires_in: bool,
    /// Whether callbacks carry `iss` (RFC 9207).
    pub send_iss: bool,
    /// The issuer identifier.
    pub issuer: String,
    /// Whether authorization requests without a code challenge are refused.
    pub require_pkce: bool,
    /// Whose manners the provider has. Giving it sets every other trait to what comes with it; traits given beside it
    /// win.
    pub profile: Profile,
    /// Whether the app is in testing: grants made now end after seven days, and publishing it later does not help
    /// them.
    pub test_mode: bool,
    /// After how many seconds without use a refresh token is dead; `None` never.
    pub refresh_idle_s: Option<u64>,
    /// How many grants one user can have given one client; one more ends the oldest without notice. `None` any
    /// number.
    pub max_grants_per_user: Option<u32>,
    /// Whether users may not consent for themselves: the authorization is sent back with the profile's error for
    /// that.
    pub admin_consent_required: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_ttl_s: 3600,
            refresh_token_ttl_s: None,
            code_ttl_s: MAX_CODE_TTL_S,
            rotate_refresh_tokens: true,
            refresh_grace_s: 0,
            reuse_kills_grant: true,
            issue_refresh_tokens: true,
            send_expires_in: true,
            send_iss: true,
            issuer: ISSUER.to_owned(),
            require_pkce: false,
            profile: Profile::Plain,
            test_mode: false,
            refresh_idle_s: None,
            max_grants_per_user: None,
            admin_consent_required: false,
        }
    }
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::seconds(i64::try_from(count.min(MAX_TTL_S)).unwrap_or(i64::MAX))
}

impl Settings {
    /// These settings with the fields of `patch` in place of their own.
    ///
    /// # Errors
    /// A sentence that names the field, when one is unknown, of the wrong type or out of range.
    pub fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(fields) = patch else { return Err("settings are a JSON object".to_owned()) };
        let base = match fields.get("profile") {
            None => self.clone(),
            Some(profile) => {
                let profile: Profile = serde_json::from_value(profile.clone())
                    .map_err(|_| "profile: plain, google, microsoft or slack".to_owned())?;
                profile.settings()
            }
        };
        let mut merged = serde_json::to_value(base).map_err(|e| e.to_string())?;
        if let Value::Object(known) = &mut merged {
            known.extend(fields.clone());
        }
        let settings: Self = serde_json::from_value(merged).map_err(|e| e.to_string())?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        if self.code_ttl_s > MAX_CODE_TTL_S {
            return Err(format!("code_ttl_s: at most {MAX_CODE_TTL_S}"));
        }
        let lifetimes = [
            ("access_token_ttl_s", self.access_token_ttl_s),
            ("refresh_token_ttl_s", self.refresh_token_ttl_s.unwrap_or(0)),
            ("refresh_grace_s", self.refresh_grace_s),
            ("refresh_idle_s", self.refresh_idle_s.unwrap_or(0)),
        ];
        if self.max_grants_per_user == Some(0) {
            return Err("max_grants_per_user: at least 1".to_owned());
        }
        match lifetimes.iter().find(|(_, seconds)| *seconds > MAX_TTL_S) {
            Some((field, _)) => Err(format!("{field}: at most {MAX_TTL_S}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patch_with_some_fields_keeps_the_others() {
        let settings = Settings::default()
            .patched(&json!({"rotate_refresh_tokens": false, "refresh_token_ttl_s": 60}))
            .unwrap();
        let expected =
            Settings { rotate_refresh_tokens: false, refresh_token_ttl_s: Some(60), ..Settings::default() };
        assert_eq!(settings, expected);
        assert_eq!(
            settings.patched(&json!({"refresh_token_ttl_s": null})).unwrap().refresh_token_ttl_s,
            None
        );
    }

    #[test]
    fn patch_with_a_profile_brings_its_traits_but_for_those_given_beside() {
        let patch = json!({"profile": "microsoft", "refresh_idle_s": 60});
        let settings = Settings { code_ttl_s: 1, ..Settings::default() }.patched(&patch).unwrap();
        let expected = Settings { refresh_idle_s: Some(60), ..Profile::Microsoft.settings() };
        assert_eq!(settings, expected);
    }

    #[test]
    fn patch_with_a_bad_field_names_it() {
        for (patch, field) in [
            (json!({"rotate": true}), "rotate"),
            (json!({"code_ttl_s": 61}), "code_ttl_s"),
            (json!({"access_token_ttl_s": u64::MAX}), "access_token_ttl_s"),
            (json!({"max_grants_per_user": 0}), "max_grants_per_user"),
            (json!({"profile": "yahoo"}), "profile"),
        ] {
            assert!(Settings::default().patched(&patch).unwrap_err().contains(field));
        }
    }
}
