//! Requests in the background, every one counted.
//!
//! *Closed* load sends the next request when the last is answered: a slow server is asked less. *Open*
//! load sends by the clock, as the world does: a slow server gets a queue, and the waiting time counts,
//! from the moment the request was due. Use open load to show that nothing was dropped.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::client::{Answer, CLIENT_TIMEOUT, Client, Failure};

/// Most requests of an open load that wait for a free connection; more are counted as `unsent`.
pub const OPEN_QUEUE_MAX: usize = 100_000;
/// Pause after a refused connection, so that a dead server is not hammered.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(2);

type Make = dyn Fn(u64) -> Request<Full<Bytes>> + Send + Sync;
type Seen = dyn Fn(u64, &Result<Answer, Failure>) + Send + Sync;

/// What to send, and to whom.
#[derive(Clone)]
pub struct LoadSpec {
    addr: SocketAddr,
    timeout: Duration,
    make: Arc<Make>,
    seen: Arc<Seen>,
}

impl fmt::Debug for LoadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadSpec")
            .field("addr", &self.addr)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl LoadSpec {
    /// `make` writes the n-th request, n from 0.
    pub fn new(
        addr: SocketAddr,
        make: impl Fn(u64) -> Request<Full<Bytes>> + Send + Sync + 'static,
    ) -> LoadSpec {
        LoadSpec { addr, timeout: CLIENT_TIMEOUT, make: Arc::new(make), seen: Arc::new(|_, _| ()) }
    }

    /// `GET path`, always the same.
    ///
    /// # Panics
    /// When the path is not one.
    pub fn get(addr: SocketAddr, path: &str) -> LoadSpec {
        let request = Request::get(path).body(Full::default()).expect("a path a test wrote");
        LoadSpec::new(addr, move |_| request.clone())
    }

    /// Calls this with every outcome, as it comes: to look at headers, say.
    pub fn on_outcome(
        mut self,
        seen: impl Fn(u64, &Result<Answer, Failure>) + Send + Sync + 'static,
    ) -> LoadSpec {
        self.seen = Arc::new(seen);
        self
    }

    /// Allows each request this long.
    pub fn timeout(mut self, timeout: Duration) -> LoadSpec {
        self.timeout = timeout;
        self
    }
}

/// What became of the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests begun.
    pub sent: u64,
    /// Answered with 200, whole.
    pub ok: u64,
    /// Answered with another status, by status.
    pub other: BTreeMap<u16, u64>,
    /// Not answered, or not wholly, by [`Failure::kind`].
    pub failed: BTreeMap<&'static str, u64>,
    /// Due, but never begun: the queue of an open load was full, or the load was stopped first.
    pub unsent: u64,
    /// Connections made.
    pub connections: u64,
    /// The longest time to a 200; in an open load from the moment the request was due.
    pub slowest: Duration,
}

impl Tally {
    /// All that was begun and did not end in a 200.
    pub fn not_ok(&self) -> u64 {
        self.other.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }

    fn count(&mut self, outcome: &Result<Answer, Failure>, time: Duration) {
        match outcome {
            Ok(answer) if answer.status == 200 => {
                self.ok += 1;
                self.slowest = self.slowest.max(time);
            }
            Ok(answer) => *self.other.entry(answer.status.as_u16()).or_default() += 1,
            Err(failure) => *self.failed.entry(failure.kind()).or_default() += 1,
        }
    }
}

/// Load that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    tally: Mutex<Tally>,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    /// A counter is whole after each change, so a poisoned lock still guards a good one.
    fn with<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

impl Load {
    /// Each of `connections` sends its next request when its last one is answered.
    pub fn closed(spec: LoadSpec, connections: usize) -> Load {
        let shared = Arc::new(Shared::default());
        let driver = tokio::spawn(closed(spec, connections, Arc::clone(&shared)));
        Load { shared, driver }
    }

    /// Sends `per_second` requests each second by the clock, over at most `connections` connections.
    pub fn open(spec: LoadSpec, per_second: u32, connections: usize) -> Load {
        let shared = Arc::new(Shared::default());
        let driver = tokio::spawn(open(spec, per_second, connections, Arc::clone(&shared)));
        Load { shared, driver }
    }

    /// The counts so far.
    pub fn tally(&self) -> Tally {
        self.shared.with(|tally| tally.clone())
    }

    /// Begins no further request, waits for those under way, and gives the final counts.
    pub async fn stop(mut self) -> Tally {
        self.shared.stop.store(true, Ordering::Release);
        // A panic in `make` or `on_outcome` is the test's own: let it out.
        if let Err(error) = (&mut self.driver).await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        self.tally()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn closed(spec: LoadSpec, connections: usize, shared: Arc<Shared>) {
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (spec, shared) = (spec.clone(), Arc::clone(&shared));
        workers.spawn(async move {
            let mut client = Client::new(spec.addr).timeout(spec.timeout);
            while !shared.stopped() {
                let number = shared.next.fetch_add(1, Ordering::Relaxed);
                one(&mut client, &spec, &shared, number, Instant::now()).await;
            }
        });
    }
    finish(workers).await;
}

async fn open(spec: LoadSpec, per_second: u32, connections: usize, shared: Arc<Shared>) {
    let (queue, due) = mpsc::channel(OPEN_QUEUE_MAX);
    let due = Arc::new(tokio::sync::Mutex::new(due));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (spec, shared, due) = (spec.clone(), Arc::clone(&shared), Arc::clone(&due));
        workers.spawn(async move {
            let mut client = Client::new(spec.addr).timeout(spec.timeout);
            loop {
                let next: Option<(u64, Instant)> = due.lock().await.recv().await;
                let Some((number, at)) = next else { break };
                if shared.stopped() {
                    shared.with(|tally| tally.unsent += 1);
                } else {
                    one(&mut client, &spec, &shared, number, at).await;
                }
            }
        });
    }
    tick(&queue, per_second, &shared).await;
    drop(queue);
    finish(workers).await;
}

/// Queues every request when it is due.
async fn tick(queue: &mpsc::Sender<(u64, Instant)>, per_second: u32, shared: &Shared) {
    let began = Instant::now();
    let gap = Duration::from_secs(1) / per_second.max(1);
    let mut at = began;
    while !shared.stopped() {
        while at <= Instant::now() {
            let number = shared.next.fetch_add(1, Ordering::Relaxed);
            if queue.try_send((number, at)).is_err() {
                shared.with(|tally| tally.unsent += 1);
            }
            at += gap;
        }
        tokio::time::sleep_until(at.into()).await;
    }
}

async fn one(client: &mut Client, spec: &LoadSpec, shared: &Shared, number: u64, due: Instant) {
    shared.with(|tally| tally.sent += 1);
    let before = client.connections();
    let outcome = client.send((spec.make)(number)).await;
    (spec.seen)(number, &outcome);
    shared.with(|tally| {
        tally.count(&outcome, due.elapsed());
        tally.connections += client.connections() - before;
    });
    if outcome.is_err() {
        tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
    }
}

/// Waits for all workers; a panic of one is passed on.
async fn finish(mut workers: JoinSet<()>) {
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
