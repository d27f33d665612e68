//! What happened to assigned requests: counts per epoch, variant and instance.
//!
//! Counts are cumulative in a data plane and only grow, so merging two reports of one source is
//! taking the later one, and a lost or repeated report changes nothing. The difference of two
//! cumulative counts is a [`Counts`] too: what an evaluation is fed with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Epoch, Histogram, Variant};

/// Which requests a count is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellKey {
    /// The epoch they were assigned under.
    pub epoch: Epoch,
    /// The version that served them.
    pub variant: Variant,
    /// Upstream instance (proxy) or the process itself (SDK), such as `10.0.0.7:8082`.
    pub instance: String,
}

/// Counts of requests, cumulative or a difference. All fields only grow in a data plane.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Requests with an outcome.
    pub requests: u64,
    /// Of them, errors (contract: 5xx, connect failure, time-out, body cut short, bad gRPC status).
    pub errors: u64,
    /// Of the errors, those whose key failed on its previous canary request too.
    pub repeat_errors: u64,
    /// Consecutive requests cut into batches.
    pub batches: Batches,
    /// 4xx answers.
    pub client_errors: u64,
    /// Requests the client gave up on; no errors.
    pub client_aborts: u64,
    /// Assignments dropped without an outcome (SDK).
    pub abandoned: u64,
    /// Response times.
    pub duration: DurationStats,
    /// Satisfaction counts, of requests that were no errors.
    pub apdex: Apdex,
    /// Units of randomisation first assigned: distinct keys (of up to 65 536 cells of their hash) plus requests
    /// without a key. 0 where a data plane does not count them; requests then stand for them.
    pub units: u64,
    /// Custom metrics by name.
    pub metrics: BTreeMap<String, MetricSums>,
}

/// Batches of consecutive requests of one instance and variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Batches {
    /// Requests a batch; 0 when batches are not kept.
    pub size: u64,
    /// Whole batches.
    pub total: u64,
    /// Of them, with more failures than allowed.
    pub bad: u64,
}

/// Response times: sums in ms and ms², and the histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DurationStats {
    /// Sum of durations, ms.
    pub sum_ms: f64,
    /// Sum of squared durations, ms².
    pub sum_squares: f64,
    /// Counts per bucket.
    pub histogram: Histogram,
}

/// Apdex counts. The rest of the requests are frustrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Apdex {
    /// No error and response time up to T.
    pub satisfied: u64,
    /// No error and response time above T and up to 4 T.
    pub tolerating: u64,
}

/// Sums of one custom metric.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MetricSums {
    /// Values.
    pub count: u64,
    /// Their sum, in the metric's unit.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
}

