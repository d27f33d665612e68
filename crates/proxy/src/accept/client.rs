//! A client's HTTP/1.1 connection: heads out of it, bodies out of it, answers into it, and its time-outs.
//!
//! Between the socket and anything that acts on a request stands the strict reading of `h1`: of a
//! request that could be read in two ways not a byte goes on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fw_plane::net::Stream;
use tokio::io::AsyncWrite;

use crate::clock::Timer;
use crate::h1::{Asked, Body, Buf, Framing, Head, Refusal, find_end, read_request};
use crate::observe::{Observation, Refused};
use crate::settings::{Limits, Timeouts};
use crate::upstream::{Fault, Front, NOT_WHOLE, PIECE_BYTES_MAX, poll_fill, write_end, write_piece};
use crate::worker::Worker;

/// What an HTTP/2 client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of later requests read while one is answered.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What is waited for, as far as time-outs are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    No,
    /// The rest of a head, or the first one at all.
    Head,
    /// Another request.
    Idle,
    /// More of a request body.
    Body,
    /// The client to read its answer, or the upstream to go on with it.
    Answer,
}

/// What came next on a connection.
pub(super) enum Next {
    Request(Head),
    Refused(Refusal),
    End,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Client {
    io: Stream,
    limits: Limits,
    timeouts: Timeouts,
    /// Read and not used.
    held: Buf,
    /// To be written before anything else.
    pub(super) out: Buf,
    /// How far the present head was searched for its end.
    searched: usize,
    /// The present request body.
    body: Body,
    /// It, and its end, was handed on.
    uploaded: bool,
    body_bytes: u64,
    trailers: Vec<u8>,
    /// The client waits for a 100 before it sends the body.
    expects: bool,
    /// No request came yet.
    new: bool,
    timer: Timer,
    waiting: Waiting,
}

impl Client {
    pub(super) fn new(io: Stream, worker: &Rc<Worker>) -> Client {
        Client {
            io,
            limits: worker.settings.limits,
            timeouts: worker.settings.timeouts,
            held: Buf::new(&worker.buffers),
            out: Buf::new(&worker.buffers),
            searched: 0,
            body: Body::Over,
            uploaded: true,
            body_bytes: 0,
            trailers: Vec::new(),
            expects: false,
            new: true,
            timer: worker.deadlines.timer(),
            waiting: Waiting::No,
        }
    }

    /// Tells by the first bytes what is spoken; none when they don't come.
    pub(super) fn poll_protocol(&mut self, cx: &mut Context<'_>) -> Poll<Option<Protocol>> {
        loop {
            let held = self.held.data();
            let common = held.iter().zip(PREFACE).take_while(|(a, b)| a == b).count();
            if common == PREFACE.len() {
                return Poll::Ready(Some(Protocol::Http2));
            }
            if common < held.len() {
                return Poll::Ready(Some(Protocol::Http1));
            }
            match self.fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending if self.timed_out(Waiting::Head, cx) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The stream, and what was read from it.
    pub(super) fn into_parts(self) -> (Stream, Buf) {
        (self.io, self.held)
    }

    /// Whether nothing of a next request has come.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        poll_fill(&mut self.io, cx, &mut self.held)
    }

    /// Sees to the timer while nothing moves; whether it has run out.
    fn timed_out(&mut self, waiting: Waiting, cx: &Context<'_>) -> bool {
        if self.waiting == waiting {
            return self.timer.fired();
        }
        self.waiting = waiting;
        let after = match waiting {
            Waiting::No => Duration::ZERO,
            Waiting::Head => self.timeouts.header_read,
            Waiting::Idle => self.timeouts.idle_keep_alive,
            Waiting::Body | Waiting::Answer => self.timeouts.body_idle,
        };
        self.timer.set(after, cx);
        false
    }

    /// The next request's head, into `asked`, which was cleared.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, asked: &mut Asked) -> Poll<Next> {
        loop {
            // Empty lines before a request are to be ignored (RFC 9112 section 2.2).
            while self.held.data().starts_with(b"\r\n") {
                self.held.consume(2);
                self.searched = 0;
            }
            match self.head(asked) {
                Ok(Some(head)) => return Poll::Ready(Next::Request(head)),
                Ok(None) => {}
                Err(refusal) => return Poll::Ready(Next::Refused(refusal)),
            }
            match self.fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => continue,
                Poll::Ready(_) => return Poll::Ready(Next::End),
                Poll::Pending => {}
            }
            let waiting = if self.new || !self.held.is_empty() { Waiting::Head } else { Waiting::Idle };
            if !self.timed_out(waiting, cx) {
                return Poll::Pending;
            }
            if self.held.is_empty() {
                return Poll::Ready(Next::End);
            }
            let detail = "the request head took too long";
            return Poll::Ready(Next::Refused(Refusal { reason: Refused::HeadTimeout, detail }));
        }
    }

