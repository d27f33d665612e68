//! The demo's clients: an open-loop load over real sockets that counts what it gets.
//!
//! Each connection has its own schedule; an answer that is late delays only its own connection.
//! Nothing is sent again: a request that fails has failed.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::shop::VERSION_HEADER;

/// Requests a second, all connections together.
pub(super) const RATE: u64 = 1000;
/// Users the requests come from.
pub(super) const USERS: u64 = 5000;
/// Connections, each with its share of the rate.
const CONNECTIONS: u64 = 100;
/// Pause before a new connection is tried.
const RECONNECT_AFTER: Duration = Duration::from_millis(100);

/// What the clients counted.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Requests sent.
    pub(super) all: AtomicU64,
    /// Answers of 500 and above.
    pub(super) failed: AtomicU64,
    /// Requests without an answer.
    pub(super) dropped: AtomicU64,
    /// Answers of the canary.
    pub(super) canary: AtomicU64,
    /// Failed answers of the canary.
    pub(super) canary_failed: AtomicU64,
    moments: Mutex<Moments>,
}

/// When what was seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    /// First failed answer of the canary.
    pub(super) first_failure: Option<Instant>,
    /// When the last request was sent that the canary answered.
    pub(super) last_on_canary: Option<Instant>,
}

/// A running load.
pub(super) struct Load {
    sent: Arc<Sent>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

/// Starts the clients.
pub(super) fn start(target: SocketAddr) -> Load {
    let (sent, stop) = (Arc::new(Sent::default()), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let clients = (0..CONNECTIONS)
        .map(|n| tokio::spawn(client(n, target, began, sent.clone(), stop.clone())))
        .collect();
    Load { sent, stop, clients }
}

impl Load {
    /// Stops the clients after their present request.
    pub(super) async fn stop(self) -> Arc<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            let _ = client.await;
        }
        self.sent
    }
}

impl Sent {
    /// When what was seen.
    pub(super) fn moments(&self) -> Moments {
        *self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, sent_at: Instant, status: u16, version: &str) {
        let failed = status >= 500;
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        if version != "1.5.0" {
            return;
        }
        self.canary.fetch_add(1, Ordering::Relaxed);
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        moments.last_on_canary = moments.last_on_canary.max(Some(sent_at));
        if failed {
            self.canary_failed.fetch_add(1, Ordering::Relaxed);
            moments.first_failure.get_or_insert_with(Instant::now);
        }
    }
}

async fn client(n: u64, target: SocketAddr, began: Instant, sent: Arc<Sent>, stop: Arc<AtomicBool>) {
    let period = Duration::from_micros(1_000_000 * CONNECTIONS / RATE);
    let mut next = began + period * u32::try_from(n).unwrap_or(0) / u32::try_from(CONNECTIONS).unwrap_or(1);
    let mut connection: Option<SendRequest<Empty<Bytes>>> = None;
    // Users take turns over connections, as they do over time.
    let mut user = n * 7919;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep_until(next).await;
        // A client that fell behind does not fire a volley to catch up.
        next = (next + period).max(Instant::now());
        user = (user + 104_729) % USERS;
        let mut ready = match connection.take() {
            Some(open) if !open.is_closed() => open,
            _ => match connect(target).await {
                Some(open) => open,
                None => {
                    tokio::time::sleep(RECONNECT_AFTER).await;
                    continue;
                }
            },
        };
        let sent_at = Instant::now();
        sent.all.fetch_add(1, Ordering::Relaxed);
        match exchange(&mut ready, target, user).await {
            Some((status, version)) => {
                sent.count(sent_at, status, &version);
                connection = Some(ready);
            }
            None => {
                sent.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

async fn connect(target: SocketAddr) -> Option<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(target).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (send, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(send)
}

/// One request; none when there was no whole answer.
async fn exchange(
    open: &mut SendRequest<Empty<Bytes>>,
    target: SocketAddr,
    user: u64,
) -> Option<(u16, String)> {
    open.ready().await.ok()?;
    let request = Request::get("/products/42")
        .header(http::header::HOST, target.to_string())
        .header("x-user-id", format!("user-{user}"))
        .body(Empty::new())
        .ok()?;
    let response = open.send_request(request).await.ok()?;
    let status = response.status().as_u16();
    let version =
        response.headers().get(VERSION_HEADER).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    response.into_body().collect().await.ok()?;
    Some((status, version))
}
