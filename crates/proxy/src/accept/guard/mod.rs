//! The guard: stands between the socket and the HTTP parser and lets only sound requests through.
//!
//! It follows an HTTP/1 connection head by head and body by body. A head is handed on when it is
//! whole and beyond doubt; of a doubtful one not a byte is. Instead the parser gets a request of the
//! guard's own making, which the proxy answers with the refusal before the connection ends. In the
//! usual case (one whole request a read) bytes are looked at in place and not copied.
//! After an upgrade, and for HTTP/2, everything passes; framing there is not ambiguous.

mod body;
mod head;
mod wire;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use crate::clock::Timer;
use crate::observe::Refused;
use crate::settings::{Limits, Timeouts};
use crate::worker::Worker;

use body::Body;
pub(crate) use head::Refusal;
pub(crate) use wire::{Busy, Wire};

/// What a client that speaks HTTP/2 with prior knowledge sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What the parser gets in place of a refused request; the proxy knows it by its place, not by its text.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// Bytes asked for when a head came in pieces.
const READ_BYTES: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// At or in a head.
    Head,
    /// In a body.
    Body(Body),
    /// After the head of an upgrade: nothing passes until its answer is known.
    Suspended,
    /// After a refusal: nothing passes any more.
    Refused,
    /// Everything passes.
    Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    No,
    Head,
    Idle,
    Body,
}

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

enum Stop {
    Refused(Refusal),
    Broken(&'static str),
}

/// A client's byte stream, guarded.
#[derive(Debug)]
pub(crate) struct Guard {
    io: Stream,
    wire: Rc<Wire>,
    limits: Limits,
    timeouts: Timeouts,
    stage: Stage,
    /// Read but not handed on.
    held: Vec<u8>,
    /// Of `held`, handed on.
    handed: usize,
    /// Of `held`, allowed to be handed on.
    clear: usize,
    /// How far the present head was searched for its end.
    searched: usize,
    timer: Timer,
    waiting: Waiting,
    write_timer: Option<Timer>,
    worker: Rc<Worker>,
}

impl Guard {
    /// Guards a stream that has not been read from.
    pub(crate) fn new(io: Stream, wire: Rc<Wire>, worker: &Rc<Worker>) -> Guard {
        Guard {
            io,
            wire,
            limits: worker.settings.limits,
            timeouts: worker.settings.timeouts,
            stage: Stage::Head,
            held: Vec::new(),
            handed: 0,
            clear: 0,
            searched: 0,
            timer: worker.deadlines.timer(),
            waiting: Waiting::No,
            write_timer: None,
            worker: Rc::clone(worker),
        }
    }

    /// HTTP/2 was agreed on: everything passes.
    pub(crate) fn pass_all(&mut self) {
        self.stage = Stage::Raw;
        self.clear = self.held.len();
    }