    fn head(&mut self, asked: &mut Asked) -> Result<Option<Head>, Refusal> {
        let held = self.held.data();
        let Some(end) = find_end(held, &mut self.searched)? else {
            if held.len() > self.limits.header_bytes_max {
                let detail = "the header section is too large";
                return Err(Refusal { reason: Refused::HeadTooLarge, detail });
            }
            return Ok(None);
        };
        self.searched = 0;
        let head = read_request(&held[..end], &self.limits, asked)?;
        self.held.consume(end);
        self.new = false;
        self.waiting = Waiting::No;
        Ok(Some(head))
    }

    /// A request begins whose body is framed so.
    pub(super) fn begin(&mut self, framing: Framing, expects: bool) {
        self.body = Body::begin(framing);
        self.uploaded = self.body.is_over();
        self.body_bytes = 0;
        self.trailers.clear();
        self.expects = expects && !self.uploaded;
    }

    /// Something moved: patience begins anew.
    pub(super) fn moved(&mut self) {
        self.waiting = Waiting::No;
    }

    /// Whether an answer has stood still for too long.
    pub(super) fn answer_stalled(&mut self, cx: &Context<'_>) -> bool {
        self.timed_out(Waiting::Answer, cx)
    }

    /// Writes [`Self::out`] and then `tail`; how many bytes of `tail` went.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, tail: &[u8]) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        let written = ready!(match (self.out.data(), tail) {
            (out, []) => io.poll_write(cx, out),
            ([], tail) => io.poll_write(cx, tail),
            (out, tail) => io.poll_write_vectored(cx, &[IoSlice::new(out), IoSlice::new(tail)]),
        })?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_out = written.min(self.out.len());
        self.out.consume(of_out);
        Poll::Ready(Ok(written - of_out))
    }

    /// Brings what was written on its way; only TLS holds anything back.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// Takes what there is of the body into `out`, until it is a good piece.
    fn take_body(
        &mut self,
        framing: Framing,
        out: &mut Buf,
        observation: &mut Observation,
    ) -> Result<(), Fault> {
        while !self.held.is_empty() && !self.body.is_over() && out.len() < PIECE_BYTES_MAX {
            let bytes = self.held.data();
            let step = self.body.step(bytes).map_err(|broken| Fault::Client(broken.0))?;
            self.trailers.extend_from_slice(&bytes[step.framing - step.trailers..step.framing]);
            self.body_bytes += step.data as u64;
            let bytes_max = self.limits.body_bytes_max;
            if bytes_max > 0 && self.body_bytes > bytes_max {
                return Err(Fault::TooLarge);
            }
            let data = &bytes[step.framing..step.framing + step.data];
            observation.bytes_in(data.len() as u64);
            write_piece(framing, data, out);
            self.held.consume(step.framing + step.data);
        }
        if self.body.is_over() {
            write_end(framing, &self.trailers, out);
            self.uploaded = true;
        }
        Ok(())
    }
}

impl Front for Client {
    fn is_uploaded(&self) -> bool {
        self.uploaded
    }

    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        framing: Framing,
        out: &mut Buf,
        observation: &mut Observation,
    ) -> Poll<Result<(), Fault>> {
        if self.held.is_empty() {
            if std::mem::take(&mut self.expects) {
                self.out.push(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            while !self.out.is_empty() {
                match self.poll_write(cx, &[]) {
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(NOT_WHOLE)),
                    Poll::Pending => break,
                }
            }
            let _ = self.poll_flush(cx);
            match self.fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => self.moved(),
                Poll::Ready(_) => return Poll::Ready(Err(NOT_WHOLE)),
                Poll::Pending if self.timed_out(Waiting::Body, cx) => return Poll::Ready(Err(NOT_WHOLE)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // The body comes without having been asked for.
        self.expects = false;
        Poll::Ready(self.take_body(framing, out, observation))
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        while self.uploaded && self.held.len() < AHEAD_BYTES_MAX {
            match self.fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return true,
                Poll::Pending => return false,
            }
        }
        false
    }
}
