//! One HTTP/1.1 connection to an upstream, driven by whoever uses it.
//!
//! The connection is no task of its own: the request's task polls it while it waits for the head, the
//! response body polls it while it is read, and in the pool nobody does. So a request crosses no
//! task boundary, and a connection that died in the pool shows at the look before its next use.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::relay::Relay;
use super::{ReqBody, SendFailure, Upload, Upstream};
use crate::accept::Stream;
use crate::clock::Timer;
use crate::observe::Observation;
use crate::worker::Worker;

/// A stream that counts what was written to it.
#[derive(Debug)]
pub(crate) struct UpstreamIo {
    io: Stream,
    written: Rc<Cell<u64>>,
}

impl UpstreamIo {
    pub(super) fn new(io: Stream) -> (UpstreamIo, Rc<Cell<u64>>) {
        let written = Rc::new(Cell::new(0));
        (UpstreamIo { io, written: Rc::clone(&written) }, written)
    }

    fn count(&self, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = &write {
            self.written.set(self.written.get() + *n as u64);
        }
        write
    }
}

impl AsyncRead for UpstreamIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl AsyncWrite for UpstreamIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.io).poll_write(cx, buf);
        this.count(write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.count(write)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

type Driver = http1::Connection<TokioIo<UpstreamIo>, ReqBody>;

struct Inner {
    sender: http1::SendRequest<ReqBody>,
    driver: Driver,
    /// The driver has finished and must not be polled again.
    ended: bool,
    reused: bool,
    /// The upstream said that it will close after this response.
    closing: bool,
    idle_since_ms: u64,
    written: Rc<Cell<u64>>,
    relay: Relay,
    home: Rc<Upstream>,
    worker: Rc<Worker>,
}

/// A connection; boxed, so that moving it in and out of its pool moves a pointer.
pub(crate) struct Conn(Box<Inner>);

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Conn({})", self.0.home.origin.name)
    }
}

impl Conn {
    pub(super) async fn open(stream: Stream, home: &Rc<Upstream>, worker: &Rc<Worker>) -> io::Result<Conn> {
        let (io, written) = UpstreamIo::new(stream);
        // The parser's own limit, 100 header fields, holds for responses.
        let (sender, driver) = http1::handshake(TokioIo::new(io)).await.map_err(io::Error::other)?;
        Ok(Conn(Box::new(Inner {
            sender,
            driver,
            ended: false,
            reused: false,
            closing: false,
            idle_since_ms: 0,
            written,
            relay: Relay::new(),
            home: Rc::clone(home),
            worker: Rc::clone(worker),
        })))
    }

    pub(super) fn is_reused(&self) -> bool {
        self.0.reused
    }

    pub(super) fn idle_since_ms(&self) -> u64 {
        self.0.idle_since_ms
    }

    /// Looks whether the upstream closed it meanwhile; costs no system call unless something came.
    /// One that is `hot` (used within the same tick) is not looked at: sending reads first, and gives
    /// the request back if the connection has ended.
    pub(super) fn is_usable(&mut self, hot: bool) -> bool {
        if !(hot && self.0.sender.is_ready()) {
            self.drive(&mut Context::from_waker(Waker::noop()));
        }
        !self.0.ended && self.0.sender.is_ready()
    }

