//! Archives: a stream of bytes (a backup, an export) as one file that is encrypted and authenticated.
//!
//! ```text
//! 16 "valetkey archive" │ 1 format │ 4 length of the label │ label, in the clear │ 32 salt │ chunks
//! chunk:  up to 64 KiB of ciphertext │ 16 tag          nonce:  3 zero │ 8 number of the chunk │ 1 whether it is the last
//! ```
//!
//! The chunks are AES-256-GCM under a key of this archive alone, drawn with HKDF-SHA256 (RFC 5869) from the master key,
//! with the salt and everything before it as context. So a changed label or salt gives another key, a chunk that was
//! moved or left out is under another nonce, and an archive that was cut off has no last chunk: whichever bit is
//! changed, the archive is refused (S38). This is the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár.

use std::io::{self, Read, Write};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use zeroize::Zeroizing;

use crate::{MasterKey, master::KEY_LENGTH, random};

const MAGIC: &[u8; 16] = b"valetkey archive";
const FORMAT: u8 = 1;
const SALT: usize = 32;
const TAG: usize = 16;
const CHUNK: usize = 64 << 10;
/// A label is a few facts for people, not content.
const MAX_LABEL: usize = 64 << 10;
const FOR_ARCHIVE: &[u8] = b"valetkey archive key";

/// Why an archive was not read, or not to its end. What was read of it must not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It is another kind of file.
    #[error("this is not an archive of Valetkey")]
    NotAnArchive,
    /// It has a format that this version does not know.
    #[error("the archive has format {format}, which this version of Valetkey does not know")]
    UnknownFormat {
        /// The format.
        format: u8,
    },
    /// Its first chunk does not open.
    #[error("the archive does not open: it was made under another master key, or was altered")]
    DoesNotOpen,
    /// A later chunk does not open.
    #[error("the archive was altered or cut off")]
    Altered,
}

impl From<ArchiveError> for io::Error {
    fn from(refusal: ArchiveError) -> Self {
        Self::new(io::ErrorKind::InvalidData, refusal)
    }
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_LENGTH
    }
}

/// The key of one archive; `preamble` is everything before the chunks.
fn archive_key(master: &MasterKey, preamble: &[u8], salt: &[u8]) -> io::Result<LessSafeKey> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    Salt::new(HKDF_SHA256, salt)
        .extract(master.bytes())
        .expand(&[FOR_ARCHIVE, preamble], KeyLength)
        .and_then(|derived| derived.fill(key.as_mut_slice()))
        .and_then(|()| UnboundKey::new(&AES_256_GCM, key.as_slice()))
        .map(LessSafeKey::new)
        .map_err(|_| io::Error::other("no key could be derived for the archive"))
}

fn nonce(chunk: u64, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[3..11].copy_from_slice(&chunk.to_be_bytes());
    nonce[11] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

/// Writes an archive. Nothing is complete before [`ArchiveWriter::finish`]: what is dropped without it does not open.
pub struct ArchiveWriter<W: Write> {
    out: W,
    key: LessSafeKey,
    buffer: Zeroizing<Vec<u8>>,
    chunk: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive under `master`. The label can be read without the key and is authenticated with the content.
    ///
    /// # Errors
    /// When `out` does not take it, the label is too long, or the system gives no random bytes.
    pub fn begin(mut out: W, master: &MasterKey, label: &[u8]) -> io::Result<Self> {
        let length = u32::try_from(label.len()).ok().filter(|_| label.len() <= MAX_LABEL);
        let length = length.ok_or_else(|| io::Error::other("the label of the archive is too long"))?;
        let salt: [u8; SALT] = random::bytes().map_err(io::Error::other)?;
        let mut preamble = Vec::with_capacity(MAGIC.len() + 5 + label.len() + SALT);
        preamble.extend_from_slice(MAGIC);
        preamble.push(FORMAT);
        preamble.extend_from_slice(&length.to_be_bytes());
        preamble.extend_from_slice(label);
        preamble.extend_from_slice(&salt);
        let key = archive_key(master, &preamble, &salt)?;
        out.write_all(&preamble)?;
        Ok(Self { out, key, buffer: Zeroizing::new(Vec::with_capacity(CHUNK + TAG)), chunk: 0 })
    }

    /// Writes the last chunk. Gives back what was written to, for example to have it made durable.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(self.chunk, last), Aad::empty(), &mut self.buffer)
            .map_err(|_| io::Error::other("a chunk of the archive could not be sealed"))?;
        self.out.write_all(&self.buffer)?;
        self.out.write_all(tag.as_ref())?;
        self.buffer.clear();
        self.chunk += 1;
        Ok(())
    }
}

impl<W: Write> Write for ArchiveWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for the next byte: it may be the last one.
        if self.buffer.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Chunks are written when they are full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an archive. Only what was read to the end without a failure is what was written.
