//! MEAN: evidence from one block that the canary's mean is worse than r₀ times stable's, plus δ.
//!
//! For values in [0, 1] (capped at a fixed bound), with predictions from past blocks. A bet on the
//! canary is paid for by an opposite bet on stable, sized so that the unknown common mean cancels.
//! Exact for any distribution on [0, 1]. Source: exp(λξ − ψ_E ξ²) ≤ 1 + λξ for ξ ≥ −c (Fan, Grama &
//! Liu 2015; Howard et al. 2021, Theorem 4; Waudby-Smith & Ramdas 2024, Theorem 2).

use crate::grid::{MEAN, MEAN_EFFECTS};
use crate::relative::Margin;

/// Sums of one arm of a block: count, sum, sum of squares of values in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Values.
    pub n: f64,
    /// Their sum.
    pub s1: f64,
    /// The sum of their squares.
    pub s2: f64,
}

impl Moments {
    /// Adds the sums of another moment.
    pub fn add(&mut self, other: Moments) {
        self.n += other.n;
        self.s1 += other.s1;
        self.s2 += other.s2;
    }
}

/// Mean and variance of one arm, predicted from past blocks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Prediction {
    /// Mean, in [0, 1].
    pub mean: f64,
    /// Variance.
    pub variance: f64,
}

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worse {
    /// Higher is worse (response time).
    Up,
    /// Lower is worse (revenue).
    Down,
}

/// ln e-values against an acceptable mean, one an effect of [`MEAN`]; zeros without both arms.
pub fn log_worse(
    t: Moments,
    c: Moments,
    past_t: Prediction,
    past_c: Prediction,
    margin: Margin,
    worse: Worse,
) -> [f64; MEAN_EFFECTS] {
    MEAN.map(|effect| log_effect(t, c, past_t, past_c, margin, worse, effect))
}

fn log_effect(
    t: Moments,
    c: Moments,
    past_t: Prediction,
    past_c: Prediction,
    margin: Margin,
    worse: Worse,
    effect: f64,
) -> f64 {
    if !(t.n > 0.0 && c.n > 0.0) {
        return 0.0;
    }
    let (r0, delta) = (margin.ratio, margin.delta);
    let (cap_t, cap_c, sign) = match worse {
        Worse::Up => (past_t.mean, 1.0 - past_c.mean, 1.0),
        Worse::Down => (1.0 - past_t.mean, past_c.mean, -1.0),
    };
    let wanted = effect * r0 * past_c.mean;
    let bet_t = wanted / (past_t.variance + t.n / c.n * r0 * r0 * past_c.variance);
    let bet_c = bet_t * t.n * r0 / c.n;
    if !(bet_t.is_finite() && bet_c.is_finite()) || bet_t <= 0.0 {
        return 0.0;
    }
    let room = |cap: f64, bet: f64| if cap * bet > 0.0 { 0.5 / (cap * bet) } else { f64::INFINITY };
    let shrink = 1.0_f64.min(room(cap_t, bet_t)).min(room(cap_c, bet_c));
    let (bet_t, bet_c) = (bet_t * shrink, bet_c * shrink);
    let spread = |m: Moments, past: Prediction| m.s2 - 2.0 * past.mean * m.s1 + m.n * past.mean * past.mean;
    let log = sign * (bet_t * t.s1 - bet_c * c.s1 - bet_t * t.n * delta)
        - psi(bet_t, cap_t) * spread(t, past_t)
        - psi(bet_c, cap_c) * spread(c, past_c);
    if log.is_nan() { 0.0 } else { log }
}

/// ψ_E(λ, c) = (−ln(1 − cλ) − cλ) / c², by its series where that would cancel.
pub(crate) fn psi(bet: f64, cap: f64) -> f64 {
    let x = cap * bet;
    if x.abs() > 0.02 {
        return (-(-x).ln_1p() - x) / (cap * cap);
    }
    // −ln(1 − x) − x = x²/2 + x³/3 + …
    let series = 0.5
        + x * (1.0 / 3.0
            + x * (0.25 + x * (0.2 + x * (1.0 / 6.0 + x * (1.0 / 7.0 + x * (0.125 + x / 9.0))))));
    bet * bet * series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_series_meets_the_formula() {
        for cap in [0.1, 1.0, 3.0] {
            let at = 0.02 / cap;
            assert!((psi(at * 0.999_999, cap) / psi(at * 1.000_001, cap) - 1.0).abs() < 1e-5);
        }
        assert_eq!(psi(0.0, 0.5), 0.0);
        assert!((psi(0.1, 0.0) - 0.005).abs() < 1e-15);
    }

    #[test]
    fn on_the_null_its_expectation_is_at_most_one() {
        // Two-point laws on {0, x}; canary mean exactly r0 · stable mean.
        for (p_c, x) in [(0.2, 1.0), (0.5, 0.6), (0.05, 1.0)] {
            for r0 in [1.0, 1.05] {
                let p_t = r0 * p_c;
                let past = Prediction { mean: 0.7 * p_c * x, variance: 0.05 };
                for worse in [Worse::Up, Worse::Down] {
                    for effect in MEAN {
                        let mut expectation = 0.0;
                        for mask in 0..32_u32 {
                            let up = |i: u32| mask >> i & 1 == 1;
                            let arm = |range: std::ops::Range<u32>| {
                                let k = range.clone().filter(|i| up(*i)).count() as f64;
                                Moments { n: range.len() as f64, s1: k * x, s2: k * x * x }
                            };
                            let chance: f64 = (0..5)
                                .map(|i| {
                                    let p = if i < 2 { p_t } else { p_c };
                                    if up(i) { p } else { 1.0 - p }
                                })
                                .product();
                            let margin = Margin { ratio: r0, delta: 0.0 };
                            expectation += chance
                                * log_effect(arm(0..2), arm(2..5), past, past, margin, worse, effect).exp();
                        }
                        assert!(
                            expectation <= 1.0 + 1e-9,
                            "{p_c} {x} {r0} {worse:?} {effect}: {expectation}"
                        );
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_input_gives_numbers(n: f64, s1: f64, s2: f64, m: f64, v: f64, r0: f64, delta: f64) {
            let arm = Moments { n, s1, s2 };
            let past = Prediction { mean: m, variance: v };
            let logs = log_worse(arm, arm, past, past, Margin { ratio: r0, delta }, Worse::Up);
            prop_assert!(logs.iter().all(|l| !l.is_nan()));
        }
    }
}
