//! The client's side of a request, as an upstream's side sees it: a body to come, and someone who may leave.

use std::task::{Context, Poll};

use crate::h1::{Buf, Framing};
use crate::observe::Observation;

/// Why a request body did not arrive whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Longer than the limit.
    TooLarge,
    /// The client went away, stood still or broke the framing; what to tell it.
    Client(&'static str),
}

/// What is told where nothing better is known.
pub(crate) const NOT_WHOLE: Fault = Fault::Client("the request body was not received whole");

/// Bytes of a body handed on at once.
pub(crate) const PIECE_BYTES_MAX: usize = 32 * 1024;

/// Who asked.
pub(crate) trait Front {
    /// Whether the whole body was handed on.
    fn is_uploaded(&self) -> bool;

    /// Hands on more of the body, framed as `framing` says, and its end. Ready without a byte is well possible.
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        framing: Framing,
        out: &mut Buf,
        observation: &mut Observation,
    ) -> Poll<Result<(), Fault>>;

    /// Whether the client has left while it waits for its answer.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool;
}

/// Writes a piece of a body.
pub(crate) fn write_piece(framing: Framing, data: &[u8], out: &mut Buf) {
    if data.is_empty() {
        return;
    }
    if framing != Framing::Chunked {
        return out.push(data);
    }
    let mut digits = [0; 18];
    let (mut at, mut left) = (digits.len() - 2, data.len());
    digits[at..].copy_from_slice(b"\r\n");
    while left > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[left & 15];
        left >>= 4;
    }
    out.push(&digits[at..]);
    out.push(data);
    out.push(b"\r\n");
}

/// Writes the end of a body. `trailers` are lines, the empty one behind them included, or nothing.
pub(crate) fn write_end(framing: Framing, trailers: &[u8], out: &mut Buf) {
    if framing == Framing::Chunked {
        out.push(b"0\r\n");
        out.push(if trailers.is_empty() { b"\r\n" } else { trailers });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_written_as_they_are_framed() {
        let mut out = Buf::new(&std::rc::Rc::default());
        write_piece(Framing::Chunked, &[b'x'; 0x1af], &mut out);
        write_piece(Framing::Chunked, b"", &mut out);
        write_end(Framing::Chunked, b"", &mut out);
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert_eq!(text, format!("1af\r\n{}\r\n0\r\n\r\n", "x".repeat(0x1af)));
        out.clear();
        write_piece(Framing::Length(2), b"ab", &mut out);
        write_end(Framing::Length(2), b"", &mut out);
        assert_eq!(out.data(), b"ab");
    }
}
