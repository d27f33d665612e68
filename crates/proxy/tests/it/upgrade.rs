//! WebSocket and other upgrades.

use std::time::Duration;

use fw_model::Variant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

const ASK: &[u8] = b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
const YES: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";

/// Says yes with its first bytes in the same packet, then echoes.
async fn echo() -> Raw {
    Raw::start(|mut conn| async move {
        let head = conn.head().await.unwrap();
        assert!(
            head.contains("upgrade: websocket\r\n") && head.contains("connection: upgrade\r\n"),
            "{head}"
        );
        assert!(head.contains("sec-websocket-key: x\r\n"), "{head}");
        conn.send(YES).await;
        let mut buf = [0; 4096];
        while let Ok(n) = conn.stream.read(&mut buf).await {
            if n == 0 {
                break;
            }
            conn.send(&buf[..n]).await;
        }
    })
    .await
}

async fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut got = Vec::new();
    while !got.ends_with(end) {
        let mut buf = [0; 4096];
        let n = in_time("bytes", stream.read(&mut buf)).await.unwrap();
        assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buf[..n]);
    }
    got
}

#[tokio::test]
async fn an_upgraded_connection_is_a_tunnel_both_ways() {
    let upstream = echo().await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 100_000)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    // Bytes a hasty client sends along must not be taken for a request.
    stream.write_all(&[ASK, b"\x81\x05hasty\n\n"].concat()).await.unwrap();
    let got = read_until(&mut stream, b"hasty\n\n").await;
    let text = String::from_utf8_lossy(&got);
    assert!(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{text}");
    assert!(text.contains("upgrade: websocket\r\n") && text.contains("connection: upgrade\r\n"), "{text}");
    assert!(text.contains("\r\n\r\nhello"), "{text}");
    for i in 0..100_u8 {
        let message = [i, 0, b'\n', i];
        stream.write_all(&message).await.unwrap();
        read_until(&mut stream, &message).await;
    }
    let report = proxy.report();
    assert_eq!((report.cells[0].requests, report.cells[0].errors), (1, 0));
    assert!(report.cells[0].duration_ms.is_none(), "upgraded connections have no response time");
    assert!(report.in_flight.canary.is_none());
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    in_time("the end", stream.read_to_end(&mut rest)).await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_says_no_leaves_the_connection_http() {
    let upstream = Raw::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno").await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = [ASK, b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"].concat();
    let answer = raw(proxy.local_addr(), &text).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert_eq!(counts(&proxy, Variant::Stable), (2, 0, 0));
}

#[tokio::test]
async fn a_hidden_request_behind_an_upgrade_is_not_passed_on_early() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        // Nothing more must come while this answer is awaited.
        tokio::time::sleep(Duration::from_millis(100)).await;
        conn.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno").await;
        while conn.read().await > 0 {}
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = [ASK, b"GET /admin HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"].concat();
    let answer = raw(proxy.local_addr(), &text).await;
    assert_eq!(answer.matches("HTTP/1.1 400 ").count(), 2, "{answer}");
    assert!(!upstream.text().contains("/admin"), "{}", upstream.text());
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_not_taken_up() {
    let upstream = Raw::answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n";
    let answer = raw(proxy.local_addr(), text).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let got = upstream.text();
    assert!(!got.contains("upgrade") && !got.contains("http2-settings"), "{got}");
}

#[tokio::test]
async fn a_101_nobody_asked_for_is_an_error() {
    let upstream = Raw::answering(YES).await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let answer = Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    assert_eq!(answer.status, 502);
    assert_eq!(counts(&proxy, Variant::Stable), (1, 1, 0));
}

#[tokio::test]
async fn a_tunnel_on_which_nobody_speaks_is_closed() {
    let upstream = echo().await;
    let mut settings = settings();
    settings.timeouts.upgrade_idle = Duration::from_millis(300);
    let proxy = fw_proxy::Proxy::start(settings, split(&upstream.url(), &upstream.url(), 0)).await.unwrap();
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    let mut got = Vec::new();
    in_time("the end", stream.read_to_end(&mut got)).await.unwrap();
    assert!(got.ends_with(b"hello"));
}
