//! A relay of HTTP requests that treats reports as bad networks do: lost, repeated, late.
//!
//! It is for clients that open a connection for each request, as data planes do. A POST is read whole, and a deck of
//! [`Fate`]s that a seed shuffles says what becomes of it, so that of ten requests in a row each fate befalls one at
//! least. Anything else (the stream of splits) passes byte by byte, and is cut after a while. Threads and blocking reads: it
//! outlives the runtime of the server behind it, which a test kills.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longest request that is read, bytes.
const REQUEST_BYTES_MAX: usize = 8 << 20;
/// Longest wait for a request, or for an answer to one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a stream lives before it is cut: between half of this and all of it.
const STREAM_TIME_MAX: Duration = Duration::from_secs(4);
/// How long a request is held that passes slowly.
const HELD: Duration = Duration::from_millis(150);
/// How long after its connection was cut a late request arrives: by then others did, so it is out of order.
const LATE: Duration = Duration::from_millis(900);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does its answer.
    Passes,
    /// The connection is cut before the server sees it.
    Lost,
    /// It arrives; the connection is cut before its answer does.
    Unanswered,
    /// It arrives three times.
    Repeated,
    /// It arrives after a pause.
    Held,
    /// The connection is cut; it arrives later, when newer ones have.
    Late,
}

/// So many of each kind are in a deck.
const DECK: [Fate; 10] = [
    Fate::Passes,
    Fate::Passes,
    Fate::Passes,
    Fate::Lost,
    Fate::Lost,
    Fate::Unanswered,
    Fate::Unanswered,
    Fate::Repeated,
    Fate::Held,
    Fate::Late,
];

/// How many requests had which fate.
#[derive(Debug, Default)]
struct Tallies([AtomicU64; 6]);

/// What all connections share.
#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    deck: Mutex<(fastrand::Rng, Vec<Fate>)>,
    tallies: Tallies,
    /// Late requests that have yet to arrive.
    pending: AtomicU64,
    honest: AtomicBool,
    over: AtomicBool,
}

/// A relay in front of one address. Dropping it ends it; streams end within seconds.
#[derive(Debug)]
pub struct Relay {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Relay {
    /// Starts a relay on a free loopback port.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(upstream: SocketAddr, seed: u64) -> io::Result<Relay> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            deck: Mutex::new((fastrand::Rng::with_seed(seed), vec![])),
            tallies: Tallies::default(),
            pending: AtomicU64::new(0),
            honest: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::Builder::new().name("relay".into()).spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&accepting);
                // How a connection ends is seen by its two ends.
                thread::spawn(move || shared.connection(client));
            }
        })?;
        Ok(Relay { addr, shared })
    }

    /// Where clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on everything passes.
    pub fn be_honest(&self) {
        self.shared.honest.store(true, Ordering::Relaxed);
    }

    /// How many requests had this fate so far.
    pub fn had(&self, fate: Fate) -> u64 {
        self.shared.tallies.0[fate as usize].load(Ordering::Relaxed)
    }

    /// Whether every late request has arrived, or failed to.
    pub fn is_settled(&self) -> bool {
        self.shared.pending.load(Ordering::Acquire) == 0
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.addr);
    }
}

impl Shared {
    fn fate(&self) -> Fate {
        if self.honest.load(Ordering::Relaxed) {
            return Fate::Passes;
        }
        let mut deck = self.deck.lock().unwrap_or_else(PoisonError::into_inner);
        let (rng, left) = &mut *deck;
        if left.is_empty() {
            *left = DECK.to_vec();
            rng.shuffle(left);
        }
        left.pop().unwrap_or(Fate::Passes)
    }

    fn connection(&self, mut client: TcpStream) {
        let Ok(request) = read_request(&mut client) else { return };
        // A failure on the way to the server is seen by the client as a cut connection.
        let _ = if request.starts_with(b"POST ") {
            self.relay(client, &request)
        } else {
            self.stream(client, &request)
        };
    }

