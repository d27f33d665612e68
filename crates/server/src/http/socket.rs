//! A client's socket: what is written to it must be read in time, and its refusals are problem documents.
//!
//! A client that stops reading fills the kernel's buffer (kept small), then every write waits; after the
//! stall limit the connection is broken off, so that nobody holds memory and a place for nothing.
//!
//! The HTTP library answers a head it can't parse by itself, with an empty body: the routes never see such a
//! request. As every refusal here carries a problem document, an empty 4xx can only be the library's; it
//! is replaced on its way out. It is the last thing written on its connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use fw_api::{Code, Problem};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The kernel's buffer of what a client has not read yet, bytes (Linux doubles it for its own books).
const SEND_BUFFER_BYTES: usize = 64 * 1024;

/// A socket that gives up on a client that does not read.
pub(super) struct Socket {
    stream: TcpStream,
    stall_max: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What is left to write of a replaced answer.
    last_words: Bytes,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, stall_max: Duration) -> Socket {
        // Both only tune; a socket that refuses them works as well.
        let _ = stream.set_nodelay(true);
        let _ = socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
        Socket { stream, stall_max, stalled: None, last_words: Bytes::new() }
    }

    /// What a write came to, or the end of a client that has not read for too long.
    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.stall_max;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }

    /// Writes what is left of a replaced answer.
    fn poll_last_words(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.last_words.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.last_words);
            let written = ready!(self.watched(cx, written))?;
            self.last_words.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

/// The problem document in place of an empty refusal; none for every other answer.
fn replacement(head: &[u8]) -> Option<Bytes> {
    let status = head.strip_prefix(b"HTTP/1.1 4")?.get(..2)?;
    let status: u16 = format!("4{}", std::str::from_utf8(status).ok()?).parse().ok()?;
    let head = std::str::from_utf8(head).ok()?;
    if !head.ends_with("\r\n\r\n") || !head.contains("\r\ncontent-length: 0\r\n") {
        return None;
    }
    let (code, detail) = match status {
        414 => (Code::UriTooLong, "the request target is longer than this server takes"),
        431 => (Code::HeadersTooLarge, "the request's head has more than 16 KiB or 100 headers"),
        _ => (Code::BadRequest, "this is not an HTTP request as RFC 9112 has it"),
    };
    let body = serde_json::to_vec(&Problem::new(code, detail)).ok()?;
    let reason = StatusCode::from_u16(code.status()).ok()?.canonical_reason().unwrap_or_default();
    let mut answer = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: {}\r\nx-content-type-options: nosniff\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        code.status(),
        fw_api::problem::CONTENT_TYPE,
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    Some(answer.into())
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_last_words(cx))?;
        if let Some(words) = replacement(buf) {
            self.last_words = words;
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_last_words(cx))?;
        if let [head] = bufs
            && let Some(words) = replacement(head)
        {
            self.last_words = words;
            return Poll::Ready(Ok(head.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_last_words(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_last_words(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_refusal_is_replaced() {
        let empty = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let words = replacement(empty).unwrap();
        let (head, body) = std::str::from_utf8(&words).unwrap().split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert_eq!(serde_json::from_str::<Problem>(body).unwrap().code, "headers_too_large");
        for other in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 10\r\n\r\n{\"a\": 123}",
            b"data: HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 4",
            b"",
        ] {
            assert!(replacement(other).is_none(), "{:?}", String::from_utf8_lossy(other));
        }
    }
}
