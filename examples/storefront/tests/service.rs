//! The service by itself: what it answers, its faults, its end in order.

#![allow(clippy::unwrap_used)] // Helpers of a test may fail it.

use std::net::SocketAddr;
use std::time::Duration;

use fw_testkit::{Client, Proc, ProcSpec, free_port};

const SOON: Duration = Duration::from_secs(60);
const SIGTERM: i32 = 15;

fn start(variables: &[(&str, &str)]) -> (Proc, SocketAddr) {
    let port = free_port().unwrap();
    let mut spec = ProcSpec::new(env!("CARGO_BIN_EXE_storefront")).unwrap().env("PORT", port.to_string());
    for (name, value) in variables {
        spec = spec.env(name, value);
    }
    let mut process = spec.spawn().unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    process.listening(at, SOON).unwrap();
    (process, at)
}

#[tokio::test]
async fn it_says_its_version_and_refuses_what_it_does_not_have() {
    let (_process, at) = start(&[("FW_VERSION", "1.0.0"), ("APP_VERSION", "2.0.0")]);
    let mut client = Client::new(at);
    let health = client.get("/healthz").await.unwrap();
    assert_eq!((health.status.as_u16(), health.text().trim()), (200, r#"{"status":"ok","version":"2.0.0"}"#));
    assert_eq!(health.header("content-type"), "application/json");
    assert_eq!(client.get("/").await.unwrap().text(), "storefront 2.0.0\n");
    assert_eq!(client.get("/nowhere").await.unwrap().status.as_u16(), 404);
    assert_eq!(client.post_json("/", "{}").await.unwrap().status.as_u16(), 405);
    assert_eq!(client.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_fault_shows_where_it_should_and_nowhere_else() {
    let (_process, at) = start(&[("FAULT", "error-rate=5%")]);
    let mut client = Client::new(at);
    let mut failed = 0;
    for _ in 0..200 {
        failed += usize::from(client.get("/").await.unwrap().status.as_u16() == 500);
        assert_eq!(client.get("/healthz").await.unwrap().status.as_u16(), 200);
    }
    assert_eq!(failed, 10);

    let (_process, at) = start(&[("FAULT", "unhealthy")]);
    assert_eq!(Client::new(at).get("/healthz").await.unwrap().status.as_u16(), 503);
    assert_eq!(Client::new(at).get("/").await.unwrap().status.as_u16(), 200);

    let mut nonsense =
        ProcSpec::new(env!("CARGO_BIN_EXE_storefront")).unwrap().env("FAULT", "slow").spawn().unwrap();
    assert_eq!(nonsense.wait(SOON).unwrap().code(), Some(1));
    assert!(nonsense.stderr().unwrap().contains("FAULT=slow is none of"));
}

#[tokio::test]
async fn what_is_in_flight_is_answered_before_it_ends() {
    let (mut process, at) = start(&[("FAULT", "latency=+4000ms")]);
    let (mut busy, mut idle) = (Client::new(at), Client::new(at));
    // Both connections are accepted before anything depends on it.
    for client in [&mut busy, &mut idle] {
        client.get("/healthz").await.unwrap();
    }
    let asking = tokio::spawn(async move { busy.get("/").await });
    // The request is read in a moment, its answer is far away.
    tokio::time::sleep(Duration::from_secs(1)).await;
    process.signal(SIGTERM).unwrap();
    let answer = asking.await.unwrap().unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (200, "close"));
    assert_eq!(process.wait(SOON).unwrap().code(), Some(0));
    assert!(idle.get("/healthz").await.is_err());
}
