//! The layout of sealed bytes, and the two operations on it.
//!
//! ```text
//! value:     1 format │ 4 term │ 12 nonce │ 48 data key under the term key │ 12 nonce │ n + 16 value under the data key
//! term key:  1 format │ 12 nonce │ 48 term key under the master key
//! ```

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use valetkey_domain::{Error, ErrorCode, SealedBlob, sealed::SealContext};
use zeroize::Zeroizing;

use crate::{Keyring, SealError, TermKey, master::KEY_LENGTH, random};

const FORMAT: u8 = 1;
const TAG: usize = 16;
const WRAPPED: usize = KEY_LENGTH + TAG;
const HEADER: usize = 1 + size_of::<u32>();
const WRAPPED_AT: usize = HEADER + NONCE_LEN;
const NONCE_AT: usize = WRAPPED_AT + WRAPPED;
const VALUE_AT: usize = NONCE_AT + NONCE_LEN;
const TERM_BLOB: usize = 1 + NONCE_LEN + WRAPPED;

/// What an encryption is for. Part of the associated data, so that no ciphertext passes for one of another kind.
const FOR_TERM_KEY: &str = "valetkey term key";
const FOR_DATA_KEY: &str = "valetkey data key";
const FOR_VALUE: &str = "valetkey value";

/// Why a sealed value was not opened. Nothing of it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The keyring has no such term.
    #[error("it was sealed in term {term}, which this keyring does not have")]
    UnknownTerm {
        /// The term that the blob names.
        term: u32,
    },
    /// It was moved from another place, altered, or sealed under another key.
    #[error("it does not open here: it was moved, altered or sealed under another key")]
    DoesNotOpen,
    /// The bytes are not a sealed value.
    #[error("it is not a sealed value")]
    Malformed,
}

impl From<OpenError> for Error {
    fn from(refusal: OpenError) -> Self {
        Self::new(ErrorCode::SealRefused).because(refusal)
    }
}

fn put(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

/// Every part goes in behind its length: no two different contexts give the same bytes.
fn associated_data(purpose: &str, term: u32, context: Option<&SealContext<'_>>) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    put(&mut out, purpose.as_bytes());
    put(&mut out, &[FORMAT]);
    put(&mut out, &term.to_be_bytes());
    if let Some(context) = context {
        put(&mut out, context.environment.as_bytes());
        put(&mut out, context.record.as_bytes());
        put(&mut out, context.field.as_bytes());
        put(&mut out, &context.generation.to_be_bytes());
    }
    out
}

fn encrypt(
    key: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    data: &[u8],
    value: &mut [u8],
) -> Result<[u8; TAG], SealError> {
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(data), value)
        .map_err(|_| SealError::TooLarge)?;
    tag.as_ref().try_into().map_err(|_| SealError::TooLarge)
}

/// Decrypts `sealed`, a ciphertext with its tag. The clear bytes never leave zeroizing memory.
fn decrypt(
    key: &LessSafeKey,
    nonce: &[u8],
    data: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Malformed)?;
    let mut clear = Zeroizing::new(sealed.to_vec());
    let length =
        key.open_in_place(nonce, Aad::from(data), &mut clear).map_err(|_| OpenError::DoesNotOpen)?.len();
    clear.truncate(length);
    Ok(clear)
}

