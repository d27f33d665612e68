//! After an upgrade: bytes both ways until both sides are done or neither speaks.
//!
//! What was read beyond the two heads goes first. The bytes mean nothing to the proxy.

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use fw_plane::net::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::h1::Buf;
use crate::worker::Worker;

/// Bytes kept each way.
const COPY_BYTES: usize = 8 * 1024;

/// A stream with bytes to be read first.
struct Preceded<T> {
    first: Buf,
    io: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for Preceded<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let n = this.first.len().min(buf.remaining());
        buf.put_slice(&this.first.data()[..n]);
        this.first.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Preceded<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// One end of a tunnel: its stream, and what was read from it already.
pub(crate) type End = (Stream, Buf);

/// Copies both ways until both sides have ended, one failed, or nothing moved for `idle`.
pub(crate) async fn splice(client: End, upstream: End, idle: Duration, worker: &Rc<Worker>) {
    let mut client = Preceded { first: client.1, io: client.0 };
    let mut upstream = Preceded { first: upstream.1, io: upstream.0 };
    let timer = worker.deadlines.timer();
    let mut copy =
        pin!(tokio::io::copy_bidirectional_with_sizes(&mut client, &mut upstream, COPY_BYTES, COPY_BYTES));
    std::future::poll_fn(|cx| {
        if timer.fired() || copy.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // Polled only when something moved, so this is the time since then.
        timer.set(idle, cx);
        Poll::Pending
    })
    .await;
}
