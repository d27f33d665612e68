//! Confidence sequences: intervals that hold at every look at once.
//!
//! A proportion's sequence is Robbins' beta-binomial mixture. For values in [0, 1] that are no mere
//! yes or no (Apdex scores, capped times) the same interval holds with their sum in the place of the
//! count, because u^x v^(1−x) ≤ v + x (u − v). The mean of unbounded values gets the asymptotic
//! normal-mixture sequence, which is approximate and must be shown as such.

use crate::gamma::ln_beta;

/// Beta prior of the mixture: Jeffreys' a = b = 1/2.
const PRIOR: f64 = 0.5;
/// Halvings of a bisection: below f64 resolution.
const BISECTIONS: u32 = 60;

/// An interval that contains the mean of values in [0, 1] at every look with probability ≥ 1 − alpha.
///
/// `count` values summing to `sum` (a number of successes, or fractional). Without values it is
/// (0, 1). Source: Robbins (1970); Howard, Ramdas, McAuliffe & Sekhon (2021), Proposition 7.
pub fn proportion(count: f64, sum: f64, alpha: f64) -> (f64, f64) {
    proportion_with(count, sum, alpha, PRIOR, PRIOR)
}

/// As [`proportion`] with a Beta(a, b) mixture, a, b > 0.
pub fn proportion_with(count: f64, sum: f64, alpha: f64, a: f64, b: f64) -> (f64, f64) {
    if !(count > 0.0 && count.is_finite() && sum.is_finite() && alpha > 0.0) {
        return (0.0, 1.0);
    }
    let sum = sum.clamp(0.0, count);
    let rest = count - sum;
    let constant = ln_beta(a + sum, b + rest) - ln_beta(a, b) - (1.0 / alpha).ln();
    let inside = |p: f64| {
        let cost =
            if sum > 0.0 { sum * p.ln() } else { 0.0 } + if rest > 0.0 { rest * (-p).ln_1p() } else { 0.0 };
        constant < cost
    };
    let middle = sum / count;
    let low = if sum > 0.0 && !inside(f64::MIN_POSITIVE) { edge(0.0, middle, |p| !inside(p)) } else { 0.0 };
    let high = if rest > 0.0 { edge(middle, 1.0, inside) } else { 1.0 };
    (low, high)
}

