//! Bodies that come and go in pieces.

use std::{
    error::Error as StdError,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::Fault;

/// Whatever the sender of a request body reports.
pub type BodyError = Box<dyn StdError + Send + Sync>;

/// The body of a streamed answer; ends with a [`Fault`] where a limit is passed or the provider cuts it.
pub struct ResponseBody(());

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Ready(None)
    }
}
