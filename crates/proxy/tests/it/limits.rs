//! Sizes, numbers and times beyond which the proxy refuses.

use std::time::Duration;

use fw_model::Variant;
use fw_proxy::{Limits, Proxy, ProxySettings, Timeouts};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

async fn limited(limits: Limits, timeouts: Timeouts) -> (Raw, Proxy) {
    let upstream = Raw::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let settings = ProxySettings { limits, timeouts, ..settings() };
    let proxy = Proxy::start(settings, split(&upstream.url(), &upstream.url(), 0)).await.unwrap();
    (upstream, proxy)
}

#[tokio::test]
async fn heads_over_a_limit_have_their_own_answers() {
    let limits =
        Limits { header_bytes_max: 2000, header_count_max: 10, uri_bytes_max: 100, ..Limits::default() };
    let (upstream, proxy) = limited(limits, Timeouts::default()).await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a: b\r\n".repeat(10));
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "x".repeat(2000));
    let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}", "x".repeat(100_000));
    let cases = [
        (&long, "414 ", "uri_too_long"),
        (&many, "431 ", "header_too_large"),
        (&large, "431 ", "header_too_large"),
        (&endless, "431 ", "header_too_large"),
    ];
    for (text, status, code) in cases {
        let answer = raw(proxy.local_addr(), text.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains(&format!(r#""code":"{code}""#)), "{answer}");
    }
    assert_eq!(upstream.text(), "");
    let exactly = format!("GET /{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "x".repeat(99));
    assert!(raw(proxy.local_addr(), exactly.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn many_header_fields_pass_where_they_are_allowed() {
    let limits = Limits { header_count_max: 300, ..Limits::default() };
    let (_upstream, proxy) = limited(limits, Timeouts::default()).await;
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}\r\n", "a: b\r\n".repeat(298));
    assert!(raw(proxy.local_addr(), many.as_bytes()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_body_over_its_limit_is_413_with_and_without_a_length() {
    let limits = Limits { body_bytes_max: 1000, ..Limits::default() };
    let server = Server::start(|request| async move {
        let whole = http_body_util::BodyExt::collect(request.into_body()).await.is_ok();
        http::Response::new(full(if whole { "whole" } else { "cut" }))
    })
    .await;
    let settings = ProxySettings { limits, ..settings() };
    let proxy = Proxy::start(settings, split(&server.url(), &server.url(), 0)).await.unwrap();
    let known = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1001));
    let answer = raw(proxy.local_addr(), known.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
    assert_eq!(server.count(), 0, "its length was known: no upstream was asked");
    let chunk = format!("200\r\n{}\r\n", "x".repeat(0x200));
    let unknown =
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    let answer = raw(proxy.local_addr(), unknown.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(counts(&proxy, Variant::Stable).1, 0, "no error of the upstream");
    let mut client = Client::connect(proxy.local_addr()).await;
    let request = Request::post("/").header("host", "a").body(full(vec![b'x'; 1000])).unwrap();
    assert_eq!(client.ask(request).await.text(), "whole");
}

#[tokio::test]
async fn connections_over_the_limit_get_503() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let (_upstream, proxy) = limited(limits, Timeouts::default()).await;
    let mut first = Client::connect(proxy.local_addr()).await;
    let mut second = Client::connect(proxy.local_addr()).await;
    assert_eq!(first.get("/", &[]).await.status, 200);
    assert_eq!(second.get("/", &[]).await.status, 200);
    let answer = raw(proxy.local_addr(), b"").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_connections"), "{answer}");
    drop(first);
    until("a free place", || proxy.stats().connections == 1).await;
    assert_eq!(Client::connect(proxy.local_addr()).await.get("/", &[]).await.status, 200);
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_408() {
    let timeouts = Timeouts { header_read: Duration::from_millis(200), ..Timeouts::default() };
    let (upstream, proxy) = limited(Limits::default(), timeouts).await;
    let answer = raw(proxy.local_addr(), b"GET / HTTP/1.1\r\nHost: a\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    assert_eq!(raw(proxy.local_addr(), b"").await, "", "without a byte it is closed without a word");
    assert_eq!(raw(proxy.local_addr(), b"PRI * HT").await, "");
    assert_eq!(upstream.text(), "");
    // A drip does not help: the time runs from the first byte.
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    let began = std::time::Instant::now();
    let mut answer = Vec::new();
    loop {
        assert!(began.elapsed() < DEADLINE);
        if stream.write_all(b"G").await.is_err() {
            break;
        }
        let mut buf = [0; 512];
        match tokio::time::timeout(Duration::from_millis(20), stream.read(&mut buf)).await {
            Err(_) => {}
            Ok(Ok(n)) if n > 0 => answer.extend_from_slice(&buf[..n]),
            Ok(_) => break,
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let timeouts = Timeouts { idle_keep_alive: Duration::from_millis(200), ..Timeouts::default() };
    let (_upstream, proxy) = limited(Limits::default(), timeouts).await;
    let answer = raw(proxy.local_addr(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
}

#[tokio::test]
async fn an_upload_that_stands_still_ends_and_is_not_the_upstreams_fault() {
    let timeouts = Timeouts { body_idle: Duration::from_millis(200), ..Timeouts::default() };
    let hang = Raw::start(|mut conn| async move { while conn.read().await > 0 {} }).await;
    let settings = ProxySettings { timeouts, ..settings() };
    let proxy = Proxy::start(settings, split(&hang.url(), &hang.url(), 0)).await.unwrap();
    let _answer =
        raw(proxy.local_addr(), b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf").await;
    until("the abort", || counts(&proxy, Variant::Stable) == (0, 0, 1)).await;
}

#[tokio::test]
async fn idle_upstream_connections_are_closed() {
    let timeouts = Timeouts { idle_upstream: Duration::from_millis(100), ..Timeouts::default() };
    let (_upstream, proxy) = limited(Limits::default(), timeouts).await;
    Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    assert_eq!(proxy.stats().upstream_connects, 1);
    until("an empty pool", || proxy.stats().pool_idle == 0).await;
}

#[tokio::test]
async fn settings_out_of_range_are_refused() {
    let limits = Limits { header_bytes_max: 10, ..Limits::default() };
    let settings = ProxySettings { limits, ..settings() };
    let error = Proxy::start(settings, split("http://a", "http://b", 0)).await.unwrap_err();
    assert!(error.to_string().contains("header_bytes_max"), "{error}");
}
