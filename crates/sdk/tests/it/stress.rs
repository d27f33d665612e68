//! Work that uses every way to record, on threads that start and end all the time, and what must be counted of it.
//!
//! Shared by the tests and by the example `stress`. Sums are of whole numbers below 2^53, so that they are exact too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fw_model::{Counts, Variant};
use fw_sdk::{Assignment, Outcome, Rollout};

/// Threads at once.
pub(crate) const THREADS: u64 = 8;
/// Steps of one thread before it ends and another takes its place.
const LIFE: u64 = 50_000;

/// What was recorded, or counted, of one variant.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Totals {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) client_errors: u64,
    pub(crate) client_aborts: u64,
    pub(crate) abandoned: u64,
    /// Requests in the histogram of response times.
    pub(crate) timed: u64,
    /// Values of the metric `revenue`, and their sum.
    pub(crate) values: u64,
    pub(crate) sum: f64,
}

impl From<&Counts> for Totals {
    fn from(counts: &Counts) -> Totals {
        let revenue = counts.metrics.get("revenue").copied().unwrap_or_default();
        Totals {
            requests: counts.requests,
            errors: counts.errors,
            client_errors: counts.client_errors,
            client_aborts: counts.client_aborts,
            abandoned: counts.abandoned,
            timed: counts.duration.histogram.total(),
            values: revenue.count,
            sum: revenue.sum,
        }
    }
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Totals) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.client_errors += other.client_errors;
        self.client_aborts += other.client_aborts;
        self.abandoned += other.abandoned;
        self.timed += other.timed;
        self.values += other.values;
        self.sum += other.sum;
    }

    fn add_value(&mut self, value: f64) {
        self.values += 1;
        self.sum += value;
    }

    fn add_outcome(&mut self, outcome: Outcome) {
        if outcome == Outcome::ClientAbort {
            self.client_aborts += 1;
            return;
        }
        self.requests += 1;
        self.timed += 1;
        self.errors += u64::from(outcome == Outcome::Error);
        self.client_errors += u64::from(outcome == Outcome::ClientError);
    }
}

/// By variant, in the order of `Variant::index`.
pub(crate) type Both = [Totals; 2];

/// `each` steps on each of [`THREADS`] threads, while `meanwhile` watches how many are done; what was recorded.
pub(crate) fn work(rollout: &Rollout, each: u64, meanwhile: impl FnOnce(&AtomicU64)) -> Both {
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let line = |thread: u64| {
            let mut recorded = Both::default();
            for start in (0..each).step_by(LIFE as usize) {
                let (rollout, from) = (rollout.clone(), thread * each + start);
                let count = LIFE.min(each - start);
                let one = std::thread::spawn(move || life(&rollout, from, count));
                merge(&mut recorded, &one.join().unwrap());
                done.fetch_add(count, Ordering::Relaxed);
            }
            recorded
        };
        let lines: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || line(thread))).collect();
        meanwhile(&done);
        let mut recorded = Both::default();
        lines.into_iter().for_each(|line| merge(&mut recorded, &line.join().unwrap()));
        recorded
    })
}

fn merge(all: &mut Both, more: &Both) {
    all.iter_mut().zip(more).for_each(|(all, more)| all.add(more));
}

/// The life of one thread.
pub(crate) fn life(rollout: &Rollout, from: u64, count: u64) -> Both {
    let mut recorded = Both::default();
    (from..from + count).for_each(|i| step(rollout, i, &mut recorded));
    recorded
}

/// One step: an assignment with its outcome, a request of the canary, or a value.
#[inline]
fn step(rollout: &Rollout, i: u64, recorded: &mut Both) {
    let elapsed = Duration::from_micros(i % 100_000);
    let value = (i % 1000) as f64;
    match i % 8 {
        0..=3 => end(rollout.assign(i.to_le_bytes()), i, elapsed, recorded),
        4 => end(rollout.assign_random(), i, elapsed, recorded),
        5 => {
            let assignment = rollout.assign(i.to_le_bytes());
            assignment.record_custom_metric("revenue", value).unwrap();
            recorded[assignment.variant().index()].add_value(value);
            end(assignment, i, elapsed, recorded);
        }
        6 => {
            let ok = !i.is_multiple_of(70);
            rollout.record_request(ok, elapsed);
            recorded[Variant::Canary.index()].add_outcome(Outcome::from(ok));
        }
        _ => {
            rollout.record_custom_metric("revenue", value).unwrap();
            recorded[Variant::Canary.index()].add_value(value);
        }
    }
}

#[inline]
fn end(assignment: Assignment<'_>, i: u64, elapsed: Duration, recorded: &mut Both) {
    let totals = &mut recorded[assignment.variant().index()];
    let outcome = match i % 1000 {
        0 => {
            totals.abandoned += 1;
            return drop(assignment);
        }
        1..=9 => Outcome::Error,
        10..=19 => Outcome::ClientError,
        20..=24 => Outcome::ClientAbort,
        _ => Outcome::Success,
    };
    totals.add_outcome(outcome);
    assignment.record(outcome, elapsed);
}
