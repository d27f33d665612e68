//! Ambiguous requests get 400 and not one byte of them reaches an upstream.

use fw_proxy::Proxy;

use crate::support::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn both() -> (Raw, Proxy) {
    let upstream = Raw::answering(OK).await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    (upstream, proxy)
}

/// Everything that could be read in two ways, each a whole request.
const AMBIGUOUS: &[(&str, &str)] = &[
    (
        "both lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "both, other order",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "differing lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    ),
    ("repeated lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ("a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello"),
    ("a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello"),
    ("a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello"),
    ("a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello"),
    (
        "an overflowing length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
    ),
    ("an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    ("a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
    ("a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    ("space before the colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello"),
    ("space before TE's colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n"),
    ("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    ("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    ("bare CR in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n"),
    ("NUL in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"),
    ("NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
    ("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a control character", "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{1b}c\r\n\r\n"),
    ("DEL", "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{7f}c\r\n\r\n"),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("two equal Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("no Host", "GET / HTTP/1.1\r\n\r\n"),
    ("a list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    ("a path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ("another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    (
        "a coding before chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    ("xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
    (
        "vertical tab before chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
    ),
    ("chunked in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("target and Host differ", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
    ("version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    ("lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n"),
    ("no version", "GET /\r\n\r\n"),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("tab for space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
    ("no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    ("a space in a name", "GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n"),
    ("space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("not ASCII in the target", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"),
];

#[tokio::test]
async fn an_ambiguous_request_is_refused_and_no_byte_of_it_goes_on() {
    let (upstream, proxy) = both().await;
    for (what, text) in AMBIGUOUS {
        let answer = raw(proxy.local_addr(), text.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{what}: {answer}");
        assert!(answer.contains(r#""code":"ambiguous_request""#), "{what}: {answer}");
        assert_eq!(upstream.text(), "", "{what}");
    }
    let refused = proxy.stats().refused.iter().find(|(code, _)| *code == "ambiguous_request").unwrap().1;
    assert_eq!(refused, AMBIGUOUS.len() as u64);
    assert_eq!(counts(&proxy, fw_model::Variant::Stable), (0, 0, 0));
}

#[tokio::test]
async fn so_is_one_that_comes_byte_by_byte() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (upstream, proxy) = both().await;
    for (what, text) in AMBIGUOUS.iter().take(20) {
        let mut stream = tokio::net::TcpStream::connect(proxy.local_addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in text.as_bytes().chunks(3) {
            // The refusal may come before the last byte.
            if stream.write_all(byte).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        let _ = in_time(what, stream.read_to_end(&mut answer)).await;
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{what}: {}", String::from_utf8_lossy(&answer));
        assert_eq!(upstream.text(), "", "{what}");
    }
}

#[tokio::test]
async fn a_sound_request_before_it_is_answered_and_only_that_goes_on() {
    let (upstream, proxy) = both().await;
    for (what, text) in AMBIGUOUS {
        upstream.got.lock().unwrap().clear();
        let pipelined = format!("GET /first HTTP/1.1\r\nHost: a\r\n\r\n{text}");
        let answer = raw(proxy.local_addr(), pipelined.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 400 ").count(), 1, "{what}: {answer}");
        let got = upstream.text();
        assert!(got.starts_with("GET /first HTTP/1.1\r\n"), "{what}: {got}");
        assert_eq!(got.matches("HTTP/1.1").count(), 1, "{what}: {got}");
    }
}

#[tokio::test]
async fn a_request_hidden_in_a_body_stays_in_the_body() {
    let upstream = Raw::start(|mut conn| async move {
        while conn.head().await.is_some() {
            conn.send(OK).await;
        }
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let text = format!(
        "POST /outer HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{hidden}",
        hidden.len()
    );
    let answer = raw(proxy.local_addr(), text.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
    assert_eq!(counts(&proxy, fw_model::Variant::Stable).0, 1);
}

#[tokio::test]
async fn malformed_chunks_end_the_request_on_both_sides() {
    let bad = [
        "x\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "0\r\nA B: c\r\n\r\n",
    ];
    for text in bad {
        let upstream = Raw::start(|mut conn| async move { while conn.read().await > 0 {} }).await;
        let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{text}");
        let answer = raw(proxy.local_addr(), text.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{text:?}: {answer}");
        // The upstream never saw the end of that body.
        assert!(!upstream.text().contains("\r\n0\r\n\r\n"), "{text:?}: {}", upstream.text());
        assert_eq!(counts(&proxy, fw_model::Variant::Stable).1, 0, "no error of the upstream");
    }
}

#[tokio::test]
async fn sound_requests_pass_however_they_are_cut() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let upstream = Server::start(|request| async move {
        let (parts, body) = request.into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        http::Response::new(full(format!("{} {}", parts.uri, String::from_utf8_lossy(&body))))
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
        POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n\
        GET http://a/d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    for piece in [1, 2, 3, 5, 7, 11, 23, 50, 1000] {
        let mut stream = tokio::net::TcpStream::connect(proxy.local_addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for bytes in text.chunks(piece) {
            stream.write_all(bytes).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_micros(200)).await;
        }
        let mut answer = Vec::new();
        in_time("four answers", stream.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let places: Vec<Option<usize>> =
            ["/a ", "/b hello", "/c abcde", "/d "].iter().map(|body| answer.find(body)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{piece}: {answer}");
    }
}
