//! HTTP/1.1 by our own hand: keep-alive, pipelining, bodies of every framing, clients that are slow or leave.

use std::time::Duration;

use fw_model::Variant;
use fw_proxy::{Proxy, ProxySettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

async fn before(answer: &'static [u8]) -> (Raw, Proxy) {
    let upstream = Raw::answering(answer).await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    (upstream, proxy)
}

/// Reads until the text ends so.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let mut buf = [0; 4096];
        let n = in_time("bytes", stream.read(&mut buf)).await.unwrap();
        assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buf[..n]);
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn an_http_1_0_client_may_ask_to_stay() {
    let (_upstream, proxy) = before(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").await.unwrap();
        let answer = read_until(&mut stream, "\r\n\r\nok").await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
        assert!(answer.contains("connection: keep-alive\r\n"), "{answer}");
    }
    let answer = raw(proxy.local_addr(), b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("ok"), "{answer}");
}

#[tokio::test]
async fn a_body_until_the_end_of_the_connection_is_sent_in_chunks() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\n\r\nall of it").await;
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = read_until(&mut stream, "\r\n0\r\n\r\n").await;
        assert!(answer.contains("transfer-encoding: chunked\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n9\r\nall of it\r\n0\r\n\r\n"), "{answer}");
    }
    assert_eq!(counts(&proxy, Variant::Stable), (2, 0, 0));
    assert_eq!(proxy.stats().bytes_out[0], 18);
}

#[tokio::test]
async fn chunks_pass_as_they_stand_and_their_data_is_counted() {
    let (_upstream, proxy) =
        before(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n")
            .await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let answer = read_until(&mut stream, "x-t: 1\r\n\r\n").await;
        assert!(answer.ends_with("\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n"), "{answer}");
    }
    assert_eq!(proxy.stats().bytes_out[0], 10);
    assert_eq!(proxy.stats().upstream_connects, 1, "the connection was kept");
}

#[tokio::test]
async fn an_upload_in_chunks_arrives_in_chunks_with_its_trailers_and_nothing_else() {
    let upstream = Raw::start(|mut conn| async move {
        while !conn.all().ends_with("X-Sum: 9\r\n\r\n") && conn.read().await > 0 {}
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
        3;ext=1\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n";
    let answer = raw(proxy.local_addr(), text).await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let got = upstream.text();
    let (_, body) = got.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n");
    assert_eq!(proxy.stats().bytes_in[0], 3);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_one_at_a_time() {
    let upstream = Raw::start(|mut conn| async move {
        while let Some(head) = conn.head().await {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len());
            conn.send(answer.as_bytes()).await;
        }
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text: String = (0..200).map(|i| format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "\r\n\r\n/199").await;
    let bodies: Vec<&str> = answer
        .split("HTTP/1.1 200 OK\r\n")
        .skip(1)
        .map(|part| part.split_once("\r\n\r\n").unwrap().1)
        .collect();
    assert_eq!(bodies, (0..200).map(|i| format!("/{i}")).collect::<Vec<_>>());
    assert_eq!(proxy.stats().upstream_connects, 1);
}

#[tokio::test]
async fn a_client_that_stops_reading_costs_one_buffer_and_is_let_go_at_last() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n").await;
        let piece = vec![b'x'; 1 << 16];
        while conn.stream.write_all(&piece).await.is_ok() {}
    })
    .await;
    let mut settings = settings();
    settings.timeouts.body_idle = Duration::from_millis(300);
    let proxy = Proxy::start(settings, split(&upstream.url(), &upstream.url(), 0)).await.unwrap();
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // Its own doing, and no error of the upstream.
    until("the client to be let go", || counts(&proxy, Variant::Stable) == (1, 0, 1)).await;
    until("its connection to end", || proxy.stats().connections == 0).await;
}

#[tokio::test]
async fn after_an_early_answer_the_rest_of_the_upload_is_not_taken_for_a_request() {
    let (upstream, proxy) = before(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nbegin").await.unwrap();
    read_until(&mut stream, "\r\n\r\nno").await;
    // It may be told apart from a request only by its place.
    let _ = stream.write_all(b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut rest = Vec::new();
    let _ = in_time("the end", stream.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"");
    assert!(!upstream.text().contains("\r\n\r\nGET /hidden"), "{}", upstream.text());
    assert_eq!(counts(&proxy, Variant::Stable).0, 1);
}

#[tokio::test]
async fn a_large_head_passes_both_ways() {
    let value = "v".repeat(60_000);
    let told = value.clone();
    let server = Server::start(move |request| {
        let same = request.headers()["x-large"] == told.as_str();
        let answer = http::Response::builder().header("x-large", told.as_str());
        async move { answer.body(full(if same { "same" } else { "other" })).unwrap() }
    })
    .await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Large: {value}\r\nConnection: close\r\n\r\n");
    let answer = raw(proxy.local_addr(), text.as_bytes()).await;
    assert!(answer.contains(&format!("x-large: {value}\r\n")) && answer.ends_with("\r\n\r\nsame"));
}

#[tokio::test]
async fn an_answer_that_contradicts_itself_is_not_passed_on() {
    for fields in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "content-length: 2\r\nbad name: x\r\n",
    ] {
        let upstream = Raw::start(move |mut conn| async move {
            conn.head().await;
            conn.send(format!("HTTP/1.1 200 OK\r\n{fields}\r\nok").as_bytes()).await;
        })
        .await;
        let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
        let answer = raw(proxy.local_addr(), b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{fields:?}: {answer}");
        assert_eq!(counts(&proxy, Variant::Stable), (1, 1, 0));
    }
}

#[tokio::test]
async fn what_follows_an_answer_unasked_is_given_to_nobody() {
    let upstream = Raw::start(|mut conn| async move {
        while conn.head().await.is_some() {
            conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
                .await;
        }
    })
    .await;
    let settings = ProxySettings { workers: Some(1), ..settings() };
    let proxy = Proxy::start(settings, split(&upstream.url(), &upstream.url(), 0)).await.unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..5 {
        assert_eq!(client.get("/", &[]).await.text(), "ok");
    }
    assert_eq!(proxy.stats().upstream_connects, 5);
}
