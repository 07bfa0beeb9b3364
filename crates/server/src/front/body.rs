//! Request bodies are bounded in size and in time, whoever reads them.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use valetkey_domain::{Error, ErrorCode};

use super::RequestContext;

/// Why reading a request body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the request body did not arrive in time")]
    TooSlow,
}

impl From<BodyFault> for Error {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::TooLarge { limit } => Self::new(ErrorCode::PayloadTooLarge).message(format!(
                "The request body is larger than the {limit} bytes that this server accepts."
            )),
            BodyFault::TooSlow => Self::new(ErrorCode::RequestTimeout),
        }
    }
}

/// Finds the fault in what a body reader reported.
pub(crate) fn fault_in(error: &(dyn std::error::Error + 'static)) -> Option<BodyFault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(fault) = error.downcast_ref::<BodyFault>() {
            return Some(*fault);
        }
        next = error.source();
    }
    None
}

/// A body that ends with a [`BodyFault`] once it is too large or too late.
pub(crate) struct BoundedBody {
    inner: Body,
    limit: usize,
    left: usize,
    time: Duration,
    context: RequestContext,
    /// Armed by the first read, so that a handler that takes its time is not blamed on the client.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl BoundedBody {
    pub(super) fn new(inner: Body, limit: usize, time: Duration, context: RequestContext) -> Self {
        Self { inner, limit, left: limit, time, context, deadline: None }
    }

    fn end_with(&self, fault: BodyFault) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.context.note_body_fault(fault);
        Poll::Ready(Some(Err(fault.into())))
    }
}

impl HttpBody for BoundedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let time = self.time;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
                ready!(deadline.as_mut().poll(cx));
                return self.end_with(BodyFault::TooSlow);
            }
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len()) {
                Some(left) => self.left = left,
                None => return self.end_with(BodyFault::TooLarge { limit: self.limit }),
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
