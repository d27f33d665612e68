//! Upstreams that are down, die, or do not answer.

use std::time::Duration;

use fw_model::Variant;
use fw_proxy::{Proxy, ProxySettings};
use http::Request;
use tokio::net::TcpListener;

use crate::support::*;

/// An address nobody listens on.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_canary_that_is_down_costs_no_request_and_counts_as_its_error() {
    let stable = Server::start(|request| async move {
        let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
        http::Response::new(full(format!("stable {}", body.len())))
    })
    .await;
    let proxy = proxy(split(&stable.url(), &nobody().await, 100_000)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for i in 0..50_usize {
        let request = Request::post("/").header("host", "a").body(full(vec![b'x'; i + 1])).unwrap();
        let answer = client.ask(request).await;
        assert_eq!((answer.status, answer.text()), (200, format!("stable {}", i + 1).as_str()));
    }
    assert_eq!(counts(&proxy, Variant::Canary), (50, 50, 0));
    assert_eq!(counts(&proxy, Variant::Stable), (0, 0, 0), "they are not counted twice");
}

#[tokio::test]
async fn it_is_used_again_when_it_is_back() {
    let stable = Server::saying("stable").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let proxy = proxy(split(&stable.url(), &format!("http://{addr}"), 100_000)).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    assert_eq!(client.get("/", &[]).await.text(), "stable");
    let _canary = Server::start_on(TcpListener::bind(addr).await.unwrap(), |_| async move {
        http::Response::new(full("canary"))
    });
    let began = std::time::Instant::now();
    while client.get("/", &[]).await.text() != "canary" {
        assert!(began.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_instance_down_is_no_error_of_its_variant() {
    let server = Server::saying("up").await;
    let mut split = split(&server.url(), &nobody().await, 100_000);
    split.canary_urls.push(server.url());
    let proxy = proxy(split).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..20 {
        assert_eq!(client.get("/", &[]).await.text(), "up");
    }
    assert_eq!(counts(&proxy, Variant::Canary), (20, 0, 0));
}

#[tokio::test]
async fn a_stable_that_is_down_is_a_502_and_an_error() {
    let url = nobody().await;
    let proxy = proxy(split(&url, &url, 0)).await;
    let answer = Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    assert_eq!((answer.status, answer.header("content-type")), (502, "application/problem+json"));
    assert!(answer.text().contains(r#""code":"upstream_unreachable""#));
    assert_eq!(counts(&proxy, Variant::Stable), (1, 1, 0));
}

/// Answers one request a connection, keeps it open, and drops it when the second request comes.
async fn one_answer_a_connection() -> Raw {
    Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        conn.head().await;
    })
    .await
}

#[tokio::test]
async fn a_keep_alive_that_died_is_tried_again_once() {
    let upstream = one_answer_a_connection().await;
    let proxy = Proxy::start(
        ProxySettings { workers: Some(1), ..settings() },
        split(&upstream.url(), &upstream.url(), 0),
    )
    .await
    .unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..10 {
        assert_eq!(client.get("/", &[]).await.text(), "ok");
    }
    assert_eq!(counts(&proxy, Variant::Stable), (10, 0, 0));
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let upstream = one_answer_a_connection().await;
    let proxy = Proxy::start(
        ProxySettings { workers: Some(1), ..settings() },
        split(&upstream.url(), &upstream.url(), 0),
    )
    .await
    .unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    assert_eq!(client.get("/", &[]).await.text(), "ok");
    let request = Request::post("/once").header("host", "a").body(full("x")).unwrap();
    let answer = client.ask(request).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains(r#""code":"upstream_closed""#));
    assert_eq!(upstream.text().matches("POST /once").count(), 1);
    assert_eq!(counts(&proxy, Variant::Stable), (2, 1, 0));
}

#[tokio::test]
async fn connections_an_upstream_closed_while_idle_are_not_used() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let proxy = Proxy::start(
        ProxySettings { workers: Some(1), ..settings() },
        split(&upstream.url(), &upstream.url(), 0),
    )
    .await
    .unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..10 {
        let request = Request::post("/").header("host", "a").body(full("x")).unwrap();
        assert_eq!(client.ask(request).await.status, 200);
        // Long enough for the end of the connection to arrive; a POST would not be tried again.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_a_504_and_an_error() {
    let hang = Raw::start(|mut conn| async move { while conn.read().await > 0 {} }).await;
    let mut settings = settings();
    settings.timeouts.response_head = Duration::from_millis(200);
    let proxy = Proxy::start(settings, split(&hang.url(), &hang.url(), 100_000)).await.unwrap();
    let answer = Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    assert_eq!(answer.status, 504);
    assert!(answer.text().contains(r#""code":"upstream_timeout""#));
    assert_eq!(counts(&proxy, Variant::Canary), (1, 1, 0));
}

#[tokio::test]
async fn an_upstream_whose_body_stands_still_is_an_error() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
        while conn.read().await > 0 {}
    })
    .await;
    let mut settings = settings();
    settings.timeouts.body_idle = Duration::from_millis(200);
    let proxy = Proxy::start(settings, split(&upstream.url(), &upstream.url(), 100_000)).await.unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    let response = in_time("the head", client.send(get("/", &[]))).await.unwrap();
    assert!(in_time("the end", read(response)).await.is_err());
    assert_eq!(counts(&proxy, Variant::Canary), (1, 1, 0));
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_an_error() {
    let upstream = Raw::answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let answer = Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    assert_eq!(answer.status, 502);
    assert_eq!(counts(&proxy, Variant::Stable), (1, 1, 0));
}

#[tokio::test]
async fn an_early_answer_to_an_upload_reaches_the_client() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nnope").await;
        while conn.read().await > 0 {}
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 0)).await;
    let text = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nbegin";
    let mut stream = tokio::net::TcpStream::connect(proxy.local_addr()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, text).await.unwrap();
    let mut answer = vec![0; 512];
    let mut read = 0;
    while !answer[..read].ends_with(b"nope") {
        let n = in_time("the answer", tokio::io::AsyncReadExt::read(&mut stream, &mut answer[read..])).await;
        let n = n.unwrap();
        assert!(n > 0, "closed too early");
        read += n;
    }
    assert!(answer.starts_with(b"HTTP/1.1 401 "));
}
