//! Taking our secrets out of other people's words.

use std::{collections::HashSet, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use valetkey_domain::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// What stands in a secret's place.
pub(crate) const MASK: &str = "[redacted]";
/// A stretch of this many bytes shared with a secret is a piece of it: providers like to quote the beginning.
const PIECE: usize = 12;
/// Provider text beyond this is not looked at.
const MAX_INPUT: usize = 16 << 10;

/// The secrets that a provider may know, in every form in which it may quote them.
#[derive(Default, Clone)]
pub(crate) struct Redactor(Vec<Zeroizing<String>>);

impl Redactor {
    /// Knows one more secret.
    pub(crate) fn add(&mut self, secret: &SecretString) {
        let raw = secret.expose_secret();
        if raw.is_empty() {
            return;
        }
        let forms = [
            raw.to_owned(),
            utf8_percent_encode(raw, NON_ALPHANUMERIC).to_string(),
            url::form_urlencoded::byte_serialize(raw.as_bytes()).collect(),
            STANDARD.encode(raw),
            raw.bytes().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            }),
        ];
        for form in forms {
            if !self.0.iter().any(|known| **known == form) {
                self.0.push(Zeroizing::new(form));
            }
        }
    }

    /// Knows one more secret, if there is one.
    pub(crate) fn add_maybe(&mut self, secret: Option<&SecretString>) {
        if let Some(secret) = secret {
            self.add(secret);
        }
    }

    /// The text without any secret or piece of one, without control characters, cut to `limit` characters.
    pub(crate) fn clean(&self, text: &str, limit: usize) -> String {
        let mut end = text.len().min(MAX_INPUT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        let covered = self.covered(text.as_bytes());
        let mut out = String::with_capacity(text.len().min(limit * 4));
        let (mut written, mut masking) = (0, false);
        for (at, c) in text.char_indices() {
            if written >= limit {
                out.push('…');
                break;
            }
            if covered[at] {
                if !masking {
                    out.push_str(MASK);
                    written += MASK.len();
                }
                masking = true;
                continue;
            }
            masking = false;
            out.push(if c.is_control() { ' ' } else { c });
            written += 1;
        }
        out.trim().to_owned()
    }

    /// Which bytes of `text` belong to a secret.
    fn covered(&self, text: &[u8]) -> Vec<bool> {
        let mut covered = vec![false; text.len()];
        for secret in &self.0 {
            let secret = secret.as_bytes();
            let width = secret.len().min(PIECE);
            let pieces: HashSet<&[u8]> = secret.windows(width).collect();
            for (at, window) in text.windows(width).enumerate() {
                if pieces.contains(window) {
                    covered[at..at + width].fill(true);
                }
            }
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(&SecretString::from(*secret));
        }
        redactor
    }

    /// S56.
    #[test]
    fn secret_in_any_form_is_masked() {
        let secret = "s3cr/et+value=with&odd chars";
        let redactor = redactor(&[secret]);
        for quoted in [
            secret.to_owned(),
            "s3cr%2Fet%2Bvalue%3Dwith%26odd%20chars".into(),
            "s3cr%2Fet%2Bvalue%3Dwith%26odd+chars".into(),
            STANDARD.encode(secret),
            secret[..14].to_owned(),
            secret[9..].to_owned(),
        ] {
            let cleaned = redactor.clean(&format!("the token \"{quoted}\" is bad"), 500);
            assert_eq!(cleaned, format!("the token \"{MASK}\" is bad"), "{quoted}");
        }
    }

    #[test]
    fn secret_short_is_masked_whole() {
        assert_eq!(redactor(&["pw"]).clean("no pw here", 100), format!("no {MASK} here"));
    }

    #[test]
    fn text_long_or_odd_is_bounded_and_plain() {
        assert_eq!(redactor(&[]).clean("a\r\nb\0c", 100), "a  b c");
        assert_eq!(redactor(&[]).clean(&"ü".repeat(100_000), 10).chars().count(), 11);
    }
}
