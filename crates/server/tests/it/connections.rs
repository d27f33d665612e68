//! Connections that say nothing, half a thing, or too many; and how serving ends.

use std::net::SocketAddr;
use std::time::Duration;

use fw_server::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, Setup, World, next, raw};

/// Sends bytes and reads until the head of the answer is there.
pub(crate) async fn head_of(addr: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let read = async {
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        head
    };
    String::from_utf8(tokio::time::timeout(DEADLINE, read).await.unwrap()).unwrap()
}

/// What arrives until the server closes.
async fn to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = vec![];
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    // A reset is an end too.
    drop(read);
    bytes
}

#[tokio::test]
async fn a_connection_without_a_whole_request_is_let_go() {
    let limits = Limits { head_within: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    for begun in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /status HTTP/1.1\r\n",
        "GET /status HTTP/1.1\r\nhost: localhost\r\nx: ",
    ] {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let bytes = to_end(stream).await;
        assert!(!bytes.starts_with(b"HTTP/1.1 2"), "{begun:?} was answered");
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused_with_408() {
    let limits = Limits { body_within: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let head = "POST /api/v1/rollouts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n{\"service\":";
    let reply = raw(world.addr, head.as_bytes()).await;
    assert_eq!((reply.status, reply.problem().code.as_str()), (408, "request_timeout"));
    assert_eq!(world.newest(), 0);
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_and_a_place_that_is_free_is_used() {
    let limits = Limits { connections_max: 2, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let mut first = world.stream("/events", None).await;
    let mut second = world.stream("/events", None).await;
    next(&mut first).await;
    next(&mut second).await;
    let mut waiting = TcpStream::connect(world.addr).await.unwrap();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.peek(&mut byte)).await;
    assert!(early.is_err(), "there was no place for it");
    drop(first);
    let bytes = to_end(waiting).await;
    assert!(bytes.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&bytes));
}

#[tokio::test]
async fn a_full_server_can_be_stopped_and_ends_its_streams() {
    let limits = Limits { connections_max: 1, ..Limits::default() };
    let world = World::with(Setup { limits, ..Setup::default() }).await;
    let mut stream = world.stream("/events", None).await;
    next(&mut stream).await;
    let addr = world.addr;
    tokio::time::timeout(DEADLINE, world.tell()).await.expect("it stops").unwrap();
    assert!(stream.next(DEADLINE).await.is_err(), "the stream is over");
    assert!(TcpStream::connect(addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn connections_are_kept_and_requests_may_follow_each_other() {
    let world = World::new().await;
    let mut client = fw_testkit::Client::new(world.addr);
    for _ in 0..20 {
        assert_eq!(client.get("/status").await.unwrap().status, 200);
        assert_eq!(client.get("/nope").await.unwrap().status, 404);
    }
    assert_eq!(client.connections(), 1);
}
