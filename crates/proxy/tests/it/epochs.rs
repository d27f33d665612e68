//! Split changes: nothing is dropped, and an epoch is confirmed when it truly holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fw_model::{LogId, Variant};
use fw_proxy::Applied;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

#[tokio::test]
async fn two_hundred_changes_in_twenty_thousand_requests_fail_none() {
    const CLIENTS: u64 = 4;
    const EACH: u64 = 5_000;
    let (stable, canary) = (Server::saying("stable").await, Server::saying("canary").await);
    let mut split = split(&stable.url(), &canary.url(), 0);
    let proxy = Arc::new(proxy(split.clone()).await);
    let mut tasks = Vec::new();
    for _ in 0..CLIENTS {
        let addr = proxy.local_addr();
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(addr).await;
            for _ in 0..EACH {
                let answer = client.get("/", &[]).await;
                assert_eq!(answer.status, 200);
            }
        }));
    }
    let done = || stable.count() + canary.count();
    for change in 1..=200_u64 {
        // Spread over the whole run, whatever its speed.
        until("progress", || done() >= CLIENTS * EACH * change / 202).await;
        split = moved(&split, if change % 2 == 1 { 50_000 } else { 1_000 });
        assert_eq!(proxy.apply(split.clone()), Applied::Taken);
    }
    for task in tasks {
        task.await.unwrap();
    }
    let (on_stable, on_canary) = (counts(&proxy, Variant::Stable), counts(&proxy, Variant::Canary));
    assert_eq!((on_stable.1, on_canary.1, on_stable.0 + on_canary.0), (0, 0, CLIENTS * EACH));
    assert_eq!((on_stable.0, on_canary.0), (stable.count(), canary.count()));
    until("the last epoch", || proxy.report().confirmed_epoch == 201).await;
}