fn cipher(key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

pub(crate) fn term_cipher(key: &TermKey) -> Option<LessSafeKey> {
    cipher(key.0.as_slice())
}

pub(crate) fn seal_term(master: &LessSafeKey, term: u32, key: &TermKey) -> Result<SealedBlob, SealError> {
    let nonce = random::bytes()?;
    let mut wrapped = Zeroizing::new(*key.0);
    let tag = encrypt(master, nonce, &associated_data(FOR_TERM_KEY, term, None), wrapped.as_mut_slice())?;
    let mut out = Vec::with_capacity(TERM_BLOB);
    out.push(FORMAT);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(wrapped.as_slice());
    out.extend_from_slice(&tag);
    Ok(SealedBlob(out))
}

pub(crate) fn open_term(master: &LessSafeKey, term: u32, blob: &SealedBlob) -> Result<TermKey, OpenError> {
    let bytes = blob.0.as_slice();
    if bytes.len() != TERM_BLOB || bytes[0] != FORMAT {
        return Err(OpenError::Malformed);
    }
    let (nonce, wrapped) = bytes[1..].split_at(NONCE_LEN);
    let clear = decrypt(master, nonce, &associated_data(FOR_TERM_KEY, term, None), wrapped)?;
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    key.copy_from_slice(&clear);
    Ok(TermKey(key))
}

pub(crate) fn seal(
    term: u32,
    term_key: &LessSafeKey,
    context: &SealContext<'_>,
    value: &[u8],
) -> Result<SealedBlob, SealError> {
    let mut data_key = Zeroizing::new([0; KEY_LENGTH]);
    random::fill(data_key.as_mut_slice())?;
    let data_cipher = cipher(data_key.as_slice()).ok_or(SealError::TooLarge)?;
    let (key_nonce, nonce) = (random::bytes()?, random::bytes()?);
    let data = associated_data(FOR_DATA_KEY, term, Some(context));
    let key_tag = encrypt(term_key, key_nonce, &data, data_key.as_mut_slice())?;

    // Allocated once and in full: a buffer that grew would leave a copy of the clear value behind.
    let mut out = Zeroizing::new(Vec::with_capacity(VALUE_AT + value.len() + TAG));
    out.push(FORMAT);
    out.extend_from_slice(&term.to_be_bytes());
    out.extend_from_slice(&key_nonce);
    out.extend_from_slice(data_key.as_slice());
    out.extend_from_slice(&key_tag);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(value);
    let data = associated_data(FOR_VALUE, term, Some(context));
    let tag = encrypt(&data_cipher, nonce, &data, &mut out[VALUE_AT..])?;
    out.extend_from_slice(&tag);
    Ok(SealedBlob(std::mem::take(&mut *out)))
}

/// The term that a blob says it was sealed in.
///
/// # Errors
/// When the bytes are no sealed value.
pub fn term_of(blob: &SealedBlob) -> Result<u32, OpenError> {
    let bytes = blob.0.as_slice();
    if bytes.len() < VALUE_AT + TAG || bytes[0] != FORMAT {
        return Err(OpenError::Malformed);
    }
    let term = bytes[1..HEADER].try_into().map_err(|_| OpenError::Malformed)?;
    Ok(u32::from_be_bytes(term))
}

pub(crate) fn open(
    term: u32,
    term_key: &LessSafeKey,
    context: &SealContext<'_>,
    blob: &SealedBlob,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let bytes = blob.0.as_slice();
    if bytes.len() < VALUE_AT + TAG {
        return Err(OpenError::Malformed);
    }
    let data = associated_data(FOR_DATA_KEY, term, Some(context));
    let data_key = decrypt(term_key, &bytes[HEADER..WRAPPED_AT], &data, &bytes[WRAPPED_AT..NONCE_AT])?;
    let data_cipher = cipher(&data_key).ok_or(OpenError::Malformed)?;
    let data = associated_data(FOR_VALUE, term, Some(context));
    decrypt(&data_cipher, &bytes[NONCE_AT..VALUE_AT], &data, &bytes[VALUE_AT..])
}

/// For fuzzing: arbitrary bytes as a sealed value, as a wrapped term key and as a context. Panics only if one of the
/// vault's promises is broken.
#[doc(hidden)]
pub fn fuzz_open(input: &[u8]) {
    let Ok((key, master)) = TermKey::generate().and_then(|key| {
        let master = crate::MasterKey::generate().map_err(|_| SealError::NoRandomness)?;
        Ok((key, master))
    }) else {
        return;
    };
    let ring = Keyring::new();
    ring.add(1, &key);
    ring.activate(1);
    let text = String::from_utf8_lossy(input);
    let (environment, record) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let context = SealContext { environment, record, field: "fuzz", generation: input.len() as u64 };
    let foreign = SealedBlob(input.to_vec());
    assert!(ring.open(&context, &foreign).is_err(), "bytes that were never sealed must not open");
    assert!(master.unwrap(1, &foreign).is_err(), "bytes that were never wrapped must not unwrap");
    if let Ok(sealed) = ring.seal(&context, input) {
        assert!(ring.open(&context, &sealed).is_ok_and(|clear| *clear == input), "what was sealed must open");
    }
}

#[cfg(test)]
#[path = "blob_tests.rs"]
mod tests;
