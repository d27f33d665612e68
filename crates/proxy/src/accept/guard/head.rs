//! Is this request head beyond doubt? The strict reading of an HTTP/1 head, before any parser sees it.
//!
//! Two parsers that read one message differently let a request hide inside another. So whatever a
//! peer could read in two ways is refused, also where RFC 9112 would allow to repair it: every line ends in
//! CRLF, no field is folded, one Host, one Content-Length or exactly `chunked`, never both.
//! Nothing is kept of the head but how its body is framed.

use memchr::memchr;

use crate::observe::Refused;
use crate::settings::Limits;

/// How the body after a head is framed (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body, or `Content-Length: 0`.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// What the guard needs to know of a sound head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) framing: Framing,
    /// It asks to leave HTTP (an Upgrade field, and no body).
    pub(crate) upgrade: bool,
}

/// Why a request is refused: the reason, and the sentence the client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Refused,
    pub(crate) detail: &'static str,
}

fn bad<T>(detail: &'static str) -> Result<T, Refusal> {
    Err(Refusal { reason: Refused::Framing, detail })
}

/// Looks for the end of a head, the position after its empty line. `from` is where an earlier look
/// stopped and is moved on, so that a head that trickles in is looked at once.
///
/// # Errors
/// A line that does not end in CRLF.
pub(crate) fn find_end(bytes: &[u8], from: &mut usize) -> Result<Option<usize>, Refusal> {
    while let Some(at) = memchr(b'\n', &bytes[*from..]) {
        let lf = *from + at;
        if lf == 0 || bytes[lf - 1] != b'\r' {
            return bad("a line ends in LF alone");
        }
        // The line is empty when the CRLF follows another one.
        if lf == 1 || (lf >= 3 && bytes[lf - 2] == b'\n') {
            return Ok(Some(lf + 1));
        }
        *from = lf + 1;
    }
    Ok(None)
}

/// Reads a whole head, its empty line included.
///
/// # Errors
/// [`Refusal`] when anything in it could be read in two ways, or is larger than allowed.
pub(crate) fn check(head: &[u8], limits: &Limits) -> Result<Head, Refusal> {
    if head.len() > limits.header_bytes_max {
        return Err(Refusal { reason: Refused::HeadTooLarge, detail: "the header section is too large" });
    }
    let (line, mut rest) = next_line(head);
    let request = request_line(line, limits)?;
    let mut seen = Fields::default();
    let mut count = 0;
    loop {
        let (line, after) = next_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > limits.header_count_max {
            return Err(Refusal {
                reason: Refused::HeadTooLarge,
                detail: "there are too many header fields",
            });
        }
        seen.field(line)?;
    }
    seen.conclude(&request)
}

/// The line before the first CRLF, and what follows. `find_end` has shown that each LF has its CR.
fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', bytes) {
        Some(lf) => (&bytes[..lf.saturating_sub(1)], &bytes[lf + 1..]),
        None => (&[], &[]),
    }
}

struct RequestLine<'a> {
    target: &'a [u8],
    minor: u8,
}

fn request_line<'a>(line: &'a [u8], limits: &Limits) -> Result<RequestLine<'a>, Refusal> {
    let Some(space) = memchr(b' ', line) else { return bad("the request line is not METHOD TARGET VERSION") };
    let (method, rest) = (&line[..space], &line[space + 1..]);
    let Some(space) = memchr(b' ', rest) else { return bad("the request line is not METHOD TARGET VERSION") };
    let (target, version) = (&rest[..space], &rest[space + 1..]);
    if method.is_empty() || !method.iter().all(|&b| is_token(b)) {
        return bad("the method is not a token");
    }
    let minor = match version {
        b"HTTP/1.1" => 1,
        b"HTTP/1.0" => 0,
        _ => return bad("the version is neither HTTP/1.1 nor HTTP/1.0"),
    };
    if target.len() > limits.uri_bytes_max {
        return Err(Refusal { reason: Refused::UriTooLong, detail: "the request target is too long" });
    }
    if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
        return bad("the request target has a character it must not have");
    }
    if method == b"CONNECT" {
        return Err(Refusal { reason: Refused::Method, detail: "CONNECT is not served here" });
    }
    if target[0] != b'/' && !(target == b"*" && method == b"OPTIONS") && authority(target).is_none() {
        return bad("the request target is neither a path nor a URL");
    }
    Ok(RequestLine { target, minor })
}

