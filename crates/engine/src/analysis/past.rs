//! What stable did lately: a fading histogram of its response times, from which thresholds are taken.
//!
//! A threshold is predictable: it comes from looks before the one it judges. Fading is done by letting
//! newer counts weigh more, so a look touches only the buckets it has counts for.

use fw_model::{Histogram, INDEX_MAX, INDEX_MIN, bucket_upper_ms};
use fw_stats::latency::{self, MEMORY_SECONDS, Threshold};

/// Empty buckets kept above the highest one with counts: a threshold must have buckets above it.
const ROOM: usize = 3;
/// Weight of the newest count at which all weights are scaled down.
const WEIGHT_MAX: f64 = 1e12;

/// Stable's response times, newer ones weighing more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Past {
    /// Bucket index of the first weight.
    offset: i32,
    weights: Vec<f64>,
    /// Weight of a count taken in now.
    newest: f64,
}

impl Default for Past {
    fn default() -> Self {
        Past { offset: 0, weights: vec![], newest: 1.0 }
    }
}

/// Where stable's quantile lies, and how much more than it a canary request must take to count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Edge {
    /// Stable requests in buckets above this one exceed the quantile.
    pub(crate) stable: i32,
    /// Canary requests in buckets above this one count against it.
    pub(crate) canary: i32,
    /// Stable's share above, in the past.
    pub(crate) base: f64,
}

impl Edge {
    /// What a canary request must exceed, ms.
    pub(crate) fn canary_ms(self) -> f64 {
        bucket_upper_ms(self.canary)
    }
}

impl Past {
    /// Takes in what stable did in a look that took so long; after the look was judged.
    pub(crate) fn update(&mut self, stable: &Histogram, seconds: f64) {
        self.newest *= (seconds.clamp(0.0, 100.0 * MEMORY_SECONDS) / MEMORY_SECONDS).exp();
        self.add(stable);
        if self.newest > WEIGHT_MAX {
            self.weights.iter_mut().for_each(|weight| *weight /= self.newest);
            self.newest = 1.0;
        }
    }

    fn add(&mut self, counts: &Histogram) {
        for (index, count) in counts.iter() {
            let index = index.clamp(INDEX_MIN, INDEX_MAX);
            if self.weights.is_empty() {
                self.offset = index;
            }
            if index < self.offset {
                let missing = (self.offset - index) as usize;
                self.weights.splice(0..0, std::iter::repeat_n(0.0, missing));
                self.offset = index;
            }
            let place = (index - self.offset) as usize;
            if place + ROOM >= self.weights.len() {
                self.weights.resize(place + ROOM + 1, 0.0);
            }
            self.weights[place] += count as f64 * self.newest;
        }
    }

    /// The edge of a quantile for a canary that may be slower by `margin` (a fraction) or by `floor_ms`.
    pub(crate) fn edge(&self, quantile: f64, margin: f64, floor_ms: f64) -> Option<Edge> {
        let Threshold { edge, base } = latency::threshold(&self.weights, quantile)?;
        let stable = self.offset + edge as i32;
        let at = bucket_upper_ms(stable);
        let canary = bucket_reaching(((1.0 + margin) * at).max(at + floor_ms)).max(stable);
        Some(Edge { stable, canary, base })
    }

    /// As [`Past::edge`], one bucket below: more of stable's requests than 1 − `quantile` lie above it, however alike
    /// they are. What must be shown not to be much slower needs something to be faster than.
    pub(crate) fn edge_below(&self, quantile: f64, margin: f64, floor_ms: f64) -> Option<Edge> {
        let Threshold { edge, .. } = latency::threshold(&self.weights, quantile)?;
        let total: f64 = self.weights.iter().sum();
        let above: f64 = self.weights.iter().skip(edge).sum();
        let stable = self.offset + edge as i32 - 1;
        let at = bucket_upper_ms(stable);
        let canary = bucket_reaching(((1.0 + margin) * at).max(at + floor_ms)).max(stable);
        Some(Edge { stable, canary, base: above / total })
    }

