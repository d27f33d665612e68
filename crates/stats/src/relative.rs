//! REL: evidence from one block that the canary's rate exceeds r₀ times stable's plus δ.
//!
//! Canary and stable of the same seconds are compared inside the block, with the shares they really
//! had, so daily trends, shared incidents and a changing split cannot fake a difference. The pair
//! (p_T, p_C) of an alternative is projected (Kullback-Leibler, weights n_T : n_C) on the line of the
//! null; the ratio of the two likelihoods then has expectation at most one on the whole line.
//! For r₀ = 1 and δ = 0 this is Turner, Ly & Grünwald (2024), Theorem 1; the ratio and additive
//! margins, fractional data and the grid of effects are additions.

use crate::grid::{DOWN, EFFECTS, HARM, SAFE, SAFE_EFFECTS};
use crate::plant::{self, Bug};

/// Smallest base rate a test works with.
pub const BASE_FLOOR: f64 = 1e-6;
/// Largest base rate, times max(1, r₀).
const BASE_CEILING: f64 = 0.95;

/// Counts of one block: canary (T) and stable (C). Sums are failures, or of values in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pair {
    /// Canary requests.
    pub n_t: f64,
    /// Their sum.
    pub s_t: f64,
    /// Stable requests.
    pub n_c: f64,
    /// Their sum.
    pub s_c: f64,
}

/// What an acceptable canary may be: rate ≤ `ratio` · stable's + `delta` (or ≥, where lower is worse).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margin {
    /// r₀ > 0.
    pub ratio: f64,
    /// δ, in the unit of the rate (a fraction).
    pub delta: f64,
}

impl Pair {
    /// Adds the counts of another moment.
    pub fn add(&mut self, other: Pair) {
        self.n_t += other.n_t;
        self.s_t += other.s_t;
        self.n_c += other.n_c;
        self.s_c += other.s_c;
    }

    fn is_sound(&self) -> bool {
        let part = |n: f64, s: f64| n > 0.0 && n.is_finite() && (0.0..=n).contains(&s);
        part(self.n_t, self.s_t) && part(self.n_c, self.s_c)
    }
}

/// ln e-values against "canary ≤ r₀ · stable + δ", one an effect of [`HARM`]; zeros without both arms.
///
/// `base` is stable's rate as predicted from *past* blocks; clipped to its allowed range.
pub fn log_harm(pair: Pair, base: f64, margin: Margin) -> [f64; EFFECTS] {
    HARM.map(|psi| log_ratio(pair, base, margin, psi))
}

/// ln e-values against "canary ≥ r₀ · stable + δ", where lower is worse, one an effect of [`DOWN`].
pub fn log_down(pair: Pair, base: f64, margin: Margin) -> [f64; EFFECTS] {
    DOWN.map(|psi| log_ratio(pair, base, margin, psi))
}

/// ln e-values against "canary ≥ r₀ · stable + δ", one an effect of [`SAFE`]: what shows health.
pub fn log_safe(pair: Pair, base: f64, margin: Margin) -> [f64; SAFE_EFFECTS] {
    SAFE.map(|psi| log_ratio(pair, base, margin, psi))
}

/// ln e-values against "canary ≤ r₀ · stable + δ" for the six smallest effects of [`HARM`]: what shows health where
/// lower is worse.
pub fn log_safe_down(pair: Pair, base: f64, margin: Margin) -> [f64; SAFE_EFFECTS] {
    std::array::from_fn(|i| log_ratio(pair, base, margin, HARM[i]))
}

