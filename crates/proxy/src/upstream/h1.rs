//! One HTTP/1.1 connection to an upstream, driven by whoever uses it.
//!
//! The connection is no task of its own: the request's task polls it while it waits for the head, the
//! response's reader polls it for the body, and in the pool nobody does. So a request crosses no task
//! boundary, and a connection that died in the pool shows at the look before its next use.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use fw_plane::net::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::patience::Patience;
use super::{Front, SendFailure, Upstream};
use crate::h1::{Asked, Body, Buf, Read, RespHead, read_response};
use crate::observe::Observation;
use crate::worker::Worker;

/// Reads what there is into `buf`; how many bytes, 0 at the end of the stream.
pub(crate) fn poll_fill(io: &mut Stream, cx: &mut Context<'_>, buf: &mut Buf) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::new(buf.room());
    let polled = Pin::new(io).poll_read(cx, &mut room);
    let n = room.filled().len();
    buf.filled(n);
    ready!(polled)?;
    Poll::Ready(Ok(n))
}

struct Inner {
    io: Stream,
    /// To be written.
    out: Buf,
    /// Read and not used.
    held: Buf,
    /// Bytes written over its life.
    written: u64,
    /// Nothing more can be written: the upstream reads no further.
    deaf: bool,
    reused: bool,
    idle_since_ms: u64,
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

/// A response head and how the body behind it is framed.
pub(crate) type Received = (RespHead, Body);

impl Conn {
    pub(super) fn new(io: Stream, home: &Rc<Upstream>, worker: &Rc<Worker>) -> Conn {
        Conn(Box::new(Inner {
            io,
            out: Buf::new(&worker.buffers),
            held: Buf::new(&worker.buffers),
            written: 0,
            deaf: false,
            reused: false,
            idle_since_ms: 0,
            home: Rc::clone(home),
            worker: Rc::clone(worker),
        }))
    }

    pub(super) fn is_reused(&self) -> bool {
        self.0.reused
    }

    pub(super) fn idle_since_ms(&self) -> u64 {
        self.0.idle_since_ms
    }

    /// Looks whether the upstream closed it meanwhile; costs no system call unless something came.
    pub(super) fn is_usable(&mut self) -> bool {
        !self.is_dead(&mut Context::from_waker(std::task::Waker::noop()))
    }

    /// Whether something came, be it only its end, though nothing was asked. No system call unless so.
    fn is_dead(&mut self, cx: &mut Context<'_>) -> bool {
        poll_fill(&mut self.0.io, cx, &mut self.0.held).is_ready()
    }

    /// The response is over and nothing was read beyond it: back to the pool.
    pub(crate) fn give_back(mut self) {
        if self.0.deaf || !self.0.out.is_empty() || !self.0.held.is_empty() {
            return;
        }
        self.0.reused = true;
        self.0.idle_since_ms = self.0.worker.deadlines.now_ms();
        let (home, worker) = (Rc::clone(&self.0.home), Rc::clone(&self.0.worker));
        home.keep(self, &worker);
    }

    /// The stream, and what was read beyond the last head.
    pub(crate) fn into_stream(mut self) -> (Stream, Buf) {
        let held = self.take_held();
        (self.0.io, held)
    }

    /// What was read and not used; the caller reads on into it.
    pub(crate) fn take_held(&mut self) -> Buf {
        let empty = Buf::new(&self.0.worker.buffers);
        std::mem::replace(&mut self.0.held, empty)
    }

    /// Reads into `buf`.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, buf: &mut Buf) -> Poll<io::Result<usize>> {
        poll_fill(&mut self.0.io, cx, buf)
    }

    /// Moves the request on: writes what there is and takes more of the body, until one side must wait.
    ///
    /// # Errors
    /// [`SendFailure`] by the client's fault. An upstream that reads no further is no failure: it may have answered.
    pub(crate) fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        asked: &Asked,
        front: &mut impl Front,
        observation: &mut Observation,
    ) -> Result<(), SendFailure> {
        let inner = &mut *self.0;
        loop {
            while !inner.out.is_empty() {
                match Pin::new(&mut inner.io).poll_write(cx, inner.out.data()) {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Ok(n)) if n > 0 => {
                        inner.written += n as u64;
                        inner.out.consume(n);
                        observation.sent();
                    }
                    Poll::Ready(_) => {
                        inner.deaf = true;
                        inner.out.clear();
                    }
                }
            }
            if inner.deaf || front.is_uploaded() {
                break;
            }
            match front.poll_upload(cx, asked.framing, &mut inner.out, observation) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(fault)) => return Err(SendFailure::Fault(fault)),
            }
        }
        // Does something for TLS only; a failure shows at the next read.
        let _ = Pin::new(&mut inner.io).poll_flush(cx);
        Ok(())
    }

    /// Sends a request and waits for the response head.
    pub(super) async fn send(
        mut self,
        asked: &Asked,
        front: &mut impl Front,
        observation: &mut Observation,
    ) -> Result<(Received, Conn), SendFailure> {
        let patience = Patience::new(&self.0.worker);
        let before = self.0.written;
        asked.write_to(&mut self.0.out);
        let mut head = RespHead::default();
        let body = std::future::poll_fn(|cx| {
            // One that was closed meanwhile shows here, before anything is sent that could not be sent twice.
            if self.0.reused && self.0.written == before && self.is_dead(cx) {
                return Poll::Ready(Err(SendFailure::NotSent));
            }
            self.poll_upload(cx, asked, front, observation)?;
            let sent = self.0.written != before;
            loop {
                match self.poll_head(cx, asked, &mut head) {
                    Poll::Ready(Some(Read::Head(taken, body))) => {
                        self.0.held.consume(taken);
                        return Poll::Ready(Ok(body));
                    }
                    Poll::Ready(Some(Read::More)) => {}
                    Poll::Ready(Some(Read::Bad(what))) => {
                        tracing::debug!(upstream = %self.0.home.origin.name, what, "an answer that can't be passed on");
                        return Poll::Ready(Err(SendFailure::Closed));
                    }
                    Poll::Ready(None) if sent => return Poll::Ready(Err(SendFailure::Closed)),
                    Poll::Ready(None) => return Poll::Ready(Err(SendFailure::NotSent)),
                    Poll::Pending => break,
                }
            }
            if front.poll_gone(cx) {
                return Poll::Ready(Err(SendFailure::Gone));
            }
            patience.check(front.is_uploaded() || self.0.deaf, self.0.written, cx).map(|()| Err(SendFailure::Timeout))
        })
        .await?;
        Ok(((head, body), self))
    }

    /// Reads, and looks for a head; none when the stream ended.
    fn poll_head(&mut self, cx: &mut Context<'_>, asked: &Asked, head: &mut RespHead) -> Poll<Option<Read>> {
        let inner = &mut *self.0;
        match ready!(poll_fill(&mut inner.io, cx, &mut inner.held)) {
            Ok(n) if n > 0 => {
                let bodiless = asked.method == http::Method::HEAD;
                Poll::Ready(Some(read_response(inner.held.data(), bodiless, head)))
            }
            _ => Poll::Ready(None),
        }
    }
}