    /// A quantile, ms (the top of its bucket); none before any count.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let found = latency::threshold(&self.weights, quantile)?;
        Some(bucket_upper_ms(self.offset + found.edge as i32))
    }

    pub(crate) fn parts(&self) -> Vec<f64> {
        [f64::from(self.offset), self.newest].into_iter().chain(self.weights.iter().copied()).collect()
    }

    pub(crate) fn from_parts(parts: &[f64]) -> Option<Past> {
        let (&[offset, newest], weights) = parts.split_first_chunk::<2>()?;
        let sound = (f64::from(INDEX_MIN)..=f64::from(INDEX_MAX)).contains(&offset) && newest > 0.0;
        let fits = weights.len() <= (INDEX_MAX - INDEX_MIN + 1) as usize + ROOM;
        (sound && fits).then(|| Past { offset: offset as i32, weights: weights.to_vec(), newest })
    }
}

/// The lowest bucket whose top is at least this, ms.
fn bucket_reaching(ms: f64) -> i32 {
    // A top that is meant exactly is not missed for an ulp.
    ((16.0 * ms.max(f64::MIN_POSITIVE).log2() - 1.0 - 1e-9).ceil() as i32).clamp(INDEX_MIN, INDEX_MAX)
}

/// Counts in buckets above `edge`.
pub(crate) fn above(counts: &Histogram, edge: i32) -> f64 {
    let first = i64::from(edge) + 1 - i64::from(counts.offset);
    let from = usize::try_from(first).unwrap_or(0).min(counts.counts.len());
    counts.counts[from..].iter().map(|count| *count as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(ms: &[(f64, u64)]) -> Histogram {
        let mut all = Histogram::default();
        for (ms, count) in ms {
            let mut one = Histogram::default();
            one.record_ms(*ms);
            one.iter().for_each(|(index, _)| all.add(index, *count));
        }
        all
    }

    fn seeded(before: &Histogram, seconds: f64) -> Past {
        let mut past = Past::default();
        past.update(before, seconds);
        past
    }

    #[test]
    fn the_edge_is_the_quantile_and_the_canarys_is_higher_by_the_margin_or_the_floor() {
        let past = seeded(&histogram(&[(100.0, 900), (400.0, 100)]), 60.0);
        let edge = past.edge(0.5, 0.05, 5.0).unwrap();
        assert!(bucket_upper_ms(edge.stable) >= 100.0 && bucket_upper_ms(edge.stable) < 105.0);
        assert!(edge.canary_ms() >= 1.05 * bucket_upper_ms(edge.stable), "{edge:?}");
        assert!((edge.base - 0.1).abs() < 1e-9);
        let fast = seeded(&histogram(&[(1.0, 1000)]), 60.0);
        assert!(fast.edge(0.5, 0.05, 5.0).unwrap().canary_ms() >= 6.0);
        assert_eq!(Past::default().edge(0.5, 0.05, 5.0), None);
    }

    #[test]
    fn below_the_edge_there_is_always_something_above() {
        let alike = seeded(&histogram(&[(100.0, 1000)]), 60.0);
        assert!(alike.edge(0.9, 0.25, 5.0).unwrap().base < 1e-9);
        let edge = alike.edge_below(0.9, 0.25, 5.0).unwrap();
        assert!((edge.base - 1.0).abs() < 1e-9 && edge.canary_ms() > 120.0, "{edge:?}");
        let spread = seeded(&histogram(&[(100.0, 850), (200.0, 150)]), 60.0);
        let edge = spread.edge_below(0.9, 0.25, 5.0).unwrap();
        assert!((edge.base - 0.15).abs() < 1e-9, "{edge:?}");
    }

    #[test]
    fn what_is_old_fades_and_what_is_stored_comes_back() {
        let mut past = seeded(&histogram(&[(100.0, 1000)]), 600.0);
        for _ in 0..4000 {
            past.update(&histogram(&[(10.0, 1)]), 10.0);
        }
        assert!(past.quantile_ms(0.99).unwrap() < 11.0);
        assert_eq!(Past::from_parts(&past.parts()), Some(past.clone()));
        assert_eq!(Past::from_parts(&[1.0]), None);
        past.update(&histogram(&[(1e9, u64::MAX)]), f64::MAX);
        assert!(past.weights.iter().all(|w| w.is_finite()), "{past:?}");
    }

    #[test]
    fn a_bucket_reaches_what_its_top_reaches() {
        for index in -100..300 {
            assert_eq!(bucket_reaching(bucket_upper_ms(index)), index);
            assert_eq!(bucket_reaching(bucket_upper_ms(index) * 1.001), index + 1);
        }
    }
}