    /// Moves the connection on, and has the task of `cx` woken when it can move further.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        self.0.relay.attach(cx);
        if self.0.round(&mut |_| Poll::<()>::Pending).1 {
            cx.waker().wake_by_ref();
        }
    }

    /// Moves the connection on and polls what it feeds, as long as one of them gives the other work.
    pub(crate) fn drive_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut fed: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.0.relay.attach(cx);
        for _ in 0..ROUNDS_MAX {
            let (polled, rang) = self.0.round(&mut fed);
            if polled.is_ready() || !rang {
                return polled;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The upstream will close after this response.
    pub(crate) fn will_close(&mut self) {
        self.0.closing = true;
    }

    /// The response is over: back to the pool, unless it can't be used again.
    pub(crate) fn give_back(mut self) {
        if self.0.ended || self.0.closing {
            return;
        }
        self.0.relay.detach();
        self.0.reused = true;
        self.0.idle_since_ms = self.0.worker.deadlines.now_ms();
        let (home, worker) = (Rc::clone(&self.0.home), Rc::clone(&self.0.worker));
        home.keep(self, &worker);
    }

    /// Drives the rest of an upload in a task of its own: the response came first.
    pub(crate) fn detach(mut self) {
        tokio::task::spawn_local(std::future::poll_fn(move |cx| {
            self.drive(cx);
            if self.0.ended { Poll::Ready(()) } else { Poll::Pending }
        }));
    }

    /// After a 101: the stream under it, and what was read beyond that head.
    pub(crate) async fn into_upgraded(mut self) -> (UpstreamIo, Bytes) {
        std::future::poll_fn(|cx| {
            self.drive(cx);
            if self.0.ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.0.driver.into_parts();
        (parts.io.into_inner(), parts.read_buf)
    }

    pub(super) async fn send(
        mut self,
        request: Request<ReqBody>,
        observation: &mut Observation,
        worker: &Rc<Worker>,
    ) -> Result<(Response<Incoming>, Conn), SendFailure> {
        let patience = Patience::new(request.body(), worker);
        let before = self.0.written.get();
        let mut answer = pin!(self.0.sender.try_send_request(request));
        let result = std::future::poll_fn(|cx| {
            let polled = self.drive_for(cx, |cx| answer.as_mut().poll(cx));
            if observation.is_unsent() && self.0.written.get() != before {
                observation.sent();
            }
            if let Poll::Ready(result) = polled {
                return Poll::Ready(result.map_err(|mut error| match error.take_message() {
                    Some(request) => SendFailure::NotSent(Box::new(request)),
                    None => SendFailure::Closed,
                }));
            }
            if self.0.ended {
                return Poll::Ready(Err(SendFailure::Closed));
            }
            patience.check(self.0.written.get(), cx).map(|()| Err(SendFailure::Timeout))
        })
        .await;
        result.map(|response| (response, self))
    }
}

impl Inner {
    /// Polls what the connection feeds (asking is what makes hyper read a body), then the connection,
    /// then what it feeds again; whether one of them gave another more to do.
    fn round<T>(&mut self, fed: &mut impl FnMut(&mut Context<'_>) -> Poll<T>) -> (Poll<T>, bool) {
        let Inner { driver, ended, relay, .. } = self;
        relay.within(|cx| {
            let polled = fed(cx);
            if polled.is_ready() || *ended {
                return polled;
            }
            *ended = driver.poll_without_shutdown(cx).is_ready();
            fed(cx)
        })
    }
}

/// Rounds in a row before the task makes room for others.
const ROUNDS_MAX: u32 = 8;

/// How long to wait for a response head: the upload must move on, and once it is whole the time-out runs.
pub(super) struct Patience {
    timer: Timer,
    upload: Option<Rc<Upload>>,
    seen: Cell<(bool, u64)>,
    head: std::time::Duration,
    body: std::time::Duration,
}

impl Patience {
    pub(super) fn new(body: &ReqBody, worker: &Rc<Worker>) -> Patience {
        let upload = match body {
            ReqBody::Empty => None,
            ReqBody::Stream { upload, .. } => Some(Rc::clone(upload)),
        };
        let timeouts = &worker.settings.timeouts;
        Patience {
            timer: worker.deadlines.timer(),
            upload,
            seen: Cell::new((false, u64::MAX)),
            head: timeouts.response_head,
            body: timeouts.body_idle,
        }
    }

    /// Ready when patience is at its end.
    pub(super) fn check(&self, written: u64, cx: &Context<'_>) -> Poll<()> {
        if self.timer.fired() {
            return Poll::Ready(());
        }
        let done = self.upload.as_ref().is_none_or(|upload| upload.done.get());
        let now = (done, if done { 0 } else { written });
        if self.seen.replace(now) != now {
            self.timer.set(if done { self.head } else { self.body }, cx);
        }
        Poll::Pending
    }
}