/// The authority of an absolute-form target (RFC 9112 section 3.2.2).
fn authority(target: &[u8]) -> Option<&[u8]> {
    let start = [b"http://".as_slice(), b"https://"]
        .iter()
        .find(|scheme| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme))?
        .len();
    let rest = &target[start..];
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    Some(&rest[..end])
}

#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl<'a> Fields<'a> {
    fn field(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        if matches!(line[0], b' ' | b'\t') {
            return bad("a header field is folded over two lines");
        }
        let Some(colon) = memchr(b':', line) else { return bad("a header field has no colon") };
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if name.is_empty() || !name.iter().all(|&b| is_token(b)) {
            return bad("a header field's name is not a token");
        }
        if has_control(value) {
            return bad("a header field has a control character");
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.upgrade = true;
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding(value),
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &'a [u8]) -> Result<(), Refusal> {
        if self.host.replace(value).is_some() {
            return bad("there are two Host fields");
        }
        let sound = |&b: &u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&b);
        if value.iter().all(sound) { Ok(()) } else { bad("the Host field is not a host") }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        // Nineteen digits always fit u64.
        if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
            return bad("Content-Length is not a number");
        }
        let number = value.iter().fold(0_u64, |n, d| n * 10 + u64::from(d - b'0'));
        if self.length.replace(number).is_some() {
            return bad("there are two Content-Length fields");
        }
        Ok(())
    }

    fn coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if std::mem::replace(&mut self.chunked, true) || !value.eq_ignore_ascii_case(b"chunked") {
            return bad("Transfer-Encoding is not exactly chunked");
        }
        Ok(())
    }

    fn conclude(self, request: &RequestLine<'_>) -> Result<Head, Refusal> {
        if request.minor == 1 && self.host.is_none() {
            return bad("there is no Host field");
        }
        if let Some(authority) = authority(request.target).filter(|_| request.target[0] != b'/')
            && self.host.is_some_and(|host| !host.eq_ignore_ascii_case(authority))
        {
            return bad("the Host field and the request target differ");
        }
        if self.chunked && request.minor == 0 {
            return bad("HTTP/1.0 knows no Transfer-Encoding");
        }
        let framing = match (self.chunked, self.length) {
            (true, Some(_)) => return bad("there are both Content-Length and Transfer-Encoding"),
            (true, None) => Framing::Chunked,
            (false, Some(n)) if n > 0 => Framing::Length(n),
            (false, _) => Framing::None,
        };
        let upgrade = self.upgrade && request.minor == 1 && framing == Framing::None;
        Ok(Head { framing, upgrade })
    }
}

/// Optional white space around a field value (RFC 9110 section 5.6.3): space and tab only.
fn trim(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|b| !matches!(b, b' ' | b'\t')).unwrap_or(value.len());
    let end = value.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(start, |last| last + 1);
    &value[start..end]
}

/// Any control character but the tab. Written without a branch a byte, so that it runs on vectors.
pub(crate) fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, &b| found | ((b < 0x20) & (b != b'\t')) | (b == 0x7f))
}