/// The point in `low..high` up to which `keep` holds.
fn edge(mut low: f64, mut high: f64, keep: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if keep(middle) { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Ranks (from 0 to `n`) between which the `q`-quantile of `n` values lies at every look: the number of
/// values at or below it is Bin(n, q), and the mixture is Beta(m q, m (1 − q)).
///
/// Source: Howard & Ramdas (2022), in the beta-binomial form.
pub fn quantile_ranks(n: u64, q: f64, alpha: f64, m: f64) -> (u64, u64) {
    if !(q > 0.0 && q < 1.0 && alpha > 0.0 && m > 0.0) || n == 0 {
        return (0, n);
    }
    let (a, b, count) = (m * q, m * (1.0 - q), n as f64);
    let base = ln_beta(a, b) + (1.0 / alpha).ln();
    let inside = |k: u64| {
        let k = k as f64;
        ln_beta(a + k, b + count - k) - k * q.ln() - (count - k) * (-q).ln_1p() < base
    };
    // The likeliest rank is inside; the set is an interval around it.
    let middle = (count * q).round().min(count) as u64;
    let (mut low, mut low_out) = (middle, 0);
    while low_out < low {
        let probe = low_out + (low - low_out) / 2;
        if inside(probe) { low = probe } else { low_out = probe + 1 }
    }
    let (mut high, mut high_out) = (middle, n);
    while high < high_out {
        let probe = high + (high_out - high).div_ceil(2);
        if inside(probe) { high = probe } else { high_out = probe - 1 }
    }
    (low, high)
}

/// Half the width of an asymptotic confidence sequence of a difference of two means, each given as (count, variance),
/// where chance decides which arm a unit joins. Infinite below two values an arm. Approximate: valid as counts grow.
/// `tuned_for` is the count of both arms together at which it is tightest.
///
/// The difference is the mean over all units of the augmented inverse-propensity score with the arms' means as its
/// regressions and the shares that occurred as its propensities; its variance is n (v₁/n₁ + v₂/n₂).
/// Source: as [`mean_half_width`], section 3.
pub fn difference_half_width(one: (f64, f64), other: (f64, f64), alpha: f64, tuned_for: f64) -> f64 {
    if !(one.0 >= 2.0 && other.0 >= 2.0) {
        return f64::INFINITY;
    }
    let count = one.0 + other.0;
    mean_half_width(count, count * (one.1 / one.0 + other.1 / other.0), alpha, tuned_for)
}

/// `mean_half_width` for one side only: the mean lies above (below) the estimate minus (plus) this.
pub fn mean_half_width_one_sided(count: f64, variance: f64, alpha: f64, tuned_for: f64) -> f64 {
    if !(count >= 2.0 && variance >= 0.0 && alpha > 0.0 && alpha < 0.5 && tuned_for > 0.0) {
        return f64::INFINITY;
    }
    let n_rho = count * rho_square(2.0 * alpha, tuned_for);
    let root = 2.0 * (n_rho + 1.0) / (count * n_rho) * ((n_rho + 1.0).sqrt() / (2.0 * alpha)).ln_1p();
    (variance * root).sqrt()
}

/// ρ² at which the mixture is tightest at `tuned_for` values. Source: Waudby-Smith et al. (2024), Appendix B.2.
fn rho_square(alpha: f64, tuned_for: f64) -> f64 {
    let log = -2.0 * alpha.ln();
    (log + log.ln_1p()) / tuned_for
}

/// Half the width of an asymptotic confidence sequence of a mean of `count` values with this
/// `variance` (same unit squared). Infinite below two values. Approximate: valid as counts grow.
///
/// `tuned_for` is the count at which it is tightest. Source: Waudby-Smith, Arbour, Sinha, Kennedy &
/// Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences" (2024), Theorem 2.2.
pub fn mean_half_width(count: f64, variance: f64, alpha: f64, tuned_for: f64) -> f64 {
    if !(count >= 2.0 && variance >= 0.0 && alpha > 0.0 && tuned_for > 0.0) {
        return f64::INFINITY;
    }
    let n_rho = count * rho_square(alpha, tuned_for);
    let root = 2.0 * (n_rho + 1.0) / (count * n_rho) * ((n_rho + 1.0).sqrt() / alpha).ln();
    (variance * root).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_interval_holds_the_estimate_and_narrows() {
        let (low, high) = proportion(1000.0, 20.0, 0.05);
        assert!(low > 0.007 && low < 0.02 && high > 0.02 && high < 0.045, "{low} {high}");
        let (low2, high2) = proportion(100_000.0, 2000.0, 0.05);
        assert!(low2 > low && high2 < high);
        assert_eq!(proportion(0.0, 0.0, 0.05), (0.0, 1.0));
        assert_eq!(proportion(50.0, 0.0, 0.05).0, 0.0);
        assert_eq!(proportion(50.0, 50.0, 0.05).1, 1.0);
    }

    #[test]
    fn the_sequence_covers_at_every_look_of_a_long_run() {
        // 400 streams of 500 looks of a fair 2 % coin: a 5 % sequence may fail in about 20, never in 60.
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut missed = 0;
        for _ in 0..400 {
            let (mut n, mut s, mut out) = (0.0, 0.0, false);
            for _ in 0..500 {
                for _ in 0..10 {
                    n += 1.0;
                    s += f64::from(u8::from(draw() < 0.02));
                }
                let (low, high) = proportion(n, s, 0.05);
                out |= !(low..=high).contains(&0.02);
            }
            missed += u32::from(out);
        }
        assert!(missed <= 20, "{missed} of 400 left a 95 % sequence");
    }

    proptest! {
        #[test]
        fn any_input_gives_an_interval(n in 0.0_f64..9e15, share in 0.0_f64..=1.0, alpha in 1e-9_f64..0.5) {
            let (low, high) = proportion(n, n * share, alpha);
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high) && low <= high);
            prop_assert!(n == 0.0 || (low <= share + 1e-9 && share <= high + 1e-9), "{} {} {}", low, share, high);
        }

        #[test]
        fn widths_are_positive(n in 0.0_f64..1e12, v in 0.0_f64..1e9, alpha in 1e-9_f64..0.5) {
            prop_assert!(mean_half_width(n, v, alpha, 1000.0) >= 0.0);
        }
    }

    #[test]
    fn a_difference_of_equal_arms_is_as_wide_as_a_mean_of_four_times_the_variance() {
        let both = difference_half_width((500.0, 0.25), (500.0, 0.25), 0.05, 1000.0);
        assert!((both - mean_half_width(1000.0, 1.0, 0.05, 1000.0)).abs() < 1e-12);
        // A fixed sample's: 1.96 √(0.25/500 + 0.25/500) = 0.062.
        assert!(both > 0.062 && both < 0.11, "{both}");
        let uneven = difference_half_width((100.0, 0.25), (900.0, 0.25), 0.05, 1000.0);
        assert!(uneven > 1.5 * both);
        assert_eq!(difference_half_width((1.0, 0.25), (900.0, 0.25), 0.05, 1000.0), f64::INFINITY);
        assert_eq!(difference_half_width((f64::NAN, 0.25), (900.0, 0.25), 0.05, 1000.0), f64::INFINITY);
    }
}
