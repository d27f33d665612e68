//! A response head from an upstream: read whole, its body's framing known without doubt.
//!
//! An upstream is trusted more than a client, yet a message that ends where nobody knows would mix
//! the answers of two users. So framing that contradicts itself is an error here too.

use memchr::memchr;

use super::body::{Body, Chunk};
use super::fields::Fields;
use super::syntax::{has_control, number, trim};

/// Largest head of a response, bytes.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// Most fields of a response.
const FIELDS_MAX: usize = 256;

/// The head of a response, whichever version of HTTP it came in.
#[derive(Debug, Default)]
pub(crate) struct RespHead {
    /// 200 to 999, or 101.
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    /// The upstream closes the connection after it.
    pub(crate) closes: bool,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Read {
    /// The head is not whole yet.
    More,
    /// It is, and took so many bytes; its body is framed so.
    Head(usize, Body),
    /// This is no response, or one that can't be passed on.
    Bad(&'static str),
}

/// Looks for a response head at the beginning of `bytes`. Interim responses but 101 are skipped.
/// `bodiless` says that the request was a HEAD.
pub(crate) fn read_response(bytes: &[u8], bodiless: bool, into: &mut RespHead) -> Read {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let Some(end) = end_of(rest) else {
            return if bytes.len() > HEAD_BYTES_MAX {
                Read::Bad("its head is too large")
            } else {
                Read::More
            };
        };
        into.fields.clear();
        match read(&rest[..end], bodiless, into) {
            Err(what) => return Read::Bad(what),
            Ok(_) if (100..200).contains(&into.status) && into.status != 101 => at += end,
            Ok(body) => return Read::Head(at + end, body),
        }
    }
}

/// The position after the empty line. Upstreams may end lines in LF alone (RFC 9112 section 2.2).
fn end_of(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(lf) = memchr(b'\n', &bytes[from..]) {
        let after = from + lf + 1;
        match bytes[after..] {
            [b'\n', ..] => return Some(after + 1),
            [b'\r', b'\n', ..] => return Some(after + 2),
            _ => from = after,
        }
    }
    None
}

#[derive(Default)]
struct Seen {
    length: Option<u64>,
    chunked: bool,
}

fn read(head: &[u8], bodiless: bool, into: &mut RespHead) -> Result<Body, &'static str> {
    let mut lines = Lines(head);
    let minor = status_line(lines.next().unwrap_or_default(), into)?;
    into.closes = minor == 0;
    let mut seen = Seen::default();
    let mut count = 0;
    for line in lines {
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > FIELDS_MAX {
            return Err("it has too many header fields");
        }
        seen.field(line, &mut into.fields)?;
    }
    if bodiless || into.status < 200 || matches!(into.status, 204 | 304) {
        return Ok(Body::Over);
    }
    match (seen.chunked, seen.length) {
        // RFC 9112 section 6.3, rule 3: the length means nothing, and the connection is not to be trusted on.
        (true, length) => {
            if length.is_some() {
                into.fields.remove(b"content-length");
                into.closes = true;
            }
            Ok(Body::Chunked { at: Chunk::Size { value: 0, digits: 0 }, trailer_bytes: 0 })
        }
        (false, Some(0)) => Ok(Body::Over),
        (false, Some(length)) => Ok(Body::Length(length)),
        (false, None) => {
            into.closes = true;
            Ok(Body::UntilClose)
        }
    }
}

struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let lf = memchr(b'\n', self.0)?;
        let line = &self.0[..lf];
        self.0 = &self.0[lf + 1..];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn status_line(line: &[u8], into: &mut RespHead) -> Result<u8, &'static str> {
    let minor = match line.get(..9) {
        Some(b"HTTP/1.1 ") => 1,
        Some(b"HTTP/1.0 ") => 0,
        _ => return Err("it is no HTTP/1.1 response"),
    };
    let digits = line.get(9..12).filter(|code| code.iter().all(u8::is_ascii_digit));
    let code = digits.map_or(0, |code| code.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0')));
    if code < 100 || !matches!(line.get(12), None | Some(b' ')) {
        return Err("its status is no number of three digits");
    }
    into.status = code;
    Ok(minor)
}

