//! Counts of one epoch, variant and instance by one writer: a slot.
//!
//! Only one thread writes at a time; the reporter reads whenever it likes. Fields are written in the
//! order requests, errors, repeat errors and read in the opposite order, so that a report never shows more
//! errors than requests. A slot stands on cache lines of its own, so that threads do not slow each other.

use fw_model::{
    Apdex, Batches, Counts, DurationStats, Histogram, INDEX_MAX, INDEX_MIN, bucket_of_nanos, nanos_to_f64,
};

use super::counter::{Counter, Sum};

/// Requests in a batch (contract section 6, `batches`).
pub const BATCH_SIZE: u64 = 20;
const BUCKETS: usize = (INDEX_MAX - INDEX_MIN + 1) as usize;

/// One slot: 4.2 KiB.
#[derive(Debug)]
#[repr(align(128))]
pub struct Slot {
    requests: Counter,
    errors: Counter,
    repeat_errors: Counter,
    units: Counter,
    client_errors: Counter,
    client_aborts: Counter,
    abandoned: Counter,
    satisfied: Counter,
    tolerating: Counter,
    batches: Counter,
    bad_batches: Counter,
    batch_filled: Counter,
    batch_failed: Counter,
    sum_nanos: Counter,
    sum_squares: Sum,
    buckets: [Counter; BUCKETS],
}

/// What is known of a request when its response head has come, or can't come any more.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Whether it counts as an error.
    pub error: bool,
    /// The error's key failed on its previous canary request too.
    pub repeat: bool,
    /// A 4xx answer.
    pub client_error: bool,
    /// Response time in ns; none where it says nothing (upgraded, never answered).
    pub nanos: Option<u64>,
    /// Apdex target T in ns.
    pub apdex_nanos: u64,
}

impl Default for Slot {
    fn default() -> Slot {
        Slot {
            requests: Counter::default(),
            errors: Counter::default(),
            repeat_errors: Counter::default(),
            units: Counter::default(),
            client_errors: Counter::default(),
            client_aborts: Counter::default(),
            abandoned: Counter::default(),
            satisfied: Counter::default(),
            tolerating: Counter::default(),
            batches: Counter::default(),
            bad_batches: Counter::default(),
            batch_filled: Counter::default(),
            batch_failed: Counter::default(),
            sum_nanos: Counter::default(),
            sum_squares: Sum::default(),
            buckets: std::array::from_fn(|_| Counter::default()),
        }
    }
}

impl Slot {
    /// A unit of randomisation was assigned.
    #[inline]
    pub fn record_unit(&self) {
        self.units.bump();
    }

    /// Counts a request with its outcome.
    // Always inlined: most of an outcome is constant where it is made, and a call would pass it through memory.
    #[inline(always)]
    pub fn record(&self, outcome: Outcome) {
        self.requests.bump();
        self.batch(outcome.error);
        if outcome.error {
            self.count_error(outcome.repeat);
        } else if outcome.client_error {
            self.client_errors.bump();
        }
        let Some(nanos) = outcome.nanos else { return };
        if !outcome.error {
            if nanos <= outcome.apdex_nanos {
                self.satisfied.bump();
            } else if nanos <= outcome.apdex_nanos.saturating_mul(4) {
                self.tolerating.bump();
            }
        }
        self.sum_nanos.add(nanos);
        let ms = nanos_to_f64(nanos) * 1e-6;
        self.sum_squares.add(ms * ms);
        // bucket_of_nanos stays inside INDEX_MIN..=INDEX_MAX.
        self.buckets[(bucket_of_nanos(nanos) - INDEX_MIN) as usize].bump();
    }

    /// A request counted as good turned out bad: its body was cut short, or its trailers say so.
    pub fn record_late_error(&self, repeat: bool) {
        self.batch_failed.set(1);
        self.count_error(repeat);
    }

    /// The client gave up.
    pub fn record_client_abort(&self) {
        self.client_aborts.bump();
    }

    /// An assignment ended without an outcome.
    pub fn record_abandoned(&self) {
        self.abandoned.bump();
    }

    fn count_error(&self, repeat: bool) {
        self.errors.bump();
        if repeat {
            self.repeat_errors.bump();
        }
    }

    #[inline]
    fn batch(&self, failed: bool) {
        if failed {
            self.batch_failed.set(1);
        }
        let filled = self.batch_filled.own() + 1;
        if filled < BATCH_SIZE {
            self.batch_filled.set(filled);
            return;
        }
        self.batch_filled.set(0);
        self.batches.bump();
        if self.batch_failed.own() != 0 {
            self.batch_failed.set(0);
            self.bad_batches.bump();
        }
    }

    /// The counts now. Consistent in the sense that parts never exceed their whole.
    pub fn read(&self) -> Counts {
        let repeat_errors = self.repeat_errors.get();
        let errors = self.errors.get();
        let bad = self.bad_batches.get();
        let apdex = Apdex { satisfied: self.satisfied.get(), tolerating: self.tolerating.get() };
        let client_errors = self.client_errors.get();
        let dense: Vec<u64> = self.buckets.iter().map(Counter::get).collect();
        let total = self.batches.get();
        Counts {
            errors,
            repeat_errors,
            batches: Batches { size: if total > 0 { BATCH_SIZE } else { 0 }, total, bad },
            client_errors,
            client_aborts: self.client_aborts.get(),
            abandoned: self.abandoned.get(),
            duration: DurationStats {
                sum_ms: self.sum_nanos.get() as f64 / 1e6,
                sum_squares: self.sum_squares.get(),
                histogram: Histogram::from_dense(INDEX_MIN, &dense),
            },
            apdex,
            requests: self.requests.get(),
            units: self.units.get(),
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
        let slot = Slot::default();
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
        let slot = Slot::default();
        (0..39).for_each(|i| slot.record(Outcome { error: i == 25, ..good(1) }));
        assert_eq!(slot.read().batches, Batches { size: 20, total: 1, bad: 0 });
        slot.record(good(1));
        assert_eq!(slot.read().batches, Batches { size: 20, total: 2, bad: 1 });
        slot.record_late_error(false);
        (0..20).for_each(|_| slot.record(good(1)));
        assert_eq!(slot.read().batches, Batches { size: 20, total: 3, bad: 2 });
    }
}
