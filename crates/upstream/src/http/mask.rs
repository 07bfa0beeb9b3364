//! Masking secrets in a body that streams by.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use valetkey_domain::{ExposeSecret as _, SecretString};

use crate::proxy::SHORTEST_MASKED;

/// Looks for secrets in a stream of pieces, also where one is cut in two. A piece without any passes uncopied.
pub(super) struct Mask {
    secrets: Vec<Finder<'static>>,
    /// The end of what came so far, where it could be the beginning of a secret.
    held: Bytes,
}

impl Mask {
    /// `None` if there is nothing worth looking for.
    pub(super) fn new(secrets: &[&SecretString]) -> Option<Self> {
        let secrets: Vec<_> = secrets
            .iter()
            .map(|secret| secret.expose_secret())
            .filter(|secret| secret.len() >= SHORTEST_MASKED)
            .map(|secret| Finder::new(secret).into_owned())
            .collect();
        (!secrets.is_empty()).then_some(Self { secrets, held: Bytes::new() })
    }

    /// How many bytes are held back.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// The next piece to hand on; may be empty while bytes are held back.
    pub(super) fn next(&mut self, piece: Bytes) -> Bytes {
        let mut data = if self.held.is_empty() {
            piece
        } else {
            let mut joined = BytesMut::with_capacity(self.held.len() + piece.len());
            joined.extend_from_slice(&std::mem::take(&mut self.held));
            joined.extend_from_slice(&piece);
            joined.freeze()
        };
        for secret in &self.secrets {
            let length = secret.needle().len();
            let found: Vec<usize> = secret.find_iter(&data).collect();
            if !found.is_empty() {
                let mut masked = BytesMut::from(data);
                for at in found {
                    masked[at..at + length].fill(b'*');
                }
                data = masked.freeze();
            }
        }
        let held = self.secrets.iter().map(|secret| overlap(&data, secret.needle())).max().unwrap_or(0);
        self.held = data.split_off(data.len() - held);
        data
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held)
    }
}

/// How many bytes at the end of `data` are the beginning of `secret`, without being all of it.
fn overlap(data: &[u8], secret: &[u8]) -> usize {
    let most = data.len().min(secret.len() - 1);
    (1..=most).rev().find(|length| data[data.len() - length..] == secret[..*length]).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "tok-abcabcabd-1234";

    fn run(pieces: &[&[u8]]) -> Vec<u8> {
        let token = SecretString::from(TOKEN);
        let mut mask = Mask::new(&[&token]).unwrap();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&mask.next(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&mask.finish());
        out
    }

    /// S51: wherever the stream is cut.
    #[test]
    fn secret_cut_anywhere_is_masked() {
        let text = format!("{{\"a\":\"{TOKEN}\",\"b\":\"tok-abcabc {TOKEN}{TOKEN}\"}}");
        let expected = text.replace(TOKEN, &"*".repeat(TOKEN.len()));
        let bytes = text.as_bytes();
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let out = run(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
                assert_eq!(String::from_utf8(out).unwrap(), expected, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn text_without_secret_passes_unchanged() {
        assert_eq!(run(&[b"tok-abc", b"", b"abc", b"tok"]), b"tok-abcabctok");
        assert!(Mask::new(&[&SecretString::from("short")]).is_none());
    }
}
