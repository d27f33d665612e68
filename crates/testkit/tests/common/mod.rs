//! A small HTTP server with habits, for tests of clients.
#![allow(dead_code, unreachable_pub)] // each test binary uses a part
#![allow(clippy::unwrap_used)] // a test may fail

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Generous: the machine may be busy.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Serves until it is dropped.
pub struct Server {
    pub addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server on a free port, or on a given one (waiting for it to be free).
pub async fn serve(at: Option<SocketAddr>) -> Server {
    let at = at.unwrap_or("127.0.0.1:0".parse().unwrap());
    let end = tokio::time::Instant::now() + DEADLINE;
    let listener = loop {
        match TcpListener::bind(at).await {
            Ok(listener) => break listener,
            Err(e) if tokio::time::Instant::now() >= end => panic!("{e}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    let addr = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        // Ends its connections with itself.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(answer_all(stream));
        }
    });
    Server { addr, task }
}

async fn answer_all(mut stream: TcpStream) {
    while let Some(head) = read_head(&mut stream).await {
        let path = head.split(' ').nth(1).unwrap_or("/");
        let end = match path {
            "/503" => whole(&mut stream, "503 Service Unavailable", "busy").await,
            "/cut" => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort").await;
                true
            }
            "/drop" => true,
            "/hang" => std::future::pending().await,
            "/last" => {
                whole(&mut stream, "200 OK", "bye").await;
                true
            }
            "/events" => events(&mut stream, &head).await,
            "/head" => whole(&mut stream, "200 OK", &head).await,
            _ => whole(&mut stream, "200 OK", path).await,
        };
        if end {
            return;
        }
    }
}

async fn whole(stream: &mut TcpStream, status: &str, body: &str) -> bool {
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(text.as_bytes()).await.is_err()
}

/// Three events after the last id, then the end: a server that restarts all the time.
async fn events(stream: &mut TcpStream, head: &str) -> bool {
    let last = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("last-event-id: ").map(str::to_owned));
    let last: u64 = last.map_or(0, |id| id.trim().parse().unwrap());
    let mut text = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n".to_owned();
    for id in last + 1..=last + 3 {
        text.push_str(&format!("id: {id}\ndata: {{\"n\":\ndata: {id}}}\n\n"));
    }
    // A frame that was never ended must not count.
    text.push_str("id: 999\ndata: half");
    let _ = stream.write_all(text.as_bytes()).await;
    true
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}
