//! Many listeners to a server's `/events` at once, and one that does not read: `listeners ADDR CLIENTS SECONDS`.
//!
//! Prints a line of JSON: how many events each got, what is missing, how late they were, and what became of the one
//! that does not read. It is what `cargo xtask bench sse` starts; it makes no events. Delays are from the event's own
//! `timestamp`, to the millisecond, by the same machine's clock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Connections that are opened at the same time.
const OPENING_MAX: usize = 64;
/// How long after the end an event may still come.
const GRACE: Duration = Duration::from_secs(10);
/// Receive buffer of the one that does not read, bytes.
const SLOW_BUFFER: u32 = 4096;
/// It is given this long to be cut off.
const CUT_WITHIN: Duration = Duration::from_secs(40);
const DAY_MS: u64 = 86_400_000;

/// What all listeners share.
#[derive(Default)]
struct Course {
    /// Whether events count already.
    counts: AtomicBool,
    /// The newest id anybody saw.
    newest: AtomicU64,
    /// The id to end at; 0 while it goes on.
    until: AtomicU64,
}

/// What one listener saw while events counted.
#[derive(Default)]
struct Seen {
    first: u64,
    last: u64,
    events: u64,
    gaps: u64,
    delays: Vec<u32>,
}

fn day_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0) % DAY_MS
}

/// The milliseconds of the day in a text that holds `"timestamp":"2026-01-01T15:25:00.123Z"`.
fn timestamp_ms(frame: &str) -> Option<u64> {
    let rest = frame.split_once("\"timestamp\":\"")?.1.split_once('T')?.1;
    let clock = rest.split_once('Z')?.0;
    let mut parts = clock.split(':');
    let (hours, minutes): (u64, u64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let seconds: f64 = parts.next()?.parse().ok()?;
    Some((hours * 60 + minutes) * 60_000 + (seconds * 1e3).round() as u64)
}

async fn open(mut stream: TcpStream, from: Option<u64>) -> std::io::Result<TcpStream> {
    let from = from.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
    stream.write_all(format!("GET /events HTTP/1.1\r\nhost: localhost\r\n{from}\r\n").as_bytes()).await?;
    Ok(stream)
}

impl Seen {
    fn take(&mut self, frame: &str, course: &Course) {
        let id = frame.lines().find_map(|line| line.strip_prefix("id: ")?.trim().parse::<u64>().ok());
        let Some(id) = id.filter(|_| !frame.contains("\"type\":\"initial_state\"")) else { return };
        course.newest.fetch_max(id, Ordering::Relaxed);
        if !course.counts.load(Ordering::Relaxed) {
            return;
        }
        if self.first == 0 {
            self.first = id;
        } else if id != self.last + 1 {
            self.gaps += 1;
        }
        self.last = id;
        self.events += 1;
        if let Some(at) = timestamp_ms(frame) {
            self.delays.push(u32::try_from((day_ms() + DAY_MS - at) % DAY_MS).unwrap_or(u32::MAX));
        }
    }
}

/// Reads until the end id has come.
async fn listen(addr: SocketAddr, course: Arc<Course>, opened: Arc<AtomicU64>) -> Seen {
    let mut seen = Seen::default();
    let stream = match TcpStream::connect(addr).await {
        Ok(stream) => open(stream, None).await,
        Err(error) => Err(error),
    };
    let Ok(mut stream) = stream else { return seen };
    let (mut text, mut buffer) = (String::new(), vec![0; 8192]);
    let mut is_open = false;
    loop {
        let until = course.until.load(Ordering::Relaxed);
        if until > 0 && seen.last >= until {
            return seen;
        }
        let Ok(Ok(read)) = tokio::time::timeout(GRACE, stream.read(&mut buffer)).await else { return seen };
        if read == 0 {
            return seen;
        }
        if !is_open {
            is_open = true;
            opened.fetch_add(1, Ordering::Relaxed);
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some(end) = text.find("\n\n") {
            seen.take(&text[..end], &course);
            text.drain(..end + 2);
        }
    }
}

/// Asks for everything that is kept and reads nothing but the beginning; whether it was cut off, after which time.
async fn slow(addr: SocketAddr) -> std::io::Result<Option<Duration>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SLOW_BUFFER)?;
    let mut stream = open(socket.connect(addr).await?, Some(0)).await?;
    let began = Instant::now();
    stream.read_exact(&mut [0; 64]).await?;
    tokio::time::sleep(CUT_WITHIN).await;
    // What was on its way is still there; then comes the break.
    let mut buffer = vec![0; 65_536];
    loop {
        match tokio::time::timeout(Duration::from_secs(2), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return Ok(Some(began.elapsed())),
            Ok(Ok(_)) => {}
            Err(_) => return Ok(None),
        }
    }
}

fn quantile(sorted: &[u32], q: f64) -> u32 {
    let place = ((sorted.len() as f64 - 1.0) * q).round().max(0.0) as usize;
    sorted.get(place).copied().unwrap_or(0)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut arg = |what: &str| args.next().ok_or(format!("listeners ADDR CLIENTS SECONDS: no {what}"));
    let (addr, clients, seconds): (SocketAddr, u64, u64) =
        (arg("ADDR")?.parse()?, arg("CLIENTS")?.parse()?, arg("SECONDS")?.parse()?);
    let (course, opened) = (Arc::new(Course::default()), Arc::new(AtomicU64::new(0)));
    let began = Instant::now();
    let mut listeners = JoinSet::new();
    let slow = tokio::spawn(slow(addr));
    for n in 0..clients {
        listeners.spawn(listen(addr, course.clone(), opened.clone()));
        while n + 1 >= opened.load(Ordering::Relaxed) + OPENING_MAX as u64 {
            if began.elapsed() > Duration::from_secs(120) {
                return Err("the connections do not open".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    while opened.load(Ordering::Relaxed) < clients {
        if began.elapsed() > Duration::from_secs(120) {
            return Err("the connections do not open".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let opened_after = began.elapsed();
    // An event that is being sent now is nobody's first.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    course.counts.store(true, Ordering::Relaxed);
    let from = course.newest.load(Ordering::Relaxed) + 1;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let until = course.newest.load(Ordering::Relaxed);
    course.until.store(until, Ordering::Relaxed);
    let (mut delays, mut whole, mut gaps, mut events) = (vec![], 0_u64, 0, 0);
    while let Some(seen) = listeners.join_next().await {
        let seen = seen?;
        // All who began with the first event and saw the last one without a gap saw every one.
        whole += u64::from(seen.gaps == 0 && seen.first <= from + 1 && seen.last >= until && seen.events > 0);
        gaps += seen.gaps;
        events += seen.events;
        delays.extend(seen.delays);
    }
    let cut = slow.await??.map(|time| time.as_secs_f64());
    delays.sort_unstable();
    println!(
        r#"{{"clients":{clients},"openedSeconds":{:.2},"eventsEach":{},"received":{events},"gotAll":{whole},"gaps":{gaps},"delayMs":{{"p50":{},"p99":{},"most":{}}},"slowCutAfterSeconds":{}}}"#,
        opened_after.as_secs_f64(),
        (until + 1).saturating_sub(from),
        quantile(&delays, 0.5),
        quantile(&delays, 0.99),
        quantile(&delays, 1.0),
        cut.map_or("null".into(), |seconds| format!("{seconds:.1}")),
    );
    Ok(())
}