    /// Waits for as many bytes as tell HTTP/2 from HTTP/1; none when the client left or took too long.
    pub(crate) fn poll_protocol(&mut self, cx: &mut Context<'_>) -> Poll<Option<Protocol>> {
        loop {
            let common = self.held.iter().zip(PREFACE).take_while(|(a, b)| a == b).count();
            if common == PREFACE.len() {
                self.pass_all();
                return Poll::Ready(Some(Protocol::Http2));
            }
            if common < self.held.len() {
                self.walk_held();
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

    /// The stream, and what was read of it beyond the last request.
    pub(crate) fn into_stream(mut self) -> (Stream, Vec<u8>) {
        self.held.drain(..self.handed);
        (self.io, self.held)
    }

    /// Walks along bytes that are not cleared yet: how many may be handed on, and why not more.
    fn walk(&mut self, bytes: &[u8]) -> (usize, Option<Stop>) {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match &mut self.stage {
                Stage::Raw => return (bytes.len(), None),
                Stage::Suspended | Stage::Refused => break,
                Stage::Body(body) => match body.follow(rest, self.limits.header_bytes_max) {
                    Err(broken) => return (at, Some(Stop::Broken(broken.0))),
                    Ok((taken, ended)) => {
                        at += taken;
                        if ended {
                            self.stage = Stage::Head;
                        }
                    }
                },
                Stage::Head => match self.walk_head(rest) {
                    Err(refusal) => return (at, Some(Stop::Refused(refusal))),
                    Ok(0) => break,
                    Ok(taken) => at += taken,
                },
            }
        }
        (at, None)
    }

    /// The length of the sound head (or empty line) at the start of `rest`; 0 when it is not whole.
    fn walk_head(&mut self, rest: &[u8]) -> Result<usize, Refusal> {
        let Some(end) = head::find_end(rest, &mut self.searched)? else {
            if rest.len() > self.limits.header_bytes_max {
                let detail = "the header section is too large";
                return Err(Refusal { reason: Refused::HeadTooLarge, detail });
            }
            return Ok(0);
        };
        self.searched = 0;
        if rest.starts_with(b"\r\n") {
            // An empty line before a request is to be ignored (RFC 9112 section 2.2); the parser does.
            return Ok(end);
        }
        let head = head::check(&rest[..end], &self.limits)?;
        self.wire.head_passed();
        self.stage = match Body::begin(head.framing) {
            Some(body) => Stage::Body(body),
            None if head.upgrade => {
                self.wire.suspend();
                Stage::Suspended
            }
            None => Stage::Head,
        };
        Ok(end)
    }

    fn walk_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        let (cleared, stop) = self.walk(&held[self.clear..]);
        self.held = held;
        self.clear += cleared;
        if let Some(stop) = stop {
            self.stop(stop);
        }
    }

    fn stop(&mut self, stop: Stop) {
        self.held.truncate(self.clear);
        match stop {
            Stop::Refused(refusal) => {
                self.wire.refuse(refusal);
                self.held.extend_from_slice(STAND_IN);
                self.clear = self.held.len();
                self.stage = Stage::Refused;
            }
            Stop::Broken(detail) => {
                self.wire.broke(detail);
                self.stage = Stage::Refused;
            }
        }
    }

    /// Reads more into `held`.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let old = self.held.len();
        self.held.resize(old + READ_BYTES, 0);
        let mut buf = ReadBuf::new(&mut self.held[old..]);
        let read = Pin::new(&mut self.io).poll_read(cx, &mut buf);
        let n = buf.filled().len();
        self.held.truncate(old + n);
        ready!(read)?;
        Poll::Ready(Ok(n))
    }

    /// What is waited for now, by the stage and by what the proxy is doing.
    fn waits_for(&self) -> Waiting {
        match self.stage {
            Stage::Head if self.held.len() > self.clear => Waiting::Head,
            Stage::Head if self.wire.is_new() => Waiting::Head,
            Stage::Head | Stage::Raw => Waiting::Idle,
            Stage::Body(_) => Waiting::Body,
            Stage::Suspended | Stage::Refused => Waiting::No,
        }
    }

    /// Sees to the timer while nothing comes; whether it has run out.
    fn timed_out(&mut self, waiting: Waiting, cx: &Context<'_>) -> bool {
        if self.waiting == waiting && waiting != Waiting::No && self.timer.fired() {
            return true;
        }
        if self.waiting != waiting {
            self.waiting = waiting;
            match waiting {
                Waiting::No => self.timer.clear(),
                Waiting::Head => self.timer.set(self.timeouts.header_read, cx),
                Waiting::Idle => self.timer.set(self.timeouts.idle_keep_alive, cx),
                Waiting::Body => self.timer.set(self.timeouts.body_idle, cx),
            }
        }
        false
    }

    /// How long the connection may stay idle from now on: all of the time while a request is being answered.
    fn idle_left(&self) -> Duration {
        let allowed = self.timeouts.idle_keep_alive;
        self.wire.idle_for().map_or(allowed, |idle| allowed.saturating_sub(idle))
    }

