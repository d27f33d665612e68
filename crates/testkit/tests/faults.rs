//! The proxy passes bytes, or breaks connections exactly as told.
#![allow(clippy::unwrap_used)] // a test may fail

mod common;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use common::{DEADLINE, serve};
use fw_testkit::{Client, Failure, Fault, FaultProxy, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long nothing must happen to count as nothing. A slow machine cannot make this fail.
const SILENCE: Duration = Duration::from_millis(100);

const PING: &[u8] = b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n";

/// A raw connection through a proxy to a server that answers.
async fn through() -> (common::Server, FaultProxy, TcpStream) {
    let server = serve(None).await;
    let proxy = FaultProxy::start(server.addr).await.unwrap();
    let stream = TcpStream::connect(proxy.addr()).await.unwrap();
    (server, proxy, stream)
}

async fn ping(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.write_all(PING).await?;
    pong(stream).await
}

/// Reads one answer; an end before it is an error.
async fn pong(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"/ping") {
        text.push(timeout(DEADLINE, stream.read_u8()).await.expect("no answer")?);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn without_a_fault_bytes_pass() {
    let (_server, proxy, mut stream) = through().await;
    for _ in 0..3 {
        assert!(ping(&mut stream).await.unwrap().starts_with("HTTP/1.1 200"));
    }
    let mut client = Client::new(proxy.addr());
    let long = format!("/{}", "x".repeat(50_000));
    assert_eq!(client.get(&long).await.unwrap().text(), long);
}

#[tokio::test]
async fn a_delay_holds_each_way() {
    let (_server, proxy, mut stream) = through().await;
    proxy.set(Fault::Delay(Duration::from_millis(40)));
    let began = Instant::now();
    ping(&mut stream).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn frozen_bytes_pass_after_the_thaw() {
    let (_server, proxy, mut stream) = through().await;
    ping(&mut stream).await.unwrap();
    proxy.set(Fault::Freeze);
    stream.write_all(PING).await.unwrap();
    assert!(is_silent(&mut stream).await);
    // A new connection is accepted, and waits as well.
    let mut second = TcpStream::connect(proxy.addr()).await.unwrap();
    second.write_all(PING).await.unwrap();
    assert!(is_silent(&mut second).await);
    proxy.set(Fault::None);
    pong(&mut stream).await.unwrap();
    pong(&mut second).await.unwrap();
}

#[tokio::test]
async fn swallowed_bytes_are_lost() {
    let (_server, proxy, mut stream) = through().await;
    ping(&mut stream).await.unwrap();
    proxy.set(Fault::Swallow);
    stream.write_all(PING).await.unwrap();
    assert!(is_silent(&mut stream).await);
    proxy.set(Fault::None);
    assert!(is_silent(&mut stream).await);
    ping(&mut stream).await.unwrap();
}

#[tokio::test]
async fn a_half_close_ends_the_answers_only() {
    let (_server, proxy, mut stream) = through().await;
    ping(&mut stream).await.unwrap();
    proxy.set(Fault::HalfClose);
    let end = timeout(DEADLINE, stream.read(&mut [0; 9])).await.expect("no end came").unwrap();
    assert_eq!(end, 0);
    // This way still works: a reset would show up here, after the first write's answer.
    for _ in 0..3 {
        stream.write_all(PING).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_close_is_orderly_and_a_reset_is_not() {
    let (_server, proxy, mut stream) = through().await;
    ping(&mut stream).await.unwrap();
    proxy.set(Fault::Close);
    assert_eq!(timeout(DEADLINE, stream.read(&mut [0; 9])).await.unwrap().unwrap(), 0);
    proxy.set(Fault::None);
    let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
    ping(&mut stream).await.unwrap();
    proxy.set(Fault::Reset);
    let error = timeout(DEADLINE, stream.read(&mut [0; 9])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // New ones too.
    assert!(matches!(
        Client::new(proxy.addr()).get("/").await,
        Err(Failure::Broken(_) | Failure::Connect(_))
    ));
}

#[tokio::test]
async fn a_missing_upstream_is_a_reset() {
    let nobody = format!("127.0.0.1:{}", free_port().unwrap()).parse().unwrap();
    let proxy = FaultProxy::start(nobody).await.unwrap();
    let outcome = Client::new(proxy.addr()).get("/").await;
    assert!(matches!(outcome, Err(Failure::Broken(_) | Failure::Connect(_))), "{outcome:?}");
}

#[tokio::test]
async fn dropping_the_proxy_ends_its_connections() {
    let (_server, proxy, mut stream) = through().await;
    ping(&mut stream).await.unwrap();
    drop(proxy);
    let end = timeout(DEADLINE, stream.read(&mut [0; 9])).await.expect("no end came");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}