pub struct ArchiveReader<R: Read> {
    input: R,
    label: Vec<u8>,
    key: LessSafeKey,
    /// Which of the keys that were given opens it.
    opened_by: usize,
    /// Ciphertext that was read ahead: to know whether a chunk is the last, a byte more than a chunk is needed.
    ahead: Vec<u8>,
    clear: Zeroizing<Vec<u8>>,
    given: usize,
    chunk: u64,
    ended: bool,
}

impl<R: Read> ArchiveReader<R> {
    /// Opens an archive under the first of `masters` that fits.
    ///
    /// # Errors
    /// When `input` is no archive, none of the keys fits, or the beginning was altered. The inner error of such a
    /// failure is an [`ArchiveError`].
    pub fn open(mut input: R, masters: &[&MasterKey]) -> io::Result<Self> {
        let (mut preamble, label) = read_preamble(&mut input)?;
        let mut salt = [0; SALT];
        fill(&mut input, &mut salt)?;
        preamble.extend_from_slice(&salt);
        let mut ahead = Vec::with_capacity(CHUNK + TAG + 1);
        read_ahead(&mut input, &mut ahead)?;
        for (opened_by, master) in masters.iter().enumerate() {
            let key = archive_key(master, &preamble, &salt)?;
            if let Some((clear, ended)) = open_chunk(&key, 0, &ahead) {
                ahead.drain(..ahead.len().min(CHUNK + TAG));
                let (given, chunk) = (0, 1);
                return Ok(Self { input, label, key, opened_by, ahead, clear, given, chunk, ended });
            }
        }
        Err(ArchiveError::DoesNotOpen.into())
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        &self.label
    }

    /// Which of the keys that were given opens it, counted from 0.
    #[must_use]
    pub fn opened_by(&self) -> usize {
        self.opened_by
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        read_ahead(&mut self.input, &mut self.ahead)?;
        let (clear, ended) = open_chunk(&self.key, self.chunk, &self.ahead).ok_or(ArchiveError::Altered)?;
        if clear.is_empty() {
            // The writer makes an empty chunk for empty content alone.
            return Err(ArchiveError::Altered.into());
        }
        self.ahead.drain(..self.ahead.len().min(CHUNK + TAG));
        self.chunk += 1;
        (self.clear, self.given, self.ended) = (clear, 0, ended);
        Ok(())
    }
}

impl<R: Read> Read for ArchiveReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.clear.len() && !self.ended {
            self.next_chunk()?;
        }
        let taken = buffer.len().min(self.clear.len() - self.given);
        buffer[..taken].copy_from_slice(&self.clear[self.given..self.given + taken]);
        self.given += taken;
        Ok(taken)
    }
}

/// The label of an archive, read without a key: for messages only, since nothing vouches for it yet.
///
/// # Errors
/// When `input` is no archive.
pub fn unverified_label(mut input: impl Read) -> io::Result<Vec<u8>> {
    Ok(read_preamble(&mut input)?.1)
}

/// Everything up to the salt, and the label in it.
fn read_preamble(input: &mut impl Read) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = [0; MAGIC.len() + 5];
    fill(input, &mut head)?;
    if &head[..MAGIC.len()] != MAGIC {
        return Err(ArchiveError::NotAnArchive.into());
    }
    let format = head[MAGIC.len()];
    if format != FORMAT {
        return Err(ArchiveError::UnknownFormat { format }.into());
    }
    let length = u32::from_be_bytes([head[17], head[18], head[19], head[20]]) as usize;
    if length > MAX_LABEL {
        return Err(ArchiveError::NotAnArchive.into());
    }
    let mut label = vec![0; length];
    fill(input, &mut label)?;
    let mut preamble = head.to_vec();
    preamble.extend_from_slice(&label);
    Ok((preamble, label))
}

fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<()> {
    input.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::NotAnArchive.into(),
        _ => error,
    })
}

/// Reads until there is a chunk and a byte more, or nothing is left.
fn read_ahead(input: &mut impl Read, ahead: &mut Vec<u8>) -> io::Result<()> {
    let wanted = (CHUNK + TAG + 1).saturating_sub(ahead.len());
    input.take(wanted as u64).read_to_end(ahead)?;
    Ok(())
}

/// The clear content of the chunk at the beginning of `ahead`, and whether it is the last one; `None` if it is not
/// what was written there.
fn open_chunk(key: &LessSafeKey, chunk: u64, ahead: &[u8]) -> Option<(Zeroizing<Vec<u8>>, bool)> {
    let last = ahead.len() <= CHUNK + TAG;
    let mut clear = Zeroizing::new(ahead[..ahead.len().min(CHUNK + TAG)].to_vec());
    let length = key.open_in_place(nonce(chunk, last), Aad::empty(), &mut clear).ok()?.len();
    clear.truncate(length);
    Some((clear, last))
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