/// Characters of a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token(b: u8) -> bool {
    TOKEN[usize::from(b)]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        table[b] = c.is_ascii_alphanumeric()
            || matches!(
                c,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        b += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, Refusal> {
        let bytes = text.as_bytes();
        let end = find_end(bytes, &mut 0)?.expect("a whole head");
        assert_eq!(end, bytes.len());
        check(
            bytes,
            &Limits { header_count_max: 5, uri_bytes_max: 40, header_bytes_max: 400, ..Limits::default() },
        )
    }

    fn reason(text: &str) -> &'static str {
        read(text).expect_err(text).detail
    }

    #[test]
    fn sound_heads_tell_their_framing() {
        let framing = |text| read(text).map(|head| head.framing);
        assert_eq!(framing("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(Framing::None));
        assert_eq!(framing("GET / HTTP/1.0\r\n\r\n"), Ok(Framing::None));
        assert_eq!(
            framing("POST /a?b HTTP/1.1\r\nhOST:\ta:80 \r\nContent-Length: 12\r\n\r\n"),
            Ok(Framing::Length(12))
        );
        assert_eq!(
            framing("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"),
            Ok(Framing::Chunked)
        );
        assert_eq!(framing("OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n"), Ok(Framing::None));
        assert_eq!(framing("GET http://A:1/x HTTP/1.1\r\nHost: a:1\r\n\r\n"), Ok(Framing::None));
        assert!(read("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").unwrap().upgrade);
    }

    #[test]
    fn the_end_is_found_over_several_looks() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let mut from = 0;
        for cut in 0..27 {
            assert_eq!(find_end(&text[..cut], &mut from), Ok(None), "{cut}");
        }
        assert_eq!(find_end(text, &mut from), Ok(Some(27)));
    }

    #[test]
    fn limits_have_their_own_reasons() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(40));
        assert_eq!(read(&long).unwrap_err().reason, Refused::UriTooLong);
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(5));
        assert_eq!(read(&many).unwrap_err().reason, Refused::HeadTooLarge);
        let large = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(400));
        assert_eq!(read(&large).unwrap_err().reason, Refused::HeadTooLarge);
    }

    #[test]
    fn whatever_reads_in_two_ways_is_refused() {
        let with = |field: &str| reason(&format!("POST / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
        assert!(with("Content-Length: 4\r\nTransfer-Encoding: chunked").contains("both"));
        assert!(with("Content-Length: 4\r\nContent-Length: 5").contains("two Content-Length"));
        assert!(with("Content-Length: 4\r\nContent-Length: 4").contains("two Content-Length"));
        for value in ["+4", "-4", "4, 4", "0x4", "", "4 4", "99999999999999999999"] {
            assert!(with(&format!("Content-Length: {value}")).contains("not a number"), "{value}");
        }
        for value in ["xchunked", "gzip, chunked", "chunked, chunked", "identity", "", "\"chunked\""] {
            assert!(with(&format!("Transfer-Encoding: {value}")).contains("exactly"), "{value}");
        }
        assert!(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked").contains("exactly"));
        assert!(with("A: b\r\n c").contains("folded"));
        assert!(with("Content-Length : 4").contains("token"));
        assert!(with(": x").contains("token"));
        assert!(with("A\u{b}: x").contains("token"));
        assert!(with("nocolon").contains("colon"));
        assert!(with("A: x\0y").contains("control"));
        assert!(with("A: x\ry").contains("control"));
        assert!(with("A: x\u{7f}y").contains("control"));
        assert!(with("Host: a").contains("two Host"));
        assert!(reason("GET / HTTP/1.1\r\n\r\n").contains("no Host"));
        assert!(reason("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n").contains("not a host"));
        assert!(reason("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n").contains("not a host"));
        assert!(reason("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").contains("1.0"));
        assert!(reason("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n").contains("differ"));
        assert!(reason("GET  / HTTP/1.1\r\nHost: a\r\n\r\n").contains("version"));
        assert!(reason("GET / HTTP/1.1 \r\nHost: a\r\n\r\n").contains("version"));
        assert!(reason("GET / HTTP/2.0\r\nHost: a\r\n\r\n").contains("version"));
        assert!(reason("GET a HTTP/1.1\r\nHost: a\r\n\r\n").contains("neither"));
        assert!(reason("G(T / HTTP/1.1\r\nHost: a\r\n\r\n").contains("method"));
        assert!(reason("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n").contains("CONNECT"));
        assert!(reason("\r\n").contains("request line"));
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "\n",
        ] {
            assert!(find_end(text.as_bytes(), &mut 0).unwrap_err().detail.contains("LF"), "{text:?}");
        }
    }
}