impl Seen {
    fn field(&mut self, line: &[u8], fields: &mut Fields) -> Result<(), &'static str> {
        let colon = memchr(b':', line).filter(|&colon| colon > 0).ok_or("a header field has no name")?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if !fields.push_read(name, value) || has_control(value) {
            return Err("a header field has a character it must not have");
        }
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = number(value).ok_or("its Content-Length is not a number")?;
                match self.length.replace(length) {
                    Some(before) if before != length => Err("it has two lengths"),
                    _ => Ok(()),
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                // Other codings would have to be undone, since the field is the hop's own.
                if std::mem::replace(&mut self.chunked, true) || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err("its Transfer-Encoding is not exactly chunked");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str, bodiless: bool) -> Result<(u16, Body, bool), &'static str> {
        let mut into = RespHead::default();
        for cut in 0..text.len() {
            assert!(
                matches!(read_response(&text.as_bytes()[..cut], bodiless, &mut into), Read::More),
                "{cut}"
            );
        }
        match read_response(text.as_bytes(), bodiless, &mut into) {
            Read::More => panic!("{text:?} is whole"),
            Read::Head(taken, body) => {
                assert_eq!(taken, text.len());
                Ok((into.status, body, into.closes))
            }
            Read::Bad(what) => Err(what),
        }
    }

    fn framing(fields: &str) -> Result<Body, &'static str> {
        head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), false).map(|(_, body, _)| body)
    }

    #[test]
    fn the_body_is_framed_as_the_head_says() {
        let chunked = Body::Chunked { at: Chunk::Size { value: 0, digits: 0 }, trailer_bytes: 0 };
        assert_eq!(framing("content-length: 3\r\n"), Ok(Body::Length(3)));
        assert_eq!(framing("content-length: 3\r\nContent-Length: 3\r\n"), Ok(Body::Length(3)));
        assert_eq!(framing("Content-Length: 0\r\n"), Ok(Body::Over));
        assert_eq!(framing("transfer-encoding: Chunked\r\n"), Ok(chunked));
        assert_eq!(framing("transfer-encoding: chunked\r\ncontent-length: 9\r\n"), Ok(chunked));
        assert_eq!(framing(""), Ok(Body::UntilClose));
        assert_eq!(head("HTTP/1.1 204 No Content\r\n\r\n", false), Ok((204, Body::Over, false)));
        assert_eq!(head("HTTP/1.1 304\r\ncontent-length: 7\r\n\r\n", false), Ok((304, Body::Over, false)));
        assert_eq!(head("HTTP/1.0 200 \r\ncontent-length: 7\r\n\r\n", true), Ok((200, Body::Over, true)));
        assert_eq!(head("HTTP/1.1 101 x\r\nupgrade: y\r\n\r\n", false), Ok((101, Body::Over, false)));
        assert_eq!(head("HTTP/1.1 200 OK\nA: b\n\n", false), Ok((200, Body::UntilClose, true)));
    }

    #[test]
    fn interim_responses_are_skipped() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 1\r\n\r\n";
        assert_eq!(head(text, false), Ok((201, Body::Length(1), false)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_no_response() {
        for fields in [
            "content-length: 3\r\ncontent-length: 4\r\n",
            "content-length: 3, 3\r\n",
            "content-length: -1\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: gzip\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "a : b\r\n",
            "a: b\r\n c\r\n",
            "a: b\0\r\n",
            ": b\r\n",
            "nonsense\r\n",
        ] {
            assert!(framing(fields).is_err(), "{fields:?}");
        }
        for line in
            ["SSH-2.0-OpenSSH_9.2", "HTTP/2 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1  200"]
        {
            let text = format!("{line}\r\n\r\n");
            let mut into = RespHead::default();
            assert!(matches!(read_response(text.as_bytes(), false, &mut into), Read::Bad(_)), "{line}");
        }
    }
}
