//! Bodies that come and go in pieces, and bounds on them.

use std::{
    error::Error as StdError,
    io::Read as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use valetkey_domain::SecretString;

use super::{Fault, FaultKind, fault, mask::Mask};

/// Whatever the sender of a request body reports.
pub type BodyError = Box<dyn StdError + Send + Sync>;

/// The body of a streamed answer; ends with a [`Fault`] where a limit is passed or the provider cuts it.
pub struct ResponseBody {
    inner: Incoming,
    left: u64,
    idle: Duration,
    deadline: Option<Instant>,
    /// Made when the provider first keeps us waiting, and set anew for every wait.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    mask: Option<Box<Mask>>,
    /// Trailers that wait for what the mask held back.
    trailers: Option<Frame<Bytes>>,
}

impl ResponseBody {
    pub(super) fn new(inner: Incoming, left: u64, idle: Duration, deadline: Option<Instant>) -> Self {
        Self { inner, left, idle, deadline, timer: None, waiting: false, mask: None, trailers: None }
    }

    /// The same body with every byte of each of `secrets` replaced by `*`.
    pub(crate) fn masking(mut self, secrets: &[&SecretString]) -> Self {
        self.mask = Mask::new(secrets).map(Box::new);
        self
    }

    fn arm(&mut self) {
        let idle = Instant::now() + self.idle;
        let until = self.deadline.map_or(idle, |deadline| deadline.min(idle));
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(until),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(until))),
        }
        self.waiting = true;
    }
}

impl ResponseBody {
    fn held(&self) -> usize {
        self.mask.as_ref().map_or(0, |mask| mask.held())
    }

    /// What the mask held back, at the end.
    fn rest(&mut self) -> Option<Bytes> {
        self.mask.as_mut().map(|mask| mask.finish()).filter(|rest| !rest.is_empty())
    }

    /// The provider's next piece, within the limits.
    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.waiting = false;
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                match self.left.checked_sub(length) {
                    Some(left) => self.left = left,
                    None => return Poll::Ready(Some(Err(too_large()))),
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(fault::from_chain(&error, false)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                if !self.waiting {
                    self.arm();
                }
                match self.timer.as_mut().map(|timer| timer.poll_unpin(cx)) {
                    Some(Poll::Ready(())) => Poll::Ready(Some(Err(Fault::sent(
                        FaultKind::Timeout,
                        "The rest of the answer did not come in time",
                    )))),
                    _ => Poll::Pending,
                }
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(trailers)));
            }
            let frame = match ready!(self.poll_inner(cx)) {
                Some(frame) => frame?,
                None => return Poll::Ready(self.rest().map(|rest| Ok(Frame::data(rest)))),
            };
            let Some(mask) = &mut self.mask else { return Poll::Ready(Some(Ok(frame))) };
            match frame.into_data() {
                Ok(data) => {
                    let data = mask.next(data);
                    // A piece that is held back whole waits for the next one.
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Err(trailers) => match self.rest() {
                    Some(rest) => {
                        self.trailers = Some(trailers);
                        return Poll::Ready(Some(Ok(Frame::data(rest))));
                    }
                    None => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.held() == 0 && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held() as u64;
        let mut hint = self.inner.size_hint();
        if held > 0 {
            let upper = hint.upper();
            hint = SizeHint::new();
            hint.set_lower(self.inner.size_hint().lower() + held);
            if let Some(upper) = upper {
                hint.set_upper(upper + held);
            }
        }
        hint
    }
}

pub(super) fn too_large() -> Fault {
    Fault::sent(FaultKind::TooLarge, "The answer is larger than what is accepted")
}

/// Reads a body to its end, but no more than `limit` bytes.
pub(super) async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Fault> {
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut first = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| fault::from_chain(&error, false))?;
        let Ok(data) = frame.into_data() else { continue };
        if first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len() > limit {
            return Err(too_large());
        }
        // Most answers come in one piece, which then is never copied.
        match &first {
            None => first = Some(data),
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    match first {
        Some(first) if rest.is_empty() => Ok(first),
        Some(first) => {
            let mut whole = BytesMut::with_capacity(first.len() + rest.len());
            whole.extend_from_slice(&first);
            whole.extend_from_slice(&rest);
            Ok(whole.freeze())
        }
        None => Ok(Bytes::new()),
    }
}

/// Above this many compressed bytes, unpacking gets a thread of its own.
const INLINE_UNPACK: usize = 64 << 10;

/// Unpacks a body as its `Content-Encoding` says, to no more than `limit` bytes (S45), and takes the headers that
/// described the packed form away.
pub(super) async fn decode(headers: &mut HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Fault> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(body) };
    let coding = match encoding.as_bytes().trim_ascii() {
        b"" | b"identity" => return Ok(body),
        coding if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => {
            Coding::Gzip
        }
        coding if coding.eq_ignore_ascii_case(b"deflate") => Coding::Deflate,
        // We asked for gzip at most.
        _ => {
            return Err(Fault::sent(
                FaultKind::Invalid,
                "The answer's content encoding is not one we asked for",
            ));
        }
    };
    headers.remove(header::CONTENT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    if body.is_empty() {
        return Ok(body);
    }
    if body.len() <= INLINE_UNPACK {
        return unpack(coding, &body, limit);
    }
    tokio::task::spawn_blocking(move || unpack(coding, &body, limit))
        .await
        .map_err(|_| Fault::sent(FaultKind::Invalid, "The answer could not be decompressed"))?
}

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
}

fn unpack(coding: Coding, packed: &[u8], limit: usize) -> Result<Bytes, Fault> {
    let mut unpacked = Vec::with_capacity(packed.len().saturating_mul(4).min(limit));
    let bound = (limit as u64).saturating_add(1);
    let outcome = match coding {
        Coding::Gzip => flate2::read::MultiGzDecoder::new(packed).take(bound).read_to_end(&mut unpacked),
        Coding::Deflate => flate2::read::ZlibDecoder::new(packed).take(bound).read_to_end(&mut unpacked),
    };
    if unpacked.len() > limit {
        return Err(too_large());
    }
    outcome.map_err(|_| Fault::sent(FaultKind::Invalid, "The answer's compression is broken"))?;
    Ok(unpacked.into())
}
