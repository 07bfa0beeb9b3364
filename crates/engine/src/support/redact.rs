//! Cleaning what was gathered.

use serde_json::Value;
use url::Url;
use valetkey_upstream::tool::Mask;

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";

/// Members whose text is a secret, whatever it looks like.
const SECRET_NAMES: [&str; 14] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "client_secret",
    "secret",
    "password",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "private_key",
    "code_verifier",
    "assertion",
];

/// How secrets of well-known kinds begin: ours, bearer headers, JSON web tokens, and those of providers.
const SECRET_STARTS: [&str; 20] = [
    "vk_",
    "eyJ",
    "ya29.",
    "1//0",
    "xoxb-",
    "xoxp-",
    "xoxe",
    "xapp-",
    "gho_",
    "ghp_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "sk-",
    "sk_live_",
    "lin_api_",
    "lin_oauth_",
    "GOCSPX-",
];

/// A word of random letters and digits that is at least so long is a secret until the contrary is shown.
const RANDOM: usize = 24;

/// Cleans a document of known secrets, and of what looks like one.
pub struct Redactor {
    masks: Vec<Mask>,
    /// Where our authorization links begin.
    links: String,
}

impl Redactor {
    pub(crate) fn new(masks: Vec<Mask>, public_url: &Url) -> Self {
        Self { masks, links: format!("{}/connect/", public_url.as_str().trim_end_matches('/')) }
    }

    /// Cleans every text of `value`, names of members too.
    pub fn clean(&self, value: &mut Value) {
        for mask in &self.masks {
            mask.value(value);
        }
        self.walk(value, None);
    }

