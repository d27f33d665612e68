//! Evidence that a mean of non-negative values exceeds a limit (MEANLIM).
//!
//! For values x ≥ 0 with mean ≤ L, each bet λ in (0, 1) gives a product whose expectation stays ≤ 1
//! whatever the distribution; the average over a grid of bets does too. So it exceeds 1/α at any
//! look with probability ≤ α (Ville). Needs only count, sum and sum of squares.
//! Source: Fan, Grama & Liu (2015); Howard et al. (2021) Theorem 4; Waudby-Smith & Ramdas (2024) Theorem 2.

use crate::grid::{BETS, MEAN_EFFECTS, log_mean_exp};
use crate::mean::{Moments, psi};

/// ln e-values against "mean ≤ `limit`", one a bet of [`BETS`]; zeros for unsound input. Values are ≥ 0,
/// without an upper bound.
pub fn log_above(values: Moments, limit: f64) -> [f64; MEAN_EFFECTS] {
    let Moments { n, s1, s2 } = values;
    if !(n > 0.0 && limit > 0.0 && [n, s1, s2, limit].iter().all(|v| v.is_finite())) {
        return [0.0; MEAN_EFFECTS];
    }
    // Sums of xi and xi² for xi = x / L − 1 ≥ −1.
    let ratio = s1 / limit;
    let drift = ratio - n;
    let spread = (s2 / limit / limit - 2.0 * ratio + n).max(0.0);
    BETS.map(|bet| {
        let log = bet * drift - psi(bet, 1.0) * spread;
        if log.is_nan() { 0.0 } else { log }
    })
}

/// ln of the evidence against "mean ≤ `limit`", bets equally weighted. 0 without values; never NaN.
///
/// Units of `sum` and `limit` are the same, of `sum_squares` their square.
pub fn ln_evidence_above(count: f64, sum: f64, sum_squares: f64, limit: f64) -> f64 {
    let ln = log_mean_exp(&log_above(Moments { n: count, s1: sum, s2: sum_squares }, limit));
    if ln.is_finite() { ln } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn evidence(values: &[f64], limit: f64) -> f64 {
        let (sum, squares) = values.iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
        ln_evidence_above(values.len() as f64, sum, squares, limit)
    }

    #[test]
    fn a_slow_mean_is_shown_and_a_fast_one_is_not() {
        let slow: Vec<f64> = (0..200).map(|i| 1500.0 + f64::from(i % 7) * 100.0).collect();
        let fast: Vec<f64> = (0..200).map(|i| 300.0 + f64::from(i % 7) * 100.0).collect();
        assert!(evidence(&slow, 1000.0) > 10.0);
        assert!(evidence(&fast, 1000.0) < 0.0);
        assert_eq!(evidence(&[], 1000.0), 0.0);
    }

    #[test]
    fn under_the_limit_its_expectation_is_at_most_one() {
        // Exact enumeration of two-point laws with mean exactly 1 (limit 1), three draws.
        for high in [1.5_f64, 3.0, 20.0] {
            for low in [0.0, 0.5, 0.9] {
                let p = (1.0 - low) / (high - low);
                let mut expectation = 0.0;
                for mask in 0..8_u32 {
                    let draws: Vec<f64> =
                        (0..3).map(|b| if mask >> b & 1 == 1 { high } else { low }).collect();
                    let ups = mask.count_ones() as i32;
                    expectation += p.powi(ups) * (1.0 - p).powi(3 - ups) * evidence(&draws, 1.0).exp();
                }
                assert!(expectation <= 1.0 + 1e-12, "{high} {low} {expectation}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_input_gives_a_number(n: f64, s: f64, q: f64, l: f64) {
            prop_assert!(!ln_evidence_above(n, s, q, l).is_nan());
        }
    }
}
