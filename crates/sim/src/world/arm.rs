//! One version's requests of one look: drawn per instance, as counts.

use fw_model::{Apdex, Batches, Counts, DurationStats, Histogram, INDEX_MAX, INDEX_MIN, MetricSums, Variant};

use super::clusters::Clusters;
use super::law::{Cell, Law};
use super::spells::{SLOW_LEVELS, Spells, slow_factor};
use super::users::{Open, Users};
use crate::chance::{Chance, binomial, poisson, poisson_known};

/// Requests in a batch (contract section 6).
pub(super) const BATCH_SIZE: u64 = 20;
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

impl Seen {
    /// Nothing.
    pub(super) fn none() -> Seen {
        Seen { dense: vec![0; (INDEX_MAX - INDEX_MIN + 1) as usize], ..Seen::default() }
    }

    /// Adds a later part of the look.
    pub(super) fn merge(&mut self, later: &Seen) {
        self.requests += later.requests;
        self.errors += later.errors;
        self.over += later.over;
        self.slow += later.slow;
        self.instances.iter_mut().zip(&later.instances).for_each(|(sum, counts)| sum.merge(counts));
        self.dense.iter_mut().zip(&later.dense).for_each(|(sum, n)| *sum += n);
    }
}

/// A law with its cells sorted into the classes that are asked for.
#[derive(Debug, Clone)]
pub(super) struct Outcomes {
    cells: Vec<(Cell, Class)>,
    /// Probability of this cell and those before it.
    up_to: Vec<f64>,
    /// The first cell that a draw within each part of 0 to 1 can be of.
    guide: Vec<usize>,
    /// The last mean that was drawn with, and each cell's mean and probability of nothing under it.
    mean: f64,
    means: Vec<(f64, f64)>,
}

/// Parts of [`Outcomes::guide`].
const GUIDES: usize = 256;

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
        let cells: Vec<(Cell, Class)> = law.cells(&cuts).into_iter().map(class).collect();
        let mut sum = 0.0;
        let up_to: Vec<f64> = cells
            .iter()
            .map(|(cell, _)| {
                sum += cell.p;
                sum
            })
            .collect();
        let first = |part: usize| up_to.partition_point(|up_to| *up_to <= part as f64 / GUIDES as f64);
        let guide = (0..GUIDES).map(first).collect();
        Outcomes { cells, up_to, guide, mean: f64::NAN, means: vec![] }
    }

    /// Draws with this many requests expected from now on.
    fn expect(&mut self, mean: f64) {
        if mean != self.mean {
            self.mean = mean;
            if self.is_sparse() {
                return;
            }
            let means = self.cells.iter().map(|(cell, _)| mean * cell.p);
            self.means = means.map(|mean| (mean, (-mean).exp())).collect();
        }
    }

    /// Whether there are fewer requests than cells: then it costs less to draw the cell of each.
    fn is_sparse(&self) -> bool {
        self.mean < self.cells.len() as f64
    }

    /// Draws how many requests there are of each cell, those without one left out. Both ways are the same law: a
    /// Poisson number of requests with independent cells is independent Poisson numbers of each cell.
    fn draw(&self, chance: &mut Chance, mut put: impl FnMut(&Cell, &Class, u64)) {
        if self.is_sparse() {
            let total = self.up_to.last().copied().unwrap_or(0.0);
            for _ in 0..poisson(chance, self.mean * total) {
                let at = total * chance.unit();
                let guide = self.guide[((at * GUIDES as f64) as usize).min(GUIDES - 1)];
                let later =
                    self.up_to[guide.min(self.up_to.len() - 1)..].iter().take_while(|up_to| **up_to <= at);
                let (cell, class) = &self.cells[(guide + later.count()).min(self.cells.len() - 1)];
                put(cell, class, 1);
            }
            return;
        }
        for ((cell, class), (mean, none)) in self.cells.iter().zip(&self.means) {
            let n = if *mean > 0.0 { poisson_known(chance, *mean, *none) } else { 0 };
            if n > 0 {
                put(cell, class, n);
            }
        }
    }
}

/// The laws of one version: its usual one and those of its slow spells, which are worked out when they are needed.
#[derive(Debug, Clone)]
pub(super) struct Laws {
    law: Law,
    target_ms: f64,
    usual: Outcomes,
    slow: [Option<Box<Outcomes>>; SLOW_LEVELS],
}

impl Laws {
    /// With this Apdex target, ms.
    pub(super) fn of(law: Law, target_ms: f64) -> Laws {
        Laws { usual: Outcomes::of(&law, target_ms), law, target_ms, slow: Default::default() }
    }

    /// Counts by another Apdex target from now on, ms.
    pub(super) fn aim(&mut self, target_ms: f64) {
        *self = Laws::of(self.law.clone(), target_ms);
    }

    fn outcomes(&mut self, slow: Option<usize>) -> &mut Outcomes {
        let Some(level) = slow else { return &mut self.usual };
        let (law, target_ms) = (&self.law, self.target_ms);
        self.slow[level]
            .get_or_insert_with(|| Box::new(Outcomes::of(&law.times(slow_factor(level)), target_ms)))
    }
}

/// One instance's open batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Batch {
    filled: u64,
    failed: bool,
}

impl Batch {
    /// Takes in a request. Once it is full: whether it is bad; the next one begins.
    pub(super) fn take(&mut self, failed: bool) -> Option<bool> {
        self.filled += 1;
        self.failed |= failed;
        (self.filled == BATCH_SIZE).then(|| std::mem::take(self).failed)
    }
}