    /// Cleans one text.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let masked = self.masks.iter().fold(text.to_owned(), |text, mask| mask.text(&text));
        self.words(&masked)
    }

    fn walk(&self, value: &mut Value, name: Option<&str>) {
        match value {
            Value::String(text) => {
                if name.is_some_and(|name| is_secret_member(name, text)) {
                    *text = REDACTED.to_owned();
                } else if !name.is_some_and(is_id) {
                    *text = self.words(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item, name)),
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    self.walk(field, Some(name));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The text with every word cleaned; what parts the words stays.
    fn words(&self, text: &str) -> String {
        const PARTINGS: [char; 11] = [' ', '\n', '\t', '"', '\'', ',', ';', '(', ')', '<', '>'];
        let mut out = String::with_capacity(text.len());
        // Whether the next word is what a name of a secret, or the name of a scheme, announces.
        let (mut awaited, mut last) = (false, "");
        for piece in text.split_inclusive(PARTINGS) {
            let word = piece.trim_end_matches(PARTINGS);
            let is_scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
            if awaited && !is_scheme && word.len() >= 8 {
                out += REDACTED;
            } else {
                out += &self.word(word);
            }
            out += &piece[word.len()..];
            if word.is_empty() {
                continue;
            }
            let name = if matches!(word, ":" | "=") { last } else { word };
            awaited = is_scheme || (word.ends_with([':', '=']) && is_secret_name(name));
            last = word;
        }
        out
    }

    fn word(&self, word: &str) -> String {
        if word.starts_with(&self.links) {
            return format!("{}{REDACTED}", self.links);
        }
        if word.contains("://") {
            return self.address(word);
        }
        // A parameter or a member in a text: `code=4/0Ab…`, `token:xyz`.
        if let Some((name, value)) = word.split_once(['=', ':'])
            && !value.is_empty()
        {
            let parting = &word[name.len()..=name.len()];
            let is_grant = parting == "=" && is_authorization_code(name, value);
            let value = match is_grant || is_secret_member(name, value) {
                true => REDACTED.to_owned(),
                false => cleaned(value),
            };
            return format!("{}{parting}{value}", cleaned(name));
        }
        cleaned(word)
    }

    /// An address without user and query, and without what looks like a secret in its path.
    fn address(&self, word: &str) -> String {
        let (bare, has_query) = match word.find(['?', '#']) {
            Some(end) => (&word[..end], true),
            None => (word, false),
        };
        let Some((scheme, rest)) = bare.split_once("://") else { return REDACTED.to_owned() };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let path: Vec<_> = path.split('/').map(cleaned).collect();
        let query = if has_query { "?[redacted]" } else { "" };
        format!("{scheme}://{host}{}{query}", path.join("/"))
    }
}

fn is_secret_name(name: &str) -> bool {
    let name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.contains(&name.as_str())
}

/// `code=` of a callback (RFC 6749 §4.1.2), and not that of an error: those are short or without digits.
fn is_authorization_code(name: &str, value: &str) -> bool {
    name == "code" && value.len() >= 16 && value.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_secret_member(name: &str, value: &str) -> bool {
    // A word about a token ("none", "renewed in vain") is not one.
    is_secret_name(name) && value.len() >= 8 && !value.contains(' ')
}

/// Members that hold ids: they are what a helper looks for.
fn is_id(name: &str) -> bool {
    name == "id" || name == "ref" || name == "server" || name == "identifier" || name.ends_with("_id")
}

fn cleaned(word: &str) -> String {
    if is_secret(word) { REDACTED.to_owned() } else { word.to_owned() }
}

fn is_secret(word: &str) -> bool {
    let starts = |start: &&str| word.len() >= start.len() + 8 && word.starts_with(*start);
    SECRET_STARTS.iter().any(starts) || is_random(word)
}

/// Whether a word has the looks of one that was drawn by lot: long, of letters and digits, in both cases or all
/// hexadecimal. Our own ids (`ca_` and a ULID) are lower case and not hexadecimal.
fn is_random(word: &str) -> bool {
    let of_alphabet = word
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'~' | b'+' | b'='));
    if word.len() < RANDOM || !of_alphabet {
        return false;
    }
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && digits >= 2;
    let hexadecimal = word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    mixed || hexadecimal
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use valetkey_domain::{Credential, SecretString};

    use super::*;

    fn redactor() -> Redactor {
        let known = BTreeMap::from([("k".to_owned(), SecretString::from("plain-words-key"))]);
        Redactor::new(
            vec![Mask::of(&Credential::Static(known))],
            &"https://connect.acme.com/".parse().unwrap(),
        )
    }

    #[test]
    fn secrets_of_every_kind_are_taken_out() {
        for text in [
            "the key plain-words-key was refused",
            "Authorization: Bearer ya29.a0AfH6SMBx-canary",
            "token vk_01jz0000000000000000000000_canarycanary",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
            "code=4/0AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
            "GET https://user:canary@api.example/x?access_token=canary#f",
            "https://connect.acme.com/connect/canarycanary",
            "sent \"client_secret\":\"canary-canary\" to them",
            "0123456789abcdef0123456789abcdef",
        ] {
            let clean = redactor().text(text);
            assert!(clean.contains(REDACTED), "{clean}");
            assert!(!clean.contains("canary") && !clean.contains("plain-words-key"), "{clean}");
        }
    }

    #[test]
    fn facts_are_left_as_they_are() {
        for text in [
            "invalid_grant AADSTS700082: The refresh token was not used for 90 days.",
            "googlecalendar_list_events of ca_01jz5m3q8p7r6s5t4v3w2x1y0z",
            "https://www.googleapis.com/auth/calendar.events.readonly",
            "2026-11-26T02:20:11.07774577Z",
            "550e8400-e29b-41d4-a716-446655440000",
            "GET /gmail/v1/users/me/profile",
        ] {
            assert_eq!(redactor().text(text), text);
        }
    }

    #[test]
    fn members_named_like_secrets_are_taken_out_and_words_about_them_kept() {
        let mut value = json!({
            "evidence": {"refresh_token": "renewed in vain", "access_token": "short-one", "plain-words-key": 1},
            "account_id": "ca_01jz5m3q8p7r6s5t4v3w2x1y0z",
            "has_client_secret": true,
        });
        redactor().clean(&mut value);
        assert_eq!(
            value,
            json!({
                "evidence": {"refresh_token": "renewed in vain", "access_token": REDACTED, "[redacted]": 1},
                "account_id": "ca_01jz5m3q8p7r6s5t4v3w2x1y0z",
                "has_client_secret": true,
            })
        );
    }
}