    fn relay(&self, mut client: TcpStream, request: &[u8]) -> io::Result<()> {
        let fate = self.fate();
        self.tallies.0[fate as usize].fetch_add(1, Ordering::Relaxed);
        match fate {
            Fate::Lost => return Ok(()),
            Fate::Late => {
                self.pending.fetch_add(1, Ordering::Release);
                drop(client);
                thread::sleep(LATE);
                let arrived = self.ask(request);
                self.pending.fetch_sub(1, Ordering::Release);
                return arrived.map(drop);
            }
            Fate::Unanswered => return self.ask(request).map(drop),
            Fate::Repeated => {
                self.ask(request)?;
                self.ask(request)?;
            }
            Fate::Held => thread::sleep(HELD),
            Fate::Passes => {}
        }
        let answer = self.ask(request)?;
        client.write_all(&answer)?;
        client.shutdown(Shutdown::Write)
    }

    /// Sends a request to the server, and reads its answer whole.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.upstream)?;
        server.set_read_timeout(Some(PATIENCE))?;
        server.write_all(request)?;
        read_message(&mut server)
    }

    /// Passes what the server says for a while.
    fn stream(&self, mut client: TcpStream, request: &[u8]) -> io::Result<()> {
        let mut server = TcpStream::connect(self.upstream)?;
        server.write_all(request)?;
        let half = STREAM_TIME_MAX / 2;
        let share = self.deck.lock().unwrap_or_else(PoisonError::into_inner).0.f64();
        let end = Instant::now() + half + half.mul_f64(share);
        let mut piece = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let is_honest = self.honest.load(Ordering::Relaxed);
            if self.over.load(Ordering::Relaxed) || (left.is_zero() && !is_honest) {
                return Ok(());
            }
            // Looked at again soon, so that the relay's end is noticed.
            server.set_read_timeout(Some(left.clamp(Duration::from_millis(1), HELD)))?;
            match server.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => client.write_all(&piece[..read])?,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_nodelay(true)?;
    read_message(client)
}

/// A message with its body, whose length its head says; without one it has no body.
fn read_message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut bytes, mut piece) = (vec![], [0; 16 << 10]);
    loop {
        if let Some(whole) = length(&bytes)
            && bytes.len() >= whole
        {
            return Ok(bytes);
        }
        let read = from.read(&mut piece)?;
        if read == 0 || bytes.len() > REQUEST_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&piece[..read]);
    }
}

/// Length of the whole message, once its head is there.
fn length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let body =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    Some(head + body.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes the body of each request, and answers it.
    fn server() -> (SocketAddr, Arc<Mutex<Vec<u64>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (addr, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(vec![])));
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let Ok(request) = read_request(&mut client) else { continue };
                let text = String::from_utf8(request).unwrap();
                noted.lock().unwrap().push(text.rsplit('\n').next().unwrap().parse().unwrap());
                client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            }
        });
        (addr, seen)
    }

    fn post(addr: SocketAddr, number: u64) -> bool {
        let mut stream = TcpStream::connect(addr).unwrap();
        let body = number.to_string();
        let request = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).is_ok()
            && read_message(&mut stream).is_ok_and(|answer| answer.ends_with(b"ok"))
    }

    #[test]
    fn each_fate_befalls_and_the_seed_says_whom() {
        let run = |seed| {
            let (addr, seen) = server();
            let relay = Relay::start(addr, seed).unwrap();
            let answered: Vec<bool> = (0..10).map(|number| post(relay.addr(), number)).collect();
            assert!(crate::wait_until(PATIENCE, || relay.is_settled()));
            let had = |fate| relay.had(fate);
            assert_eq!((had(Fate::Lost), had(Fate::Late), had(Fate::Repeated)), (2, 1, 1));
            relay.be_honest();
            assert!((10..30).all(|number| post(relay.addr(), number)));
            let seen = seen.lock().unwrap().clone();
            (answered, seen)
        };
        let (answered, seen) = run(7);
        assert_eq!(answered.iter().filter(|answered| **answered).count(), 5, "{answered:?}");
        assert!(seen.windows(2).any(|pair| pair[0] > pair[1]), "none is out of order: {seen:?}");
        assert_eq!(seen.len(), 10 - 2 + 2 + 20, "two are lost, one comes three times");
        assert_eq!((answered.clone(), seen.clone()), run(7));
        assert_ne!(answered, run(8).0);
    }
}
