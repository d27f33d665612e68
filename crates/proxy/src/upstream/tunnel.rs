//! After an upgrade: bytes both ways until both sides are done or neither speaks.
//!
//! What was read beyond the two heads goes first. The bytes mean nothing to the proxy.

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::UpstreamIo;
use crate::accept::Stream;
use crate::worker::Worker;

/// Bytes kept each way.
const COPY_BYTES: usize = 8 * 1024;

/// The upstream's end of a tunnel.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) io: UpstreamIo,
    /// Read from the upstream already.
    pub(crate) early: Bytes,
}

/// A stream with bytes to be read first.
struct Preceded<T> {
    first: Bytes,
    io: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for Preceded<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.first.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let n = this.first.len().min(buf.remaining());
        buf.put_slice(&this.first[..n]);
        this.first.advance(n);
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

/// Copies both ways until both sides have ended, one failed, or nothing moved for `idle`.
pub(crate) async fn splice(
    client: Stream,
    early: Vec<u8>,
    tunnel: Tunnel,
    idle: Duration,
    worker: &Rc<Worker>,
) {
    let mut client = Preceded { first: Bytes::from(early), io: client };
    let mut upstream = Preceded { first: tunnel.early, io: tunnel.io };
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
