//! One version's requests of one look: drawn per instance, as counts.

use fw_model::{Apdex, Batches, Counts, DurationStats, Histogram, INDEX_MAX, INDEX_MIN, MetricSums};

use super::law::{Cell, Law};
use crate::chance::{Chance, binomial, poisson_known};

/// Requests in a batch (contract section 6).
const BATCH_SIZE: u64 = 20;
/// Response time that the rules of other tools watch, ms.
const WATCHED_MS: f64 = 500.0;
/// Share of requests with a conversion.
const CONVERSION: f64 = 0.05;
/// Median and σ of the logarithm of what a conversion brings in.
const REVENUE: (f64, f64) = (40.0, 0.5);
/// Largest revenue of one conversion that is counted.
pub(crate) const REVENUE_CAP: f64 = 250.0;

/// What one look saw of one version, over its instances.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Requests with an outcome.
    pub(crate) requests: u64,
    /// Of them, errors.
    pub(crate) errors: u64,
    /// Of them, slower than 500 ms.
    pub(crate) over: u64,
    /// Of them, slower than 99 % of stable's.
    pub(crate) slow: u64,
    /// What each instance did.
    pub(crate) instances: Vec<Counts>,
    /// Counts of all instances by bucket, from [`INDEX_MIN`].
    pub(crate) dense: Vec<u32>,
}

/// A law with its cells sorted into the classes that are asked for.
#[derive(Debug, Clone)]
pub(super) struct Outcomes {
    cells: Vec<(Cell, Class)>,
    /// The last mean that was drawn with, and each cell's mean and probability of nothing under it.
    mean: f64,
    means: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Class {
    /// 0 satisfied, 1 tolerating, 2 frustrated.
    apdex: usize,
    over: bool,
    slow: bool,
}

impl Outcomes {
    /// A law seen with this Apdex target, ms.
    pub(super) fn of(law: &Law, target_ms: f64) -> Outcomes {
        let slow_ms = Law::base_point_ms(0.01);
        let cuts = [target_ms, 4.0 * target_ms, WATCHED_MS, slow_ms];
        let class = |cell: Cell| {
            let above = |ms: f64| cell.upper_ms > ms * (1.0 + 1e-9);
            let apdex = usize::from(above(target_ms)) + usize::from(above(4.0 * target_ms));
            (cell, Class { apdex, over: above(WATCHED_MS), slow: above(slow_ms) })
        };
        Outcomes { cells: law.cells(&cuts).into_iter().map(class).collect(), mean: f64::NAN, means: vec![] }
    }

    /// Draws with this many requests expected from now on.
    fn expect(&mut self, mean: f64) {
        if mean != self.mean {
            self.mean = mean;
            let means = self.cells.iter().map(|(cell, _)| mean * cell.p);
            self.means = means.map(|mean| (mean, (-mean).exp())).collect();
        }
    }
}

/// One instance's open batch.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    filled: u64,
    failed: bool,
}

/// The instances of one version.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    batches: Vec<Batch>,
}

impl Arm {
    pub(super) fn of(instances: usize) -> Arm {
        Arm { batches: vec![Batch::default(); instances.max(1)] }
    }

    /// Requests of a look: `mean` expected, each fails with probability `errors`.
    pub(super) fn draw(
        &mut self,
        chance: &mut Chance,
        outcomes: &mut Outcomes,
        mean: f64,
        errors: f64,
        metrics: bool,
    ) -> Seen {
        let mut seen = Seen { dense: vec![0; (INDEX_MAX - INDEX_MIN + 1) as usize], ..Seen::default() };
        outcomes.expect((mean / self.batches.len() as f64).max(0.0));
        for batch in &mut self.batches {
            let mut counts = timed(chance, outcomes, errors, &mut seen);
            counts.batches = cut(chance, batch, counts.requests, counts.errors);
            if metrics {
                convert(chance, &mut counts);
            }
            seen.requests += counts.requests;
            seen.errors += counts.errors;
            seen.instances.push(counts);
        }
        seen
    }
}

