//! What is counted, where, and as what.

use std::time::Duration;

use fw_model::split::{ErrorRule, Stickiness};
use fw_model::{CellKey, Counts, Variant};
use fw_proxy::Proxy;
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

fn cell(proxy: &Proxy, variant: Variant) -> Counts {
    let cells = proxy.report().checked_cells().unwrap();
    cells
        .into_iter()
        .find(|(CellKey { variant: v, .. }, _)| *v == variant)
        .map(|(_, c)| c)
        .unwrap_or_default()
}

#[tokio::test]
async fn statuses_latency_and_apdex_land_in_the_cell_of_their_version() {
    let canary = Server::start(|request| async move {
        let path = request.uri().path().to_owned();
        if path == "/slow" {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let status = path.trim_start_matches('/').parse::<u16>().unwrap_or(200);
        Response::builder().status(status).body(full("12345")).unwrap()
    })
    .await;
    let mut split = split(&canary.url(), &canary.url(), 100_000);
    split.apdex_target_ms = 150.0;
    let proxy = proxy(split).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for path in ["/200", "/201", "/301", "/404", "/429", "/500", "/503", "/599", "/slow"] {
        client.get(path, &[]).await;
    }
    let counts = cell(&proxy, Variant::Canary);
    assert_eq!((counts.requests, counts.errors, counts.client_errors), (9, 3, 2));
    assert_eq!(counts.duration.histogram.total(), 9);
    assert!(counts.duration.histogram.above_ms(299.0) >= 1);
    assert!(counts.duration.sum_ms >= 300.0 && counts.duration.sum_squares >= 90_000.0);
    // The slow one is tolerable (150 to 600 ms) unless this machine was very slow indeed.
    assert!(counts.apdex.satisfied + counts.apdex.tolerating <= 6 && counts.apdex.satisfied <= 5);
    assert_eq!(proxy.stats().bytes_out, [0, 45]);
    assert_eq!(cell(&proxy, Variant::Stable), Counts::default());
}

#[tokio::test]
async fn the_plan_says_what_an_error_is() {
    let server = Server::status(404).await;
    let mut split = split(&server.url(), &server.url(), 0);
    split.errors = ErrorRule { http: vec![(404, 404)], ..ErrorRule::default() };
    let proxy = proxy(split).await;
    Client::connect(proxy.local_addr()).await.get("/", &[]).await;
    assert_eq!(counts(&proxy, Variant::Stable), (1, 1, 0));
}

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_the_client_sees_it() {
    let short: [(&str, &[u8]); 2] = [
        ("length", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        ("chunks", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    ];
    for (what, bytes) in short {
        let upstream = Raw::start(move |mut conn| async move {
            conn.head().await;
            conn.send(bytes).await;
        })
        .await;
        let proxy = proxy(split(&upstream.url(), &upstream.url(), 100_000)).await;
        let mut client = Client::connect(proxy.local_addr()).await;
        // The connection breaks before or after the head, whichever came first.
        if let Ok(response) = in_time(what, client.send(get("/", &[]))).await {
            let whole = in_time(what, read(response)).await.is_ok();
            assert!(!whole, "{what}: the client must not take it for whole");
        }
        until(what, || counts(&proxy, Variant::Canary) == (1, 1, 0)).await;
    }
}

#[tokio::test]
async fn a_client_that_gives_up_is_no_error() {
    let hang = Raw::start(|mut conn| async move { while conn.read().await > 0 {} }).await;
    let proxy = proxy(split(&hang.url(), &hang.url(), 100_000)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    until("the request at the upstream", || !hang.text().is_empty()).await;
    drop(stream);
    until("the abort", || counts(&proxy, Variant::Canary) == (0, 0, 1)).await;
    assert!(proxy.report().in_flight.canary.is_none());
}

#[tokio::test]
async fn a_client_that_leaves_during_the_body_is_no_error() {
    let upstream = Raw::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbegin").await;
        while conn.read().await > 0 {}
    })
    .await;
    let proxy = proxy(split(&upstream.url(), &upstream.url(), 100_000)).await;
    let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut buf = [0; 1024];
    in_time("the beginning", stream.read(&mut buf)).await.unwrap();
    drop(stream);
    until("the abort", || counts(&proxy, Variant::Canary) == (1, 0, 1)).await;
}

#[tokio::test]
async fn errors_of_one_key_repeat_and_others_do_not() {
    let server = Server::status(500).await;
    let mut split = split(&server.url(), &server.url(), 100_000);
    split.stickiness = Stickiness::Header("x-user".into());
    let proxy = proxy(split).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..5 {
        client.get("/", &[("x-user", "unlucky")]).await;
    }
    client.get("/", &[("x-user", "other")]).await;
    let counts = cell(&proxy, Variant::Canary);
    assert_eq!((counts.errors, counts.repeat_errors), (6, 4));
}

#[tokio::test]
async fn batches_of_twenty_are_kept_for_each_instance() {
    let server = Server::start(|request| async move {
        let status = if request.uri() == "/bad" { 500 } else { 200 };
        Response::builder().status(status).body(empty()).unwrap()
    })
    .await;
    let proxy = fw_proxy::Proxy::start(
        fw_proxy::ProxySettings { workers: Some(1), ..settings() },
        split(&server.url(), &server.url(), 0),
    )
    .await
    .unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    for i in 0..60 {
        client.get(if i == 30 { "/bad" } else { "/" }, &[]).await;
    }
    let batches = cell(&proxy, Variant::Stable).batches;
    assert_eq!((batches.size, batches.total, batches.bad), (20, 3, 1));
}

#[tokio::test]
async fn a_hang_shows_by_its_age_before_any_time_out() {
    let hang = Raw::start(|mut conn| async move { while conn.read().await > 0 {} }).await;
    let stable = Server::saying("stable").await;
    let proxy = proxy(split(&stable.url(), &hang.url(), 100_000)).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(proxy.local_addr()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        waiting.push(stream);
    }
    let older_than = |ms: f64| {
        let ages = proxy.report().in_flight;
        assert!(ages.stable.is_none());
        ages.histogram(Variant::Canary).unwrap().above_ms(ms)
    };
    until("three requests older than 200 ms", || older_than(200.0) == 3).await;
    assert_eq!(counts(&proxy, Variant::Canary), (0, 0, 0), "nothing has an outcome yet");
    drop(waiting);
    until("nobody waits", || proxy.report().in_flight.canary.is_none()).await;
}

#[tokio::test]
async fn reports_are_cumulative_and_forgotten_epochs_leave() {
    let server = Server::saying("x").await;
    let first = split(&server.url(), &server.url(), 0);
    let proxy = proxy(first.clone()).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    client.get("/", &[]).await;
    let (a, b) = (proxy.report(), proxy.report());
    assert!(b.seq > a.seq);
    assert_eq!((a.source.id.clone(), a.cells), (b.source.id, b.cells));
    proxy.apply(moved(&first, 0));
    until("the epoch", || proxy.report().confirmed_epoch == 2).await;
    client.get("/", &[]).await;
    let epochs = || proxy.report().cells.iter().map(|cell| cell.epoch).collect::<Vec<_>>();
    assert_eq!(epochs(), [1, 2]);
    proxy.forget(&[1, 2]);
    assert_eq!(epochs(), [2], "the epoch in force is never forgotten");
}

#[tokio::test]
async fn a_burst_of_errors_rings_at_once() {
    let server = Server::status(500).await;
    let proxy = proxy(split(&server.url(), &server.url(), 0)).await;
    until("the first epoch", || proxy.report().confirmed_epoch == 1).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..2 {
        client.get("/", &[]).await;
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(100), proxy.burst()).await.is_err(),
        "two are no burst"
    );
    client.get("/", &[]).await;
    in_time("the bell", proxy.burst()).await;
    proxy.report();
    assert!(
        tokio::time::timeout(Duration::from_millis(100), proxy.burst()).await.is_err(),
        "a report ends it"
    );
}

/// Units of a variant over all its cells.
fn units(proxy: &Proxy, variant: Variant) -> u64 {
    proxy.report().cells.iter().filter(|cell| cell.variant == variant).map(|cell| cell.units).sum()
}

#[tokio::test]
async fn keys_are_units_once_an_epoch_and_keep_the_splits_share() {
    const KEYS: u32 = 10_000;
    let server = Server::saying("x").await;
    let mut split = split(&server.url(), &server.url(), 25_000);
    split.stickiness = Stickiness::Header("x-user".into());
    let proxy = proxy(split.clone()).await;
    let ask_all = async |keys: u32| {
        // Over two connections, which two workers may have.
        let mut clients =
            [Client::connect(proxy.local_addr()).await, Client::connect(proxy.local_addr()).await];
        for i in 0..keys {
            let key = format!("user-{i}");
            assert_eq!(clients[i as usize % 2].get("/", &[("x-user", &key)]).await.status, 200);
        }
    };
    ask_all(KEYS).await;
    let first = Variant::ALL.map(|variant| units(&proxy, variant));
    let all = (first[0] + first[1]) as f64;
    // 10 000 keys touch 9 273 of 65 536 cells on average.
    assert!((9_150.0..=9_400.0).contains(&all), "{all}");
    let share = first[Variant::Canary.index()] as f64 / all;
    assert!((share - 0.25).abs() < 4.0 * (0.25 * 0.75 / all).sqrt(), "{share}");
    ask_all(2_000).await;
    assert_eq!(Variant::ALL.map(|variant| units(&proxy, variant)), first, "repeats are no units");
    let requests = Variant::ALL.map(|variant| counts(&proxy, variant).0);
    assert_eq!(requests[0] + requests[1], u64::from(KEYS) + 2_000);
    let mut retold = split.clone();
    retold.apdex_target_ms += 1.0;
    assert_eq!(proxy.apply(retold), fw_proxy::Applied::Taken);
    ask_all(2_000).await;
    assert_eq!(Variant::ALL.map(|variant| units(&proxy, variant)), first, "the same epoch, told otherwise");
    proxy.apply(moved(&split, 50_000));
    until("the next epoch", || proxy.report().confirmed_epoch == 2).await;
    ask_all(1_000).await;
    let cells = proxy.report().cells;
    let second: u64 = cells.iter().filter(|cell| cell.epoch == 2).map(|cell| cell.units).sum();
    assert!((970..=1_000).contains(&second), "{second}");
}

#[tokio::test]
async fn each_request_without_a_key_is_a_unit_and_a_forced_one_is_none() {
    let server = Server::saying("x").await;
    let forced = fw_proxy::ProxySettings {
        forced_variant: Some(fw_proxy::ForcedVariant { header: "x-fw-variant".into(), token: None }),
        ..settings()
    };
    let proxy = Proxy::start(forced, split(&server.url(), &server.url(), 50_000)).await.unwrap();
    let mut client = Client::connect(proxy.local_addr()).await;
    for i in 0..60 {
        let forced: &[(&str, &str)] = if i % 3 == 0 { &[("x-fw-variant", "canary")] } else { &[] };
        client.get("/", forced).await;
    }
    assert_eq!(units(&proxy, Variant::Stable) + units(&proxy, Variant::Canary), 40);
    for variant in Variant::ALL {
        assert_eq!(units(&proxy, variant), counts(&proxy, variant).0);
    }
}

#[tokio::test]
async fn a_canary_that_can_not_be_reached_has_its_unit_once() {
    let server = Server::saying("x").await;
    // Nothing listens at the canary's two places.
    let mut split = split(&server.url(), "http://127.0.0.1:1", 100_000);
    split.canary_urls.push("http://127.0.0.2:1".into());
    let proxy = proxy(split).await;
    let mut client = Client::connect(proxy.local_addr()).await;
    for _ in 0..20 {
        assert_eq!(client.get("/", &[]).await.status, 200);
    }
    assert_eq!((units(&proxy, Variant::Canary), units(&proxy, Variant::Stable)), (20, 0));
}
