//! A case, what a call of it costs, and the floors below which nothing can be.
//!
//! A case is a loop over calls, so that a call is compiled into it as it would be into an application. Loop and fetch of
//! the key are included everywhere, as in the floor `empty call`. A fence for the compiler before each call keeps it from
//! carrying anything from one to the next in a register, such as the state of random numbers, as no application could.
//! What a peer wants to know about a user is made beforehand.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::ensure;

/// Users that are asked about in turn. Few enough to stay in the cache, for everyone.
pub(crate) const KEYS: usize = 1024;
/// Users whose share is checked.
const SHARE_KEYS: usize = 10_000;
/// The share that everyone is configured to.
pub(crate) const SHARE: f64 = 0.25;
/// CPU time of one measurement on one thread, ns.
const SPENT_GOAL: f64 = 3e7;
const CALLS_MIN: f64 = 1_000.0;
const CALLS_MAX: f64 = 2_000_000.0;

/// Whose call it is.
#[derive(Clone, Copy)]
pub(crate) enum Group {
    /// What anything costs.
    Floor,
    /// Ours.
    Ours,
    /// Another product's, answering the question.
    Peer,
    /// Another product's, doing more than to answer.
    PeerCounting,
}

impl Group {
    /// As it is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Group::Floor => "floor",
            Group::Ours => "ours",
            Group::Peer => "peer",
            Group::PeerCounting => "peerCounting",
        }
    }
}

/// Something to call.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) group: Group,
    /// Of 10 000 keys, how many were let in; none if no key is asked about.
    pub(crate) share: Option<f64>,
    /// Calls so often; the sum of the answers keeps the calls from being left out.
    run: Box<dyn Fn(u32) -> u64 + Send + Sync>,
}

/// A key of 15 bytes.
pub(crate) fn key(i: usize) -> String {
    format!("user-{i:010}")
}

impl Case {
    /// A call with its number.
    pub(crate) fn plain(
        name: impl Into<String>,
        group: Group,
        call: impl Fn(u32) -> bool + Send + Sync + 'static,
    ) -> Case {
        let run = move |calls| (0..calls).map(|i| u64::from(call(black_box(i)))).sum();
        Case { name: name.into(), group, share: None, run: Box::new(run) }
    }

    /// The question about a user, of whom `context` is made beforehand.
    ///
    /// # Errors
    /// When the share of users let in is more than 4 standard errors away from 25 %.
    pub(crate) fn keyed<C: Send + Sync + 'static>(
        name: impl Into<String>,
        group: Group,
        context: impl Fn(String) -> C,
        ask: impl Fn(&C) -> bool + Send + Sync + 'static,
    ) -> anyhow::Result<Case> {
        let name = name.into();
        let yes = (0..SHARE_KEYS).filter(|i| ask(&context(key(*i)))).count();
        let share = yes as f64 / SHARE_KEYS as f64;
        let error = (SHARE * (1.0 - SHARE) / SHARE_KEYS as f64).sqrt();
        ensure!((share - SHARE).abs() < 4.0 * error, "{name} lets {yes} of {SHARE_KEYS} keys in, not 25 %");
        let users: Vec<C> = (0..KEYS).map(|i| context(key(i))).collect();
        let run = move |calls| (0..calls).map(|i| u64::from(ask(black_box(&users[i as usize % KEYS])))).sum();
        Ok(Case { name, group, share: Some(share), run: Box::new(run) })
    }

    /// Nanoseconds a call on each of `threads` threads at once, the mean over them.
    pub(crate) fn measure(&self, threads: usize) -> f64 {
        let calls = self.calls();
        let barrier = Barrier::new(threads);
        let each_thread = || {
            // The first calls of a thread take cells and rows, or whatever a peer keeps for it.
            black_box((self.run)(KEYS as u32));
            barrier.wait();
            let before = cpu_nanos();
            black_box((self.run)(calls));
            (cpu_nanos() - before) / f64::from(calls)
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(each_thread)).collect();
            let spent: Vec<f64> = running.into_iter().filter_map(|thread| thread.join().ok()).collect();
            spent.iter().sum::<f64>() / spent.len() as f64
        })
    }

    /// How many calls take about [`SPENT_GOAL`].
    fn calls(&self) -> u32 {
        black_box((self.run)(KEYS as u32));
        let before = cpu_nanos();
        black_box((self.run)(KEYS as u32));
        let call = (cpu_nanos() - before) / KEYS as f64;
        (SPENT_GOAL / call).clamp(CALLS_MIN, CALLS_MAX) as u32
    }
}

/// An empty call, and the clock.
pub(crate) fn floors() -> Vec<Case> {
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    vec![
        Case::plain("empty call", Group::Floor, move |i| nothing(&keys[i as usize % KEYS])),
        Case::plain("Instant::now", Group::Floor, |_| {
            black_box(Instant::now());
            true
        }),
    ]
}

#[inline(never)]
fn nothing(key: &str) -> bool {
    black_box(key).is_empty()
}

/// Response times from 0.7 µs to 20 ms, made beforehand.
static ELAPSED: [Duration; KEYS] = {
    let mut times = [Duration::ZERO; KEYS];
    let mut i = 0;
    while i < KEYS {
        times[i] = Duration::from_nanos(i as u64 * 20_000 + 700);
        i += 1;
    }
    times
};

/// A response time for call number `i`.
#[inline(always)]
pub(crate) fn elapsed(i: u32) -> Duration {
    ELAPSED[i as usize % KEYS]
}

/// CPU time of this thread so far, ns.
fn cpu_nanos() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