/// Requests, times, errors and Apdex of one instance.
fn timed(chance: &mut Chance, outcomes: &Outcomes, errors: f64, seen: &mut Seen) -> Counts {
    let mut histogram = Histogram::default();
    let mut duration = DurationStats::default();
    let mut classes = [0_u64; 3];
    let mut requests = 0;
    for ((cell, class), (mean, none)) in outcomes.cells.iter().zip(&outcomes.means) {
        let n = if *mean > 0.0 { poisson_known(chance, *mean, *none) } else { 0 };
        if n == 0 {
            continue;
        }
        requests += n;
        classes[class.apdex] += n;
        seen.over += if class.over { n } else { 0 };
        seen.slow += if class.slow { n } else { 0 };
        seen.dense[(cell.bucket - INDEX_MIN) as usize] += n as u32;
        histogram.add(cell.bucket, n);
        duration.sum_ms += n as f64 * cell.mean;
        duration.sum_squares += n as f64 * cell.square;
    }
    duration.histogram = histogram;
    let failed = classes.map(|n| binomial(chance, n, errors));
    Counts {
        requests,
        errors: failed.iter().sum(),
        duration,
        apdex: Apdex { satisfied: classes[0] - failed[0], tolerating: classes[1] - failed[1] },
        units: requests,
        ..Counts::default()
    }
}

/// Cuts requests into batches; which of them failed is chance.
fn cut(chance: &mut Chance, open: &mut Batch, requests: u64, errors: u64) -> Batches {
    let mut batches = Batches::default();
    let (mut left, mut failures) = (requests, errors);
    while left > 0 {
        let take = (BATCH_SIZE - open.filled).min(left);
        // How many of the failures fall among the next requests: one draw each, without replacement.
        for place in 0..take {
            if failures > 0 && chance.below(left - place) < failures {
                failures -= 1;
                open.failed = true;
            }
        }
        left -= take;
        open.filled += take;
        if open.filled == BATCH_SIZE {
            batches.size = BATCH_SIZE;
            batches.total += 1;
            batches.bad += u64::from(open.failed);
            *open = Batch::default();
        }
    }
    batches
}

/// Conversions and what they bring in.
fn convert(chance: &mut Chance, counts: &mut Counts) {
    let n = binomial(chance, counts.requests, CONVERSION);
    if n == 0 {
        return;
    }
    let count = n as f64;
    counts.metrics.insert("conversion".into(), MetricSums { count: n, sum: count, sum_squares: count });
    let mut revenue = MetricSums { count: n, ..MetricSums::default() };
    for _ in 0..n {
        let amount = (REVENUE.0 * (REVENUE.1 * chance.normal()).exp()).min(REVENUE_CAP);
        revenue.sum += amount;
        revenue.sum_squares += amount * amount;
    }
    counts.metrics.insert("revenue".into(), revenue);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_look_agree_with_each_other_and_with_the_law() {
        let mut outcomes = Outcomes::of(&Law::base(), 120.0);
        let mut arm = Arm::of(3);
        let mut chance = Chance::of(3, 3);
        let (mut all, mut over, mut slow) = (Counts::default(), 0, 0);
        for _ in 0..400 {
            let seen = arm.draw(&mut chance, &mut outcomes, 500.0, 0.02, true);
            assert_eq!(seen.instances.len(), 3);
            let mut look = Counts::default();
            seen.instances.iter().for_each(|counts| look.merge(counts));
            assert_eq!((look.requests, look.errors), (seen.requests, seen.errors));
            assert_eq!(look.duration.histogram.total(), seen.requests);
            assert_eq!(u64::from(seen.dense.iter().sum::<u32>()), seen.requests);
            all.merge(&look);
            over += seen.over;
            slow += seen.slow;
        }
        let n = all.requests as f64;
        let near = |count: u64, share: f64| (count as f64 / n / share - 1.0).abs() < 0.05;
        assert!((n / 200_000.0 - 1.0).abs() < 0.01);
        assert!(near(all.errors, 0.02) && near(slow, 0.01) && near(over, Law::base().above(500.0)), "{over}");
        assert!(near(all.apdex.satisfied, 0.98 * (1.0 - Law::base().above(120.0))));
        assert!(near(all.apdex.tolerating, 0.98 * (Law::base().above(120.0) - Law::base().above(480.0))));
        assert!((all.mean_ms().unwrap() / 119.7 - 1.0).abs() < 0.01);
        assert!(near(all.metrics["conversion"].count, 0.05));
        // A batch of 20 is bad with probability 1 − 0.98^20.
        let bad = all.batches.bad as f64 / all.batches.total as f64;
        assert!((bad - 0.3324).abs() < 0.02 && all.batches.total >= all.requests / 20 - 3, "{bad}");
    }
}