#[tokio::test]
async fn after_confirmation_not_one_request_reaches_the_canary() {
    let (stable, canary) = (Server::saying("stable").await, Server::saying("canary").await);
    let mut split = split(&stable.url(), &canary.url(), 50_000);
    let proxy = Arc::new(proxy(split.clone()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (addr, stop) = (proxy.local_addr(), Arc::clone(&stop));
        tasks.push(tokio::spawn(async move {
            let mut client = Client::connect(addr).await;
            while !stop.load(Ordering::SeqCst) {
                assert_eq!(client.get("/", &[]).await.status, 200);
            }
        }));
    }
    for _ in 0..20 {
        let before = canary.count();
        until("canary traffic", || canary.count() > before).await;
        split = moved(&split, 0);
        proxy.apply(split.clone());
        until("confirmation", || proxy.report().confirmed_epoch == split.epoch.0).await;
        // What was sent before may still be arriving at this very moment; the counts of the proxy are exact.
        let sent = || {
            let cells = proxy.report().cells;
            cells.iter().filter(|c| c.variant == Variant::Canary && c.epoch == split.epoch.0).count()
        };
        until("the answers to those in flight", || proxy.report().in_flight.canary.is_none()).await;
        let arrived = canary.count();
        let passed = stable.count();
        until("a hundred more requests", || stable.count() > passed + 100).await;
        assert_eq!((canary.count(), sent()), (arrived, 0));
        split = moved(&split, 50_000);
        proxy.apply(split.clone());
    }
    stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_request_in_flight_does_not_hold_a_confirmation_back_and_finishes() {
    let slow = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.read().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await;
    })
    .await;
    let stable = Server::saying("stable").await;
    let split = split(&stable.url(), &slow.url(), 100_000);
    let proxy = proxy(split.clone()).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    stream.write_all(head).await.unwrap();
    until("the request at the canary", || slow.text().contains("\r\n\r\n")).await;
    assert_eq!(proxy.apply(moved(&split, 0)), Applied::Taken);
    until("confirmation", || proxy.report().confirmed_epoch == 2).await;
    stream.write_all(b"go").await.unwrap();
    let mut answer = String::new();
    in_time("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    assert_eq!(counts(&proxy, Variant::Canary), (1, 0, 0));
}

/// A listener whose backlog is full: connecting to it hangs.
async fn unconnectable() -> (TcpListener, Vec<TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut held = Vec::new();
    let addr = listener.local_addr().unwrap();
    for _ in 0..8 {
        match tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(addr)).await {
            Ok(stream) => held.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    (listener, held)
}

#[tokio::test]
async fn a_request_not_yet_sent_holds_it_back_until_it_is_assigned_anew() {
    let (listener, _held) = unconnectable().await;
    let stable = Server::saying("stable").await;
    let split = split(&stable.url(), &format!("http://{}", listener.local_addr().unwrap()), 100_000);
    let mut settings = settings();
    settings.timeouts.connect = Duration::from_secs(2);
    let proxy = fw_proxy::Proxy::start(settings, split.clone()).await.unwrap();
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    until("the request to wait for a connection", || proxy.report().in_flight.canary.is_some()).await;
    proxy.apply(moved(&split, 0));
    let early = proxy.report();
    if early.in_flight.canary.is_some() {
        assert_eq!(early.confirmed_epoch, 1, "it could still be sent to the canary");
    }
    let mut answer = String::new();
    in_time("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("stable"), "{answer}");
    until("confirmation", || proxy.report().confirmed_epoch == 2).await;
    assert_eq!(counts(&proxy, Variant::Stable), (1, 0, 0), "assigned anew under the new epoch");
    drop(listener);
}

#[tokio::test]
async fn older_splits_are_ignored_and_another_log_begins_anew() {
    let server = Server::saying("x").await;
    let first = split(&server.url(), &server.url(), 0);
    let proxy = proxy(first.clone()).await;
    let second = moved(&first, 10);
    assert_eq!(proxy.apply(second.clone()), Applied::Taken);
    assert_eq!(proxy.apply(second.clone()), Applied::Unchanged);
    assert_eq!(proxy.apply(first.clone()), Applied::Older);
    assert_eq!(proxy.split(), second);
    let mut bad = moved(&second, 10);
    bad.canary_urls = vec!["http://x/path".into()];
    assert!(matches!(proxy.apply(bad), Applied::Refused(why) if why.contains("path")));
    Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    let before = proxy.report();
    assert_eq!(before.cells.len(), 1);
    let mut other = first.clone();
    other.log_id = LogId("another".into());
    assert_eq!(proxy.apply(other), Applied::OtherLog);
    until("its first epoch", || proxy.report().confirmed_epoch == 1).await;
    let after = proxy.report();
    assert!(after.cells.is_empty() && after.source.id != before.source.id);
}

#[tokio::test]
async fn a_port_in_use_is_refused_with_what_to_do() {
    let server = Server::saying("x").await;
    let first = proxy(split(&server.url(), &server.url(), 0)).await;
    let mut settings = settings();
    settings.listen = first.local_addr();
    let error = fw_proxy::Proxy::start(settings, split(&server.url(), &server.url(), 0)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&first.local_addr().to_string()) && text.contains("another process"), "{text}");
}

#[tokio::test]
async fn shutdown_finishes_what_is_in_flight_and_closes_the_rest() {
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let server = Server::start(move |_| {
        let gate = Arc::clone(&opened);
        async move {
            gate.notified().await;
            http::Response::new(full("finished"))
        }
    })
    .await;
    let proxy = Arc::new(proxy(split(&server.url(), &server.url(), 0)).await);
    let addr = proxy.local_addr();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    let mut busy = TcpStream::connect(addr).await.unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until("the request at the upstream", || server.count() == 1).await;
    until("both connections", || proxy.stats().connections == 2).await;
    let stopping = Arc::clone(&proxy);
    let shutdown = tokio::spawn(async move { stopping.shutdown(DEADLINE).await });
    let mut buf = Vec::new();
    in_time("the idle connection to close", idle.read_to_end(&mut buf)).await.unwrap();
    let began = std::time::Instant::now();
    while TcpStream::connect(addr).await.is_ok() {
        assert!(began.elapsed() < DEADLINE, "it still accepts");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!shutdown.is_finished());
    gate.notify_waiters();
    let mut answer = String::new();
    in_time("the answer", busy.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("finished"), "{answer}");
    let drained = in_time("shutdown", shutdown).await.unwrap();
    assert_eq!((drained.finished, drained.aborted), (2, 0));
    assert_eq!(counts(&proxy, Variant::Stable), (1, 0, 0));
}

#[tokio::test]
async fn what_outlives_the_grace_is_cut_off_and_counted() {
    let hang = Raw::start(|mut conn| async move { while conn.read().await > 0 {} }).await;
    let proxy = proxy(split(&hang.url(), &hang.url(), 0)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until("the request at the upstream", || !hang.text().is_empty()).await;
    let drained = in_time("shutdown", proxy.shutdown(Duration::from_millis(100))).await;
    assert_eq!((drained.finished, drained.aborted), (0, 1));
    let mut buf = Vec::new();
    let _ = in_time("the end", stream.read_to_end(&mut buf)).await;
    assert!(buf.is_empty());
}

#[tokio::test]
async fn dropping_the_handle_frees_the_port() {
    let server = Server::saying("x").await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    let addr = proxy.local_addr();
    drop(proxy);
    until("the port", || std::net::TcpListener::bind(addr).is_ok()).await;
}
