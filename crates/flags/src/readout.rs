//! What an experiment shows so far: users a variant, each metric's mean a user, and differences from the first variant
//! with intervals that hold at every look at once.
//!
//! A user is a unit, whatever number of times they came: requests of one user are not independent. Intervals of
//! differences are asymptotic confidence sequences, approximate, and none is given below [`USERS_MIN`] users a variant.
//! All intervals of one experiment together miss with probability [`ALPHA`] at most. Pure.
//!
//! Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024); Lindon & Malek (2022) for the split.

use fw_model::plan::{Better, MetricKind, MetricSpec};
use fw_stats::{sequence, srm};

/// Probability that any interval of an experiment ever misses.
pub const ALPHA: f64 = 0.05;
/// Probability of an alarm about a split that is as it should be, over the whole experiment.
pub const SPLIT_ALPHA: f64 = 0.001;
/// Users of each of two variants from which on their difference gets an interval.
pub const USERS_MIN: u64 = 100;
/// Users at which intervals are tightest.
const TUNED_FOR: f64 = 10_000.0;

/// What users of one variant did, of one metric. A user's value is the sum of what was tracked of them since they first
/// saw the variant, for a proportion at most 1; 0 where nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Users of whom something was tracked.
    pub users: u64,
    /// Sum of users' values.
    pub sum: f64,
    /// Sum of their squares.
    pub sum_squares: f64,
}

/// One experiment's numbers so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Users who saw each variant.
    pub users: Vec<u64>,
    /// Of each metric, in the order they were asked for: each variant's sums.
    pub metrics: Vec<Vec<Sums>>,
}

/// How a variant stands to the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Too few users for an interval.
    TooFew,
    /// The interval holds 0: nothing is shown yet.
    Open,
    /// Shown to be better.
    Better,
    /// Shown to be worse.
    Worse,
}

impl Verdict {
    /// As it stands in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::TooFew => "tooFew",
            Verdict::Open => "open",
            Verdict::Better => "better",
            Verdict::Worse => "worse",
        }
    }
}

/// A number with its interval, in the metric's unit; the interval is absent where there are too few users.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its lower and upper bound.
    pub interval: Option<(f64, f64)>,
}

/// One variant of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arm {
    /// Mean a user; none without users.
    pub mean: Option<f64>,
    /// Difference from the first variant's mean; none for the first, and without users.
    pub difference: Option<Estimate>,
    /// What that shows.
    pub verdict: Verdict,
}

/// Whether users came to variants in the shares that were asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitCheck {
    /// Evidence against it: so many to one. 1 = none.
    pub evidence: f64,
    /// Beyond 1/[`SPLIT_ALPHA`]: something loses users of one variant, and no difference can be trusted.
    pub alarm: bool,
}

/// Whether `users` a variant fit the weights; variants of weight 0 are left out.
pub fn split_check(users: &[u64], weights: &[f64]) -> SplitCheck {
    let some = || users.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let counts: Vec<f64> = some().map(|(users, _)| *users as f64).collect();
    let all: f64 = some().map(|(_, weight)| weight).sum();
    let shares: Vec<f64> = some().map(|(_, weight)| weight / all).collect();
    let log = if counts.len() < 2 { 0.0 } else { srm::log_evidence(&counts, &shares) };
    SplitCheck { evidence: log.exp(), alarm: log >= (1.0 / SPLIT_ALPHA).ln() }
}

/// Each metric's arms, in the order of the tally.
pub fn arms(tally: &Tally, specs: &[MetricSpec]) -> Vec<Vec<Arm>> {
    let comparisons = specs.len() * tally.users.len().saturating_sub(1);
    let alpha = ALPHA / comparisons.max(1) as f64;
    tally.metrics.iter().zip(specs).map(|(sums, spec)| metric(&tally.users, sums, spec, alpha)).collect()
}

/// Mean and variance of users' values; none without users.
fn moments(users: u64, sums: &Sums) -> Option<(f64, f64)> {
    let n = users as f64;
    let mean = (users > 0).then(|| sums.sum / n)?;
    Some((mean, (sums.sum_squares / n - mean * mean).max(0.0)))
}

fn metric(users: &[u64], sums: &[Sums], spec: &MetricSpec, alpha: f64) -> Vec<Arm> {
    let of: Vec<Option<(f64, f64)>> = users.iter().zip(sums).map(|(n, sums)| moments(*n, sums)).collect();
    let control = of.first().copied().flatten();
    let arm = |(place, own): (usize, &Option<(f64, f64)>)| {
        let mean = own.map(|(mean, _)| mean);
        let (true, Some(own), Some(control)) = (place > 0, *own, control) else {
            return Arm { mean, difference: None, verdict: Verdict::TooFew };
        };
        let value = own.0 - control.0;
        let enough = users[place].min(users[0]) >= USERS_MIN;
        let half = || {
            let (n_own, n_control) = (users[place] as f64, users[0] as f64);
            sequence::difference_half_width((n_own, own.1), (n_control, control.1), alpha, TUNED_FOR)
        };
        let interval =
            enough.then(half).filter(|half| half.is_finite()).map(|half| (value - half, value + half));
        Arm { mean, difference: Some(Estimate { value, interval }), verdict: verdict(interval, spec.better) }
    };
    of.iter().enumerate().map(arm).collect()
}

