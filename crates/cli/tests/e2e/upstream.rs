//! A version of a service that is not ours: it answers GETs on keep-alive connections and counts them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A running upstream.
pub(crate) struct Upstream {
    pub(crate) addr: SocketAddr,
    state: Arc<State>,
}

struct State {
    name: &'static str,
    /// Every n-th request fails; 0 = none.
    fail_every: AtomicU64,
    served: AtomicU64,
    first_failure: Mutex<Option<Instant>>,
    /// Requests by `X-User-Id`.
    users: Mutex<BTreeMap<String, u64>>,
}

impl Upstream {
    pub(crate) async fn start(name: &'static str) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::new(State {
            name,
            fail_every: AtomicU64::new(0),
            served: AtomicU64::new(0),
            first_failure: Mutex::default(),
            users: Mutex::default(),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Upstream { addr, state }
    }

    pub(crate) fn fail_every(&self, n: u64) {
        self.state.fail_every.store(n, Ordering::Relaxed);
    }

    pub(crate) fn served(&self) -> u64 {
        self.state.served.load(Ordering::Relaxed)
    }

    pub(crate) fn first_failure(&self) -> Option<Instant> {
        *self.state.first_failure.lock().unwrap()
    }

    /// Takes the users seen since the last call.
    pub(crate) fn take_users(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.state.users.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end + 4);
            if stream.write_all(state.answer(&head).as_bytes()).await.is_err() {
                return;
            }
        }
        if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

impl State {
    fn answer(&self, head: &str) -> String {
        let n = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        let every = self.fail_every.load(Ordering::Relaxed);
        let failed = every > 0 && n.is_multiple_of(every);
        if failed {
            self.first_failure.lock().unwrap().get_or_insert_with(Instant::now);
        }
        let user = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("x-user-id").then(|| value.trim().to_owned())
        });
        if let Some(user) = user {
            *self.users.lock().unwrap().entry(user).or_default() += 1;
        }
        let status = if failed { "500 Internal Server Error" } else { "200 OK" };
        format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nx-version: {}\r\n\r\n{}",
            self.name.len(),
            self.name,
            self.name
        )
    }
}