    fn on_pending(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let waiting = self.waits_for();
        if !self.timed_out(waiting, cx) {
            return Poll::Pending;
        }
        self.waiting = Waiting::No;
        match waiting {
            Waiting::Head if self.held.len() > self.clear => {
                let detail = "the request head took too long";
                self.stop(Stop::Refused(Refusal { reason: Refused::HeadTimeout, detail }));
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Waiting::Body => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            // The parser does not read again when an answer ends, so the time runs from the last request
            // and is set anew for what is missing.
            Waiting::Idle if self.idle_left() > Duration::ZERO => {
                self.waiting = Waiting::Idle;
                self.timer.set(self.idle_left(), cx);
                Poll::Pending
            }
            // The end of the stream, as if the client had closed: the connection ends without an answer.
            Waiting::Head | Waiting::Idle | Waiting::No => Poll::Ready(Ok(())),
        }
    }

    /// Hands on what is cleared of `held`; false when there is nothing.
    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let n = (self.clear - self.handed).min(buf.remaining());
        if n == 0 {
            return false;
        }
        buf.put_slice(&self.held[self.handed..self.handed + n]);
        self.handed += n;
        if self.handed == self.held.len() {
            // Heads in pieces are rare, so an idle connection keeps no buffer for them.
            (self.held, self.handed, self.clear) = (Vec::new(), 0, 0);
        }
        true
    }

    /// Reads straight into the parser's buffer and looks at the bytes there.
    fn read_in_place(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        self.waiting = Waiting::No;
        let bytes = &buf.filled()[before..];
        if bytes.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let (cleared, stop) = self.walk(bytes);
        if stop.is_none() && cleared < bytes.len() {
            self.held.extend_from_slice(&bytes[cleared..]);
        }
        buf.set_filled(before + cleared);
        if let Some(stop) = stop {
            self.stop(stop);
        }
        Poll::Ready(Ok(cleared > 0))
    }
}

impl AsyncRead for Guard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if buf.remaining() == 0 || this.hand_on(buf) {
                return Poll::Ready(Ok(()));
            }
            match this.stage {
                Stage::Refused if this.wire.is_broken() => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                // The parser closes after answering the stand-in; an end of stream would cut that answer off.
                Stage::Refused => return Poll::Pending,
                Stage::Suspended if this.wire.is_suspended(cx) => return Poll::Pending,
                Stage::Suspended => {
                    this.stage = Stage::Head;
                    this.walk_held();
                    continue;
                }
                _ => {}
            }
            if this.held.is_empty() {
                match this.read_in_place(cx, buf) {
                    Poll::Ready(Ok(false)) => continue,
                    Poll::Ready(done) => return Poll::Ready(done.map(|_| ())),
                    Poll::Pending => return this.on_pending(cx),
                }
            }
            match this.fill(cx) {
                Poll::Pending => return this.on_pending(cx),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // Closed in the middle of a head: nobody waits for an answer.
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => this.walk_held(),
            }
        }
    }
}

impl Guard {
    /// Lets a write wait for at most the body's idle time.
    fn watch_write<T>(&mut self, cx: &Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match (&write, &self.write_timer) {
            (Poll::Ready(_), None) => write,
            (Poll::Ready(_), Some(_)) => {
                self.write_timer = None;
                write
            }
            (Poll::Pending, None) => {
                let timer = self.worker.deadlines.timer();
                timer.set(self.timeouts.body_idle, cx);
                self.write_timer = Some(timer);
                Poll::Pending
            }
            (Poll::Pending, Some(timer)) if timer.fired() => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            (Poll::Pending, Some(_)) => Poll::Pending,
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.io).poll_write(cx, buf);
        this.watch_write(cx, write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.watch_write(cx, write)
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