fn verdict(interval: Option<(f64, f64)>, better: Better) -> Verdict {
    let Some((low, high)) = interval else { return Verdict::TooFew };
    match (low > 0.0, high < 0.0, better) {
        (true, _, Better::Higher) | (_, true, Better::Lower) => Verdict::Better,
        (true, _, Better::Lower) | (_, true, Better::Higher) => Verdict::Worse,
        (false, false, _) => Verdict::Open,
    }
}

/// Whether a user's value is at most 1.
pub fn is_capped(spec: &MetricSpec) -> bool {
    matches!(spec.kind, MetricKind::Proportion)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fw_model::plan::{MetricPer, MetricRole};

    use super::*;

    fn spec(better: Better) -> MetricSpec {
        MetricSpec {
            name: "purchase".into(),
            kind: MetricKind::Proportion,
            better,
            role: MetricRole::Display,
            margin: 5.0,
            per: MetricPer::Value,
            window: Duration::ZERO,
            unit: String::new(),
        }
    }

    fn yes(users: u64) -> Sums {
        Sums { users, sum: users as f64, sum_squares: users as f64 }
    }

    #[test]
    fn a_clear_difference_is_shown_and_named_by_what_is_better() {
        let tally = Tally { users: vec![10_000, 10_000], metrics: vec![vec![yes(1000), yes(1300)]] };
        let up = arms(&tally, &[spec(Better::Higher)]);
        assert_eq!(up[0][0], Arm { mean: Some(0.1), difference: None, verdict: Verdict::TooFew });
        let difference = up[0][1].difference.unwrap();
        assert!((difference.value - 0.03).abs() < 1e-12);
        let (low, high) = difference.interval.unwrap();
        // A fixed sample's 95 % interval is ±0.0088; one that holds at every look is wider, here by half.
        assert!(low > 0.01 && high < 0.05, "{low} {high}");
        assert_eq!(up[0][1].verdict, Verdict::Better);
        assert_eq!(arms(&tally, &[spec(Better::Lower)])[0][1].verdict, Verdict::Worse);
    }

    #[test]
    fn few_users_and_small_differences_show_nothing() {
        let few = Tally { users: vec![99, 5_000], metrics: vec![vec![yes(0), yes(4_000)]] };
        let arm = arms(&few, &[spec(Better::Higher)])[0][1];
        assert_eq!((arm.verdict, arm.difference.unwrap().interval), (Verdict::TooFew, None));
        let same = Tally { users: vec![5_000, 5_000], metrics: vec![vec![yes(500), yes(520)]] };
        assert_eq!(arms(&same, &[spec(Better::Higher)])[0][1].verdict, Verdict::Open);
        let nobody = Tally { users: vec![0, 0], metrics: vec![vec![Sums::default(); 2]] };
        let arm = arms(&nobody, &[spec(Better::Higher)])[0][1];
        assert_eq!((arm.mean, arm.difference), (None, None));
    }

    #[test]
    fn more_comparisons_make_wider_intervals() {
        let width = |tally: &Tally, specs: &[MetricSpec]| {
            let (low, high) = arms(tally, specs)[0][1].difference.unwrap().interval.unwrap();
            high - low
        };
        let one = Tally { users: vec![1000; 2], metrics: vec![vec![yes(100), yes(110)]] };
        let many = Tally { users: vec![1000; 3], metrics: vec![vec![yes(100); 3], vec![yes(100); 3]] };
        let specs = [spec(Better::Higher), spec(Better::Higher)];
        assert!(width(&many, &specs) > 1.1 * width(&one, &specs[..1]));
    }

    #[test]
    fn a_split_that_loses_users_alarms_and_a_sound_one_does_not() {
        assert!(!split_check(&[5_020, 4_980], &[50.0, 50.0]).alarm);
        assert!(split_check(&[5_400, 4_600], &[50.0, 50.0]).alarm);
        assert!(!split_check(&[9_010, 990, 0], &[90.0, 10.0, 0.0]).alarm);
        assert_eq!(split_check(&[7], &[100.0]), SplitCheck { evidence: 1.0, alarm: false });
    }

    /// Two variants with one rate, looked at after every hundred users: how often is a difference ever shown?
    #[test]
    fn looking_all_the_time_shows_no_difference_where_there_is_none() {
        const RUNS: u64 = 400;
        let specs = [spec(Better::Higher)];
        let shown = |run: u64, rates: [f64; 2]| {
            let mut chance = fastrand::Rng::with_seed(run);
            let mut tally = Tally { users: vec![0; 2], metrics: vec![vec![Sums::default(); 2]] };
            (0..100).any(|_| {
                for _ in 0..100 {
                    let place = usize::from(chance.bool());
                    tally.users[place] += 1;
                    let value = f64::from(u8::from(chance.f64() < rates[place]));
                    tally.metrics[0][place].sum += value;
                    tally.metrics[0][place].sum_squares += value;
                }
                matches!(arms(&tally, &specs)[0][1].verdict, Verdict::Better | Verdict::Worse)
            })
        };
        let falsely = (0..RUNS).filter(|run| shown(*run, [0.1, 0.1])).count();
        let rightly = (0..RUNS).filter(|run| shown(*run, [0.1, 0.13])).count();
        // 5 % and three standard errors; a 95 % interval of a fixed sample errs in 25 % and more.
        assert!(falsely <= 33, "{falsely} of {RUNS} looked different");
        assert!(rightly >= 320, "{rightly} of {RUNS} differences of 3 points were seen");
    }
}
