//! Poisson and binomial numbers, exact for small and for large means.
//!
//! Small means are drawn by inversion, large ones by transformed rejection, which costs the same however large
//! the mean is.

use fw_stats::gamma::ln_gamma;

use super::Chance;

/// Means from here on are drawn by rejection; both ways are exact.
const REJECTION_FROM: f64 = 10.0;

/// A Poisson number with this mean; 0 for a mean that is not positive.
///
/// Source: inversion; Hörmann (1993), "The transformed rejection method for generating Poisson random variables" (PTRS).
pub fn poisson(chance: &mut Chance, mean: f64) -> u64 {
    if !(mean > 0.0 && mean.is_finite()) {
        return 0;
    }
    poisson_known(chance, mean, (-mean).exp())
}

/// As [`poisson`] for a mean above 0, where e^−mean is known: one mean is often drawn many times.
pub(crate) fn poisson_known(chance: &mut Chance, mean: f64, none: f64) -> u64 {
    if mean < REJECTION_FROM {
        return invert(none, chance, |k| mean / k);
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let alpha = 1.1239 + 1.1328 / (b - 3.4);
    let sure = 0.9277 - 3.6224 / (b - 2.0);
    let ln_mean = mean.ln();
    loop {
        let u = chance.unit() - 0.5;
        let v = chance.unit();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= sure {
            return k as u64;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let accepted = (v * alpha / (a / (us * us) + b)).ln();
        if accepted <= k * ln_mean - mean - ln_gamma(k + 1.0) {
            return k as u64;
        }
    }
}

/// A binomial number: successes in `trials` of probability `p` (clamped to 0..=1).
///
/// Source: inversion; Hörmann (1993), "The generation of binomial random variates" (BTRS).
pub fn binomial(chance: &mut Chance, trials: u64, p: f64) -> u64 {
    if trials == 0 || p <= 0.0 || p.is_nan() {
        return 0;
    }
    if p >= 1.0 {
        return trials;
    }
    if p > 0.5 {
        return trials - binomial(chance, trials, 1.0 - p);
    }
    let n = trials as f64;
    if n * p < REJECTION_FROM {
        let odds = p / (1.0 - p);
        let none = (n * (-p).ln_1p()).exp();
        return invert(none, chance, |k| odds * (n - k + 1.0) / k).min(trials);
    }
    let spread = (n * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let center = n * p + 0.5;
    let sure = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spread;
    let ln_odds = (p / (1.0 - p)).ln();
    let mode = ((n + 1.0) * p).floor();
    let height = ln_gamma(mode + 1.0) + ln_gamma(n - mode + 1.0);
    loop {
        let u = chance.unit() - 0.5;
        let v = chance.unit();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + center).floor();
        if us >= 0.07 && v <= sure {
            return k as u64;
        }
        if !(0.0..=n).contains(&k) {
            continue;
        }
        let accepted = (v * alpha / (a / (us * us) + b)).ln();
        if accepted <= height - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0) + (k - mode) * ln_odds {
            return k as u64;
        }
    }
}

/// Walks up from 0 with probability `none`; `ratio(k)` is p(k) / p(k − 1).
fn invert(none: f64, chance: &mut Chance, ratio: impl Fn(f64) -> f64) -> u64 {
    let mut left = chance.unit();
    let (mut k, mut p) = (0_u64, none);
    // A mean below 10 leaves less than 2^−53 above 100; the bound only stops rounding from walking for ever.
    while left >= p && k < 200 {
        left -= p;
        k += 1;
        p *= ratio(k as f64);
    }
    k
}

#[cfg(test)]
mod tests {
    use fw_stats::binomial as exact;

    use super::*;

    const DRAWS: u64 = 20_000;

    /// The share of draws at or above `k` must be the tail to within 4.5 standard errors.
    fn check_tail(draws: &[u64], k: u64, tail: f64, what: &str) {
        let n = draws.len() as f64;
        let share = draws.iter().filter(|&&d| d >= k).count() as f64 / n;
        let error = (tail * (1.0 - tail) / n).sqrt().max(1.0 / n);
        assert!((share - tail).abs() < 4.5 * error, "{what}: P(≥ {k}) is {share}, should be {tail}");
    }

    /// P(Poisson(mean) ≥ k), summed.
    fn poisson_tail(mean: f64, k: u64) -> f64 {
        let ln_p = |j: f64| j * mean.ln() - mean - ln_gamma(j + 1.0);
        1.0 - (0..k).map(|j| ln_p(j as f64).exp()).sum::<f64>()
    }

    #[test]
    fn poisson_numbers_have_the_exact_tails() {
        for (run, mean) in [0.01, 0.3, 1.0, 4.0, 9.9, 10.0, 25.0, 475.0, 4750.0].into_iter().enumerate() {
            let mut chance = Chance::of(11, run as u64);
            let draws: Vec<u64> = (0..DRAWS).map(|_| poisson(&mut chance, mean)).collect();
            for z in [-2.3, -1.0, 0.0, 1.0, 2.3, 3.0] {
                let k = (mean + z * mean.sqrt()).max(1.0).round() as u64;
                check_tail(&draws, k, poisson_tail(mean, k), &format!("Poisson {mean}"));
            }
        }
        assert_eq!(poisson(&mut Chance::of(1, 1), 0.0), 0);
        assert_eq!(poisson(&mut Chance::of(1, 1), f64::NAN), 0);
    }

    #[test]
    fn binomial_numbers_have_the_exact_tails() {
        let cases =
            [(1, 0.3), (25, 0.001), (475, 0.001), (475, 0.2), (475, 0.97), (40, 0.5), (100_000, 0.01)];
        for (run, (trials, p)) in cases.into_iter().enumerate() {
            let mut chance = Chance::of(12, run as u64);
            let draws: Vec<u64> = (0..DRAWS).map(|_| binomial(&mut chance, trials, p)).collect();
            assert!(draws.iter().all(|&k| k <= trials));
            let mean = trials as f64 * p;
            for z in [-2.3, -1.0, 0.0, 1.0, 2.3] {
                let k = (mean + z * (mean * (1.0 - p)).sqrt()).max(1.0).round() as u64;
                check_tail(&draws, k, exact::at_least(trials, k, p), &format!("Bin({trials}, {p})"));
            }
        }
        let mut chance = Chance::of(1, 1);
        assert_eq!((binomial(&mut chance, 9, 0.0), binomial(&mut chance, 9, 1.0)), (0, 9));
    }
}
