//! Counts as reports show them: enough to say rates and quantiles, and to add up.
//!
//! Raw counts are kept, what follows from them is worked out when it is shown. The histogram is sparse.

use std::collections::BTreeMap;

use fw_model::{Apdex, Batches, Counts, DurationStats, Histogram, MetricSums};
use fw_stats::sequence;
use serde::{Deserialize, Serialize};

/// Level of the intervals in reports: each holds at every look with 95 %.
pub(crate) const ALPHA: f64 = 0.05;

/// What happened to requests of one version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Figures {
    /// Requests with an outcome.
    pub requests: u64,
    /// Of them, errors.
    pub errors: u64,
    /// 4xx answers.
    pub client_errors: u64,
    /// Requests the client gave up on; they are in no other count.
    pub client_aborts: u64,
    /// Assignments without an outcome.
    pub abandoned: u64,
    /// Sum of response times, ms.
    pub sum_ms: f64,
    /// Response times by bucket of the model's histogram: index and count.
    pub histogram: Vec<(i32, u64)>,
    /// Requests within the Apdex target.
    pub satisfied: u64,
    /// Requests within four times the target.
    pub tolerating: u64,
    /// Custom metrics by name.
    pub metrics: BTreeMap<String, MetricFigures>,
}

/// Sums of a custom metric, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricFigures {
    /// Values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
}

impl Figures {
    /// The counts of the model.
    pub fn of(counts: &Counts) -> Figures {
        let metric = |sums: &MetricSums| MetricFigures {
            count: sums.count,
            sum: sums.sum,
            sum_squares: sums.sum_squares,
        };
        Figures {
            requests: counts.requests,
            errors: counts.errors,
            client_errors: counts.client_errors,
            client_aborts: counts.client_aborts,
            abandoned: counts.abandoned,
            sum_ms: counts.duration.sum_ms,
            histogram: counts.duration.histogram.iter().filter(|(_, count)| *count > 0).collect(),
            satisfied: counts.apdex.satisfied,
            tolerating: counts.apdex.tolerating,
            metrics: counts.metrics.iter().map(|(name, sums)| (name.clone(), metric(sums))).collect(),
        }
    }

    /// All of them together.
    pub fn sum<'a>(all: impl Iterator<Item = &'a Figures>) -> Figures {
        let mut counts = Counts::default();
        all.for_each(|figures| counts.merge(&figures.counts()));
        Figures::of(&counts)
    }

    /// Back to the model's counts, which know rates and quantiles; sums of squared times are not kept.
    pub(crate) fn counts(&self) -> Counts {
        let mut histogram = Histogram::default();
        self.histogram.iter().for_each(|(index, count)| histogram.add(*index, *count));
        let metric =
            |m: &MetricFigures| MetricSums { count: m.count, sum: m.sum, sum_squares: m.sum_squares };
        Counts {
            requests: self.requests,
            errors: self.errors,
            repeat_errors: 0,
            batches: Batches::default(),
            client_errors: self.client_errors,
            client_aborts: self.client_aborts,
            abandoned: self.abandoned,
            duration: DurationStats { sum_ms: self.sum_ms, sum_squares: 0.0, histogram },
            apdex: Apdex { satisfied: self.satisfied, tolerating: self.tolerating },
            units: 0,
            metrics: self.metrics.iter().map(|(name, m)| (name.clone(), metric(m))).collect(),
        }
    }

    /// Errors, percent of requests; none without requests.
    pub fn error_rate(&self) -> Option<f64> {
        self.counts().error_rate_percent()
    }

    /// An interval of the error rate that holds at every look with 95 %, percent; none without requests.
    pub fn error_interval(&self) -> Option<(f64, f64)> {
        (self.requests > 0).then(|| {
            let (low, high) = sequence::proportion(self.requests as f64, self.errors as f64, ALPHA);
            (100.0 * low, 100.0 * high)
        })
    }

    /// Mean response time, ms; none without timed requests.
    pub fn mean_ms(&self) -> Option<f64> {
        self.counts().mean_ms()
    }

    /// A quantile of response times, ms (within 4.4 %); none without timed requests.
    pub fn quantile_ms(&self, q: f64) -> Option<f64> {
        self.counts().duration.histogram.quantile_ms(q)
    }

    /// Apdex, 0 to 1; none without requests.
    pub fn apdex(&self) -> Option<f64> {
        self.counts().apdex_score()
    }

    /// Satisfaction as the health score takes it, 0 to 100: the service's own, else Apdex; none without requests.
    pub fn satisfaction(&self) -> Option<f64> {
        fw_engine::rollout::health_of(&self.counts()).map(|health| health.satisfaction)
    }

    /// The health score of these counts, 0 to 100; none without requests.
    pub fn health(&self) -> Option<f64> {
        fw_engine::rollout::health_of(&self.counts()).map(|health| health.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up_and_say_what_the_counts_say() {
        let mut counts = Counts { requests: 10, errors: 1, client_errors: 2, ..Counts::default() };
        (1..=10).for_each(|i| {
            counts.duration.histogram.record_ms(f64::from(i) * 10.0);
            counts.duration.sum_ms += f64::from(i) * 10.0;
        });
        counts.apdex = Apdex { satisfied: 8, tolerating: 1 };
        counts.metrics.insert("revenue".into(), MetricSums { count: 2, sum: 30.0, sum_squares: 500.0 });
        let one = Figures::of(&counts);
        let two = Figures::sum([&one, &one].into_iter());
        assert_eq!((two.requests, two.errors, two.client_errors), (20, 2, 4));
        assert_eq!((one.error_rate(), two.error_rate()), (Some(10.0), Some(10.0)));
        assert_eq!(two.mean_ms(), counts.mean_ms());
        assert_eq!(two.quantile_ms(0.5), counts.duration.histogram.quantile_ms(0.5));
        assert_eq!(two.apdex(), counts.apdex_score());
        assert_eq!(two.metrics["revenue"], MetricFigures { count: 4, sum: 60.0, sum_squares: 1000.0 });
        let (low, high) = one.error_interval().unwrap();
        assert!(low < 10.0 && 10.0 < high);
        let none = Figures::default();
        assert_eq!(
            (none.error_rate(), none.error_interval(), none.apdex(), none.health()),
            (None, None, None, None)
        );
    }
}
