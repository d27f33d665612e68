//! Is this request head beyond doubt? The strict reading of an HTTP/1 head, before any parser sees it.
//!
//! Two parsers that read one message differently let a request hide inside another. So whatever a
//! peer could read in two ways is refused, also where RFC 9112 would allow to repair it: every line ends in
//! CRLF, no field is folded, one Host, one Content-Length or exactly `chunked`, never both.
//! What is beyond doubt is kept as an [`Asked`], with which an upstream is asked.

use http::Method;
use memchr::memchr;

use super::buf::Buf;
use super::fields::Fields;
use super::syntax::{has_control, is_token, number, trim};

use crate::observe::Refused;
use crate::settings::Limits;

/// How the body after a head is framed (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Framing {
    /// No body, or `Content-Length: 0`.
    #[default]
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// A request as an upstream is asked it, whichever version of HTTP it came in.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query, or `*`.
    pub(crate) target: Vec<u8>,
    /// How the body goes to an upstream of HTTP/1.1.
    pub(crate) framing: Framing,
    pub(crate) fields: Fields,
    /// It asks to leave HTTP, and that is passed on.
    pub(crate) upgrade: bool,
}

impl Asked {
    /// Forgets the request; the memory stays.
    pub(crate) fn clear(&mut self) {
        self.target.clear();
        self.fields.clear();
        (self.framing, self.upgrade) = (Framing::None, false);
    }

    /// Writes the head as HTTP/1.1 has it.
    pub(crate) fn write_to(&self, out: &mut Buf) {
        out.push(self.method.as_str().as_bytes());
        out.push(b" ");
        out.push(&self.target);
        out.push(b" HTTP/1.1\r\n");
        self.fields.write_to(out);
        if self.framing == Framing::Chunked {
            out.push(b"transfer-encoding: chunked\r\n");
        }
        out.push(b"\r\n");
    }
}

/// What of a head concerns the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// HTTP/1.0 or HTTP/1.1.
    pub(crate) minor: u8,
    pub(crate) framing: Framing,
    /// It has an Upgrade field, and no body.
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

/// Reads a whole head, its empty line included, into `asked`, which was cleared.
///
/// # Errors
/// [`Refusal`] when anything in it could be read in two ways, or is larger than allowed. `asked` is of
/// no use then.
pub(crate) fn read_request(head: &[u8], limits: &Limits, asked: &mut Asked) -> Result<Head, Refusal> {
    if head.len() > limits.header_bytes_max {
        return Err(Refusal { reason: Refused::HeadTooLarge, detail: "the header section is too large" });
    }
    let (line, mut rest) = next_line(head);
    let request = request_line(line, limits)?;
    let mut seen = Seen::default();
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
        seen.field(line, &mut asked.fields)?;
    }
    let has_host = seen.host.is_some();
    let head = seen.conclude(&request)?;
    // Known methods cost nothing; a token always makes one.
    asked.method = Method::from_bytes(request.method).unwrap_or_default();
    asked.framing = head.framing;
    origin_form(&request, has_host, asked);
    Ok(head)
}

/// Path and query only, and the host in Host, as an origin server of HTTP/1.1 is asked. Fragments are for clients.
fn origin_form(request: &RequestLine<'_>, has_host: bool, asked: &mut Asked) {
    let target = &request.target[..memchr(b'#', request.target).unwrap_or(request.target.len())];
    let Some(authority) = authority(target).filter(|_| target[0] != b'/') else {
        return asked.target.extend_from_slice(target);
    };
    if !has_host {
        asked.fields.push(b"host", authority);
    }
    let scheme = memchr(b':', target).map_or(0, |colon| colon + 3);
    let path = &target[scheme + authority.len()..];
    if path.first() != Some(&b'/') {
        asked.target.push(b'/');
    }
    asked.target.extend_from_slice(path);
}

/// A line without its CRLF, and what follows.
fn next_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'\n', bytes) {
        Some(lf) => (&bytes[..lf.saturating_sub(1)], &bytes[lf + 1..]),
        None => (&[], &[]),
    }
}

struct RequestLine<'a> {
    method: &'a [u8],
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
    Ok(RequestLine { method, target, minor })
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
struct Seen<'a> {
    host: Option<&'a [u8]>,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

impl<'a> Seen<'a> {
    fn field(&mut self, line: &'a [u8], fields: &mut Fields) -> Result<(), Refusal> {
        if matches!(line[0], b' ' | b'\t') {
            return bad("a header field is folded over two lines");
        }
        let Some(colon) = memchr(b':', line) else { return bad("a header field has no colon") };
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        if !fields.push_read(name, value) {
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
        let Some(number) = number(value) else { return bad("Content-Length is not a number") };
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
        Ok(Head { minor: request.minor, framing, upgrade })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, Refusal> {
        let bytes = text.as_bytes();
        let end = find_end(bytes, &mut 0)?.expect("a whole head");
        assert_eq!(end, bytes.len());
        let limits =
            Limits { header_count_max: 5, uri_bytes_max: 40, header_bytes_max: 400, ..Limits::default() };
        read_request(bytes, &limits, &mut Asked::default())
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
    fn what_is_asked_is_kept_in_one_form() {
        let asked = |text: &str| {
            let mut asked = Asked::default();
            read_request(text.as_bytes(), &Limits::default(), &mut asked).unwrap();
            let mut out = Buf::new(&std::rc::Rc::default());
            asked.write_to(&mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(
            asked("PUT /a?b#c HTTP/1.1\r\nHOST:a\r\nX-Y: \tZ \r\n\r\n"),
            "PUT /a?b HTTP/1.1\r\nhost: a\r\nx-y: Z\r\n\r\n"
        );
        assert_eq!(asked("GET http://A:1?x HTTP/1.0\r\n\r\n"), "GET /?x HTTP/1.1\r\nhost: A:1\r\n\r\n");
        assert_eq!(asked("GET https://a HTTP/1.1\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(asked("OPTIONS * HTTP/1.0\r\n\r\n"), "OPTIONS * HTTP/1.1\r\n\r\n");
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
