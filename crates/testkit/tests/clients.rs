//! The clients count what happened, once, and hide nothing.
#![allow(clippy::unwrap_used)] // a test may fail

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{DEADLINE, serve};
use fw_testkit::{
    Client, Failure, Load, LoadSpec, SseError, SseFollower, SseParser, SseStream, eventually, free_port,
};
use http::Request;
use http_body_util::Full;

#[tokio::test]
async fn requests_share_a_connection_until_the_server_ends_it() {
    let server = serve(None).await;
    let mut client = Client::new(server.addr);
    for n in 0..5 {
        let answer = client.get(&format!("/n/{n}")).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text()), (200, format!("/n/{n}")));
    }
    assert_eq!(client.connections(), 1);
    // An orderly end between requests is no failure, only a new connection.
    client.get("/last").await.unwrap();
    client.get("/again").await.unwrap();
    assert_eq!(client.connections(), 2);
    assert_eq!(client.get("/503").await.unwrap().status, 503);
}

#[tokio::test]
async fn what_fails_is_told_and_not_tried_again() {
    let server = serve(None).await;
    let mut client = Client::new(server.addr);
    assert!(matches!(client.get("/drop").await, Err(Failure::Broken(_))));
    assert!(matches!(client.get("/cut").await, Err(Failure::Cut(_))));
    let mut hasty = Client::new(server.addr).timeout(Duration::from_secs(1));
    assert!(matches!(hasty.get("/hang").await, Err(Failure::Timeout)));
    // The connection of a request that timed out is not used again.
    let mut patient = hasty.timeout(DEADLINE);
    assert_eq!(patient.get("/after").await.unwrap().text(), "/after");
    assert_eq!(patient.connections(), 2);
    let nobody = format!("127.0.0.1:{}", free_port().unwrap()).parse().unwrap();
    assert!(matches!(Client::new(nobody).get("/").await, Err(Failure::Connect(_))));
}

#[tokio::test]
async fn requests_are_written_as_origin_servers_expect_them() {
    let server = serve(None).await;
    let mut client = Client::new(server.addr);
    let request = Request::get("http://example.org/head?x=1").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(client.send(request).await.unwrap().text(), "/head?x=1");
    let head = client.get("/head").await.unwrap().text();
    assert!(head.starts_with("GET /head HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains(&format!("host: {}", server.addr)), "{head}");
}

#[tokio::test]
async fn closed_load_counts_each_outcome_once() {
    let server = serve(None).await;
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let paths = ["/ok", "/503", "/drop", "/cut"];
    let spec = LoadSpec::new(server.addr, move |n| {
        Request::get(paths[n as usize % 4]).body(Full::default()).unwrap()
    });
    let spec = spec.on_outcome(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let load = Load::closed(spec, 4);
    assert!(eventually(DEADLINE, || load.tally().sent >= 400).await);
    let tally = load.stop().await;
    assert_eq!(tally.sent, tally.ok + tally.not_ok());
    assert_eq!(seen.load(Ordering::Relaxed), tally.sent);
    // Each path got every fourth number.
    let quarter = tally.sent / 4..=tally.sent.div_ceil(4);
    for count in [tally.ok, tally.other[&503], tally.failed["broken"], tally.failed["cut"]] {
        assert!(quarter.contains(&count), "{tally:?}");
    }
}

#[tokio::test]
async fn open_load_sends_by_the_clock_and_counts_the_wait() {
    let server = serve(None).await;
    let began = Instant::now();
    let load = Load::open(LoadSpec::get(server.addr, "/ok"), 200, 8);
    assert!(eventually(DEADLINE, || load.tally().ok >= 100).await);
    let tally = load.stop().await;
    let due = (began.elapsed().as_secs_f64() * 200.0) as u64 + 1;
    assert!(tally.sent + tally.unsent <= due, "{tally:?}, {due} were due");
    assert_eq!((tally.sent, tally.not_ok()), (tally.ok, 0));
    assert!(tally.connections <= 8);
}

#[tokio::test]
async fn open_load_goes_on_when_nothing_answers() {
    let server = serve(None).await;
    let spec = LoadSpec::get(server.addr, "/hang").timeout(Duration::from_millis(100));
    let load = Load::open(spec, 1_000, 2);
    assert!(eventually(DEADLINE, || load.tally().failed.contains_key("timeout")).await);
    let tally = load.stop().await;
    // Two connections cannot carry them: those that were due and could not go out are counted too.
    assert!(tally.unsent > 0 && tally.ok == 0, "{tally:?}");
    assert_eq!(tally.sent, tally.not_ok());
}

#[tokio::test]
async fn a_stream_gives_whole_frames_and_its_end() {
    let server = serve(None).await;
    let mut stream = SseStream::open(server.addr, "/events", Some("41")).await.unwrap();
    for id in 42..=44 {
        let frame = stream.next(DEADLINE).await.unwrap();
        assert_eq!((frame.id, frame.event), (id.to_string(), String::new()));
        assert_eq!(frame.data, format!("{{\"n\":\n{id}}}"));
    }
    assert!(matches!(stream.next(DEADLINE).await, Err(SseError::Ended)));
    assert_eq!(stream.comments(), 1);
    assert!(matches!(SseStream::open(server.addr, "/ok", None).await, Err(SseError::Refused(..))));
    assert!(matches!(SseStream::open(server.addr, "/drop", None).await, Err(SseError::Broken(_))));
}

#[tokio::test]
async fn a_follower_resumes_after_each_break_and_over_restarts() {
    let server = serve(None).await;
    let addr = server.addr;
    let follower = SseFollower::start(addr, "/events", None);
    assert!(follower.wait_until(DEADLINE, |frames| frames.len() >= 9).await);
    drop(server);
    let before = follower.frames().len();
    let _server = serve(Some(addr)).await;
    assert!(follower.wait_until(DEADLINE, |frames| frames.len() >= before + 6).await);
    let ids: Vec<u64> = follower.frames().iter().map(|frame| frame.id.parse().unwrap()).collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert!(follower.connections() >= 4);
}

#[test]
fn frames_are_parsed_as_the_standard_says() {
    let text = "\u{feff}: comment\r\nid: 1\r\ndata: a\r\ndata:b\r\n\r\nevent: x\rdata\r\rid\ndata:  two\n\n\
                retry: 5\nid: no\0\nunknown: y\ndata: ü\n\nevent: nothing\n\ndata: never ended";
    let frame = |id: &str, event: &str, data: &str| fw_testkit::SseFrame {
        id: id.to_owned(),
        event: event.to_owned(),
        data: data.to_owned(),
    };
    let expected = [frame("1", "", "a\nb"), frame("1", "x", ""), frame("", "", " two"), frame("", "", "ü")];
    // Cut anywhere, it is the same.
    for size in 1..text.len() {
        let mut parser = SseParser::default();
        let found: Vec<_> = text.as_bytes().chunks(size).flat_map(|chunk| parser.push(chunk)).collect();
        assert_eq!(found, expected, "in chunks of {size}");
        assert_eq!(parser.comments(), 1);
    }
}
