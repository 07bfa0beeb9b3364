//! The master key: the one secret that lives outside the database.

use std::{collections::BTreeSet, fmt};

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::SecretString;
use valetkey_domain::SealedBlob;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    OpenError, SealError, TermKey,
    blob::{open_term, seal_term},
    random,
};

/// How many bytes a key has.
pub(crate) const KEY_LENGTH: usize = 32;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The key that wraps the keys of the terms. Its memory is cleared when it is dropped.
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
    key: LessSafeKey,
}

/// The text is not a usable master key. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// There is none.
    #[error("the master key is empty; make one with `openssl rand -base64 32`")]
    Empty,
    /// Neither base64 nor hexadecimal.
    #[error("the master key is neither base64 nor hexadecimal; make one with `openssl rand -base64 32`")]
    NotText,
    /// Another number of bytes than 32.
    #[error(
        "the master key has {found} bytes, but must have exactly 32; make one with `openssl rand -base64 32`"
    )]
    WrongLength {
        /// How many bytes the text stands for.
        found: usize,
    },
    /// 32 bytes that nobody drew at random.
    #[error("the master key is too easy to guess ({reason}); make one with `openssl rand -base64 32`")]
    Weak {
        /// What gave it away.
        reason: &'static str,
    },
    /// The system gives no random bytes, so that no key can be made.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl MasterKey {
    /// Reads a key of exactly 32 bytes from base64 (standard or URL-safe, padded or not) or hexadecimal. White space
    /// around it is ignored, since key files end with a line break.
    ///
    /// # Errors
    /// When the text stands for anything but 32 bytes, or for bytes that were evidently not drawn at random.
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MasterKeyError::Empty);
        }
        let decoded = decode(text).ok_or(MasterKeyError::NotText)?;
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        if decoded.len() != KEY_LENGTH {
            return Err(MasterKeyError::WrongLength { found: decoded.len() });
        }
        bytes.copy_from_slice(&decoded);
        if let Some(reason) = weakness(&bytes) {
            return Err(MasterKeyError::Weak { reason });
        }
        Self::new(bytes)
    }

    /// A new random key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, MasterKeyError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        random::fill(bytes.as_mut_slice()).map_err(|_| MasterKeyError::NoRandomness)?;
        Self::new(bytes)
    }

    fn new(bytes: Zeroizing<[u8; KEY_LENGTH]>) -> Result<Self, MasterKeyError> {
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice())
            .map_err(|_| MasterKeyError::WrongLength { found: bytes.len() })?;
        Ok(Self { bytes, key: LessSafeKey::new(key) })
    }

    /// The key as [`MasterKey::from_text`] reads it, to be written to a key file and nowhere else.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        base64::engine::general_purpose::STANDARD.encode(self.bytes.as_slice()).into()
    }

    /// The key itself, to derive others from.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Wraps the key of a term for storage.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn wrap(&self, term: u32, key: &TermKey) -> Result<SealedBlob, SealError> {
        seal_term(&self.key, term, key)
    }

    /// Unwraps the key of a term.
    ///
    /// # Errors
    /// When it was wrapped under another master key or for another term, or was altered.
    pub fn unwrap(&self, term: u32, wrapped: &SealedBlob) -> Result<TermKey, OpenError> {
        open_term(&self.key, term, wrapped)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // 64 hexadecimal digits would also be base64 of 48 bytes; no one means that.
    if text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return decode_hex(text);
    }
    for alphabet in [&STANDARD, &URL_SAFE] {
        let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
        if GeneralPurpose::new(alphabet, LENIENT).decode_vec(text, &mut decoded).is_ok() {
            return Some(decoded);
        }
        decoded.zeroize();
    }
    None
}

fn decode_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut decoded = Zeroizing::new(Vec::with_capacity(KEY_LENGTH));
    for pair in text.as_bytes().chunks_exact(2) {
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        decoded.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(decoded)
}

/// Why the bytes are evidently not random. Each test fails for truly random bytes with a chance below 2⁻⁴⁰.
fn weakness(bytes: &[u8; KEY_LENGTH]) -> Option<&'static str> {
    if bytes.iter().all(|b| *b == bytes[0]) {
        return Some("all its bytes are equal");
    }
    let step = bytes[1].wrapping_sub(bytes[0]);
    if bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        return Some("its bytes count up or down");
    }
    if bytes.iter().collect::<BTreeSet<_>>().len() < 16 {
        return Some("its bytes repeat");
    }
    if bytes.iter().all(|b| matches!(b, b' '..=b'~')) {
        return Some("it is written text");
    }
    None
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const HEX: &str = "9f1b0c5e77d24a8830e1f6a2b4c8d93e5a6f7182c3d4e5f60718293a4b5c6d7e";

    #[test]
    fn master_key_in_any_usual_spelling_is_the_same_key() {
        let from_hex = MasterKey::from_text(HEX).unwrap();
        let standard = from_hex.to_text().expose_secret().to_owned();
        let spellings = [
            HEX.to_uppercase(),
            format!("  {HEX}\n"),
            standard.clone(),
            standard.trim_end_matches('=').to_owned(),
            standard.replace('+', "-").replace('/', "_"),
        ];
        for spelling in spellings {
            assert_eq!(*MasterKey::from_text(&spelling).unwrap().bytes, *from_hex.bytes);
        }
    }

    /// S33: no key, no start; and no key that only looks like one.
    #[test]
    fn master_key_unusable_is_refused_with_a_reason() {
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let counting: Vec<u8> = (0..32).collect();
        let cases = [
            (String::new(), "empty"),
            ("   \n".into(), "empty"),
            ("not a key!".into(), "neither base64 nor hexadecimal"),
            (encode(&[7; 16]), "has 16 bytes"),
            (encode(&[7; 33]), "has 33 bytes"),
            (HEX[..62].into(), "has 31 bytes"),
            (encode(&[7; 32]), "all its bytes are equal"),
            ("0".repeat(64), "all its bytes are equal"),
            (encode(&counting), "count up or down"),
            (encode(&[1, 2, 3, 4, 5, 6, 7, 8].repeat(4)), "its bytes repeat"),
            (encode(b"correct horse, battery & staple!"), "written text"),
        ];
        for (text, reason) in cases {
            let refusal = MasterKey::from_text(&text).unwrap_err().to_string();
            assert!(refusal.contains(reason), "{refusal} should say: {reason}");
        }
    }

    #[test]
    fn master_key_generated_reads_back_and_never_repeats() {
        let (one, two) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
        assert_ne!(*one.bytes, *two.bytes);
        assert_eq!(*MasterKey::from_text(one.to_text().expose_secret()).unwrap().bytes, *one.bytes);
    }

    #[test]
    fn master_key_printed_shows_nothing() {
        assert_eq!(format!("{:?}", MasterKey::from_text(HEX).unwrap()), "MasterKey([redacted])");
    }
}
