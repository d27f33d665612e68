//! SRM, sample-ratio mismatch: whether the split that happened is the split that was asked for.
//!
//! The evidence against "counts are multinomial(ρ)" is the ratio of a Dirichlet-multinomial to it,
//! averaged over two concentrations. Computed in a form in which nothing large cancels, so 2^53 units
//! are no problem. Source: Lindon & Malek, "Anytime-valid inference for multinomial count data" (2022).

use crate::gamma::stirling_rest;
use crate::grid::log_sum_exp;

/// Concentrations k of the alternatives.
pub const CONCENTRATIONS: [f64; 2] = [100.0, 10_000.0];

/// ln of the evidence that `counts` (units per variant) do not follow the shares `rho` (positive, summing to 1).
///
/// 0 for unsound input. Units are distinct keys where there are keys, else requests.
pub fn log_evidence(counts: &[f64], rho: &[f64]) -> f64 {
    log_evidence_with(counts, rho, &CONCENTRATIONS)
}

/// As [`log_evidence`] with chosen concentrations, equally weighted.
pub fn log_evidence_with(counts: &[f64], rho: &[f64], concentrations: &[f64]) -> f64 {
    let sound = counts.len() == rho.len()
        && !concentrations.is_empty()
        && counts.iter().all(|n| *n >= 0.0 && n.is_finite())
        && rho.iter().all(|r| *r > 0.0 && *r <= 1.0)
        && concentrations.iter().all(|k| *k > 0.0 && k.is_finite());
    if !sound {
        return 0.0;
    }
    let logs = concentrations.iter().map(|k| log_ratio(counts, rho, *k));
    let log = log_sum_exp(logs) - (concentrations.len() as f64).ln();
    if log.is_nan() { 0.0 } else { log }
}

/// ln B(kρ + N) − ln B(kρ) − Σ N_i ln ρ_i, with Stirling's formula taken apart and the large parts
/// cancelled: Σ (a_i + n_i − ½) ln(r_i/ρ_i) + (m−1)/2 · ln(k/(k+N)) + rests, where r_i = (a_i + n_i)/(k + N).
fn log_ratio(counts: &[f64], rho: &[f64], k: f64) -> f64 {
    let total: f64 = counts.iter().sum();
    let mut sum = 0.5 * (counts.len() as f64 - 1.0) * -(total / k).ln_1p()
        - (stirling_rest(k + total) - stirling_rest(k));
    for (n, share) in counts.iter().zip(rho) {
        let a = k * share;
        // r/ρ − 1 = (n − Nρ) / ((k + N) ρ).
        let excess = (n - total * share) / ((k + total) * share);
        sum += (a + n - 0.5) * excess.ln_1p() + stirling_rest(a + n) - stirling_rest(a);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_right_split_is_quiet_and_a_wrong_one_is_not() {
        assert!(log_evidence(&[5_000.0, 95_000.0], &[0.05, 0.95]) < 0.0);
        assert!(log_evidence(&[6_000.0, 94_000.0], &[0.05, 0.95]) > 1000_f64.ln());
        assert!(log_evidence(&[0.0, 0.0], &[0.05, 0.95]).abs() < 1e-12);
    }

    #[test]
    fn its_expectation_under_the_split_is_one() {
        let (rho, n) = ([0.25, 0.75], 12_u32);
        let mut chance = 0.75_f64.powi(n as i32);
        let mut expectation = 0.0;
        for k in 0..=n {
            expectation += chance * log_evidence(&[f64::from(k), f64::from(n - k)], &rho).exp();
            chance *= f64::from(n - k) / f64::from(k + 1) / 3.0;
        }
        assert!((expectation - 1.0).abs() < 1e-10, "{expectation}");
    }

    proptest! {
        #[test]
        fn any_input_gives_a_number(a: f64, b: f64, r: f64) {
            prop_assert!(!log_evidence(&[a, b], &[r, 1.0 - r]).is_nan());
        }

        #[test]
        fn huge_counts_give_a_number(a in 0_u64..1 << 53, b in 0_u64..1 << 53) {
            prop_assert!(log_evidence(&[a as f64, b as f64], &[0.001, 0.999]).is_finite());
        }
    }
}
