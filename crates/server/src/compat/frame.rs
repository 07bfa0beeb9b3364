//! The framing of gRPC messages: one byte of flags, four of length, the message.

use bytes::{BufMut, Bytes, BytesMut};
use valetkey_domain::{Error, ErrorCode};

const HEAD: usize = 5;

/// The one message of a unary call.
///
/// # Errors
/// `invalid_request` for anything but exactly one uncompressed message.
pub(super) fn read(mut body: Bytes) -> Result<Bytes, Error> {
    let malformed = |what: &str| Error::new(ErrorCode::InvalidRequest).message(what);
    let head: [u8; HEAD] = body
        .get(..HEAD)
        .and_then(|head| head.try_into().ok())
        .ok_or_else(|| malformed("The request carries no message."))?;
    if head[0] != 0 {
        return Err(malformed(
            "Compressed messages are not accepted; send them with grpc-encoding: identity.",
        ));
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    let message = body.split_off(HEAD);
    if message.len() != length {
        return Err(malformed("The request must carry exactly one complete message."));
    }
    Ok(message)
}

/// A message with its head.
pub(super) fn write(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(HEAD + message.len());
    framed.put_u8(0);
    // Messages are bounded far below 4 GiB.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_framed_reads_back() {
        for message in [&b""[..], b"x", &[7; 70_000]] {
            assert_eq!(read(write(message)).unwrap(), message);
        }
    }

    #[test]
    fn frame_malformed_is_refused() {
        let two = [write(b"a"), write(b"b")].concat();
        for body in [&b""[..], b"\0\0\0", b"\x01\0\0\0\x01x", b"\0\0\0\0\x02x", b"\0\xff\xff\xff\xff", &two] {
            assert_eq!(
                read(Bytes::copy_from_slice(body)).unwrap_err().code(),
                ErrorCode::InvalidRequest,
                "{body:?}"
            );
        }
    }
}
