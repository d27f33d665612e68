//! One HTTP/2 connection to an upstream (prior knowledge), shared by the worker's requests.
//!
//! Streams share the connection, so it has a task of its own. A request counts as sent once the
//! connection wrote something after taking it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use fw_plane::net::Stream;
use http::uri::Scheme;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;

use super::counted::Counted;
use super::patience::Patience;
use super::{Fault, Front, SendFailure};
use crate::accept::LocalExec;
use crate::h1::{Asked, Buf, Framing};
use crate::observe::Observation;
use crate::worker::Worker;

/// A handle on the connection.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    sender: http2::SendRequest<ReqBody>,
    written: Rc<Cell<u64>>,
}

/// A request body on its way: the connection's task takes from it what the request's task puts in.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    piece: RefCell<Option<Bytes>>,
    ended: Cell<bool>,
    /// Something of the body, or its end, was taken from the client and can't be had back.
    begun: Cell<bool>,
    /// The body did not arrive whole, or nobody feeds it any more.
    broken: Cell<bool>,
    taker: RefCell<Option<Waker>>,
    giver: RefCell<Option<Waker>>,
}

/// The end of a [`Feed`] that the connection reads.
#[derive(Debug)]
pub(super) enum ReqBody {
    Empty,
    Fed(Rc<Feed>),
}

/// The other end. Dropped too early, it tells the upstream that the body is not whole.
#[derive(Debug)]
pub(crate) struct Feeder(Rc<Feed>);

/// The request body can't be passed on.
#[derive(Debug, thiserror::Error)]
#[error("the request body was not received whole")]
pub(super) struct NotWhole;

impl Feed {
    fn tell_taker(&self) {
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }
}

impl Body for ReqBody {
    type Data = Bytes;
    type Error = NotWhole;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NotWhole>>> {
        let ReqBody::Fed(feed) = self.get_mut() else { return Poll::Ready(None) };
        if let Some(giver) = feed.giver.take() {
            giver.wake();
        }
        if let Some(piece) = feed.piece.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if feed.broken.get() {
            return Poll::Ready(Some(Err(NotWhole)));
        }
        if feed.ended.get() {
            return Poll::Ready(None);
        }
        feed.taker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, ReqBody::Empty)
    }
}

impl Feeder {
    /// Puts in as much as is taken out.
    ///
    /// # Errors
    /// The client's fault; the upstream is told that the body is not whole.
    pub(crate) fn poll_upload(
        &self,
        cx: &mut Context<'_>,
        front: &mut impl Front,
        observation: &mut Observation,
        worker: &Worker,
    ) -> Result<(), Fault> {
        let feed = &self.0;
        while !feed.ended.get() {
            if feed.piece.borrow().is_some() {
                feed.giver.replace(Some(cx.waker().clone()));
                return Ok(());
            }
            let mut out = Buf::new(&worker.buffers);
            // HTTP/2 frames by itself, so the bytes go as they are.
            match front.poll_upload(cx, Framing::Length(0), &mut out, observation) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(fault)) => return Err(fault),
                Poll::Ready(Ok(())) => {}
            }
            feed.begun.set(feed.begun.get() || !out.is_empty() || front.is_uploaded());
            if !out.is_empty() {
                feed.piece.replace(Some(Bytes::copy_from_slice(out.data())));
            }
            feed.ended.set(front.is_uploaded());
            feed.tell_taker();
        }
        Ok(())
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        if !self.0.ended.get() {
            self.0.broken.set(true);
            self.0.tell_taker();
        }
    }
}

impl Shared {
    pub(super) async fn open(stream: Stream) -> io::Result<Shared> {
        let (io, written) = Counted::new(stream);
        let (sender, driver) =
            http2::Builder::new(LocalExec).handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an HTTP/2 upstream connection ended");
            }
        });
        Ok(Shared { sender, written })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) async fn send(
        mut self,
        asked: &Asked,
        front: &mut impl Front,
        observation: &mut Observation,
        worker: &Rc<Worker>,
    ) -> Result<(Response<Incoming>, Option<Feeder>), SendFailure> {
        let patience = Patience::new(worker);
        if self.sender.ready().await.is_err() {
            return Err(SendFailure::NotSent);
        }
        let feed = (!front.is_uploaded()).then(Rc::<Feed>::default);
        let body = feed.as_ref().map_or(ReqBody::Empty, |feed| ReqBody::Fed(Rc::clone(feed)));
        let feeder = feed.map(Feeder);
        let request = request(asked, body).ok_or(SendFailure::Unfit)?;
        let before = self.written.get();
        let mut answer = pin!(self.sender.try_send_request(request));
        let response = std::future::poll_fn(|cx| {
            if let Some(feeder) = &feeder {
                feeder.poll_upload(cx, front, observation, worker).map_err(SendFailure::Fault)?;
            }
            let answer = answer.as_mut().poll(cx);
            if self.written.get() != before {
                observation.sent();
            }
            match answer {
                Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut error)) => {
                    let begun = feeder.as_ref().is_some_and(|feeder| feeder.0.begun.get());
                    let untouched = error.take_message().is_some() && !begun;
                    let failure = if untouched { SendFailure::NotSent } else { SendFailure::Closed };
                    return Poll::Ready(Err(failure));
                }
                Poll::Pending => {}
            }
            if front.poll_gone(cx) {
                return Poll::Ready(Err(SendFailure::Gone));
            }
            patience.check(front.is_uploaded(), self.written.get(), cx).map(|()| Err(SendFailure::Timeout))
        })
        .await?;
        Ok((response, feeder))
    }
}

/// The request as HTTP/2 has it: the host in `:authority` (RFC 9113 section 8.3.1). None where its target is no URI.
fn request(asked: &Asked, body: ReqBody) -> Option<Request<ReqBody>> {
    let mut headers: HeaderMap = asked.fields.to_map();
    let host = headers.remove(header::HOST);
    let mut uri = Uri::builder().path_and_query(asked.target.as_slice());
    if let Some(host) = &host {
        uri = uri.scheme(Scheme::HTTP).authority(host.as_bytes());
    }
    let mut request = Request::new(body);
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = uri.build().ok()?;
    *request.headers_mut() = headers;
    *request.version_mut() = http::Version::HTTP_2;
    Some(request)
}
