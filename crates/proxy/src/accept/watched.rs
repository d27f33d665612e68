//! A client's byte stream under HTTP/2: what was read already comes first, and nobody may be idle for ever.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use fw_plane::net::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::{Deadlines, Timer};
use crate::h1::Buf;
use crate::settings::Timeouts;
use crate::worker::Worker;

/// How many requests of a connection are being answered, and since when none is.
#[derive(Debug)]
pub(super) struct Wire {
    clock: Rc<Deadlines>,
    idle_since_ms: Cell<u64>,
    busy: Cell<u32>,
}

/// A request is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Rc<Wire>);

impl Wire {
    pub(super) fn new(clock: &Rc<Deadlines>) -> Rc<Wire> {
        let idle_since_ms = Cell::new(clock.now_ms());
        Rc::new(Wire { clock: Rc::clone(clock), idle_since_ms, busy: Cell::new(0) })
    }

    /// A request is being answered until the value returned is dropped.
    pub(super) fn enter(self: &Rc<Self>) -> Busy {
        self.busy.set(self.busy.get() + 1);
        Busy(Rc::clone(self))
    }

    /// How long the connection may stay idle from now on: all of the time while a request is being answered.
    fn idle_left(&self, allowed: Duration) -> Duration {
        if self.busy.get() > 0 {
            return allowed;
        }
        let idle_ms = self.clock.now_ms().saturating_sub(self.idle_since_ms.get());
        allowed.saturating_sub(Duration::from_millis(idle_ms))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get() - 1);
        self.0.idle_since_ms.set(self.0.clock.now_ms());
    }
}

/// The stream.
#[derive(Debug)]
pub(super) struct Watched {
    io: Stream,
    first: Buf,
    wire: Rc<Wire>,
    timeouts: Timeouts,
    timer: Timer,
    timing: bool,
    write_timer: Option<Timer>,
    worker: Rc<Worker>,
}

impl Watched {
    pub(super) fn new(io: Stream, first: Buf, wire: Rc<Wire>, worker: &Rc<Worker>) -> Watched {
        Watched {
            io,
            first,
            wire,
            timeouts: worker.settings.timeouts,
            timer: worker.deadlines.timer(),
            timing: false,
            write_timer: None,
            worker: Rc::clone(worker),
        }
    }

    /// Nothing came. The end of the stream when that has been so for too long, as if the client had closed.
    fn on_pending(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let allowed = self.timeouts.idle_keep_alive;
        if self.timing && !self.timer.fired() {
            return Poll::Pending;
        }
        let left = if self.timing { self.wire.idle_left(allowed) } else { allowed };
        // Zero means that there is no such limit, unless it is what is left of one.
        if left.is_zero() && !allowed.is_zero() {
            return Poll::Ready(Ok(()));
        }
        self.timing = true;
        self.timer.set(left, cx);
        Poll::Pending
    }

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

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let n = this.first.len().min(buf.remaining());
            buf.put_slice(&this.first.data()[..n]);
            this.first.consume(n);
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Pending => this.on_pending(cx),
            ready => {
                this.timing = false;
                ready
            }
        }
    }
}

impl AsyncWrite for Watched {
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
