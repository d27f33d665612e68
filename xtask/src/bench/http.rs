//! The least HTTP that a benchmark needs of its own: one request on one connection, ports nobody uses.
//!
//! Load is made by wrk and h2load; this only asks whether something answers, and what.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// Loopback answers in microseconds; more than this is a hang.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Its lines before the body.
    pub(crate) head: String,
    /// The body, if it came with a length or until the end of the connection.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header, if it is there; its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// GET `path` on a new connection.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    ask(address, path, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// POST JSON on a new connection, with more header lines, each with its end.
pub(crate) fn post(address: SocketAddr, path: &str, headers: &str, json: &str) -> Result<Answer> {
    let length = json.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{json}"
    );
    ask(address, path, &request)
}

fn ask(address: SocketAddr, path: &str, request: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME_MAX)?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    // One write: in pieces, a server that answers after the first would close with the rest unread.
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
    parse(&bytes).with_context(|| format!("no HTTP answer from {address}{path}"))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, head: text.to_owned(), body: bytes[head + 4..].to_vec() })
}

/// `N` loopback addresses on which nothing listens now.
pub(crate) fn free_addresses<const N: usize>() -> Result<[SocketAddr; N]> {
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    // All held at once, so that no two are the same.
    let mut held = Vec::new();
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        *address = listener.local_addr()?;
        held.push(listener);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_is_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut piece = [0; 512];
                let got = stream.read(&mut piece).unwrap();
                assert!(got > 0, "the client went away");
                head.extend_from_slice(&piece[..got]);
            }
            stream.write_all(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\nbody").unwrap();
            String::from_utf8(head).unwrap()
        });
        let answer = get(address, "/x").unwrap();
        assert_eq!(
            (answer.status, answer.header("x"), answer.body.as_slice()),
            (204, Some("y"), &b"body"[..])
        );
        assert!(server.join().unwrap().starts_with("GET /x HTTP/1.1\r\n"));
    }

    #[test]
    fn addresses_differ() {
        let [a, b, c] = free_addresses().unwrap();
        assert!(a != b && b != c && a != c);
    }
}
