//! Bodies as they pass: counted, limited, timed, and never boxed.
//!
//! The response body drives the upstream connection it comes from: both live in the client
//! connection's task, so no other task has to be woken for a chunk. When it ends, the connection goes back to its pool.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Conn, Load};
use crate::accept::Busy;
use crate::clock::Timer;
use crate::observe::Observation;

/// Why a request body did not arrive whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Longer than the limit.
    TooLarge,
    /// The client went away, stood still or broke the framing.
    Client,
}

/// What is known of a request body under way.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    pub(crate) bytes: Cell<u64>,
    pub(crate) done: Cell<bool>,
    pub(crate) fault: Cell<Option<Fault>>,
}

/// An error of a body; the other side only sees it cut short.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The request body can't be passed on.
    #[error("the request body was not received whole")]
    Request,
    /// The response body can't be passed on.
    #[error("the response body was not received whole")]
    Response,
}

/// A request body on its way to an upstream.
#[derive(Debug)]
pub(crate) enum ReqBody {
    Empty,
    Stream { incoming: Incoming, upload: Rc<Upload>, bytes_max: u64 },
}

impl Body for ReqBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let ReqBody::Stream { incoming, upload, bytes_max } = self.get_mut() else {
            return Poll::Ready(None);
        };
        let frame = std::task::ready!(Pin::new(&mut *incoming).poll_frame(cx));
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    upload.bytes.set(upload.bytes.get() + data.len() as u64);
                    if *bytes_max > 0 && upload.bytes.get() > *bytes_max {
                        upload.fault.set(Some(Fault::TooLarge));
                        return Poll::Ready(Some(Err(BodyError::Request)));
                    }
                }
                if incoming.is_end_stream() {
                    upload.done.set(true);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => {
                upload.fault.set(Some(Fault::Client));
                Poll::Ready(Some(Err(BodyError::Request)))
            }
            None => {
                upload.done.set(true);
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReqBody::Empty => true,
            ReqBody::Stream { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReqBody::Empty => SizeHint::with_exact(0),
            ReqBody::Stream { incoming, .. } => incoming.size_hint(),
        }
    }
}

/// A response body on its way to a client.
#[derive(Debug)]
pub(crate) enum RespBody {
    /// Nothing, or nothing more.
    Empty,
    /// The proxy's own words.
    Own(Option<Bytes>),
    /// An upstream's.
    Stream(Download),
}

/// An upstream's response body and everything that ends with it.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) incoming: Incoming,
    /// The connection to drive; none where it drives itself.
    pub(crate) conn: Option<Conn>,
    pub(crate) observation: Observation,
    pub(crate) timer: Timer,
    pub(crate) idle: std::time::Duration,
    /// Held until the end for what their drops do.
    pub(crate) _load: Load,
    pub(crate) _busy: Busy,
}

impl Download {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let incoming = &mut self.incoming;
        let polled = match &mut self.conn {
            Some(conn) => conn.drive_for(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx)),
            None => Pin::new(incoming).poll_frame(cx),
        };
        if let Poll::Ready(frame) = polled {
            return Poll::Ready(self.passed(frame));
        }
        if self.timer.fired() {
            self.observation.cut_short();
            return Poll::Ready(Some(Err(BodyError::Response)));
        }
        self.timer.set(self.idle, cx);
        Poll::Pending
    }

    fn passed(
        &mut self,
        frame: Option<Result<Frame<Bytes>, hyper::Error>>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.observation.bytes_out(data.len() as u64);
                } else if let Some(trailers) = frame.trailers_ref()
                    && self.observation.is_grpc()
                    && let Some(code) = super::grpc_status(trailers)
                {
                    self.observation.grpc_trailer(code);
                }
                if self.incoming.is_end_stream() {
                    self.finish();
                }
                Some(Ok(frame))
            }
            Some(Err(_)) => {
                self.observation.cut_short();
                Some(Err(BodyError::Response))
            }
            None => {
                self.finish();
                None
            }
        }
    }

    fn finish(&mut self) {
        self.observation.done();
        if let Some(conn) = self.conn.take() {
            conn.give_back();
        }
    }
}

impl Body for RespBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            RespBody::Empty => Poll::Ready(None),
            RespBody::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            RespBody::Stream(download) => download.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RespBody::Empty => true,
            RespBody::Own(bytes) => bytes.is_none(),
            RespBody::Stream(download) => download.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RespBody::Empty => SizeHint::with_exact(0),
            RespBody::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            RespBody::Stream(download) => download.incoming.size_hint(),
        }
    }
}
