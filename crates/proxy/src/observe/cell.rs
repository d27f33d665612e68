//! Counts of one epoch, variant and instance in one worker: a single-writer slot.
//!
//! Only the worker's thread writes, so an increment is a relaxed load and a store, no locked
//! instruction; the reporter reads whenever it likes. Fields are written in the order requests,
//! errors, repeat errors and read in the opposite order, so that a report never shows more errors than requests.

use std::sync::atomic::{AtomicU64, Ordering};

use fw_model::{Apdex, Batches, Counts, DurationStats, Histogram, INDEX_MAX, INDEX_MIN, bucket_of_nanos};

/// Requests in a batch (contract section 6, `batches`).
pub(crate) const BATCH_SIZE: u64 = 20;
const BUCKETS: usize = (INDEX_MAX - INDEX_MIN + 1) as usize;

/// One slot.
#[derive(Debug)]
pub(crate) struct Slot {
    units: AtomicU64,
    requests: AtomicU64,
    errors: AtomicU64,
    repeat_errors: AtomicU64,
    client_errors: AtomicU64,
    client_aborts: AtomicU64,
    satisfied: AtomicU64,
    tolerating: AtomicU64,
    batches: AtomicU64,
    bad_batches: AtomicU64,
    batch_filled: AtomicU64,
    batch_failed: AtomicU64,
    sum_ms: AtomicU64,
    sum_squares: AtomicU64,
    buckets: Box<[AtomicU64]>,
}

/// What is known of a request when its response head has come, or can't come any more.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) error: bool,
    /// The error's key failed on its previous canary request too.
    pub(crate) repeat: bool,
    /// A 4xx answer.
    pub(crate) client_error: bool,
    /// Response time in ns; none where it says nothing (upgraded, never answered).
    pub(crate) nanos: Option<u64>,
    /// Apdex target T in ns.
    pub(crate) apdex_nanos: u64,
}

fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
}

fn add(sum: &AtomicU64, value: f64) {
    let old = f64::from_bits(sum.load(Ordering::Relaxed));
    sum.store((old + value).to_bits(), Ordering::Relaxed);
}

impl Slot {
    pub(crate) fn new() -> Slot {
        let zero = || AtomicU64::new(0);
        Slot {
            units: zero(),
            requests: zero(),
            errors: zero(),
            repeat_errors: zero(),
            client_errors: zero(),
            client_aborts: zero(),
            satisfied: zero(),
            tolerating: zero(),
            batches: zero(),
            bad_batches: zero(),
            batch_filled: zero(),
            batch_failed: zero(),
            sum_ms: zero(),
            sum_squares: zero(),
            buckets: (0..BUCKETS).map(|_| zero()).collect(),
        }
    }

    /// A unit of randomisation was assigned.
    pub(crate) fn record_unit(&self) {
        bump(&self.units);
    }

    /// Counts a request with its outcome.
    pub(crate) fn record(&self, outcome: Outcome) {
        bump(&self.requests);
        self.batch(outcome.error);
        if outcome.error {
            self.count_error(outcome.repeat);
        } else if outcome.client_error {
            bump(&self.client_errors);
        }
        let Some(nanos) = outcome.nanos else { return };
        if !outcome.error {
            if nanos <= outcome.apdex_nanos {
                bump(&self.satisfied);
            } else if nanos <= outcome.apdex_nanos.saturating_mul(4) {
                bump(&self.tolerating);
            }
        }
        let ms = nanos as f64 / 1e6;
        add(&self.sum_ms, ms);
        add(&self.sum_squares, ms * ms);
        // bucket_of_nanos stays inside INDEX_MIN..=INDEX_MAX.
        bump(&self.buckets[(bucket_of_nanos(nanos) - INDEX_MIN) as usize]);
    }

    /// A request counted as good turned out bad: its body was cut short, or its trailers say so.
    pub(crate) fn record_late_error(&self, repeat: bool) {
        self.batch_failed.store(1, Ordering::Relaxed);
        self.count_error(repeat);
    }

    /// The client gave up.
    pub(crate) fn record_client_abort(&self) {
        bump(&self.client_aborts);
    }

    fn count_error(&self, repeat: bool) {
        bump(&self.errors);
        if repeat {
            bump(&self.repeat_errors);
        }
    }

    fn batch(&self, failed: bool) {
        if failed {
            self.batch_failed.store(1, Ordering::Relaxed);
        }
        let filled = self.batch_filled.load(Ordering::Relaxed) + 1;
        if filled < BATCH_SIZE {
            self.batch_filled.store(filled, Ordering::Relaxed);
            return;
        }
        self.batch_filled.store(0, Ordering::Relaxed);
        bump(&self.batches);
        if self.batch_failed.swap(0, Ordering::Relaxed) != 0 {
            bump(&self.bad_batches);
        }
    }

    /// The counts now. Consistent in the sense that parts never exceed their whole.
    pub(crate) fn read(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let repeat_errors = get(&self.repeat_errors);
        let errors = get(&self.errors);
        let bad = get(&self.bad_batches);
        let apdex = Apdex { satisfied: get(&self.satisfied), tolerating: get(&self.tolerating) };
        let client_errors = get(&self.client_errors);
        let dense: Vec<u64> = self.buckets.iter().map(get).collect();
        let total = get(&self.batches);
        Counts {
            errors,
            repeat_errors,
            batches: Batches { size: if total > 0 { BATCH_SIZE } else { 0 }, total, bad },
            client_errors,
            client_aborts: get(&self.client_aborts),
            duration: DurationStats {
                sum_ms: f64::from_bits(get(&self.sum_ms)),
                sum_squares: f64::from_bits(get(&self.sum_squares)),
                histogram: Histogram::from_dense(INDEX_MIN, &dense),
            },
            apdex,
            requests: get(&self.requests),
            units: get(&self.units),
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 500_000_000;

    fn good(ms: u64) -> Outcome {
        Outcome { nanos: Some(ms * 1_000_000), apdex_nanos: T, ..Outcome::default() }
    }

    #[test]
    fn outcomes_land_in_their_counts() {
        let slot = Slot::new();
        [10, 500, 501, 2000, 2001].into_iter().for_each(|ms| slot.record(good(ms)));
        slot.record(Outcome { error: true, repeat: true, ..good(3) });
        slot.record(Outcome { client_error: true, ..good(3) });
        slot.record(Outcome { error: true, nanos: None, ..good(0) });
        let counts = slot.read();
        assert_eq!(
            (counts.requests, counts.errors, counts.repeat_errors, counts.client_errors),
            (8, 2, 1, 1)
        );
        assert_eq!((counts.apdex.satisfied, counts.apdex.tolerating), (3, 2));
        assert_eq!(counts.duration.histogram.total(), 7);
        assert!((counts.duration.sum_ms - 5018.0).abs() < 1e-6);
    }

    #[test]
    fn twenty_requests_are_a_batch_and_one_failure_makes_it_bad() {
        let slot = Slot::new();
        (0..39).for_each(|i| slot.record(Outcome { error: i == 25, ..good(1) }));
        assert_eq!(slot.read().batches, Batches { size: 20, total: 1, bad: 0 });
        slot.record(good(1));
        assert_eq!(slot.read().batches, Batches { size: 20, total: 2, bad: 1 });
        slot.record_late_error(false);
        (0..20).for_each(|_| slot.record(good(1)));
        assert_eq!(slot.read().batches, Batches { size: 20, total: 3, bad: 2 });
    }
}