impl Counts {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Counts::default()
    }

    /// Adds `other`, for example a difference or another instance.
    pub fn merge(&mut self, other: &Counts) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.repeat_errors = self.repeat_errors.saturating_add(other.repeat_errors);
        self.batches.size = self.batches.size.max(other.batches.size);
        self.batches.total = self.batches.total.saturating_add(other.batches.total);
        self.batches.bad = self.batches.bad.saturating_add(other.batches.bad);
        self.client_errors = self.client_errors.saturating_add(other.client_errors);
        self.client_aborts = self.client_aborts.saturating_add(other.client_aborts);
        self.abandoned = self.abandoned.saturating_add(other.abandoned);
        self.duration.sum_ms += other.duration.sum_ms;
        self.duration.sum_squares += other.duration.sum_squares;
        self.duration.histogram.merge(&other.duration.histogram);
        self.apdex.satisfied = self.apdex.satisfied.saturating_add(other.apdex.satisfied);
        self.apdex.tolerating = self.apdex.tolerating.saturating_add(other.apdex.tolerating);
        self.units = self.units.saturating_add(other.units);
        for (name, sums) in &other.metrics {
            let mine = self.metrics.entry(name.clone()).or_default();
            mine.count = mine.count.saturating_add(sums.count);
            mine.sum += sums.sum;
            mine.sum_squares += sums.sum_squares;
        }
    }

    /// What `self` counted more than `earlier`; a count that went back gives zero, never less.
    pub fn minus(&self, earlier: &Counts) -> Counts {
        let mut metrics = BTreeMap::new();
        for (name, now) in &self.metrics {
            let was = earlier.metrics.get(name).copied().unwrap_or_default();
            if now.count > was.count {
                let sums = MetricSums {
                    count: now.count - was.count,
                    sum: now.sum - was.sum,
                    sum_squares: (now.sum_squares - was.sum_squares).max(0.0),
                };
                metrics.insert(name.clone(), sums);
            }
        }
        let batches = Batches {
            size: self.batches.size,
            total: self.batches.total.saturating_sub(earlier.batches.total),
            bad: self.batches.bad.saturating_sub(earlier.batches.bad),
        };
        let mut delta = Counts {
            requests: self.requests.saturating_sub(earlier.requests),
            errors: self.errors.saturating_sub(earlier.errors),
            repeat_errors: self.repeat_errors.saturating_sub(earlier.repeat_errors),
            batches: if batches.total == 0 { Batches::default() } else { batches },
            client_errors: self.client_errors.saturating_sub(earlier.client_errors),
            client_aborts: self.client_aborts.saturating_sub(earlier.client_aborts),
            abandoned: self.abandoned.saturating_sub(earlier.abandoned),
            duration: DurationStats::default(),
            apdex: Apdex {
                satisfied: self.apdex.satisfied.saturating_sub(earlier.apdex.satisfied),
                tolerating: self.apdex.tolerating.saturating_sub(earlier.apdex.tolerating),
            },
            units: self.units.saturating_sub(earlier.units),
            metrics,
        };
        let histogram = self.duration.histogram.minus(&earlier.duration.histogram);
        if !histogram.is_empty() {
            delta.duration = DurationStats {
                sum_ms: (self.duration.sum_ms - earlier.duration.sum_ms).max(0.0),
                sum_squares: (self.duration.sum_squares - earlier.duration.sum_squares).max(0.0),
                histogram,
            };
        }
        delta
    }

    /// Errors in percent of requests, `None` without requests.
    pub fn error_rate_percent(&self) -> Option<f64> {
        (self.requests > 0).then(|| 100.0 * self.errors as f64 / self.requests as f64)
    }

    /// Mean response time in ms, `None` without timed requests.
    pub fn mean_ms(&self) -> Option<f64> {
        let timed = self.duration.histogram.total();
        (timed > 0).then(|| self.duration.sum_ms / timed as f64)
    }

    /// Apdex, 0 to 1: (satisfied + tolerating / 2) / requests; errors and the rest are frustrated.
    /// `None` without requests. Source: Apdex Alliance, technical specification 1.1.
    pub fn apdex_score(&self) -> Option<f64> {
        let good = self.requests.saturating_sub(self.errors);
        let satisfied = self.apdex.satisfied.min(good);
        let tolerating = self.apdex.tolerating.min(good - satisfied);
        (self.requests > 0).then(|| (satisfied as f64 + 0.5 * tolerating as f64) / self.requests as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, errors: u64) -> Counts {
        let mut c = Counts { requests, errors, ..Counts::default() };
        for i in 0..requests {
            c.duration.histogram.record_ms(10.0 + i as f64);
            c.duration.sum_ms += 10.0 + i as f64;
        }
        c
    }

    #[test]
    fn a_difference_added_back_gives_the_later_count() {
        let (early, late) = (counts(10, 1), counts(25, 4));
        let mut sum = early.clone();
        sum.merge(&late.minus(&early));
        assert_eq!((sum.requests, sum.errors), (25, 4));
        assert_eq!(sum.duration.histogram, late.duration.histogram);
    }

    #[test]
    fn a_count_that_went_back_changes_nothing() {
        assert!(counts(3, 0).minus(&counts(10, 1)).is_empty());
    }

    #[test]
    fn rates_without_requests_are_unknown_not_zero() {
        let none = Counts::default();
        assert_eq!((none.error_rate_percent(), none.mean_ms(), none.apdex_score()), (None, None, None));
        assert_eq!(counts(4, 1).error_rate_percent(), Some(25.0));
    }
}