/// One instance.
#[derive(Debug, Clone)]
struct Instance {
    open: Open,
    spells: Spells,
}

/// What is drawn of a version in one part of a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    /// Requests expected, all instances together.
    pub(super) mean: f64,
    /// Probability that one fails for the version's own reasons.
    pub(super) errors: f64,
    /// Whether the version is bad.
    pub(super) is_bad: bool,
    /// What the part spans, seconds.
    pub(super) seconds: f64,
    /// Whether conversion and revenue are reported.
    pub(super) metrics: bool,
}

/// The instances of one version.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    variant: Variant,
    clusters: Clusters,
    instances: Vec<Instance>,
}

impl Instance {
    fn new(chance: &mut Chance, clusters: Clusters) -> Instance {
        Instance { open: Open::default(), spells: Spells::new(chance, clusters) }
    }
}

impl Arm {
    pub(super) fn of(chance: &mut Chance, variant: Variant, instances: usize, clusters: Clusters) -> Arm {
        let instances = (0..instances.max(1)).map(|_| Instance::new(chance, clusters)).collect();
        Arm { variant, clusters, instances }
    }

    /// Has this many instances from now on, at least one: new ones come, or the last ones go.
    pub(super) fn resize(&mut self, chance: &mut Chance, instances: usize) {
        self.instances.resize_with(instances.max(1), || Instance::new(chance, self.clusters));
    }

    /// Requests of a part of a look, of these users where requests have keys.
    pub(super) fn draw(
        &mut self,
        chance: &mut Chance,
        laws: &mut Laws,
        draw: Draw,
        users: &mut Option<Users>,
    ) -> Seen {
        let mut seen = Seen::none();
        let mean = (draw.mean / self.instances.len() as f64).max(0.0);
        for Instance { open, spells } in &mut self.instances {
            let condition = spells.step(chance, draw.seconds, draw.errors, draw.is_bad);
            let outcomes = laws.outcomes(condition.slow);
            outcomes.expect(mean);
            let (mut counts, classes) = timed(chance, outcomes, &mut seen);
            if let Some(users) = users {
                let served = users.serve(chance, self.variant, open, counts.requests, condition.errors);
                counts.apdex = satisfaction(classes, spread(chance, classes, served.errors));
                counts.errors = served.errors;
                counts.repeat_errors = served.repeat_errors;
                counts.units = served.units;
                counts.batches = served.batches;
            } else {
                let failed = classes.map(|n| binomial(chance, n, condition.errors));
                counts.apdex = satisfaction(classes, failed);
                counts.errors = failed.iter().sum();
                counts.units = counts.requests;
                counts.batches = cut(chance, &mut open.batch, counts.requests, counts.errors);
            }
            if draw.metrics {
                convert(chance, &mut counts);
            }
            seen.requests += counts.requests;
            seen.errors += counts.errors;
            seen.instances.push(counts);
        }
        seen
    }
}

/// Requests and times of one instance, and how many are in each Apdex class.
fn timed(chance: &mut Chance, outcomes: &Outcomes, seen: &mut Seen) -> (Counts, [u64; 3]) {
    let mut histogram = Histogram::default();
    let mut duration = DurationStats::default();
    let mut classes = [0_u64; 3];
    let mut requests = 0;
    outcomes.draw(chance, |cell, class, n| {
        requests += n;
        classes[class.apdex] += n;
        seen.over += if class.over { n } else { 0 };
        seen.slow += if class.slow { n } else { 0 };
        seen.dense[(cell.bucket - INDEX_MIN) as usize] += n as u32;
        histogram.add(cell.bucket, n);
        duration.sum_ms += n as f64 * cell.mean;
        duration.sum_squares += n as f64 * cell.square;
    });
    duration.histogram = histogram;
    (Counts { requests, duration, ..Counts::default() }, classes)
}

/// Apdex of the requests of each class that did not fail.
fn satisfaction(classes: [u64; 3], failed: [u64; 3]) -> Apdex {
    Apdex { satisfied: classes[0] - failed[0], tolerating: classes[1] - failed[1] }
}

/// Which classes the failures are of: any request may be one, so they are drawn without replacement.
fn spread(chance: &mut Chance, classes: [u64; 3], errors: u64) -> [u64; 3] {
    let mut left = classes;
    for _ in 0..errors {
        let mut place = chance.below(left.iter().sum());
        for class in &mut left {
            if place < *class {
                *class -= 1;
                break;
            }
            place -= *class;
        }
    }
    std::array::from_fn(|i| classes[i] - left[i])
}

/// Cuts requests into batches; which of them failed is chance.
fn cut(chance: &mut Chance, open: &mut Batch, requests: u64, errors: u64) -> Batches {
    let mut batches = Batches::default();
    let mut failures = errors;
    for left in (1..=requests).rev() {
        // How many of the failures fall among the next requests: one draw each, without replacement.
        let failed = failures > 0 && chance.below(left) < failures;
        failures -= u64::from(failed);
        if let Some(bad) = open.take(failed) {
            batches.size = BATCH_SIZE;
            batches.total += 1;
            batches.bad += u64::from(bad);
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
        let mut laws = Laws::of(Law::base(), 120.0);
        let mut chance = Chance::of(3, 3);
        let mut arm = Arm::of(&mut chance, Variant::Stable, 3, Clusters::None);
        let draw = Draw { mean: 500.0, errors: 0.02, is_bad: false, seconds: 1.0, metrics: true };
        let (mut all, mut over, mut slow) = (Counts::default(), 0, 0);
        for _ in 0..400 {
            let seen = arm.draw(&mut chance, &mut laws, draw, &mut None);
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
