//! LIM: evidence from one block that a rate exceeds (or stays below) a fixed limit.
//!
//! A one-sided likelihood ratio between the limit L and p_j = ψ_j L / (1 − L + ψ_j L). For values in [0, 1]
//! that are no mere yes or no it stays valid with their sum, because u^x v^(1−x) ≤ v + x (u − v)
//! (weighted arithmetic-geometric mean inequality). It needs no stable version.

use crate::grid::{EFFECTS, HARM, SAFE, SAFE_EFFECTS};

/// A block against a limit: `n` values summing to `s`, each in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Values.
    pub n: f64,
    /// Their sum: failures, or fractional.
    pub s: f64,
}

/// ln e-values against "rate ≤ `limit`", one an effect of [`HARM`]. `limit` in (0, 1); zeros otherwise.
///
/// Source: likelihood ratio; Ville (1939).
pub fn log_harm(block: Sums, limit: f64) -> [f64; EFFECTS] {
    HARM.map(|psi| log_ratio(block, limit, psi))
}

/// ln e-values against "rate ≥ `limit`", one an effect of [`SAFE`]: what shows health.
pub fn log_safe(block: Sums, limit: f64) -> [f64; SAFE_EFFECTS] {
    SAFE.map(|psi| log_ratio(block, limit, psi))
}

/// s ln(p/L) + (n − s) ln((1 − p)/(1 − L)) = s ln ψ − n ln(1 + L (ψ − 1)).
fn log_ratio(block: Sums, limit: f64, psi: f64) -> f64 {
    let sound = limit > 0.0
        && limit < 1.0
        && block.n > 0.0
        && block.s >= 0.0
        && block.s <= block.n
        && block.n.is_finite();
    if sound { block.s * psi.ln() - block.n * (limit * (psi - 1.0)).ln_1p() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn under_the_limit_its_expectation_is_at_most_one(n in 1_u32..12, limit in 0.001_f64..0.9, share in 0.0_f64..=1.0) {
            let p = limit * share;
            let n = f64::from(n);
            let mut expectation = [0.0; EFFECTS];
            let mut probability = (1.0 - p).powf(n);
            for s in 0..=(n as u32) {
                let logs = log_harm(Sums { n, s: f64::from(s) }, limit);
                expectation.iter_mut().zip(logs).for_each(|(e, log)| *e += probability * log.exp());
                probability *= (n - f64::from(s)) / (f64::from(s) + 1.0) * p / (1.0 - p);
            }
            prop_assert!(expectation.iter().all(|e| *e <= 1.0 + 1e-9), "{:?}", expectation);
        }

        #[test]
        fn any_input_gives_numbers(n: f64, s: f64, limit: f64) {
            let block = Sums { n, s };
            let numbers = log_harm(block, limit).iter().chain(&log_safe(block, limit)).all(|l| !l.is_nan());
            prop_assert!(numbers);
        }
    }
}
