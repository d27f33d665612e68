//! Kayenta: the judge NetflixACAJudge-v1.0 on points of a minute, growing with each interval.
//!
//! Source: spinnaker/kayenta, `NetflixACAJudge`, `MannWhitneyClassifier`. Both metrics are critical (one failing metric
//! fails the canary) and may only not increase; the first judgement is made after five minutes.

use fw_model::{INDEX_MIN, bucket_upper_ms};

use super::rank;
use crate::world::Seen;

/// A point and an interval, ms.
const MINUTE_MS: u64 = 60_000;
/// Points before the first judgement.
const POINTS_MIN: u64 = 5;
/// A difference below this part of the estimate is tolerated.
const TOLERANCE: f64 = 0.25;
/// The ratio of means must reach this as well.
const ALLOWED_INCREASE: f64 = 1.0;

/// What the judge says about one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// No difference that counts.
    Pass,
    /// The canary's values are higher.
    High,
    /// The canary's values are lower.
    Low,
    /// A side has no points.
    Nodata,
}

/// The judge on one metric: points of the control (stable) and of the experiment (the canary).
pub fn judge(control: &[f64], experiment: &[f64]) -> Judged {
    if control.is_empty() || experiment.is_empty() {
        return Judged::Nodata;
    }
    if control == experiment {
        return Judged::Pass;
    }
    let mean = |side: &[f64]| side.iter().sum::<f64>() / side.len() as f64;
    let (control_mean, experiment_mean) = (mean(control), mean(experiment));
    // Without a ratio the effect is not tested.
    let ratio = (control_mean != 0.0 && experiment_mean != 0.0).then(|| experiment_mean / control_mean);
    let shift = rank::shift(experiment, control);
    let tolerated = TOLERANCE * shift.estimate.abs();
    if shift.low > tolerated && ratio.is_none_or(|r| r >= ALLOWED_INCREASE) {
        Judged::High
    } else if shift.high < -tolerated && ratio.is_none_or(|r| r <= ALLOWED_INCREASE) {
        Judged::Low
    } else {
        Judged::Pass
    }
}

/// One side's minute in the making, and its points so far.
#[derive(Debug, Default)]
struct Side {
    requests: u64,
    errors: u64,
    dense: Vec<u32>,
    error_rates: Vec<f64>,
    p99s: Vec<f64>,
}

impl Side {
    fn take(&mut self, seen: &Seen) {
        self.requests += seen.requests;
        self.errors += seen.errors;
        self.dense.resize(seen.dense.len(), 0);
        self.dense.iter_mut().zip(&seen.dense).for_each(|(sum, n)| *sum += n);
    }

    /// The minute is over. One without requests is no point (NaN strategy "remove").
    fn close(&mut self) {
        if self.requests > 0 {
            self.error_rates.push(self.errors as f64 / self.requests as f64);
            self.p99s.push(quantile(&self.dense, 0.99));
        }
        self.requests = 0;
        self.errors = 0;
        self.dense.fill(0);
    }
}

/// A quantile of counts by bucket, ms, interpolated inside its bucket.
fn quantile(dense: &[u32], q: f64) -> f64 {
    let rank = q * dense.iter().map(|n| f64::from(*n)).sum::<f64>();
    let mut below = 0.0;
    for (i, n) in dense.iter().enumerate() {
        let n = f64::from(*n);
        if n > 0.0 && below + n >= rank {
            let (low, high) =
                (bucket_upper_ms(INDEX_MIN + i as i32 - 1), bucket_upper_ms(INDEX_MIN + i as i32));
            return low * (high / low).powf((rank - below) / n);
        }
        below += n;
    }
    0.0
}

/// Judged every minute from the fifth.
#[derive(Debug, Default)]
pub(super) struct Kayenta {
    sides: [Side; 2],
    minutes: u64,
}

impl Kayenta {
    /// Takes in a look, stable first. Returns whether the canary fails.
    pub(super) fn look(&mut self, at_ms: u64, seen: &[Seen; 2]) -> bool {
        self.sides.iter_mut().zip(seen).for_each(|(side, seen)| side.take(seen));
        if at_ms < (self.minutes + 1) * MINUTE_MS {
            return false;
        }
        self.minutes += 1;
        self.sides.iter_mut().for_each(Side::close);
        if self.minutes < POINTS_MIN {
            return false;
        }
        let [stable, canary] = &self.sides;
        let judged = [judge(&stable.error_rates, &canary.error_rates), judge(&stable.p99s, &canary.p99s)];
        judged.iter().any(|j| matches!(j, Judged::High | Judged::Nodata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_of_ten_points_at_a_hundred_times_the_control_pass() {
        let control = [1.0; 10];
        let canary = |bad: usize| std::array::from_fn::<f64, 10, _>(|i| if i < bad { 100.0 } else { 1.0 });
        assert_eq!(judge(&control, &canary(7)), Judged::Pass);
        assert_eq!(judge(&control, &canary(8)), Judged::High);
    }

    #[test]
    fn a_few_errors_against_none_pass() {
        assert_eq!(judge(&[0.0; 6], &[0.0, 1.0, 2.0, 1.0, 0.0, 0.0]), Judged::Pass);
        assert_eq!(judge(&[0.0; 6], &[0.0; 6]), Judged::Pass);
        assert_eq!(judge(&[0.0; 6], &[]), Judged::Nodata);
    }

    #[test]
    fn a_clear_difference_of_five_points_each_is_found_in_both_directions() {
        let low = [1.0, 1.1, 1.2, 1.05, 0.9];
        let high = [10.0, 11.0, 10.5, 12.0, 9.0];
        assert_eq!((judge(&low, &high), judge(&high, &low)), (Judged::High, Judged::Low));
    }

    #[test]
    fn two_points_a_side_flag_a_quarter_of_equal_arms() {
        let mut chance = crate::chance::Chance::of(5, 5);
        let mut rate = |n: usize| {
            let mut flags = 0;
            for _ in 0..600 {
                let mut side = || (0..n).map(|_| 10.0 + chance.normal()).collect::<Vec<f64>>();
                flags += u32::from(judge(&side(), &side()) != Judged::Pass);
            }
            f64::from(flags) / 600.0
        };
        // Measured before for the interval: 26 to 27 % at two points, 0.2 % at five.
        let (two, five) = (rate(2), rate(5));
        assert!((0.15..0.40).contains(&two) && five < 0.03, "{two} {five}");
    }

    #[test]
    fn a_quantile_lies_inside_its_bucket() {
        let mut dense = vec![0; 512];
        dense[160] = 99;
        dense[200] = 1;
        let p99 = quantile(&dense, 0.99);
        assert!((p99 - bucket_upper_ms(0)).abs() < 1e-9, "{p99}");
    }
}