/// As [`log_harm`], for chosen effects; used by placebo comparisons.
pub fn log_ratio(pair: Pair, base: f64, margin: Margin, psi: f64) -> f64 {
    let Margin { ratio: r0, delta } = margin;
    if !(pair.is_sound() && r0 > 0.0 && r0.is_finite() && delta.is_finite() && psi > 0.0) {
        return 0.0;
    }
    let b = if base.is_nan() { BASE_FLOOR } else { base.max(BASE_FLOOR).min(BASE_CEILING / r0.max(1.0)) };
    let (n_t, n_c) = (pair.n_t, pair.n_c);
    let delta = if plant::has(Bug::DeltaForgotten) { 0.0 } else { delta };
    let denominator = 1.0 - r0 * b + psi * r0 * b;
    let (p_t, rest_t) = (psi * r0 * b / denominator, (1.0 - r0 * b) / denominator);
    let (p_c, rest_c) = (b, 1.0 - b);
    let (share_t, share_c) = if plant::has(Bug::NominalShare) { (0.05, 0.95) } else { (n_t, n_c) };
    let total = share_t + share_c;
    let k = share_t * p_t + share_c * p_c;
    let sum = k * (1.0 + r0) + share_t * rest_t * r0 + share_c * rest_c;
    // The small root, in the form that does not cancel.
    let q = 2.0 * k / (sum + (sum * sum - 4.0 * r0 * total * k).max(0.0).sqrt());
    let q_t = r0 * q;
    let (ln_u_t, ln_v_t) = ((p_t / q_t).ln(), rest_t.ln() - (-q_t).ln_1p());
    let (ln_u_c, ln_v_c) = ((p_c / q).ln(), (-p_c).ln_1p() - (-q).ln_1p());
    let slope = p_t / q_t - rest_t / (1.0 - q_t);
    let log = pair.s_t * ln_u_t + (n_t - pair.s_t) * ln_v_t + pair.s_c * ln_u_c + (n_c - pair.s_c) * ln_v_c
        - n_t * delta * slope;
    if log.is_nan() { 0.0 } else { log }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binomials(n: u32, p: f64) -> Vec<f64> {
        let mut term = (1.0 - p).powi(n as i32);
        (0..=n)
            .map(|k| {
                let now = term;
                term *= f64::from(n - k) / f64::from(k + 1) * p / (1.0 - p);
                now
            })
            .collect()
    }

    fn expectation(n_t: u32, n_c: u32, p_t: f64, p_c: f64, base: f64, margin: Margin, psi: f64) -> f64 {
        let (t, c) = (binomials(n_t, p_t), binomials(n_c, p_c));
        let mut sum = 0.0;
        for (s_t, a) in t.iter().enumerate() {
            for (s_c, b) in c.iter().enumerate() {
                let pair = Pair { n_t: n_t.into(), s_t: s_t as f64, n_c: n_c.into(), s_c: s_c as f64 };
                sum += a * b * log_ratio(pair, base, margin, psi).exp();
            }
        }
        sum
    }

    #[test]
    fn on_the_whole_line_of_the_null_its_expectation_is_at_most_one() {
        for (n_t, n_c) in [(1, 1), (2, 9), (5, 3), (4, 30)] {
            for (ratio, delta) in [(1.0, 0.0), (1.1, 0.0001), (1.5, 0.005), (0.95, 0.0)] {
                for base in [0.0, 0.001, 0.05, 0.4] {
                    for p_c in [0.001, 0.02, 0.2, 0.5] {
                        let margin = Margin { ratio, delta };
                        let p_t = ratio * p_c + delta;
                        for psi in HARM.iter().chain(&DOWN) {
                            let e = expectation(n_t, n_c, p_t, p_c, base, margin, *psi);
                            // A down effect tests the other side of the line: delta then works for it, not against.
                            if *psi > 1.0 || delta == 0.0 {
                                assert!(
                                    e <= 1.0 + 1e-9,
                                    "{n_t}:{n_c} {ratio} {delta} {base} {p_c} {psi}: {e}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_input_gives_numbers(n_t: f64, s_t: f64, n_c: f64, s_c: f64, base: f64, ratio: f64, delta: f64) {
            let pair = Pair { n_t, s_t, n_c, s_c };
            let margin = Margin { ratio, delta };
            prop_assert!(log_harm(pair, base, margin).iter().all(|l| !l.is_nan()));
            prop_assert!(log_safe(pair, base, margin).iter().all(|l| !l.is_nan()));
        }

        #[test]
        fn counts_up_to_two_to_the_53_give_numbers(
            a in 0_u64..1 << 53,
            b in 0_u64..1 << 53,
            x in 0.0_f64..=1.0,
            y in 0.0_f64..=1.0,
        ) {
            let (n_t, n_c) = (a as f64, b as f64);
            let pair = Pair { n_t, s_t: n_t * x, n_c, s_c: n_c * y };
            let logs = log_harm(pair, y, Margin { ratio: 1.1, delta: 0.0001 });
            prop_assert!(logs.iter().all(|l| !l.is_nan()));
        }
    }
}
